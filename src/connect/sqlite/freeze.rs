//! Takes the frozen copy, and proves it sound: [`freeze`] both at once, [`take`] and [`prove`] one after the other where the rows
//! are to move meanwhile.

use super::check::{self, Depth};
use super::files::{SET, beside, fingerprint, hex};
use super::recover::recover;
use super::{Fingerprint, FreezeError, holders};
use crate::crash;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A copy that nobody writes any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// The copy: one file, mode 0600, no journal beside it.
    pub path: PathBuf,
    /// SHA-256 of its bytes, hex. Two copies of the same committed data have the same one, checkpointed or not.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// What the source looked like when it was taken.
    pub fingerprint: Fingerprint,
    /// What is odd about the source but no damage to rows: broken indexes, NULL under NOT NULL.
    pub odd: Vec<String>,
}

/// A copy that nobody writes any more and nobody has checked yet: [`prove`] does.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The copy: one file, mode 0600, no journal beside it.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What the source looked like when it was taken.
    pub fingerprint: Fingerprint,
}

/// The copy has to be taken again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How often it was tried.
    pub attempt: u32,
    /// What moved.
    pub moved: String,
}

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the clock ticks that file times are rounded to.
const SETTLED: Duration = Duration::from_millis(30);

/// Copies the source's database, `-wal` and `-journal` as one set to `into`, again if anything moved meanwhile, recovers the copy
/// and checks it to this depth. Blocking: call it where blocking is allowed. `on_wait` hears of each further try and may stop it by
/// `false`. Done again, it replaces `into` in one step.
///
/// # Errors
/// When the source is missing, damaged, no database, or written all the time; nothing is left at `into` then that was not there.
pub fn freeze(
    source: &Path,
    into: &Path,
    depth: Depth,
    on_wait: &mut dyn FnMut(&Wait) -> bool,
) -> Result<Frozen, FreezeError> {
    let partial = beside(into, ".partial");
    let done =
        still(source, &partial, on_wait).and_then(|fingerprint| finish(source, &partial, into, depth, fingerprint));
    if done.is_err() {
        remove_set(&partial);
    }
    done
}

/// As [`freeze`], without the check: what stands at `into` then is no more than a copy. For reading while [`prove`] is at work, with
/// nothing made of it before that has come out well.
///
/// # Errors
/// As [`freeze`], but for damage.
pub fn take(source: &Path, into: &Path, on_wait: &mut dyn FnMut(&Wait) -> bool) -> Result<Taken, FreezeError> {
    let partial = beside(into, ".partial");
    let taken = still(source, &partial, on_wait).and_then(|fingerprint| {
        recover(&partial, source)?;
        let bytes = fs::metadata(&partial).map_err(FreezeError::io("looking at", &partial))?.len();
        place(&partial, into)?;
        Ok(Taken { path: into.to_owned(), bytes, fingerprint })
    });
    remove_set(&partial);
    taken
}

/// Checks a copy that was taken from `source`, and writes it to disk. Returns what is odd about it but no damage to rows.
///
/// # Errors
/// When it is damaged or cannot be read.
pub fn prove(copy: &Path, source: &Path, depth: Depth) -> Result<Vec<String>, FreezeError> {
    let odd = check::check(copy, source, depth)?;
    let file = File::open(copy).map_err(FreezeError::io("opening", copy))?;
    file.sync_all().map_err(FreezeError::io("writing to disk", copy))?;
    Ok(odd)
}

/// For a source that is written all the time, and for looking only: SQLite's backup interface, which does open the source, under
/// the application's own locks. Checked in full.
///
/// # Errors
/// When SQLite cannot read it.
pub fn freeze_live(source: &Path, into: &Path) -> Result<Frozen, FreezeError> {
    let fingerprint = fingerprint(source)?;
    let partial = beside(into, ".partial");
    remove_set(&partial);
    let failed = |error| FreezeError::Recover { path: source.to_owned(), source: error };
    create(&partial)?;
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = rusqlite::Connection::open_with_flags(&fingerprint.path, flags).map_err(failed)?;
    from.busy_timeout(PATIENCE).map_err(failed)?;
    let mut to = rusqlite::Connection::open(&partial).map_err(failed)?;
    let backup = rusqlite::backup::Backup::new(&from, &mut to).map_err(failed)?;
    // All pages in one step: the read lock is held throughout, so that the copy is of one moment.
    let end = Instant::now() + PATIENCE;
    while backup.step(-1).map_err(failed)? != rusqlite::backup::StepResult::Done {
        if Instant::now() > end {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(failed(rusqlite::Error::SqliteFailure(busy, None)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(backup);
    drop((from, to));
    finish(source, &partial, into, Depth::Indexes, fingerprint)
}

/// SHA-256 of a file, hex.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn still(source: &Path, partial: &Path, on_wait: &mut dyn FnMut(&Wait) -> bool) -> Result<Fingerprint, FreezeError> {
    let begun = Instant::now();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let moved = match try_once(source, partial)? {
            Ok(fingerprint) => return Ok(fingerprint),
            Err(moved) => moved,
        };
        if begun.elapsed() > PATIENCE {
            let writers = holders(source).words();
            let seconds = begun.elapsed().as_secs_f64();
            return Err(FreezeError::Busy { path: source.to_owned(), attempts: attempt, seconds, moved, writers });
        }
        if !on_wait(&Wait { attempt, moved }) {
            return Err(FreezeError::Stopped { path: source.to_owned() });
        }
        std::thread::sleep(Duration::from_millis(u64::from(attempt.min(10)) * 50));
    }
}

/// One try; what moved when it has to be made again.
fn try_once(source: &Path, partial: &Path) -> Result<Result<Fingerprint, String>, FreezeError> {
    let before = fingerprint(source)?;
    let age = before.age(SystemTime::now());
    if age < SETTLED {
        std::thread::sleep(SETTLED - age);
        return match fingerprint(source)?.change_since(&before) {
            Some(moved) => Ok(Err(moved)),
            None => copy_between(&before, partial),
        };
    }
    copy_between(&before, partial)
}

fn copy_between(before: &Fingerprint, partial: &Path) -> Result<Result<Fingerprint, String>, FreezeError> {
    require_space(before, partial)?;
    remove_set(partial);
    for suffix in SET {
        let from = beside(&before.path, suffix);
        if suffix == "-journal" && names_other_databases(&from) {
            return Err(FreezeError::SharedJournal { path: from });
        }
        // The database is copied even when empty: a new one in WAL mode may be.
        if suffix.is_empty() || before.marks.contains_key(suffix) {
            copy_file(&from, &beside(partial, suffix))?;
        }
    }
    let after = fingerprint(&before.path)?;
    Ok(after.change_since(before).map_or_else(|| Ok(before.clone()), Err))
}

pub(super) fn require_space(fingerprint: &Fingerprint, partial: &Path) -> Result<(), FreezeError> {
    let directory = partial.parent().unwrap_or(Path::new("."));
    let Ok(statistics) = nix::sys::statvfs::statvfs(directory) else { return Ok(()) };
    let free = statistics.blocks_available().saturating_mul(statistics.fragment_size());
    let needed = fingerprint.bytes();
    if free >= needed {
        return Ok(());
    }
    Err(FreezeError::NoSpace { path: fingerprint.path.clone(), directory: directory.to_owned(), needed, free })
}

pub(super) fn create(path: &Path) -> Result<File, FreezeError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(FreezeError::io("creating", path))
}

fn copy_file(from: &Path, to: &Path) -> Result<(), FreezeError> {
    let mut reader = match File::open(from) {
        Ok(reader) => reader,
        // Gone since the fingerprint: the next fingerprint says so.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FreezeError::io("reading", from)(error)),
    };
    let mut writer = create(to)?;
    std::io::copy(&mut reader, &mut writer).map(|_| ()).map_err(FreezeError::io("copying", from))
}

/// A rollback journal that ends in the name of a super-journal ends in this magic
/// (<https://www.sqlite.org/fileformat2.html#the_rollback_journal>; `pager.c`, `readSuperJournal`).
pub(super) fn names_other_databases(journal: &Path) -> bool {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let Ok(mut file) = File::open(journal) else { return false };
    let mut tail = [0_u8; 8];
    file.seek(SeekFrom::End(-8)).is_ok() && file.read_exact(&mut tail).is_ok() && tail == MAGIC && has_pages(&mut file)
}

/// A journal whose header is zeroed is over (`journal_mode = persist`).
fn has_pages(file: &mut File) -> bool {
    let mut head = [0_u8; 8];
    file.seek(SeekFrom::Start(0)).is_ok() && file.read_exact(&mut head).is_ok() && head != [0_u8; 8]
}

/// Recovers the copy, checks it on one core while another hashes it, and puts it where it belongs.
pub(super) fn finish(
    source: &Path,
    partial: &Path,
    into: &Path,
    depth: Depth,
    fingerprint: Fingerprint,
) -> Result<Frozen, FreezeError> {
    recover(partial, source)?;
    let (odd, sha256) = std::thread::scope(|scope| {
        let hashing = scope.spawn(|| sha256(partial));
        let odd = prove(partial, source, depth);
        let hashed = hashing.join().unwrap_or_else(|_| Err(std::io::Error::other("the thread that hashes ended")));
        (odd, hashed)
    });
    let (odd, sha256) = (odd?, sha256.map_err(FreezeError::io("reading", partial))?);
    let bytes = fs::metadata(partial).map_err(FreezeError::io("looking at", partial))?.len();
    place(partial, into)?;
    Ok(Frozen { path: into.to_owned(), sha256, bytes, fingerprint, odd })
}

/// Puts the copy where it belongs, in one step.
fn place(partial: &Path, into: &Path) -> Result<(), FreezeError> {
    crash::point("connect.freeze.before");
    fs::rename(partial, into).map_err(FreezeError::io("renaming", partial))?;
    if let Some(directory) = into.parent() {
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(FreezeError::io("writing to disk", into))?;
    }
    crash::point("connect.freeze.after");
    remove_set(partial);
    Ok(())
}

pub(super) fn remove_set(partial: &Path) {
    for suffix in SET.iter().chain(&["-shm"]) {
        let _ = fs::remove_file(beside(partial, suffix));
    }
}
