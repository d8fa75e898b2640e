//! Runs of a runbook: gates, stops, status, reports, going back, forgetting; and that no secret is ever written down.

use crate::binary::{Desk, Ran, files_containing};
use crate::support::{database, psql, server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

const SOURCE: &str = "create table tag (id integer primary key, name text); insert into tag values (1, 'a'), (2, 'b');";
const TARGET: &str = "create table tag (id bigint primary key, name text); insert into tag values (5, 'before')";
const RUNBOOK: &str = "
name: small
parameters:
  sqlite: { description: the source, required: true }
  token: { description: a secret, secret: true }
source: { sqlite: '{{ sqlite }}' }
steps:
  - action: snapshot
  - action: truncate
    gate: confirm
  - action: copy
  - action: verify
  - id: tell
    action: shell
    with:
      apply: 'echo told $TOKEN'
      undo: 'echo untold'
      env: { TOKEN: '{{ token }}' }
";

struct Case {
    desk: Desk,
    url: String,
    set: String,
    runbook: String,
}

fn case(runbook: &str) -> Case {
    let url = database();
    psql(&url, TARGET);
    let desk = Desk::new().with("DATABASE_URL", &url).with("CUTOVER_SECRET_TOKEN", "hush-hush-4711");
    let set = format!("sqlite={}", desk.sqlite("app.db", SOURCE));
    let runbook = desk.file("small.yaml", runbook);
    Case { desk, url, set, runbook }
}

impl Case {
    fn run(&self, more: &[&str]) -> Ran {
        let ran = self.desk.cutover(&[&["run", &self.runbook, "--set", &self.set], more].concat());
        println!("{}", ran.all());
        ran
    }

    fn names(&self) -> String {
        psql(&self.url, "select string_agg(name, ' ' order by id) from tag")
    }
}

#[test]
fn a_gate_waits_and_resume_goes_on_from_there() {
    let case = case(RUNBOOK);
    let ran = case.run(&["--output", "json"]);
    assert_eq!(ran.code, 3);
    let finished = ran.finished();
    assert_eq!((&finished["outcome"], &finished["step"]), (&json!("waiting"), &json!("truncate")));
    let run = case.desk.only_run();
    assert_eq!(finished["next"], format!("cutover resume {run} --yes"));
    assert!(ran.objects().iter().any(|object| object["event"] == "gate" && object["step"] == "truncate"));
    assert_eq!(case.names(), "before");

    let status = case.desk.cutover(&["status"]);
    assert_eq!(status.code, 0);
    assert!(
        status.out.contains("waiting for the operator") && status.out.contains("the gate of truncate"),
        "{}",
        status.out
    );

    let again = case.desk.cutover(&["resume", &run, "--output", "json"]);
    assert_eq!(again.code, 3, "no --yes, no passage: {}", again.all());
    let ran = case.desk.cutover(&["resume", "--yes", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.finished()["run"], run, "the newest unfinished run");
    let told: Vec<_> = ran.objects().into_iter().filter(|object| object["event"] == "step-done").collect();
    let steps: Vec<_> = told.iter().map(|object| object["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["truncate", "copy", "verify", "tell"], "snapshot was done before");
    assert_eq!(case.names(), "a b");
}

#[test]
fn a_run_goes_back_and_is_forgotten() {
    let case = case(RUNBOOK);
    let ran = case.run(&["--yes"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("report: ") && ran.out.contains("2 rows in the target"), "{}", ran.out);
    let run = case.desk.only_run();
    let report = case.desk.cutover(&["report", &run]);
    assert!(report.out.contains("gate passed") && report.out.contains("(--yes)"), "{}", report.out);
    assert!(report.out.contains("| public.tag | 2 | 2 | 0 |"), "{}", report.out);
    assert!(case.desk.cutover(&["report", &run, "--format", "html"]).out.starts_with("<!doctype html>"));
    let data: serde_json::Value =
        serde_json::from_str(&case.desk.cutover(&["report", &run, "--format", "json"]).out).unwrap();
    assert_eq!((&data["state"], &data["tables"][0]["rows_loaded"]), (&json!("done"), &json!(2)));

    let back = case.desk.cutover(&["rollback", &run, "--yes"]);
    assert_eq!(back.code, 0, "{}", back.all());
    assert_eq!(case.names(), "before");
    let runs = case.desk.cutover(&["runs"]);
    assert!(runs.out.contains(&run) && runs.out.contains("rolled back"), "{}", runs.out);

    let forgotten = case.desk.cutover(&["forget", &run, "--yes"]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.all());
    assert_eq!(psql(&case.url, "select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
    assert_eq!(case.desk.cutover(&["runs"]).out, "there are no runs yet\n");
}

#[test]
fn until_is_done_where_it_was_to_stop() {
    let case = case(RUNBOOK);
    let ran = case.run(&["--until", "snapshot", "--output", "json"]);
    assert_eq!((ran.code, &ran.finished()["outcome"]), (0, &json!("done")));
    assert_eq!(case.names(), "before");
    let wrong = case.run(&["--until", "snapshoot"]);
    assert!(wrong.code == 2 && wrong.err.contains("snapshot, truncate, copy"), "{}", wrong.all());
}

#[test]
fn a_signal_stops_at_a_safe_place_and_resume_goes_on() {
    let runbook = "
name: waiting
parameters:
  sqlite: { description: the source, required: true }
source: { sqlite: '{{ sqlite }}' }
steps:
  - action: snapshot
  - action: wait
    with: { command: 'test -e DIRECTORY/go', timeout_seconds: 60 }
";
    let case = case(runbook);
    let directory = case.desk.directory.path().display().to_string();
    let path = case.desk.file("waiting.yaml", &runbook.replace("DIRECTORY", &directory));
    let arguments = ["run", &path, "--set", &case.set, "--yes", "--output", "json"];
    let mut child = case.desk.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let waits = |line: &String| line.contains("\"step-started\"") && line.contains("\"wait\"");
    assert!(lines.by_ref().map(Result::unwrap).any(|line| waits(&line)));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let last = lines.map(Result::unwrap).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{last}");
    assert!(last.contains("\"outcome\":\"interrupted\""), "{last}");
    case.desk.file("go", "");
    let ran = case.desk.cutover(&["resume", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    let case = case(RUNBOOK);
    let arguments = ["run", &case.runbook, "--set", &case.set, "--yes"];
    let mut child = case.desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    assert_eq!(case.names(), "a b");
}

#[test]
fn no_secret_is_ever_written_down() {
    let case = case(RUNBOOK);
    let password = server().password().to_owned();
    let mut said = Vec::new();
    said.push(case.run(&["--yes"]));
    said.push(case.run(&["--yes", "--output", "json"]));
    let run = said[1].finished()["run"].as_str().unwrap().to_owned();
    for arguments in [
        &["status", &run][..],
        &["status", &run, "--output", "json"],
        &["report", &run],
        &["report", &run, "--format", "json"],
        &["rollback", &run, "--yes"],
        &["plan", &case.runbook, "--set", &case.set],
    ] {
        said.push(case.desk.cutover(arguments));
    }
    for secret in [password.as_str(), "hush-hush-4711"] {
        for ran in &said {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{secret}: {}", ran.all());
        }
        assert_eq!(files_containing(&case.desk.state(), secret), [""; 0].map(std::path::PathBuf::from));
    }
}

#[test]
fn a_password_on_the_command_line_is_warned_about_and_not_kept() {
    let case = case(RUNBOOK);
    let source = case.set.trim_start_matches("sqlite=");
    let ran = case.desk.cutover(&["copy", "--sqlite", source, "--postgres", &case.url]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.err.contains("PGPASSWORD"), "{}", ran.err);
    assert!(!ran.all().contains(server().password()));
    assert!(files_containing(&case.desk.state(), server().password()).is_empty());
}

#[test]
fn a_missing_password_is_named_when_a_run_goes_on() {
    let case = case(RUNBOOK);
    assert_eq!(case.run(&[]).code, 3);
    let elsewhere = Desk::new().with("CUTOVER_STATE_DIR", case.desk.state().to_str().unwrap());
    let ran = elsewhere.cutover(&["resume", "--yes"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.err.contains("DATABASE_URL") && ran.err.contains("PGPASSWORD"), "{}", ran.err);
    let password = server().password();
    let elsewhere = elsewhere.with("PGPASSWORD", password).with("CUTOVER_SECRET_TOKEN", "hush-hush-4711");
    let ran = elsewhere.cutover(&["resume", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn another_database_than_the_runs_own_is_refused() {
    let case = case(RUNBOOK);
    assert_eq!(case.run(&[]).code, 3);
    let other = database();
    let elsewhere =
        Desk::new().with("CUTOVER_STATE_DIR", case.desk.state().to_str().unwrap()).with("DATABASE_URL", &other);
    let elsewhere = elsewhere.with("CUTOVER_SECRET_TOKEN", "hush-hush-4711");
    let ran = elsewhere.cutover(&["resume", "--yes", "--output", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.finished()["refused"], true);
}
