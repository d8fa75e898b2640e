//! Sets sequences ahead of the data, for targets that were loaded otherwise; the copy does it itself.

use super::job::Load;
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen};
use crate::figures;
use crate::transfer::{self, SequenceState};
use async_trait::async_trait;
use serde_json::Value;

/// The action.
pub(super) struct ResetSequences;

#[async_trait]
impl Action for ResetSequences {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!("Sets every sequence of {} ahead of the rows in its table.", context.target.label()),
            effects: vec!["sets sequences, in one transaction".to_owned()],
            way_back: "Sets them back to what they stood at.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        Checkpoint::of(&states(context).await?)
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let load = load(context).await?;
        let mapping = load.decide(context).await?.mapping;
        let evidence = transfer::reset_sequences(&load.job(context), &mapping).await?;
        let left = states(context).await?;
        Ok(Outcome {
            summary: format!("{} set", figures::counted(left.len() as u64, "sequence")),
            left: failure::json(&left)?,
            evidence,
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let before: Vec<SequenceState> = checkpoint.read()?;
        let now = states(context).await?;
        if let Some(left) = left.map(failure::read::<Vec<SequenceState>>).transpose()?
            && let Some(moved) = now.iter().find(|state| !left.contains(state) && !before.contains(state))
            && !context.lose_writes
        {
            return Err(ActionError::refused(format!(
                "sequence {}.{} stands at {} now: somebody drew from it since, and setting it back would give values twice",
                moved.sequence.schema, moved.sequence.name, moved.last_value
            )));
        }
        let client = context.session().await?;
        transfer::restore_sequences(&client, &before).await?;
        Ok(Outcome { summary: "sequences stand where they stood".to_owned(), ..Outcome::default() })
    }
}

async fn load(context: &Context) -> Result<Load, ActionError> {
    let freeze = frozen::recorded(&frozen::snapshot_path(context)).is_none();
    Ok(Load::new(context, frozen::source_for(context, freeze).await?))
}

async fn states(context: &Context) -> Result<Vec<SequenceState>, ActionError> {
    let mapping = load(context).await?.decide(context).await?.mapping;
    let tables: Vec<_> = mapping.tables.into_iter().map(|table| table.target).collect();
    Ok(transfer::sequences(&context.session().await?, &tables).await?)
}
