//! kill -9 of `cutover copy` in both modes, at every named point, at random moments, and while a server process builds an index for
//! it; then `resume`, or the same command again: always the same rows, structure and sequences, and no ledger left.
//!
//! `CUTOVER_KILLS` sets how many random moments there are, `CUTOVER_KILL_ROWS` how large the source is that they are tried on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod laboratory;
mod server_processes;

use cutover::demo;
use laboratory::{Case, Laboratory, all_ended_alike, small};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::kills::{fraction, kill_after, occurrences, points, quiet, said, was_killed};

fn run_killed(mut command: Command, at: &str) -> bool {
    let output = command.env("CUTOVER_CRASH_AT", at).output().unwrap();
    was_killed(output.status)
}

/// Kills at each point of a copy over `jobs` connections that `wanted` names; `go_on` is what the operator does then.
fn kill_everywhere(jobs: &str, wanted: &dyn Fn(&str) -> bool, go_on: &dyn Fn(&Case<'_>) -> Result<(), String>) {
    let laboratory = small(None);
    let reference = laboratory.case();
    let trace = reference.state.path().join("trace");
    let output = reference.copy(jobs).env("CUTOVER_CRASH_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let expected = reference.ending();
    assert_eq!(reference.sql("select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
    assert_eq!(reference.sql("select count(*), max(took) from event"), "150|00:02:30");

    let (mut failures, mut hits) = (Vec::new(), BTreeMap::<String, u32>::new());
    let points: BTreeMap<String, u64> = points(&trace).into_iter().filter(|(name, _)| wanted(name)).collect();
    for (name, count) in &points {
        for occurrence in occurrences(*count) {
            let case = laboratory.case();
            let at = format!("{name}:{occurrence}");
            if run_killed(case.copy(jobs), &at) {
                *hits.entry(name.clone()).or_default() += 1;
            }
            failures.extend(case.judge(go_on(&case), &expected, &at));
        }
    }
    for (name, hit) in &hits {
        support::say(&format!("--jobs {jobs}: killed at {name}: {hit} times"));
    }
    let never: Vec<_> = points.keys().filter(|name| !hits.contains_key(*name)).collect();
    assert!(never.is_empty(), "points that were never hit: {never:?}");
    all_ended_alike(&failures);
}

#[test]
fn chunks_go_on_from_a_kill_at_every_point() {
    kill_everywhere("2", &|_| true, &|case| case.finish("2"));
}

#[test]
fn one_transaction_goes_on_from_a_kill_at_every_point() {
    kill_everywhere("1", &|name| name.starts_with("transfer.") || name.starts_with("journal."), &|case| {
        case.finish("1")
    });
}

/// Seconds that should have been microseconds, as another tool left them.
const WRONG: &str = "create table event (id serial primary key, took interval);
insert into event (took) select make_interval(secs => n * 1000000) from generate_series(1, 200) n;";

#[test]
fn a_repair_goes_on_from_a_kill_at_every_point_and_so_does_its_undo() {
    let laboratory = Laboratory::new(WRONG, false, &[], |path| {
        let sql = "create table event (id integer primary key, took bigint);
          with recursive i(i) as (select 1 union all select i + 1 from i where i < 200) insert into event select i, i * 1000000 from i;";
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    });
    let source = laboratory.source();
    let repair = |case: &Case<'_>| {
        case.command(&[
            "repair-intervals",
            "--sqlite",
            source.to_str().unwrap(),
            "--interval-unit",
            "*=us",
            "--execute",
        ])
    };
    let took = "select count(*), min(took), max(took) from event";
    let wrong = laboratory.case().sql(took);
    let right = "200|00:00:01|00:03:20";
    let reference = laboratory.case();
    let (trace, undo_trace) = (reference.state.path().join("trace"), reference.state.path().join("undo"));
    let output = repair(&reference).env("CUTOVER_CRASH_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(reference.sql(took), right);
    let mut back = reference.command(&["rollback", &reference.newest(), "--headless", "--yes"]);
    let output = back.env("CUTOVER_CRASH_TRACE", &undo_trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(reference.sql(took), wrong);
    let of_repair = |trace: &Path| {
        points(trace).into_keys().filter(|name| name.starts_with("transfer.repair.")).collect::<Vec<_>>()
    };
    let mut hits = 0;
    for point in of_repair(&trace) {
        let case = laboratory.case();
        hits += u32::from(run_killed(repair(&case), &format!("{point}:1")));
        let resumed = case.command(&["resume", "--headless", "--yes"]).output().unwrap();
        assert!(resumed.status.success(), "{point}: {}", said(&resumed));
        assert_eq!(case.sql(took), right, "{point}");
        support::say(&format!("repair-intervals: killed at {point}: once"));
    }
    for point in of_repair(&undo_trace) {
        let case = laboratory.case();
        assert!(repair(&case).output().unwrap().status.success());
        let run = case.newest();
        let back = || case.command(&["rollback", &run, "--headless", "--yes"]);
        hits += u32::from(run_killed(back(), &format!("{point}:1")));
        let again = back().output().unwrap();
        assert!(again.status.success(), "{point}: {}", said(&again));
        assert_eq!(case.sql(took), wrong, "{point}");
        support::say(&format!("rollback of repair-intervals: killed at {point}: once"));
    }
    assert_eq!(hits as usize, of_repair(&trace).len() + of_repair(&undo_trace).len(), "each point is hit");
    assert!(hits >= 8, "hardly any points");
}

/// Large enough for its indexes to come off, one of which takes a while to build.
const LARGE_TARGET: &str = "
create function slow(word text) returns text language plpgsql immutable as $$
  begin for i in 1..60 loop end loop; return word; end $$;
create table parent (id integer primary key, name text);
create table child (id integer primary key, parent_id integer references parent (id), word text);
create index child_word on child (slow(word));
create index child_parent on child (parent_id);
alter table child cluster on child_parent;
";

fn large() -> Laboratory {
    Laboratory::new(LARGE_TARGET, false, &["--chunk-rows", "20000"], |path| {
        let sql = "create table parent (id integer primary key, name text); create table child (id integer primary key, parent_id integer, word text);
          with recursive i(i) as (select 1 union all select i + 1 from i where i < 100) insert into parent select i, 'p' || i from i;
          with recursive i(i) as (select 1 union all select i + 1 from i where i < 105000) insert into child select i, 1 + i % 100, 'word ' || i % 997 from i;";
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    })
}

#[test]
fn a_client_killed_while_its_server_process_builds_an_index_goes_on_at_once() {
    let laboratory = large();
    let reference = laboratory.case();
    let output = reference.copy("1").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let expected = reference.ending();
    for jobs in ["1", "2"] {
        let case = laboratory.case();
        let mut child = quiet(case.copy(jobs));
        let building = "select count(*) from pg_stat_activity where state = 'active' and query ilike 'create index child_word%' and datname = current_database()";
        let since = Instant::now();
        while case.sql(building) == "0" {
            assert!(since.elapsed() < Duration::from_secs(60), "no index is built");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        support::say(&format!("--jobs {jobs}: killed while {} server process built an index", case.sql(building)));
        assert_eq!(case.judge(case.finish(jobs), &expected, "resumed"), None);
    }
}

#[test]
fn a_kill_at_any_moment_ends_in_the_same() {
    let number =
        |name: &str, otherwise: i64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (kills, rows) = (number("CUTOVER_KILLS", 8), number("CUTOVER_KILL_ROWS", 2_000));
    let chunk = (rows / 20).max(50).to_string();
    let laboratory =
        Laboratory::new(include_str!("../../assets/demo/postgres.sql"), false, &["--chunk-rows", &chunk], |path| {
            demo::source::generate(path, rows).unwrap();
        });
    for jobs in ["2", "1"] {
        let reference = laboratory.case();
        let began = Instant::now();
        let output = reference.copy(jobs).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let (lasted, expected) = (began.elapsed(), reference.ending());
        let mut failures = Vec::new();
        for kill in 0..kills {
            let case = laboratory.case();
            let delay = lasted.mul_f64(fraction(kill as u64));
            let killed = kill_after(case.copy(jobs), delay);
            support::say(&format!(
                "--jobs {jobs}: killed after {} ms of {}: {killed}",
                delay.as_millis(),
                lasted.as_millis()
            ));
            failures.extend(case.judge(case.finish(jobs), &expected, &format!("after {delay:?}")));
        }
        all_ended_alike(&failures);
    }
}
