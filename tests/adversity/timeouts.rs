//! A role whose time-outs would end every statement, transaction and pause of a cutover.

use crate::desk::{Place, series};
use crate::support::{database, program, psql, server};
use std::process::Command;

const TARGET: &str = "create table big (id serial primary key, s text, n bigint, at timestamptz);
    create index on big (s); create index on big (n); create index on big (at, n)";

/// The database's owner, with time-outs of a tenth of a second.
fn hasty(url: &str) -> String {
    let database = url.rsplit('/').next().unwrap();
    let role = format!("hasty_{database}");
    psql(url, &format!("create role {role} login password 'hasty'; alter database {database} owner to {role}"));
    psql(url, &format!("alter schema public owner to {role}"));
    let names = psql(
        url,
        "select name from pg_settings where name in ('statement_timeout', 'transaction_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout')",
    );
    assert!(names.lines().count() >= 3, "{names}");
    for name in names.lines() {
        psql(url, &format!("alter role {role} set {name} = '100ms'"));
    }
    url.replacen("postgres://postgres:", &format!("postgres://{role}:"), 1).replacen(server().password(), "hasty", 1)
}

#[test]
fn the_time_outs_of_a_role_do_not_end_a_cutover() {
    let url = hasty(&database());
    let bite = Command::new(program("psql")).args(["-Xq", "-d", &url, "-c", "select pg_sleep(2)"]).output().unwrap();
    assert!(!bite.status.success(), "the time-outs have to bite");
    psql(&url, TARGET);
    let source = format!(
        "create table big (id integer primary key, s text, n bigint, at datetime);
         {} insert into big select i, 'row number ' || i, i * 7919 % 1000003, '2026-01-01 00:00:00' from n",
        series(150_000)
    );
    let place = Place::at(&source, &url);
    let (ran, took) = place.run("copy", &["--keep-undo"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(took.as_millis() > 300, "long enough for each of the time-outs: {took:?}");
    assert_eq!(psql(&url, "select count(*) from big"), "150000");
    let (proof, _) = place.run("verify", &[]);
    assert_eq!(proof.code, 0, "{}", proof.all());
    let finished = ran.finished();
    let (back, _) = place.any(&["rollback", finished["run"].as_str().unwrap(), "--output", "json"]);
    assert_eq!(back.code, 0, "{}", back.all());
    assert_eq!(psql(&url, "select count(*) from big"), "0");
}
