//! Switches keys of a ConfigMap or Secret: a file in one key, edited without losing a byte, or whole keys.

use super::objects::{self, Kind, Target};
use super::rivals;
use super::switch::Part;
use crate::action::ActionError;
use crate::action::config_file::Change;
use crate::runbook::settings;
use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The part: keys of one object.
pub(in crate::action) struct SwitchObject(pub settings::SwitchConfig);

impl SwitchObject {
    fn is_secret(&self) -> bool {
        self.0.secret_name.is_some()
    }

    fn label(&self) -> String {
        match (&self.0.configmap, &self.0.secret_name) {
            (Some(name), _) => format!("ConfigMap {name}"),
            (None, name) => format!("Secret {}", name.as_deref().unwrap_or_default()),
        }
    }

    /// The keys of the object that the step may touch.
    fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = match &self.0.key {
            Some(key) => vec![key],
            None => self.0.edits().into_iter().map(|edit| edit.key).collect(),
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn refused(&self, reason: &str) -> ActionError {
        ActionError::refused(format!("editing {}: {reason}", self.label()))
    }

    fn decoded(&self, value: &Value) -> Result<Vec<u8>, ActionError> {
        if !self.is_secret() {
            return Ok(value.as_str().unwrap_or_default().as_bytes().to_vec());
        }
        let bytes: Result<ByteString, _> = serde_json::from_value(value.clone());
        bytes.map(|bytes| bytes.0).map_err(|error| self.refused(&error.to_string()))
    }

    fn encoded(&self, bytes: Vec<u8>) -> Result<Value, ActionError> {
        if self.is_secret() {
            return Ok(json!(ByteString(bytes)));
        }
        String::from_utf8(bytes).map(Value::String).map_err(|_| self.refused("what comes out is no text"))
    }
}

/// A part is a map of keys to values; null where a key is not there.
impl Part for SwitchObject {
    fn does(&self) -> String {
        let key = self.0.key.as_ref().map(|key| format!("{key} in ")).unwrap_or_default();
        format!("Edits {key}{}, leaving everything else as it is.", self.label())
    }

    fn effects(&self) -> Vec<String> {
        self.0.effects()
    }

    fn target(&self, namespace: &str) -> Result<Target, ActionError> {
        Ok(match (&self.0.configmap, &self.0.secret_name) {
            (Some(name), _) => Target::new(Kind::config_map(), namespace, name),
            (None, name) => Target::new(Kind::secret(), namespace, name.as_deref().unwrap_or_default()),
        })
    }

    fn read(&self, object: &Value) -> Result<Value, ActionError> {
        let mut part = Map::new();
        for key in self.keys() {
            if !object["binaryData"][key].is_null() {
                return Err(self.refused(&format!("{key} is binary data; store it as text first")));
            }
            part.insert(key.to_owned(), object["data"][key].clone());
        }
        if let Some(key) = self.0.key.as_ref().filter(|key| part[key.as_str()].is_null()) {
            let there = object["data"].as_object().into_iter().flatten().map(|(key, _)| key.as_str());
            let there = there.collect::<Vec<_>>().join(", ");
            return Err(self.refused(&format!("it has no key {key}; it has {there}")));
        }
        Ok(Value::Object(part))
    }

    fn wanted(&self, former: &Value) -> Result<Value, ActionError> {
        let mut part = former.clone();
        if let Some(key) = &self.0.key {
            let edited =
                self.0.edited(key, &self.decoded(&former[key.as_str()])?).map_err(|reason| self.refused(&reason))?;
            part[key.as_str()] = self.encoded(edited)?;
            return Ok(part);
        }
        for edit in self.0.edits() {
            if !edit.section.is_empty() {
                return Err(self.refused(&format!(
                    "[{}] is no key; name the file with `key`, or write the empty section",
                    edit.section
                )));
            }
            part[edit.key] = match edit.change {
                Change::Set(value) => self.encoded(value.as_bytes().to_vec())?,
                Change::Unset => Value::Null,
            };
        }
        Ok(part)
    }

    fn operations(&self, object: &Value, from: &Value, to: &Value) -> Vec<Value> {
        let mut operations = Vec::new();
        if object["data"].is_null() {
            operations.push(json!({ "op": "add", "path": "/data", "value": {} }));
        }
        for key in self.keys().into_iter().filter(|key| from[*key] != to[*key]) {
            let path = format!("/data/{}", objects::escaped(key));
            if !from[key].is_null() {
                operations.push(json!({ "op": "test", "path": path, "value": from[key] }));
            }
            operations.push(match to[key].is_null() {
                true => json!({ "op": "remove", "path": path }),
                false => json!({ "op": "add", "path": path, "value": to[key] }),
            });
        }
        operations
    }

    fn shown(&self, part: &Value) -> Vec<u8> {
        let keys = || self.keys().into_iter();
        match &self.0.key {
            Some(key) if !self.is_secret() => part[key.as_str()].as_str().unwrap_or_default().as_bytes().to_vec(),
            // A value of a Secret is told apart, never shown.
            _ if self.is_secret() => {
                keys().map(|key| format!("{key} is {}\n", fingerprint(&part[key]))).collect::<String>().into_bytes()
            }
            _ => keys().map(|key| format!("{key} = {}\n", part[key])).collect::<String>().into_bytes(),
        }
    }

    fn refusal(&self, target: &Target, object: &Value) -> Option<(String, String)> {
        rivals::unswitchable(target, object)
    }
}

fn fingerprint(value: &Value) -> String {
    match value.as_str() {
        None => "absent".to_owned(),
        Some(text) => {
            let digest = Sha256::digest(text);
            format!("sha256 {}", digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::settings::{ConfigFormat, SwitchConfig};

    fn set(
        section: &str,
        key: &str,
        value: &str,
    ) -> std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> {
        [(section.to_owned(), [(key.to_owned(), value.to_owned())].into())].into()
    }

    fn patched(part: &SwitchObject, object: &Value) -> Value {
        let former = part.read(object).unwrap();
        let wanted = part.wanted(&former).unwrap();
        let patch: json_patch::Patch =
            serde_json::from_value(json!(part.operations(object, &former, &wanted))).unwrap();
        let mut after = object.clone();
        json_patch::patch(&mut after, &patch).unwrap();
        let back: json_patch::Patch = serde_json::from_value(json!(part.operations(&after, &wanted, &former))).unwrap();
        let mut again = after.clone();
        json_patch::patch(&mut again, &back).unwrap();
        assert_eq!(again["data"], object["data"], "the undo brings back what stood there");
        after
    }

    #[test]
    fn an_ini_key_is_edited_in_place_and_back() {
        let text = "; Grafana\n[database]\ntype = sqlite3\n\n[server]\n";
        let object = json!({ "data": { "grafana.ini": text, "other": "x" } });
        let part = SwitchObject(SwitchConfig {
            configmap: Some("grafana".into()),
            key: Some("grafana.ini".into()),
            set: set("database", "type", "postgres"),
            ..SwitchConfig::default()
        });
        let after = patched(&part, &object);
        assert_eq!(after["data"]["grafana.ini"], text.replace("sqlite3", "postgres"));
        assert_eq!(after["data"]["other"], "x");
    }

    #[test]
    fn a_yaml_key_of_a_secret_is_edited_and_never_shown() {
        let object = json!({ "data": { "app.yaml": ByteString(b"db:\n  url: sqlite\n".to_vec()) } });
        let part = SwitchObject(SwitchConfig {
            secret_name: Some("app".into()),
            key: Some("app.yaml".into()),
            format: Some(ConfigFormat::Yaml),
            set: set("db", "url", "postgres"),
            ..SwitchConfig::default()
        });
        let after = patched(&part, &object);
        let bytes: ByteString = serde_json::from_value(after["data"]["app.yaml"].clone()).unwrap();
        assert_eq!(bytes.0, b"db:\n  url: postgres\n");
        let shown = String::from_utf8(part.shown(&after["data"])).unwrap();
        assert!(shown.starts_with("app.yaml is sha256 ") && !shown.contains("postgres"), "{shown}");
    }

    #[test]
    fn whole_keys_are_added_changed_and_removed() {
        let part = SwitchObject(SwitchConfig {
            secret_name: Some("env".into()),
            set: [(
                String::new(),
                [("NEW".to_owned(), "n".to_owned()), ("TYPE".to_owned(), "postgres".to_owned())].into(),
            )]
            .into(),
            unset: [(String::new(), vec!["PATH/x".to_owned()])].into(),
            ..SwitchConfig::default()
        });
        let object = json!({ "data": { "TYPE": ByteString(b"sqlite3".to_vec()), "PATH/x": ByteString(b"/a".to_vec()), "KEPT": "eA==" } });
        let after = patched(&part, &object);
        assert_eq!(
            after["data"],
            json!({ "TYPE": ByteString(b"postgres".to_vec()), "KEPT": "eA==", "NEW": ByteString(b"n".to_vec()) })
        );
        assert_eq!(patched(&part, &json!({ "data": {} }))["data"]["NEW"], json!(ByteString(b"n".to_vec())));
    }

    #[test]
    fn a_key_that_is_not_there_is_named_with_those_that_are() {
        let part = SwitchObject(SwitchConfig {
            configmap: Some("c".into()),
            key: Some("grafana.ini".into()),
            set: set("a", "b", "c"),
            ..SwitchConfig::default()
        });
        let error = part.read(&json!({ "data": { "custom.ini": "" } })).unwrap_err();
        assert!(error.message.contains("no key grafana.ini") && error.message.contains("custom.ini"), "{error}");
    }
}
