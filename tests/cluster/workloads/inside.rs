//! A source that goes with its pod: the writer is stopped inside it.

use super::{Ran, Rig};
use crate::stage::image;

const WRITES: &str = "exec 9<>/data/app.db; while :; do date +%s%N >/data/alive; sleep 0.1; done";

/// An application on an emptyDir whose second process does this.
fn application(second: &str) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: app}}}}
  template:
    metadata: {{labels: {{app: app}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: {}
        command: [bash, -c, 'trap "exit 0" TERM; [ -e /data/app.db ] || sqlite3 /data/app.db "create table note (id integer); insert into note values (1)"; bash -c "{second}" & wait']
        volumeMounts: [{{name: data, mountPath: /data}}]
      volumes: [{{name: data, emptyDir: {{}}}}]
"#,
        image("app")
    )
}

#[test]
fn a_source_on_an_empty_dir_is_not_scaled_away() {
    let Some(rig) = writing() else { return };
    let pod = rig.pods("app=app");
    let alive = || rig.stage.kubectl(&["exec", &pod, "--", "cat", "/data/alive"]);
    let ran = rig.run_file(&rig.runbook_of(SOURCE, QUIESCE), &[]);
    ran.succeeded();
    assert!(ran.said.contains("emptyDir data"), "{}", ran.said);
    assert_eq!(rig.replicas("deployment/app"), 1);
    let before = alive();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(alive(), before, "the writer stands still");
    rig.rollback(&ran.run).succeeded();
    rig.stage.soon(20, "the writer to go on", || alive() != before);
    assert_eq!(rig.pods("app=app"), pod, "in the same pod");
}

fn up(second: &str) -> Option<Rig> {
    let rig = Rig::new()?;
    rig.apply(&application(second));
    rig.stage.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    Some(rig)
}

/// With the writer at work: a pod that runs need not have come to it.
fn writing() -> Option<Rig> {
    let rig = up(WRITES)?;
    let writes = ["exec", "deployment/app", "--", "test", "-e", "/data/alive"];
    rig.stage.soon(30, "the writer to begin", || rig.stage.kubectl_may_fail(&writes).is_ok());
    Some(rig)
}

fn in_pod(rig: &Rig, command: &[&str]) -> String {
    rig.stage.kubectl(&[&["exec", "deployment/app", "--"], command].concat())
}

const SOURCE: &str = "{sqlite: /data/app.db, workload: deployment/app}";
const QUIESCE: &str = "- {action: quiesce, with: {workloads: [deployment/app]}}\n";

/// Nobody can be stopped who is not there now, and comes back for the next request.
#[test]
fn an_application_that_has_its_source_open_only_at_times_needs_a_command() {
    let Some(rig) = up("sleep 3600") else { return };
    let ran = rig.run_file(&rig.runbook_of(SOURCE, QUIESCE), &[]);
    ran.failed(&["no process there has /data/app.db open", "inside: {stop"]);
    rig.rollback(&ran.run).succeeded();
}

#[test]
fn a_stop_inside_a_pod_outlives_a_kill() {
    let Some(rig) = writing() else { return };
    let runbook = rig.runbook_of(SOURCE, QUIESCE);
    let alive = || in_pod(&rig, &["cat", "/data/alive"]);
    let kill = |point: &str| {
        let ran = rig.run_file(&runbook, &[("CUTOVER_CRASH_AT", point)]);
        assert_eq!(ran.code, None, "it is killed at {point}: {}", ran.said);
        ran
    };
    let back = |ran: &Ran, point: &str| {
        let before = alive();
        rig.rollback(&ran.run).succeeded();
        rig.stage.soon(20, &format!("the writer to go on after {point}"), || alive() != before);
    };
    let ran = kill("action.inside.before:1");
    rig.resume(&ran.run).succeeded();
    back(&ran, "a kill before it was stopped");
    back(&kill("action.inside.after:1"), "a kill after it was stopped");
}

/// Runs to where the pod that had the source is gone, with three rows in the snapshot.
fn switched(rig: &Rig) -> Ran {
    in_pod(rig, &["sqlite3", "/data/app.db", "insert into note values (2), (3)"]);
    let steps = format!(
        "{QUIESCE}- {{action: snapshot}}\n- {{action: switch-config, with: {{env: {{workload: deployment/app, set: {{TYPE: postgres}}}}}}}}\n\
         - {{action: start, with: {{workloads: [deployment/app], timeout_seconds: 90}}}}\n"
    );
    let ran = rig.run_file(&rig.runbook_of(SOURCE, &steps), &[]);
    ran.succeeded();
    rig.stage.soon(60, "the new pod to have made its own", || rows(rig) == Ok("1|1".to_owned()));
    ran
}

fn rows(rig: &Rig) -> Result<String, String> {
    let ask = ["sqlite3", "/data/app.db", "select count(*), max(id) from note"];
    rig.stage.kubectl_may_fail(&[&["exec", "deployment/app", "--"], &ask[..]].concat())
}

/// The application is up again on the snapshot, and nothing lies beside it.
#[track_caller]
fn is_back(rig: &Rig) {
    rig.stage.soon(60, "the snapshot to be back", || rows(rig) == Ok("3|3".to_owned()));
    let before = in_pod(rig, &["cat", "/data/alive"]);
    rig.stage.soon(20, "the writer to go on", || in_pod(rig, &["cat", "/data/alive"]) != before);
    assert_eq!(in_pod(rig, &["ls", "/data"]), "alive\napp.db");
    assert_eq!(rig.object("deployment/app")["status"]["readyReplicas"], 1);
}

#[test]
fn a_source_that_went_with_its_pod_is_put_back_under_a_writer_that_is_stopped_first() {
    let Some(rig) = writing() else { return };
    let ran = switched(&rig);
    rig.rollback(&ran.run).succeeded();
    is_back(&rig);
}

#[test]
fn a_kill_while_it_is_put_back_leaves_nothing_half_way() {
    let Some(rig) = writing() else { return };
    let ran = switched(&rig);
    let rollback = ["rollback", &ran.run, "--headless", "--yes", "--lose-writes", "--output", "json"];
    let killed = rig.cutover(&rollback, &[("CUTOVER_CRASH_AT", "action.put-back.sent:1")]);
    assert_eq!(killed.code, None, "{}", killed.said);
    rig.rollback(&ran.run).succeeded();
    is_back(&rig);
}
