//! Where a file of a pod lies, and whether it outlives the pod.

use serde_json::Value;

/// Why the file goes when the workload is scaled down; none when it stays. `container` is the one that sees it; without a name the one
/// whose volume holds it, else the first.
pub(super) fn goes_with_pod(workload: &Value, container: Option<&str>, path: &str) -> Option<String> {
    let pod = &workload["spec"]["template"]["spec"];
    let containers = || pod["containers"].as_array().into_iter().flatten();
    let wanted = containers().filter(|found| container.is_none_or(|name| found["name"] == name));
    let mount = wanted.filter_map(|found| mount(found, path)).max_by_key(|(length, _)| *length);
    let Some((_, volume)) = mount else {
        return Some("it lies in the container itself, and goes with it".to_owned());
    };
    if let Some(claimed) = claim_template(workload, volume) {
        return claimed;
    }
    let volumes = pod["volumes"].as_array().into_iter().flatten();
    let found = volumes.filter(|found| found["name"] == volume).find_map(Value::as_object)?;
    match found.keys().find(|key| *key != "name").map(String::as_str) {
        Some("emptyDir") => Some(format!("it lies on the emptyDir {volume}, which goes with the pod")),
        Some("ephemeral") => Some(format!("it lies on the ephemeral volume {volume}, which goes with the pod")),
        _ => None,
    }
}

/// The longest mount of a container that holds `path`, with its volume.
fn mount<'a>(container: &'a Value, path: &str) -> Option<(usize, &'a str)> {
    let mounts = container["volumeMounts"].as_array()?.iter();
    let holds = |at: &str| {
        let at = at.trim_end_matches('/');
        path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    mounts
        .filter_map(|mount| Some((mount["mountPath"].as_str()?, mount["name"].as_str()?)))
        .filter(|(at, _)| holds(at))
        .map(|(at, volume)| (at.len(), volume))
        .max_by_key(|(length, _)| *length)
}

/// The outer none: the volume is no claim of the StatefulSet's own.
fn claim_template(workload: &Value, volume: &str) -> Option<Option<String>> {
    let mut templates = workload["spec"]["volumeClaimTemplates"].as_array()?.iter();
    templates.find(|template| template["metadata"]["name"] == volume)?;
    let policy = &workload["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"];
    let deleted = policy == "Delete";
    Some(deleted.then(|| {
        format!("it lies on the claim of {volume}, and persistentVolumeClaimRetentionPolicy.whenScaled is Delete")
    }))
}

#[cfg(test)]
mod tests {
    use super::goes_with_pod;
    use serde_json::{Value, json};

    fn workload(volume: Value) -> Value {
        json!({ "spec": { "template": { "spec": {
            "containers": [
                { "name": "side", "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }] },
                { "name": "app", "volumeMounts": [
                    { "name": "data", "mountPath": "/var/lib/grafana" },
                    { "name": "plugins", "mountPath": "/var/lib/grafana/plugins" }] }],
            "volumes": [{ "name": "tmp", "emptyDir": {} }, { "name": "plugins", "emptyDir": {} }, volume] } } } })
    }

    #[test]
    fn an_empty_dir_and_the_container_go_with_the_pod() {
        let database = "/var/lib/grafana/grafana.db";
        let empty = workload(json!({ "name": "data", "emptyDir": {} }));
        let claimed = workload(json!({ "name": "data", "persistentVolumeClaim": { "claimName": "c" } }));
        assert!(goes_with_pod(&empty, None, database).unwrap().contains("emptyDir data"));
        assert_eq!(goes_with_pod(&claimed, None, database), None);
        assert!(goes_with_pod(&claimed, None, "/var/lib/grafana/plugins/x.db").unwrap().contains("plugins"));
        assert!(goes_with_pod(&claimed, Some("side"), database).unwrap().contains("container itself"));
        assert!(goes_with_pod(&claimed, None, "/var/lib/grafana2/x.db").unwrap().contains("container itself"));
        assert_eq!(goes_with_pod(&workload(json!({ "name": "data", "hostPath": {} })), None, database), None);
    }

    #[test]
    fn a_claim_may_be_deleted_with_its_pod() {
        let mut set = json!({ "spec": { "template": { "spec": { "containers": [
            { "name": "app", "volumeMounts": [{ "name": "data", "mountPath": "/data" }] }] } },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" } }] } });
        assert_eq!(goes_with_pod(&set, None, "/data/a.db"), None);
        set["spec"]["persistentVolumeClaimRetentionPolicy"] =
            json!({ "whenDeleted": "Delete", "whenScaled": "Retain" });
        assert_eq!(goes_with_pod(&set, None, "/data/a.db"), None);
        set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({ "whenScaled": "Delete" });
        assert!(goes_with_pod(&set, None, "/data/a.db").unwrap().contains("whenScaled"));
    }
}
