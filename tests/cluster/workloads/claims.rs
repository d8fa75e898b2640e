//! A source on a claim that a StatefulSet made for its pod: read when the pod is gone, and there when it comes back.

use super::Rig;
use crate::stage::image;

fn set() -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: set}}
spec:
  replicas: 1
  serviceName: set
  selector: {{matchLabels: {{app: set}}}}
  template:
    metadata: {{labels: {{app: set}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: {}
        command: [bash, -c, '[ -e /data/app.db ] || sqlite3 /data/app.db "create table note (id integer); insert into note values (1), (2)"; exec sleep 3600']
        securityContext: {{runAsUser: 0}}
        volumeMounts: [{{name: data, mountPath: /data}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 50Mi}}}}}}
"#,
        image("app")
    )
}

#[test]
fn a_source_on_the_claim_of_a_stateful_set_is_read_while_the_set_is_down() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&set());
    rig.stage.kubectl(&["rollout", "status", "statefulset/set", "--timeout=120s"]);
    let in_pod = |command: &[&str]| rig.stage.kubectl(&[&["exec", "set-0", "--"], command].concat());
    let sum = in_pod(&["sha256sum", "/data/app.db"]);
    let steps = "- {action: quiesce, with: {workloads: [statefulset/set]}}\n- {action: snapshot}\n";
    let source = "{sqlite: /data/app.db, workload: statefulset/set}";
    let ran = rig.run_file(&rig.runbook_of(source, steps), &[]);
    ran.succeeded();
    assert!(ran.said.contains(&format!("sha256 {}", &sum[..16])), "{sum}\n{}", ran.said);
    assert_eq!((rig.replicas("statefulset/set"), rig.pods("app=set")), (0, String::new()));
    rig.rollback(&ran.run).succeeded();
    assert_eq!(in_pod(&["sqlite3", "/data/app.db", "select count(*) from note"]), "2");
    rig.nothing_left("");
}
