//! The whole way on a real cluster: an application on SQLite in a pod, on a claim and on an emptyDir, to PostgreSQL that only pods see,
//! and back; killed in the middle of each step.

use crate::stage::{Stage, image, stage};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Where the application's file lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    Claim,
    EmptyDir,
}

/// The application as its owner deployed it.
pub struct App<'a> {
    pub stage: &'a Stage,
    manifest: String,
    pub runbook: PathBuf,
}

const ROWS: &str = "insert into note (body, done) values ('Größe', 1), ('', 0), ('three', 1);";

impl<'a> App<'a> {
    pub fn deploy(stage: &'a Stage, volume: Volume, gateway: &str) -> Self {
        stage.database();
        let manifest = manifest(volume);
        stage.apply(&manifest);
        stage.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
        let app = Self { stage, manifest, runbook: stage.directory.path().join("app.yaml") };
        app.in_pod(&["sqlite3", "/data/app.db", ROWS]);
        std::fs::write(&app.runbook, runbook(stage, volume, gateway)).unwrap();
        app
    }

    fn in_pod(&self, command: &[&str]) -> String {
        self.stage.kubectl(&[&["exec", "deployment/app", "-c", "app", "--"], command].concat())
    }

    fn asks(&self, path: &str) -> serde_json::Value {
        let url = format!("http://127.0.0.1:8080{path}");
        self.stage.soon(90, "the application to answer", || {
            self.stage
                .kubectl_may_fail(&["exec", "deployment/app", "-c", "app", "--", "busybox", "wget", "-qO-", &url])
                .is_ok()
        });
        serde_json::from_str(&self.in_pod(&["busybox", "wget", "-qO-", &url])).unwrap()
    }

    fn run(&self) -> Command {
        self.stage.cutover(&["run", self.runbook.to_str().unwrap(), "--headless", "--yes", "--output", "json"])
    }

    pub fn id(&self) -> String {
        let runs = self.stage.cutover(&["runs"]).output().unwrap();
        let text = String::from_utf8_lossy(&runs.stdout).into_owned();
        text.lines().find_map(|line| line.split_whitespace().find(|word| word.starts_with("app-"))).unwrap().to_owned()
    }

    fn rollback(&self) -> Output {
        self.stage.cutover(&["rollback", &self.id(), "--headless", "--yes", "--output", "json"]).output().unwrap()
    }

    /// The bytes and owners of everything that a run may touch.
    pub fn owned(&self) -> Vec<serde_json::Value> {
        let of = |object: &str| {
            let text = self.stage.kubectl(&["get", object, "-o", "json"]);
            let object: serde_json::Value = serde_json::from_str(&text).unwrap();
            let owners: Vec<_> = object["metadata"]["managedFields"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|entry| entry["manager"] != "kube-controller-manager")
                .map(|entry| serde_json::json!([entry["manager"], entry["operation"], entry["fieldsV1"]]))
                .collect();
            let name = &object["metadata"]["name"];
            let labels = &object["metadata"]["labels"];
            let annotations = object["metadata"]["annotations"].as_object().map(|all| {
                let kept = all.iter().filter(|(name, _)| *name != "deployment.kubernetes.io/revision");
                kept.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
            });
            serde_json::json!({ "name": name, "data": object["data"], "spec": object["spec"], "labels": labels, "annotations": annotations, "owners": owners })
        };
        ["configmap/app", "secret/database", "deployment/app"].map(of).to_vec()
    }

    pub fn on_postgres(&self) {
        assert_eq!(self.asks("/api/health")["type"], "postgres");
        assert_eq!(self.asks("/api/rows/note")["rows"], 5);
        assert_eq!(self.stage.sql("select count(*), count(*) filter (where done), max(body) from note"), "5|3|two");
    }

    pub fn on_sqlite(&self) {
        assert_eq!(self.asks("/api/health")["type"], "sqlite3");
        assert_eq!(self.asks("/api/rows/note")["rows"], 5);
    }

    fn tables_in_target(&self) -> String {
        self.stage.sql("select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
    }
}

fn told(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

#[track_caller]
fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", told(output));
}

fn manifest(volume: Volume) -> String {
    let (data, claim) = match volume {
        Volume::Claim => (
            "persistentVolumeClaim: {claimName: app-data}",
            "
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: app-data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}}",
        ),
        Volume::EmptyDir => ("emptyDir: {}", ""),
    };
    let image = image("app");
    format!(
        r#"
apiVersion: v1
kind: ConfigMap
metadata: {{name: app}}
data:
  app.ini: |
    ; kept as it is
    [app]
    title = before

    [database]
    type = sqlite3
    path = /data/app.db
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: app-schema}}
data:
  postgres.sql: |
    CREATE TABLE note (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, body text NOT NULL, done boolean NOT NULL);
    CREATE TABLE schema_migrations (version bigint PRIMARY KEY);
    INSERT INTO schema_migrations VALUES (1);
    INSERT INTO note (body, done) VALUES ('one', true), ('two', false);
  sqlite3.sql: |
    CREATE TABLE note (id integer PRIMARY KEY, body text NOT NULL, done integer NOT NULL);
    CREATE TABLE schema_migrations (version integer PRIMARY KEY);
    INSERT INTO schema_migrations VALUES (1);
    INSERT INTO note (body, done) VALUES ('one', 1), ('two', 0);{claim}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app}}
spec:
  replicas: 1
  strategy: {{type: Recreate}}
  selector: {{matchLabels: {{app: app}}}}
  template:
    metadata: {{labels: {{app: app}}}}
    spec:
      terminationGracePeriodSeconds: 2
      initContainers:
      - {{name: own, image: "{image}", command: [chown, "65534:65534", /data], securityContext: {{runAsUser: 0}}, volumeMounts: [{{name: data, mountPath: /data}}]}}
      containers:
      - name: app
        image: {image}
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /api/health, port: 8080}}, periodSeconds: 1, timeoutSeconds: 3}}
        volumeMounts: [{{name: data, mountPath: /data}}, {{name: config, mountPath: /etc/app}}, {{name: schema, mountPath: /schema}}]
      volumes: [{{name: data, {data}}}, {{name: config, configMap: {{name: app}}}}, {{name: schema, configMap: {{name: app-schema}}}}]
"#
    )
}

fn runbook(stage: &Stage, volume: Volume, gateway: &str) -> String {
    let (context, namespace, psql) = (&stage.context, &stage.namespace, image("psql"));
    let gateway = match gateway {
        "port-forward" => "gateway: port-forward, forward_to: service/db",
        other => &format!("gateway: {other}"),
    };
    let inside = match volume {
        Volume::Claim => "",
        Volume::EmptyDir => ", inside: {container: app, stop: \"true\", start: \"true\"}",
    };
    format!(
        r#"
name: app
source: {{sqlite: /data/app.db, workload: deployment/app, container: app}}
target: {{secret: database, {gateway}}}
service: {{name: app, platform: kubernetes, context: "{context}", namespace: {namespace}}}
transfer: {{exclude: [app_migration]}}
point_of_no_return: switch-config
steps:
  - action: preflight
  - action: test-pod
    with: {{image: "{psql}"}}
  - action: generate-schema
    with:
      pod:
        workload: deployment/app
        env: {{APP_DATABASE_TYPE: postgres, APP_DATABASE_HOST: db, APP_DATABASE_NAME: app}}
        from:
          APP_DATABASE_USER: {{secret: database, key: user}}
          APP_DATABASE_PASSWORD: {{secret: database, key: password}}
  - action: scan
  - action: quiesce
    downtime: begins
    with: {{workloads: [deployment/app]{inside}}}
  - action: snapshot
  - action: truncate
  - action: copy
  - action: verify
  - action: spot-check
  - action: switch-config
    with:
      configmap: app
      key: app.ini
      set: {{database: {{type: postgres, host: db, name: app}}}}
      unset: {{database: [path]}}
  - id: switch-env
    action: switch-config
    with:
      env:
        workload: deployment/app
        from:
          APP_DATABASE_USER: {{secret: database, key: user}}
          APP_DATABASE_PASSWORD: {{secret: database, key: password}}
  - action: start
    with: {{workloads: [deployment/app], replicas: 1}}
  - action: health
    downtime: ends
    with:
      http: [{{url: "http://localhost:8080/api/health", through: deployment/app, json: {{/database: ok, /type: postgres}}}}]
      sql: [{{query: select count(*)::text from note, expect: "5"}}]
  - action: cleanup
"#
    )
}

/// To PostgreSQL and back, and nothing of ours stays.
fn there_and_back(volume: Volume, gateway: &str) {
    let Some(stage) = stage() else { return };
    let app = App::deploy(&stage, volume, gateway);
    let before = app.owned();
    succeeded(&app.run().output().unwrap());
    app.on_postgres();
    succeeded(&app.rollback());
    app.on_sqlite();
    assert_eq!(app.owned(), before, "bytes, replicas and field owners are as they were");
    assert_eq!(app.tables_in_target(), "0");
    stage.apply(&app.manifest);
    assert_eq!(app.owned()[0]["data"], before[0]["data"]);
    succeeded(&stage.cutover(&["forget", &app.id(), "--yes"]).output().unwrap());
    assert_eq!(stage.nothing_of_ours(), "");
}

#[test]
fn from_a_claim_through_the_test_pod_and_back() {
    there_and_back(Volume::Claim, "exec");
}

#[test]
fn from_an_empty_dir_through_a_port_forward_and_back() {
    there_and_back(Volume::EmptyDir, "port-forward");
}

/// Begins or resumes, and kills the process a moment after `step` has begun; whether it got there.
fn killed_in(command: &mut Command, step: &str) -> bool {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reached = false;
    for line in lines.map_while(Result::ok) {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "step-started" && event["step"] == step {
            reached = true;
            std::thread::sleep(std::time::Duration::from_millis(120));
            break;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    reached
}

const STEPS: &[&str] = &[
    "preflight",
    "test-pod",
    "generate-schema",
    "scan",
    "quiesce",
    "snapshot",
    "truncate",
    "copy",
    "verify",
    "switch-config",
    "switch-env",
    "start",
    "health",
    "cleanup",
];

#[test]
fn killed_in_the_middle_of_each_step_it_goes_on_to_the_end() {
    let Some(stage) = stage() else { return };
    let app = App::deploy(&stage, Volume::Claim, "exec");
    assert!(killed_in(&mut app.run(), STEPS[0]), "the run did not begin");
    let id = app.id();
    let resume = || stage.cutover(&["resume", &id, "--headless", "--yes", "--output", "json"]);
    let reached: Vec<&str> = STEPS[1..].iter().copied().filter(|step| killed_in(&mut resume(), step)).collect();
    println!("killed in {}", reached.join(", "));
    assert!(reached.len() > 9, "{reached:?}");
    succeeded(&resume().output().unwrap());
    app.on_postgres();
    let pods = stage.kubectl(&["get", "pods", "-l", "app.kubernetes.io/managed-by=cutover", "-o", "name"]);
    assert_eq!(pods, "", "cleanup leaves no pod");
    succeeded(&app.rollback());
    app.on_sqlite();
    succeeded(&stage.cutover(&["forget", &id, "--yes"]).output().unwrap());
    assert_eq!(stage.left_of_ours(), "");
}

/// A point in the middle of each kind of step that only the whole way has: the others are in `workloads::kills`.
const POINTS: &[&str] = &[
    "action.test-pod.create.after:1",
    "action.generate-schema.pod.after:1",
    "action.snapshot-record.before:2",
    "transfer.commit.before:1",
];

#[test]
fn killed_and_rolled_back_it_leaves_no_orphans() {
    let Some(stage) = stage() else { return };
    let app = App::deploy(&stage, Volume::Claim, "exec");
    let before = app.owned();
    for point in POINTS {
        let killed = app.run().env("CUTOVER_CRASH_AT", point).output().unwrap();
        assert_eq!(killed.status.code(), None, "it is killed at {point}: {}", told(&killed));
        succeeded(&app.rollback());
        app.on_sqlite();
        assert_eq!(app.owned(), before, "{point}");
        assert_eq!(app.tables_in_target(), "0", "{point}");
        succeeded(&stage.cutover(&["forget", &app.id(), "--yes"]).output().unwrap());
        assert_eq!(stage.left_of_ours(), "", "{point}");
    }
}
