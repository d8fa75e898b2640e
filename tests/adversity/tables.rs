//! A target with two thousand tables: more locks than a server of default settings has.

use crate::desk::{Place, refusal};
use crate::support::{self, database, psql, psql_file};
use std::fmt::Write as _;

const TABLES: usize = 2_000;

fn source() -> String {
    let mut sql = "begin;".to_owned();
    for n in 0..TABLES {
        write!(sql, "create table t{n} (id integer primary key, s text, at datetime); insert into t{n} values ({n}, 'row {n}', '2026-01-01 00:00:00');").unwrap();
    }
    sql + "commit;"
}

/// Each made by itself: one transaction would need the locks that there are not.
fn fill(url: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let sql: String = (0..TABLES)
        .map(|n| format!("create table t{n} (id serial primary key, s text not null, at timestamptz);\n"))
        .collect();
    std::fs::write(file.path(), sql).unwrap();
    psql_file(url, file.path());
}

/// How many of the tables hold their one row.
fn whole(url: &str) -> usize {
    let files = "select format('select count(*) from t%s where id = %s and s = ''row %s''', n, n, n) from generate_series(0, 1999) n";
    let counts = psql(url, files);
    counts
        .lines()
        .collect::<Vec<_>>()
        .chunks(200)
        .map(|part| psql(url, &format!("select sum(count) from ({}) q", part.join(" union all "))))
        .map(|sum| sum.parse::<usize>().unwrap())
        .sum()
}

#[test]
fn on_a_server_of_default_settings_they_are_loaded_or_refused_with_what_to_set() {
    let url = database();
    fill(&url);
    let place = Place::at(&source(), &url);
    // What was saved goes back in one transaction or not at all, so that without locks for it nothing is begun.
    let (kept, _) = place.run("copy", &["--keep-undo"]);
    assert_eq!(kept.code, 1, "{}", kept.all());
    assert!(refusal(&kept).contains("max_locks_per_transaction"), "{}", refusal(&kept));
    assert_eq!(whole(&url), 0);
    let (ran, took) = place.run("copy", &[]);
    println!("2,000 tables on default settings: exit {} after {took:?}", ran.code);
    if ran.code == 0 {
        assert_eq!(whole(&url), TABLES);
    } else {
        let reason = refusal(&ran);
        assert!(reason.contains("max_locks_per_transaction") && reason.contains("2000 tables"), "{reason}");
        assert_eq!(whole(&url), 0);
    }
    assert_eq!(psql(&url, "select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
}

#[test]
fn on_a_server_with_locks_enough_they_are_loaded_and_proved() {
    let server = support::start(&["max_locks_per_transaction=256"]);
    psql(&server.url("postgres"), "create database many");
    let url = server.url("many");
    fill(&url);
    let place = Place::at(&source(), &url);
    let (ran, took) = place.run("copy", &[]);
    println!("2,000 tables in one transaction: {took:?}");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(whole(&url), TABLES);
    let (proof, took) = place.run("verify", &[]);
    println!("2,000 tables verified: {took:?}");
    assert_eq!(proof.code, 0, "{}", proof.all());
}
