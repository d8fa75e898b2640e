//! Brings the application up on its new configuration.

use super::process::{self, Plan};
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, late_writes};
use crate::evidence::Finding;
use crate::runbook::{Settings, settings};
use async_trait::async_trait;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The action.
pub(super) struct Start(pub settings::Start);

const TIMEOUT: u64 = 120;

#[async_trait]
impl Action for Start {
    fn describe(&self, context: &Context) -> Description {
        let name = &context.runbook.service.name;
        Description {
            does: format!("Starts {}.", if name.is_empty() { "the application" } else { name }),
            effects: self.0.command.iter().map(|command| format!("runs `{command}`")).collect(),
            way_back: match &self.0.stop {
                Some(stop) => format!("Runs `{stop}`, before its configuration is put back."),
                None => "No stop command is named: stop it by hand.".to_owned(),
            },
            reversible: self.0.stop.is_some() || self.0.command.is_none(),
            changes: self.0.command.is_some(),
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, command) in [("command", &self.0.command), ("stop command", &self.0.stop)] {
            if let Some(command) = command {
                findings.push(process::check(&format!("{}: {name}", context.step.id), command).await);
            }
        }
        findings
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let Some(command) = &self.0.command else {
            return Ok(Outcome { summary: "no start command is named".to_owned(), ..Outcome::default() });
        };
        process::run(context, &self.plan(command), self.timeout()).await?;
        Ok(Outcome { summary: format!("`{command}` ended well"), ..Outcome::default() })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let summary = match &self.0.stop {
            Some(command) => {
                process::run(context, &self.plan(command), self.timeout()).await?;
                format!("`{command}` stopped the application")
            }
            None if self.0.command.is_some() => "no stop command is named: stop the application by hand".to_owned(),
            None => "nothing to take back".to_owned(),
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }

    /// Where a `switch-config` step is there, it answers.
    async fn late_writes(&self, context: &Context) -> Result<u64, ActionError> {
        late_writes(context).await
    }

    async fn export_writes(&self, context: &Context, file: &Path) -> Result<u64, ActionError> {
        export_writes(context, file).await
    }
}

/// For `start` on whatever platform.
pub(super) async fn late_writes(context: &Context) -> Result<u64, ActionError> {
    if answered_elsewhere(context) { Ok(0) } else { late_writes::count(context).await }
}

/// The same rows, written out.
pub(super) async fn export_writes(context: &Context, file: &Path) -> Result<u64, ActionError> {
    if answered_elsewhere(context) { Ok(0) } else { late_writes::export(context, file).await }
}

fn answered_elsewhere(context: &Context) -> bool {
    let switch = |step: &&crate::runbook::Step| matches!(step.settings, Settings::SwitchConfig(_));
    context.runbook.steps.iter().find(switch).is_some_and(|step| context.outcomes.contains_key(&step.id.0))
}

impl Start {
    fn plan<'a>(&'a self, command: &'a str) -> Plan<'a> {
        Plan { command, env: &self.0.env, with_target: false, lasting: true }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }
}
