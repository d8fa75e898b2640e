//! What is asked at the other end, and how its answers are read. POSIX shell only: bash, dash and busybox run it.

use crate::connect::sqlite::files::{SET, head_problem};
use crate::connect::sqlite::{Fingerprint, FreezeError, Mark};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the other end shows of a database.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub fingerprint: Fingerprint,
    /// Programs there are.
    pub tools: Tools,
}

/// What can be used there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tools {
    /// Reads from an offset.
    pub dd: bool,
    pub sha256sum: bool,
    /// Whether sizes are known: `stat` or `wc` or `dd`.
    pub sizes: bool,
    /// Whether a write shows in the fingerprint: in a time (`stat`) or in SQLite's own counters (`dd`).
    pub writes: bool,
}

/// Bytes that [`read`] begins at a multiple of.
pub(super) const BLOCK: u64 = 1 << 16;
const HEAD: usize = 100;

/// `text` as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn file(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// Where the database really is, and size, times, inode and first bytes of each of its files. The bytes are raw, and so many that
/// the line before them says.
pub(super) fn look(path: &Path) -> String {
    format!(
        r#"LC_ALL=C; F={}
has() {{ command -v "$1" >/dev/null 2>&1; }}
if has readlink; then R=$(readlink -f "$F" 2>/dev/null) && [ -n "$R" ] && F=$R; fi
printf 'path %s\n' "$F"
for T in dd sha256sum stat wc; do if has $T; then printf 'tool %s\n' $T; fi; done
if [ ! -e "$F" ]; then echo missing; elif [ -d "$F" ]; then echo directory; elif [ ! -r "$F" ]; then echo unreadable
else for S in '' -wal -journal -shm; do
  [ -s "$F$S" ] || continue
  N=; M='0 0'; Y=-
  if has stat; then set -- $(stat -c '%s %Y %i %y' "$F$S" 2>/dev/null); N=$1; M="${{2:-0}} ${{3:-0}}"; Y=${{5:--}}; fi
  if [ -z "$N" ] && has wc; then N=$(wc -c <"$F$S"); N=$((N)); fi
  if [ -z "$N" ] && has dd; then N=$(dd if="$F$S" of=/dev/null bs=65536 2>&1 | while read -r A B C; do case $B$C in bytes*) echo $A;; esac; done); fi
  H=0; if has dd; then H={HEAD}; if [ -n "$N" ] && [ "$N" -lt {HEAD} ]; then H=$N; fi; fi
  printf 'file %s %s %s %s %s\n' "${{S:-.}}" "${{N:--}}" "$M" "$Y" $H
  if [ $H -gt 0 ]; then dd if="$F$S" bs=$H count=1 2>/dev/null; fi
  printf '\n'
done; fi
echo end
"#,
        file(path)
    )
}

/// Reads the answer to [`look`].
pub(super) fn seen(answer: &[u8], named: &Path) -> Result<Seen, FreezeError> {
    let garbled = || FreezeError::Far {
        doing: "looking at",
        path: named.to_owned(),
        lasting: false,
        message: format!("the answer of the shell there makes no sense: {}", String::from_utf8_lossy(answer).trim()),
    };
    let mut rest = answer;
    let (mut path, mut marks, mut tools) = (PathBuf::new(), BTreeMap::new(), Tools::default());
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(garbled)?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("path", real) => path = real.into(),
            ("tool", "dd") => (tools.dd, tools.sizes, tools.writes) = (true, true, true),
            ("tool", "sha256sum") => tools.sha256sum = true,
            ("tool", "stat") => (tools.sizes, tools.writes) = (true, true),
            ("tool", "wc") => tools.sizes = true,
            ("missing", _) => return Err(FreezeError::Missing { path: named.to_owned() }),
            ("directory", _) => return Err(not_a_database(named, "a directory")),
            ("unreadable", _) => return Err(not_a_database(named, "its container may not read it")),
            ("file", words) => {
                let (suffix, mut mark, raw) = file_line(words).ok_or_else(garbled)?;
                if rest.len() <= raw {
                    return Err(garbled());
                }
                mark.head = super::super::files::hex(&rest[..raw]);
                if suffix.is_empty() && raw > 0 {
                    check_head(&rest[..raw], named)?;
                }
                rest = &rest[raw + 1..];
                marks.insert(suffix, mark);
            }
            ("end", _) => break,
            _ => {}
        }
    }
    settle(&mut marks);
    if !marks.contains_key("") && !marks.contains_key("-wal") {
        return Err(FreezeError::Empty { path: named.to_owned() });
    }
    Ok(Seen { fingerprint: Fingerprint { path, marks }, tools })
}

fn not_a_database(named: &Path, found: &str) -> FreezeError {
    FreezeError::NotADatabase { path: named.to_owned(), found: found.to_owned() }
}

fn check_head(head: &[u8], named: &Path) -> Result<(), FreezeError> {
    match head_problem(&head[..head.len().min(16)]) {
        Some(found) => Err(not_a_database(named, &found)),
        None => Ok(()),
    }
}

/// The index of a write-ahead log is memory that is shared: its time says nothing, and only with a log it says anything at all.
fn settle(marks: &mut BTreeMap<String, Mark>) {
    if !marks.contains_key("-wal") {
        marks.remove("-shm");
    }
    if let Some(index) = marks.get_mut("-shm") {
        index.modified = 0;
        index.head.truncate(96 * 2);
    }
}

/// `SUFFIX SIZE SECONDS INODE CLOCK RAW`.
fn file_line(words: &str) -> Option<(String, Mark, usize)> {
    let words: Vec<&str> = words.split(' ').collect();
    let [suffix, size, seconds, inode, clock, raw] = words[..] else { return None };
    let suffix = if suffix == "." { "" } else { suffix };
    let bytes = if size == "-" { 0 } else { size.parse().ok()? };
    let nanos: i64 = clock
        .split_once('.')
        .map_or(0, |(_, fraction)| format!("{fraction:0<9}").get(..9).and_then(|text| text.parse().ok()).unwrap_or(0));
    let modified = seconds.parse::<i64>().ok()?.saturating_mul(1_000_000_000).saturating_add(nanos);
    let mark = Mark { bytes, modified, inode: inode.parse().ok()?, head: String::new() };
    Some((suffix.to_owned(), mark, raw.parse().ok()?))
}

/// Reads the file from the block that holds `offset`, at most to byte `end`, and then writes `mark`; gives what of the output
/// comes before `offset`.
pub(super) fn read(path: &Path, tools: Tools, offset: u64, end: Option<u64>, mark: &str) -> (String, u64) {
    let (file, mark) = (file(path), quoted(mark));
    if !tools.dd {
        return (format!("cat {file} && printf %s {mark}"), offset);
    }
    let first = offset / BLOCK;
    let count = end.map_or(String::new(), |end| format!(" count={}", end.div_ceil(BLOCK).saturating_sub(first)));
    (format!("dd if={file} bs={BLOCK} skip={first}{count} 2>/dev/null && printf %s {mark}"), offset - first * BLOCK)
}

/// SHA-256 of each file of the set, `end` bytes of it where that is given.
pub(super) fn sums(path: &Path, files: &[(&str, Option<u64>)]) -> String {
    let one = |(suffix, end): &(&str, Option<u64>)| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = file(Path::new(&name));
        let shown = if suffix.is_empty() { "." } else { suffix };
        match end {
            None => format!("printf 'sum {shown} '; sha256sum <{file}\n"),
            Some(end) => format!("printf 'sum {shown} '; head -c {end} {file} | sha256sum\n"),
        }
    };
    files.iter().map(one).collect()
}

/// Reads the answer to [`sums`]: by suffix, hex.
pub(super) fn read_sums(answer: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let mut words = line.strip_prefix("sum ")?.split_whitespace();
        let suffix = words.next()?;
        let sum = words.next().filter(|sum| sum.len() == 64)?;
        Some((if suffix == "." { String::new() } else { suffix.to_owned() }, sum.to_owned()))
    };
    answer.lines().filter_map(line).collect()
}

/// A line `holder PID FLAGS NAME` for each descriptor that is open on the database.
pub(super) fn holders(path: &Path) -> String {
    format!(
        r#"F={}
if command -v readlink >/dev/null 2>&1; then R=$(readlink -f "$F" 2>/dev/null) && [ -n "$R" ] && F=$R; fi
for P in /proc/[0-9]*; do for D in "$P"/fd/*; do for S in '' -wal -shm -journal; do
  [ "$D" -ef "$F$S" ] 2>/dev/null || continue
  W=2; while read -r K V; do if [ "$K" = flags: ]; then W=$V; fi; done 2>/dev/null <"$P/fdinfo/${{D##*/}}"
  C=a\ process; read -r C 2>/dev/null <"$P/comm"
  printf 'holder %s %s %s\n' "${{P##*/}}" "$W" "$C"
done; done; done; :
"#,
        file(path)
    )
}

/// A line `found PATH` for each file below that begins as a SQLite database does.
pub(super) fn find(directories: &[String]) -> String {
    let globs: String = directories
        .iter()
        .map(|directory| quoted(directory.trim_end_matches('/')))
        .map(|directory| format!(" {directory}/* {directory}/*/* {directory}/*/*/*"))
        .collect();
    format!(
        r#"LC_ALL=C
for F in{globs}; do
  [ -f "$F" ] && [ -r "$F" ] || continue
  case $F in *-wal|*-journal|*-shm) continue;; esac
  if command -v dd >/dev/null 2>&1; then H=$(dd if="$F" bs=15 count=1 2>/dev/null | cat -v 2>/dev/null || :); else IFS= read -r H <"$F" 2>/dev/null || :; fi
  case $H in "SQLite format 3"*) printf 'found %s\n' "$F";; esac
done; :
"#
    )
}

/// Whether `locks` (`/proc/locks`, proc(5)) shows one of SQLite's write locks on the database's inodes; places as in
/// [`crate::connect::sqlite::in_transaction`].
pub(super) fn write_locked(seen: &Fingerprint, locks: &str) -> bool {
    const PLACES: [(&str, u64, u64); 2] = [("", 0x4000_0000, 0x4000_0001), ("-shm", 120, 120)];
    let held = |line: &str| -> Option<(u64, u64, u64)> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let write = words.iter().position(|word| *word == "WRITE")?;
        if words.contains(&"->") {
            return None;
        }
        let inode = words.get(write + 2)?.rsplit(':').next()?.parse().ok()?;
        let end = words.get(write + 4)?;
        Some((inode, words.get(write + 3)?.parse().ok()?, end.parse().unwrap_or(u64::MAX)))
    };
    let held: Vec<_> = locks.lines().filter_map(held).collect();
    PLACES.iter().any(|(suffix, first, last)| {
        let inode = seen.marks.get(*suffix).map(|mark| mark.inode).filter(|inode| *inode != 0);
        inode.is_some_and(|inode| held.iter().any(|(held, from, to)| *held == inode && from <= last && to >= first))
    })
}

/// The files of a set that hold committed data and are there.
pub(super) fn parts(fingerprint: &Fingerprint) -> Vec<(&'static str, u64)> {
    let there = |suffix: &&'static str| fingerprint.marks.get(*suffix).map(|mark| (*suffix, mark.bytes));
    SET.iter().filter_map(there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_a_writer_is_told_from_a_readers_and_from_one_that_waits() {
        let mark = |inode| Mark { bytes: 1, modified: 0, inode, head: String::new() };
        let marks = [(String::new(), mark(7)), ("-shm".to_owned(), mark(8))].into();
        let seen = Fingerprint { path: "/data/app.db".into(), marks };
        let line = |text: &str| write_locked(&seen, text);
        assert!(line("1: POSIX  ADVISORY  WRITE 12 08:01:7 1073741825 1073741825"));
        assert!(line("1: OFDLCK ADVISORY  WRITE -1 08:01:8 120 120"));
        assert!(!line("1: POSIX  ADVISORY  READ 12 08:01:7 1073741826 1073742335"));
        assert!(!line("1: -> POSIX  ADVISORY  WRITE 12 08:01:7 1073741825 1073741825"));
        assert!(!line("1: POSIX  ADVISORY  WRITE 12 08:01:9 0 EOF"));
        assert!(line("1: POSIX  ADVISORY  WRITE 12 08:01:7 0 EOF"));
    }

    #[test]
    fn a_read_goes_on_from_its_block() {
        let with = Tools { dd: true, ..Tools::default() };
        let (script, skip) = read(Path::new("/a b"), with, BLOCK * 2 + 5, Some(BLOCK * 3 + 1), "x");
        assert_eq!(script, "dd if='/a b' bs=65536 skip=2 count=2 2>/dev/null && printf %s 'x'");
        assert_eq!(skip, 5);
        let (script, skip) = read(Path::new("/it's"), Tools::default(), 9, None, "x");
        assert_eq!(script, r"cat '/it'\''s' && printf %s 'x'");
        assert_eq!(skip, 9);
    }
}
