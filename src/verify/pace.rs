//! What happens between two rows: the operator is listened to, and the screen is told.

use super::VerifyError;
use crate::progress::{Control, PartProgress, ProgressSink, Wish};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Rows between two looks at the clock.
const STRIDE: u64 = 512;
const TELL_EVERY: Duration = Duration::from_millis(100);
const PAUSE_LOOK: Duration = Duration::from_millis(50);

/// The pace of one pass over one table.
pub(crate) struct Pace<'a> {
    control: &'a Control,
    told: Option<(&'a ProgressSink, PartProgress)>,
    rows: u64,
    last: Instant,
    abandoned: Option<&'a AtomicBool>,
}

impl<'a> Pace<'a> {
    /// A pass that tells the screen how far it is.
    pub(crate) fn telling(control: &'a Control, progress: &'a ProgressSink, part: &str, total: u64) -> Self {
        let part = PartProgress::to_come(part, total);
        progress.part(part.clone());
        Self { control, told: Some((progress, part)), rows: 0, last: Instant::now(), abandoned: None }
    }

    /// A pass that only listens.
    pub(crate) fn silent(control: &'a Control) -> Self {
        Self { control, told: None, rows: 0, last: Instant::now(), abandoned: None }
    }

    /// Stops as well when `abandoned` is set.
    pub(crate) fn until(mut self, abandoned: &'a AtomicBool) -> Self {
        self.abandoned = Some(abandoned);
        self
    }

    /// Called for each row on a thread that may block.
    pub(crate) fn breathe(&mut self) -> Result<(), VerifyError> {
        self.rows += 1;
        if !self.rows.is_multiple_of(STRIDE) {
            return Ok(());
        }
        self.tell();
        while self.control.wish() == Wish::Pause && self.heed().is_ok() {
            std::thread::sleep(PAUSE_LOOK);
        }
        self.heed()
    }

    /// The same in a task, which must not block.
    pub(crate) async fn breathe_async(&mut self) -> Result<(), VerifyError> {
        self.rows += 1;
        if !self.rows.is_multiple_of(STRIDE) {
            return Ok(());
        }
        self.tell();
        while self.control.wish() == Wish::Pause {
            tokio::time::sleep(PAUSE_LOOK).await;
        }
        self.heed()
    }

    /// The pass is over.
    pub(crate) fn finish(mut self) {
        if let Some((progress, mut part)) = self.told.take() {
            part.done = self.rows;
            part.finished = true;
            progress.part(part);
        }
    }

    fn heed(&self) -> Result<(), VerifyError> {
        let abandoned = self.abandoned.is_some_and(|flag| flag.load(Ordering::Relaxed));
        if abandoned || self.control.wish() == Wish::Stop { Err(VerifyError::Interrupted) } else { Ok(()) }
    }

    fn tell(&mut self) {
        if self.last.elapsed() < TELL_EVERY {
            return;
        }
        self.last = Instant::now();
        if let Some((progress, part)) = &mut self.told {
            part.done = self.rows;
            progress.part(part.clone());
        }
    }
}
