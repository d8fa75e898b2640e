//! preflight: everything that is wrong at once, and nothing touched.

use crate::support::psql;
use crate::world::World;
use cutover::action::FailureKind;
use cutover::connect::postgres::Address;
use cutover::evidence::{Finding, Verdict};
use serde_json::json;
use std::sync::Arc;

fn failed(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| finding.verdict == Verdict::Failed).map(|finding| finding.check.as_str()).collect()
}

#[tokio::test]
async fn a_world_in_order_passes() {
    let mut world = World::new();
    rusqlite::Connection::open(world.source())
        .unwrap()
        .execute_batch("create table t (id integer primary key)")
        .unwrap();
    psql(&world.url, "create table t (id bigint primary key)");
    let file = world.write("app.ini", "[a]\nb = c\n");
    let preflight = world.step("preflight", "preflight", json!({}));
    world.step("truncate", "truncate", json!({}));
    world.step("copy", "copy", json!({}));
    world.step("switch", "switch-config", json!({ "file": file, "set": { "a": { "b": "d" } } }));
    let (_, outcome) = world.done(&preflight).await;
    assert_eq!(failed(&outcome.evidence.findings), Vec::<&str>::new());
    assert!(outcome.evidence.findings.iter().any(|finding| finding.verdict == Verdict::Unknown));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[a]\nb = c\n");
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let mut world = World::new();
    rusqlite::Connection::open(world.source())
        .unwrap()
        .execute_batch("create table t (id integer primary key)")
        .unwrap();
    let role = format!("poor_{}", world.context.run.replace('-', "_"));
    psql(
        &world.url,
        &format!(
            "create table t (id bigint primary key); create role {role} login password 'poor-secret'; grant usage on schema public to {role}"
        ),
    );
    let port = crate::support::server().port();
    let database = world.context.target.database().to_owned();
    world.context.target =
        Arc::new(Address::parse(&format!("postgres://{role}:poor-secret@127.0.0.1:{port}/{database}")).unwrap());
    let missing = world.path("missing.ini");
    let preflight = world.step("preflight", "preflight", json!({}));
    world.step("schema", "generate-schema", json!({ "sql": ["/nowhere.sql"] }));
    world.step("stop", "quiesce", json!({ "stop": "no-such-program --now" }));
    world.step("copy", "copy", json!({}));
    world.step("switch", "switch-config", json!({ "file": missing, "set": {} }));
    let checkpoint = world.prepare(&preflight).await.unwrap();
    let error = world.apply(&preflight, &checkpoint).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Refused);
    let failed = failed(&error.evidence.findings);
    for check in [
        "may create the run's schema",
        "may create tables",
        "owner of the tables",
        "schema: what makes the schema",
        "stop: stop command",
    ] {
        assert!(failed.contains(&check), "{check} is missing in {failed:?}");
        assert!(error.message.contains(check), "{}", error.message);
    }
    assert!(
        error.message.contains(&format!("grant create on database \"{database}\" to \"{role}\"")),
        "{}",
        error.message
    );
    assert!(!error.message.contains("poor-secret"));
}

#[tokio::test]
async fn a_lock_that_somebody_forgot_is_named() {
    let mut world = World::new();
    rusqlite::Connection::open(world.source())
        .unwrap()
        .execute_batch("create table t (id integer primary key)")
        .unwrap();
    psql(&world.url, "create table t (id bigint primary key)");
    let other = world.context.target.connect("forgetful").await.unwrap();
    other.batch_execute("begin; select * from t").await.unwrap();
    let preflight = world.step("preflight", "preflight", json!({}));
    let checkpoint = world.prepare(&preflight).await.unwrap();
    let error = world.apply(&preflight, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("forgetful, idle in transaction"), "{}", error.message);
}
