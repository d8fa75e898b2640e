//! A large file out of a pod, by streams that break: what arrives is whole, and its beginning is not fetched again.

use crate::stage::{components, image, stage};
use kube::config::Kubeconfig;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Stands before the API server and cuts a connection as soon as it has carried so many bytes to us, once for each count.
struct Cutting {
    port: u16,
    left: Arc<Mutex<Vec<usize>>>,
}

impl Cutting {
    fn before(server: String, cuts: Vec<usize>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(Mutex::new(cuts));
        let theirs = left.clone();
        std::thread::spawn(move || {
            for ours in listener.incoming().map_while(Result::ok) {
                let Ok(api) = TcpStream::connect(&server) else { continue };
                let (cuts, up) = (theirs.clone(), (ours.try_clone().unwrap(), api.try_clone().unwrap()));
                std::thread::spawn(move || carry(up.0, up.1, |_| false));
                std::thread::spawn(move || carry(api, ours, |carried| due(&cuts, carried)));
            }
        });
        Self { port, left }
    }

    fn left(&self) -> usize {
        self.left.lock().unwrap().len()
    }
}

fn due(cuts: &Mutex<Vec<usize>>, carried: usize) -> bool {
    let mut cuts = cuts.lock().unwrap();
    let reached = cuts.first().is_some_and(|count| carried >= *count);
    if reached {
        cuts.remove(0);
    }
    reached
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: impl Fn(usize) -> bool) {
    let (mut buffer, mut carried) = (vec![0; 1 << 16], 0);
    while let Ok(count) = from.read(&mut buffer) {
        carried += count;
        if count == 0 || cut(carried) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// The large file somewhere below.
fn large(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    entries.into_iter().map(|entry| entry.path()).find_map(|path| match path.is_dir() {
        true => large(&path),
        false => (std::fs::metadata(&path).ok()?.len() > 200 << 20).then_some(path),
    })
}

fn application() -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: app}}, spec: {{selector: {{matchLabels: {{app: app}}}}, template: {{\
         metadata: {{labels: {{app: app}}}}, spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: app, image: \"{}\", \
         command: [sleep, \"3600\"], volumeMounts: [{{name: data, mountPath: /data}}]}}], volumes: [{{name: data, emptyDir: {{}}}}]}}}}}}}}",
        image("app")
    )
}

#[test]
fn two_hundred_megabytes_come_whole_out_of_a_pod_over_three_cuts() {
    let Some(stage) = stage() else { return };
    // Another's API server has a certificate for its own name, and no stand-in.
    if components().is_none() {
        return;
    }
    stage.apply(&application());
    stage.kubectl(&["rollout", "status", "deployment/app", "--timeout=120s"]);
    let fill = "pragma synchronous = off; create table note (id integer primary key, body blob); \
        with recursive n(i) as (values (1) union all select i + 1 from n where i < 200) insert into note (body) select randomblob(1048576) from n";
    stage.kubectl(&["exec", "deployment/app", "--", "sqlite3", "/data/app.db", fill]);
    let there = stage.kubectl(&["exec", "deployment/app", "--", "sha256sum", "/data/app.db"]);

    let mut config = Kubeconfig::read_from(&stage.kubeconfig).unwrap();
    let cluster = config.clusters[0].cluster.as_mut().unwrap();
    let server = cluster.server.take().unwrap().trim_start_matches("https://").to_owned();
    let cutting = Cutting::before(server, vec![20 << 20, (77 << 20) + 12_345, 50 << 20]);
    cluster.server = Some(format!("https://127.0.0.1:{}", cutting.port));
    let kubeconfig = stage.directory.path().join("cut.kubeconfig");
    std::fs::write(&kubeconfig, serde_json::to_string(&config).unwrap()).unwrap();

    let runbook = stage.directory.path().join("runbook.yaml");
    let text = format!(
        "name: large\nsource: {{sqlite: /data/app.db, workload: deployment/app}}\nservice: {{platform: kubernetes, context: \"{}\", namespace: {}}}\n\
         steps:\n- {{action: snapshot}}\n",
        stage.context, stage.namespace
    );
    std::fs::write(&runbook, text).unwrap();
    let run = ["run", runbook.to_str().unwrap(), "--headless", "--yes"];
    let output = stage
        .cutover(&run)
        .env("KUBECONFIG", &kubeconfig)
        .env("DATABASE_URL", crate::support::database())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", crate::gateway::told(&output));
    assert_eq!(cutting.left(), 0, "the stream was cut three times");
    let here = large(&stage.directory.path().join("state")).expect("the snapshot is there");
    let sum = Command::new("sha256sum").arg(&here).output().unwrap();
    let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    assert_eq!(first(&String::from_utf8_lossy(&sum.stdout)), first(&there));
}
