//! Objects as the JSON that the API server holds: nothing is lost or written anew by passing through types of ours, so that what an
//! undo puts back is what stood there.

use crate::action::ActionError;
use crate::connect::kubernetes::{Cluster, ClusterError, Permission, names};
use crate::crash;
use kube::api::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use kube::core::Request;
use serde_json::{Value, json};
use std::time::Duration;

/// A kind of object and where the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::action) struct Kind {
    pub group: String,
    pub version: String,
    pub plural: String,
    /// As messages call it: `deployment`.
    pub name: String,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::action) struct Target {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

/// How often a patch is made anew because the object moved in between; controllers write the status of a workload all the time.
const TRIES: usize = 20;
const BETWEEN: Duration = Duration::from_millis(100);

impl Kind {
    pub(super) fn new(group: &str, version: &str, plural: &str, name: &str) -> Self {
        let [group, version, plural, name] = [group, version, plural, name].map(str::to_owned);
        Self { group, version, plural, name }
    }

    pub(super) fn deployment() -> Self {
        Self::new("apps", "v1", "deployments", "deployment")
    }

    pub(super) fn stateful_set() -> Self {
        Self::new("apps", "v1", "statefulsets", "statefulset")
    }

    pub(super) fn config_map() -> Self {
        Self::new("", "v1", "configmaps", "configmap")
    }

    pub(super) fn secret() -> Self {
        Self::new("", "v1", "secrets", "secret")
    }

    pub(super) fn pod() -> Self {
        Self::new("", "v1", "pods", "pod")
    }

    pub(super) fn job() -> Self {
        Self::new("batch", "v1", "jobs", "job")
    }

    /// `apps/v1`, or `v1` of the core.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    fn path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        format!("{root}/{}/namespaces/{namespace}/{}", self.api_version(), self.plural)
    }

    /// `verbs` on all objects of the kind.
    pub(super) fn may(&self, verbs: &[&str]) -> Vec<Permission> {
        Permission::several(&self.group, &self.plural, verbs)
    }
}

impl Target {
    pub(super) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// `verbs` on this very object.
    pub(super) fn may(&self, verbs: &[&str]) -> Vec<Permission> {
        self.kind.may(verbs).into_iter().map(|permission| permission.named(&self.name)).collect()
    }

    /// The object; none when it, or its kind, is not there.
    pub(super) async fn find(&self, cluster: &Cluster) -> Result<Option<Value>, ClusterError> {
        let request = Request::new(self.kind.path(&self.namespace)).get(&self.name, &GetParams::default());
        match send(cluster, &format!("reading {self}"), request).await {
            Err(error) if error.is_missing() => Ok(None),
            found => found.map(Some),
        }
    }

    /// The object.
    pub(super) async fn get(&self, cluster: &Cluster) -> Result<Value, ActionError> {
        self.find(cluster).await?.ok_or_else(|| self.gone(cluster))
    }

    fn gone(&self, cluster: &Cluster) -> ActionError {
        ActionError::refused(format!(
            "there is no {self} on {}; correct the name in the runbook, or the context",
            cluster.place()
        ))
    }

    /// Patches the object as `decide` says of what stands there; none where nothing needs doing. The patch holds only for the object as it
    /// was read: when it moved in between, it is read and decided anew. An answer that was lost is found out in the same way.
    pub(super) async fn amend(
        &self,
        cluster: &Cluster,
        decide: impl Fn(&Value) -> Result<Option<Vec<Value>>, ActionError>,
    ) -> Result<Value, ActionError> {
        let mut last = String::new();
        for _ in 0..TRIES {
            let found = self.get(cluster).await?;
            let Some(changes) = decide(&found)? else { return Ok(found) };
            crash::point("action.amend.before");
            match self.patch(cluster, &held(&found, changes)).await {
                Ok(patched) => {
                    crash::point("action.amend.after");
                    return Ok(patched);
                }
                Err(error) if error.is_conflict() => {
                    last = error.to_string();
                    tokio::time::sleep(BETWEEN).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ActionError::failed(format!(
            "{last} ({TRIES} times; others change it all the time, or the server does not take the change); look who writes it, then retry"
        )))
    }

    async fn patch(&self, cluster: &Cluster, operations: &[Value]) -> Result<Value, ClusterError> {
        let parameters = PatchParams { field_manager: Some(names::MANAGER.to_owned()), ..PatchParams::default() };
        let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap_or_default();
        let request =
            Request::new(self.kind.path(&self.namespace)).patch(&self.name, &parameters, &Patch::Json::<()>(patch));
        send(cluster, &format!("changing {self}"), request).await
    }

    /// Server-side apply with our field manager, or with `manager` as a rehearsal that changes nothing.
    pub(super) async fn apply(
        &self,
        cluster: &Cluster,
        manifest: &Value,
        rehearse_as: Option<&str>,
    ) -> Result<Value, ClusterError> {
        let manager = rehearse_as.unwrap_or(names::MANAGER);
        let mut parameters = PatchParams::apply(manager);
        parameters.dry_run = rehearse_as.is_some();
        parameters.force = rehearse_as.is_some();
        let request =
            Request::new(self.kind.path(&self.namespace)).patch(&self.name, &parameters, &Patch::Apply(manifest));
        send(cluster, &format!("applying {self}"), request).await
    }

    /// Makes the object; where one of that name is there already, that one.
    pub(super) async fn create(&self, cluster: &Cluster, manifest: &Value) -> Result<Value, ClusterError> {
        let parameters = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
        let bytes = manifest.to_string().into_bytes();
        let request = Request::new(self.kind.path(&self.namespace)).create(&parameters, bytes);
        match send(cluster, &format!("creating {self}"), request).await {
            Err(error) if error.exists_already() => {
                let request = Request::new(self.kind.path(&self.namespace)).get(&self.name, &GetParams::default());
                send(cluster, &format!("reading {self}"), request).await
            }
            made => made,
        }
    }

    /// Deletes the object if it is still the one of that uid; it is gone when what belongs to it is.
    pub(super) async fn delete(&self, cluster: &Cluster, uid: &str) -> Result<bool, ClusterError> {
        let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let parameters = DeleteParams {
            preconditions: Some(only),
            propagation_policy: Some(PropagationPolicy::Foreground),
            ..DeleteParams::default()
        };
        let request = Request::new(self.kind.path(&self.namespace)).delete(&self.name, &parameters);
        match send(cluster, &format!("deleting {self}"), request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name, self.name)
    }
}

/// All objects of a kind in the namespace that a label selector finds; none where there is no such kind.
pub(super) async fn list(cluster: &Cluster, kind: &Kind, selector: &str) -> Result<Vec<Value>, ClusterError> {
    let parameters = ListParams::default().labels(selector);
    let request = Request::new(kind.path(cluster.namespace())).list(&parameters);
    match send(cluster, &format!("listing {}", kind.plural), request).await {
        Ok(mut found) => Ok(match found["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }),
        Err(error) if error.is_missing() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn send(
    cluster: &Cluster,
    doing: &str,
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<Value, ClusterError> {
    let request = request.map_err(|error| ClusterError::Broken {
        doing: doing.to_owned(),
        place: cluster.place().clone().into(),
        reason: error.to_string(),
    })?;
    let client = cluster.client();
    cluster.call(doing, || client.request::<Value>(request.clone())).await
}

/// `changes`, to be made only while the object is the very one that was read, as it was read.
fn held(found: &Value, changes: Vec<Value>) -> Vec<Value> {
    let metadata = &found["metadata"];
    let mut all = vec![
        json!({ "op": "test", "path": "/metadata/uid", "value": metadata["uid"] }),
        json!({ "op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"] }),
    ];
    all.extend(changes);
    all
}

pub(super) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// A part of a JSON pointer, with its two special characters written as RFC 6901 says.
pub(super) fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}
