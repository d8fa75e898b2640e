//! A database is a set of files; its fingerprint says whether anybody wrote to any of them.

use super::FreezeError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The files that hold committed data, by what follows the database's name.
pub(super) const SET: [&str; 3] = ["", "-wal", "-journal"];

/// What a source's files looked like at a moment. Cheap: some bytes of each file, never its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The database, symbolic links followed: SQLite keeps the other files beside it.
    pub path: PathBuf,
    /// Per file of the set that is there and not empty, by suffix.
    pub marks: BTreeMap<String, Mark>,
}

/// What one file looked like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bytes.
    pub bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub modified: i64,
    /// Which file it is: replaced ones differ.
    pub inode: u64,
    /// Its first bytes, as hex: SQLite's change counter, the WAL's salts, the journal's page count.
    pub head: String,
}

/// Takes the fingerprint of `source`. Opens nothing with SQLite and leaves no trace.
///
/// # Errors
/// When the file is not there, cannot be read, or is no database.
pub fn fingerprint(source: &Path) -> Result<Fingerprint, FreezeError> {
    let path = real_path(source)?;
    let mut marks = BTreeMap::new();
    for suffix in SET {
        if let Some(mark) = mark(&beside(&path, suffix), 100)? {
            marks.insert(suffix.to_owned(), mark);
        }
    }
    // The WAL is written in place once it has wrapped; its index, memory that all writers share, has the counter.
    if marks.contains_key("-wal")
        && let Some(mut index) = mark(&beside(&path, "-shm"), 96)?
    {
        index.modified = 0;
        marks.insert("-shm".to_owned(), index);
    }
    Ok(Fingerprint { path, marks })
}

impl Fingerprint {
    /// What differs from `earlier`, in words; none when nobody wrote in between.
    #[must_use]
    pub fn change_since(&self, earlier: &Self) -> Option<String> {
        if self.path != earlier.path {
            return Some(format!("{} is now {}", earlier.path.display(), self.path.display()));
        }
        let suffixes: std::collections::BTreeSet<&String> = self.marks.keys().chain(earlier.marks.keys()).collect();
        suffixes.into_iter().find_map(|suffix| {
            let what = match (earlier.marks.get(suffix), self.marks.get(suffix)) {
                (Some(before), Some(now)) if before == now => return None,
                // The index appears and goes with readers too; only one that was there and moved speaks of a writer.
                (None, _) | (_, None) if suffix == "-shm" => return None,
                (Some(before), Some(now)) => before.words(now),
                (None, _) => "appeared".to_owned(),
                (_, None) => "is gone".to_owned(),
            };
            Some(format!("{} {what}", beside(&self.path, suffix).display()))
        })
    }

    /// Bytes of the set: what a copy needs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.marks.iter().filter(|(suffix, _)| *suffix != "-shm").map(|(_, mark)| mark.bytes).sum()
    }

    /// How long ago, at `now`, any of the files was written; files written within a clock tick may change unseen.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let newest = self.marks.values().map(|mark| mark.modified).max().unwrap_or_default();
        let nanos = now.saturating_sub(u128::try_from(newest).unwrap_or_default());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Mark {
    fn words(&self, now: &Self) -> String {
        if self.inode != now.inode {
            "was replaced".to_owned()
        } else if self.bytes != now.bytes {
            format!("went from {} to {} bytes", self.bytes, now.bytes)
        } else {
            "was written".to_owned()
        }
    }
}

/// `path` with `suffix` after its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn real_path(source: &Path) -> Result<PathBuf, FreezeError> {
    let path = std::fs::canonicalize(source).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FreezeError::Missing { path: source.to_owned() },
        _ => FreezeError::io("looking for the source", source)(error),
    })?;
    let metadata = std::fs::metadata(&path).map_err(FreezeError::io("looking at the source", &path))?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a directory" } else { "neither file nor directory" };
        return Err(FreezeError::NotADatabase { path, found: found.to_owned() });
    }
    if metadata.len() == 0 && beside(&path, "-wal").metadata().map_or(0, |wal| wal.len()) == 0 {
        return Err(FreezeError::Empty { path });
    }
    check_header(&path)?;
    Ok(path)
}

fn check_header(path: &Path) -> Result<(), FreezeError> {
    let head = head(path, 16).map_err(FreezeError::io("reading the source", path))?;
    match head_problem(&head) {
        Some(found) => Err(FreezeError::NotADatabase { path: path.to_owned(), found }),
        None => Ok(()),
    }
}

/// What a file is whose first 16 bytes are not those of a database; none when they are.
pub(super) fn head_problem(head: &[u8]) -> Option<String> {
    match head {
        [] | b"SQLite format 3\0" => None,
        other if other.len() < 16 => Some(format!("only {} bytes long", other.len())),
        other if other.iter().all(u8::is_ascii_graphic) || other.starts_with(b"--") => Some("a text file".to_owned()),
        _ => Some("its first bytes are not SQLite's; an encrypted database looks like that too".to_owned()),
    }
}

fn mark(path: &Path, bytes: u64) -> Result<Option<Mark>, FreezeError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > 0 => metadata,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FreezeError::io("looking at", path)(error)),
    };
    let head = match head(path, bytes) {
        Ok(head) => head,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FreezeError::io("reading", path)(error)),
    };
    let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Ok(Some(Mark { bytes: metadata.len(), modified, inode: metadata.ino(), head: hex(&head) }))
}

fn head(path: &Path, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(bytes).read_to_end(&mut head)?;
    Ok(head)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
