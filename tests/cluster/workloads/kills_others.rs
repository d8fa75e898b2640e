//! Killed in steps that act on what other programs keep: `scale`, `helm` and `resume-sync`. Resumed, or taken back, by a rollback that is
//! killed as well; and killed while helm itself is at work.

use super::gitops::crds;
use super::release::{chart, with_helm};
use super::{Ran, Rig, owners};
use crate::stage::image;
use serde_json::Value;
use std::process::Stdio;

const AFTER: &str = "action.amend.after";

/// A rig with helm, GitOps objects and an application, the steps that are killed, and how everything stood before them.
struct Case {
    rig: Rig,
    steps: String,
    before: Vec<Value>,
}

impl Case {
    fn new() -> Option<Self> {
        let rig = with_helm(Rig::new()?)?;
        // The kinds of another's cluster are not ours to define.
        crate::stage::components()?;
        crds(&rig);
        rig.apply(&super::application(0));
        rig.apply("{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: apps}, spec: {syncPolicy: {automated: {prune: true}}}}");
        rig.apply("{apiVersion: kustomize.toolkit.fluxcd.io/v1beta2, kind: Kustomization, metadata: {name: apps}, spec: {path: x}}");
        rig.apply(&idle());
        let desired = super::application(0).trim_start().split("\n---").next().unwrap().to_owned();
        std::fs::write(rig.file("desired.yaml"), desired).unwrap();
        let steps = format!(
            "- {{action: scale, with: {{workloads: [deployment/app], replicas: 1}}}}\n\
             - {{action: helm, with: {{release: small, chart: {}, set: {{kind: postgres}}, timeout_seconds: 60}}}}\n\
             - {{action: quiesce, with: {{workloads: [deployment/idle], sync: [{{controller: argocd, name: apps}}, {{controller: kustomization, name: apps}}]}}}}\n\
             - {{action: resume-sync, with: {{manifests: [{}]}}}}\n",
            chart(&rig),
            rig.file("desired.yaml").display()
        );
        rig.stage
            .soon(30, "the controller", || !rig.object("deployment/app")["status"]["observedGeneration"].is_null());
        let before = state(&rig);
        Some(Self { rig, steps, before })
    }

    fn run(&self, env: &[(&str, &str)]) -> Ran {
        self.rig.run_file(&self.rig.runbook(&self.steps), env)
    }

    fn killed_at(&self, point: &str) -> Ran {
        let ran = self.run(&[("CUTOVER_CRASH_AT", point)]);
        assert_eq!(ran.code, None, "it is killed at {point}: {}", ran.said);
        ran
    }

    /// Runs and goes back without a kill; how often objects were amended each way.
    fn amended(&self) -> [usize; 2] {
        let [there, back] = ["there", "back"].map(|name| self.rig.file(name).display().to_string());
        let ran = self.run(&[("CUTOVER_CRASH_TRACE", &there)]);
        ran.succeeded();
        self.back(&ran, &[("CUTOVER_CRASH_TRACE", &back)]).succeeded();
        self.stands("no kill");
        [there, back].map(|trace| std::fs::read_to_string(trace).unwrap().lines().filter(|name| *name == AFTER).count())
    }

    fn back(&self, ran: &Ran, env: &[(&str, &str)]) -> Ran {
        self.rig.cutover(&["rollback", &ran.run, "--headless", "--yes", "--output", "json"], env)
    }

    #[track_caller]
    fn stands(&self, after: &str) {
        self.rig.nothing_left("");
        assert_eq!(state(&self.rig), self.before, "after {after}");
        assert_eq!(self.rig.pods("app=app"), "", "after {after}");
        crate::support::say(&format!("{after}: stands as it stood"));
    }
}

fn idle() -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: idle}}, spec: {{replicas: 0, selector: {{matchLabels: {{app: idle}}}}, \
         template: {{metadata: {{labels: {{app: idle}}}}, spec: {{containers: [{{name: c, image: \"{}\"}}]}}}}}}}}",
        image("psql")
    )
}

/// What the steps change, and all that helm could leave behind.
fn state(rig: &Rig) -> Vec<Value> {
    let one = |name: &str| {
        let object = rig.object(name);
        serde_json::json!([object["spec"], object["metadata"]["annotations"], owners(&object)])
    };
    let mut all: Vec<Value> =
        ["deployment/app", "deployment/idle", "application/apps", "kustomization/apps"].into_iter().map(one).collect();
    all.push(names(rig).into());
    all
}

/// Everything that helm could leave behind; the controllers' own ConfigMap comes when it comes.
fn names(rig: &Rig) -> String {
    let but = "metadata.name!=kube-root-ca.crt";
    rig.stage.kubectl(&["get", "configmaps,secrets,deployments", "--field-selector", but, "-o", "name"])
}

#[test]
fn a_killed_scale_helm_or_resume_sync_is_resumed_and_its_killed_rollback_taken_up() {
    let Some(case) = Case::new() else { return };
    let [there, back] = case.amended();
    // In the middle of scale, helm and resume-sync; then of the undo of resume-sync, helm and scale.
    let kills = [
        (format!("{AFTER}:1"), format!("{AFTER}:1")),
        ("action.helm.after:1".to_owned(), "action.helm.undo.after:1".to_owned()),
        (format!("{AFTER}:{}", there - 1), format!("{AFTER}:{back}")),
    ];
    for (forward, backward) in kills {
        let ran = case.killed_at(&forward);
        case.rig.resume(&ran.run).succeeded();
        assert_eq!(case.rig.object("configmap/small")["data"]["kind"], "postgres");
        let killed = case.back(&ran, &[("CUTOVER_CRASH_AT", &backward)]);
        assert_eq!(killed.code, None, "it is killed at {backward}: {}", killed.said);
        case.back(&ran, &[]).succeeded();
        case.stands(&format!("killed at {forward}, and back at {backward}"));
    }
}

#[test]
fn a_killed_scale_helm_or_resume_sync_is_taken_back_at_once() {
    let Some(case) = Case::new() else { return };
    let [there, _] = case.amended();
    for point in ["action.amend.before:1", "action.helm.before:1", &format!("action.amend.before:{}", there - 1)] {
        let ran = case.killed_at(point);
        case.back(&ran, &[]).succeeded();
        case.stands(&format!("killed at {point}"));
    }
}

/// The release's Deployment is up once somebody makes ConfigMap `gate`.
fn gated(rig: &Rig) -> String {
    let chart = chart(rig);
    let template = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: gated}}\nspec:\n  selector: {{matchLabels: {{app: gated}}}}\n  template:\n    \
         metadata: {{labels: {{app: gated}}}}\n    spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: c, image: \"{}\", \
         volumeMounts: [{{name: gate, mountPath: /gate}}]}}], volumes: [{{name: gate, configMap: {{name: gate}}}}]}}\n",
        image("psql")
    );
    std::fs::write(rig.file("chart").join("templates/gated.yaml"), template).unwrap();
    chart
}

/// Kills the run while helm waits for what it installed; helm itself lives on.
fn killed_while_helm_waits(rig: &Rig, steps: &str) -> String {
    let runbook = rig.runbook(steps).display().to_string();
    let mut command = rig.stage.cutover(&["run", &runbook, "--headless", "--yes"]);
    command.env("DATABASE_URL", &rig.url).envs(rig.env.iter().cloned()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pending = ["get", "secrets", "-l", "owner=helm,status=pending-install", "-o", "name"];
    rig.stage.soon(60, "helm to wait", || !rig.stage.kubectl(&pending).is_empty());
    rig.stage.soon(30, "its Deployment", || rig.stage.kubectl_may_fail(&["get", "deployment/gated"]).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
    rig.runs().pop().unwrap()
}

#[test]
fn a_helm_that_was_left_waiting_is_ended_and_its_release_taken_back_or_finished() {
    let Some(rig) = Rig::new() else { return };
    let Some(rig) = with_helm(rig) else { return };
    let steps = format!("- {{action: helm, with: {{release: small, chart: {}, timeout_seconds: 60}}}}\n", gated(&rig));
    let before = names(&rig);
    let run = killed_while_helm_waits(&rig, &steps);
    rig.rollback(&run).succeeded();
    assert_eq!(names(&rig), before, "nothing of a release that was never finished");

    let run = killed_while_helm_waits(&rig, &steps);
    rig.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: gate}, data: {open: \"yes\"}}");
    rig.resume(&run).succeeded();
    assert_eq!(rig.object("deployment/gated")["status"]["readyReplicas"], 1);
    rig.rollback(&run).succeeded();
    rig.stage.kubectl(&["delete", "configmap/gate"]);
    assert_eq!(names(&rig), before);
}
