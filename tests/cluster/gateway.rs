//! A database that only pods see, reached through the cluster: the whole copy, its proof, and what happens when the way is cut.

use crate::stage::{Stage, components, image, signal, stage, stage_alone, start};
use cutover::connect::kubernetes::gateway::{Carrier, Destination, PortForward, ThroughPod};
use cutover::connect::postgres::{Address, Parts};
use cutover::demo::source;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SCHEMA: &str = include_str!("../../assets/demo/postgres.sql");

/// A runbook that copies the demo's source into the stage's database by that gateway.
pub fn runbook(stage: &Stage, gateway: &str, rows: i64) -> PathBuf {
    runbook_with(stage, gateway, rows, "keep_undo: true")
}

/// The same, with these settings of the copy.
fn runbook_with(stage: &Stage, gateway: &str, rows: i64, copy: &str) -> PathBuf {
    let (sqlite, schema) = (stage.directory.path().join("app.db"), stage.directory.path().join("schema.sql"));
    source::generate(&sqlite, rows).unwrap();
    std::fs::write(&schema, SCHEMA).unwrap();
    let text = format!(
        "name: gateway\n\
         source: {{sqlite: {}}}\n\
         target: {{secret: database, {gateway}}}\n\
         service: {{name: app, platform: kubernetes, namespace: {}}}\n\
         steps:\n\
         - {{action: preflight}}\n\
         - {{action: test-pod, with: {{image: \"{}\"}}}}\n\
         - {{action: generate-schema, with: {{sql: [{}]}}}}\n\
         - {{action: snapshot}}\n\
         - {{action: copy, with: {{{copy}}}}}\n\
         - {{action: verify}}\n",
        sqlite.display(),
        stage.namespace,
        image("psql"),
        schema.display()
    );
    let path = stage.directory.path().join("runbook.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

pub fn told(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(stage: &Stage, gateway: &str) -> (Output, serde_json::Value) {
    let runbook = runbook(stage, gateway, 3_000);
    let arguments =
        ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes", "--output", "json"];
    let output = stage.cutover(&arguments).output().unwrap();
    let last = last(&output);
    (output, last)
}

fn last(output: &Output) -> serde_json::Value {
    let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned();
    serde_json::from_str(&last).unwrap_or_default()
}

fn proves(finished: &serde_json::Value) {
    let tables = finished["tables"].as_array().unwrap();
    assert!(tables.len() > 10, "{finished}");
    for table in tables {
        assert_eq!(table["digest_source"], table["digest_target"], "{table}");
    }
}

fn copies_and_proves(gateway: &str) {
    let Some(stage) = stage() else { return };
    stage.database();
    let (output, finished) = run(&stage, gateway);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    proves(&finished);
    assert!(!told(&output).contains("s3cret-of-app"));
    let run = finished["run"].as_str().unwrap();
    let back = stage.cutover(&["rollback", run, "--headless", "--yes"]).output().unwrap();
    assert_eq!(back.status.code(), Some(0), "{}", told(&back));
    assert_eq!(stage.left_of_ours(), "");
}

#[test]
fn the_copy_goes_through_the_test_pod_and_back() {
    copies_and_proves("gateway: exec");
}

#[test]
fn the_copy_goes_through_a_port_forward_to_a_service_and_back() {
    copies_and_proves("gateway: port-forward, forward_to: service/db");
}

#[test]
fn a_context_is_never_taken_by_itself() {
    let Some(stage) = stage() else { return };
    let runbook = runbook(&stage, "gateway: exec", 50);
    let output = stage.cutover(&["run", runbook.to_str().unwrap(), "--headless"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("--context NAME"), "{}", told(&output));
    let output =
        stage.cutover(&["run", runbook.to_str().unwrap(), "--headless", "--context", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains(&stage.context), "{}", told(&output));
}

fn id(stage: &Stage) -> String {
    let runs = stage.cutover(&["runs"]).output().unwrap();
    let text = String::from_utf8_lossy(&runs.stdout).into_owned();
    text.split_whitespace().find(|word| word.starts_with("gateway-")).unwrap().to_owned()
}

pub fn lose_the_test_pod(stage: &Stage) {
    stage.kubectl(&["delete", "pod", "-l", "cutover/step=test-pod", "--grace-period=0", "--force"]);
}

#[test]
fn a_gateway_pod_that_is_lost_comes_back_in_a_copy_and_in_a_rollback() {
    let Some(stage) = stage() else { return };
    stage.database();
    let runbook = runbook(&stage, "gateway: exec", 150_000);
    let arguments =
        ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes", "--output", "json"];
    let mut child = stage.cutover(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let copying = "select count(*) from pg_stat_activity where query ilike 'copy %' and state = 'active'";
    stage.soon(300, "the copy to be at work", || stage.sql(copying) != "0");
    lose_the_test_pod(&stage);
    let cut = child.wait().unwrap();
    // A copy in one transaction ends when its connection does, and begins anew.
    assert_eq!(cut.code(), Some(1), "the copy was not cut");
    let run = id(&stage);
    let resumed = stage.cutover(&["resume", &run, "--headless", "--yes", "--output", "json"]).output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", told(&resumed));
    proves(&last(&resumed));
    lose_the_test_pod(&stage);
    let verified = stage.cutover(&["verify", "--run", &run, "--output", "json"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    lose_the_test_pod(&stage);
    let back = stage.cutover(&["rollback", &run, "--headless", "--yes"]).output().unwrap();
    assert_eq!(back.status.code(), Some(0), "{}", told(&back));
    assert_eq!(stage.left_of_ours(), "");
    let left = "select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace";
    assert_eq!(stage.sql(left), "0", "{}", told(&back));
    let forgotten = stage.cutover(&["forget", &run, "--yes"]).output().unwrap();
    assert_eq!(forgotten.status.code(), Some(0), "{}", told(&forgotten));
    assert_eq!(stage.left_of_ours(), "");
    assert_eq!(stage.sql("select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
}

/// Whoever is away longer than the pod lives finds the way again.
#[test]
fn a_gateway_pod_whose_time_is_over_comes_back() {
    let Some(stage) = stage() else { return };
    stage.database();
    let path = runbook(&stage, "gateway: exec", 500);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("test-pod, with: {", "test-pod, with: {lifetime_seconds: 45, ")).unwrap();
    let copied = stage
        .cutover(&["run", path.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes"])
        .output()
        .unwrap();
    assert_eq!(copied.status.code(), Some(0), "{}", told(&copied));
    let phase = ["get", "pods", "-l", "cutover/step=test-pod", "-o", "jsonpath={.items[*].status.phase}"];
    stage.soon(120, "the pod's time to be over", || stage.kubectl(&phase) == "Failed");
    let run = id(&stage);
    let verified = stage.cutover(&["verify", "--run", &run]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    let back = stage.cutover(&["rollback", &run, "--headless", "--yes"]).output().unwrap();
    assert_eq!(back.status.code(), Some(0), "{}", told(&back));
    assert_eq!(stage.left_of_ours(), "");
}

#[test]
fn a_copy_and_a_rollback_outlast_an_api_server_that_is_away_for_thirty_seconds() {
    let Some(stage) = stage_alone() else { return };
    let Some(components) = components() else { return };
    stage.database();
    let runbook = runbook(&stage, "gateway: exec", 150_000);
    let arguments =
        ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes", "--output", "json"];
    let child = stage.cutover(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let copying = "select count(*) from pg_stat_activity where query ilike 'copy %' and state = 'active'";
    stage.soon(300, "the copy to be at work", || stage.sql(copying) != "0");
    signal(&components, "kube-apiserver", "-STOP");
    std::thread::sleep(Duration::from_secs(30));
    signal(&components, "kube-apiserver", "-CONT");
    let copied = child.wait_with_output().unwrap();
    assert_eq!(copied.status.code(), Some(0), "{}", told(&copied));
    proves(&last(&copied));

    let run = id(&stage);
    signal(&components, "kube-apiserver", "-KILL");
    let back = stage.cutover(&["rollback", &run, "--headless", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(30));
    start(&components, "kube-apiserver");
    let back = back.wait_with_output().unwrap();
    assert_eq!(back.status.code(), Some(0), "{}", told(&back));
    assert_eq!(stage.left_of_ours(), "");
}

#[test]
fn a_copy_in_chunks_goes_on_when_its_gateway_pod_is_lost() {
    let Some(stage) = stage() else { return };
    stage.database();
    let runbook = runbook_with(&stage, "gateway: exec", 150_000, "jobs: 2, keep_undo: true");
    let arguments =
        ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes", "--output", "json"];
    let child = stage.cutover(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let copying = "select count(*) from pg_stat_activity where query ilike 'copy %' and state = 'active'";
    stage.soon(300, "the copy to be at work", || stage.sql(copying) != "0");
    lose_the_test_pod(&stage);
    let copied = child.wait_with_output().unwrap();
    assert_eq!(copied.status.code(), Some(0), "{}", told(&copied));
    proves(&last(&copied));
}

/// A runbook that reaches the target and then does `sql` there.
fn with_sql(stage: &Stage, secret: &str, sql: &str) -> PathBuf {
    let sqlite = stage.directory.path().join("small.db");
    rusqlite::Connection::open(&sqlite).unwrap().execute_batch("create table if not exists note (id integer)").unwrap();
    let text = format!(
        "name: gateway\nsource: {{sqlite: {}}}\ntarget: {{secret: {secret}, gateway: exec}}\n\
         service: {{name: app, platform: kubernetes, context: \"{}\", namespace: {}}}\n\
         steps:\n- {{action: preflight}}\n- {{action: test-pod, with: {{image: \"{}\"}}}}\n\
         - {{action: sql, with: {{apply: \"{sql}\", undo: select 1}}}}\n",
        sqlite.display(),
        stage.context,
        stage.namespace,
        image("psql"),
    );
    let path = stage.directory.path().join(format!("{}.yaml", text.len()));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn one_operator_at_a_time_works_through_test_pods() {
    let Some(stage) = stage() else { return };
    stage.database();
    stage.sql("create table note (id bigint)");
    let run = |sql: &str| {
        let runbook = with_sql(&stage, "database", sql);
        stage.cutover(&["run", runbook.to_str().unwrap(), "--headless", "--yes", "--output", "json"])
    };
    let mut first = run("select pg_sleep(300)").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let sleeping = "select count(*) from pg_stat_activity where query ilike '%pg_sleep(300)%' and state = 'active' and pid <> pg_backend_pid()";
    stage.soon(120, "the first run to be at work", || stage.sql(sleeping) == "1");
    let second = run("create table made ()").output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", told(&second));
    let (said, host) = (told(&second), nix::unistd::gethostname().unwrap().to_string_lossy().into_owned());
    assert!(said.contains("is at work on app@db:5432/app from") && said.contains(&host), "{said}");
    assert_eq!(stage.sql("select count(*) from pg_class where relname = 'made'"), "0");
    stage.soon(60, "the killed run's session to end", || stage.sql(sleeping) == "0");
    let run = last(&second)["run"].as_str().unwrap().to_owned();
    let resumed = stage.cutover(&["resume", &run, "--headless", "--yes"]).output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", told(&resumed));
    assert_eq!(stage.sql("select count(*) from pg_class where relname = 'made'"), "1");
}

#[test]
fn what_preflight_had_to_put_off_is_asked_once_the_pod_is_there() {
    let Some(stage) = stage() else { return };
    stage.database();
    stage.sql("create table note (id bigint); create role guest login password 'guest-of-app'");
    stage.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: guest}, stringData: {host: db, name: app, user: guest, \
         password: guest-of-app, sslmode: disable}}",
    );
    let runbook = with_sql(&stage, "guest", "select 1");
    let output =
        stage.cutover(&["run", runbook.to_str().unwrap(), "--headless", "--yes", "--output", "json"]).output().unwrap();
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("put off to test-pod") || said.contains("put-off"), "preflight put it off: {said}");
    assert!(said.contains("guest may not create schema"), "{said}");
    let run = id(&stage);
    let status = stage.cutover(&["status", &run]).output().unwrap();
    assert!(
        told(&status).lines().any(|line| line.starts_with("test-pod") && line.contains("failed")),
        "{}",
        told(&status)
    );
    let back = stage.cutover(&["rollback", &run, "--headless", "--yes"]).output().unwrap();
    assert_eq!(back.status.code(), Some(0), "{}", told(&back));
    assert_eq!(stage.left_of_ours(), "");
}

/// The Secret's address, as a laptop builds it; of another host where one is given.
pub fn address(stage: &Stage, host: Option<&str>) -> Address {
    let held = stage.block_on(stage.cluster.secret("database")).unwrap().unwrap();
    let text = |key: &str| secrecy::ExposeSecret::expose_secret(&held[key]).to_owned();
    let parts = Parts {
        host: host.map_or_else(|| text("host"), ToOwned::to_owned),
        port: Some(text("port")),
        database: Some(text("name")),
        user: text("user"),
        password: held.get("password").cloned(),
        sslmode: Some(text("sslmode")),
        trusted: held.contains_key("ca.crt").then(|| text("ca.crt")),
    };
    Address::of_parts(parts).unwrap()
}

pub fn through_psql(stage: &Stage, host: &str) -> ThroughPod {
    ThroughPod::new(Arc::new(Carrier::given(stage.cluster.clone(), "psql")), host, 5432)
}

fn ways(stage: &Stage) -> Vec<(&'static str, Address)> {
    let (cluster, address) = (stage.cluster.clone(), address(stage, None));
    let exec = through_psql(stage, "db");
    let forward = PortForward { cluster, to: Destination::Service("db".to_owned()), port: 5432 };
    vec![("exec", address.clone().reached_by(Arc::new(exec))), ("port-forward", address.reached_by(Arc::new(forward)))]
}

#[test]
fn several_sessions_at_once_and_a_cancel_go_each_way() {
    let Some(stage) = stage() else { return };
    stage.database();
    stage.psql_pod("psql");
    for (way, address) in ways(&stage) {
        stage.block_on(async {
            let clients = [address.connect("one").await.unwrap(), address.connect("two").await.unwrap()];
            let pid = "select pg_backend_pid()";
            let (one, two) = tokio::join!(clients[0].query_one(pid, &[]), clients[1].query_one(pid, &[]));
            assert_ne!(one.unwrap().get::<_, i32>(0), two.unwrap().get::<_, i32>(0), "{way}");
            let sleeping = clients[0].batch_execute("select pg_sleep(60)");
            let cancelling = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                address.cancel(&clients[0].cancel_token()).await.unwrap();
            };
            let begun = Instant::now();
            let (slept, ()) = tokio::join!(sleeping, cancelling);
            assert!(slept.is_err() && begun.elapsed() < Duration::from_secs(30), "{way}");
        });
        stage.soon(30, "the sessions to be gone", || {
            stage.sql("select count(*) from pg_stat_activity where application_name in ('one', 'two')") == "0"
        });
    }
}

#[test]
fn a_host_that_nobody_has_is_told_from_where_it_was_looked_for() {
    let Some(stage) = stage() else { return };
    stage.database();
    stage.psql_pod("psql");
    let gateway = through_psql(&stage, "nowhere");
    let error = stage.block_on(address(&stage, None).reached_by(Arc::new(gateway)).connect("x")).unwrap_err();
    assert!(error.to_string().contains("through pod psql") && error.to_string().contains("nowhere:5432"), "{error}");
}

/// Eleven minutes; asked for by `CUTOVER_TEST_SILENCE=1`.
#[test]
fn ten_silent_minutes_survive_on_each_way() {
    if std::env::var_os("CUTOVER_TEST_SILENCE").is_none() {
        crate::support::skipped("ten silent minutes take eleven; CUTOVER_TEST_SILENCE=1 asks for them");
        return;
    }
    let Some(stage) = stage() else { return };
    stage.database();
    stage.psql_pod("psql");
    let ways = ways(&stage);
    stage.block_on(async {
        let silent = ways.into_iter().map(|(way, address)| async move {
            let client = address.connect("silent").await.unwrap();
            client.batch_execute("select pg_sleep(630)").await.unwrap_or_else(|error| panic!("{way}: {error}"));
        });
        futures_util::future::join_all(silent).await;
    });
}
