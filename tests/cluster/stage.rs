//! A namespace of a real cluster for one test: what stands in it goes with it.
#![allow(dead_code, reason = "each test uses its own part")]

use crate::support::{run, skipped};
use cutover::connect::kubernetes::{Cluster, Permission, Place, role};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, PostParams};
use kube::config::Kubeconfig;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A namespace with clients for it.
pub struct Stage {
    pub runtime: Runtime,
    pub cluster: Cluster,
    /// A kubeconfig whose only context is [`Stage::context`], which may do everything.
    pub kubeconfig: PathBuf,
    pub context: String,
    pub namespace: String,
    pub directory: tempfile::TempDir,
    /// Held while the cluster has to be whole, or by the one test that hurts it.
    _peace: Peace,
}

static WHOLE: RwLock<()> = RwLock::new(());

enum Peace {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// The images that tests use; another cluster may know them by other names.
pub fn image(name: &str) -> String {
    let usual = if name == "app" { "local/app:1".to_owned() } else { format!("local/{name}:15") };
    std::env::var(format!("CUTOVER_TEST_IMAGE_{}", name.to_uppercase())).unwrap_or(usual)
}

/// A stage of its own, or none with a printed, counted reason.
pub fn stage() -> Option<Stage> {
    staged(|| Peace::Shared { _guard: WHOLE.read().unwrap_or_else(PoisonError::into_inner) })
}

/// A stage whose test hurts the cluster: no other test is on it meanwhile.
pub fn stage_alone() -> Option<Stage> {
    staged(|| Peace::Alone { _guard: WHOLE.write().unwrap_or_else(PoisonError::into_inner) })
}

fn staged(peace: impl FnOnce() -> Peace) -> Option<Stage> {
    let own = std::env::var_os("CUTOVER_CLUSTER_RUN").and_then(|_| std::env::var_os("KUBECONFIG"));
    let Some(kubeconfig) = std::env::var_os("CUTOVER_TEST_KUBECONFIG").or(own) else {
        let usual = "no cluster; `make test-cluster` brings one up".to_owned();
        skipped(&std::env::var("CUTOVER_CLUSTER_MISSING").unwrap_or(usual));
        return None;
    };
    Some(Stage::new(Path::new(&kubeconfig), peace()))
}

/// The run of the cluster's own, where a test may stop components; none on another's cluster.
pub fn components() -> Option<PathBuf> {
    if std::env::var_os("CUTOVER_TEST_KUBECONFIG").is_some() {
        skipped("only the cluster of the tests' own may be hurt");
        return None;
    }
    std::env::var_os("CUTOVER_CLUSTER_RUN").map(PathBuf::from)
}

impl Stage {
    fn new(kubeconfig: &Path, peace: Peace) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = Kubeconfig::read_from(kubeconfig).unwrap();
        let context = config.current_context.clone().expect("CUTOVER_TEST_KUBECONFIG names its context");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("cutover-test-{}-{count}", std::process::id());
        let place = Place { context: context.clone(), namespace: namespace.clone() };
        let cluster = runtime.block_on(Cluster::of(config, place)).unwrap();
        let wanted: Namespace =
            serde_json::from_value(serde_json::json!({ "metadata": { "name": namespace } })).unwrap();
        let namespaces: Api<Namespace> = Api::all(cluster.client());
        runtime.block_on(namespaces.create(&PostParams::default(), &wanted)).unwrap();
        let stage =
            Self { runtime, cluster, kubeconfig: kubeconfig.to_owned(), context, namespace, directory, _peace: peace };
        stage.soon(60, "the service account", || stage.may_have_pods());
        stage
    }

    /// Whether the namespace's account is there; the cluster of our own, old as it is, makes no pod for it before it has its token.
    fn may_have_pods(&self) -> bool {
        let token = ["get", "serviceaccount", "default", "-o", "jsonpath={.metadata.name}{.secrets[0].name}"];
        let wanted =
            if std::env::var_os("CUTOVER_TEST_KUBECONFIG").is_some() { "default" } else { "defaultdefault-token" };
        self.kubectl_may_fail(&token).is_ok_and(|found| found.starts_with(wanted))
    }

    /// Runs async code of a test.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// kubectl in this namespace; it has to succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_may_fail(arguments).unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// kubectl in this namespace: what it printed, or what it complained about.
    pub fn kubectl_may_fail(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command().args(arguments).output().expect("kubectl is in the PATH");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Applies manifests as their owner would.
    pub fn apply(&self, yaml: &str) {
        use std::io::Write as _;
        let mut child =
            self.command().args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // With the mark, what begins with a brace is YAML, too.
        child.stdin.take().unwrap().write_all(format!("---\n{yaml}").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "kubectl apply of:\n{yaml}");
    }

    fn command(&self) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["--context", &self.context, "-n", &self.namespace]);
        command
    }

    /// Waits until `done`, for at most so many seconds.
    pub fn soon(&self, seconds: u64, what: &str, done: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while !done() {
            assert!(Instant::now() < end, "waited {seconds} s for {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A PostgreSQL that only pods see, as Service `db`, with Secret `database` for it; ready. `secret` are more lines of the
    /// Secret's `stringData`.
    pub fn database(&self) {
        let image = image("postgres");
        self.apply(&format!(
            r#"
apiVersion: v1
kind: Secret
metadata: {{name: database}}
stringData: {{host: db, port: "5432", name: app, user: app, password: s3cret-of-app, sslmode: disable}}
---
apiVersion: v1
kind: Service
metadata: {{name: db}}
spec: {{selector: {{app: db}}, ports: [{{port: 5432, targetPort: pg, protocol: TCP}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: db, labels: {{app: db}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: postgres
    image: {image}
    env:
    - {{name: POSTGRES_USER, valueFrom: {{secretKeyRef: {{name: database, key: user}}}}}}
    - {{name: POSTGRES_PASSWORD, valueFrom: {{secretKeyRef: {{name: database, key: password}}}}}}
    - {{name: POSTGRES_DB, valueFrom: {{secretKeyRef: {{name: database, key: name}}}}}}
    ports: [{{name: pg, containerPort: 5432, protocol: TCP}}]
    readinessProbe: {{exec: {{command: [pg_isready, -h, 127.0.0.1]}}, periodSeconds: 1}}
    volumeMounts: [{{name: data, mountPath: /data}}]
  volumes: [{{name: data, emptyDir: {{}}}}]
"#
        ));
        self.kubectl(&["wait", "--for=condition=Ready", "pod/db", "--timeout=120s"]);
    }

    /// A pod with psql and no settings, ready.
    pub fn psql_pod(&self, name: &str) {
        let image = image("psql");
        self.apply(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{terminationGracePeriodSeconds: 1, \
             containers: [{{name: psql, image: \"{image}\"}}]}}}}"
        ));
        self.kubectl(&["wait", "--for=condition=Ready", &format!("pod/{name}"), "--timeout=120s"]);
    }

    /// SQL inside the database's own pod.
    pub fn sql(&self, sql: &str) -> String {
        self.kubectl(&[
            "exec",
            "db",
            "--",
            "psql",
            "-U",
            "app",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            "app",
            "-c",
            sql,
        ])
    }

    /// A kubeconfig for a user who may do exactly `permissions` in this namespace.
    pub fn user(&self, name: &str, permissions: &[Permission]) -> PathBuf {
        let account = format!("system:serviceaccount:{}:{name}", self.namespace);
        self.apply(&format!(
            "{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: {name}}}}}\n---\n{}\n---\n\
             {{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: {name}}}, \
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}, \
             subjects: [{{kind: ServiceAccount, name: {name}, namespace: {}}}]}}",
            role(name, permissions),
            self.namespace
        ));
        let mut config = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        for named in &mut config.auth_infos {
            named.auth_info.as_mut().unwrap().impersonate = Some(account.clone());
        }
        let path = self.directory.path().join(format!("{name}.kubeconfig"));
        std::fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
        path
    }

    /// The same place as another user.
    pub fn as_user(&self, kubeconfig: &Path) -> Cluster {
        let place = Place { context: self.context.clone(), namespace: self.namespace.clone() };
        self.block_on(Cluster::of(Kubeconfig::read_from(kubeconfig).unwrap(), place)).unwrap()
    }

    /// The program under test, with a state directory of its own, on this stage's kubeconfig.
    pub fn cutover(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("CUTOVER_STATE_DIR", self.directory.path().join("state"))
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        command
    }

    /// What is left of a run's objects.
    pub fn left_of_ours(&self) -> String {
        let kinds = "pods,jobs,secrets,configmaps,services,persistentvolumeclaims";
        self.kubectl(&["get", kinds, "-l", "app.kubernetes.io/managed-by=cutover", "-o", "name"])
    }
}

impl Stage {
    /// What is left of a run in the namespace, of every kind that the server knows.
    pub fn nothing_of_ours(&self) -> String {
        let kinds = self.kubectl(&["api-resources", "--verbs=list", "--namespaced", "-o", "name"]);
        // Events tell of objects that are gone.
        let kinds: Vec<&str> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
        let all = self.kubectl(&["get", &kinds.join(","), "-o", "json"]);
        let mut all: serde_json::Value = serde_json::from_str(&all).unwrap();
        // What an owner applied is no work of ours, whatever it names.
        for object in all["items"].as_array_mut().unwrap() {
            if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            }
        }
        // Whatever bears our name, label, annotation or field manager; the namespace is named after us as well.
        let ours = |object: &&serde_json::Value| {
            object["metadata"].to_string().replace(&self.namespace, "").contains("cutover")
        };
        let name = |object: &serde_json::Value| {
            format!("{}/{}: {}", object["kind"], object["metadata"]["name"], object["metadata"])
        };
        all["items"].as_array().into_iter().flatten().filter(ours).map(name).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let told = self.kubectl_may_fail(&["get", "pods,events", "-o", "wide"]).unwrap_or_default();
            crate::support::say(&format!("what stood in {}:\n{told}", self.namespace));
        }
        let namespaces: Api<Namespace> = Api::all(self.cluster.client());
        // One that cannot be deleted harms no other test: each has its own.
        let _ = self.runtime.block_on(namespaces.delete(&self.namespace, &DeleteParams::default()));
    }
}

/// Starts a component that was killed.
pub fn start(components: &Path, name: &str) {
    let program = components.join(format!("component/{name}"));
    run(Command::new("sh").args(["-c", "setsid \"$0\" >/dev/null 2>&1 &"]).arg(program));
}

/// Sends a signal to a component: see the test cluster's README.
pub fn signal(components: &Path, name: &str, signal: &str) {
    let pid = std::fs::read_to_string(components.join(format!("component/{name}.pid"))).unwrap();
    run(Command::new("kill").args([signal, pid.trim()]));
}
