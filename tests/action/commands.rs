//! Steps that run commands, ask, wait, or leave it to a person.

use crate::support::psql;
use crate::world::World;
use cutover::action::{FailureKind, MASK, Secrets};
use cutover::progress::Wish;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_command_speaks_line_by_line_without_secrets() {
    let mut world = World::new();
    world.context.secrets = Secrets::new(["hunter2".to_owned().into()]);
    let shell = world.step(
        "shell",
        "shell",
        json!({ "apply": "echo one; echo \"pw $PW\" >&2; echo $PGDATABASE $MODE", "env": { "PW": "hunter2", "MODE": "x" }, "undo": "echo back" }),
    );
    let (checkpoint, outcome) = world.done(&shell).await;
    let database = world.context.target.database().to_owned();
    assert_eq!(outcome.outputs["stdout"], format!("one\n{database} x"));
    let mut log = world.log();
    log.sort();
    let mut expected = ["one".to_owned(), format!("pw {MASK}"), format!("{database} x")];
    expected.sort();
    assert_eq!(log, expected);
    world.undo(&shell, &checkpoint, Some(&outcome.left)).await.unwrap();
    assert_eq!(world.log(), ["back"]);
}

#[tokio::test]
async fn a_command_that_fails_shows_what_it_said() {
    let mut world = World::new();
    let shell = world.step("shell", "shell", json!({ "apply": "echo why not >&2; exit 3" }));
    let checkpoint = world.prepare(&shell).await.unwrap();
    let error = world.apply(&shell, &checkpoint).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Failed);
    assert!(error.message.contains("exit status: 3: why not"), "{}", error.message);
}

#[tokio::test]
async fn stopping_or_time_ends_the_whole_group() {
    let mut world = World::new();
    let pid_file = world.path("pid");
    let command = format!("sleep 300 & echo $! > {}; wait", pid_file.display());
    let slow = world.step("slow", "shell", json!({ "apply": command, "timeout_seconds": 1 }));
    let checkpoint = world.prepare(&slow).await.unwrap();
    let error = world.apply(&slow, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("had not ended after 1 s"), "{}", error.message);
    require_gone(&pid_file);

    let stopped = world.step("stopped", "shell", json!({ "apply": command }));
    let wish = world.wish.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        wish.send_replace(Wish::Stop);
    });
    let error = world.apply(&stopped, &checkpoint).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Interrupted);
    require_gone(&pid_file);
}

/// Signals arrive a moment later.
fn require_gone(pid_file: &std::path::Path) {
    let pid = std::fs::read_to_string(pid_file).unwrap().trim().to_owned();
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let gone = || stat().is_empty() || stat().contains(") Z");
    let end = Instant::now() + Duration::from_secs(5);
    while !gone() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(gone(), "{}", stat());
}

#[tokio::test]
async fn a_started_application_lives_on_and_is_stopped_again() {
    let mut world = World::new();
    let pid_file = world.path("pid");
    let start = world.step(
        "start",
        "start",
        json!({
            "command": format!("(echo up; exec sleep 300) & echo $! > {}", pid_file.display()),
            "stop": format!("kill $(cat {})", pid_file.display()),
        }),
    );
    let begun = Instant::now();
    let (checkpoint, outcome) = world.done(&start).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "a pipe held by the application is not waited for");
    let pid = std::fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    world.undo(&start, &checkpoint, Some(&outcome.left)).await.unwrap();
    require_gone(&pid_file);
}

#[tokio::test]
async fn nobody_writes_is_proved_or_the_writer_named() {
    let mut world = World::new();
    let connection = rusqlite::Connection::open(world.source()).unwrap();
    connection.execute_batch("create table t (id integer primary key)").unwrap();
    let stopped = world.path("stopped");
    let quiesce = world.step(
        "quiesce",
        "quiesce",
        json!({
            "stop": format!("touch {}", stopped.display()),
            "start": format!("rm {}", stopped.display()),
            "quiet_seconds": 0.3,
            "timeout_seconds": 2,
        }),
    );
    let (checkpoint, outcome) = world.done(&quiesce).await;
    assert!(stopped.exists());
    assert!(outcome.left["fingerprint"]["marks"].is_object());
    world.undo(&quiesce, &checkpoint, Some(&outcome.left)).await.unwrap();
    assert!(!stopped.exists());

    let source = world.source();
    let mut holder =
        std::process::Command::new("sh").args(["-c", "exec sleep 30 3<>\"$0\""]).arg(&source).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = world.apply(&quiesce, &checkpoint).await.unwrap_err();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(error.message.contains(&format!("process {}", holder.id())), "{}", error.message);
}

/// Locks as SQLite does when it writes, by an open file description: one of this process would not be seen by it.
fn lock_as_a_writer(path: &std::path::Path, start: i64) -> std::fs::File {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{F_WRLCK, SEEK_SET, flock};
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    let short = |number: i32| i16::try_from(number).unwrap();
    let lock = flock { l_type: short(F_WRLCK), l_whence: short(SEEK_SET), l_start: start, l_len: 1, l_pid: 0 };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)).unwrap();
    file
}

#[tokio::test]
async fn a_transaction_that_is_still_open_is_waited_for_though_the_files_stand_still() {
    let mut world = World::new();
    let connection = rusqlite::Connection::open(world.source()).unwrap();
    connection.execute_batch("create table t (id integer primary key)").unwrap();
    drop(connection);
    let quiesce = world.step("quiesce", "quiesce", json!({ "quiet_seconds": 0.2, "timeout_seconds": 1 }));
    let wal_index = world.source().with_file_name("app.db-shm");
    for (path, place) in [(world.source(), 0x4000_0001), (wal_index, 120)] {
        let lock = lock_as_a_writer(&path, place);
        let checkpoint = world.prepare(&quiesce).await.unwrap();
        let error = world.apply(&quiesce, &checkpoint).await.unwrap_err();
        assert!(error.message.contains("a transaction that writes it is open"), "{}", error.message);
        drop(lock);
        world.apply(&quiesce, &checkpoint).await.unwrap();
    }
}

#[tokio::test]
async fn sql_is_one_transaction_and_done_once() {
    let mut world = World::new();
    let sql = world.step(
        "sql",
        "sql",
        json!({ "apply": "create table t (a int); insert into t values (1)", "undo": "drop table t" }),
    );
    let (checkpoint, outcome) = world.done(&sql).await;
    world.apply(&sql, &checkpoint).await.unwrap();
    assert_eq!(psql(&world.url, "select count(*) from t"), "1");
    world.undo(&sql, &checkpoint, Some(&outcome.left)).await.unwrap();
    world.undo(&sql, &checkpoint, Some(&outcome.left)).await.unwrap();
    assert_eq!(psql(&world.url, "select to_regclass('t') is null"), "t");
    world.apply(&sql, &checkpoint).await.unwrap();
    assert_eq!(psql(&world.url, "select count(*) from t"), "1");

    let broken = world.step("broken", "sql", json!({ "apply": "insert into t values (2); select 1/0" }));
    let error = world.apply(&broken, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("division by zero"), "{}", error.message);
    assert_eq!(psql(&world.url, "select count(*) from t"), "1");
}

#[tokio::test]
async fn health_waits_for_good_answers() {
    let mut world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2048]);
            let (status, body) = if count == 0 { ("503 Busy", "{}") } else { ("200 OK", r#"{"db":{"ok":true}}"#) };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    let url = format!("http://127.0.0.1:{port}/health");
    let health = world.step(
        "health",
        "health",
        json!({ "http": [{ "url": url, "json": { "/db/ok": true } }], "sql": [{ "query": "select 40 + 2", "expect": "42" }], "timeout_seconds": 20 }),
    );
    let (_, outcome) = world.done(&health).await;
    assert_eq!(outcome.evidence.findings.len(), 2);

    let ill = world.step(
        "ill",
        "health",
        json!({ "http": [{ "url": url, "json": { "/db/ok": false } }], "timeout_seconds": 1 }),
    );
    let checkpoint = world.prepare(&ill).await.unwrap();
    let error = world.apply(&ill, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("/db/ok is true, expected false"), "{}", error.message);
}

#[tokio::test]
async fn waiting_ends_with_the_condition_or_the_time() {
    let mut world = World::new();
    let flag = world.path("flag");
    let wait = world.step(
        "wait",
        "wait",
        json!({ "command": format!("test -e {}", flag.display()), "query": "select true", "timeout_seconds": 10 }),
    );
    let late = flag.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        std::fs::write(late, "").unwrap();
    });
    world.done(&wait).await;
    let never = world.step("never", "wait", json!({ "query": "select false", "timeout_seconds": 1 }));
    let checkpoint = world.prepare(&never).await.unwrap();
    let error = world.apply(&never, &checkpoint).await.unwrap_err();
    assert!(error.message.contains("it answers f"), "{}", error.message);
}

#[tokio::test]
async fn a_manual_step_is_done_at_its_gate() {
    let mut world = World::new();
    let manual = world.step("manual", "manual", json!({ "instructions": "turn the key", "undo": "turn it back" }));
    let checkpoint = world.prepare(&manual).await.unwrap();
    assert_eq!(world.apply(&manual, &checkpoint).await.unwrap_err().kind, FailureKind::Waiting);
    world.change(|runbook| runbook.steps[0].gate = cutover::runbook::Gate::Confirm);
    world.done(&manual).await;
}
