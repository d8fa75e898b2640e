//! A second run on a target that another one holds, and a run that is resumed on a source that somebody wrote meanwhile.

use crate::desk::{Place, refusal, series};
use crate::support::{compare, database, psql};

const SOURCE: &str = "create table t (id integer primary key, s text); insert into t values (1, 'a')";
const TARGET: &str = "create table t (id serial primary key, s text); insert into t (s) values ('former')";

#[test]
fn a_target_that_another_run_has_half_loaded_is_refused_with_whose_it_is() {
    let place = Place::new(SOURCE, TARGET);
    // What a copy in chunks leaves that was killed and not resumed.
    place.sql(
        "create schema cutover_app_20260301_030712;
         comment on schema cutover_app_20260301_030712 is 'cutover run app-20260301-030712 by pg-host:4711';
         create table cutover_app_20260301_030712.ledger (entry text primary key, plan text not null, evidence text not null, at timestamptz not null);
         insert into cutover_app_20260301_030712.ledger values ('chunked', '', '{\"tables\": [{\"label\": \"public.t\"}, {\"label\": \"public.u\"}]}', '2026-03-01 03:07:12Z')",
    );
    let structure = compare::structure(&place.url);
    for more in [&[][..], &["--keep-undo"]] {
        let (ran, _) = place.run("copy", more);
        let reason = refusal(&ran);
        for word in ["app-20260301-030712", "pg-host:4711", "2026-03-01 03:07:12", "public.t", "cutover resume"] {
            assert!(reason.contains(word), "{word}: {reason}");
        }
    }
    assert_eq!(place.sql("select s from t"), "former");
    assert_eq!(compare::first_difference(&structure, &compare::structure(&place.url)), None);
    let preflight = place.desk.file(
        "look.yaml",
        &format!("name: look\nsource: {{sqlite: {}}}\ntarget: {{url_from: DATABASE_URL}}\nsteps:\n- action: preflight\n- action: snapshot\n- action: truncate\n- action: copy\n", place.source),
    );
    let (looked, _) = place.any(&["run", &preflight, "--headless", "--yes", "--output", "json"]);
    assert!(refusal(&looked).contains("app-20260301-030712"), "{}", looked.all());
    place.sql("delete from cutover_app_20260301_030712.ledger");
    let (ran, _) = place.run("copy", &[]);
    assert_eq!(ran.code, 0, "what a finished run keeps is in nobody's way: {}", ran.all());
}

#[test]
fn whose_saved_rows_stand_on_the_target_is_written_there() {
    let place = Place::new(SOURCE, TARGET);
    let (ran, _) = place.run("copy", &["--keep-undo"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let run = ran.finished()["run"].as_str().unwrap().to_owned();
    let comment =
        place.sql("select obj_description(oid, 'pg_namespace') from pg_namespace where nspname like 'cutover%'");
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    assert!(comment.starts_with(&format!("cutover run {run} by {host}:")), "{comment}");
}

#[test]
fn a_run_killed_in_a_copy_over_several_connections_keeps_others_out_until_it_is_whole() {
    let source = format!(
        "create table t (id integer primary key, s text); {} insert into t select i, 'row number ' || i from n",
        series(120_000)
    );
    let place = Place::new(&source, "create table t (id serial primary key, s text); create index t_by_s on t (s)");
    let structure = compare::structure(&place.url);
    let killed = place
        .desk
        .command(&["copy", "--sqlite", &place.source, "--jobs", "2", "--output", "json"])
        .env("CUTOVER_CRASH_AT", "transfer.chunked.begin.commit.after:1")
        .output()
        .unwrap();
    assert_eq!(killed.status.code(), None, "killed: {}", String::from_utf8_lossy(&killed.stdout));
    let run = place.desk.only_run();
    let (second, _) = place.run("copy", &[]);
    let reason = refusal(&second);
    assert!(reason.contains(&run), "{reason}");
    let (resumed, _) = place.any(&["resume", &run, "--headless", "--yes", "--output", "json"]);
    assert_eq!(resumed.code, 0, "{}", resumed.all());
    assert_eq!(place.sql("select count(*) from t"), "120000");
    assert_eq!(compare::first_difference(&structure, &compare::structure(&place.url)), None);
    let (third, _) = place.run("copy", &[]);
    assert_eq!(third.code, 0, "{}", third.all());
}

#[test]
fn a_source_written_between_snapshot_and_resume_is_refused_before_a_row_goes() {
    let url = database();
    psql(&url, TARGET);
    let place = Place::at(SOURCE, &url);
    let runbook = place.desk.file(
        "moved.yaml",
        &format!(
            "name: moved\nsource: {{sqlite: {}}}\ntarget: {{url_from: DATABASE_URL}}\nsteps:\n- {{action: quiesce, with: {{stop: 'true', quiet_seconds: 0.2}}}}\n- action: snapshot\n- action: truncate\n- action: copy\n- action: verify\n",
            place.source
        ),
    );
    let (begun, _) = place.any(&["run", &runbook, "--until", "snapshot", "--headless", "--yes", "--output", "json"]);
    assert_eq!(begun.code, 0, "{}", begun.all());
    rusqlite::Connection::open(&place.source).unwrap().execute("insert into t values (2, 'late')", []).unwrap();
    let run = begun.finished()["run"].as_str().unwrap().to_owned();
    let (resumed, _) = place.any(&["resume", &run, "--headless", "--yes", "--output", "json"]);
    let reason = refusal(&resumed);
    assert!(reason.contains("written since"), "{reason}");
    assert_eq!(resumed.finished()["step"], "truncate", "{}", resumed.all());
    assert_eq!(psql(&url, "select s from t"), "former");
}
