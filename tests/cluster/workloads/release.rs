//! `helm`, by the program.

use super::Rig;
use crate::support::skipped;
use std::path::Path;

fn chart(rig: &Rig) -> String {
    let chart = rig.file("chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: small\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("values.yaml"), "kind: sqlite3\npassword: none\n").unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\ndata: {kind: \"{{ .Values.kind }}\"}\n";
    std::fs::write(chart.join("templates/map.yaml"), template).unwrap();
    chart.display().to_string()
}

/// `helm` where the machine has it, else its engine behind a small program of the tests.
fn with_helm(mut rig: Rig) -> Option<Rig> {
    if std::process::Command::new("helm").arg("version").output().is_ok() {
        return Some(rig);
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/helm");
    let fetched =
        std::process::Command::new(home.join("ensure.sh")).output().ok().filter(|output| output.status.success());
    let Some(fetched) = fetched else {
        skipped("there is no program `helm`, and its engine could not be fetched (tests/cluster/helm/ensure.sh)");
        return None;
    };
    let path = format!("{}:{}", home.display(), std::env::var("PATH").unwrap_or_default());
    let sdk = String::from_utf8_lossy(&fetched.stdout).trim().to_owned();
    rig.env = vec![("PATH".to_owned(), path), ("CUTOVER_TEST_HELM_SDK".to_owned(), sdk)];
    Some(rig)
}

#[test]
fn a_release_is_upgraded_and_rolled_back() {
    let Some(rig) = Rig::new() else { return };
    let Some(rig) = with_helm(rig) else { return };
    let chart = chart(&rig);
    let step = |kind: &str| {
        format!(
            "- {{action: helm, with: {{release: small, chart: {chart}, set: {{kind: {kind}}}, secret: {{password: h1dden-word}}, timeout_seconds: 60}}}}\n"
        )
    };
    let first = rig.run(&step("sqlite3"));
    first.succeeded();
    assert_eq!(rig.object("configmap/small")["data"]["kind"], "sqlite3");
    rig.rollback(&first.run).succeeded();
    assert!(rig.stage.kubectl_may_fail(&["get", "configmap/small"]).is_err(), "there was none before");

    let first = rig.run(&step("sqlite3"));
    first.succeeded();
    let second = rig.run(&step("postgres"));
    second.succeeded();
    assert!(!second.said.contains("h1dden-word"));
    assert_eq!(rig.object("configmap/small")["data"]["kind"], "postgres");
    rig.rollback(&second.run).succeeded();
    assert_eq!(rig.object("configmap/small")["data"]["kind"], "sqlite3");
    // Revision 3 is not what the first run left.
    rig.rollback(&first.run).failed(&["changed by somebody else"]);
}
