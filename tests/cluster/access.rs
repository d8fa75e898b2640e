//! What a user may do: exactly the printed Role is enough, and whatever lacks is named before anything is touched.

use crate::stage::{Stage, image, stage};
use cutover::connect::kubernetes::Permission;
use std::path::{Path, PathBuf};
use std::process::Output;

const SCHEMA: &str = include_str!("../../assets/demo/postgres.sql");

fn runbook(stage: &Stage) -> PathBuf {
    let (sqlite, schema) = (stage.directory.path().join("app.db"), stage.directory.path().join("schema.sql"));
    cutover::demo::source::generate(&sqlite, 50).unwrap();
    std::fs::write(&schema, SCHEMA).unwrap();
    let text = format!(
        "name: rights\nsource: {{sqlite: {}}}\ntarget: {{secret: database, gateway: exec}}\n\
         service: {{platform: kubernetes, namespace: {}}}\nsteps:\n- {{action: preflight}}\n\
         - {{action: test-pod, with: {{image: \"{}\"}}}}\n- {{action: generate-schema, with: {{sql: [{}]}}}}\n",
        sqlite.display(),
        stage.namespace,
        image("psql"),
        schema.display()
    );
    let path = stage.directory.path().join("rights.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

fn run(stage: &Stage, kubeconfig: &Path, runbook: &Path, until: &str) -> Output {
    let arguments =
        ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes", "--until", until];
    stage.cutover(&arguments).env("KUBECONFIG", kubeconfig).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The rights of the Role that preflight prints.
fn printed(text: &str) -> Vec<Permission> {
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
fn the_printed_role_is_enough_and_with_any_verb_less_preflight_names_it() {
    let Some(stage) = stage() else { return };
    stage.database();
    let runbook = runbook(&stage);
    let secret = Permission::on("", "secrets", "get").named("database");
    let nobody = stage.user("nobody", std::slice::from_ref(&secret));
    let refused = run(&stage, &nobody, &runbook, "preflight");
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    let role = told(&refused);
    let role = role.split_once("kind: Role").unwrap_or_else(|| panic!("no Role in {role}")).1;
    let mut rights = printed(role);
    rights.sort();
    rights.dedup();
    assert!(rights.len() > 8, "{rights:?}");
    for (index, missing) in rights.iter().enumerate().filter(|(_, right)| **right != secret) {
        let rest: Vec<Permission> = rights.iter().filter(|right| *right != missing).cloned().collect();
        let user = stage.user(&format!("less-{index}"), &rest);
        let refused = run(&stage, &user, &runbook, "test-pod");
        assert_eq!(refused.status.code(), Some(1), "without {missing}: {}", told(&refused));
        assert!(told(&refused).contains(&format!("may {missing}")), "without {missing}: {}", told(&refused));
        assert_eq!(stage.left_of_ours(), "", "without {missing}");
    }
    let enough = stage.user("enough", &rights);
    let done = run(&stage, &enough, &runbook, "test-pod");
    assert!(told(&done).contains("the database answers"), "{}", told(&done));
}
