//! What has to be gone before a run has ended. It goes while the run is still unfinished, so that a process killed meanwhile leaves a
//! run to resume and not something that nobody looks for any more.

use super::Driver;
use crate::engine::event::Ended;
use crate::engine::snapshot::LogLevel;
use async_trait::async_trait;
use std::time::Duration;

/// Removes what a run does not keep. A port: the engine knows neither targets nor ledgers.
#[async_trait]
pub trait Closing: Send + Sync {
    /// Removes it. Called again where a process died meanwhile.
    ///
    /// # Errors
    /// What stays, why, and what removes it, in a sentence; the run ends all the same.
    async fn close(&self, ended: Ended) -> Result<(), String>;
}

/// A target that does not answer holds up the end of a run no longer than this.
const WITHIN: Duration = Duration::from_secs(30);

impl Driver {
    pub(super) async fn close(&mut self, ended: Ended) {
        let Some(closing) = self.closing.clone() else { return };
        let closed = tokio::time::timeout(WITHIN, closing.close(ended)).await;
        let stays = match closed {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => reason,
            Err(_) => "the target did not answer in time, and what this run keeps there stays until it is forgotten (`cutover forget`)".to_owned(),
        };
        self.live.log(LogLevel::Warn, None, self.masked(&stays));
        self.publish();
    }
}
