//! Killed at its crash points, then resumed or taken back: nothing is left of ours, and the application stands as it stood.

use super::{Rig, owners};
use crate::stage::image;
use serde_json::Value;
use std::collections::BTreeMap;

fn steps() -> String {
    format!(
        "- {{action: apply, with: {{manifest: \"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: made}}, data: {{a: b}}}}\"}}}}\n\
         - {{action: job, with: {{timeout_seconds: 90, manifest: \"{{apiVersion: batch/v1, kind: Job, spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: j, image: '{}', command: ['true']}}]}}}}}}}}\"}}}}\n\
         - {{action: quiesce, with: {{workloads: [deployment/app]}}}}\n\
         - {{id: ini, action: switch-config, with: {{configmap: app, key: app.ini, set: {{database: {{type: postgres}}}}}}}}\n\
         - {{id: secret, action: switch-config, with: {{secret_name: app-env, set: {{\"\": {{APP_DATABASE_TYPE: postgres}}}}}}}}\n\
         - {{id: env, action: switch-config, with: {{env: {{workload: deployment/app, set: {{TYPE: postgres}}}}}}}}\n\
         - {{action: start, with: {{workloads: [deployment/app], timeout_seconds: 90}}}}\n\
         - {{action: cleanup}}\n",
        image("psql")
    )
}

/// Data, specification and owners of an object.
type Standing = (Value, Value, Vec<Value>);

fn state(rig: &Rig) -> Vec<Standing> {
    let one = |name: &str| {
        let object = rig.object(name);
        (object["data"].clone(), object["spec"].clone(), owners(&object))
    };
    ["configmap/app", "secret/app-env", "deployment/app"].into_iter().map(one).collect()
}

/// The crash points of the cluster steps that a command reaches, with how often.
fn reached(trace: &std::path::Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let text = std::fs::read_to_string(trace).unwrap();
    for name in text.lines().filter(|name| name.starts_with("action.")) {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    assert!(counts.len() >= 4, "{counts:?}");
    counts
}

/// One of each kind of point at a place that differs with `turn`, so that the kills spread over all steps.
fn chosen(points: &BTreeMap<String, usize>, turn: usize) -> Vec<String> {
    let at = |(index, (name, count)): (usize, (&String, &usize))| format!("{name}:{}", 1 + (turn + 2 * index) % count);
    points.iter().enumerate().map(at).collect()
}

/// A rig with the application up, and how it stands.
fn ready() -> Option<(Rig, Vec<Standing>)> {
    let rig = Rig::new()?;
    rig.application(1);
    let before = state(&rig);
    Some((rig, before))
}

#[track_caller]
fn stands(rig: &Rig, before: &[Standing], point: &str) {
    rig.nothing_left("");
    assert_eq!(state(rig), before, "after {point}");
    assert_eq!(rig.object("deployment/app")["status"]["readyReplicas"], 1, "after {point}");
    crate::support::say(&format!("killed at {point}: stands as it stood"));
}

fn killed(turn: usize, then: impl Fn(&Rig, &str)) {
    let Some((rig, before)) = ready() else { return };
    let trace = rig.file("trace");
    let whole = rig.run_file(&rig.runbook(&steps()), &[("CUTOVER_CRASH_TRACE", &trace.display().to_string())]);
    whole.succeeded();
    rig.rollback(&whole.run).succeeded();
    stands(&rig, &before, "no point");
    for point in chosen(&reached(&trace), turn) {
        let ran = rig.run_file(&rig.runbook(&steps()), &[("CUTOVER_CRASH_AT", &point)]);
        assert_eq!(ran.code, None, "it is killed at {point}: {}", ran.said);
        then(&rig, &ran.run);
        stands(&rig, &before, &point);
    }
}

#[test]
fn a_killed_run_is_resumed_and_taken_back() {
    killed(0, |rig, run| {
        rig.resume(run).succeeded();
        assert!(rig.object("configmap/app")["data"]["app.ini"].to_string().contains("postgres"));
        rig.rollback(run).succeeded();
    });
}

#[test]
fn a_killed_run_is_taken_back_at_once() {
    killed(1, |rig, run| {
        rig.rollback(run).succeeded();
    });
}

#[test]
fn a_killed_rollback_is_taken_up_again() {
    let Some((rig, before)) = ready() else { return };
    let trace = rig.file("trace");
    let rollback = |run: &str, env: &[(&str, &str)]| {
        rig.cutover(&["rollback", run, "--headless", "--yes", "--lose-writes", "--output", "json"], env)
    };
    let whole = rig.run_file(&rig.runbook(&steps()), &[]);
    whole.succeeded();
    rollback(&whole.run, &[("CUTOVER_CRASH_TRACE", &trace.display().to_string())]).succeeded();
    for point in chosen(&reached(&trace), 0) {
        let ran = rig.run_file(&rig.runbook(&steps()), &[]);
        ran.succeeded();
        let killed = rollback(&ran.run, &[("CUTOVER_CRASH_AT", &point)]);
        assert_eq!(killed.code, None, "it is killed at {point}: {}", killed.said);
        rig.rollback(&ran.run).succeeded();
        stands(&rig, &before, &point);
    }
}
