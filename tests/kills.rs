//! kill -9 of the demo, at every named point and at random moments, then `resume`: always the same rows, structure, sequences,
//! configuration and report.
//!
//! A first run without a kill is the reference and tells, by its trace, which points there are and how often each is reached.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use cutover::demo;
use cutover::scratch::{Options, Server};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;
use support::compare;
use support::kills::{fraction, kill_after, occurrences, points, said, was_killed};

const ROWS: i64 = 200;
const RANDOM_KILLS: u64 = 20;

/// What must be equal however often the run was killed.
#[derive(Debug, PartialEq)]
struct Ending {
    rows: BTreeMap<String, String>,
    structure: String,
    sequences: String,
    configuration: String,
    report: serde_json::Value,
}

/// Where a case's server listens is its own.
const PORT: &str = "host = 127.0.0.1:";

/// A demo laid out once; each case works on a copy.
struct Laboratory {
    directory: tempfile::TempDir,
}

impl Laboratory {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        drop(demo::prepare(Some(&directory.path().join("template")), ROWS).unwrap());
        Self { directory }
    }

    fn case(&self, name: &str) -> Case {
        let home = self.directory.path().join(name);
        support::run(Command::new("cp").arg("-a").arg(self.directory.path().join("template")).arg(&home));
        Case { home }
    }
}

/// One copy of the laboratory's demo.
struct Case {
    home: PathBuf,
}

impl Case {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(arguments).env("CUTOVER_STATE_DIR", self.home.join("state")).env_remove("DATABASE_URL");
        command
    }

    fn start(&self) -> Command {
        self.command(&["demo", "--headless", "--keep", self.home.to_str().unwrap(), "--rows", &ROWS.to_string()])
    }

    /// Goes on until it ends, as an operator would: a kill before the first entry left no run to resume, one after the last a run
    /// that needs none.
    fn finish(&self) -> Result<(), String> {
        let resumed = self.command(&["resume", "--headless", "--yes"]).output().unwrap();
        if resumed.status.success() || self.run_in_state("done").is_some() {
            return Ok(());
        }
        let began =
            ["running", "interrupted", "waiting", "failed"].iter().any(|state| self.run_in_state(state).is_some());
        let again = if began { resumed } else { self.start().output().unwrap() };
        if again.status.success() { Ok(()) } else { Err(said(&again)) }
    }

    fn run_in_state(&self, state: &str) -> Option<String> {
        let runs = self.command(&["runs", "--output", "json"]).output().ok()?;
        let text = String::from_utf8(runs.stdout).ok()?;
        let runs = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        runs.filter(|run| run["state"] == state).find_map(|run| Some(run["run"].as_str()?.to_owned()))
    }

    fn ending(&self) -> Ending {
        let run = self.run_in_state("done").expect("a run that is done");
        let report = support::run(&mut self.command(&["report", &run, "--format", "json"]));
        let options = Options { keep: Some(self.home.join("postgres")), ..Options::default() };
        let server = Server::start(&options).unwrap();
        let url = server.url("oncall");
        let suffix = run.replace('-', "_");
        Ending {
            rows: without_run(compare::rows(&url), &suffix),
            structure: compare::structure(&url).replace(&suffix, "RUN"),
            sequences: compare::sequences(&url).replace(&suffix, "RUN"),
            configuration: without_port(&fs::read_to_string(self.home.join("app.ini")).unwrap(), server.port()),
            report: essence(
                &serde_json::from_str(&report).unwrap(),
                &[(&run, "RUN"), (&suffix, "RUN"), (self.home.to_str().unwrap(), "HOME")],
            ),
        }
    }
}

/// The port has to be the one that the server really has, also after a kill.
fn without_port(configuration: &str, port: u16) -> String {
    assert!(configuration.contains(&format!("{PORT}{port}\n")), "port {port} is not in {configuration}");
    configuration.replace(&format!("{PORT}{port}"), PORT)
}

fn without_run(rows: BTreeMap<String, String>, suffix: &str) -> BTreeMap<String, String> {
    // The ledger's entries hold times.
    rows.into_iter()
        .map(|(table, digest)| (table.replace(suffix, "RUN"), digest))
        .filter(|(table, _)| !table.ends_with(".ledger"))
        .collect()
}

/// The report without what may differ: times, attempts, process ids, where the server listened.
fn essence(report: &serde_json::Value, names: &[(&str, &str)]) -> serde_json::Value {
    const MAY_DIFFER: &[&str] = &[
        "at",
        "started",
        "ended",
        "began",
        "seconds",
        "attempts",
        "run",
        "target",
        "log",
        "downtime",
        "estimate_seconds",
        "elapsed",
        "sessions",
        "processes",
        "down_since",
        "up_since",
        "decided_at",
        "by",
        "operator",
        "down_seconds",
        "elapsed_seconds",
        "generated",
        "downtime_seconds",
    ];
    match report {
        serde_json::Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !MAY_DIFFER.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), essence(value, names)))
            .collect(),
        serde_json::Value::Array(values) => values.iter().map(|value| essence(value, names)).collect(),
        serde_json::Value::String(text) => {
            let text = names.iter().fold(text.clone(), |text, (name, stand_in)| text.replace(name, stand_in));
            serde_json::Value::String(without_durations(&text))
        }
        other => other.clone(),
    }
}

/// `in 1.2 s`, `42 GB are free`, `127.0.0.1:40123`: digits before a unit of time, rate or free space, or after a port's colon.
fn without_durations(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let is_unit = |word: &str| {
        matches!(
            word.trim_end_matches([',', '.', ';', ')']),
            "s" | "ms" | "µs" | "min" | "rows/s" | "MB/s" | "kB/s" | "k" | "GB"
        )
    };
    let mut kept = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let timed = words.get(index + 1).is_some_and(|next| is_unit(next)) && word.chars().any(|c| c.is_ascii_digit());
        kept.push(if timed || word.contains("127.0.0.1:") { "…" } else { word });
    }
    kept.join(" ")
}

#[test]
fn a_kill_anywhere_changes_nothing_that_matters() {
    let laboratory = Laboratory::new();
    let reference = laboratory.case("reference");
    let trace = reference.home.join("trace");
    let began = Instant::now();
    let output = reference.start().env("CUTOVER_CRASH_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let lasted = began.elapsed();
    let expected = reference.ending();
    let points = points(&trace);

    let mut failures = Vec::new();
    let mut hits = BTreeMap::<&str, u32>::new();
    for (name, count) in &points {
        for occurrence in occurrences(*count) {
            let case = laboratory.case(&format!("{name}-{occurrence}"));
            let status = case.start().env("CUTOVER_CRASH_AT", format!("{name}:{occurrence}")).output().unwrap().status;
            if was_killed(status) {
                *hits.entry(name).or_default() += 1;
            }
            failures.extend(judge(case, &expected, &format!("{name}:{occurrence}")));
        }
    }
    for (name, hit) in &hits {
        support::say(&format!("killed at {name}: {hit} times"));
    }
    for number in 0..RANDOM_KILLS {
        let case = laboratory.case(&format!("random-{number}"));
        let delay = lasted.mul_f64(fraction(number));
        let killed = kill_after(case.start(), delay);
        support::say(&format!("killed after {} ms: {killed}", delay.as_millis()));
        failures.extend(judge(case, &expected, &format!("random {number} after {delay:?}")));
    }
    let never: Vec<_> = points.keys().filter(|name| !hits.contains_key(name.as_str())).collect();
    assert!(never.is_empty(), "points that were never hit: {never:?}");
    assert!(hits.len() >= 8, "hardly any points: {hits:?}");
    assert!(failures.is_empty(), "{} kills ended otherwise:\n{}", failures.len(), failures.join("\n\n"));
}

/// What went wrong with a case, printed as it is found: the whole takes minutes.
fn judge(case: Case, expected: &Ending, name: &str) -> Option<String> {
    let problem = problem(&case, expected).map(|problem| format!("{name}: {problem}"));
    if let Some(problem) = &problem {
        println!("{problem}\n");
    }
    // A failed case may have a server that is still on its way down; the laboratory's directory goes with the test.
    let _ = fs::remove_dir_all(&case.home);
    problem
}

fn problem(case: &Case, expected: &Ending) -> Option<String> {
    if let Err(said) = case.finish() {
        return Some(format!("resume failed: {said}"));
    }
    let ending = case.ending();
    if ending == *expected {
        return None;
    }
    let mut wrong = compare::differing(&expected.rows, &ending.rows);
    for (what, expected, found) in [
        ("structure", &expected.structure, &ending.structure),
        ("sequences", &expected.sequences, &ending.sequences),
        ("configuration", &expected.configuration, &ending.configuration),
        ("report", &pretty(&expected.report), &pretty(&ending.report)),
    ] {
        wrong.extend(
            compare::first_difference(expected, found).map(|difference| format!("{what} differs at {difference}")),
        );
    }
    Some(wrong.join("\n"))
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
