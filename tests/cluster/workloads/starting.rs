//! `start`: up with new pods, or a clear state.

use super::Rig;

const START: &str = "- {action: quiesce, with: {workloads: [deployment/app]}}\n- {action: start, with: {workloads: [deployment/app], timeout_seconds: 45}}\n";

#[test]
fn an_application_comes_up_with_as_many_new_pods_as_before() {
    let Some(rig) = Rig::new() else { return };
    rig.application(2);
    let before = super::owners(&rig.object("deployment/app"));
    let old = rig.pods("app=app");
    let ran = rig.run(START);
    ran.succeeded();
    let new = rig.pods("app=app");
    assert_eq!(new.lines().count(), 2, "{new}");
    assert!(old.lines().all(|pod| !new.contains(pod)), "{old}\n{new}");
    assert_eq!(super::owners(&rig.object("deployment/app")), before, "the count belongs to its owner again");
    rig.rollback(&ran.run).succeeded();
    assert_eq!(rig.replicas("deployment/app"), 2);
    assert_eq!(super::owners(&rig.object("deployment/app")), before);
}

/// Without a quiesce step the pods that read the former configuration are replaced.
#[test]
fn running_pods_are_made_anew() {
    let Some(rig) = Rig::new() else { return };
    rig.application(1);
    let old = rig.pods("app=app");
    rig.run("- {action: start, with: {workloads: [deployment/app]}}\n").succeeded();
    assert_ne!(rig.pods("app=app"), old);
}

fn stuck(patch: &str, mend: &str, words: &[&str]) {
    let Some(rig) = Rig::new() else { return };
    rig.application(1);
    rig.stage.kubectl(&["scale", "deployment/app", "--replicas=0"]);
    rig.stage.kubectl(&["patch", "deployment/app", "-p", patch]);
    let start = "- {action: start, with: {workloads: [deployment/app], replicas: 1, timeout_seconds: 60}}\n";
    let ran = rig.run(start);
    ran.failed(words).failed(&["deployment/app to be up"]);
    rig.stage.kubectl(&["patch", "deployment/app", "-p", mend]);
    rig.resume(&ran.run).succeeded();
    assert_eq!(rig.object("deployment/app")["status"]["readyReplicas"], 1, "retry works");
    rig.rollback(&ran.run).succeeded();
    assert_eq!(rig.replicas("deployment/app"), 0);
    assert_eq!(rig.pods("app=app"), "");
}

#[test]
fn a_rollout_that_never_becomes_ready_says_why() {
    stuck(
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","readinessProbe":{"exec":{"command":["false"]},"periodSeconds":1}}]}}}}"#,
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","readinessProbe":null}]}}}}"#,
        &["0 of 1 pods ready", "Unhealthy"],
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    stuck(
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"local/nothing:1"}]}}}}"#,
        &format!(
            r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"app","image":"{}"}}]}}}}}}}}"#,
            crate::stage::image("psql")
        ),
        &["ImagePull", "local/nothing:1"],
    );
}

#[test]
fn a_pod_that_no_node_takes_is_told() {
    stuck(
        r#"{"spec":{"template":{"spec":{"nodeSelector":{"disk":"golden"}}}}}"#,
        r#"{"spec":{"template":{"spec":{"nodeSelector":null}}}}"#,
        &["node", "FailedScheduling"],
    );
}
