//! Runs a command on this host.

use super::process::{self, Plan};
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome};
use crate::evidence::Finding;
use crate::runbook::settings;
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;

/// The action.
pub(super) struct Shell(pub settings::Shell);

const TIMEOUT: u64 = 600;
/// The longest output that later steps may name, in characters.
const LONGEST_OUTPUT: usize = 4_096;

#[async_trait]
impl Action for Shell {
    fn describe(&self, _context: &Context) -> Description {
        Description {
            does: format!("Runs `{}`.", self.0.apply),
            effects: vec!["whatever the command does".to_owned()],
            way_back: match &self.0.undo {
                Some(undo) => format!("Runs `{undo}`."),
                None => "There is none: no undo is named.".to_owned(),
            },
            reversible: self.0.undo.is_some(),
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let mut findings = vec![process::check(&format!("{}: command", context.step.id), &self.0.apply).await];
        if let Some(undo) = &self.0.undo {
            findings.push(process::check(&format!("{}: undo", context.step.id), undo).await);
        }
        findings
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let ended = process::run(context, &self.plan(&self.0.apply), self.timeout()).await?;
        let stdout: String = ended.stdout.trim_end().chars().take(LONGEST_OUTPUT).collect();
        Ok(Outcome {
            summary: stdout.lines().last().map_or_else(|| "ended well".to_owned(), ToOwned::to_owned),
            outputs: [("stdout".to_owned(), stdout)].into(),
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let summary = match &self.0.undo {
            Some(undo) => {
                process::run(context, &self.plan(undo), self.timeout()).await?;
                format!("`{undo}` ended well")
            }
            None => format!("no undo is named for `{}`: nothing was taken back", self.0.apply),
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl Shell {
    fn plan<'a>(&'a self, command: &'a str) -> Plan<'a> {
        Plan { command, env: &self.0.env, with_target: true, lasting: false }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }
}
