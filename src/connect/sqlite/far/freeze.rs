//! The frozen, checked copy of a database at the other end.
//!
//! The set is of one moment when, after all of it was read, all of it is read once more and is the same: what the database held
//! from its first reading to its second, the journals held too, at the moment between.

use super::fetch::{Fetched, Wanted};
use super::script::{self, Seen};
use super::{FreezeError, Shell, ask, holders_far, look, named};
use crate::connect::sqlite::files::beside;
use crate::connect::sqlite::freeze::{finish, names_other_databases, remove_set, require_space};
use crate::connect::sqlite::{Depth, Fingerprint, Frozen, Mark, Wait};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What the caller hears while a copy is taken; it answers whether to go on.
#[derive(Clone, Debug)]
pub enum Heard<'a> {
    /// So much of a file is here.
    Bytes {
        /// The file at the other end.
        file: &'a Path,
        /// Bytes so far.
        done: u64,
        /// All of them, where the other end can say.
        total: Option<u64>,
    },
    /// The stream was cut and goes on.
    GoesOn {
        /// The file at the other end.
        file: &'a Path,
        /// From this byte.
        offset: u64,
        /// How it ended.
        why: &'a str,
    },
    /// The copy has to be taken again.
    Again(Wait),
}

/// What the copy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// To copy rows from: nobody wrote while it was taken.
    Still,
    /// To look at only, while the application goes on writing: a write-ahead log may grow, and where the database itself never
    /// stands still, a copy that passes SQLite's own check will do.
    Live,
}

/// At least so often and so long it is tried again while somebody writes.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);
/// How often bytes may come damaged from a source that stands still.
const DAMAGED: u32 = 3;

/// As [`crate::connect::sqlite::freeze()`], through a shell. Done again, it replaces `into` in one step.
///
/// # Errors
/// When the database is missing, damaged, no database, written all the time, or does not come through whole; nothing is left at
/// `into` then that was not there.
pub async fn freeze_far(
    shell: &dyn Shell,
    path: &Path,
    into: &Path,
    manner: Manner,
    heard: &mut (dyn FnMut(Heard<'_>) -> bool + Send),
) -> Result<Frozen, FreezeError> {
    let partial = beside(into, ".partial");
    let mut far = Far { shell, path, partial: &partial, manner, heard };
    let done = match far.take().await {
        Ok((fingerprint, torn)) => checked(named(shell, path), &partial, into, fingerprint, torn).await,
        Err(error) => Err(error),
    };
    if done.is_err() {
        remove_set(&partial);
    }
    done
}

async fn checked(
    source: PathBuf,
    partial: &Path,
    into: &Path,
    fingerprint: Fingerprint,
    torn: Option<String>,
) -> Result<Frozen, FreezeError> {
    let (named, partial, into) = (source.clone(), partial.to_owned(), into.to_owned());
    let work = move || finish(&source, &partial, &into, Depth::Rows, fingerprint);
    let failed = |error: tokio::task::JoinError| {
        FreezeError::io("checking the copy of", &named)(std::io::Error::other(error.to_string()))
    };
    let mut frozen = tokio::task::spawn_blocking(work).await.map_err(failed)??;
    frozen.odd.extend(torn);
    Ok(frozen)
}

struct Far<'a> {
    shell: &'a dyn Shell,
    path: &'a Path,
    partial: &'a Path,
    manner: Manner,
    heard: &'a mut (dyn FnMut(Heard<'_>) -> bool + Send),
}

/// How one try ended.
enum Try {
    Same(Fingerprint),
    Moved(Fingerprint, String),
    Damaged(String),
}

impl Far<'_> {
    /// The set as of one moment; with `Live` perhaps of more than one, and then what to say about it.
    async fn take(&mut self) -> Result<(Fingerprint, Option<String>), FreezeError> {
        let begun = Instant::now();
        let (mut attempts, mut damaged) = (0, 0);
        loop {
            attempts += 1;
            let (fingerprint, moved) = match self.once().await? {
                Try::Same(fingerprint) => return Ok((fingerprint, None)),
                Try::Damaged(found) if damaged + 1 >= DAMAGED => {
                    return Err(FreezeError::Transit { path: self.named(), attempts: damaged + 1, found });
                }
                Try::Damaged(found) => {
                    damaged += 1;
                    (None, found)
                }
                Try::Moved(fingerprint, moved) => (Some(fingerprint), moved),
            };
            if attempts >= TRIES && begun.elapsed() > PATIENCE {
                return self.give_up(fingerprint, attempts, begun.elapsed(), moved).await;
            }
            if !(self.heard)(Heard::Again(Wait { attempt: attempts, moved })) {
                return Err(FreezeError::Stopped { path: self.named() });
            }
            sleep(Duration::from_millis(u64::from(attempts.min(10)) * 100)).await;
        }
    }

    async fn give_up(
        &mut self,
        torn: Option<Fingerprint>,
        attempts: u32,
        took: Duration,
        moved: String,
    ) -> Result<(Fingerprint, Option<String>), FreezeError> {
        if let (Manner::Live, Some(fingerprint)) = (self.manner, torn) {
            let words = format!(
                "it was written while the copy was taken ({moved}): rows of two moments may stand in it side by side"
            );
            return Ok((fingerprint, Some(words)));
        }
        let writers = holders_far(self.shell, self.path).await.map_or_else(|_| "somebody".to_owned(), |it| it.words());
        Err(FreezeError::Busy { path: self.named(), attempts, seconds: took.as_secs_f64(), moved, writers })
    }

    async fn once(&mut self) -> Result<Try, FreezeError> {
        let seen = look(self.shell, self.path).await?;
        require_space(&seen.fingerprint, self.partial)?;
        remove_set(self.partial);
        let mut came = Vec::new();
        for (suffix, bytes) in script::parts(&seen.fingerprint) {
            let fetched = self.fetch(&seen, suffix, bytes, true).await;
            match fetched {
                Ok(fetched) => came.push((suffix, fetched)),
                Err(error) => return self.moved_or(&seen, error).await,
            }
        }
        if !came.iter().any(|(suffix, _)| suffix.is_empty()) {
            // A new database in WAL mode may still be empty.
            crate::connect::sqlite::freeze::create(self.partial)?;
        }
        let journal = beside(self.partial, "-journal");
        if names_other_databases(&journal) {
            return Err(FreezeError::SharedJournal { path: beside(&self.named(), "-journal") });
        }
        let differing = match self.read_again(&seen, &came).await {
            Ok(differing) => differing,
            Err(error) => return self.moved_or(&seen, error).await,
        };
        let now = look(self.shell, self.path).await?.fingerprint;
        let grew = self.only_grew(&seen.fingerprint, &now);
        let moved = now.change_since(&seen.fingerprint).filter(|_| seen.tools.writes && !grew);
        Ok(match (moved, differing) {
            (Some(moved), _) => Try::Moved(seen.fingerprint, moved),
            (None, Some(found)) => Try::Damaged(found),
            (None, None) => Try::Same(seen.fingerprint),
        })
    }

    /// A file that cannot be read to its end may have been replaced or cut meanwhile.
    async fn moved_or(&mut self, seen: &Seen, error: FreezeError) -> Result<Try, FreezeError> {
        if !matches!(error, FreezeError::Far { .. }) {
            return Err(error);
        }
        match look(self.shell, self.path).await.map(|now| now.fingerprint.change_since(&seen.fingerprint)) {
            Ok(Some(moved)) => Ok(Try::Moved(seen.fingerprint.clone(), moved)),
            _ => Err(error),
        }
    }

    async fn fetch(&mut self, seen: &Seen, suffix: &str, bytes: u64, keep: bool) -> Result<Fetched, FreezeError> {
        let path = beside(&seen.fingerprint.path, suffix);
        let bytes = seen.tools.sizes.then_some(bytes);
        let wanted = Wanted { shell: self.shell, path: &path, bytes, tools: seen.tools };
        let to = keep.then(|| beside(self.partial, suffix));
        wanted.fetch(to.as_deref(), self.heard).await
    }

    /// What a second reading at the other end says is different; none when all is the same.
    async fn read_again(&mut self, seen: &Seen, came: &[(&str, Fetched)]) -> Result<Option<String>, FreezeError> {
        if !seen.tools.sha256sum {
            for (suffix, first) in came {
                let second = self.fetch(seen, suffix, first.bytes, false).await?;
                if second.sha256 != first.sha256 {
                    return Ok(Some(differs(&beside(&seen.fingerprint.path, suffix), &first.sha256, &second.sha256)));
                }
            }
            return Ok(None);
        }
        // Of a log that may grow, only what was taken.
        let grows = |suffix: &str| suffix == "-wal" && self.manner == Manner::Live;
        let files: Vec<_> =
            came.iter().map(|(suffix, fetched)| (*suffix, grows(suffix).then_some(fetched.bytes))).collect();
        let script = script::sums(&seen.fingerprint.path, &files);
        let sums = script::read_sums(&ask(self.shell, self.path, "comparing the copy with", &script).await?);
        Ok(came.iter().find_map(|(suffix, fetched)| {
            let there = sums.get(*suffix).map_or("nothing", String::as_str);
            (there != fetched.sha256).then(|| differs(&beside(&seen.fingerprint.path, suffix), &fetched.sha256, there))
        }))
    }

    /// Whether nothing happened but that a write-ahead log became longer: what of it was taken is then a moment of its own.
    fn only_grew(&self, before: &Fingerprint, now: &Fingerprint) -> bool {
        let same = |suffix: &str| before.marks.get(suffix) == now.marks.get(suffix);
        let salts = |mark: &Mark| mark.head.get(..64).map(str::to_owned);
        let grew = match (before.marks.get("-wal"), now.marks.get("-wal")) {
            (Some(before), Some(now)) => {
                before.inode == now.inode && before.bytes <= now.bytes && salts(before) == salts(now)
            }
            _ => false,
        };
        self.manner == Manner::Live && before.path == now.path && same("") && same("-journal") && grew
    }

    fn named(&self) -> PathBuf {
        named(self.shell, self.path)
    }
}

fn differs(file: &Path, came: &str, there: &str) -> String {
    format!("{}: sha256 {came} came, {there} is there", file.display())
}
