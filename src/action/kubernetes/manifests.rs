//! YAML manifests as objects, and where the API server has objects of their kind.

use super::objects::{Kind, Target};
use crate::action::ActionError;
use crate::connect::kubernetes::{Cluster, names};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The objects of files and of a text, in order; lists are taken apart.
pub(super) fn read(files: &[PathBuf], text: Option<&str>) -> Result<Vec<Value>, ActionError> {
    let mut objects = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| ActionError::file("reading", file, &error))?;
        objects.extend(parse(&text, &file.display().to_string())?);
    }
    if let Some(text) = text {
        objects.extend(parse(text, "the step's manifest")?);
    }
    if objects.is_empty() {
        return Err(ActionError::refused("the manifests hold no object; write at least one"));
    }
    Ok(objects)
}

/// The objects of one YAML text.
pub(super) fn parse(text: &str, place: &str) -> Result<Vec<Value>, ActionError> {
    let unreadable = |error: String| ActionError::refused(format!("reading {place}: {error}"));
    // As the API server's own tools read it: `y`, `no` and `on` are texts.
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(text, options);
    let documents = documents.map_err(|error| unreadable(error.to_string()))?;
    let mut objects = Vec::new();
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        match document["items"].as_array().filter(|_| document["kind"] == "List") {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(document),
        }
    }
    match objects.iter().find(|object| ["apiVersion", "kind"].iter().any(|key| !object[*key].is_string())) {
        Some(_) => Err(unreadable("an object lacks `apiVersion` or `kind`".to_owned())),
        None => Ok(objects),
    }
}

/// What an object is called in messages.
pub(super) fn label(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// The object with the labels of our step, in our namespace.
pub(super) fn ours(mut object: Value, namespace: &str, run: &str, step: &str) -> Value {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"]["namespace"] = json!(namespace);
    for (key, value) in names::labels(run, step) {
        object["metadata"]["labels"][key] = json!(value);
    }
    object
}

/// Whether labels say that the step made the object.
pub(super) fn is_ours(object: &Value, run: &str, step: &str) -> bool {
    names::labels(run, step).iter().all(|(key, value)| object["metadata"]["labels"][key] == value.as_str())
}

/// Where the object is, asked of the server.
pub(super) async fn target(cluster: &Cluster, object: &Value) -> Result<Target, ActionError> {
    let [version, kind] = ["apiVersion", "kind"].map(|key| object[key].as_str().unwrap_or_default());
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let other = object["metadata"]["namespace"].as_str().filter(|namespace| *namespace != cluster.namespace());
    if name.is_empty() || other.is_some() {
        return Err(ActionError::refused(format!(
            "{} has no name, or a namespace other than {}: steps work in the runbook's namespace only",
            label(object),
            cluster.namespace()
        )));
    }
    let (group, short) = version.rsplit_once('/').unwrap_or(("", version));
    let client = cluster.client();
    let doing = format!("asking which objects {version} has");
    let listed = match group {
        "" => cluster.call(&doing, || client.list_core_api_resources(short)).await,
        _ => cluster.call(&doing, || client.list_api_group_resources(version)).await,
    };
    let known = match listed {
        Ok(list) => list.resources,
        Err(error) if error.is_missing() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let found = known.iter().find(|resource| resource.kind == kind && !resource.name.contains('/'));
    match found {
        Some(resource) if resource.namespaced => {
            let kind = Kind::new(group, short, &resource.name, &kind.to_lowercase());
            Ok(Target::new(kind, cluster.namespace(), name))
        }
        Some(_) => Err(ActionError::refused(format!(
            "{} belongs to no namespace, and steps work in the runbook's namespace only; have it made beforehand",
            label(object)
        ))),
        None => Err(ActionError::refused(format!(
            "{} knows no {kind} of {version}; correct it, or install what defines it",
            cluster.place()
        ))),
    }
}

/// Resource names of kinds, for the Role: what cannot be asked without a cluster is spelled as Kubernetes spells most.
pub(super) fn plural(object: &Value) -> Kind {
    let [version, kind] = ["apiVersion", "kind"].map(|key| object[key].as_str().unwrap_or_default());
    let (group, short) = version.rsplit_once('/').unwrap_or(("", version));
    let lower = kind.to_lowercase();
    let plural = match lower.as_str() {
        "ingress" => "ingresses".to_owned(),
        "networkpolicy" => "networkpolicies".to_owned(),
        "endpoints" => lower.clone(),
        _ => format!("{lower}s"),
    };
    Kind::new(group, short, &plural, &lower)
}

/// A path as messages show it.
pub(super) fn shown(files: &[PathBuf]) -> String {
    files.iter().map(|file: &PathBuf| Path::display(file).to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_become_objects() {
        let text = "# a\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n";
        let objects = parse(text, "x").unwrap();
        assert_eq!(objects.iter().map(label).collect::<Vec<_>>(), ["ConfigMap a", "Secret b"]);
        assert!(parse("kind: X\n", "x").unwrap_err().message.contains("apiVersion"));
        assert!(parse("a: [\n", "x").is_err());
    }

    #[test]
    fn an_object_of_ours_is_known_by_its_labels() {
        let object =
            parse("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {x: y}}\n", "x").unwrap().remove(0);
        let made = ours(object.clone(), "n", "r", "s");
        assert!(is_ours(&made, "r", "s") && !is_ours(&made, "r", "t") && !is_ours(&object, "r", "s"));
        assert_eq!(made["metadata"]["labels"]["x"], "y");
    }
}
