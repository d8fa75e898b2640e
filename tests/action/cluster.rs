//! Steps on an API server of the tests' own: races for an object, lost answers, and controllers of kinds and versions that the test cluster
//! has not got.

use crate::api::{Api, Fault};
use crate::world::World;
use cutover::action::FailureKind;
use cutover::evidence::{Finding, Outcome, Verdict};
use cutover::inspect::{DatabaseInspect, Inspect as _};
use serde_json::{Value, json};
use std::sync::Arc;

const APP: &str = "/apis/apps/v1/namespaces/apps/deployments/app";
const ARGO: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/apps";

fn deployment(replicas: u32) -> Value {
    let template = json!({ "metadata": { "labels": { "app": "app" } }, "spec": { "containers": [{ "name": "app", "image": "app:1" }] } });
    let owner = json!({ "manager": "owner", "operation": "Apply", "apiVersion": "apps/v1", "time": "2026-01-01T00:00:00Z",
        "fieldsV1": { "f:spec": { "f:replicas": {} } } });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "managedFields": [owner], "generation": 1 },
        "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": "app" } }, "template": template }, "status": {} })
}

fn world(api: &Api) -> World {
    let mut world = World::new();
    world.context.cluster = Some(api.cluster());
    world
}

fn scaled() -> (Api, World) {
    let api = Api::default();
    api.put(APP, deployment(2));
    let world = world(&api);
    (api, world)
}

fn verdicts(findings: &[Finding], words: &str) -> Vec<Verdict> {
    findings.iter().filter(|finding| finding.detail.contains(words)).map(|finding| finding.verdict.clone()).collect()
}

#[tokio::test]
async fn a_patch_that_was_overtaken_is_made_anew_and_keeps_what_the_other_wrote() {
    let (api, mut world) = scaled();
    let scale = world.step("scale", "scale", json!({ "workloads": ["deployment/app"], "replicas": 0 }));
    let checkpoint = world.prepare(&scale).await.unwrap();
    api.fault(Fault::Overtaken(|object| object["metadata"]["annotations"] = json!({ "theirs": "kept" })));
    let outcome = world.apply(&scale, &checkpoint).await.unwrap();
    assert_eq!(api.get(APP)["spec"]["replicas"], 0);
    assert_eq!(api.get(APP)["metadata"]["annotations"]["theirs"], "kept");
    world.undo(&scale, &checkpoint, Some(&outcome.left)).await.unwrap();
    assert_eq!(api.get(APP)["spec"]["replicas"], 2);
    assert_eq!(api.get(APP)["metadata"]["managedFields"], deployment(2)["metadata"]["managedFields"]);
}

#[tokio::test]
async fn a_count_that_somebody_changed_in_between_is_theirs() {
    let (api, mut world) = scaled();
    let scale = world.step("scale", "scale", json!({ "workloads": ["deployment/app"], "replicas": 0 }));
    let checkpoint = world.prepare(&scale).await.unwrap();
    api.fault(Fault::Overtaken(|object| object["spec"]["replicas"] = json!(7)));
    let error = world.apply(&scale, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("scaled by somebody else"), "{}", error.message);
    assert_eq!((api.get(APP)["spec"]["replicas"].as_i64(), api.patches()), (Some(7), 0));
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_made_once() {
    let (api, mut world) = scaled();
    let scale = world.step("scale", "scale", json!({ "workloads": ["deployment/app"], "replicas": 0 }));
    let checkpoint = world.prepare(&scale).await.unwrap();
    api.fault(Fault::AnswerLost);
    world.apply(&scale, &checkpoint).await.unwrap();
    assert_eq!((api.get(APP)["spec"]["replicas"].as_i64(), api.patches()), (Some(0), 1));
}

#[tokio::test]
async fn an_object_that_never_stands_still_is_given_up_with_words() {
    let (api, mut world) = scaled();
    let scale = world.step("scale", "scale", json!({ "workloads": ["deployment/app"], "replicas": 0 }));
    let checkpoint = world.prepare(&scale).await.unwrap();
    for _ in 0..20 {
        api.fault(Fault::Overtaken(|_| ()));
    }
    let error = world.apply(&scale, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("others change it all the time"), "{}", error.message);
    assert_eq!(api.get(APP)["spec"]["replicas"], 2);
}

#[tokio::test]
async fn an_object_that_was_made_anew_is_not_the_one_that_was_read() {
    let (api, mut world) = scaled();
    let scale = world.step("scale", "scale", json!({ "workloads": ["deployment/app"], "replicas": 0 }));
    let checkpoint = world.prepare(&scale).await.unwrap();
    api.fault(Fault::Overtaken(|object| object["metadata"]["uid"] = json!("another")));
    let error = world.apply(&scale, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("somebody made it anew"), "{}", error.message);
    assert_eq!(api.patches(), 0);
}

#[tokio::test]
async fn whoever_would_scale_it_up_again_is_named() {
    let (api, mut world) = scaled();
    let aim = json!({ "scaleTargetRef": { "kind": "Deployment", "name": "app" }, "minReplicas": 1, "maxReplicas": 3 });
    api.put(
        "/apis/autoscaling/v1/namespaces/apps/horizontalpodautoscalers/hpa",
        json!({ "spec": aim, "status": { "currentReplicas": 2 } }),
    );
    let quiesce = world.step("quiesce", "quiesce", json!({ "workloads": ["deployment/app"] }));
    let findings = quiesce.action.check(&world.context(&quiesce)).await;
    assert_eq!(verdicts(&findings, "hpa (1 to 3, now 2) stands down"), [Verdict::Passed]);
    assert_eq!(verdicts(&findings, "KEDA"), [], "its kind is not served there");
    let keda = "/apis/keda.sh/v1alpha1/namespaces/apps/scaledobjects";
    api.put(&format!("{keda}/scaler"), json!({ "spec": { "scaleTargetRef": { "name": "app" } } }));
    let findings = quiesce.action.check(&world.context(&quiesce)).await;
    assert_eq!(verdicts(&findings, "KEDA ScaledObject scaler would scale it up"), [Verdict::Failed]);
    api.forbid(keda);
    let findings = quiesce.action.check(&world.context(&quiesce)).await;
    assert_eq!(
        verdicts(&findings, "scaledobjects"),
        [Verdict::Unknown],
        "what may not be seen is not taken for absent"
    );
}

/// Flux serves other versions from release to release.
#[tokio::test]
async fn flux_is_paused_in_whichever_version_it_serves() {
    for (controller, path) in [
        ("kustomization", "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/apps/kustomizations/apps"),
        ("kustomization", "/apis/kustomize.toolkit.fluxcd.io/v1beta1/namespaces/apps/kustomizations/apps"),
        ("helmrelease", "/apis/helm.toolkit.fluxcd.io/v2/namespaces/apps/helmreleases/apps"),
        ("helmrelease", "/apis/helm.toolkit.fluxcd.io/v2beta1/namespaces/apps/helmreleases/apps"),
    ] {
        let (api, mut world) = scaled();
        api.put(path, json!({ "spec": { "interval": "1m" } }));
        let with = json!({ "workloads": ["deployment/app"], "sync": [{ "controller": controller, "name": "apps" }] });
        let quiesce = world.step("quiesce", "quiesce", with);
        let (checkpoint, outcome) = world.done(&quiesce).await;
        assert_eq!(api.get(path)["spec"]["suspend"], true, "{path}");
        world.undo(&quiesce, &checkpoint, Some(&outcome.left)).await.unwrap();
        assert_eq!(api.get(path)["spec"], json!({ "interval": "1m" }), "{path}");
    }
}

fn synced(object: &mut Value, status: &str) {
    let annotations = object["metadata"]["annotations"].as_object_mut();
    if annotations.is_some_and(|all| all.remove("argocd.argoproj.io/refresh").is_some()) {
        object["status"] = json!({ "sync": { "status": status },
            "resources": [{ "kind": "ConfigMap", "name": "app", "status": status }, { "kind": "Service", "name": "app", "status": "Synced" }] });
    }
}

/// Argo CD's objects are in a namespace of its own, and it says itself what it would change.
#[tokio::test]
async fn argo_is_asked_before_it_syncs_again() {
    let (api, mut world) = scaled();
    api.put(ARGO, json!({ "spec": { "syncPolicy": { "automated": { "prune": true } } } }));
    let sync = json!([{ "controller": "argocd", "name": "apps", "namespace": "argocd" }]);
    let quiesce = world.step("quiesce", "quiesce", json!({ "workloads": ["deployment/app"], "sync": sync }));
    let resume = world.step("resume-sync", "resume-sync", json!({ "timeout_seconds": 5 }));
    world.done(&quiesce).await;
    assert_eq!(api.get(ARGO)["spec"]["syncPolicy"], json!({}));
    let checkpoint = world.prepare(&resume).await.unwrap();

    api.controller(|object| synced(object, "OutOfSync"));
    let error = world.apply(&resume, &checkpoint).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Waiting);
    assert!(error.message.contains("ConfigMap app is not what the repository says"), "{}", error.message);
    assert!(!error.message.contains("Service app"), "{}", error.message);
    assert_eq!(api.get(ARGO)["spec"]["syncPolicy"], json!({}), "it stays paused");

    api.controller(|object| synced(object, "Synced"));
    world.apply(&resume, &checkpoint).await.unwrap();
    assert_eq!(api.get(ARGO)["spec"]["syncPolicy"]["automated"], json!({ "prune": true }));

    let there = |step: &crate::world::Deed| {
        let (action, context) = (step.action.clone(), world.context(step));
        async move { action.permissions(&context).await.iter().map(ToString::to_string).collect::<Vec<_>>() }
    };
    let patch = "patch applications.argoproj.io apps in namespace argocd".to_owned();
    assert!(there(&quiesce).await.contains(&patch) && there(&resume).await.contains(&patch));
}

/// Grafana's `secret_key` on the old host and in the new workload, which gets it from a Secret.
#[tokio::test]
async fn a_key_is_compared_where_the_workloads_variable_leads() {
    let (api, mut world) = scaled();
    let mut app = deployment(1);
    let from = json!({ "secretKeyRef": { "name": "grafana", "key": "key" } });
    app["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{ "name": "GF_SECURITY_SECRET_KEY", "valueFrom": from }]);
    api.put(APP, app);
    let keeps = |base64: &str| api.put("/api/v1/namespaces/apps/secrets/grafana", json!({ "data": { "key": base64 } }));
    let file = world.write("grafana.ini", "[security]\nsecret_key = k3y-of-grafana\n");
    let same = json!({ "name": "secret_key", "one": { "file": file, "section": "security", "name": "secret_key" },
        "other": { "workload": "deployment/app", "env": "GF_SECURITY_SECRET_KEY" } });
    let health = world.step("health", "health", json!({ "same": [same], "timeout_seconds": 1 }));
    let context = world.context(&health);
    keeps("azN5LW9mLWdyYWZhbmE=");
    let findings = health.action.check(&context).await;
    assert_eq!(findings.iter().map(|finding| &finding.verdict).collect::<Vec<_>>(), [&Verdict::Passed], "{findings:?}");
    keeps("YW5vdGhlci1rM3k=");
    let findings = format!("{:?}", health.action.check(&context).await);
    assert!(findings.contains("hold different values"), "{findings}");
    assert!(!findings.contains("another-k3y") && !findings.contains("k3y-of-grafana"), "{findings}");
    let wanted = health.action.permissions(&context).await;
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    assert_eq!(wanted, ["get deployments.apps app", "get secrets grafana"]);
}

#[tokio::test]
async fn psql_says_what_to_do_where_the_run_has_no_pod_for_it() {
    let api = Api::default();
    let mut world = world(&api);
    let (screen, size) = (DatabaseInspect::new(), (80, 24));
    assert_eq!(screen.terminal(&world.context, size).await.unwrap_err(), "the runbook has no test-pod step");
    world.step("pod", "test-pod", json!({ "image": "psql:1" }));
    world.step("tidy", "cleanup", json!({}));
    let why = screen.terminal(&world.context, size).await.unwrap_err();
    assert!(why.contains("step pod makes it; let the run go past that step"), "{why}");
    let done = |id: &str| (id.to_owned(), Outcome::default());
    world.context.outcomes = Arc::new([done("pod"), done("tidy")].into());
    let why = screen.terminal(&world.context, size).await.unwrap_err();
    assert!(why.contains("step tidy has removed it; roll back to before that step"), "{why}");
}
