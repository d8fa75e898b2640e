//! The runbooks that ship: each is read and filled in, with all of its parameters and with as few as will do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cutover::runbook::{Document, Downtime, Gate, Outputs, Runbook, TargetFacts};
use std::path::Path;

fn document(file: &str) -> Document {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    Document::parse(&text, file).unwrap_or_else(|problems| panic!("{problems}"))
}

fn resolve(document: &Document, set: &[(&str, &str)]) -> Runbook {
    let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let facts = TargetFacts { host: "db.internal".into(), port: 5433, database: "app".into(), user: "owner".into() };
    let values = document.gather(&set, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    document.resolve(&values, &facts, &Outputs::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

const SHIPPED: &[&str] =
    &["runbooks/grafana.yaml", "runbooks/grafana-oncall.yaml", "runbooks/django.yaml", "runbooks/demo.yaml"];

/// Those for a cluster: steps by id, from a pod.
const ON_A_CLUSTER: &[&str] = &["runbooks/grafana-kubernetes.yaml", "runbooks/grafana-oncall-kubernetes.yaml"];

fn ids(runbook: &Runbook) -> Vec<&str> {
    runbook.steps.iter().map(|step| step.id.0.as_str()).collect()
}

#[test]
fn runbooks_for_a_cluster_resolve_from_a_pod_and_from_a_host() {
    let first = ["preflight", "test-pod", "generate-schema", "scan"];
    let middle = ["snapshot", "truncate", "copy", "verify", "spot-check"];
    let last = ["start", "health", "cleanup"];
    for (file, switches) in [
        (ON_A_CLUSTER[0], ["switch-variables", "switch-config"]),
        (ON_A_CLUSTER[1], ["switch-config", "switch-celery"]),
    ] {
        let document = document(file);
        for (place, quiesce) in [("pod", "quiesce"), ("host", "quiesce-host")] {
            let runbook = resolve(&document, &[("context", "prod"), ("source", place), ("host_stop", "true")]);
            let order: Vec<&str> =
                first.iter().chain(&[quiesce]).chain(&middle).chain(&switches).chain(&last).copied().collect();
            assert_eq!(ids(&runbook), order, "{file} from a {place}");
            assert_eq!(runbook.source.pod.is_some(), place == "pod", "{file}");
            assert_eq!(runbook.steps[4].downtime, Some(Downtime::Begins), "{file}");
            assert_eq!(runbook.steps[12].id.0, "start", "{file}");
            assert!(runbook.steps.iter().any(|step| step.downtime == Some(Downtime::Ends)), "{file}");
            assert!(runbook.steps.iter().all(|step| !step.note.is_empty()), "{file}: each step says why it is there");
            let typed = runbook.steps.iter().find(|step| matches!(step.gate, Gate::Typed(_))).unwrap();
            assert_eq!(typed.gate, Gate::Typed(runbook.service.name.clone()), "{file}");
            assert_eq!(typed.id.0, switches[0], "{file}: the name is typed before the first switch");
            assert!(runbook.point_of_no_return.is_some(), "{file}");
        }
    }
}

#[test]
fn a_grafana_that_moves_to_the_cluster_is_asked_for_its_secret_key_before_it_stops() {
    let document = document(ON_A_CLUSTER[0]);
    let host = [("context", "prod"), ("source", "host"), ("host_stop", "true"), ("host_config", "grafana.ini")];
    let ids = resolve(&document, &host).steps.into_iter().map(|step| step.id.0).collect::<Vec<_>>();
    let place = |id: &str| ids.iter().position(|step| step == id).unwrap();
    assert!(place("secret-key") < place("quiesce-host"), "{ids:?}");
}

#[test]
fn grafana_on_a_cluster_can_be_switched_by_its_environment() {
    let document = document(ON_A_CLUSTER[0]);
    let runbook = resolve(&document, &[("context", "prod"), ("configmap", "")]);
    assert!(ids(&runbook).contains(&"switch-env") && !ids(&runbook).contains(&"switch-config"));
    assert_eq!(runbook.point_of_no_return.as_ref().map(|id| id.0.as_str()), Some("start"));
}

#[test]
fn shipped_runbooks_resolve_with_every_parameter() {
    for file in SHIPPED {
        let document = document(file);
        for config in configs(file) {
            let runbook = shipped(&document, config);
            assert_eq!(runbook.point_of_no_return.as_ref(), Some(&runbook.steps[9].id), "{file}");
            let gates: Vec<_> =
                runbook.steps.iter().filter(|step| step.gate != Gate::None).map(|step| step.id.0.as_str()).collect();
            assert_eq!(gates, ["quiesce", "truncate", "spot-check", &runbook.steps[9].id.0], "{file}");
            assert_eq!(runbook.steps[9].gate, Gate::Typed(runbook.service.name.clone()), "{file}");
            assert!(runbook.steps.iter().all(|step| !step.note.is_empty()), "{file}: each step says why it is there");
        }
    }
}

/// The demo has one configuration file, of its own.
fn configs(file: &str) -> &'static [&'static str] {
    if file.ends_with("demo.yaml") { &["app.ini"] } else { &["app.ini", "app.env"] }
}

fn shipped(document: &Document, config: &str) -> Runbook {
    let wanted = [
        ("sqlite", "app.db"),
        ("config", config),
        ("schema_sql", "schema.sql,rows.sql"),
        ("stop", "true"),
        ("start", "true"),
        ("health_url", "http://localhost:3000/api/health"),
    ];
    let known: Vec<_> =
        wanted.into_iter().filter(|(name, _)| document.parameters().iter().any(|p| p.name == *name)).collect();
    let runbook = resolve(document, &known);
    let ids: Vec<&str> = runbook.steps.iter().map(|step| step.id.0.as_str()).collect();
    let switch = if config.ends_with("env") { "switch-env" } else { "switch-config" };
    let order = [
        "preflight",
        "generate-schema",
        "scan",
        "quiesce",
        "snapshot",
        "truncate",
        "copy",
        "verify",
        "spot-check",
        switch,
        "start",
        "health",
    ];
    assert_eq!(ids, order, "{}", document.file());
    assert_eq!(runbook.steps[3].downtime, Some(Downtime::Begins));
    assert_eq!(runbook.steps[11].downtime, Some(Downtime::Ends));
    runbook
}

#[test]
fn shipped_runbooks_resolve_with_the_source_alone() {
    for file in &SHIPPED[..3] {
        let document = document(file);
        let runbook = resolve(&document, &[("sqlite", "app.db")]);
        let ids: Vec<&str> = runbook.steps.iter().map(|step| step.id.0.as_str()).collect();
        assert_eq!(
            ids,
            ["preflight", "scan", "quiesce", "snapshot", "truncate", "copy", "verify", "spot-check", "health"]
        );
    }
}

#[test]
fn every_shipped_runbook_is_among_those_tested() {
    let mut there: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks"))
        .unwrap()
        .map(|entry| format!("runbooks/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    there.sort();
    let mut tested: Vec<_> = SHIPPED.iter().chain(ON_A_CLUSTER).copied().collect();
    tested.sort_unstable();
    assert_eq!(there, tested);
}
