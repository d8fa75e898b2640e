//! Refuses a kind of step that this version reads and plans but cannot carry out yet.

use super::{Action, ActionError, Checkpoint, Context, Description, Outcome};
use crate::evidence::Finding;
use async_trait::async_trait;

pub(super) struct Unbuilt;

#[async_trait]
impl Action for Unbuilt {
    fn describe(&self, _context: &Context) -> Description {
        Description { does: "Cannot be carried out by this version.".to_owned(), ..Description::default() }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        vec![super::failure::bad(context.step.id.0.clone(), "this version cannot carry it out", "use a newer one")]
    }

    async fn apply(&self, _context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        Err(ActionError::refused("this version cannot carry out this kind of step"))
    }
}
