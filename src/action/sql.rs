//! Statements on the target, in one transaction.

use super::sql_text::{Piece, split};
use super::{
    Action, ActionError, Checkpoint, Context, Description, Outcome, failure,
    marker::{self, Mark},
};
use crate::crash;
use crate::evidence::Finding;
use crate::figures;
use crate::runbook::settings;
use async_trait::async_trait;
use serde_json::Value;
use tokio_postgres::Client;

/// The action.
pub(super) struct Sql(pub settings::Sql);

#[async_trait]
impl Action for Sql {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!("Runs SQL on {} in one transaction.", context.target.label()),
            effects: statements(&self.0.apply).unwrap_or_default().into_iter().map(ToOwned::to_owned).collect(),
            way_back: match &self.0.undo {
                Some(undo) => format!("Runs {undo}"),
                None => "There is none: no undo is named.".to_owned(),
            },
            reversible: self.0.undo.is_some(),
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let name = format!("{}: statements", context.step.id);
        let all = [Some(&self.0.apply), self.0.undo.as_ref()];
        let wrong = all.into_iter().flatten().find_map(|text| statements(text).err());
        vec![match wrong {
            None => failure::passed(name, "can be told apart"),
            Some(reason) => failure::bad(name, reason, "correct the SQL in the runbook"),
        }]
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let client = context.session().await?;
        if marker::is_set(&client, context, Mark::Done).await? {
            return Ok(Outcome { summary: "was done already".to_owned(), ..Outcome::default() });
        }
        let statements = statements(&self.0.apply).map_err(ActionError::refused)?;
        let work = async {
            begin(&client).await?;
            marker::set(&client, context, Mark::Done).await?;
            execute(&client, &statements).await?;
            commit(&client).await
        };
        context.or_stopped("the transaction", work).await?;
        let summary = figures::counted(statements.len() as u64, "statement");
        Ok(Outcome { summary, ..Outcome::default() })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let client = context.session().await?;
        let Some(undo) = &self.0.undo else {
            return Ok(Outcome {
                summary: "no undo is named: nothing was taken back".to_owned(),
                ..Outcome::default()
            });
        };
        // The run's schema may be gone with the copy's undo; the journal knows that the step was done.
        let done = marker::is_set(&client, context, Mark::Done).await? || left.is_some();
        if !done || marker::is_set(&client, context, Mark::Undone).await? {
            return Ok(Outcome { summary: "nothing to take back".to_owned(), ..Outcome::default() });
        }
        let statements = statements(undo).map_err(ActionError::refused)?;
        begin(&client).await?;
        execute(&client, &statements).await?;
        marker::set(&client, context, Mark::Undone).await?;
        commit(&client).await?;
        let summary = format!("taken back by {}", figures::counted(statements.len() as u64, "statement"));
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

fn statements(text: &str) -> Result<Vec<&str>, String> {
    let pieces = split(text).map_err(|error| error.to_string())?;
    let only = |piece| match piece {
        Piece::Statement(text) if ends_transaction(text) => {
            Err(format!("`{text}`: the statements are one transaction as they are; take it out"))
        }
        Piece::Statement(text) => Ok(text),
        Piece::CopyIn(text, _) => Err(format!("`{text}`: COPY from stdin is for files of generate-schema")),
    };
    pieces.into_iter().map(only).collect()
}

fn ends_transaction(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    matches!(first.as_str(), "begin" | "start" | "commit" | "rollback" | "end" | "abort")
}

async fn execute(client: &Client, statements: &[&str]) -> Result<(), ActionError> {
    for statement in statements {
        client.batch_execute(statement).await.map_err(|error| {
            ActionError::failed(format!("`{statement}`: {}; nothing of the step stays", failure::sql_reason(&error)))
        })?;
    }
    Ok(())
}

/// Begins a transaction.
pub(super) async fn begin(client: &Client) -> Result<(), ActionError> {
    client.batch_execute("begin").await.map_err(|error| ActionError::sql("beginning a transaction", &error))
}

/// Commits it.
pub(super) async fn commit(client: &Client) -> Result<(), ActionError> {
    crash::point("action.commit.before");
    let done = client.batch_execute("commit").await;
    crash::point("action.commit.after");
    done.map_err(|error| ActionError::sql("committing; run the step again: it knows whether it is in", &error))
}
