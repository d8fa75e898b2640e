//! Where the source is, and how it is read there: on this host, or by a shell in a pod.
//!
//! `frozen`, `quiesce` and preflight ask the same questions of either.

mod claim;
mod pod;
mod workload;

pub(super) use workload::{Workload, find as find_workload};

use super::{ActionError, Context, frozen};
use crate::connect::kubernetes::Permission;
use crate::connect::sqlite::far::{self, Heard, Manner};
use crate::connect::sqlite::{self, Depth, Fingerprint, FreezeError, Frozen, Holders};
use crate::figures;
use crate::progress::{LogLevel, PartProgress, Wish};
use crate::runbook::Settings;
use pod::PodShell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The database, where it is.
pub(super) enum Site {
    /// A file on this host.
    Host(PathBuf),
    /// A file in a container.
    Pod {
        /// The container's shell.
        shell: PodShell,
        /// The file as the container sees it.
        path: PathBuf,
    },
}

impl Context {
    /// Finds the source: on the cluster in a running pod that has the file, else on its claim, which a pod of ours then mounts.
    pub(super) async fn source(&self) -> Result<Site, ActionError> {
        let source = &self.runbook.source;
        match &source.pod {
            None => Ok(Site::Host(source.sqlite.clone())),
            Some(pod) => pod::locate(self, pod).await,
        }
    }
}

impl Site {
    /// What its files look like now. Opens nothing and leaves no trace.
    pub(super) async fn fingerprint(&self) -> Result<Fingerprint, ActionError> {
        Ok(match self {
            Self::Host(path) => sqlite::fingerprint(path)?,
            Self::Pod { shell, path } => far::fingerprint_far(shell, path).await?,
        })
    }

    /// Who has it open, as far as can be seen from here.
    pub(super) async fn holders(&self) -> Holders {
        match self {
            Self::Host(path) => sqlite::holders(path),
            Self::Pod { shell, path } => far::holders_far(shell, path).await.unwrap_or_default(),
        }
    }

    /// Whether somebody is about to commit.
    pub(super) async fn in_transaction(&self) -> Result<bool, ActionError> {
        Ok(match self {
            Self::Host(path) => sqlite::in_transaction(path),
            Self::Pod { shell, path } => far::in_transaction_far(shell, path).await?,
        })
    }

    /// The database as messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Host(path) => path.display().to_string(),
            Self::Pod { shell, path } => format!("{} in {}", path.display(), shell.label()),
        }
    }

    /// Whether it is in a pod, where the application may be at work.
    pub(super) fn is_in_pod(&self) -> bool {
        matches!(self, Self::Pod { .. })
    }

    /// Takes a frozen copy: of one moment, in which nobody wrote. `depth` is for a file on this host; what comes out of a pod is
    /// checked as deep as a snapshot.
    pub(super) async fn freeze(&self, context: &Context, into: &Path, depth: Depth) -> Result<Frozen, FreezeError> {
        match self {
            Self::Host(path) => {
                let into = into.to_owned();
                waiting(context, path, move |source, wait| sqlite::freeze(source, &into, depth, wait)).await
            }
            Self::Pod { shell, path } => fetch(context, shell, path, into, Manner::Still).await,
        }
    }

    /// Takes a copy for looking only, while the application goes on writing.
    pub(super) async fn freeze_live(&self, context: &Context, into: &Path) -> Result<Frozen, ActionError> {
        match self {
            Self::Pod { shell, path } => Ok(fetch(context, shell, path, into, Manner::Live).await?),
            Self::Host(path) => {
                let (source, into) = (path.clone(), into.to_owned());
                Ok(frozen::blocking("copying the source", move || sqlite::freeze_live(&source, &into)).await??)
            }
        }
    }
}

/// What a step that reads the source needs of the cluster.
pub(super) fn permissions(context: &Context) -> Vec<Permission> {
    context.runbook.source.pod.as_ref().map(pod::permissions).unwrap_or_default()
}

/// Removes the pod that read the claim, where there is one, and waits until it is gone.
pub(super) async fn remove_reader(context: &Context) -> Result<(), ActionError> {
    claim::remove(context).await
}

/// The same once no later step reads the source any more: the claim is then free for whoever wants it.
pub(super) async fn release_reader(context: &Context) -> Result<(), ActionError> {
    let reads = |settings: &Settings| {
        matches!(
            settings,
            Settings::Snapshot(_) | Settings::SwitchConfig(_) | Settings::Verify(_) | Settings::Quiesce(_)
        )
    };
    let after = context.runbook.steps.iter().skip_while(|step| step.id != context.step.id).skip(1);
    match after.map(|step| &step.settings).any(reads) {
        true => Ok(()),
        false => remove_reader(context).await,
    }
}

/// Runs what copies the source from this host on a thread of its own, telling what is waited for.
pub(super) async fn waiting<T: Send + 'static>(
    context: &Context,
    source: &Path,
    work: impl FnOnce(&Path, &mut dyn FnMut(&sqlite::Wait) -> bool) -> Result<T, FreezeError> + Send + 'static,
) -> Result<T, FreezeError> {
    let path = source.to_owned();
    let (progress, control) = (context.progress.clone(), context.control.clone());
    let mut wait = move |wait: &sqlite::Wait| {
        progress.waiting(format!("the source to stand still ({}, try {})", wait.moved, wait.attempt));
        control.wish() != Wish::Stop
    };
    let done = tokio::task::spawn_blocking(move || work(&path, &mut wait)).await;
    context.progress.waiting("");
    done.unwrap_or_else(|error| {
        let cause = std::io::Error::other(error.to_string());
        Err(FreezeError::Io { doing: "copying", path: source.to_owned(), source: cause })
    })
}

async fn fetch(
    context: &Context,
    shell: &PodShell,
    path: &Path,
    into: &Path,
    manner: Manner,
) -> Result<Frozen, FreezeError> {
    let mut told: Option<Instant> = None;
    let mut heard = |heard: Heard<'_>| {
        match heard {
            Heard::Bytes { file, done, total } => {
                let finished = total == Some(done);
                if finished || told.is_none_or(|told| told.elapsed() > BETWEEN) {
                    told = Some(Instant::now());
                    context.progress.waiting("");
                    context.progress.part(part(file, done, total, finished));
                }
            }
            Heard::GoesOn { file, offset, why } => {
                let at = figures::bytes(offset);
                context.progress.log(LogLevel::Warn, format!("{}: {why}; it goes on at {at}", file.display()));
                context.progress.waiting(format!("{} to go on at {at} ({why})", shell.label()));
            }
            Heard::Again(wait) => {
                context.progress.waiting(format!("the source to stand still ({}, try {})", wait.moved, wait.attempt));
            }
        }
        context.control.wish() != Wish::Stop
    };
    let frozen = far::freeze_far(shell, path, into, manner, &mut heard).await;
    context.progress.waiting("");
    frozen
}

const BETWEEN: Duration = Duration::from_millis(100);

fn part(file: &Path, done: u64, total: Option<u64>, finished: bool) -> PartProgress {
    let part = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    PartProgress { part, unit: "bytes".to_owned(), done, total, bytes: done, finished }
}
