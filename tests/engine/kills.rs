//! A process that is killed at every entry of the journal, with a journal on disk; another goes on and ends in the same state.

use crate::fakes::{FakeActions, FakeClaims, FakeRunbook, NoInspect, World, cutover_steps, runbook};
use crate::rig::ended;
use cutover::connect::postgres::Address;
use cutover::engine::runs::{RunDir, Runs};
use cutover::engine::snapshot::Status;
use cutover::engine::{Command, Driver, Ended, Options, Setup};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};

const DIRECTORY: &str = "CUTOVER_TEST_RUN";

/// Not a test but the process that is killed.
#[tokio::test]
#[ignore = "run by the tests of this file"]
async fn child() {
    let dir = RunDir::at(Path::new(&std::env::var_os(DIRECTORY).expect("a run's directory")));
    let file = dir.path().join("world.json");
    let state = std::fs::read(&file).map_or_else(|_| BTreeMap::new(), |text| serde_json::from_slice(&text).unwrap());
    let world = Arc::new(Mutex::new(World { state, file: Some(file), ..World::default() }));
    let runbook = FakeRunbook { world: world.clone(), runbook: runbook(cutover_steps()), text: String::new() };
    let setup = Setup::of(
        dir,
        Arc::new(runbook),
        Address::parse("postgres://app@localhost/app").unwrap(),
        Arc::new(FakeActions(world)),
        Arc::new(NoInspect),
        Options::default(),
    );
    let claims = Arc::new(FakeClaims { system: "1", held_by: None });
    let handle = Driver::spawn(setup.with_claims(claims)).unwrap();
    handle.send(Command::Start);
    assert_eq!(ended(&handle).await.ended, Ended::Done);
}

fn run_child(dir: &RunDir, crash: Option<String>, trace: Option<&Path>) -> ExitStatus {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::child", "--ignored", "-q"]).env(DIRECTORY, dir.path());
    command.env_remove("CUTOVER_CRASH_AT").env_remove("CUTOVER_CRASH_TRACE");
    command.envs(crash.map(|at| ("CUTOVER_CRASH_AT", at)));
    command.envs(trace.map(|file| ("CUTOVER_CRASH_TRACE", file)));
    let output = command.output().unwrap();
    assert!(
        output.status.success() || output.status.signal() == Some(9),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.status
}

#[test]
fn killed_at_every_entry_it_goes_on_to_the_same_end() {
    let home = tempfile::tempdir().unwrap();
    let runs = Runs::at(home.path());
    let trace = home.path().join("trace");
    let new = || runs.create("killed", jiff::Timestamp::now()).unwrap();
    assert!(run_child(&new(), None, Some(&trace)).success());
    let mut reached: BTreeMap<String, u64> = BTreeMap::new();
    for name in std::fs::read_to_string(&trace).unwrap().lines() {
        *reached.entry(name.to_owned()).or_default() += 1;
    }
    assert!(reached["journal.append.before"] > 15 && reached["journal.append.after"] > 15, "{reached:?}");
    let mut kills = 0;
    for (name, count) in reached {
        for nth in 1..=count {
            let dir = new();
            let status = run_child(&dir, Some(format!("{name}:{nth}")), None);
            assert_eq!(status.signal(), Some(9), "{name}:{nth}");
            assert!(run_child(&dir, None, None).success(), "{name}:{nth}");
            let told = dir.snapshot().unwrap();
            assert!(told.steps.iter().all(|step| step.status == Status::Done), "{name}:{nth}");
            let world = std::fs::read_to_string(dir.path().join("world.json")).unwrap();
            assert_eq!(world, r#"{"copy":"changed","start":"changed","stop":"changed","switch":"changed"}"#);
            kills += 1;
        }
    }
    println!("killed and gone on {kills} times");
}
