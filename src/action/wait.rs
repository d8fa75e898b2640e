//! Waits until a command succeeds, a query answers `t`, or a time is over.

use super::process::{self, Plan};
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure};
use crate::evidence::Finding;
use crate::runbook::settings;
use async_trait::async_trait;
use std::time::{Duration, Instant};

/// The action.
pub(super) struct Wait(pub settings::Wait);

const TIMEOUT: u64 = 300;
const BETWEEN: Duration = Duration::from_secs(1);

#[async_trait]
impl Action for Wait {
    fn describe(&self, _context: &Context) -> Description {
        Description {
            does: format!("Waits for {}.", self.what()),
            effects: self.0.command.iter().map(|command| format!("runs `{command}` every second")).collect(),
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        match &self.0.command {
            Some(command) => vec![process::check(&format!("{}: command", context.step.id), command).await],
            None => Vec::new(),
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let begun = Instant::now();
        context.progress.waiting(self.what());
        context.or_stopped("wait", self.until_true(context)).await?;
        context.progress.waiting("");
        let summary = format!("{} after {:.1} s", self.what(), begun.elapsed().as_secs_f64());
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl Wait {
    fn what(&self) -> String {
        let seconds = self.0.seconds.map(|seconds| format!("{seconds} s"));
        let query = self.0.query.as_ref().map(|query| format!("`{query}` to answer t"));
        let command = self.0.command.as_ref().map(|command| format!("`{command}` to succeed"));
        [seconds, query, command].into_iter().flatten().collect::<Vec<_>>().join(", then ")
    }

    async fn until_true(&self, context: &Context) -> Result<(), ActionError> {
        if let Some(seconds) = self.0.seconds {
            tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
        }
        let timeout = Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT));
        let end = Instant::now() + timeout;
        loop {
            let Some(why) = self.why_not(context, end).await? else { return Ok(()) };
            if Instant::now() + BETWEEN > end {
                return Err(ActionError::failed(format!(
                    "{} s went by without {}: {why}",
                    timeout.as_secs(),
                    self.what()
                )));
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    async fn why_not(&self, context: &Context, end: Instant) -> Result<Option<String>, ActionError> {
        if let Some(query) = &self.0.query {
            match ask(context, query).await {
                Ok(answer) if answer == "t" => {}
                Ok(answer) => return Ok(Some(format!("it answers {answer}"))),
                Err(error) => return Ok(Some(error.message)),
            }
        }
        let Some(command) = &self.0.command else { return Ok(None) };
        let plan = Plan { command, env: &self.0.env, with_target: true, lasting: false };
        let rest = end.saturating_duration_since(Instant::now()).max(BETWEEN);
        match process::run(context, &plan, rest).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind == super::FailureKind::Interrupted => Err(error),
            Err(error) => Ok(Some(error.message)),
        }
    }
}

/// The first column of the first row, as text; `no row` where there is none.
pub(super) async fn ask(context: &Context, query: &str) -> Result<String, ActionError> {
    use tokio_postgres::SimpleQueryMessage;
    let client = context.session().await?;
    let answer = client.simple_query(query).await;
    let answer = answer.map_err(|error| ActionError::failed(failure::sql_reason(&error)))?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
        _ => None,
    });
    Ok(row.unwrap_or_else(|| "no row".to_owned()))
}
