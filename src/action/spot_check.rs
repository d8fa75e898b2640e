//! A gate with pictures: the operator looks at rows side by side. It opens only over equal digests, `--yes` or not.

use super::{Action, ActionError, Checkpoint, Context, Description, Outcome};
use crate::evidence::Finding;
use crate::figures;
use crate::runbook::{Settings, settings};
use async_trait::async_trait;

/// The action.
pub(super) struct SpotCheck(pub settings::SpotCheck);

#[async_trait]
impl Action for SpotCheck {
    fn describe(&self, _context: &Context) -> Description {
        let tables =
            if self.0.tables.is_empty() { "the riskiest rows first".to_owned() } else { self.0.tables.join(", ") };
        Description {
            does: format!("Shows rows of both sides next to each other: {tables}."),
            effects: vec!["the rows of both sides, once a verification has found their digests equal".to_owned()],
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let name = format!("{}: a verification before it", context.step.id);
        match context.earlier(|settings| matches!(settings, Settings::Verify(_))).is_empty() {
            true => vec![super::failure::bad(name, "there is none", "put a `verify` step before it")],
            false => Vec::new(),
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let Some(proof) = context.outcome(|settings| matches!(settings, Settings::Verify(_))) else {
            return Err(ActionError::refused(
                "there is no verification to look at: it was skipped or is not in the runbook; run `verify` first",
            ));
        };
        let unequal = proof.evidence.tables.iter().find(|table| {
            table.digest_target.is_none() || (table.digest_source != table.digest_target && table.rows_rejected == 0)
        });
        if let Some(table) = unequal {
            return Err(ActionError::refused(format!(
                "the digests of {} are not equal: {} in the source, {} in the target; verify again after correcting it",
                table.table,
                table.digest_source.as_deref().unwrap_or("none"),
                table.digest_target.as_deref().unwrap_or("none")
            )));
        }
        let tables = figures::counted(proof.evidence.tables.len() as u64, "table");
        Ok(Outcome { summary: format!("the digests of {tables} are equal"), ..Outcome::default() })
    }
}
