//! `switch-config` on what a cluster holds.

use super::{Rig, owners};
use serde_json::Value;

const INI: &str = "- {id: ini, action: switch-config, with: {configmap: app, key: app.ini, set: {database: {type: postgres, host: \"db:5432\"}}, unset: {database: [path]}}}\n";
const YAML: &str = "- {id: yaml, action: switch-config, with: {configmap: app, key: values.yaml, set: {database: {type: postgres}}}}\n";
const SECRET: &str = "- {id: secret, action: switch-config, with: {secret_name: app-env, set: {\"\": {APP_DATABASE_TYPE: postgres, APP_DATABASE_HOST: db}}, unset: {\"\": [APP_DATABASE_PATH]}}}\n";
const ENV: &str = "- {id: env, action: switch-config, with: {env: {workload: deployment/app, set: {TYPE: postgres}, from: {PASSWORD: {secret: app-env, key: APP_DATABASE_TYPE}}, unset: [SQLITE]}}}\n";

const OBJECTS: [&str; 3] = ["configmap/app", "secret/app-env", "deployment/app"];

fn kept(rig: &Rig) -> Vec<(Value, Value, Vec<Value>)> {
    let one = |name: &str| {
        let object = rig.object(name);
        (object["data"].clone(), object["spec"].clone(), owners(&object))
    };
    OBJECTS.into_iter().map(one).collect()
}

/// Owned by client-side apply, by server-side apply, and by both after another.
#[test]
fn a_switch_is_taken_back_to_the_byte_and_to_the_owner() {
    let Some(rig) = Rig::new() else { return };
    for server_side in [false, true] {
        if server_side {
            rig.stage.kubectl(&["delete", "deployment/app", "configmap/app", "secret/app-env", "--wait"]);
            rig.own(&super::application(0)).unwrap();
        } else {
            rig.apply(&super::application(0));
        }
        rig.stage
            .soon(30, "the controller", || !rig.object("deployment/app")["status"]["observedGeneration"].is_null());
        let before = kept(&rig);
        let ran = rig.run(&[INI, YAML, SECRET, ENV].concat());
        ran.succeeded();

        let map = rig.object("configmap/app");
        assert_eq!(
            map["data"]["app.ini"],
            "; kept\n[database]\ntype = postgres\n;path = \"/data/app.db\" ; where\nhost = db:5432\n"
        );
        assert_eq!(map["data"]["values.yaml"], "# kept\ndatabase:\n  type: postgres # old\n");
        let env = rig.object("deployment/app")["spec"]["template"]["spec"]["containers"][0]["env"].clone();
        assert_eq!(env[0], serde_json::json!({ "name": "TYPE", "value": "postgres" }));
        assert!(env.to_string().contains("secretKeyRef") && !env.to_string().contains("SQLITE"), "{env}");
        assert!(!ran.said.contains("cG9zdGdyZXM"), "no value of a Secret is told");
        // Nothing of ours owns a field, so that the owner's next apply meets nobody.
        for name in OBJECTS {
            assert!(!owners(&rig.object(name)).iter().any(|entry| entry["manager"] == "cutover"), "{name}");
        }

        rig.rollback(&ran.run).succeeded();
        assert_eq!(kept(&rig), before, "server-side: {server_side}");
        rig.nothing_left("");
        if server_side {
            rig.own(&super::application(0)).expect("the owner's apply meets no conflict");
        } else {
            rig.apply(&super::application(0));
        }
    }
}

#[test]
fn the_owners_apply_works_while_it_is_switched() {
    let Some(rig) = Rig::new() else { return };
    rig.own(&super::application(0)).unwrap();
    let ran = rig.run(&[INI, SECRET, ENV].concat());
    ran.succeeded();
    let new = super::application(0).replace("type = sqlite3", "type = mysql");
    rig.own(&new).expect("no conflict before a rollback");
    // The owner wrote something else: a rollback keeps it and shows both.
    rig.rollback(&ran.run).failed(&["edited by somebody else since the switch"]);
    assert!(rig.object("configmap/app")["data"]["app.ini"].to_string().contains("mysql"));
}

#[test]
fn an_edit_after_the_switch_is_not_overwritten() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&super::application(0));
    let ran = rig.run(INI);
    ran.succeeded();
    let edit = r#"{"data":{"app.ini":"[database]\ntype = postgres\nmax = 7\n"}}"#;
    rig.stage.kubectl(&["patch", "configmap/app", "--type=merge", "-p", edit]);
    rig.rollback(&ran.run).failed(&["edited by somebody else since the switch", "max = 7"]);
    assert!(rig.object("configmap/app")["data"]["app.ini"].to_string().contains("max = 7"));
}

#[test]
fn an_object_that_moves_all_the_time_is_switched_all_the_same() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&super::application(0));
    let done = std::sync::atomic::AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            for count in 0..500 {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                rig.stage.kubectl(&["annotate", "--overwrite", "configmap/app", &format!("count={count}")]);
            }
        });
        let ran = rig.run(INI);
        let back = rig.rollback(&ran.run);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        back.succeeded();
        ran
    });
    ran.succeeded();
    let map = rig.object("configmap/app");
    assert!(map["data"]["app.ini"].to_string().contains("sqlite3"));
    assert!(!map["metadata"]["annotations"]["count"].is_null(), "what others wrote stays");
}

#[test]
fn what_must_be_changed_elsewhere_is_refused_untouched() {
    let Some(rig) = Rig::new() else { return };
    rig.apply(&super::application(0));
    let owner = rig.object("deployment/app")["metadata"]["uid"].as_str().unwrap().to_owned();
    rig.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: frozen}, immutable: true, data: {a.ini: \"[d]\\nx = 1\\n\"}}");
    rig.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: app-5c9h2gk6mt}, data: {a.ini: \"[d]\\nx = 1\\n\"}}");
    rig.apply(&format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: owned, ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, \
         name: app, uid: {owner}, controller: true}}]}}, data: {{a.ini: \"[d]\\nx = 1\\n\"}}}}"
    ));
    for (name, words) in [
        ("frozen", "is immutable"),
        ("app-5c9h2gk6mt", "named by a hash"),
        ("owned", "belongs to Deployment app"),
        ("absent", "there is no configmap absent"),
    ] {
        let ran = rig.run(&format!(
            "- {{action: switch-config, with: {{configmap: {name}, key: a.ini, set: {{d: {{x: \"2\"}}}}}}}}\n"
        ));
        ran.failed(&[words, "\"refused\":true"]);
        rig.cutover(&["forget", &ran.run, "--yes"], &[]);
        rig.nothing_left("");
    }
}
