//! Frozen copies of the source in the run's directory: the snapshot that is copied from, and one for looking only.

use super::source::{self, Site};
use super::{ActionError, Context, FailureKind, checking, failure};
use crate::connect::sqlite::{Depth, Fingerprint, FreezeError, Frozen};
use crate::crash;
use crate::progress::LogLevel;
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

/// Takes the copy anew, checks and hashes it, and records it.
pub(super) async fn take(context: &Context, site: &Site, path: &Path) -> Result<Record, ActionError> {
    let frozen = site.freeze(context, path, Depth::Rows).await?;
    record(path, frozen)
}

/// The same, unless the copy that is there is of the source as it still stands.
pub(super) async fn take_unless_same(context: &Context, path: &Path) -> Result<Record, ActionError> {
    let site = context.source().await?;
    match of_source(&site, recorded(path)).await {
        Some(record) if !record.sha256.is_empty() => Ok(record),
        _ => take(context, &site, path).await,
    }
}

/// A record that is of the source as it still stands.
pub(super) async fn of_source(site: &Site, record: Option<Record>) -> Option<Record> {
    let record = record?;
    let now = site.fingerprint().await.ok()?;
    (now.tells_writes() && now.change_since(&record.fingerprint).is_none()).then_some(record)
}

/// A copy for looking only, checked down to the indexes: nobody waits for it. Of a source that is written all the time too.
pub(super) async fn look(context: &Context) -> Result<Record, ActionError> {
    let (site, path) = (context.source().await?, scan_path(context));
    if let Some(record) = of_source(&site, recorded(&path)).await {
        return Ok(record);
    }
    if site.is_in_pod() {
        context
            .progress
            .log(LogLevel::Info, format!("a copy is taken from where the application runs: {}", site.name()));
        return record(&path, site.freeze_live(context, &path).await?);
    }
    match site.freeze(context, &path, Depth::Indexes).await {
        Err(FreezeError::Busy { .. }) => {}
        done => return record(&path, done?),
    }
    context.progress.log(LogLevel::Info, "the source is written all the time: it is read by SQLite's backup interface");
    record(&path, site.freeze_live(context, &path).await?)
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
async fn require_unchanged(context: &Context, site: &Site, before: &Record) -> Result<(), ActionError> {
    let now = site.fingerprint().await?;
    let moved = now.change_since(&before.fingerprint);
    let moved =
        moved.or_else(|| (!now.tells_writes()).then(|| "nothing there tells whether its files moved".to_owned()));
    let Some(moved) = moved else { return Ok(()) };
    let path = context.run_dir.join("compare.sqlite");
    let now = take(context, site, &path).await;
    let _ = remove(&path);
    if now.as_ref().is_ok_and(|now| !before.sha256.is_empty() && now.sha256 == before.sha256) {
        context.progress.log(LogLevel::Info, format!("{moved}, but it holds the same rows"));
        return Ok(());
    }
    if let Err(error) = &now
        && error.kind != FailureKind::Refused
    {
        return Err(now.err().unwrap_or_else(|| ActionError::failed(moved)));
    }
    let writers = site.holders().await.words();
    Err(ActionError::refused(format!(
        "the source {} was written since the snapshot ({moved}; open for writing: {writers}); what was written would be lost; stop the writer, roll back to the snapshot and go on from there",
        site.name()
    )))
}

/// Runs what blocks where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ActionError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ActionError::failed(format!("{doing}: {error}")))
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
        checking::copied(context, &path).await?;
        if recorded(&path).is_none() {
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

/// The source must still hold what was copied: otherwise somebody wrote where nobody will look again. After the last look it is
/// let go.
pub(super) async fn require_quiet(context: &Context) -> Result<(), ActionError> {
    super::kubernetes::require_writers_gone(context).await?;
    unwritten(context).await?;
    source::release_reader(context).await
}

async fn unwritten(context: &Context) -> Result<(), ActionError> {
    let site = context.source().await?;
    if site.in_transaction().await? {
        return Err(ActionError::refused(format!(
            "a transaction that writes the source {} is open, and what it commits would be lost (open for writing: {}); end it, stop its writer, and try again",
            site.name(),
            site.holders().await.words()
        )));
    }
    if let Some(record) = recorded(&snapshot_path(context)) {
        return require_unchanged(context, &site, &record).await;
    }
    let quiesced = context.outcome(|settings| matches!(settings, Settings::Quiesce(_)));
    let Some(then) = quiesced.and_then(|outcome| outcome.left.get("fingerprint")) else {
        context
            .progress
            .log(LogLevel::Warn, "no snapshot and no quiesce step before: nothing proves that nobody writes");
        return Ok(());
    };
    let then: Fingerprint = failure::read(then)?;
    match site.fingerprint().await?.change_since(&then) {
        None => Ok(()),
        Some(moved) => Err(ActionError::refused(format!(
            "the source was written since it was quiesced ({moved}; open for writing: {}); stop the writer and quiesce again",
            site.holders().await.words()
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
