//! Former states of what the run's steps change, in one Secret of the namespace (`cutover-<run>`, a key per step): they hold passwords and
//! never come to this host. A state is written before its step changes an object and goes when the step is taken back; the Secret
//! goes with the last one.

use super::objects::{self, Kind, Target};
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, Permission, names};
use crate::crash;
use k8s_openapi::ByteString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn target(context: &Context) -> Result<Target, ActionError> {
    let cluster = context.cluster()?;
    Ok(Target::new(Kind::secret(), cluster.namespace(), &names::states(&context.run)))
}

/// What keeping, reading and dropping a state needs.
pub(super) fn permissions(context: &Context) -> Vec<Permission> {
    let mut wanted = Kind::secret().may(&["create"]);
    wanted.extend(target(context).map(|target| target.may(&["get", "patch", "delete"])).unwrap_or_default());
    wanted
}

/// Keeps the step's state.
pub(super) async fn keep<T: Serialize>(context: &Context, state: &T) -> Result<(), ActionError> {
    let (cluster, target) = (context.cluster()?, target(context)?);
    let unwritable = |error: serde_json::Error| ActionError::failed(format!("writing down a former state: {error}"));
    let bytes = serde_json::to_vec(state).map_err(unwritable)?;
    let value = json!(ByteString(bytes));
    let manifest = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": target.name, "labels": names::labels(&context.run, "former-states") },
    });
    crash::point("action.states.before");
    let made = target.create(cluster, &manifest).await?;
    require_ours(context, cluster, &made)?;
    let path = format!("/data/{}", objects::escaped(&context.step.id.0));
    let decide = |found: &Value| {
        if found["data"][&context.step.id.0] == value {
            return Ok(None);
        }
        let mut changes = Vec::new();
        if found["data"].is_null() {
            changes.push(json!({ "op": "add", "path": "/data", "value": {} }));
        }
        changes.push(json!({ "op": "add", "path": path, "value": value }));
        Ok(Some(changes))
    };
    target.amend(cluster, decide).await?;
    crash::point("action.states.after");
    Ok(())
}

/// The step's state; none when it is not kept, or not any more.
pub(super) async fn kept<T: DeserializeOwned>(context: &Context) -> Result<Option<T>, ActionError> {
    let (cluster, target) = (context.cluster()?, target(context)?);
    let Some(found) = target.find(cluster).await? else { return Ok(None) };
    require_ours(context, cluster, &found)?;
    let value = &found["data"][&context.step.id.0];
    if value.is_null() {
        return Ok(None);
    }
    let unreadable = |error: serde_json::Error| {
        ActionError::failed(format!(
            "the state of step {} in {target} on {} cannot be read ({error}); nothing was touched",
            context.step.id,
            cluster.place()
        ))
    };
    let bytes: ByteString = serde_json::from_value(value.clone()).map_err(unreadable)?;
    serde_json::from_slice(&bytes.0).map(Some).map_err(unreadable)
}

/// The step is taken back: its state goes, and the Secret with the last one.
pub(super) async fn drop(context: &Context) -> Result<(), ActionError> {
    let (cluster, target) = (context.cluster()?, target(context)?);
    let Some(found) = target.find(cluster).await? else { return Ok(()) };
    require_ours(context, cluster, &found)?;
    let step = &context.step.id.0;
    let others = found["data"].as_object().into_iter().flatten().filter(|(key, _)| *key != step).count();
    if others == 0 {
        crash::point("action.states.delete.before");
        target.delete(cluster, objects::uid(&found)).await?;
        return Ok(());
    }
    let path = format!("/data/{}", objects::escaped(step));
    let decide = |found: &Value| {
        let there = !found["data"][step].is_null();
        Ok(there.then(|| vec![json!({ "op": "remove", "path": path })]))
    };
    target.amend(cluster, decide).await.map(|_| ())
}

fn require_ours(context: &Context, cluster: &Cluster, found: &Value) -> Result<(), ActionError> {
    if found["metadata"]["labels"][names::RUN] == json!(names::labels(&context.run, "")[names::RUN]) {
        return Ok(());
    }
    Err(ActionError::refused(format!(
        "there is a Secret {} on {} that this run did not make; look whose it is, and delete or rename it",
        objects::name(found),
        cluster.place()
    )))
}
