//! The client on a real API server: streams, logs, and waits that say what they wait for.

use crate::stage::{Stage, components, image, signal, stage, stage_alone, start};
use cutover::connect::kubernetes::{ClusterError, Patience, pods};
use cutover::progress::{ProgressSink, Report};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[test]
fn the_cluster_has_a_ready_node() {
    let Some(stage) = stage() else { return };
    let nodes: Api<Node> = Api::all(stage.cluster.client());
    let nodes = stage.block_on(nodes.list(&ListParams::default())).unwrap();
    let ready = |node: &Node| {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    assert!(nodes.items.iter().any(ready));
}

#[test]
fn commands_in_a_pod_give_what_they_say_and_how_they_end() {
    let Some(stage) = stage() else { return };
    stage.psql_pod("one");
    stage.block_on(async {
        let said =
            stage.cluster.exec("one", None, &["sh", "-c", "echo out; echo err >&2; exit 7"], None).await.unwrap();
        assert_eq!((said.text().as_str(), said.complaint().as_str(), said.code), ("out", "err", 7));
        let input = "x".repeat(300_000);
        let said = stage.cluster.exec("one", None, &["head", "-c", "300000"], Some(input.as_bytes())).await.unwrap();
        assert_eq!((said.stdout.len(), said.code), (300_000, 0));
        let mut process = stage.cluster.stream("one", None, &["cat"]).await.unwrap();
        process.write_all(b"there and back").await.unwrap();
        let mut back = [0; 14];
        process.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"there and back");
        let missing = stage.cluster.exec("two", None, &["true"], None).await.unwrap_err();
        assert!(missing.is_missing() && missing.to_string().contains("pod two"), "{missing}");
        let missing = stage.cluster.exec("one", None, &["no-such-program"], None).await;
        assert!(missing.is_err() || missing.is_ok_and(|said| said.code != 0));
    });
}

#[test]
fn a_log_is_followed_line_by_line_to_its_end() {
    let Some(stage) = stage() else { return };
    let image = image("psql");
    stage.apply(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: talks}}, spec: {{restartPolicy: Never, containers: [{{name: c, \
         image: \"{image}\", command: [sh, -c, \"for i in 1 2 3; do echo line $i; sleep 0.5; done\"]}}]}}}}"
    ));
    stage.soon(60, "the pod to talk", || stage.kubectl_may_fail(&["logs", "talks"]).is_ok_and(|log| !log.is_empty()));
    let lines = stage.block_on(async {
        let mut followed = stage.cluster.follow("talks", None, 10);
        let mut lines = Vec::new();
        while let Ok(Some(line)) = tokio::time::timeout(Duration::from_secs(30), followed.next()).await {
            lines.push(line);
        }
        lines
    });
    assert_eq!(lines, ["line 1", "line 2", "line 3"]);
}

/// Waits for a pod that will never be ready; what came of it, and how long it took.
fn in_vain(stage: &Stage, name: &str) -> (ClusterError, Duration) {
    let (progress, _reports) = ProgressSink::new();
    let what = format!("pod {name} to be ready");
    let patience = Patience { what: &what, deadline: Duration::from_secs(60), progress: &progress };
    let begun = Instant::now();
    let error = stage.block_on(async {
        let error = stage.cluster.wait_for::<Pod, _>(name, &patience, pods::ready).await.unwrap_err();
        stage.cluster.with_story(error, name).await
    });
    (error, begun.elapsed())
}

#[test]
fn a_pod_that_cannot_be_scheduled_is_told_with_the_schedulers_words() {
    let Some(stage) = stage() else { return };
    stage.apply(
        "{apiVersion: v1, kind: Pod, metadata: {name: large}, spec: {nodeSelector: {no: such}, \
         containers: [{name: c, image: \"local/pause:1\"}]}}",
    );
    let (error, took) = in_vain(&stage, "large");
    assert!(matches!(error, ClusterError::Hopeless { .. }), "{error}");
    assert!(error.to_string().contains("no node takes it") && error.to_string().contains("node"), "{error}");
    assert!(took < Duration::from_secs(40), "{took:?}");
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_at_once() {
    let Some(stage) = stage() else { return };
    stage.apply(
        "{apiVersion: v1, kind: Pod, metadata: {name: nothing}, spec: {containers: [{name: c, image: \"local/nothing:1\"}]}}",
    );
    let (error, took) = in_vain(&stage, "nothing");
    let text = error.to_string();
    assert!(matches!(error, ClusterError::Hopeless { .. }), "{text}");
    assert!(text.contains("local/nothing:1") && text.contains("check the image"), "{text}");
    assert!(took < Duration::from_secs(40), "{took:?}");
}

#[test]
fn a_wait_outlasts_an_api_server_that_is_away_for_thirty_seconds() {
    let Some(stage) = stage_alone() else { return };
    let Some(components) = components() else { return };
    let image = image("psql");
    // Ready only after the API server has come back.
    stage.apply(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: slow}}, spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: c, \
         image: \"{image}\", command: [sh, -c, \"sleep 40; touch /tmp/ready; sleep 600\"], readinessProbe: {{periodSeconds: 1, \
         exec: {{command: [test, -e, /tmp/ready]}}}}}}]}}}}"
    ));
    stage.soon(60, "the pod to run", || {
        stage.kubectl(&["get", "pod", "slow", "-o", "jsonpath={.status.phase}"]) == "Running"
    });
    let (progress, mut reports) = ProgressSink::new();
    let patience = Patience { what: "pod slow to be ready", deadline: Duration::from_secs(150), progress: &progress };
    let waited = stage.block_on(async {
        let outage = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            signal(&components, "kube-apiserver", "-KILL");
            tokio::time::sleep(Duration::from_secs(30)).await;
            start(&components, "kube-apiserver");
        };
        tokio::join!(stage.cluster.wait_for::<Pod, _>("slow", &patience, pods::ready), outage).0
    });
    waited.unwrap();
    let mut told = Vec::new();
    while let Ok(Report::Waiting(words)) = reports.try_recv() {
        told.push(words);
    }
    assert!(told.iter().any(|words| words.contains("the API server is away")), "{told:?}");
}
