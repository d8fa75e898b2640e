//! `helm`, by the program.

use super::{Rig, owners};
use crate::access::printed;
use crate::support::{psql, skipped};
use cutover::connect::kubernetes::Permission;
use std::path::Path;
use std::process::Command;

/// A chart of one ConfigMap.
pub fn chart(rig: &Rig) -> String {
    let chart = rig.file("chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: small\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("values.yaml"), "kind: sqlite3\npassword: none\n").unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\ndata: {kind: \"{{ .Values.kind }}\", app.ini: \"[database]\\ntype = sqlite3\\n\"}\n";
    std::fs::write(chart.join("templates/map.yaml"), template).unwrap();
    chart.display().to_string()
}

/// `helm` where the machine has it, else its engine behind a small program of the tests.
pub fn with_helm(mut rig: Rig) -> Option<Rig> {
    if Command::new("helm").arg("version").output().is_ok() {
        return Some(rig);
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/helm");
    let fetched = Command::new(home.join("ensure.sh")).output().ok().filter(|output| output.status.success());
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

/// helm by its owner's hand.
fn helm(rig: &Rig, arguments: &[&str]) {
    let place = ["--kube-context", &rig.stage.context, "--namespace", &rig.stage.namespace];
    let mut command = Command::new("helm");
    command.args(arguments).args(place).env("KUBECONFIG", &rig.stage.kubeconfig);
    let path = rig.env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.envs(rig.env.iter().cloned());
    crate::support::run(&mut command);
}

/// A release whose ConfigMap a run switches belongs to helm before, meanwhile, and afterwards.
#[test]
fn the_owners_helm_upgrade_works_while_it_is_switched_and_after_a_rollback() {
    let Some(rig) = Rig::new() else { return };
    let Some(rig) = with_helm(rig) else { return };
    let chart = chart(&rig);
    let map = || rig.object("configmap/small");
    let upgrade =
        |kind: &str| helm(&rig, &["upgrade", "small", &chart, "--install", "--set", &format!("kind={kind}"), "--wait"]);
    let switch =
        "- {action: switch-config, with: {configmap: small, key: app.ini, set: {database: {type: postgres}}}}\n";
    upgrade("sqlite3");
    let before = (map()["data"].clone(), owners(&map()));
    let ran = rig.run(switch);
    ran.succeeded();
    assert!(map()["data"]["app.ini"].to_string().contains("type = postgres"));
    rig.rollback(&ran.run).succeeded();
    assert_eq!((map()["data"].clone(), owners(&map())), before, "bytes and owners are as they were");
    upgrade("mysql");
    assert_eq!(map()["data"]["kind"], "mysql");

    let ran = rig.run(switch);
    ran.succeeded();
    upgrade("sqlite3");
    assert!(map()["data"]["app.ini"].to_string().contains("type = sqlite3"), "what the chart says stands");
    let meanwhile = (map()["data"].clone(), owners(&map()));
    rig.rollback(&ran.run).succeeded();
    assert_eq!((map()["data"].clone(), owners(&map())), meanwhile, "helm had put it back already");
}

#[test]
fn preflight_shows_what_a_release_would_change_and_asks_for_what_its_chart_needs() {
    let Some(rig) = Rig::new() else { return };
    let Some(rig) = with_helm(rig) else { return };
    // A target without tables is refused, whoever asks.
    psql(&rig.url, "create table note (id bigint)");
    let chart = chart(&rig);
    helm(&rig, &["upgrade", "small", &chart, "--install", "--set", "kind=sqlite3", "--wait"]);
    let steps = format!(
        "- {{action: preflight}}\n- {{action: helm, with: {{release: small, chart: {chart}, set: {{kind: postgres}}, secret: {{password: h1dden-word}}, timeout_seconds: 60}}}}\n"
    );
    let runbook = rig.runbook(&steps);
    let nobody = rig.stage.user("nobody", &[Permission::on("", "events", "list")]);
    let refused = rig.run_file(&runbook, &[("KUBECONFIG", nobody.to_str().unwrap())]);
    refused.failed(&["may create secrets", "may patch configmaps"]);
    let text = refused.said.replace("\\n", "\n").replace("\\\"", "\"");
    let mut rights = printed(text.split_once("kind: Role").unwrap().1);
    rights.sort();
    rights.dedup();
    let enough = rig.stage.user("enough", &rights);
    let with = [("KUBECONFIG", enough.to_str().unwrap())];
    // The same run: what the Role names is named after it.
    let ran = rig.cutover(&["resume", &refused.run, "--headless", "--yes", "--output", "json"], &with);
    ran.succeeded();
    assert!(ran.said.contains("ConfigMap small: ") && ran.said.contains("kind: \\\"postgres\\\""), "{}", ran.said);
    assert!(!ran.said.contains("h1dden-word"), "{}", ran.said);
    assert_eq!(rig.object("configmap/small")["data"]["kind"], "postgres");
    rig.cutover(&["rollback", &ran.run, "--headless", "--yes", "--output", "json"], &with).succeeded();
    assert_eq!(rig.object("configmap/small")["data"]["kind"], "sqlite3");
}
