//! What is particular about the runs behind `copy` and `verify`: they keep nothing that nobody will want.

use crate::connect::postgres::Address;
use crate::engine::runs::RunDir;
use crate::engine::{Closing, Ended};
use crate::runbook::{Document, Outputs, Settings, TargetFacts, Values};
use crate::transfer::{TransferError, saved};
use async_trait::async_trait;
use std::time::{Duration, Instant};

/// The name of the runbook behind `copy`, in problems and in the journal.
pub(super) const COPY: &str = "cutover copy";
/// The name of the runbook behind `verify`.
pub(super) const VERIFY: &str = "cutover verify";

/// How long a server that cannot be reached is looked for, so that its ledger can go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes what a stand-alone run leaves, before it has ended.
pub(super) struct Sweep {
    address: Address,
    dir: RunDir,
    copies: bool,
}

impl Sweep {
    /// For a run of `document`; none for a runbook's own run, which keeps everything until it is forgotten, and for a copy that is
    /// to be taken back one day.
    pub(super) fn of(document: &Document, values: &Values, address: &Address, dir: &RunDir) -> Option<Self> {
        let copies = document.file() == COPY;
        if !copies && document.file() != VERIFY {
            return None;
        }
        let runbook = document.resolve(values, &TargetFacts::default(), &Outputs::new()).ok()?;
        let keeps = |settings: &Settings| matches!(settings, Settings::Copy(copy) if copy.keep_undo);
        let keeps = runbook.steps.iter().any(|step| keeps(&step.settings));
        (!keeps).then(|| Self { address: address.clone(), dir: dir.clone(), copies })
    }
}

#[async_trait]
impl Closing for Sweep {
    /// The frozen copy of the source goes, and the ledger once the journal says that the rows are in, or back.
    async fn close(&self, ended: Ended) -> Result<(), String> {
        // A copy in chunks that failed goes on with the same snapshot.
        let goes_on = ended == Ended::Failed
            && self.copies
            && !matches!(saved::unfinished(&self.address, self.dir.id()).await, Ok(None));
        for file in ["snapshot.sqlite", "snapshot.json"].iter().filter(|_| !goes_on) {
            // One that was never taken is not there.
            let _ = std::fs::remove_file(self.dir.path().join(file));
        }
        if !self.copies || ended == Ended::Failed {
            return Ok(());
        }
        let run = self.dir.id();
        let since = Instant::now();
        let mut settled = saved::settle(&self.address, run).await;
        // A server that has just lost one of its processes is away for a moment.
        while matches!(settled, Err(TransferError::Failed(_))) && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(500)).await;
            settled = saved::settle(&self.address, run).await;
        }
        settled.map_err(|error| format!("the copy's ledger stays on the target until `cutover forget {run}`: {error}"))
    }
}
