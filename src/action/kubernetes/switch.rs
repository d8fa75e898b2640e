//! The switch of one part of one object, by a patch that holds only for the object as it was read; the former part is kept in the
//! cluster, and comes back with its owners. What the part is, [`Part`] says: keys of a ConfigMap or Secret, or a container's variables.

use super::objects::{self, Target};
use super::{guard, owners, rivals, states};
use crate::action::config_file;
use crate::action::failure::{bad, passed, unknown};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen, late_writes};
use crate::connect::kubernetes::Permission;
use crate::evidence::Finding;
use crate::runbook::Settings;
use crate::runbook::settings::Sync;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// The action, whatever the part is.
pub(in crate::action) struct Switch<P>(pub P);

/// A part of an object that a step switches.
pub(in crate::action) trait Part: Send + std::marker::Sync {
    /// What the step does, in a sentence.
    fn does(&self) -> String;
    /// Each thing that it sets or takes out.
    fn effects(&self) -> Vec<String>;
    /// The object, in `namespace`.
    fn target(&self, namespace: &str) -> Result<Target, ActionError>;
    /// The part as it stands.
    fn read(&self, object: &Value) -> Result<Value, ActionError>;
    /// What it is to become.
    fn wanted(&self, former: &Value) -> Result<Value, ActionError>;
    /// The operations that bring it from one to the other in `object`.
    fn operations(&self, object: &Value, from: &Value, to: &Value) -> Vec<Value>;
    /// As text whose lines can be compared and shown.
    fn shown(&self, part: &Value) -> Vec<u8>;
    /// Why an object like this must be changed somewhere else.
    fn refusal(&self, target: &Target, object: &Value) -> Option<(String, String)>;
}

/// What the journal knows: hashes, never values.
#[derive(Serialize, Deserialize)]
struct Before {
    object: String,
    uid: String,
    sha256: String,
}

/// What the Secret in the cluster keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    former: Value,
    owners: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct Left {
    sha256: String,
}

#[async_trait]
impl<P: Part> Action for Switch<P> {
    fn describe(&self, _context: &Context) -> Description {
        Description {
            does: self.0.does(),
            effects: self.0.effects(),
            way_back: "Puts the former state back and the fields to those who owned them, unless somebody changed it since. What the application wrote to PostgreSQL by then stays there.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let name = context.step.id.0.clone();
        match rehearse(&self.0, context).await {
            Ok(findings) => findings,
            Err(error) => vec![bad(name, error.message, "correct the names or keys in the runbook")],
        }
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = states::permissions(context);
        let target = context.cluster().and_then(|cluster| self.0.target(cluster.namespace()));
        wanted.extend(target.map(|target| target.may(&["get", "patch"])).unwrap_or_default());
        wanted.extend(guard::permissions(context));
        wanted
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let cluster = context.cluster()?;
        let target = self.0.target(cluster.namespace())?;
        let found = target.get(cluster).await?;
        if let Some((detail, remedy)) = self.0.refusal(&target, &found) {
            return Err(ActionError::refused(format!("{detail}; {remedy}")));
        }
        let former = self.0.read(&found)?;
        self.0.wanted(&former)?;
        Checkpoint::of(&Before {
            object: target.to_string(),
            uid: objects::uid(&found).to_owned(),
            sha256: hash(&former),
        })
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        frozen::require_quiet(context).await?;
        let cluster = context.cluster()?;
        let target = self.0.target(cluster.namespace())?;
        let kept = keep(&self.0, context, &target, &before).await?;
        let wanted = self.0.wanted(&kept.former)?;
        let decide = |found: &Value| {
            require_same(context, &target, found, &before.uid)?;
            let now = self.0.read(found)?;
            if now == wanted {
                return Ok(None);
            }
            if now == kept.former {
                return Ok(Some(self.0.operations(found, &now, &wanted)));
            }
            Err(edited(&self.0, context, &target, "since this step began", &kept.former, &now))
        };
        target.amend(cluster, decide).await?;
        owners::give_back(cluster, &target, &kept.owners).await?;
        Ok(Outcome {
            summary: format!("{target} is switched"),
            left: failure::json(&Left { sha256: hash(&wanted) })?,
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
        let cluster = context.cluster()?;
        let target = self.0.target(cluster.namespace())?;
        let Some(kept): Option<Kept> = states::kept(context).await? else {
            // Taken back before a crash: the state goes last.
            let stands = hash(&self.0.read(&target.get(cluster).await?)?) == before.sha256;
            return if stands { Ok(as_it_stood(&target)) } else { Err(lost(context, &before)) };
        };
        let wanted = self.0.wanted(&kept.former)?;
        let left = left.map(failure::read::<Left>).transpose()?.map_or_else(|| hash(&wanted), |left| left.sha256);
        let decide = |found: &Value| {
            require_same(context, &target, found, &before.uid)?;
            let now = self.0.read(found)?;
            if now == kept.former {
                return Ok(None);
            }
            if hash(&now) == left {
                return Ok(Some(self.0.operations(found, &now, &kept.former)));
            }
            Err(edited(&self.0, context, &target, "since the switch", &wanted, &now))
        };
        target.amend(cluster, decide).await?;
        owners::give_back(cluster, &target, &kept.owners).await?;
        states::drop(context).await?;
        Ok(as_it_stood(&target))
    }

    async fn late_writes(&self, context: &Context) -> Result<u64, ActionError> {
        late_writes::count(context).await
    }

    async fn export_writes(&self, context: &Context, file: &Path) -> Result<u64, ActionError> {
        late_writes::export(context, file).await
    }
}

async fn rehearse(part: &impl Part, context: &Context) -> Result<Vec<Finding>, ActionError> {
    let cluster = context.cluster()?;
    let target = part.target(cluster.namespace())?;
    let check = format!("{}: {target}", context.step.id);
    let found = target.get(cluster).await?;
    if let Some((detail, remedy)) = part.refusal(&target, &found) {
        return Ok(vec![bad(check, detail, remedy)]);
    }
    let former = part.read(&found)?;
    let wanted = part.wanted(&former)?;
    let detail = if former == wanted { "stands as it is to be" } else { "can be switched" };
    let mut findings = vec![passed(check.clone(), detail)];
    let named: Vec<Sync> = context
        .runbook
        .steps
        .iter()
        .filter_map(|step| match &step.settings {
            Settings::Quiesce(quiesce) => Some(quiesce.sync.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    findings.extend(rivals::gitops(&found, &named).map(|(who, remedy)| {
        unknown(check, format!("{who} keeps {target}, and would put the former configuration back"), remedy)
    }));
    Ok(findings)
}

/// Keeps the former state before anything is changed. It is kept by the step and not when the checkpoint is taken: so nothing is left in
/// the cluster of a step that never began.
async fn keep(part: &impl Part, context: &Context, target: &Target, before: &Before) -> Result<Kept, ActionError> {
    if let Some(kept) = states::kept(context).await? {
        return Ok(kept);
    }
    let found = target.get(context.cluster()?).await?;
    require_same(context, target, &found, &before.uid)?;
    let former = part.read(&found)?;
    if hash(&former) != before.sha256 {
        return Err(ActionError::refused(format!(
            "{target} was edited by somebody else since this step began: sha256 {} was expected, {} stands there; retry the step with what stands there now after a rollback to it",
            before.sha256,
            hash(&former)
        )));
    }
    let kept = Kept { former, owners: owners::of(&found) };
    states::keep(context, &kept).await?;
    Ok(kept)
}

fn as_it_stood(target: &Target) -> Outcome {
    let summary = format!("{target} is again as it was, to the byte, and its fields belong to those who owned them");
    Outcome { summary, left: json!({}), ..Outcome::default() }
}

fn require_same(context: &Context, target: &Target, found: &Value, uid: &str) -> Result<(), ActionError> {
    if objects::uid(found) == uid {
        return Ok(());
    }
    Err(ActionError::refused(format!(
        "{target} of step {} is not the one that it was (uid {uid} then, {} now): somebody made it anew; nothing was touched, bring it to the state that you want by hand",
        context.step.id,
        objects::uid(found)
    )))
}

fn lost(context: &Context, before: &Before) -> ActionError {
    ActionError::failed(format!(
        "the former state of {} is not in the cluster any more (step {}): somebody removed it or its Secret; nothing was touched, restore the object by hand",
        before.object, context.step.id
    ))
}

fn edited(
    part: &impl Part,
    context: &Context,
    target: &Target,
    since: &str,
    expected: &Value,
    now: &Value,
) -> ActionError {
    let difference = config_file::difference(&part.shown(expected), &part.shown(now), &context.secrets);
    ActionError::refused(format!(
        "{target} was edited by somebody else {since}: sha256 {} was expected, {} stands there; {difference}\nmake it as expected, or keep that change by hand, then try again",
        hash(expected),
        hash(now)
    ))
}

fn hash(part: &Value) -> String {
    Sha256::digest(part.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}
