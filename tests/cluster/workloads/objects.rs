//! `apply`, `job`, `cleanup`, and probes through a port-forward.

use super::Rig;
use crate::stage::image;

fn job(command: &str, with: &str) -> String {
    format!(
        "- action: job\n  with:\n    timeout_seconds: 60\n{with}    manifest: |\n      apiVersion: batch/v1\n      kind: Job\n      spec:\n        backoffLimit: 0\n        \
         template:\n          spec:\n            restartPolicy: Never\n            containers:\n            - {{name: job, image: \"{}\", command: [sh, -c, \"{command}\"]}}\n",
        image("psql")
    )
}

#[test]
fn a_job_runs_once_tells_its_log_and_is_removed() {
    let Some(rig) = Rig::new() else { return };
    let ran = rig.run(&job("echo moved-7-rows", ""));
    ran.succeeded();
    assert!(ran.said.contains("moved-7-rows"), "{}", ran.said);
    rig.stage.soon(60, "the Job to be removed", || rig.stage.kubectl(&["get", "jobs,pods", "-o", "name"]).is_empty());
    rig.rollback(&ran.run).succeeded();
    rig.nothing_left("");
}

#[test]
fn a_job_that_fails_shows_its_last_words_and_is_tried_anew() {
    let Some(rig) = Rig::new() else { return };
    rig.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: gate}, data: {open: \"no\"}}");
    let ran = rig.run(&job("echo no-such-table >&2; exit 3", ""));
    ran.failed(&["no-such-table", "exit code 3"]);
    rig.rollback(&ran.run).succeeded();
    rig.nothing_left("");
}

#[test]
fn objects_of_ours_are_made_and_pruned_and_those_of_others_refused() {
    let Some(rig) = Rig::new() else { return };
    let pod = format!(
        "      apiVersion: v1\n      kind: Pod\n      metadata: {{name: helper}}\n      spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: c, image: \"{}\"}}]}}\n",
        image("psql")
    );
    let steps = format!(
        "- action: apply\n  with:\n    ready: true\n    manifest: |\n      apiVersion: v1\n      kind: ConfigMap\n      metadata: {{name: made}}\n      data: {{a: b}}\n      ---\n{pod}"
    );
    let ran = rig.run(&steps);
    ran.succeeded();
    assert_eq!(rig.object("configmap/made")["data"]["a"], "b");
    assert_eq!(rig.object("pod/helper")["status"]["phase"], "Running");
    rig.rollback(&ran.run).succeeded();
    rig.nothing_left("");

    rig.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: made}, data: {mine: \"1\"}}");
    rig.run(&steps).failed(&["configmap made", "this step did not make"]);
    assert_eq!(rig.object("configmap/made")["data"]["mine"], "1");
}

#[test]
fn cleanup_removes_what_steps_left_and_keeps_the_way_back() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&super::application(0));
    let switch = "- {action: switch-config, with: {configmap: app, key: app.ini, set: {database: {type: postgres}}}}\n";
    let ran = rig.run(&format!("{}{switch}- action: cleanup\n", job("true", "    keep: true\n")));
    ran.succeeded();
    rig.nothing_left(&format!("secret/cutover-{}", ran.run));
    rig.rollback(&ran.run).succeeded();
    assert!(rig.object("configmap/app")["data"]["app.ini"].to_string().contains("sqlite3"));
    rig.nothing_left("");
}

#[test]
fn probes_go_through_a_port_forward_and_keys_are_compared_unseen() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: {}
    command: [sh, -c, 'mkdir /tmp/w && echo "{{\"database\": \"ok\"}}" >/tmp/w/health && exec busybox httpd -f -p 8080 -h /tmp/w']
    env: [{{name: KEY, valueFrom: {{secretKeyRef: {{name: keys, key: secret_key}}}}}}]
    ports: [{{name: http, containerPort: 8080, protocol: TCP}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: http, protocol: TCP}}]}}
---
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{secret_key: k3y-of-grafana, other: an0ther-key}}
"#,
        image("psql")
    ));
    rig.stage.kubectl(&["wait", "--for=condition=Ready", "pod/web", "--timeout=90s"]);
    std::fs::write(rig.file("app.ini"), "[security]\nsecret_key = k3y-of-grafana\n").unwrap();
    let same = |key: &str| {
        format!(
            "- action: health\n  with:\n    timeout_seconds: 20\n    http:\n    - {{url: \"http://web/health\", through: service/web, json: {{/database: ok}}}}\n    \
             - {{url: \"http://web:8080/health\", through: pod/web, body_contains: database}}\n    same:\n    - {{name: secret_key, \
             one: {{file: {}, section: security, name: secret_key}}, other: {{secret_name: keys, key: {key}}}}}\n",
            rig.file("app.ini").display()
        )
    };
    rig.run(&same("secret_key")).succeeded();
    let differs = rig.run(&same("other"));
    differs.failed(&["hold different values"]);
    assert!(!differs.said.contains("k3y-of-grafana") && !differs.said.contains("an0ther-key"), "{}", differs.said);
    let wrong = same("secret_key")
        .replace("/database: ok", "/database: failing")
        .replace("timeout_seconds: 20", "timeout_seconds: 2");
    rig.run(&wrong).failed(&["/database is \\\"ok\\\", expected \\\"failing\\\""]);
}
