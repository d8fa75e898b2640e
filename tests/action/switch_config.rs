//! The configuration file: edited, and back to the byte.

use crate::world::{World, names};
use cutover::action::FailureKind;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

const INI: &str =
    "; Grafana\r\n[database]\r\ntype = sqlite3\r\npassword = \"\"\"old;one\"\"\"\r\n\r\n[server]\r\nprotocol=http";

fn edits() -> serde_json::Value {
    json!({
        "set": { "database": { "type": "postgres", "host": "pg:5432" } },
        "secret": { "database": { "password": "new;secret" } },
        "unset": { "server": ["protocol"] },
    })
}

fn with_file(file: &std::path::Path) -> serde_json::Value {
    let mut with = edits();
    with["file"] = json!(file);
    with
}

#[tokio::test]
async fn edited_behind_its_link_and_back_to_the_byte() {
    let mut world = World::new();
    fs::create_dir(world.path("etc")).unwrap();
    let real = world.write("etc/grafana-real.ini", INI);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let owned = nix::unistd::geteuid().is_root() && std::os::unix::fs::chown(&real, Some(1234), Some(4321)).is_ok();
    let link = world.path("grafana.ini");
    symlink("etc/grafana-real.ini", &link).unwrap();
    let switch = world.step("switch", "switch-config", with_file(&link));

    let (checkpoint, outcome) = world.done(&switch).await;
    let after = fs::read_to_string(&real).unwrap();
    assert_eq!(
        after,
        "; Grafana\r\n[database]\r\ntype = postgres\r\npassword = \"\"\"new;secret\"\"\"\r\nhost = pg:5432\r\n\r\n[server]\r\n;protocol=http"
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
    if owned {
        assert_eq!((fs::metadata(&real).unwrap().uid(), fs::metadata(&real).unwrap().gid()), (1234, 4321));
    }
    assert_eq!(names(&world.path("etc")), ["grafana-real.ini"]);
    let journaled =
        format!("{}{}", serde_json::to_string(&checkpoint).unwrap(), serde_json::to_string(&outcome).unwrap());
    assert!(!journaled.contains("secret") && !journaled.contains("old;one"), "{journaled}");
    let kept = world.context.run_dir.join("config-switch.original");
    assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);

    assert_eq!(world.apply(&switch, &checkpoint).await.unwrap(), outcome, "done twice is done once");
    assert_eq!(fs::read_to_string(&real).unwrap(), after);

    world.undo(&switch, &checkpoint, Some(&outcome.left)).await.unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), INI);
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    world.undo(&switch, &checkpoint, Some(&outcome.left)).await.unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), INI);
}

#[tokio::test]
async fn a_crash_before_the_end_was_recorded_can_be_undone() {
    let mut world = World::new();
    let file = world.write("app.ini", INI);
    let switch = world.step("switch", "switch-config", with_file(&file));
    let (checkpoint, _) = world.done(&switch).await;
    world.undo(&switch, &checkpoint, None).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), INI);
}

#[tokio::test]
async fn somebody_elses_change_is_shown_and_kept() {
    let mut world = World::new();
    let file = world.write("app.ini", INI);
    let switch = world.step("switch", "switch-config", with_file(&file));
    let (checkpoint, outcome) = world.done(&switch).await;
    let edited = fs::read_to_string(&file).unwrap().replace("pg:5432", "elsewhere") + "\r\npassword = their-own";
    fs::write(&file, &edited).unwrap();

    let refused = world.undo(&switch, &checkpoint, Some(&outcome.left)).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused);
    assert!(refused.message.contains("- host = pg:5432"), "{}", refused.message);
    assert!(refused.message.contains("+ host = elsewhere"), "{}", refused.message);
    assert_eq!(refused.message.matches("sha256").count(), 1);
    assert!(!refused.message.contains("new;secret") && !refused.message.contains("their-own"), "{}", refused.message);
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);

    let again = world.apply(&switch, &checkpoint).await.unwrap_err();
    assert_eq!(again.kind, FailureKind::Refused, "nor is it overwritten by doing it again");
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
}

#[tokio::test]
async fn a_source_that_was_written_since_the_snapshot_stops_the_switch() {
    let mut world = World::new();
    let connection = rusqlite::Connection::open(world.source()).unwrap();
    connection.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
    connection.execute_batch("create table t (id integer primary key); insert into t values (1)").unwrap();
    let file = world.write(".env", "DB=old\n");
    let snapshot = world.step("snapshot", "snapshot", json!({}));
    let switch = world.step("switch", "switch-config", json!({ "file": file, "set": { "": { "DB": "new" } } }));
    world.done(&snapshot).await;
    let checkpoint = world.prepare(&switch).await.unwrap();

    connection.execute_batch("insert into t values (2)").unwrap();
    let refused = world.apply(&switch, &checkpoint).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused);
    assert!(refused.message.contains("written since the snapshot"), "{}", refused.message);
    assert_eq!(fs::read_to_string(&file).unwrap(), "DB=old\n");

    connection.execute_batch("delete from t where id = 2").unwrap();
    drop(connection);
    world.done(&snapshot).await;
    let reader = rusqlite::Connection::open(world.source()).unwrap();
    reader.query_row("select count(*) from t", [], |_| Ok(())).unwrap();
    drop(reader);
    world.apply(&switch, &checkpoint).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "DB=new\n");
}

#[tokio::test]
async fn what_cannot_be_edited_is_known_in_preflight() {
    let mut world = World::new();
    let missing = world.path("missing.ini");
    let switch = world.step("switch", "switch-config", with_file(&missing));
    let findings = switch.action.check(&world.context(&switch)).await;
    assert_eq!(findings[0].verdict, cutover::evidence::Verdict::Failed);
    let refused = world.prepare(&switch).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused);
    let described = switch.action.describe(&world.context(&switch));
    assert!(!format!("{described:?}").contains("new;secret"));
}
