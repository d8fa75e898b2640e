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
    let mut tested: Vec<_> = SHIPPED.to_vec();
    tested.sort_unstable();
    assert_eq!(there, tested);
}
