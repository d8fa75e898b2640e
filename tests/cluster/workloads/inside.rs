//! A source that goes with its pod: the writer is stopped inside it.

use super::Rig;
use crate::stage::image;

fn application() -> String {
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
        command: [bash, -c, 'trap "exit 0" TERM; [ -e /data/app.db ] || sqlite3 /data/app.db "create table note (id integer); insert into note values (1)"; bash -c "exec 9<>/data/app.db; while :; do date +%s%N >/data/alive; sleep 0.1; done" & wait']
        volumeMounts: [{{name: data, mountPath: /data}}]
      volumes: [{{name: data, emptyDir: {{}}}}]
"#,
        image("app")
    )
}

#[test]
fn a_source_on_an_empty_dir_is_not_scaled_away() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&application());
    rig.stage.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    let pod = rig.pods("app=app");
    let alive = || rig.stage.kubectl(&["exec", &pod, "--", "cat", "/data/alive"]);
    let source = "{sqlite: /data/app.db, workload: deployment/app}";
    let runbook = rig.runbook_of(source, "- {action: quiesce, with: {workloads: [deployment/app]}}\n");
    let ran = rig.run_file(&runbook, &[]);
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
