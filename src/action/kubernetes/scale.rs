//! Brings workloads to a number of replicas.

use super::workload::{Was, Workload};
use super::{objects, rivals};
use crate::action::failure::{bad, passed};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure};
use crate::connect::kubernetes::Permission;
use crate::evidence::Finding;
use crate::figures;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The action.
pub(in crate::action) struct Scale(pub settings::Scale);

const TIMEOUT: u64 = 300;

#[derive(Serialize, Deserialize)]
struct Before {
    workloads: Vec<Was>,
}

#[async_trait]
impl Action for Scale {
    fn describe(&self, _context: &Context) -> Description {
        let (all, replicas) = (self.0.workloads.join(", "), self.0.replicas);
        Description {
            does: format!("Brings {all} to {}.", figures::counted(u64::from(replicas), "replica")),
            effects: self
                .0
                .workloads
                .iter()
                .map(|label| format!("{label}: {replicas} replicas, and waits for it"))
                .collect(),
            way_back: "Brings each to the count that it had, unless somebody scaled it since.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        there(&self.0.workloads, context).await
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = Workload::permissions(&self.0.workloads, context);
        wanted.extend(rivals::permissions());
        wanted
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let cluster = context.cluster()?;
        let mut workloads = Vec::new();
        for workload in Workload::all(&self.0.workloads, context)? {
            workloads.push(workload.was(cluster).await?);
        }
        Checkpoint::of(&Before { workloads })
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        let wanted = i64::from(self.0.replicas);
        for was in &before.workloads {
            let workload = Workload::new(&was.workload, context.cluster()?.namespace())?;
            to(context, &workload, was, &[was.replicas], wanted, self.timeout()).await?;
        }
        Ok(Outcome {
            summary: format!(
                "{} at {}",
                self.0.workloads.join(", "),
                figures::counted(u64::from(self.0.replicas), "replica")
            ),
            left: failure::json(&before)?,
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        back(context, &before.workloads, i64::from(self.0.replicas), self.timeout()).await
    }
}

impl Scale {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }
}

/// Brings one workload to `wanted` and waits until its pods are there or gone.
pub(super) async fn to(
    context: &Context,
    workload: &Workload,
    was: &Was,
    from: &[i64],
    wanted: i64,
    timeout: Duration,
) -> Result<(), ActionError> {
    let found = workload.scale(context.cluster()?, &was.uid, from, wanted).await?;
    match wanted {
        0 => workload.until_gone(context, &found, timeout).await,
        _ => workload.until_up(context, &BTreeSet::new(), timeout).await.map(|_| ()),
    }
}

/// Brings all workloads back to what they had, the last one first.
pub(super) async fn back(context: &Context, all: &[Was], left: i64, timeout: Duration) -> Result<Outcome, ActionError> {
    let cluster = context.cluster()?;
    for was in all.iter().rev() {
        let workload = Workload::new(&was.workload, cluster.namespace())?;
        let found = workload.scale_back(cluster, was, &[left]).await?;
        match was.replicas {
            0 => workload.until_gone(context, &found, timeout).await?,
            _ => workload.until_up(context, &BTreeSet::new(), timeout).await.map(|_| ())?,
        }
    }
    let counts: Vec<String> = all.iter().map(|was| format!("{} at {}", was.workload, was.replicas)).collect();
    Ok(Outcome { summary: format!("{}, as before", counts.join(", ")), ..Outcome::default() })
}

/// Whether the workloads are there.
pub(super) async fn there(labels: &[String], context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    for label in labels {
        let check = format!("{}: {label}", context.step.id);
        findings.push(match look(label, context).await {
            Ok(detail) => passed(check, detail),
            Err(error) => bad(check, error.message, ""),
        });
    }
    findings
}

async fn look(label: &str, context: &Context) -> Result<String, ActionError> {
    let cluster = context.cluster()?;
    let workload = Workload::new(label, cluster.namespace())?;
    let found = workload.target.get(cluster).await?;
    let replicas = super::workload::replicas(&found);
    Ok(format!("{} has {}", objects::name(&found), figures::counted(u64::try_from(replicas).unwrap_or(0), "replica")))
}
