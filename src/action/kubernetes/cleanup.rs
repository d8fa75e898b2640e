//! Removes what the run's steps left in the namespace. Former states stay, because a rollback needs them: `cutover forget` removes those. A pod
//! that carried the connections to the target goes as well; whoever needs it later makes it again, for as long as it is needed.

use super::apply;
use super::objects::{self, Kind, Target};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome, source};
use crate::connect::kubernetes::{Cluster, Permission, names};
use crate::figures;
use crate::runbook::{Settings, settings};
use async_trait::async_trait;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The action.
pub(in crate::action) struct Cleanup(pub settings::Cleanup);

const TIMEOUT: u64 = 120;
const BETWEEN: Duration = Duration::from_millis(300);

#[async_trait]
impl Action for Cleanup {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: "Removes what the run's steps left in the namespace.".to_owned(),
            effects: leaving(context)
                .into_iter()
                .map(|step| format!("pods and Jobs of step {step}, if any are left"))
                .collect(),
            way_back: "Nothing that a rollback needs is removed.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn permissions(&self, _context: &Context) -> Vec<Permission> {
        kinds().iter().flat_map(|kind| kind.may(&["get", "list", "delete"])).collect()
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let cluster = context.cluster()?;
        let timeout = Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT));
        let mut gone = 0;
        source::remove_reader(context).await?;
        for step in context.runbook.steps.iter().filter(|step| leaving(context).contains(&step.id.0)) {
            let theirs = context.for_step(step);
            let selector = format!(
                "{},{}={}",
                names::of_run(&context.run),
                names::STEP,
                names::labels("", &step.id.0)[names::STEP]
            );
            for kind in kinds() {
                for found in objects::list(cluster, &kind, &selector).await? {
                    let target = Target::new(kind.clone(), cluster.namespace(), objects::name(&found));
                    gone += u64::from(apply::remove(&theirs, &target, timeout).await?);
                }
            }
        }
        Ok(Outcome { summary: format!("{} removed", figures::counted(gone, "object")), ..Outcome::default() })
    }
}

/// Jobs first: they would make their pods anew.
fn kinds() -> [Kind; 2] {
    [Kind::job(), Kind::pod()]
}

/// Steps that may leave something which nobody needs any more. What `apply` and `helm` make is part of the application.
fn leaving(context: &Context) -> Vec<String> {
    let leaves = |settings: &Settings| {
        !matches!(settings, Settings::Apply(_) | Settings::Helm(_) | Settings::Cleanup(_) | Settings::SwitchConfig(_))
    };
    let steps = context.runbook.steps.iter().filter(|step| leaves(&step.settings));
    steps.map(|step| step.id.0.clone()).collect()
}

/// What [`forget`] needs.
pub(in crate::action) fn permissions_to_forget(context: &Context) -> Vec<Permission> {
    let mut wanted: Vec<Permission> = kinds().iter().flat_map(|kind| kind.may(&["list", "delete"])).collect();
    wanted.extend(Target::new(Kind::secret(), "", &names::states(&context.run)).may(&["get", "delete"]));
    wanted
}

/// Removes for good what a run keeps in the namespace: former states, and pods and Jobs that are left of its steps. After this there is
/// no way back. `but` names steps whose objects belong to the application. How many objects went.
///
/// # Errors
/// When nobody answers, or the user may not.
pub async fn forget(cluster: &Cluster, run: &str, but: &[String]) -> Result<u64, ActionError> {
    let mut gone = 0;
    for kind in kinds() {
        for found in objects::list(cluster, &kind, &names::of_run(run)).await? {
            let step = &found["metadata"]["labels"][names::STEP];
            if but.iter().any(|but| *step == names::labels("", but)[names::STEP].as_str()) {
                continue;
            }
            let target = Target::new(kind.clone(), cluster.namespace(), objects::name(&found));
            gone += u64::from(target.delete(cluster, objects::uid(&found)).await?);
            until_gone(cluster, &target, objects::uid(&found)).await?;
        }
    }
    // By its name: who may list Secrets may read them all.
    let states = Target::new(Kind::secret(), cluster.namespace(), &names::states(run));
    if let Some(found) = states.find(cluster).await?.filter(|found| is_of_run(found, run)) {
        gone += u64::from(states.delete(cluster, objects::uid(&found)).await?);
    }
    Ok(gone)
}

/// Pods take a moment to end. One that takes longer than anybody waits is told of, and its deletion goes on.
async fn until_gone(cluster: &Cluster, target: &Target, uid: &str) -> Result<(), ActionError> {
    let end = Instant::now() + Duration::from_secs(TIMEOUT);
    while target.find(cluster).await?.is_some_and(|now| objects::uid(&now) == uid) {
        if Instant::now() > end {
            return Err(ActionError::failed(format!(
                "{target} on {} is being deleted for {TIMEOUT} s: look at its finalizers, then try again",
                cluster.place()
            )));
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(())
}

fn is_of_run(object: &Value, run: &str) -> bool {
    object["metadata"]["labels"][names::RUN] == names::labels(run, "")[names::RUN].as_str()
}
