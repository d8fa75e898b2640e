//! Runs on a cluster, as the Cluster view shows them.

use super::fixture;
use cutover::engine::snapshot::{ClusterEvent, ClusterView, PodLog, PodView, Snapshot, WorkloadView};
use std::sync::Arc;

const POD: &str = "grafana-7d4b9c6f5d-x2x7q";

fn pod(name: &str, state: &str, ready: u32, restarts: u32, age_seconds: f64, healthy: bool) -> PodView {
    let container_names = vec!["grafana".to_owned(), "sidecar".to_owned()];
    let (name, state, node) = (name.to_owned(), state.to_owned(), "worker-3".to_owned());
    PodView { name, state, ready, containers: 2, container_names, restarts, node, age_seconds, healthy }
}

fn event(second: i64, object: &str, reason: &str, message: &str, warning: bool, count: u32) -> ClusterEvent {
    let at = jiff::Timestamp::from_second(1_795_489_200 + second).ok();
    let [object, reason, message] = [object, reason, message].map(str::to_owned);
    ClusterEvent { at, object, reason, message, warning, count }
}

fn view() -> ClusterView {
    let workload = |name: &str, wanted, updated, ready, message: &str| {
        let (name, message) = (name.to_owned(), message.to_owned());
        WorkloadView { name, wanted, updated, ready, message }
    };
    ClusterView {
        context: "prod-eu".to_owned(),
        namespace: "monitoring".to_owned(),
        workloads: vec![
            workload("deployment/grafana", 2, 1, 1, "1 of 2 updated replicas are available"),
            workload("statefulset/grafana-alertmanager", 1, 1, 1, ""),
        ],
        pods: vec![
            pod("cutover-grafana-20261124-0307-k3x-test-pod", "Running", 2, 0, 312.0, true),
            pod(POD, "Running", 2, 1, 48.0, true),
            pod("grafana-7d4b9c6f5d-zz2lm", "ImagePullBackOff", 0, 12, 46.0, false),
        ],
        events: vec![
            event(0, "pod/grafana-7d4b9c6f5d-x2x7q", "Scheduled", "Successfully assigned to worker-3", false, 1),
            event(
                9,
                "pod/grafana-7d4b9c6f5d-zz2lm",
                "Failed",
                "Failed to pull image \"grafana/grafana:12.9.9\": not found",
                true,
                4,
            ),
            event(
                31,
                "deployment/grafana",
                "ScalingReplicaSet",
                "Scaled up replica set grafana-7d4b9c6f5d to 2",
                false,
                1,
            ),
        ],
        log: None,
        error: None,
    }
}

fn of(view: ClusterView) -> Snapshot {
    Snapshot { cluster: Some(Arc::new(view)), ..fixture::copying() }
}

/// What stands there, and what the cluster said.
pub fn events() -> Snapshot {
    of(view())
}

/// A container's log, followed.
pub fn log() -> Snapshot {
    let line = |number: u32| match number % 7 {
        0 => format!("level=warn msg=\"slow query\" n={number} database=postgres duration=1.7s"),
        _ => format!("level=info msg=\"HTTP request\" n={number} path=/api/Größe?q=\u{1b}[31mred status=200"),
    };
    let log = PodLog { pod: POD.to_owned(), container: "grafana".to_owned(), lines: (1..=90).map(line).collect() };
    of(ClusterView { log: Some(log), ..view() })
}

/// The API server is away.
pub fn away() -> Snapshot {
    let error =
        "listing pods on prod-eu · monitoring: connection refused; the API server is away, try again when it answers";
    of(ClusterView { error: Some(error.to_owned()), ..view() })
}

/// Nothing stands there yet.
pub fn nothing() -> Snapshot {
    of(ClusterView { workloads: Vec::new(), pods: Vec::new(), events: Vec::new(), ..view() })
}
