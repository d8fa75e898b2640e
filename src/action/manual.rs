//! Tells the operator to do something by hand. Its gate is where they say that it is done.

use super::{Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome};
use crate::runbook::{Gate, settings};
use async_trait::async_trait;
use serde_json::Value;

/// The action.
pub(super) struct Manual(pub settings::Manual);

#[async_trait]
impl Action for Manual {
    fn describe(&self, _context: &Context) -> Description {
        Description {
            does: self.0.instructions.clone(),
            effects: vec!["agree at the gate once it is done".to_owned()],
            way_back: match &self.0.undo {
                Some(undo) => format!("By hand: {undo}"),
                None => "There is none that cutover knows.".to_owned(),
            },
            reversible: self.0.undo.is_some(),
            changes: true,
        }
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        if context.step.gate == Gate::None {
            let message = format!("waits for a person: {}; skip the step once it is done", self.0.instructions);
            return Err(ActionError::new(FailureKind::Waiting, message));
        }
        Ok(Outcome { summary: "done by hand, as agreed at the gate".to_owned(), ..Outcome::default() })
    }

    async fn undo(
        &self,
        _context: &Context,
        _checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let summary = match &self.0.undo {
            Some(undo) if left.is_some() => format!("to be taken back by hand: {undo}"),
            _ => "nothing that cutover can take back".to_owned(),
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }
}
