//! The Roles of `assets/rbac`: what preflight asks for each runbook that ships for a cluster.

use crate::api::Api;
use crate::world::World;
use cutover::action::enough;
use cutover::runbook::{Document, Outputs, TargetFacts};
use std::path::Path;
use std::sync::Arc;

/// The file that goes with a runbook, whose parameters stand at their defaults.
async fn asset(name: &str) -> String {
    let file = format!("runbooks/{name}.yaml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).unwrap();
    let document = Document::parse(&text, &file).unwrap();
    let set = [("context".to_owned(), "any".to_owned())];
    let values = document.gather(&set, &|_| None).unwrap();
    let runbook = document.resolve(&values, &TargetFacts::default(), &Outputs::new()).unwrap();
    let namespace = runbook.service.namespace.clone();
    let mut world = World::new();
    world.context.cluster = Some(Api::default().cluster());
    world.context.run = "RUN".to_owned();
    world.context.runbook = Arc::new(runbook);
    format!(
        "# What {file} needs on its cluster, with its parameters at their defaults. Written by `make rbac` from what preflight asks for.\n\
         #\n\
         # Former states are kept in a Secret that is named after the run, which nobody knows beforehand; `cutover run … --until preflight`\n\
         # begins the run, says its id, and prints this Role with it. Then, for the engineer EMAIL:\n\
         #\n\
         #   sed 's/RUN/…/' assets/rbac/{name}.yaml | kubectl -n {namespace} apply -f -\n\
         #   kubectl -n {namespace} create rolebinding cutover --role=cutover-{name} --user=EMAIL\n\
         #   cutover resume RUN\n{}",
        enough(&world.context).await
    )
}

#[tokio::test]
async fn the_roles_that_ship_are_what_preflight_asks_for() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/rbac");
    for name in ["grafana-kubernetes", "grafana-oncall-kubernetes"] {
        let (path, wanted) = (directory.join(format!("{name}.yaml")), asset(name).await);
        if std::env::var_os("CUTOVER_WRITE_RBAC").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(there, wanted, "{} is not what preflight asks for: `make rbac` writes it anew", path.display());
        for rule in ["\"secrets\"", "\"cutover-RUN\"", "\"pods/exec\"", "\"deployments\""] {
            assert!(there.contains(rule), "{name}: {rule}");
        }
    }
}
