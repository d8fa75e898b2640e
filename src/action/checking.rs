//! A frozen copy that is read already while it is checked.
//!
//! The check of a large file takes as long as a good part of its load, and both can go on at once: whoever reads the copy passes a gate
//! before it makes anything lasting of what it read. Damage is found in time all the same, and the check costs no time of its own.

use super::frozen::{self, Record};
use super::source::{self, Site};
use super::{ActionError, Context, FailureKind};
use crate::connect::sqlite::{self, Depth};
use crate::transfer::Gate;
use std::path::{Path, PathBuf};

/// The copy, and what has to come out well before anything is committed.
pub(super) struct Checking {
    pub(super) path: PathBuf,
    pub(super) gate: Gate,
}

impl Checking {
    /// The snapshot of the `snapshot` step, which is checked, or with `freeze` the source as it stands, with its check at work.
    pub(super) async fn begin(context: &Context, freeze: bool) -> Result<Self, ActionError> {
        let path = frozen::snapshot_path(context);
        let (verdict, gate) = Gate::closed();
        match freeze {
            false => drop(frozen::source_for(context, false).await?),
            true => copied(context, &path).await?,
        }
        if frozen::recorded(&path).is_some() {
            verdict.give(Ok(()));
            return Ok(Self { path, gate });
        }
        let (source, copy) = (context.runbook.source.sqlite.clone(), path.clone());
        tokio::task::spawn_blocking(move || {
            verdict.give(checked(&source, &copy).map(|_| ()).map_err(|error| error.message));
        });
        Ok(Self { path, gate })
    }

    /// Waits until the copy is known to be whole.
    pub(super) async fn passed(&self) -> Result<(), ActionError> {
        self.gate.passed().await.map_err(ActionError::refused)
    }

    /// Why a reader of the copy failed: damage, where there is any, explains every other failure.
    pub(super) async fn or_damage(&self, error: ActionError) -> ActionError {
        if error.kind == FailureKind::Interrupted {
            return error;
        }
        self.passed().await.err().unwrap_or(error)
    }
}

/// Where the copy is, for looking at its schema only: with `freeze` it may not be checked yet.
pub(super) async fn unchecked(context: &Context, freeze: bool) -> Result<PathBuf, ActionError> {
    if !freeze {
        return frozen::source_for(context, false).await;
    }
    let path = frozen::snapshot_path(context);
    copied(context, &path).await?;
    Ok(path)
}

/// Takes the copy, unless there is one of the source as it stands, and writes down that nobody has checked it. What comes out of a
/// pod is checked at once.
pub(super) async fn copied(context: &Context, path: &Path) -> Result<(), ActionError> {
    let site = context.source().await?;
    if frozen::of_source(&site, frozen::noted(path)).await.is_some() {
        return Ok(());
    }
    // The record first: a copy without one is no copy.
    frozen::remove(path)?;
    let Site::Host(from) = &site else { return frozen::take(context, &site, path).await.map(|_| ()) };
    let into = path.to_owned();
    let taken = source::waiting(context, from, move |source, wait| sqlite::take(source, &into, wait)).await?;
    let sqlite::Taken { bytes, fingerprint, .. } = taken;
    let file = frozen::file_name(path);
    let record = Record { file, sha256: String::new(), bytes, fingerprint, odd: Vec::new(), checked: false };
    frozen::write(path, record).map(|_| ())
}

/// Checks the copy that was taken, and writes down that it is whole. One that is not is removed.
pub(super) fn checked(source: &Path, copy: &Path) -> Result<Record, ActionError> {
    match sqlite::prove(copy, source, Depth::Pages) {
        Ok(odd) => {
            let record =
                frozen::noted(copy).ok_or_else(|| ActionError::failed("the record of the frozen copy is gone"))?;
            frozen::write(copy, Record { odd, checked: true, ..record })
        }
        Err(error) => {
            let _ = frozen::remove(copy);
            Err(error.into())
        }
    }
}
