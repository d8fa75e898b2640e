//! A database that only a shell reaches, as in a pod: read with whatever programs are there, through streams that are cut, that lie
//! about their end, or that damage what they carry.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use cutover::connect::sqlite::far::{
    FarStream, Heard, Manner, Shell, ShellError, find_far, fingerprint_far, freeze_far, holders_far, in_transaction_far,
};
use cutover::connect::sqlite::{Depth, FreezeError, Frozen, freeze};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// This host's shell with only some programs in its path, and what goes wrong on the way.
struct Here {
    programs: tempfile::TempDir,
    /// Each stream ends, without an error, after so many bytes; the next is then uncut, unless another cut is left.
    cuts: Mutex<Vec<u64>>,
    /// A byte of each stream is changed.
    damages: bool,
    streams: AtomicUsize,
    carried: Arc<AtomicU64>,
}

impl Here {
    fn with(programs: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for program in programs {
            let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|place| place.join(program))
                .find(|path| path.exists())
                .unwrap();
            std::os::unix::fs::symlink(real, directory.path().join(program)).unwrap();
        }
        let (cuts, carried) = (Mutex::default(), Arc::default());
        Self { programs: directory, cuts, damages: false, streams: AtomicUsize::new(0), carried }
    }

    fn all() -> Self {
        Self::with(&["cat", "dd", "stat", "wc", "readlink", "sha256sum", "head"])
    }

    fn command(&self, script: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("/bin/sh");
        command.arg("-c").arg(script).env_clear().env("PATH", self.programs.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }
}

#[async_trait]
impl Shell for Here {
    async fn run(&self, script: &str) -> Result<Vec<u8>, ShellError> {
        Ok(self.command(script).output().await.unwrap().stdout)
    }

    async fn stream(&self, script: &str) -> Result<FarStream, ShellError> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        let mut child = self.command(script).spawn().unwrap();
        let inner = child.stdout.take().unwrap();
        tokio::spawn(async move { child.wait().await });
        let mut cuts = self.cuts.lock().unwrap();
        let left = if cuts.is_empty() { u64::MAX } else { cuts.remove(0) };
        Ok(Box::new(Faulty { inner, left, damages: self.damages, carried: self.carried.clone() }))
    }

    fn place(&self) -> String {
        "pod/app-0".to_owned()
    }
}

struct Faulty {
    inner: tokio::process::ChildStdout,
    left: u64,
    damages: bool,
    carried: Arc<AtomicU64>,
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Ok(()));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.remaining());
        let mut part = vec![0; most];
        let mut within = ReadBuf::new(&mut part);
        let polled = Pin::new(&mut self.inner).poll_read(context, &mut within);
        let read = within.filled().len();
        if polled.is_ready() && read > 0 {
            self.left -= read as u64;
            self.carried.fetch_add(read as u64, Ordering::Relaxed);
            if self.damages {
                part[read / 2] ^= 1;
            }
            buffer.put_slice(&part[..read]);
        }
        polled
    }
}

/// A database in WAL mode with rows that are in the log only, and the connection that keeps it so.
fn live(directory: &Path) -> (PathBuf, rusqlite::Connection) {
    let path = directory.join("app.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "pragma journal_mode = wal; pragma wal_autocheckpoint = 0;
             create table note (id integer primary key, body text); insert into note (body) values ('one');
             pragma wal_checkpoint(truncate); insert into note (body) values ('two'), ('Größe');",
        )
        .unwrap();
    (path, connection)
}

async fn take(shell: &Here, path: &Path, into: &Path, manner: Manner) -> Result<Frozen, FreezeError> {
    freeze_far(shell, path, into, manner, &mut |_| true).await
}

fn rows(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("select count(*) from note", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_live_set_comes_as_one_with_any_programs() {
    let home = tempfile::tempdir().unwrap();
    let (path, _open) = live(home.path());
    let here = freeze(&path, &home.path().join("here.sqlite"), Depth::Rows, &mut |_| true).unwrap();
    let shells: [(&[&str], bool); 4] = [
        (&["cat", "dd", "stat", "wc", "readlink", "sha256sum", "head"], true),
        (&["cat", "dd"], false),
        (&["cat", "wc"], false),
        (&["cat"], false),
    ];
    for (programs, knows_times) in shells {
        let shell = Here::with(programs);
        let into = home.path().join("far.sqlite");
        let there = take(&shell, &path, &into, Manner::Still).await.unwrap();
        assert_eq!((there.sha256.as_str(), there.bytes), (here.sha256.as_str(), here.bytes), "{programs:?}");
        assert_eq!(rows(&into), 3, "{programs:?}");
        assert_eq!(there.fingerprint == here.fingerprint, knows_times, "{programs:?}");
        assert!(!home.path().join("far.sqlite.partial").exists());
    }
}

#[tokio::test]
async fn two_hundred_megabytes_through_a_stream_that_is_cut_three_times() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("app.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "pragma synchronous = off; create table note (id integer primary key, body blob);
             with recursive n(i) as (values (1) union all select i + 1 from n where i < 200)
             insert into note (body) select randomblob(1048576) from n;",
        )
        .unwrap();
    drop(connection);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size > 200 << 20);
    let shell = Here::all();
    *shell.cuts.lock().unwrap() = vec![1, (77 << 20) + 12_345, 90 << 20];
    let mut went_on = Vec::new();
    let into = home.path().join("far.sqlite");
    let mut heard = |heard: Heard<'_>| {
        if let Heard::GoesOn { offset, .. } = heard {
            went_on.push(offset);
        }
        true
    };
    let frozen = freeze_far(&shell, &path, &into, Manner::Still, &mut heard).await.unwrap();
    assert_eq!(frozen.bytes, size);
    assert!(std::fs::read(&into).unwrap() == std::fs::read(&path).unwrap(), "the bytes differ");
    assert_eq!((went_on.len(), went_on[0]), (3, 1), "{went_on:?}");
    let carried = shell.carried.load(Ordering::Relaxed);
    assert!(carried < size + (1 << 20), "it goes on where it was, and does not begin anew: {carried} of {size}");
}

#[tokio::test]
async fn a_stream_of_unknown_length_counts_as_whole_only_with_its_last_word() {
    let home = tempfile::tempdir().unwrap();
    let (path, open) = live(home.path());
    drop(open);
    let size = std::fs::metadata(&path).unwrap().len();
    for cut in [1, size - 1, size, size + 5] {
        let shell = Here::with(&["cat"]);
        *shell.cuts.lock().unwrap() = vec![cut];
        let into = home.path().join("far.sqlite");
        take(&shell, &path, &into, Manner::Still).await.unwrap();
        assert_eq!(rows(&into), 3, "cut after {cut} of {size}");
        assert_eq!(shell.streams.load(Ordering::Relaxed), 3, "twice for the first reading, once for the second");
    }
}

#[tokio::test]
async fn bytes_that_come_damaged_are_refused_and_nothing_is_left() {
    let home = tempfile::tempdir().unwrap();
    let (path, open) = live(home.path());
    drop(open);
    let shell = Here { damages: true, ..Here::all() };
    let into = home.path().join("far.sqlite");
    let refused = take(&shell, &path, &into, Manner::Still).await.unwrap_err();
    assert!(matches!(refused, FreezeError::Transit { attempts: 3, .. }), "{refused}");
    assert!(refused.to_string().contains("pod/app-0:") && refused.to_string().contains("sha256"), "{refused}");
    assert!(!into.exists() && !home.path().join("far.sqlite.partial").exists());
}

#[tokio::test]
async fn a_write_in_the_middle_has_it_taken_again() {
    let home = tempfile::tempdir().unwrap();
    let (path, open) = live(home.path());
    open.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
    let open = Mutex::new(open);
    let (shell, into) = (Here::all(), home.path().join("far.sqlite"));
    let (mut written, mut again) = (false, 0);
    let mut heard = |heard: Heard<'_>| {
        match heard {
            Heard::Bytes { .. } if !written => {
                open.lock().unwrap().execute("insert into note (body) values ('late')", []).unwrap();
                written = true;
            }
            Heard::Again(wait) => again = wait.attempt,
            _ => {}
        }
        true
    };
    freeze_far(&shell, &path, &into, Manner::Still, &mut heard).await.unwrap();
    assert_eq!((again, rows(&into)), (1, 4));
}

#[tokio::test]
async fn a_log_that_grows_all_the_time_does_not_keep_anybody_from_looking() {
    let home = tempfile::tempdir().unwrap();
    let (path, open) = live(home.path());
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                open.execute("insert into note (body) values ('more')", []).unwrap();
            }
        })
    };
    let into = home.path().join("far.sqlite");
    let begun = std::time::Instant::now();
    let frozen = take(&Here::all(), &path, &into, Manner::Live).await;
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(frozen.unwrap().odd, Vec::<String>::new(), "it is of one moment");
    assert!(rows(&into) >= 3);
    assert!(begun.elapsed().as_secs() < 20, "at the first try");
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let home = tempfile::tempdir().unwrap();
    let shell = Here::all();
    let ask = async |name: &str| fingerprint_far(&shell, &home.path().join(name)).await.unwrap_err().to_string();
    std::fs::write(home.path().join("text"), "-- dump\ncreate table x (id int);\n").unwrap();
    std::fs::write(home.path().join("empty"), "").unwrap();
    std::fs::create_dir(home.path().join("directory")).unwrap();
    for (name, found) in
        [("gone", "is not there"), ("text", "a text file"), ("empty", "is empty"), ("directory", "a directory")]
    {
        let said = ask(name).await;
        assert!(said.contains(found) && said.contains("pod/app-0:"), "{name}: {said}");
    }
}

#[tokio::test]
async fn who_holds_it_and_who_is_about_to_commit() {
    let home = tempfile::tempdir().unwrap();
    let (path, open) = live(home.path());
    let shell = Here::all();
    let holders = holders_far(&shell, &path).await.unwrap();
    assert!(holders.writers().any(|holder| holder.pid == std::process::id()), "{holders:?}");
    assert!(!in_transaction_far(&shell, &path).await.unwrap());
    open.execute_batch("begin immediate").unwrap();
    assert!(in_transaction_far(&shell, &path).await.unwrap());
    open.execute_batch("rollback; pragma wal_checkpoint(truncate); pragma journal_mode = delete; begin immediate")
        .unwrap();
    assert!(in_transaction_far(&shell, &path).await.unwrap());
}

#[tokio::test]
async fn databases_are_found_below_directories() {
    let home = tempfile::tempdir().unwrap();
    let deep = home.path().join("a b/c");
    std::fs::create_dir_all(&deep).unwrap();
    let (_path, _open) = live(&deep);
    std::fs::write(home.path().join("other.db"), "SQLite, not really").unwrap();
    for programs in [["cat", "dd"].as_slice(), &["cat"]] {
        let found = find_far(&Here::with(programs), &[home.path().display().to_string()]).await.unwrap();
        assert_eq!(found, [deep.join("app.db")], "{programs:?}");
    }
}
