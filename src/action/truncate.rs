//! Saves what the target's tables hold, so that the copy can be taken back. The rows themselves go in the copy's own transaction.

use super::job::Load;
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen};
use crate::figures;
use crate::schema::Mapping;
use crate::transfer::saved::{self, Saved};
use async_trait::async_trait;
use serde_json::Value;

/// The action.
pub(super) struct Truncate;

#[async_trait]
impl Action for Truncate {
    fn describe(&self, context: &Context) -> Description {
        let schema = crate::transfer::run_schema(&context.run);
        Description {
            does: format!(
                "Saves the rows that stand in the tables of {} before the copy replaces them.",
                context.target.label()
            ),
            effects: vec![format!(
                "writes the saved rows to schema {schema} of the target, kept until `cutover forget`"
            )],
            way_back: "Puts the saved rows and the sequences back.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        frozen::require_quiet_after_quiesce(context).await?;
        let load = Load::new(context, frozen::source_for(context, false).await?);
        let mapping = load.decide(context).await?.mapping;
        let saved = save(context, &load, &mapping).await?;
        let rows = saved.tables.iter().map(|table| table.rows).sum();
        Ok(Outcome {
            summary: format!(
                "saved {} of {}",
                figures::counted(rows, "row"),
                figures::counted(saved.tables.len() as u64, "table")
            ),
            left: failure::json(&saved)?,
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let load = Load::new(context, frozen::source_for(context, false).await?);
        let mapping = load.decide(context).await?.mapping;
        let summary = match left.map(failure::read::<Saved>).transpose()? {
            Some(saved) => put_back(context, &load, &mapping, &saved).await?,
            // It never finished: the rows themselves were not touched.
            None => "the rows were not touched".to_owned(),
        };
        saved::forget(&context.target, &context.run).await?;
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

/// Saves the rows of the mapping's tables and makes sure that what was saved is what stands there.
pub(super) async fn save(context: &Context, load: &Load, mapping: &Mapping) -> Result<Saved, ActionError> {
    let job = load.job(context);
    let saved = saved::save(&job, mapping).await?;
    saved::verify_saved(&job, &saved).await?;
    Ok(saved)
}

/// Puts saved rows back where the tables hold something else.
pub(super) async fn put_back(
    context: &Context,
    load: &Load,
    mapping: &Mapping,
    saved: &Saved,
) -> Result<String, ActionError> {
    let job = load.job(context);
    let now = saved::fingerprint(&job, mapping).await?;
    let same = |table: &saved::SavedTable| {
        now.iter().any(|other| {
            (&other.schema, &other.table, other.rows, &other.digest)
                == (&table.schema, &table.table, table.rows, &table.digest)
        })
    };
    if saved.tables.iter().all(same) {
        return Ok("the saved rows stand where they stood".to_owned());
    }
    saved::restore(&job, saved).await?;
    let rows = saved.tables.iter().map(|table| table.rows).sum();
    Ok(format!("put {} back", figures::counted(rows, "saved row")))
}
