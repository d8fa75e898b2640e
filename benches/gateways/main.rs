//! How fast each way to a database is that only the cluster can see: `gateway: direct` from inside, `port-forward`, and `exec` through the
//! test pod. `make bench-cluster` runs it on the tests' own Kubernetes.
//!
//! The whole of a runbook's transfer is run (schema, snapshot, copy, verify) and its own times are read; the digests of both sides have to
//! be equal. The ways are taken in alternation, so that a noisy machine is noisy for all. `-- [--runs N] [--scale F]`; S, the source of the
//! head-to-head, is scale 0.035. CUTOVER_BENCH_PROGRAM names another `cutover` to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot measure has to stop")]

#[path = "../loaders/source.rs"]
mod source;
#[path = "../../tests/cluster/stage.rs"]
mod stage;
#[path = "../../tests/support/mod.rs"]
mod support;

use serde_json::Value;
use stage::{Stage, image};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCHEMA: &str = include_str!("../loaders/postgres.sql");

/// What a way is called, and how a runbook's `target` asks for it.
const WAYS: [(&str, &str); 3] = [
    ("direct, inside the cluster", "gateway: direct"),
    ("port-forward", "gateway: port-forward, forward_to: service/db"),
    ("exec through the test pod", "gateway: exec"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1));
    let runs: usize = option("--runs").map_or(3, |runs| runs.parse().unwrap());
    let scale: f64 = option("--scale").map_or(0.035, |scale| scale.parse().unwrap());
    let Some(stage) = stage::stage() else { return };
    let sqlite = stage.directory.path().join("app.db");
    source::generate(&sqlite, scale).unwrap();
    let megabytes = std::fs::metadata(&sqlite).unwrap().len() as f64 / 1e6;
    stage.database();
    seen_from_here(&stage);
    let mut times: BTreeMap<&str, Vec<Times>> = BTreeMap::new();
    let mut rows = 0;
    for round in 0..runs {
        for (way, gateway) in WAYS {
            let (measured, counted) = measure(&stage, &sqlite, gateway);
            eprintln!("round {}: {way}: copy {:.2} s, verify {:.2} s", round + 1, measured.copy, measured.verify);
            times.entry(way).or_default().push(measured);
            rows = counted;
        }
    }
    print(&times, rows, megabytes);
}

/// What one run's steps took, in seconds.
struct Times {
    copy: f64,
    verify: f64,
}

/// The bench runs on the node, where a service's address leads to its pods but its name does not.
fn seen_from_here(stage: &Stage) {
    let address = stage.kubectl(&["get", "service", "db", "-o", "jsonpath={.spec.clusterIP}"]);
    let secret = serde_json::json!({ "stringData": { "host": address } });
    stage.kubectl(&["patch", "secret", "database", "-p", &secret.to_string()]);
}

fn runbook(stage: &Stage, sqlite: &Path, gateway: &str) -> PathBuf {
    let (path, schema) = (stage.directory.path().join("runbook.yaml"), stage.directory.path().join("schema.sql"));
    std::fs::write(&schema, SCHEMA).unwrap();
    let text = format!(
        "name: gateway\nsource: {{sqlite: {}}}\ntarget: {{secret: database, {gateway}}}\ntransfer: {{interval_units: {{\"*\": us}}}}\n\
         service: {{platform: kubernetes, context: \"{}\", namespace: {}}}\nsteps:\n- {{action: test-pod, with: {{image: \"{}\"}}}}\n\
         - {{action: generate-schema, with: {{sql: [{}]}}}}\n- {{action: snapshot}}\n- {{action: copy, with: {{keep_undo: true}}}}\n- {{action: verify}}\n",
        sqlite.display(),
        stage.context,
        stage.namespace,
        image("psql"),
        schema.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs it once and takes it back; the times, and how many rows there were.
fn measure(stage: &Stage, sqlite: &Path, gateway: &str) -> (Times, u64) {
    let runbook = runbook(stage, sqlite, gateway);
    let said = cutover(stage, &["run", runbook.to_str().unwrap(), "--headless", "--yes", "--output", "json"]);
    let events: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let took = |step: &str| {
        let done = events.iter().find(|event| event["event"] == "step-done" && event["step"] == step);
        done.and_then(|event| event["seconds"].as_f64()).unwrap_or_else(|| panic!("{step} was not done:\n{said}"))
    };
    let last = events.last().unwrap();
    let tables = last["tables"].as_array().unwrap();
    for table in tables {
        assert_eq!(table["digest_source"], table["digest_target"], "{table}");
    }
    let rows = tables.iter().filter_map(|table| table["rows_loaded"].as_u64()).sum();
    let times = Times { copy: took("copy"), verify: took("verify") };
    cutover(stage, &["rollback", last["run"].as_str().unwrap(), "--headless", "--yes"]);
    (times, rows)
}

fn cutover(stage: &Stage, arguments: &[&str]) -> String {
    let program = std::env::var("CUTOVER_BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_cutover").to_owned());
    let mut command = Command::new(program);
    command.args(arguments).env("KUBECONFIG", &stage.kubeconfig).env_remove("DATABASE_URL");
    command.env("CUTOVER_STATE_DIR", stage.directory.path().join("state"));
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success(), "cutover {arguments:?}: {said:?}");
    let [said, _] = said;
    said
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn print(times: &BTreeMap<&str, Vec<Times>>, rows: u64, megabytes: f64) {
    println!("\n{rows} rows, {megabytes:.0} MB of SQLite; medians\n");
    println!("| way | copy, s | MB/s | against direct | verify, s |\n|---|---:|---:|---:|---:|");
    let of = |way: &str, part: fn(&Times) -> f64| median(times[way].iter().map(part).collect());
    let direct = of(WAYS[0].0, |times| times.copy);
    for (way, _) in WAYS {
        let (copy, verify) = (of(way, |times| times.copy), of(way, |times| times.verify));
        println!("| {way} | {copy:.2} | {:.0} | {:.2} × | {verify:.2} |", megabytes / copy, copy / direct);
    }
}
