//! GitOps objects: paused by `quiesce`, given back by `resume-sync` or a rollback. Their controllers are not there; their API is.

use super::Rig;

/// The kinds of GitOps and of KEDA.
pub fn crds(rig: &Rig) {
    for (plural, kind, group, version) in [
        ("applications", "Application", "argoproj.io", "v1alpha1"),
        ("kustomizations", "Kustomization", "kustomize.toolkit.fluxcd.io", "v1beta2"),
        ("scaledobjects", "ScaledObject", "keda.sh", "v1alpha1"),
    ] {
        let name = format!("{plural}.{group}");
        rig.apply(&format!(
            "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: {name}}}, spec: {{group: {group}, \
             scope: Namespaced, names: {{plural: {plural}, kind: {kind}}}, versions: [{{name: {version}, served: true, storage: true, \
             schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}]}}}}"
        ));
        rig.stage.kubectl(&["wait", "--for=condition=Established", &format!("crd/{name}"), "--timeout=30s"]);
    }
}

#[test]
fn sync_is_paused_and_given_back_only_when_the_repository_says_what_runs() {
    let Some(rig) = Rig::new() else { return };
    // The kinds of another's cluster are not ours to define.
    if crate::stage::components().is_none() {
        return;
    }
    crds(&rig);
    rig.apply(&super::application(0));
    rig.apply("{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: apps}, spec: {project: x, syncPolicy: {automated: {prune: true}, retry: {limit: 2}}}}");
    rig.apply("{apiVersion: kustomize.toolkit.fluxcd.io/v1beta2, kind: Kustomization, metadata: {name: apps}, spec: {path: x}}");
    let before = ["application/apps", "kustomization/apps"].map(|name| super::owners(&rig.object(name)));
    let ini = "; kept\\n[database]\\ntype = TYPE\\npath = \\\"/data/app.db\\\" ; where\\n";
    let desired = |kind: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: app}}, data: {{app.ini: \"{}\", values.yaml: \"# kept\\ndatabase:\\n  type: sqlite3 # old\\n\"}}}}",
            ini.replace("TYPE", kind)
        );
        std::fs::write(rig.file("desired.yaml"), text).unwrap();
    };
    desired("sqlite3");
    let ran = rig.run(&format!(
        "- {{action: quiesce, with: {{workloads: [deployment/app], sync: [{{controller: argocd, name: apps}}, {{controller: kustomization, name: apps}}]}}}}\n\
         - {{action: switch-config, with: {{configmap: app, key: app.ini, set: {{database: {{type: postgres}}}}}}}}\n\
         - {{action: resume-sync, with: {{manifests: [{}]}}}}\n",
        rig.file("desired.yaml").display()
    ));
    assert_eq!(ran.code, Some(3), "{}", ran.said);
    ran.failed(&["stays paused", "configmap app data app.ini", "- type = sqlite3", "+ type = postgres"]);
    let application = rig.object("application/apps");
    assert_eq!(application["spec"]["syncPolicy"], serde_json::json!({ "retry": { "limit": 2 } }));
    assert_eq!(rig.object("kustomization/apps")["spec"]["suspend"], true);

    desired("postgres");
    rig.resume(&ran.run).succeeded();
    let given_back = |when: &str| {
        assert_eq!(
            rig.object("application/apps")["spec"]["syncPolicy"]["automated"],
            serde_json::json!({ "prune": true }),
            "{when}"
        );
        assert!(rig.object("kustomization/apps")["spec"]["suspend"].is_null(), "{when}");
        assert_eq!(
            ["application/apps", "kustomization/apps"].map(|name| super::owners(&rig.object(name))),
            before,
            "{when}"
        );
    };
    given_back("after resume-sync");
    rig.rollback(&ran.run).succeeded();
    given_back("after the rollback");
    assert!(rig.object("configmap/app")["data"]["app.ini"].to_string().contains("sqlite3"));

    rig.apply("{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: scaler}, spec: {scaleTargetRef: {name: app}}}");
    let runbook = rig.runbook("- {action: preflight}\n- {action: quiesce, with: {workloads: [deployment/app]}}\n");
    rig.run_file(&runbook, &[]).failed(&["KEDA ScaledObject scaler would scale it up again", "paused-replicas=0"]);
}
