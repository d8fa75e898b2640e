//! Stops the writers, or proves that there are none.

use super::process::{self, Plan};
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure};
use crate::connect::sqlite::{self, Fingerprint};
use crate::evidence::{Evidence, Finding};
use crate::progress::LogLevel;
use crate::runbook::settings;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The action.
pub(super) struct Quiesce(pub settings::Quiesce);

const TIMEOUT: u64 = 120;

#[async_trait]
impl Action for Quiesce {
    fn describe(&self, context: &Context) -> Description {
        let source = context.runbook.source.sqlite.display();
        let stop = self.0.stop.as_ref().map(|command| format!("runs `{command}`"));
        let proof = format!("watches {source} for {:.1} s without opening it", self.quiet().as_secs_f64());
        Description {
            does: match &self.0.stop {
                Some(_) => format!("Stops the application and proves that nobody writes {source}."),
                None => format!("Proves that nobody writes {source}."),
            },
            effects: stop.into_iter().chain([proof]).collect(),
            way_back: match (&self.0.start, &self.0.stop) {
                (Some(command), _) => format!("Runs `{command}`."),
                (None, Some(_)) => "No command is named that starts it again: do it by hand.".to_owned(),
                (None, None) => "Changes nothing.".to_owned(),
            },
            reversible: self.0.start.is_some() || self.0.stop.is_none(),
            changes: self.0.stop.is_some(),
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, command) in [("stop", &self.0.stop), ("start", &self.0.start)] {
            if let Some(command) = command {
                findings.push(process::check(&format!("{}: {name} command", context.step.id), command).await);
            }
        }
        findings
    }

    async fn prepare(&self, _context: &Context) -> Result<Checkpoint, ActionError> {
        Ok(Checkpoint(json!({ "stops": self.0.stop.is_some() })))
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        if let Some(command) = &self.0.stop {
            process::run(context, &self.plan(command), self.timeout()).await?;
        }
        let fingerprint = context.or_stopped("quiesce", self.stands_still(context)).await?;
        context.progress.waiting("");
        let holders = sqlite::holders(&context.runbook.source.sqlite);
        let finding = failure::passed("open for writing", holders.words());
        if holders.writers().next().is_some() {
            let line = format!("nobody writes now, but the source is open for writing: {}", holders.words());
            context.progress.log(LogLevel::Warn, line);
        }
        Ok(Outcome {
            summary: format!("nobody wrote the source for {:.1} s", self.quiet().as_secs_f64()),
            left: json!({ "fingerprint": failure::json(&fingerprint)? }),
            evidence: Evidence { findings: vec![finding], ..Evidence::default() },
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let summary = match &self.0.start {
            Some(command) => {
                process::run(context, &self.plan(command), self.timeout()).await?;
                format!("`{command}` started the application on its former configuration")
            }
            None if checkpoint.0["stops"] == true => {
                "no start command is named: start the application by hand".to_owned()
            }
            None => "nothing to take back".to_owned(),
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl Quiesce {
    fn plan<'a>(&'a self, command: &'a str) -> Plan<'a> {
        Plan { command, env: &self.0.env, with_target: false, lasting: true }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    /// With a stop command the proof confirms; without one it is all there is.
    fn quiet(&self) -> Duration {
        let usual = if self.0.stop.is_some() { 1.0 } else { 3.0 };
        Duration::try_from_secs_f64(self.0.quiet_seconds.unwrap_or(usual)).unwrap_or_default()
    }

    async fn stands_still(&self, context: &Context) -> Result<Fingerprint, ActionError> {
        let source = &context.runbook.source.sqlite;
        let begun = Instant::now();
        let mut still_since = Instant::now();
        let mut first = sqlite::fingerprint(source)?;
        loop {
            let rest = self.quiet().saturating_sub(still_since.elapsed());
            tokio::time::sleep(rest.min(Duration::from_millis(250))).await;
            let now = sqlite::fingerprint(source)?;
            let moved = now.change_since(&first);
            let stopping = if self.0.stop.is_some() { sqlite::holders(source) } else { sqlite::Holders::default() };
            let held = stopping.writers().next().map(|_| format!("it is open for writing by {}", stopping.words()));
            let open = sqlite::in_transaction(source).then(|| "a transaction that writes it is open".to_owned());
            let why = moved.clone().or(open).or(held);
            if why.is_none() && still_since.elapsed() >= self.quiet() {
                return Ok(now);
            }
            if let Some(why) = why {
                context.progress.waiting(format!("the writers of {} to end: {why}", source.display()));
                if begun.elapsed() > self.timeout() {
                    return Err(self.still_written(context, &why));
                }
            }
            if moved.is_some() {
                (first, still_since) = (now, Instant::now());
            }
        }
    }

    fn still_written(&self, context: &Context, why: &str) -> ActionError {
        let source = &context.runbook.source.sqlite;
        let remedy = match &self.0.stop {
            Some(command) => format!("`{command}` did not stop its writer"),
            None => "stop the application, or name its stop command in the runbook".to_owned(),
        };
        ActionError::failed(format!(
            "the source {} is still in use after {} s: {why}; open for writing: {}; {remedy}",
            source.display(),
            self.timeout().as_secs(),
            sqlite::holders(source).words()
        ))
    }
}
