//! Switches variables of a workload's container, literal ones and those that come from a Secret or ConfigMap.

use super::objects::Target;
use super::rivals;
use super::switch::Part;
use super::workload::Workload;
use crate::action::ActionError;
use crate::runbook::settings::{ValueFrom, WorkloadEnv};
use serde_json::{Value, json};

/// The part: one container's variables.
pub(in crate::action) struct SwitchEnv(pub WorkloadEnv);

impl SwitchEnv {
    /// The container's place in the pod template.
    fn container(&self, object: &Value) -> Result<usize, ActionError> {
        let all = object["spec"]["template"]["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Vec<&str> = all.iter().filter_map(|container| container["name"].as_str()).collect();
        let found = match (&self.0.container, &names[..]) {
            (Some(name), _) => names.iter().position(|known| known == name),
            (None, [_]) => Some(0),
            (None, _) => None,
        };
        found.ok_or_else(|| {
            let asked = self.0.container.as_deref().unwrap_or("the one to change");
            ActionError::refused(format!(
                "changing variables of {}: it has the containers {}, and `container` must name {asked} of them",
                self.0.workload,
                names.join(", ")
            ))
        })
    }
}

/// A part is the container's whole list; null where it has none.
impl Part for SwitchEnv {
    fn does(&self) -> String {
        format!("Changes variables of {}.", self.0.workload)
    }

    fn effects(&self) -> Vec<String> {
        let set = self.0.set.iter().map(|(name, value)| format!("{name} = {value}"));
        let from = self.0.from.iter().map(|(name, from)| format!("{name} from {}", origin(from)));
        let unset = self.0.unset.iter().map(|name| format!("{name} taken out"));
        set.chain(from).chain(unset).collect()
    }

    fn target(&self, namespace: &str) -> Result<Target, ActionError> {
        Ok(Workload::new(&self.0.workload, namespace)?.target)
    }

    fn read(&self, object: &Value) -> Result<Value, ActionError> {
        let index = self.container(object)?;
        Ok(object["spec"]["template"]["spec"]["containers"][index]["env"].clone())
    }

    fn wanted(&self, former: &Value) -> Result<Value, ActionError> {
        let mut all = former.as_array().cloned().unwrap_or_default();
        all.retain(|variable| !self.0.unset.iter().any(|name| variable["name"] == name.as_str()));
        let set = self.0.set.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        let from = self.0.from.iter().map(|(name, from)| json!({ "name": name, "valueFrom": reference(from) }));
        // What a value names as $(NAME) has to stand before it.
        for variable in from.chain(set) {
            let refers = variable["value"].as_str().is_some_and(|value| value.contains("$("));
            match all.iter_mut().find(|known| known["name"] == variable["name"]) {
                Some(known) if !refers => *known = variable,
                _ => {
                    all.retain(|known| known["name"] != variable["name"]);
                    all.push(variable);
                }
            }
        }
        Ok(if all.is_empty() { Value::Null } else { Value::Array(all) })
    }

    fn operations(&self, object: &Value, from: &Value, to: &Value) -> Vec<Value> {
        let Ok(index) = self.container(object) else { return Vec::new() };
        let container = format!("/spec/template/spec/containers/{index}");
        let name = &object["spec"]["template"]["spec"]["containers"][index]["name"];
        let path = format!("{container}/env");
        let mut operations = vec![json!({ "op": "test", "path": format!("{container}/name"), "value": name })];
        if !from.is_null() {
            operations.push(json!({ "op": "test", "path": path, "value": from }));
        }
        operations.push(match to.is_null() {
            true => json!({ "op": "remove", "path": path }),
            false => json!({ "op": "add", "path": path, "value": to }),
        });
        operations
    }

    fn shown(&self, part: &Value) -> Vec<u8> {
        let line = |variable: &Value| {
            let name = variable["name"].as_str().unwrap_or_default();
            match variable["valueFrom"].is_null() {
                true => format!("{name}={}\n", variable["value"].as_str().unwrap_or_default()),
                false => format!("{name} from {}\n", variable["valueFrom"]),
            }
        };
        part.as_array().into_iter().flatten().map(line).collect::<String>().into_bytes()
    }

    fn refusal(&self, target: &Target, object: &Value) -> Option<(String, String)> {
        let (owner, remedy) = rivals::operator(object)?;
        Some((format!("{target} belongs to {owner}, which would write it again"), remedy))
    }
}

fn reference(from: &ValueFrom) -> Value {
    match (&from.secret, &from.configmap) {
        (Some(name), _) => json!({ "secretKeyRef": { "name": name, "key": from.key } }),
        (None, name) => json!({ "configMapKeyRef": { "name": name, "key": from.key } }),
    }
}

fn origin(from: &ValueFrom) -> String {
    match (&from.secret, &from.configmap) {
        (Some(name), _) => format!("{} of Secret {name}", from.key),
        (None, name) => format!("{} of ConfigMap {}", from.key, name.as_deref().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> SwitchEnv {
        SwitchEnv(WorkloadEnv {
            workload: "deployment/a".into(),
            container: Some("app".into()),
            set: [("TYPE".to_owned(), "postgres".to_owned()), ("NEW".to_owned(), "1".to_owned())].into(),
            from: [(
                "PASSWORD".to_owned(),
                ValueFrom { secret: Some("db".into()), key: "password".into(), configmap: None },
            )]
            .into(),
            unset: vec!["PATH".to_owned()],
        })
    }

    fn workload(env: Value) -> Value {
        let mut app = json!({ "name": "app", "image": "i" });
        if !env.is_null() {
            app["env"] = env;
        }
        json!({ "spec": { "template": { "spec": { "containers": [{ "name": "side" }, app] } } } })
    }

    fn patch(object: &Value, operations: Vec<Value>) -> Value {
        let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
        let mut after = object.clone();
        json_patch::patch(&mut after, &patch).unwrap();
        after
    }

    #[test]
    fn variables_keep_their_places_and_come_back() {
        let env = json!([
            { "name": "TYPE", "value": "sqlite3" }, { "name": "PATH", "value": "/a" },
            { "name": "PASSWORD", "value": "old" }, { "name": "KEPT", "valueFrom": { "fieldRef": { "fieldPath": "x" } } }]);
        for before in [workload(env), workload(Value::Null)] {
            let former = part().read(&before).unwrap();
            let wanted = part().wanted(&former).unwrap();
            let after = patch(&before, part().operations(&before, &former, &wanted));
            assert_eq!(part().read(&after).unwrap(), wanted);
            assert_eq!(patch(&after, part().operations(&after, &wanted, &former)), before);
            assert!(!wanted.as_array().unwrap().iter().any(|variable| variable["name"] == "PATH"));
        }
        let names: Vec<Value> = part()
            .wanted(
                &part()
                    .read(&workload(json!([
            { "name": "TYPE", "value": "sqlite3" }, { "name": "KEPT", "value": "k" }])))
                    .unwrap(),
            )
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].clone())
            .collect();
        assert_eq!(names, ["TYPE", "KEPT", "PASSWORD", "NEW"]);
    }

    #[test]
    fn a_container_has_to_be_named_where_there_are_several() {
        let mut nameless = part();
        nameless.0.container = None;
        let error = nameless.read(&workload(Value::Null)).unwrap_err();
        assert!(error.message.contains("side, app"), "{error}");
        nameless.0.container = Some("nobody".into());
        assert!(nameless.read(&workload(Value::Null)).is_err());
    }
}
