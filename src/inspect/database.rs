//! Answers from the databases themselves: the run's frozen snapshot on one side, the target on the other.

use super::{DataView, Inspect, Query};
use crate::action::Context;
use async_trait::async_trait;

/// The port as `commands` hands it to the driver. Read-only sessions of its own, with a statement timeout.
#[derive(Debug, Default)]
pub struct DatabaseInspect {}

impl DatabaseInspect {
    /// Nothing is opened before the first query.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Inspect for DatabaseInspect {
    async fn answer(&self, context: &Context, query: &Query, view: &mut DataView) {
        view.error = Some(format!("{query:?} cannot be answered for run {} yet", context.run));
    }
}
