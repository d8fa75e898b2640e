//! Makes objects of our own by server-side apply, and deletes them on undo. An object that somebody else made is refused, never taken over.

use super::objects::{self, Target};
use super::{applied, manifests};
use crate::action::failure::{bad, passed};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome};
use crate::connect::kubernetes::Permission;
use crate::crash;
use crate::evidence::Finding;
use crate::figures;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The action.
pub(in crate::action) struct Apply(pub settings::Apply);

const TIMEOUT: u64 = 300;
const BETWEEN: Duration = Duration::from_millis(500);

/// An object that the step made.
#[derive(Serialize, Deserialize)]
struct Made {
    api_version: String,
    plural: String,
    kind: String,
    name: String,
}

#[async_trait]
impl Action for Apply {
    fn describe(&self, _context: &Context) -> Description {
        let objects = self.objects().unwrap_or_default();
        let from = if self.0.manifests.is_empty() {
            String::new()
        } else {
            format!(" of {}", manifests::shown(&self.0.manifests))
        };
        Description {
            does: format!("Applies {}{from}.", figures::counted(objects.len() as u64, "object")),
            effects: objects.iter().map(|object| format!("makes {}", manifests::label(object))).collect(),
            way_back: "Deletes those that it made.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let check = context.step.id.0.clone();
        match self.targets(context).await {
            Err(error) => vec![bad(check, error.message, "correct the manifests")],
            Ok(all) => {
                let mut findings = Vec::new();
                for (target, _) in all {
                    let check = format!("{check}: {target}");
                    findings.push(match self.require_free(context, &target).await {
                        Ok(()) => passed(check, "can be made"),
                        Err(error) => bad(check, error.message, ""),
                    });
                }
                findings
            }
        }
    }

    async fn permissions(&self, _context: &Context) -> Vec<Permission> {
        let one = |object: &Value| {
            let (kind, name) = (manifests::plural(object), object["metadata"]["name"].as_str().unwrap_or_default());
            let mut wanted = Target::new(kind.clone(), "", name).may(&["get", "patch", "delete"]);
            wanted.extend(kind.may(&["create"]));
            wanted
        };
        self.objects().unwrap_or_default().iter().flat_map(one).collect()
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let mut made = Vec::new();
        for (target, _) in self.targets(context).await? {
            self.require_free(context, &target).await?;
            made.push(Made {
                api_version: target.kind.api_version(),
                plural: target.kind.plural,
                kind: target.kind.name,
                name: target.name,
            });
        }
        Checkpoint::of(&made)
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let cluster = context.cluster()?;
        let begun = Instant::now();
        let all = self.targets(context).await?;
        for (target, manifest) in &all {
            self.require_free(context, target).await?;
            crash::point("action.apply.before");
            target.apply(cluster, manifest, None).await?;
            crash::point("action.apply.after");
        }
        if self.0.ready {
            for (target, _) in &all {
                self.until_ready(context, target, begun).await?;
            }
        }
        context.progress.waiting("");
        let names: Vec<String> = all.iter().map(|(target, _)| target.to_string()).collect();
        let state = if self.0.ready { "ready" } else { "applied" };
        Ok(Outcome {
            summary: format!("{} {state}", names.join(", ")),
            left: json!({ "applied": names }),
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let made: Vec<Made> = checkpoint.read()?;
        let cluster = context.cluster()?;
        let mut gone = 0;
        for one in made.iter().rev() {
            let (group, version) = one.api_version.rsplit_once('/').unwrap_or(("", &one.api_version));
            let kind = objects::Kind::new(group, version, &one.plural, &one.kind);
            let target = Target::new(kind, cluster.namespace(), &one.name);
            gone += u64::from(remove(context, &target, self.timeout()).await?);
        }
        Ok(Outcome { summary: format!("{} deleted", figures::counted(gone, "object")), ..Outcome::default() })
    }
}

impl Apply {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    fn objects(&self) -> Result<Vec<Value>, ActionError> {
        manifests::read(&self.0.manifests, self.0.manifest.as_deref())
    }

    async fn targets(&self, context: &Context) -> Result<Vec<(Target, Value)>, ActionError> {
        let cluster = context.cluster()?;
        let mut all = Vec::new();
        for object in self.objects()? {
            let target = manifests::target(cluster, &object).await?;
            all.push((target, manifests::ours(object, cluster.namespace(), &context.run, &context.step.id.0)));
        }
        Ok(all)
    }

    async fn require_free(&self, context: &Context, target: &Target) -> Result<(), ActionError> {
        let cluster = context.cluster()?;
        match target.find(cluster).await? {
            Some(found) if !manifests::is_ours(&found, &context.run, &context.step.id.0) => {
                Err(ActionError::refused(format!(
                    "there is a {target} on {} that this step did not make; name another, or change that one by `switch-config` or `helm`",
                    cluster.place()
                )))
            }
            _ => Ok(()),
        }
    }

    async fn until_ready(&self, context: &Context, target: &Target, begun: Instant) -> Result<(), ActionError> {
        let cluster = context.cluster()?;
        loop {
            let found = target.get(cluster).await?;
            let Some(why) = applied::unready(&found) else { return Ok(()) };
            let hopeless = applied::hopeless(&found);
            if hopeless.is_some() || begun.elapsed() > self.timeout() {
                return Err(ActionError::failed(format!(
                    "{target} on {} is not ready after {} s: {}; look at its events and log, then retry or roll back",
                    cluster.place(),
                    begun.elapsed().as_secs(),
                    hopeless.unwrap_or(why)
                )));
            }
            context.progress.waiting(format!("{target} to be ready ({why})"));
            let pause = async {
                tokio::time::sleep(BETWEEN).await;
                Ok(())
            };
            context.or_stopped("apply", pause).await?;
        }
    }
}

/// Deletes an object that the step made and waits until it is gone; whether it was there. One that is another's by now is left alone.
pub(super) async fn remove(context: &Context, target: &Target, timeout: Duration) -> Result<bool, ActionError> {
    let cluster = context.cluster()?;
    let Some(found) = target.find(cluster).await? else { return Ok(false) };
    if !manifests::is_ours(&found, &context.run, &context.step.id.0) {
        return Ok(false);
    }
    crash::point("action.remove.before");
    target.delete(cluster, objects::uid(&found)).await?;
    let end = Instant::now() + timeout;
    while target.find(cluster).await?.is_some_and(|now| objects::uid(&now) == objects::uid(&found)) {
        if Instant::now() > end {
            return Err(ActionError::failed(format!(
                "{target} on {} is being deleted for {} s: look at its finalizers, then retry",
                cluster.place(),
                timeout.as_secs()
            )));
        }
        context.progress.waiting(format!("{target} to be gone"));
        tokio::time::sleep(BETWEEN).await;
    }
    context.progress.waiting("");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_names_the_objects() {
        let apply = Apply(settings::Apply {
            manifest: Some("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n".into()),
            ..settings::Apply::default()
        });
        let objects = apply.objects().unwrap();
        let kind = manifests::plural(&objects[0]);
        assert_eq!((kind.group.as_str(), kind.plural.as_str()), ("networking.k8s.io", "networkpolicies"));
    }
}
