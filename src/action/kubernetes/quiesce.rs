//! Stops the workloads that write the source, and keeps them stopped: GitOps is paused first, replicas go to 0. Where that would delete
//! the source its writer is stopped inside the running pod.

use super::inside::{self, Stopped};
use super::objects::Kind;
use super::sync::{self, Paused};
use super::workload::{self, Was, Workload};
use super::{guard, rivals, scale};
use crate::action::failure::{bad, passed};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure};
use crate::connect::kubernetes::Permission;
use crate::evidence::Finding;
use crate::progress::LogLevel;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The action.
pub(in crate::action) struct Quiesce(pub settings::Quiesce);

const TIMEOUT: u64 = 300;

#[derive(Serialize, Deserialize)]
struct Before {
    writers: Vec<Writer>,
    sync: Vec<Paused>,
}

/// A workload before it is stopped.
#[derive(Serialize, Deserialize)]
struct Writer {
    was: Was,
    /// Why it is not scaled down: what that would delete.
    inside: Option<String>,
    autoscaler: Option<String>,
}

#[async_trait]
impl Action for Quiesce {
    fn describe(&self, _context: &Context) -> Description {
        let pauses = self.0.sync.iter().map(|sync| format!("pauses the sync of {}", sync.name));
        let scales = self.0.workloads.iter().map(|label| {
            format!(
                "{label}: to 0 replicas, or its writer stopped inside the pod where scaling would delete the source"
            )
        });
        Description {
            does: format!("Stops {} and sees to it that nobody writes the source.", self.0.workloads.join(", ")),
            effects: pauses.chain(scales).collect(),
            way_back: "Brings each workload to the replicas that it had and gives GitOps its sync back. A source that went with its pod is put back from the snapshot.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let mut findings = scale::there(&self.0.workloads, context).await;
        for label in &self.0.workloads {
            let check = format!("{}: {label}", context.step.id);
            match self.look(context, label, &check).await {
                Ok(found) => findings.extend(found),
                Err(error) => findings.push(bad(check, error.message, "")),
            }
        }
        for sync in &self.0.sync {
            let check = format!("{}: sync of {}", context.step.id, sync.name);
            let found = match context.cluster() {
                Ok(cluster) => sync::was(cluster, sync).await,
                Err(error) => Err(error),
            };
            findings.push(match found {
                Ok(paused) if paused.was_paused_before() => passed(check, "is paused already, and stays so"),
                Ok(paused) => passed(check, format!("{} can be paused", paused.label())),
                Err(error) => bad(check, error.message, ""),
            });
        }
        findings
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = Workload::permissions(&self.0.workloads, context);
        wanted.extend(rivals::permissions());
        wanted.extend(sync::permissions(&self.0.sync, context));
        wanted.extend(Kind::pod().may(&["get"]));
        if self.0.workloads.iter().any(|label| inside::source_in(context, label).is_some()) {
            wanted.extend(Permission::several("", "pods/exec", &["create", "get"]));
        }
        wanted.push(Permission::on("", "events", "list"));
        wanted.push(Permission::on("", "pods/log", "get"));
        wanted
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let cluster = context.cluster()?;
        let mut before = Before { writers: Vec::new(), sync: Vec::new() };
        for workload in Workload::all(&self.0.workloads, context)? {
            before.writers.push(Writer {
                was: workload.was(cluster).await?,
                inside: inside::why(context, &workload).await?,
                autoscaler: rivals::autoscaler(cluster, &workload.target).await?,
            });
        }
        for sync in &self.0.sync {
            before.sync.push(sync::was(cluster, sync).await?);
        }
        Checkpoint::of(&before)
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        let cluster = context.cluster()?;
        for paused in before.sync.iter().filter(|paused| !paused.was_paused_before()) {
            paused.pause(cluster).await?;
            context.progress.log(LogLevel::Info, format!("the sync of {} is paused", paused.label()));
        }
        let mut stopped = Vec::new();
        for writer in &before.writers {
            stopped.extend(self.stop(context, writer).await?);
        }
        context.progress.waiting("");
        guard::require_stopped(context, &workloads(&before), &stopped).await?;
        Ok(Outcome {
            summary: summary(&before, &stopped),
            left: json!({
                "workloads": failure::json(&before.writers.iter().map(|writer| &writer.was).collect::<Vec<_>>())?,
                "scaled": workloads(&before),
                "inside": failure::json(&stopped)?,
                "sync": failure::json(&before.sync)?,
            }),
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        let stopped: Vec<Stopped> =
            left.and_then(|left| left.get("inside")).map(failure::read).transpose()?.unwrap_or_default();
        for writer in before.writers.iter().filter(|writer| writer.inside.is_some()) {
            inside::undo(context, &self.inside(), &writer.was, &stopped, self.timeout()).await?;
        }
        let scaled: Vec<Was> =
            before.writers.iter().filter(|writer| writer.inside.is_none()).map(|writer| writer.was.clone()).collect();
        scale::back(context, &scaled, 0, self.timeout()).await?;
        for paused in before.sync.iter().rev().filter(|paused| !paused.was_paused_before()) {
            paused.resume(context.cluster()?).await?;
        }
        context.progress.waiting("");
        let counts: Vec<String> =
            before.writers.iter().map(|writer| format!("{} at {}", writer.was.workload, writer.was.replicas)).collect();
        Ok(Outcome { summary: format!("{}, as before", counts.join(", ")), ..Outcome::default() })
    }
}

impl Quiesce {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    fn inside(&self) -> settings::Inside {
        self.0.inside.clone().unwrap_or_default()
    }

    async fn look(&self, context: &Context, label: &str, check: &str) -> Result<Vec<Finding>, ActionError> {
        let cluster = context.cluster()?;
        let workload = Workload::new(label, cluster.namespace())?;
        let Some(found) = workload.target.find(cluster).await? else { return Ok(Vec::new()) };
        let mut findings = rivals::of_workload(cluster, &workload.target, &found, &self.0.sync, check).await;
        if let Some(why) = inside::why(context, &workload).await? {
            findings.push(inside::check(context, &workload, &self.inside(), &why, check).await);
        }
        Ok(findings)
    }

    async fn stop(&self, context: &Context, writer: &Writer) -> Result<Vec<Stopped>, ActionError> {
        let workload = Workload::new(&writer.was.workload, context.cluster()?.namespace())?;
        if let Some(why) = &writer.inside {
            context.progress.log(LogLevel::Info, format!("{} is not scaled down: {why}", writer.was.workload));
            return inside::stop(context, &self.inside(), &workload).await;
        }
        if let Some(words) = &writer.autoscaler {
            context.progress.log(LogLevel::Info, format!("autoscaler {words} stands down at 0 replicas"));
        }
        scale::to(context, &workload, &writer.was, &[writer.was.replicas], 0, self.timeout()).await?;
        Ok(Vec::new())
    }
}

/// Those that were scaled to 0.
fn workloads(before: &Before) -> Vec<String> {
    before.writers.iter().filter(|writer| writer.inside.is_none()).map(|writer| writer.was.workload.clone()).collect()
}

fn summary(before: &Before, stopped: &[Stopped]) -> String {
    let scaled = workloads(before);
    let mut parts = Vec::new();
    if !scaled.is_empty() {
        parts.push(format!("{} at 0, no pod left", scaled.join(", ")));
    }
    parts.extend(stopped.iter().map(|stopped| format!("the writer in pod {} is stopped", stopped.pod)));
    let paused = before.sync.iter().map(|paused| format!("the sync of {} is paused", paused.label()));
    parts.extend(paused);
    parts.join("; ")
}

/// The selector of a workload as it stands, for those who look at its pods.
pub(super) async fn pods_of(context: &Context, label: &str) -> Result<(i64, String), ActionError> {
    let cluster = context.cluster()?;
    let found = Workload::new(label, cluster.namespace())?.target.get(cluster).await?;
    Ok((workload::replicas(&found), workload::selector(&found)))
}
