//! When an object that was applied is ready: what its status has to say, by kind.

use serde_json::Value;

/// Why the object is not ready; none when it is, or when its kind has nothing to be ready for.
pub(super) fn unready(object: &Value) -> Option<String> {
    let status = &object["status"];
    let count = |value: &Value| value.as_i64().unwrap_or_default();
    let condition = |name: &str| {
        let all = status["conditions"].as_array().into_iter().flatten();
        all.clone().any(|condition| condition["type"] == name && condition["status"] == "True")
    };
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" | "StatefulSet" => {
            let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
            let seen = count(&status["observedGeneration"]) >= count(&object["metadata"]["generation"]);
            let ready = count(&status["readyReplicas"]);
            (!seen || ready < wanted).then(|| format!("{ready} of {wanted} pods are ready"))
        }
        "Pod" => (!condition("Ready") && status["phase"] != "Succeeded")
            .then(|| format!("it is {}", status["phase"].as_str().unwrap_or("unknown").to_lowercase())),
        "Job" => (!condition("Complete")).then(|| format!("{} of its pods succeeded", count(&status["succeeded"]))),
        "PersistentVolumeClaim" if status["phase"] == "Lost" => Some("its volume is lost".to_owned()),
        _ => None,
    }
}

/// Why it will not become ready; none while there is hope.
pub(super) fn hopeless(object: &Value) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let failed =
        conditions.into_iter().find(|condition| condition["type"] == "Failed" && condition["status"] == "True")?;
    let said = |key: &str| failed[key].as_str().unwrap_or_default();
    Some(format!("{} {}", said("reason"), said("message")).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_has_its_own_readiness() {
        let deployment = |ready: i64| json!({ "kind": "Deployment", "metadata": { "generation": 2 }, "spec": { "replicas": 2 }, "status": { "observedGeneration": 2, "readyReplicas": ready } });
        assert!(unready(&deployment(1)).is_some());
        assert_eq!(unready(&deployment(2)), None);
        assert_eq!(unready(&json!({ "kind": "ConfigMap" })), None);
        assert!(unready(&json!({ "kind": "Job", "status": {} })).is_some());
        assert_eq!(
            unready(&json!({ "kind": "Job", "status": { "conditions": [{ "type": "Complete", "status": "True" }] } })),
            None
        );
        let failed = json!({ "kind": "Job", "status": { "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "gave up" }] } });
        assert_eq!(hopeless(&failed).unwrap(), "BackoffLimitExceeded gave up");
    }
}
