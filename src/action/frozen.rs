//! Frozen copies of the source in the run's directory: the snapshot that is copied from, and one for looking only.

use super::{ActionError, Context, FailureKind, checking, failure};
use crate::connect::sqlite::{self, Depth, Fingerprint, FreezeError, Frozen};
use crate::crash;
use crate::progress::{LogLevel, Wish};
use crate::runbook::Settings;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is known about a frozen copy; kept beside it as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The copy's file name in the run's directory: the directory may be carried elsewhere.
    pub file: String,
    /// SHA-256, hex; empty where nobody has asked for it: only the snapshot of a `snapshot` step has one from the start.
    #[serde(default)]
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// What the source looked like.
    pub fingerprint: Fingerprint,
    /// What is odd about the source but harms no row.
    pub odd: Vec<String>,
    /// Whether it was found whole. Until then it is for reading only while the check is at work.
    #[serde(default = "yes")]
    pub checked: bool,
}

fn yes() -> bool {
    true
}

/// Where the copy is that the rows are read from.
pub(super) fn snapshot_path(context: &Context) -> PathBuf {
    context.run_dir.join("snapshot.sqlite")
}

/// Where the copy is that is only looked at.
pub(super) fn scan_path(context: &Context) -> PathBuf {
    context.run_dir.join("scan.sqlite")
}

/// What is recorded about the checked copy at `path`; none when there is none.
pub(super) fn recorded(path: &Path) -> Option<Record> {
    noted(path).filter(|record| record.checked)
}

/// The same, checked or not.
pub(super) fn noted(path: &Path) -> Option<Record> {
    let text = std::fs::read_to_string(path.with_extension("json")).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    let there = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == record.bytes);
    there.then_some(record)
}

/// Takes the copy anew, checks and hashes it, and records it, unless the one that is there is of the source as it still stands.
pub(super) async fn take_unless_same(context: &Context, path: &Path) -> Result<Record, ActionError> {
    match of_source(context, recorded(path)) {
        Some(record) if !record.sha256.is_empty() => Ok(record),
        _ => take(context, path).await,
    }
}

async fn take(context: &Context, path: &Path) -> Result<Record, ActionError> {
    let frozen = freeze(context, path, Depth::Rows).await?;
    record(path, frozen)
}

/// A record that is of the source as it still stands.
pub(super) fn of_source(context: &Context, record: Option<Record>) -> Option<Record> {
    let now = sqlite::fingerprint(&context.runbook.source.sqlite).ok()?;
    record.filter(|record| now.change_since(&record.fingerprint).is_none())
}

/// A copy for looking only, checked down to the indexes: nobody waits for it. Of a source that is written all the time too.
pub(super) async fn look(context: &Context) -> Result<Record, ActionError> {
    let path = scan_path(context);
    if let Some(record) = of_source(context, recorded(&path)) {
        return Ok(record);
    }
    match freeze(context, &path, Depth::Indexes).await {
        Err(FreezeError::Busy { .. }) => {}
        done => return record(&path, done?),
    }
    context.progress.log(LogLevel::Info, "the source is written all the time: it is read by SQLite's backup interface");
    let (source, into) = (context.runbook.source.sqlite.clone(), path.clone());
    let frozen = blocking("copying the source", move || sqlite::freeze_live(&source, &into)).await??;
    record(&path, frozen)
}

/// Removes a copy and its record.
pub(super) fn remove(path: &Path) -> Result<bool, ActionError> {
    let was_there = path.exists();
    for file in [path.to_owned(), path.with_extension("json")] {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ActionError::file("removing", &file, &error));
            }
            _ => {}
        }
    }
    Ok(was_there)
}

/// Refuses when the source holds other data than `before` says: looks at its files, and where those moved (a reader may have
/// checkpointed the WAL) at its contents.
pub(super) async fn require_unchanged(context: &Context, before: &Record) -> Result<(), ActionError> {
    let source = &context.runbook.source.sqlite;
    let Some(moved) = sqlite::fingerprint(source)?.change_since(&before.fingerprint) else { return Ok(()) };
    let path = context.run_dir.join("compare.sqlite");
    let now = take(context, &path).await;
    let _ = remove(&path);
    if now.as_ref().is_ok_and(|now| !before.sha256.is_empty() && now.sha256 == before.sha256) {
        context.progress.log(LogLevel::Info, format!("{moved}, but it holds the same rows: it was only checkpointed"));
        return Ok(());
    }
    let writers = sqlite::holders(source).words();
    Err(ActionError::refused(format!(
        "the source {} was written since the snapshot ({moved}; open for writing: {writers}); what was written would be lost; stop the writer, roll back to the snapshot and go on from there",
        source.display()
    )))
}

/// Runs what blocks where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ActionError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ActionError::failed(format!("{doing}: {error}")))
}

async fn freeze(context: &Context, path: &Path, depth: Depth) -> Result<Frozen, FreezeError> {
    let into = path.to_owned();
    waiting(context, move |source, wait| sqlite::freeze(source, &into, depth, wait)).await
}

/// Runs what copies the source on a thread of its own, telling what is waited for.
pub(super) async fn waiting<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Path, &mut dyn FnMut(&sqlite::Wait) -> bool) -> Result<T, FreezeError> + Send + 'static,
) -> Result<T, FreezeError> {
    let source = context.runbook.source.sqlite.clone();
    let (progress, control) = (context.progress.clone(), context.control.clone());
    let mut wait = move |wait: &sqlite::Wait| {
        progress.waiting(format!("the source to stand still ({}, try {})", wait.moved, wait.attempt));
        control.wish() != Wish::Stop
    };
    let done = tokio::task::spawn_blocking(move || work(&source, &mut wait)).await;
    context.progress.waiting("");
    done.unwrap_or_else(|error| {
        let source = std::io::Error::other(error.to_string());
        Err(FreezeError::Io { doing: "copying", path: context.runbook.source.sqlite.clone(), source })
    })
}

fn record(path: &Path, frozen: Frozen) -> Result<Record, ActionError> {
    let Frozen { sha256, bytes, fingerprint, odd, .. } = frozen;
    write(path, Record { file: file_name(path), sha256, bytes, fingerprint, odd, checked: true })
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

pub(super) fn write(path: &Path, record: Record) -> Result<Record, ActionError> {
    let text = serde_json::to_string_pretty(&record).unwrap_or_default();
    let beside = path.with_extension("json");
    crash::point("action.snapshot-record.before");
    std::fs::write(&beside, text).map_err(|error| ActionError::file("writing", &beside, &error))?;
    crash::point("action.snapshot-record.after");
    Ok(record)
}

/// The snapshot that a data step works from: the one of the `snapshot` step, or with `freeze` the source as it stands.
pub(super) async fn source_for(context: &Context, freeze: bool) -> Result<PathBuf, ActionError> {
    let path = snapshot_path(context);
    if freeze {
        if of_source(context, recorded(&path)).is_none() {
            checking::copied(context, &path).await?;
            let (source, copy) = (context.runbook.source.sqlite.clone(), path.clone());
            blocking("checking the frozen copy", move || checking::checked(&source, &copy)).await??;
        }
        return Ok(path);
    }
    match recorded(&path) {
        Some(_) => Ok(path),
        None => Err(ActionError::new(
            FailureKind::Refused,
            format!(
                "step {} reads the snapshot {}, which is not there or not whole; put a `snapshot` step before it, or set `freeze: true`",
                context.step.id,
                path.display()
            ),
        )),
    }
}

/// The source must still hold what was copied: otherwise somebody wrote where nobody will look again.
pub(super) async fn require_quiet(context: &Context) -> Result<(), ActionError> {
    super::kubernetes::require_writers_gone(context).await?;
    let source = &context.runbook.source.sqlite;
    if sqlite::in_transaction(source) {
        return Err(ActionError::refused(format!(
            "a transaction that writes the source {} is open, and what it commits would be lost (open for writing: {}); end it, stop its writer, and try again",
            source.display(),
            sqlite::holders(source).words()
        )));
    }
    if let Some(record) = recorded(&snapshot_path(context)) {
        return require_unchanged(context, &record).await;
    }
    let quiesced = context.outcome(|settings| matches!(settings, Settings::Quiesce(_)));
    let Some(then) = quiesced.and_then(|outcome| outcome.left.get("fingerprint")) else {
        context
            .progress
            .log(LogLevel::Warn, "no snapshot and no quiesce step before: nothing proves that nobody writes");
        return Ok(());
    };
    let then: Fingerprint = failure::read(then)?;
    match sqlite::fingerprint(&context.runbook.source.sqlite)?.change_since(&then) {
        None => Ok(()),
        Some(moved) => Err(ActionError::refused(format!(
            "the source was written since it was quiesced ({moved}; open for writing: {}); stop the writer and quiesce again",
            sqlite::holders(&context.runbook.source.sqlite).words()
        ))),
    }
}

/// The same for steps that may be the last before somebody switches by hand; only where the runbook has stopped the writers.
pub(super) async fn require_quiet_after_quiesce(context: &Context) -> Result<(), ActionError> {
    match context.outcome(|settings| matches!(settings, Settings::Quiesce(_))) {
        Some(_) => require_quiet(context).await,
        None => Ok(()),
    }
}
