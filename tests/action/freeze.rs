//! Freezing a SQLite source: complete, and without a trace beside it.

use cutover::connect::sqlite::{Depth, FreezeError, fingerprint, freeze, freeze_live, holders, open_frozen, sha256};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Every file's bytes, time, mode: what must not change.
fn picture(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, i64, i64, u32)> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            (path.clone(), (fs::read(&path).unwrap(), metadata.mtime(), metadata.mtime_nsec(), metadata.mode()))
        })
        .collect()
}

struct Place {
    directory: tempfile::TempDir,
    run: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), run: tempfile::tempdir().unwrap() }
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("app.db")
    }

    fn copy(&self) -> PathBuf {
        self.run.path().join("snapshot.sqlite")
    }

    fn freeze(&self) -> Result<cutover::connect::sqlite::Frozen, FreezeError> {
        let before = picture(self.directory.path());
        let frozen = freeze(&self.source(), &self.copy(), Depth::Rows, &mut |_| true);
        assert_eq!(picture(self.directory.path()), before, "the source's directory changed");
        frozen
    }

    fn left(&self) -> Vec<String> {
        fs::read_dir(self.run.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn table(connection: &Connection, rows: u32) {
    connection.execute_batch("create table if not exists t (id integer primary key, v text not null)").unwrap();
    for row in 0..rows {
        connection.execute("insert into t (v) values (?1)", [format!("row {row} {}", "x".repeat(200))]).unwrap();
    }
}

fn rows(path: &Path) -> u32 {
    open_frozen(path).unwrap().query_row("select count(*) from t", [], |row| row.get(0)).unwrap()
}

/// The files as a crash leaves them: copied while the connection that wrote them is open.
fn crashed(place: &Place, write: impl FnOnce(&Connection)) {
    let elsewhere = tempfile::tempdir().unwrap();
    let connection = Connection::open(elsewhere.path().join("app.db")).unwrap();
    write(&connection);
    for entry in fs::read_dir(elsewhere.path()).unwrap() {
        let entry = entry.unwrap();
        if !entry.path().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), place.directory.path().join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_plain_database_is_copied_to_the_byte() {
    let place = Place::new();
    table(&Connection::open(place.source()).unwrap(), 50);
    let frozen = place.freeze().unwrap();
    assert_eq!(fs::read(place.copy()).unwrap(), fs::read(place.source()).unwrap());
    assert_eq!(frozen.sha256, sha256(&place.source()).unwrap());
    assert_eq!(fs::metadata(place.copy()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.left(), ["snapshot.sqlite"]);
    assert_eq!(place.freeze().unwrap(), frozen, "taking it again changes nothing");
}

#[test]
fn uncheckpointed_pages_of_the_wal_are_in_it() {
    let place = Place::new();
    crashed(&place, |connection| {
        connection.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
        connection.execute_batch("pragma wal_autocheckpoint = 0").unwrap();
        table(connection, 70);
    });
    let main = fs::read(place.source()).unwrap();
    assert!(main.len() < 10_000, "the rows are in the WAL only");
    let frozen = place.freeze().unwrap();
    assert_eq!(rows(&frozen.path), 70);
    drop(Connection::open(place.source()).unwrap().query_row("select count(*) from t", [], |_| Ok(())));
    assert!(!place.directory.path().join("app.db-wal").exists(), "a reader checkpointed and removed the WAL");
    assert_eq!(place.freeze().unwrap().sha256, frozen.sha256, "the same committed data has the same hash");
}

#[test]
fn a_hot_journal_is_rolled_back_in_the_copy_only() {
    let place = Place::new();
    crashed(&place, |connection| {
        table(connection, 20);
        connection.execute_batch("pragma cache_size = 2; begin immediate; update t set v = 'half-done'").unwrap();
        table(connection, 2_000);
    });
    assert!(place.directory.path().join("app.db-journal").exists());
    let frozen = place.freeze().unwrap();
    assert_eq!(rows(&frozen.path), 20);
    let copy = open_frozen(&frozen.path).unwrap();
    let half: u32 = copy.query_row("select count(*) from t where v = 'half-done'", [], |row| row.get(0)).unwrap();
    assert_eq!(half, 0);
}

#[test]
fn a_locked_source_gives_what_is_committed() {
    let place = Place::new();
    let writer = Connection::open(place.source()).unwrap();
    table(&writer, 5);
    std::thread::sleep(Duration::from_millis(50));
    let frozen = std::thread::scope(|scope| {
        writer.execute_batch("begin exclusive").unwrap();
        scope.spawn(|| place.freeze().unwrap()).join().unwrap()
    });
    assert_eq!(rows(&frozen.path), 5);
}

#[test]
fn a_symbolic_link_leads_to_the_files_beside_the_real_one() {
    let place = Place::new();
    crashed(&place, |connection| {
        connection.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
        table(connection, 9);
    });
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("grafana.db");
    symlink(place.source(), &link).unwrap();
    let frozen = freeze(&link, &place.copy(), Depth::Pages, &mut |_| true).unwrap();
    assert_eq!(rows(&frozen.path), 9);
    assert_eq!(frozen.fingerprint.path, fs::canonicalize(place.source()).unwrap());
    assert_eq!(fs::read_dir(links.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_database_is_refused_with_its_reason() {
    let place = Place::new();
    assert!(matches!(place.freeze(), Err(FreezeError::Missing { .. })));
    fs::write(place.source(), "").unwrap();
    assert!(matches!(place.freeze(), Err(FreezeError::Empty { .. })));
    fs::write(place.source(), "-- a dump\ncreate table t(a);\n").unwrap();
    assert!(place.freeze().unwrap_err().to_string().contains("a text file"));
    fs::write(place.source(), vec![7_u8; 8192]).unwrap();
    assert!(place.freeze().unwrap_err().to_string().contains("encrypted"));
    fs::remove_file(place.source()).unwrap();
    fs::create_dir(place.source()).unwrap();
    let refused = freeze(&place.source(), &place.copy(), Depth::Rows, &mut |_| true).unwrap_err().to_string();
    assert!(refused.contains("a directory"), "{refused}");
    assert!(place.left().is_empty(), "{:?}", place.left());
}

#[test]
fn damage_is_found_before_anybody_reads_rows() {
    let place = Place::new();
    table(&Connection::open(place.source()).unwrap(), 500);
    let mut bytes = fs::read(place.source()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 200].fill(0xaa);
    fs::write(place.source(), bytes).unwrap();
    let error = place.freeze().unwrap_err();
    assert!(matches!(error, FreezeError::Corrupt { .. }), "{error}");
    assert!(place.left().is_empty());
}

#[test]
fn a_broken_index_is_told_and_no_reason_to_refuse() {
    let place = Place::new();
    let connection = Connection::open(place.source()).unwrap();
    table(&connection, 3);
    connection.execute_batch("create table n (a); insert into n values (null)").unwrap();
    connection
        .execute_batch("pragma writable_schema = on; update sqlite_schema set sql = 'create table n (a not null)' where name = 'n'")
        .unwrap();
    drop(connection);
    let frozen = place.freeze().unwrap();
    assert_eq!(frozen.odd, ["NULL value in n.a"]);
}

#[test]
fn a_source_that_is_written_all_the_time_is_refused_and_says_by_whom() {
    let place = Place::new();
    let connection = Connection::open(place.source()).unwrap();
    table(&connection, 1);
    let stop = AtomicBool::new(false);
    let (error, tries) = std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                connection.execute_batch("insert into t (v) values ('more')").unwrap();
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        let mut tries = 0;
        let error = freeze(&place.source(), &place.copy(), Depth::Rows, &mut |wait| {
            tries = wait.attempt;
            wait.attempt < 5
        });
        stop.store(true, Ordering::Relaxed);
        (error.unwrap_err(), tries)
    });
    assert!(matches!(error, FreezeError::Stopped { .. }), "{error}");
    assert_eq!(tries, 5);
    assert!(place.left().is_empty());
}

#[test]
fn a_busy_source_can_be_looked_at_all_the_same() {
    let place = Place::new();
    let connection = Connection::open(place.source()).unwrap();
    connection.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
    table(&connection, 12);
    let frozen = freeze_live(&place.source(), &place.copy()).unwrap();
    assert_eq!(rows(&frozen.path), 12);
    assert_eq!(place.left(), ["snapshot.sqlite"]);
}

#[test]
fn the_fingerprint_sees_every_commit_and_no_reader() {
    for mode in ["wal", "delete", "persist", "truncate"] {
        let place = Place::new();
        let connection = Connection::open(place.source()).unwrap();
        connection.query_row(&format!("pragma journal_mode = {mode}"), [], |_| Ok(())).unwrap();
        table(&connection, 5);
        for _ in 0..20 {
            let before = fingerprint(&place.source()).unwrap();
            connection.query_row("select count(*) from t", [], |_| Ok(())).unwrap();
            assert_eq!(fingerprint(&place.source()).unwrap().change_since(&before), None, "{mode}");
            connection.execute_batch("update t set v = v || '!' where id = 1").unwrap();
            let change = fingerprint(&place.source()).unwrap().change_since(&before);
            assert!(change.is_some(), "a commit under {mode} was not seen");
        }
    }
}

#[test]
fn a_process_that_holds_the_file_is_named() {
    let place = Place::new();
    table(&Connection::open(place.source()).unwrap(), 1);
    assert_eq!(holders(&place.source()).list, []);
    let open = |redirection: &str| {
        std::process::Command::new("sh")
            .args(["-c", &format!("exec sleep 30 {redirection}\"$0\"")])
            .arg(place.source())
            .spawn()
            .unwrap()
    };
    let (mut reader, mut writer) = (open("3<"), open("3<>"));
    let found = (0..100)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            holders(&place.source())
        })
        .find(|found| found.list.len() == 2)
        .unwrap();
    reader.kill().unwrap();
    writer.kill().unwrap();
    assert_eq!(found.writers().map(|holder| holder.pid).collect::<Vec<_>>(), [writer.id()]);
    assert!(found.words().contains(&format!("process {}", writer.id())), "{}", found.words());
    reader.wait().unwrap();
    writer.wait().unwrap();
}
