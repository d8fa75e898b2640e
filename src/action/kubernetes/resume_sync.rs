//! Gives GitOps its sync back, once what it would apply equals what runs. Otherwise it would put the former configuration back: until the
//! repository says what runs, the step waits for the operator and shows what to commit.

use super::objects::{Kind, Target};
use super::sync::Paused;
use super::{manifests, owners, program};
use crate::action::failure::{bad, passed};
use crate::action::{
    Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome, config_file, failure,
};
use crate::connect::kubernetes::Permission;
use crate::evidence::Finding;
use crate::runbook::Settings;
use crate::runbook::settings::{self, SyncController};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The action.
pub(in crate::action) struct ResumeSync(pub settings::ResumeSync);

const TIMEOUT: u64 = 120;
const BETWEEN: Duration = Duration::from_secs(1);
const REFRESH: &str = "argocd.argoproj.io/refresh";
/// Managers that GitOps controllers apply with: a rehearsal in their name shows what they would do.
const CONTROLLERS: &[&str] =
    &["argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"];

#[async_trait]
impl Action for ResumeSync {
    fn describe(&self, context: &Context) -> Description {
        let names: Vec<String> = syncs(context).iter().map(|sync| sync.name.clone()).collect();
        Description {
            does: format!("Gives {} its sync back, if its repository says what runs.", names.join(", ")),
            effects: vec![
                "compares what would be applied with what runs, by a rehearsal that changes nothing".to_owned(),
            ],
            way_back: "Pauses it again.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let check = context.step.id.0.clone();
        if syncs(context).is_empty() {
            return vec![passed(check, "no quiesce step pauses anything")];
        }
        let told = !self.0.manifests.is_empty() || self.0.command.is_some();
        let asks = syncs(context).iter().all(|sync| matches!(sync.controller, SyncController::Argocd));
        vec![match told || asks {
            true => passed(check, "what the repository says can be compared with what runs"),
            false => bad(
                check,
                "nothing says what the repository holds: a controller that is suspended does not compare",
                "name `manifests`, or a `command` that prints them, such as `kustomize build overlays/prod`",
            ),
        }]
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = super::sync::permissions(&syncs(context), context);
        for object in manifests::read(&self.0.manifests, None).unwrap_or_default() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            wanted.extend(Target::new(manifests::plural(&object), "", name).may(&["get", "patch"]));
        }
        wanted
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let cluster = context.cluster()?;
        let all: Vec<Paused> = paused(context)?.into_iter().filter(|paused| !paused.was_paused_before()).collect();
        if all.is_empty() {
            return Ok(Outcome { summary: "nothing was paused".to_owned(), ..Outcome::default() });
        }
        let differences = self.differences(context, &all).await?;
        if !differences.is_empty() {
            return Err(still_paused(&all, &differences));
        }
        for one in &all {
            one.resume(cluster).await?;
        }
        let names: Vec<String> = all.iter().map(Paused::label).collect();
        Ok(Outcome {
            summary: format!("{} syncs again; its repository says what runs", names.join(", ")),
            left: json!({ "resumed": names }),
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let all: Vec<Paused> = paused(context)?.into_iter().filter(|paused| !paused.was_paused_before()).collect();
        for one in &all {
            one.pause(context.cluster()?).await?;
        }
        let names: Vec<String> = all.iter().map(Paused::label).collect();
        Ok(Outcome { summary: format!("{} paused again", names.join(", ")), ..Outcome::default() })
    }
}

impl ResumeSync {
    async fn differences(&self, context: &Context, all: &[Paused]) -> Result<Vec<String>, ActionError> {
        let mut objects =
            if self.0.manifests.is_empty() { Vec::new() } else { manifests::read(&self.0.manifests, None)? };
        if let Some(command) = &self.0.command {
            let timeout = Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT));
            objects.extend(manifests::parse(&program::output(context, command, timeout).await?, command)?);
        }
        let mut differences = Vec::new();
        for object in &objects {
            differences.extend(compared(context, object).await?);
        }
        if objects.is_empty() {
            for one in all {
                differences.extend(self.asked(context, one).await?);
            }
        }
        Ok(differences)
    }

    /// Argo CD compares while it does not sync: it is asked to look again, and says.
    async fn asked(&self, context: &Context, one: &Paused) -> Result<Vec<String>, ActionError> {
        if one.controller != SyncController::Argocd {
            let advice = "name `manifests`, or a `command` that prints them";
            return Err(ActionError::refused(format!("{} does not say what it would apply; {advice}", one.label())));
        }
        let (cluster, target) = (context.cluster()?, one.target());
        let refresh = |found: &Value| {
            let mut changes = Vec::new();
            if found["metadata"]["annotations"].is_null() {
                changes.push(json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
            }
            let path = format!("/metadata/annotations/{}", super::objects::escaped(REFRESH));
            changes.push(json!({ "op": "add", "path": path, "value": "normal" }));
            Ok(Some(changes))
        };
        target.amend(cluster, refresh).await?;
        let begun = Instant::now();
        // The controller takes the annotation off when it has looked.
        let found = loop {
            let found = target.get(cluster).await?;
            if found["metadata"]["annotations"][REFRESH].is_null() {
                break found;
            }
            if begun.elapsed().as_secs() > self.0.timeout_seconds.unwrap_or(TIMEOUT) {
                self.take_off(context, &target).await?;
                return Err(ActionError::failed(format!(
                    "{} was not compared within {} s: is its controller running? Then retry",
                    one.label(),
                    begun.elapsed().as_secs()
                )));
            }
            context.progress.waiting(format!("Argo CD to compare {}", one.label()));
            tokio::time::sleep(BETWEEN).await;
        };
        context.progress.waiting("");
        if found["status"]["sync"]["status"] == "Synced" {
            return Ok(Vec::new());
        }
        let all = found["status"]["resources"].as_array().into_iter().flatten();
        let differing = all.filter(|one| one["status"] == "OutOfSync").map(manifest_name);
        Ok(differing.map(|name| format!("{name} is not what the repository says")).collect())
    }

    async fn take_off(&self, context: &Context, target: &Target) -> Result<(), ActionError> {
        let path = format!("/metadata/annotations/{}", super::objects::escaped(REFRESH));
        let decide = |found: &Value| {
            let there = !found["metadata"]["annotations"][REFRESH].is_null();
            Ok(there.then(|| vec![json!({ "op": "remove", "path": path })]))
        };
        target.amend(context.cluster()?, decide).await.map(|_| ())
    }
}

fn manifest_name(resource: &Value) -> String {
    format!("{} {}", resource["kind"].as_str().unwrap_or("?"), resource["name"].as_str().unwrap_or("?"))
}

/// What the quiesce steps pause.
fn syncs(context: &Context) -> Vec<settings::Sync> {
    let of = |step: &crate::runbook::Step| match &step.settings {
        Settings::Quiesce(quiesce) => quiesce.sync.clone(),
        _ => Vec::new(),
    };
    context.runbook.steps.iter().flat_map(of).collect()
}

/// What they paused.
fn paused(context: &Context) -> Result<Vec<Paused>, ActionError> {
    let mut all = Vec::new();
    for step in context.earlier(|settings| matches!(settings, Settings::Quiesce(_))) {
        let left = context.outcomes.get(&step.id.0).and_then(|outcome| outcome.left.get("sync"));
        all.extend(left.map(failure::read::<Vec<Paused>>).transpose()?.unwrap_or_default());
    }
    Ok(all)
}

fn still_paused(all: &[Paused], differences: &[String]) -> ActionError {
    let names: Vec<String> = all.iter().map(Paused::label).collect();
    ActionError::new(
        FailureKind::Waiting,
        format!(
            "the sync of {} stays paused, because it would undo the switch:\n{}\ncommit that to the repository, then resume the run",
            names.join(", "),
            differences.join("\n")
        ),
    )
}

/// What would change if the controller applied the object now; nothing when it is as it runs.
async fn compared(context: &Context, desired: &Value) -> Result<Vec<String>, ActionError> {
    let cluster = context.cluster()?;
    let target = manifests::target(cluster, desired).await?;
    let Some(live) = target.find(cluster).await? else { return Ok(vec![format!("{target} does not run")]) };
    let mut desired = desired.clone();
    desired["metadata"]["namespace"] = json!(cluster.namespace());
    let rehearsed = target.apply(cluster, &desired, Some(&manager(&live))).await?;
    let is_secret = target.kind == Kind::secret();
    let mut found = Vec::new();
    walk("", &plain(rehearsed), &plain(live), &mut |path, then, now| {
        let shown = match is_secret {
            true => "a value that is not shown".to_owned(),
            false => config_file::difference(text(then).as_bytes(), text(now).as_bytes(), &context.secrets),
        };
        found.push(format!("{target}{path}: {shown}"));
    });
    Ok(found)
}

fn manager(live: &Value) -> String {
    let entries = owners::of(live);
    let names = || entries.iter().filter_map(|entry| entry["manager"].as_str());
    let known = names().find(|name| CONTROLLERS.contains(name));
    let applies =
        entries.iter().find(|entry| entry["operation"] == "Apply").and_then(|entry| entry["manager"].as_str());
    known.or(applies).unwrap_or("cutover-rehearsal").to_owned()
}

/// Without what the server keeps for itself.
fn plain(mut object: Value) -> Value {
    if let Some(all) = object.as_object_mut() {
        all.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"] {
            metadata.remove(key);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    object
}

fn walk(path: &str, then: &Value, now: &Value, differs: &mut impl FnMut(&str, &Value, &Value)) {
    match (then, now) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                walk(&format!("{path} {key}"), &then[key], &now[key], differs);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (then, now)) in one.iter().zip(other).enumerate() {
                walk(&format!("{path} {index}"), then, now, differs);
            }
        }
        _ if then == now => {}
        _ => differs(path, then, now),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_controller_would_change_differs() {
        let live = json!({ "metadata": { "uid": "u", "generation": 4, "labels": { "a": "b" }, "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "x" } },
            "spec": { "replicas": 1, "list": [1, 2] }, "status": { "x": 1 } });
        let mut desired = live.clone();
        desired["metadata"]["generation"] = json!(5);
        let count = |desired: &Value| {
            let mut paths = Vec::new();
            walk("", &plain(desired.clone()), &plain(live.clone()), &mut |path, _, _| paths.push(path.to_owned()));
            paths
        };
        assert!(count(&desired).is_empty());
        desired["spec"]["replicas"] = json!(2);
        desired["spec"]["list"][1] = json!(3);
        assert_eq!(count(&desired), [" spec list 1", " spec replicas"]);
    }
}
