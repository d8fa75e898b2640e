//! What a chart comes to: the rights that its objects need, and how they differ from those that the release has now.

use super::manifests;
use super::objects::Kind;
use crate::action::config_file;
use crate::action::{ActionError, Secrets};
use crate::connect::kubernetes::Permission;
use serde_json::Value;
use std::collections::BTreeMap;

/// Lines of a difference that are shown.
const LINES: usize = 80;

/// What `helm` needs to upgrade, wait for and take back a release of these objects. It keeps releases in Secrets whose names only it knows.
pub(super) fn rights(objects: &[Value]) -> Vec<Permission> {
    let mut wanted = Kind::secret().may(&["get", "list", "create", "update", "delete"]);
    for kind in objects.iter().map(manifests::plural) {
        wanted.extend(kind.may(&["get", "list", "watch", "create", "patch", "delete"]));
        if kind.group == "apps" {
            // By these it sees whether a workload is up.
            wanted.extend(Kind::pod().may(&["get", "list", "watch"]));
            wanted.extend(Kind::new("apps", "v1", "replicasets", "replicaset").may(&["get", "list", "watch"]));
        }
    }
    wanted
}

/// How `then` differs from `now`, two manifests as helm writes them: object by object, and nothing of what is in Secrets.
pub(super) fn difference(now: &str, then: &str, secrets: &Secrets) -> Result<String, ActionError> {
    let (now, then) = (documents(now)?, documents(then)?);
    let mut told = Vec::new();
    for (name, text) in &then {
        match now.get(name) {
            None => told.push(format!("+ {name}")),
            Some(before) if before == text => {}
            Some(_) if name.starts_with("Secret ") => told.push(format!("{name}: values that are not shown")),
            Some(before) => {
                told.push(format!("{name}: {}", config_file::difference(before.as_bytes(), text.as_bytes(), secrets)))
            }
        }
    }
    told.extend(now.keys().filter(|name| !then.contains_key(*name)).map(|name| format!("- {name}")));
    Ok(bounded(&told.join("\n")))
}

/// The text of each object by what it is called.
fn documents(manifest: &str) -> Result<BTreeMap<String, String>, ActionError> {
    let mut documents = BTreeMap::new();
    for text in format!("\n{manifest}").split("\n---") {
        for object in manifests::parse(text, "what helm renders")? {
            documents.insert(manifests::label(&object), text.trim().to_owned());
        }
    }
    Ok(documents)
}

fn bounded(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines.len().checked_sub(LINES) {
        None | Some(0) => text.to_owned(),
        Some(more) => format!("{}\n… and {more} lines more", lines[..LINES].join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "---\n# Source: a\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  type: sqlite3\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {x: b25l}\n";

    #[test]
    fn objects_come_go_and_change_and_no_secret_is_shown() {
        let then = NOW.replace("sqlite3", "postgres").replace("b25l", "dHdv")
            + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n";
        let shown = difference(NOW, &then, &Secrets::default()).unwrap();
        for words in
            ["-   type: sqlite3", "+   type: postgres", "Secret s: values that are not shown", "+ Deployment d"]
        {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(!shown.contains("dHdv") && !shown.contains("b25l"), "{shown}");
        assert!(difference(&then, NOW, &Secrets::default()).unwrap().contains("- Deployment d"));
        assert_eq!(difference(NOW, NOW, &Secrets::default()).unwrap(), "");
    }

    #[test]
    fn a_chart_with_a_deployment_needs_its_pods_seen() {
        let objects = manifests::parse("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", "x").unwrap();
        let wanted = rights(&objects);
        assert!(wanted.contains(&Permission::on("apps", "deployments", "patch")));
        assert!(wanted.contains(&Permission::on("apps", "replicasets", "list")));
        assert!(wanted.contains(&Permission::on("", "secrets", "update")));
    }
}
