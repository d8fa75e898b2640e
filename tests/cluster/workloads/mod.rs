//! The steps that act on workloads and configuration, by the real binary on a real API server: run, killed, resumed, taken back.

mod claims;
mod gitops;
mod inside;
mod kills;
mod kills_others;
mod objects;
mod release;
mod scaling;
mod starting;
mod switching;

use crate::stage::{Stage, image, stage};
use crate::support::database;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;

/// A stage with a small application, a source and a target, and runbooks for them.
pub struct Rig {
    pub stage: Stage,
    url: String,
    /// More of the program's environment.
    env: Vec<(String, String)>,
}

/// How a command ended.
pub struct Ran {
    pub code: Option<i32>,
    /// Everything that it said.
    pub said: String,
    pub run: String,
}

impl Rig {
    pub fn new() -> Option<Self> {
        let stage = stage()?;
        let rig = Self { stage, url: database(), env: Vec::new() };
        rusqlite::Connection::open(rig.file("app.db"))
            .unwrap()
            .execute_batch("create table note (id integer)")
            .unwrap();
        Some(rig)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.stage.directory.path().join(name)
    }

    /// A runbook of these steps; `source` is more of its source.
    pub fn runbook_of(&self, source: &str, steps: &str) -> PathBuf {
        let path = self.file("runbook.yaml");
        let text = format!(
            "name: app\nsource: {source}\nservice: {{name: app, platform: kubernetes, context: {}, namespace: {}}}\nsteps:\n{steps}",
            self.stage.context, self.stage.namespace
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The same, of a source on this host.
    pub fn runbook(&self, steps: &str) -> PathBuf {
        self.runbook_of(&format!("{{sqlite: {}}}", self.file("app.db").display()), steps)
    }

    /// Starts a run of these steps.
    pub fn run(&self, steps: &str) -> Ran {
        self.run_file(&self.runbook(steps), &[])
    }

    pub fn run_file(&self, runbook: &std::path::Path, env: &[(&str, &str)]) -> Ran {
        self.cutover(&["run", &runbook.display().to_string(), "--headless", "--yes", "--output", "json"], env)
    }

    pub fn resume(&self, run: &str) -> Ran {
        self.cutover(&["resume", run, "--headless", "--yes", "--output", "json"], &[])
    }

    pub fn rollback(&self, run: &str) -> Ran {
        self.cutover(&["rollback", run, "--headless", "--yes", "--lose-writes", "--output", "json"], &[])
    }

    pub fn cutover(&self, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command = self.stage.cutover(arguments);
        command.env("DATABASE_URL", &self.url).envs(self.env.iter().cloned()).envs(env.iter().copied());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        let run = self.runs().pop().unwrap_or_default();
        Ran { code: status.code(), said, run }
    }

    /// The ids of the runs, the newest last.
    fn runs(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.file("state").join("runs")).into_iter().flatten().flatten();
        let mut all: Vec<_> =
            all.map(|entry| (entry.metadata().unwrap().created().unwrap(), entry.file_name())).collect();
        all.sort();
        all.into_iter().map(|(_, name)| name.to_string_lossy().into_owned()).collect()
    }

    /// Nothing of the run is left, nor any Job; pods go a moment after what made them.
    #[track_caller]
    pub fn nothing_left(&self, but: &str) {
        let left = || self.stage.left_of_ours() == but && self.stage.kubectl(&["get", "jobs", "-o", "name"]).is_empty();
        self.stage.soon(60, &format!("only `{but}` to be left, not {}", self.stage.left_of_ours()), left);
    }

    /// Applies manifests as an owner by kubectl, which takes a text that begins with a brace for JSON.
    pub fn apply(&self, yaml: &str) {
        self.stage.apply(&format!("---\n{yaml}"));
    }

    pub fn object(&self, name: &str) -> Value {
        serde_json::from_str(&self.stage.kubectl(&["get", name, "-o", "json"])).unwrap()
    }

    pub fn replicas(&self, name: &str) -> i64 {
        self.object(name)["spec"]["replicas"].as_i64().unwrap()
    }

    pub fn pods(&self, selector: &str) -> String {
        self.stage.kubectl(&["get", "pods", "-l", selector, "-o", "name"])
    }

    /// Applies manifests as an owner that uses server-side apply.
    pub fn own(&self, yaml: &str) -> Result<String, String> {
        let path = self.file("owned.yaml");
        std::fs::write(&path, yaml).unwrap();
        let path = path.display().to_string();
        self.stage.kubectl_may_fail(&["apply", "--server-side", "--field-manager", "owner", "-f", &path])
    }

    /// An application of `replicas` pods that sleep, made by its owner's `kubectl apply`, and up.
    pub fn application(&self, replicas: u32) {
        self.apply(&application(replicas));
        self.stage.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    }
}

impl Ran {
    #[track_caller]
    pub fn succeeded(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}", self.said);
        self
    }

    /// It ended badly, and said all of these.
    #[track_caller]
    pub fn failed(&self, with: &[&str]) -> &Self {
        assert!(self.code.is_some_and(|code| code != 0), "it went well: {}", self.said);
        for words in with {
            assert!(self.said.contains(words), "nothing about `{words}` in: {}", self.said);
        }
        self
    }
}

/// Who owns which field, without what controllers write all the time.
pub fn owners(object: &Value) -> Vec<Value> {
    let all = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|entry| entry["manager"] != "kube-controller-manager").collect()
}

pub fn application(replicas: u32) -> String {
    let image = image("psql");
    format!(
        r##"
apiVersion: v1
kind: ConfigMap
metadata: {{name: app}}
data:
  app.ini: "; kept\n[database]\ntype = sqlite3\npath = \"/data/app.db\" ; where\n"
  values.yaml: "# kept\ndatabase:\n  type: sqlite3 # old\n"
---
apiVersion: v1
kind: Secret
metadata: {{name: app-env}}
stringData: {{APP_DATABASE_TYPE: sqlite3, APP_DATABASE_PATH: /data/app.db}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app}}}}
  template:
    metadata: {{labels: {{app: app}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: {image}
        env:
        - {{name: TYPE, value: sqlite3}}
        - {{name: NODE, valueFrom: {{fieldRef: {{apiVersion: v1, fieldPath: spec.nodeName}}}}}}
        - {{name: SQLITE, value: /data/app.db}}
        volumeMounts: [{{name: config, mountPath: /etc/app}}]
      volumes: [{{name: config, configMap: {{name: app}}}}]
"##
    )
}
