//! Pauses GitOps objects and gives them their sync back: while a service is being cut over its manifest is not what runs.

use super::objects::{self, Kind, Target};
use super::owners;
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, Permission};
use crate::runbook::settings::{Sync, SyncController};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SKIP: &str = "argocd.argoproj.io/skip-reconcile";

/// A GitOps object as it stood before it was paused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Paused {
    pub controller: SyncController,
    pub name: String,
    pub namespace: String,
    version: String,
    uid: String,
    /// What stood in the field or annotation; null when nothing did.
    former: Value,
    owners: Vec<Value>,
}

/// The versions that controllers in the field serve, the newest first.
fn kinds(controller: SyncController) -> Vec<Kind> {
    let (group, versions, plural, name): (_, &[&str], _, _) = match controller {
        SyncController::Argocd | SyncController::ArgocdAnnotation => {
            ("argoproj.io", &["v1alpha1"], "applications", "application")
        }
        SyncController::Kustomization => {
            ("kustomize.toolkit.fluxcd.io", &["v1", "v1beta2", "v1beta1"], "kustomizations", "kustomization")
        }
        SyncController::Helmrelease => {
            ("helm.toolkit.fluxcd.io", &["v2", "v2beta2", "v2beta1"], "helmreleases", "helmrelease")
        }
    };
    versions.iter().map(|version| Kind::new(group, version, plural, name)).collect()
}

/// Where the pausing value stands.
fn place(controller: SyncController, object: &Value) -> (String, Value) {
    match controller {
        SyncController::Argocd => {
            ("/spec/syncPolicy/automated".to_owned(), object["spec"]["syncPolicy"]["automated"].clone())
        }
        SyncController::ArgocdAnnotation => (
            format!("/metadata/annotations/{}", objects::escaped(SKIP)),
            object["metadata"]["annotations"][SKIP].clone(),
        ),
        SyncController::Kustomization | SyncController::Helmrelease => {
            ("/spec/suspend".to_owned(), object["spec"]["suspend"].clone())
        }
    }
}

/// What stands there while it is paused.
fn paused(controller: SyncController) -> Value {
    match controller {
        SyncController::Argocd => Value::Null,
        SyncController::ArgocdAnnotation => json!("true"),
        SyncController::Kustomization | SyncController::Helmrelease => json!(true),
    }
}

pub(super) fn permissions(syncs: &[Sync], context: &Context) -> Vec<Permission> {
    let own = context.cluster().map(|cluster| cluster.namespace().to_owned()).unwrap_or_default();
    let of = |sync: &Sync| {
        let elsewhere = sync.namespace.clone().filter(|namespace| *namespace != own);
        let kind = kinds(sync.controller).remove(0);
        let wanted = Target::new(kind, &own, &sync.name).may(&["get", "patch"]).into_iter();
        let placed = wanted.map(move |one| elsewhere.iter().fold(one, |one, namespace| one.in_namespace(namespace)));
        placed.collect::<Vec<_>>()
    };
    syncs.iter().flat_map(of).collect()
}

/// The object that a runbook names.
async fn find(cluster: &Cluster, sync: &Sync) -> Result<(Target, Value), ActionError> {
    let namespace = sync.namespace.as_deref().unwrap_or(cluster.namespace());
    for kind in kinds(sync.controller) {
        let target = Target::new(kind, namespace, &sync.name);
        if let Some(found) = target.find(cluster).await? {
            return Ok((target, found));
        }
    }
    let kind = kinds(sync.controller).remove(0);
    Err(ActionError::refused(format!(
        "there is no {} {} in namespace {namespace}; correct `sync` in the runbook",
        kind.name, sync.name
    )))
}

/// How it stands now.
pub(super) async fn was(cluster: &Cluster, sync: &Sync) -> Result<Paused, ActionError> {
    let (target, found) = find(cluster, sync).await?;
    Ok(Paused {
        controller: sync.controller,
        name: target.name,
        namespace: target.namespace,
        version: target.kind.version,
        uid: objects::uid(&found).to_owned(),
        former: place(sync.controller, &found).1,
        owners: owners::of(&found),
    })
}

impl Paused {
    pub(super) fn target(&self) -> Target {
        let mut kind = kinds(self.controller).remove(0);
        kind.version.clone_from(&self.version);
        Target::new(kind, &self.namespace, &self.name)
    }

    pub(super) fn label(&self) -> String {
        format!("{} {}/{}", self.target().kind.name, self.namespace, self.name)
    }

    /// Whether it was paused before this run began: then it stays so.
    pub(super) fn was_paused_before(&self) -> bool {
        self.former == paused(self.controller)
    }

    pub(super) async fn pause(&self, cluster: &Cluster) -> Result<(), ActionError> {
        self.set(cluster, &self.former, &paused(self.controller)).await
    }

    /// Gives the sync back, and the field to its owner.
    pub(super) async fn resume(&self, cluster: &Cluster) -> Result<(), ActionError> {
        self.set(cluster, &paused(self.controller), &self.former).await?;
        owners::give_back(cluster, &self.target(), &self.owners).await
    }

    async fn set(&self, cluster: &Cluster, from: &Value, to: &Value) -> Result<(), ActionError> {
        let decide = |found: &Value| {
            if objects::uid(found) != self.uid {
                return Err(ActionError::refused(format!(
                    "{} was made anew since; bring its sync back by hand",
                    self.label()
                )));
            }
            let (path, now) = place(self.controller, found);
            if now == *to {
                return Ok(None);
            }
            if now != *from {
                return Err(ActionError::refused(format!(
                    "the sync of {} was changed by somebody else: {path} was left as {from}, and is {now} now; set it to {from} or keep it by hand, then try again",
                    self.label()
                )));
            }
            let mut changes = Vec::new();
            if to.is_null() {
                changes.push(json!({ "op": "remove", "path": path }));
            } else {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                if found.pointer(parent).is_none_or(Value::is_null) {
                    changes.push(json!({ "op": "add", "path": parent, "value": {} }));
                }
                changes.push(json!({ "op": "add", "path": path, "value": to }));
            }
            Ok(Some(changes))
        };
        self.target().amend(cluster, decide).await.map(|_| ())
    }
}
