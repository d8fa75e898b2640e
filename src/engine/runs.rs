//! The state directory: a directory per run, which holds all that the run needs, so that a copy of it works on another machine.
//!
//! ```text
//! $CUTOVER_STATE_DIR or $XDG_STATE_HOME/cutover or ~/.local/state/cutover      0700
//! └── runs/
//!     └── grafana-20261124-0307-k3x/        the run's id is the name of its directory
//!         ├── journal.sqlite                everything that happened, the runbook's text included
//!         ├── lock, holder                  who drives it now
//!         └── …                             what its actions keep: the snapshot, the former configuration, rejects
//! ```

use super::event::{Event, Operator, Recorded, RunCreated};
use super::fold::fold;
use super::recover::{BadEntry, read_event};
use super::snapshot::{RunState, Snapshot, Status};
use crate::journal::{FILE, Holder, JournalError, Lock, SqliteJournal};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the runs of this machine are.
#[derive(Clone, Debug)]
pub struct Runs {
    directory: PathBuf,
}

/// One run's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    run: String,
    path: PathBuf,
}

/// What can go wrong with runs on disk.
#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    /// Neither variable is set and there is no home directory.
    #[error("there is no place for runs: set CUTOVER_STATE_DIR to a directory that only you can read")]
    Nowhere,
    /// A directory could not be made or read.
    #[error("{doing} {}: {source}; check its owner, its permissions and the free space", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// There is no such run.
    #[error("there is no run {run} in {}; `cutover runs` lists those that are there", directory.display())]
    Unknown {
        /// What was asked for.
        run: String,
        /// Where.
        directory: PathBuf,
    },
    /// There is no run at all, or none that could be gone on with.
    #[error("there is no {what} in {}; `cutover runs` lists those that are there", directory.display())]
    None {
        /// `run`, `unfinished run`.
        what: &'static str,
        /// Where.
        directory: PathBuf,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal makes no sense.
    #[error(transparent)]
    BadEntry(#[from] BadEntry),
    /// The run was made, but died before its first entry.
    #[error("run {run} never began: its journal is empty; `cutover forget {run}` removes it")]
    Empty {
        /// The run.
        run: String,
    },
}

impl Runs {
    /// The state directory that `CUTOVER_STATE_DIR` or XDG name.
    ///
    /// # Errors
    /// When neither names one and there is no home directory.
    pub fn from_environment() -> Result<Self, RunsError> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        named("CUTOVER_STATE_DIR")
            .or_else(|| named("XDG_STATE_HOME").map(|path| path.join("cutover")))
            .or_else(|| named("HOME").map(|path| path.join(".local/state/cutover")))
            .map(|path| Self::at(&path))
            .ok_or(RunsError::Nowhere)
    }

    /// The runs below this state directory.
    #[must_use]
    pub fn at(state: &Path) -> Self {
        Self { directory: state.join("runs") }
    }

    /// Makes a directory for a new run of the runbook or command `name`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn create(&self, name: &str, now: Timestamp) -> Result<RunDir, RunsError> {
        make_private(&self.directory, true)?;
        let mut moment = now;
        loop {
            let run = new_id(name, moment);
            moment = moment.checked_add(TICK).unwrap_or(now);
            let path = self.directory.join(&run);
            match make_private(&path, false) {
                Err(RunsError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| RunDir { run, path }),
            }
        }
    }

    /// The run with this id, or the one in this directory.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, run: &str) -> Result<RunDir, RunsError> {
        let by_id = Some(self.directory.join(run)).filter(|path| is_name(run) && path.is_dir());
        let by_path = Some(PathBuf::from(run)).filter(|path| path.join(FILE).exists());
        let found = by_id.or(by_path).map(|path| RunDir::at(&path));
        found.ok_or_else(|| RunsError::Unknown { run: run.to_owned(), directory: self.directory.clone() })
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// When the state directory cannot be read.
    pub fn list(&self) -> Result<Vec<RunDir>, RunsError> {
        let failed = |source| RunsError::Io { doing: "listing", path: self.directory.clone(), source };
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                found.push((made(&path), RunDir::at(&path)));
            }
        }
        found.sort_by(|left, right| right.0.cmp(&left.0));
        Ok(found.into_iter().map(|(_, run)| run).collect())
    }

    /// The newest run.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(&self) -> Result<RunDir, RunsError> {
        self.list()?.into_iter().next().ok_or(RunsError::None { what: "run", directory: self.directory.clone() })
    }

    /// How long each step of the runbook `name` took when it was last carried out to its end, and when it was last taken back.
    #[must_use]
    pub fn durations(&self, name: &str) -> Durations {
        let prefix = slug(name);
        let lately =
            self.list().unwrap_or_default().into_iter().filter(|run| run.id().starts_with(&prefix)).take(LATELY);
        let lately: Vec<Snapshot> =
            lately.filter_map(|run| run.snapshot().ok()).filter(|last| last.runbook == name).collect();
        let took = |state, status| {
            let last = lately.iter().find(|last| last.state == state);
            let steps = last.into_iter().flat_map(|last| &last.steps).filter(move |step| step.status == status);
            steps.filter_map(|step| Some((step.id.clone(), step.seconds?))).collect()
        };
        Durations { forward: took(RunState::Done, Status::Done), back: took(RunState::RolledBack, Status::Undone) }
    }

    /// The newest run that can be gone on with: neither done nor taken back. One that cannot be read is passed over, and one that
    /// never began (another was at work on its target) only taken where there is nothing else.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest_unfinished(&self) -> Result<RunDir, RunsError> {
        let mut ready = None;
        for run in self.list()? {
            match run.snapshot().map(|snapshot| snapshot.state) {
                Ok(RunState::Done | RunState::RolledBack) | Err(_) => {}
                Ok(RunState::Ready) => ready = ready.or(Some(run)),
                Ok(_) => return Ok(run),
            }
        }
        ready.ok_or(RunsError::None { what: "unfinished run", directory: self.directory.clone() })
    }
}

/// What steps took in former runs of the same runbook, in seconds, by their ids; empty where there was none lately.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    /// To be done.
    pub forward: BTreeMap<String, f64>,
    /// To be taken back.
    pub back: BTreeMap<String, f64>,
}

impl RunDir {
    /// The run in this directory, wherever that is.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let run = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { run, path }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.run
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything that happened, also while another process is at work.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn entries(&self) -> Result<Vec<Recorded>, RunsError> {
        let entries = SqliteJournal::read(&self.path)?;
        Ok(entries.into_iter().map(|entry| read_event(entry.seq, entry.at, entry.body)).collect::<Result<_, _>>()?)
    }

    /// What the run began with: the runbook's text, the plain values, the labels.
    ///
    /// # Errors
    /// When the journal cannot be read or has no entry yet.
    pub fn created(&self) -> Result<RunCreated, RunsError> {
        match self.entries()?.into_iter().next() {
            Some(Recorded { event: Event::RunCreated(created), .. }) => Ok(*created),
            _ => Err(RunsError::Empty { run: self.run.clone() }),
        }
    }

    /// The run as it stands: as its journal tells it, or interrupted where the journal says that it is at work and nobody is.
    ///
    /// # Errors
    /// When the journal cannot be read, is empty or makes no sense.
    pub fn snapshot(&self) -> Result<Snapshot, RunsError> {
        let entries = self.entries()?;
        if entries.is_empty() {
            return Err(RunsError::Empty { run: self.run.clone() });
        }
        let mut snapshot = fold(&entries)?;
        snapshot.run_dir = self.path.display().to_string();
        let ended = matches!(snapshot.state, RunState::Done | RunState::RolledBack | RunState::Failed);
        let left = matches!(entries.last().map(|entry| &entry.event), Some(Event::ProcessEnded { .. }));
        if !ended && !left && self.holder().is_none() {
            snapshot.state = RunState::Interrupted;
        }
        Ok(snapshot)
    }

    /// The runs beside this one.
    #[must_use]
    pub fn siblings(&self) -> Runs {
        Runs { directory: self.path.parent().unwrap_or(&self.path).to_path_buf() }
    }

    /// Who drives the run now; none when nobody does.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        Lock::holder(&self.path)
    }

    /// Opens the journal for writing; this process drives the run from now on.
    ///
    /// # Errors
    /// When somebody else does, or the journal cannot be opened.
    pub fn open(&self) -> Result<SqliteJournal, JournalError> {
        let Operator { user, host } = Operator::here();
        let holder = Holder { user, host, pid: std::process::id(), since: Timestamp::now() };
        SqliteJournal::open(&self.path, &self.run, &holder)
    }

    /// Removes the directory with all that is in it. What the run keeps on the target is not touched: forget that first.
    ///
    /// # Errors
    /// When somebody drives the run, or the directory cannot be removed.
    pub fn forget(self) -> Result<(), RunsError> {
        if let Some(holder) = self.holder() {
            return Err(JournalError::Locked { run: self.run, holder: holder.to_string() }.into());
        }
        fs::remove_dir_all(&self.path).map_err(|source| RunsError::Io { doing: "removing", path: self.path, source })
    }
}

impl Operator {
    /// Who runs this process, and where.
    #[must_use]
    pub fn here() -> Self {
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
        let host = nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned());
        Self { user: user.unwrap_or_else(|| "unknown".to_owned()), host: host.unwrap_or_else(|| "unknown".to_owned()) }
    }
}

/// `grafana-20261124-0307-k3x`: what, when (UTC), and three letters that keep the runs of a minute apart and in order.
fn new_id(name: &str, now: Timestamp) -> String {
    let mut tick = now.as_millisecond().rem_euclid(60_000) / TICK.as_millis() as i64;
    let mut suffix = [0; 3];
    for letter in suffix.iter_mut().rev() {
        *letter = LETTERS[usize::try_from(tick).unwrap_or_default() % LETTERS.len()];
        tick /= LETTERS.len() as i64;
    }
    format!("{}-{}-{}", slug(name), now.strftime("%Y%m%d-%H%M"), suffix.map(char::from).iter().collect::<String>())
}

/// How many runs are looked through for how long their steps took.
const LATELY: usize = 5;

/// Digits and letters that are not taken for one another, in the order in which they sort.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// What the last three letters of an id count: 31³ of them are just short of a minute.
const TICK: Duration = Duration::from_millis(3);

/// Lower case letters, digits and single hyphens; at most 24 of them, so that `cutover_<run>` fits a PostgreSQL name.
fn slug(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let short: String = words.join("-").chars().take(24).collect();
    if short.is_empty() { "run".to_owned() } else { short.trim_end_matches('-').to_owned() }
}

fn make_private(path: &Path, parents: bool) -> Result<(), RunsError> {
    let failed = |source| RunsError::Io { doing: "making", path: path.to_path_buf(), source };
    crate::crash::point("engine.rundir.before");
    DirBuilder::new().recursive(parents).mode(0o700).create(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    crate::crash::point("engine.rundir.after");
    Ok(())
}

/// Whether the text can be a run's id, and so never leads out of the state directory.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// When the directory was made, as its name says; runs whose names say nothing come last.
fn made(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut parts = name.rsplit('-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(order), Some(time), Some(day)) if day.len() == 8 && time.len() == 4 => format!("{day}{time}{order}"),
        _ => String::new(),
    }
}
