//! Brings the application's workloads up on their new configuration: with as many replicas as before they were quiesced, and with pods
//! that are all made anew.

use super::workload::{Was, Workload};
use super::{owners, rivals, scale};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure};
use crate::connect::kubernetes::Permission;
use crate::evidence::Finding;
use crate::runbook::Settings;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// The action.
pub(in crate::action) struct Start(pub settings::Start);

const TIMEOUT: u64 = 300;

/// A workload before it is started.
#[derive(Serialize, Deserialize)]
struct Before {
    now: Was,
    /// As it was before the run touched it, where a `quiesce` or `scale` step did.
    first: Option<Was>,
    wanted: i64,
    /// The pods that were there: those that come up must be others.
    old: BTreeSet<String>,
}

#[async_trait]
impl Action for Start {
    fn describe(&self, context: &Context) -> Description {
        let name = &context.runbook.service.name;
        let count = self
            .0
            .replicas
            .map_or_else(|| "as many replicas as before".to_owned(), |count| format!("{count} replicas"));
        Description {
            does: format!("Starts {}.", if name.is_empty() { "the application" } else { name }),
            effects: self
                .0
                .workloads
                .iter()
                .map(|label| format!("{label}: {count}, all of them made anew and ready"))
                .collect(),
            way_back: "Scales them to 0, before their configuration is put back.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        scale::there(&self.0.workloads, context).await
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = Workload::permissions(&self.0.workloads, context);
        wanted.extend(rivals::permissions());
        wanted.push(Permission::on("", "events", "list"));
        wanted.push(Permission::on("", "pods/log", "get"));
        wanted
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let mut all = Vec::new();
        for workload in Workload::all(&self.0.workloads, context)? {
            all.push(self.before(context, &workload).await?);
        }
        Checkpoint::of(&all)
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let all: Vec<Before> = checkpoint.read()?;
        let mut up = Vec::new();
        for before in &all {
            let pods = self.bring_up(context, before).await?;
            up.push(format!("{} up with {}", before.now.workload, pods.join(", ")));
        }
        context.progress.waiting("");
        let counts: Vec<Value> =
            all.iter().map(|before| json!({ "workload": before.now.workload, "replicas": before.wanted })).collect();
        Ok(Outcome { summary: up.join("; "), left: json!({ "started": counts }), ..Outcome::default() })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let all: Vec<Before> = checkpoint.read()?;
        for before in all.iter().rev() {
            self.stop(context, before).await?;
        }
        context.progress.waiting("");
        Ok(Outcome { summary: format!("{} stopped", self.0.workloads.join(", ")), ..Outcome::default() })
    }

    /// Where a `switch-config` step is there, it answers.
    async fn late_writes(&self, context: &Context) -> Result<u64, ActionError> {
        crate::action::start::late_writes(context).await
    }

    async fn export_writes(&self, context: &Context, file: &Path) -> Result<u64, ActionError> {
        crate::action::start::export_writes(context, file).await
    }
}

impl Start {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    async fn before(&self, context: &Context, workload: &Workload) -> Result<Before, ActionError> {
        let cluster = context.cluster()?;
        let now = workload.was(cluster).await?;
        let first = before_the_run(context, &workload.label);
        let wanted = self.0.replicas.map_or_else(|| first.as_ref().map_or(now.replicas, |was| was.replicas), i64::from);
        if wanted == 0 {
            return Err(ActionError::refused(format!(
                "{} had no replicas before: write how many it shall have, `replicas: N`, in step {}",
                workload.label, context.step.id
            )));
        }
        let found = workload.target.get(cluster).await?;
        let old = workload.pod_uids(cluster, &found).await?;
        Ok(Before { now, first, wanted, old })
    }

    /// Pods that read the former configuration go first: a ConfigMap alone restarts nobody.
    async fn bring_up(&self, context: &Context, before: &Before) -> Result<Vec<String>, ActionError> {
        let cluster = context.cluster()?;
        let workload = Workload::new(&before.now.workload, cluster.namespace())?;
        let found = workload.target.get(cluster).await?;
        let there = workload.pod_uids(cluster, &found).await?;
        if before.old.iter().any(|uid| there.contains(uid)) {
            let found = workload.scale(cluster, &before.now.uid, &[before.now.replicas, before.wanted], 0).await?;
            workload.until_others_gone(context, &found, self.timeout(), Some(&before.old)).await?;
        }
        workload.scale(cluster, &before.now.uid, &[0, before.now.replicas], before.wanted).await?;
        let owned = before.first.as_ref().map_or(&before.now.owners, |was| &was.owners);
        owners::give_back(cluster, &workload.target, owned).await?;
        workload.until_up(context, &before.old, self.timeout()).await
    }

    async fn stop(&self, context: &Context, before: &Before) -> Result<(), ActionError> {
        let cluster = context.cluster()?;
        let workload = Workload::new(&before.now.workload, cluster.namespace())?;
        // An autoscaler may have brought it to any count by now.
        let counts = match rivals::autoscaler(cluster, &workload.target).await? {
            Some(_) => Vec::new(),
            None => vec![before.wanted, before.now.replicas],
        };
        let found = workload.scale(cluster, &before.now.uid, &counts, 0).await?;
        workload.until_gone(context, &found, self.timeout()).await
    }
}

/// The workload as an earlier step of the run found it.
fn before_the_run(context: &Context, label: &str) -> Option<Was> {
    let scaled = |settings: &Settings| matches!(settings, Settings::Quiesce(_) | Settings::Scale(_));
    let mut outcomes = context.earlier(scaled).into_iter().filter_map(|step| context.outcomes.get(&step.id.0));
    outcomes.find_map(|outcome| {
        let all: Vec<Was> = failure::read(outcome.left.get("workloads")?).ok()?;
        all.into_iter().find(|was| was.workload == label)
    })
}
