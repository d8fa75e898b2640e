//! An encoder with one conversion broken on purpose: the copy believes that all is well, and verification, whose decoder is not the
//! encoder's, finds it.

use crate::desk::Place;
use serde_json::Value;

/// A type, and a value that is one of the type's with a bit changed, too.
const CELLS: &[(&str, &str)] = &[
    ("boolean", "1"),
    ("smallint", "7"),
    ("integer", "7"),
    ("bigint", "7"),
    ("real", "0.5"),
    ("double precision", "0.1"),
    ("numeric", "'1234.5678'"),
    ("numeric(12,4)", "12.5"),
    ("text", "'text of 7 words'"),
    ("character varying(20)", "'twenty 20'"),
    ("character(9)", "'padded 1'"),
    ("citext", "'Text 1'"),
    ("name", "'name1'"),
    ("bytea", "x'00ff01'"),
    ("uuid", "'d3de1dd09e1647a940af6ac378aae9b0'"),
    ("date", "'2024-02-29'"),
    ("time without time zone", "'23:59:59.5'"),
    ("time with time zone", "'23:59:59+02'"),
    ("timestamp without time zone", "'2024-02-29 23:59:59.999999'"),
    ("timestamp with time zone", "'2024-02-29T23:59:59Z'"),
    ("interval", "'1 day 02:03:04.5'"),
    ("json", "'{\"a\": 1}'"),
    ("jsonb", "'{\"a\": 1}'"),
    ("inet", "'10.0.0.1'"),
    ("cidr", "'10.0.0.1/32'"),
    ("macaddr", "'08:00:2b:01:02:03'"),
    ("macaddr8", "'08:00:2b:01:02:03:04:05'"),
    ("bit(8)", "'10101010'"),
    ("bit varying(16)", "'1010101010101010'"),
    ("xml", "'<a>1</a>'"),
    ("integer[]", "'[1, 2, 3]'"),
    ("mood", "'p1'"),
    ("percent", "50"),
    ("point", "'(1,2)'"),
];

fn place() -> Place {
    let mut source = "create table t (id integer primary key".to_owned();
    let mut target = "create extension citext; create type mood as enum ('p0', 'p1'); create domain percent as integer check (value between 0 and 100);
        create table t (id varchar(5) primary key"
        .to_owned();
    let mut values = "1".to_owned();
    for (number, (ty, value)) in CELLS.iter().enumerate() {
        source += &format!(", c{number}");
        target += &format!(", c{number} {ty}");
        values += &format!(", {value}");
    }
    Place::new(&format!("{source}); insert into t values ({values})"), &format!("{target})"))
}

#[test]
fn each_conversion_broken_in_turn_ends_in_exit_4_that_names_the_cell() {
    let place = place();
    for (number, (ty, _)) in CELLS.iter().enumerate() {
        let copied = place
            .desk
            .command(&["copy", "--sqlite", &place.source, "--output", "json"])
            .env("CUTOVER_BREAK_ENCODER", ty)
            .output()
            .unwrap();
        assert_eq!(copied.status.code(), Some(0), "{ty}: {}", String::from_utf8_lossy(&copied.stdout));
        let (proof, _) = place.run("verify", &[]);
        assert_eq!(proof.code, 4, "{ty}: {}", proof.all());
        let finished = proof.finished();
        assert_eq!(finished["differences_total"], 1, "{ty}");
        let columns: Vec<&Value> =
            finished["differences"][0]["columns"].as_array().unwrap().iter().map(|c| &c["column"]).collect();
        assert_eq!(columns, [&Value::from(format!("c{number}"))], "{ty}");
    }
    let (copied, _) = place.run("copy", &[]);
    assert_eq!(copied.code, 0, "{}", copied.all());
    let (proof, _) = place.run("verify", &[]);
    assert_eq!(proof.code, 0, "the same encoder unbroken: {}", proof.all());
}
