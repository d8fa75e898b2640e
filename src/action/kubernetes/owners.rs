//! Who owns which field of an object (`metadata.managedFields`), given back after a change of ours.
//!
//! A patch takes every field that it changes from its owner: the owner's next server-side apply would then end in a conflict with us.
//! So after each change, and after each undo, the fields go back to those who owned them, as if they had made the change themselves.
//! A patch of the list that changes nothing else is taken by the API server as it is.

use super::objects::Target;
use crate::action::ActionError;
use crate::connect::kubernetes::{Cluster, names};
use serde_json::{Map, Value, json};

/// The list as it stands.
pub(super) fn of(object: &Value) -> Vec<Value> {
    object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
}

/// Gives the fields of an object back to those who owned them in `former`. What others came to own since stays theirs.
pub(super) async fn give_back(cluster: &Cluster, target: &Target, former: &[Value]) -> Result<(), ActionError> {
    if former.is_empty() {
        return Ok(()); // kept by a server that does not tell
    }
    let decide = |found: &Value| {
        let now = of(found);
        let restored = restored(former, &now);
        let wanted = restored != now;
        Ok(wanted.then(|| vec![json!({ "op": "add", "path": "/metadata/managedFields", "value": restored })]))
    };
    target.amend(cluster, decide).await.map(|_| ())
}

/// The list that says again what `former` said, with what others did since.
pub(super) fn restored(former: &[Value], now: &[Value]) -> Vec<Value> {
    let mut all: Vec<Value> = former
        .iter()
        .map(|then| match now.iter().find(|entry| same_owner(entry, then)) {
            None => then.clone(),
            Some(entry) if is_ours(entry) || entry["fieldsV1"] == then["fieldsV1"] && entry["time"] == then["time"] => {
                then.clone()
            }
            Some(entry) => both(then, entry),
        })
        .collect();
    let new = |entry: &&Value| !is_ours(entry) && !former.iter().any(|then| same_owner(then, entry));
    all.extend(now.iter().filter(new).cloned());
    all
}

fn is_ours(entry: &Value) -> bool {
    entry["manager"] == names::MANAGER
}

fn same_owner(one: &Value, other: &Value) -> bool {
    ["manager", "operation", "apiVersion", "subresource"].iter().all(|key| one[*key] == other[*key])
}

/// What an owner had and what it has; the status is written by controllers all the time, and counts as it is.
fn both(then: &Value, now: &Value) -> Value {
    let mut then_fields = then["fieldsV1"].clone();
    if let Some(fields) = then_fields.as_object_mut() {
        fields.remove("f:status");
    }
    let mut entry = now.clone();
    let mut fields = now["fieldsV1"].clone();
    merge(&mut fields, &then_fields);
    // Only our change lies in between: the entry says again when its owner wrote.
    if fields == then["fieldsV1"] {
        return then.clone();
    }
    entry["fieldsV1"] = fields;
    entry
}

fn merge(into: &mut Value, from: &Value) {
    let Some(from) = from.as_object() else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    if let Some(into) = into.as_object_mut() {
        for (key, value) in from {
            merge(into.entry(key.clone()).or_insert_with(|| json!({})), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, time: &str, fields: Value) -> Value {
        json!({ "manager": manager, "operation": operation, "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
                "fieldsV1": fields })
    }

    #[test]
    fn what_a_patch_took_goes_back_to_its_owner() {
        let former = [entry("kubectl", "Apply", "1", json!({"f:data": {"f:a": {}, "f:b": {}}}))];
        let now = [
            entry("kubectl", "Apply", "1", json!({"f:data": {"f:b": {}}})),
            entry("cutover", "Update", "2", json!({"f:data": {"f:a": {}}})),
        ];
        assert_eq!(restored(&former, &now), former);
        assert_eq!(restored(&former, &former), former);
    }

    #[test]
    fn an_owner_that_lost_everything_is_back() {
        let former = [entry("helm", "Update", "1", json!({"f:data": {"f:a": {}}}))];
        let now = [entry("cutover", "Update", "2", json!({"f:data": {"f:a": {}}}))];
        assert_eq!(restored(&former, &now), former);
    }

    #[test]
    fn what_others_did_since_stays() {
        let former = [entry("helm", "Update", "1", json!({"f:data": {"f:a": {}, "f:b": {}}}))];
        let label = entry("kubectl-label", "Update", "3", json!({"f:metadata": {"f:labels": {"f:x": {}}}}));
        let now = [
            entry("helm", "Update", "4", json!({"f:data": {"f:b": {}, "f:c": {}}})),
            entry("cutover", "Update", "2", json!({"f:data": {"f:a": {}}})),
            label.clone(),
        ];
        let merged = entry("helm", "Update", "4", json!({"f:data": {"f:b": {}, "f:c": {}, "f:a": {}}}));
        assert_eq!(restored(&former, &now), [merged, label]);
    }

    #[test]
    fn a_status_that_moved_on_is_not_taken_back() {
        let controller = |time: &str, status: Value| {
            entry("kube-controller-manager", "Update", time, json!({"f:status": status, "f:metadata": {"f:a": {}}}))
        };
        let former = [controller("1", json!({"f:readyReplicas": {}}))];
        let now = [controller("5", json!({"f:replicas": {}}))];
        assert_eq!(restored(&former, &now), now);
    }

    #[test]
    fn what_we_owned_before_stays_ours() {
        let former = [
            entry("kubectl", "Apply", "1", json!({"f:spec": {"f:template": {}}})),
            entry("cutover", "Update", "2", json!({"f:spec": {"f:replicas": {}}})),
        ];
        let now = [entry("cutover", "Update", "3", json!({"f:spec": {"f:replicas": {}, "f:template": {}}}))];
        assert_eq!(restored(&former, &now), former);
    }
}
