//! Notices a writer that came back between `quiesce` and the switch: somebody scaled it up, an operator or GitOps did, a container was
//! started again.

use super::inside::{self, Stopped};
use super::objects::{self, Kind};
use super::quiesce;
use crate::action::{ActionError, Context, failure};
use crate::connect::kubernetes::{Permission, pods};
use crate::runbook::Settings;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

pub(super) fn permissions(context: &Context) -> Vec<Permission> {
    let quiesces = context.earlier(is_quiesce);
    let named = |step: &&crate::runbook::Step| match &step.settings {
        Settings::Quiesce(quiesce) => !quiesce.workloads.is_empty(),
        _ => false,
    };
    if quiesces.iter().any(named) { Kind::pod().may(&["list"]) } else { Vec::new() }
}

fn is_quiesce(settings: &Settings) -> bool {
    matches!(settings, Settings::Quiesce(_))
}

/// Refuses when a workload that an earlier step quiesced runs again.
pub(in crate::action) async fn require_writers_gone(context: &Context) -> Result<(), ActionError> {
    if context.cluster.is_none() {
        return Ok(());
    }
    for step in context.earlier(is_quiesce) {
        let Some(outcome) = context.outcomes.get(&step.id.0) else { continue };
        let read = |name: &str| outcome.left.get(name).cloned();
        let scaled: Vec<String> = read("scaled").map(|left| failure::read(&left)).transpose()?.unwrap_or_default();
        let stopped: Vec<Stopped> = read("inside").map(|left| failure::read(&left)).transpose()?.unwrap_or_default();
        require_stopped(context, &scaled, &stopped).await?;
    }
    Ok(())
}

/// Refuses when one of these runs.
pub(super) async fn require_stopped(
    context: &Context,
    scaled: &[String],
    stopped: &[Stopped],
) -> Result<(), ActionError> {
    for label in scaled {
        let (replicas, selector) = quiesce::pods_of(context, label).await?;
        let alive = alive(context, &selector).await?;
        if replicas != 0 || !alive.is_empty() {
            return Err(came_back(
                context,
                label,
                &format!("{replicas} replicas are wanted, pods: {}", listed(&alive)),
            ));
        }
    }
    for writer in stopped {
        if let Some(why) = inside::runs_again(context, writer).await? {
            return Err(came_back(context, &writer.workload, &why));
        }
    }
    Ok(())
}

async fn alive(context: &Context, selector: &str) -> Result<Vec<String>, ActionError> {
    let all = objects::list(context.cluster()?, &Kind::pod(), selector).await?;
    let runs = |pod: &&Value| {
        let typed: Result<Pod, _> = serde_json::from_value((*pod).clone());
        typed.is_ok_and(|pod| pods::is_alive(&pod))
    };
    Ok(all.iter().filter(runs).map(|pod| objects::name(pod).to_owned()).collect())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn came_back(context: &Context, label: &str, why: &str) -> ActionError {
    let place = context.cluster.as_ref().map(|cluster| cluster.place().to_string()).unwrap_or_default();
    ActionError::refused(format!(
        "{label} on {place} was stopped and runs again ({why}): what it writes to the source would be lost; find out who started it (an operator, GitOps, a colleague), roll back to quiesce and go on from there"
    ))
}
