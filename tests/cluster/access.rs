//! What a user may do: exactly the printed Role is enough, and whatever lacks is named before anything is touched.

use crate::gateway::told;
use crate::stage::stage;
use crate::walk::{App, Volume};
use cutover::connect::kubernetes::Permission;
use std::path::Path;
use std::process::Output;

/// The rights of the Role that preflight prints.
pub fn printed(text: &str) -> Vec<Permission> {
    let list = |line: &str| -> Vec<String> {
        let inner = line.split_once('[').unwrap().1.trim_end_matches(']');
        inner.split(", ").map(|item| item.trim_matches('"').to_owned()).collect()
    };
    let mut rights = Vec::new();
    let (mut group, mut resources, mut names) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("- apiGroups:") {
            (group, names) = (list(line).remove(0), Vec::new());
        } else if line.starts_with("resources:") {
            resources = list(line);
        } else if line.starts_with("resourceNames:") {
            names = list(line);
        } else if line.starts_with("verbs:") {
            for resource in &resources {
                for verb in list(line) {
                    let right = Permission::on(&group, resource, &verb);
                    rights.push(names.first().map_or(right.clone(), |name| right.clone().named(name)));
                }
            }
        }
    }
    rights
}

#[test]
fn the_printed_role_is_enough_for_the_whole_way_and_with_any_verb_less_preflight_names_it() {
    let Some(stage) = stage() else { return };
    let app = App::deploy(&stage, Volume::Claim, "port-forward");
    let as_user = |kubeconfig: &Path, arguments: &[&str]| -> Output {
        stage.cutover(arguments).env("KUBECONFIG", kubeconfig).output().unwrap()
    };
    let secret = Permission::on("", "secrets", "get").named("database");
    let nobody = stage.user("nobody", std::slice::from_ref(&secret));
    let refused = as_user(&nobody, &["run", app.runbook.to_str().unwrap(), "--headless", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    let role = told(&refused);
    let role = role.split_once("kind: Role").unwrap_or_else(|| panic!("no Role in {role}")).1;
    let mut rights = printed(role);
    rights.sort();
    rights.dedup();
    assert!(rights.len() > 20, "{rights:?}");

    let id = app.id();
    let resume = ["resume", id.as_str(), "--headless", "--yes"];
    for (index, missing) in rights.iter().enumerate().filter(|(_, right)| **right != secret) {
        let rest: Vec<Permission> = rights.iter().filter(|right| *right != missing).cloned().collect();
        let refused = as_user(&stage.user(&format!("less-{index}"), &rest), &resume);
        assert_eq!(refused.status.code(), Some(1), "without {missing}: {}", told(&refused));
        assert!(told(&refused).contains(&format!("may {missing}")), "without {missing}: {}", told(&refused));
    }
    assert_eq!(stage.nothing_of_ours(), "", "nothing was touched");

    let enough = stage.user("enough", &rights);
    let done = as_user(&enough, &resume);
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    app.on_postgres();
    let back = as_user(&enough, &["rollback", &id, "--headless", "--yes"]);
    assert_eq!(back.status.code(), Some(0), "{}", told(&back));
    app.on_sqlite();
    let forgotten = as_user(&enough, &["forget", &id, "--yes"]);
    assert_eq!(forgotten.status.code(), Some(0), "{}", told(&forgotten));
    assert_eq!(stage.nothing_of_ours(), "");
}
