//! `quiesce` and `scale`.

use super::{Rig, owners};
use crate::stage::image;

const QUIESCE: &str = "- {action: quiesce, with: {workloads: [deployment/app, statefulset/set]}}\n";

fn set() -> String {
    format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: set}}, spec: {{replicas: 1, serviceName: set, \
         selector: {{matchLabels: {{app: set}}}}, template: {{metadata: {{labels: {{app: set}}}}, spec: {{terminationGracePeriodSeconds: 1, \
         containers: [{{name: set, image: \"{}\"}}]}}}}}}}}",
        image("psql")
    )
}

#[test]
fn workloads_go_to_nothing_and_come_back_as_they_were() {
    let Some(rig) = Rig::new() else { return };
    rig.application(2);
    rig.apply(&set());
    rig.stage.kubectl(&["rollout", "status", "statefulset/set", "--timeout=120s"]);
    let before = owners(&rig.object("deployment/app"));
    rig.apply(
        "{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: scaler}, spec: {minReplicas: 1, maxReplicas: 3, \
         scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}}}",
    );

    let ran = rig.run(QUIESCE);
    ran.succeeded();
    assert!(ran.said.contains("autoscaler scaler (1 to 3, now ") && ran.said.contains("stands down at 0 replicas"));
    assert_eq!((rig.replicas("deployment/app"), rig.replicas("statefulset/set")), (0, 0));
    assert_eq!(rig.pods("app in (app,set)"), "");

    rig.rollback(&ran.run).succeeded();
    assert_eq!((rig.replicas("deployment/app"), rig.replicas("statefulset/set")), (2, 1));
    assert_eq!(owners(&rig.object("deployment/app")), before, "the fields belong to those who owned them");
    rig.apply(&super::application(2));
    rig.nothing_left("");
}

#[test]
fn a_count_that_somebody_changed_is_not_overwritten() {
    let Some(rig) = Rig::new() else { return };
    rig.application(1);
    let ran = rig.run("- {action: scale, with: {workloads: [deployment/app], replicas: 2}}\n");
    ran.succeeded();
    assert_eq!(rig.replicas("deployment/app"), 2);
    rig.stage.kubectl(&["scale", "deployment/app", "--replicas=3"]);
    rig.rollback(&ran.run).failed(&["scaled by somebody else", "2 replicas were left, 3 are wanted now"]);
    assert_eq!(rig.replicas("deployment/app"), 3);
    rig.stage.kubectl(&["scale", "deployment/app", "--replicas=2"]);
    rig.rollback(&ran.run).succeeded();
    assert_eq!(rig.replicas("deployment/app"), 1);
}

#[test]
fn a_writer_that_came_back_stops_the_switch() {
    let Some(rig) = Rig::new() else { return };
    rig.application(1);
    let kubectl = format!(
        "kubectl --kubeconfig {} --context {} -n {}",
        rig.stage.kubeconfig.display(),
        rig.stage.context,
        rig.stage.namespace
    );
    let ran = rig.run(&format!(
        "- {{action: quiesce, with: {{workloads: [deployment/app]}}}}\n\
         - {{action: shell, with: {{apply: '{kubectl} scale deployment/app --replicas=1'}}}}\n\
         - {{action: switch-config, with: {{configmap: app, key: app.ini, set: {{database: {{type: postgres}}}}}}}}\n"
    ));
    ran.failed(&["deployment/app", "was stopped and runs again"]);
    let ini = rig.object("configmap/app")["data"]["app.ini"].to_string();
    assert!(ini.contains("sqlite3"), "{ini}");
}
