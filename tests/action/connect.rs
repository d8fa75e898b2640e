//! Sessions: errors that say what is wrong, verified TLS, one operator at a time.

use crate::support::{database, psql, server};
use cutover::connect::postgres::{Address, ConnectError, LockError, RunLock, identity};
use cutover::scratch::{Options, Server};
use std::path::Path;
use std::process::Command;

fn address(url: &str) -> Address {
    Address::from_environment(url, &|_| None).unwrap()
}

async fn error(url: &str) -> ConnectError {
    address(url).connect("test").await.err().unwrap()
}

#[tokio::test]
async fn each_failure_has_its_own_words() {
    let url = database();
    let port = server().port();
    assert!(matches!(error("postgres://u:secret@127.0.0.1:1/d").await, ConnectError::Unreachable { .. }));
    let wrong = error(&format!("postgres://postgres:not-it@127.0.0.1:{port}/postgres")).await;
    assert!(matches!(wrong, ConnectError::Authentication { .. }), "{wrong}");
    assert!(wrong.to_string().contains("from the URL") && !wrong.to_string().contains("not-it"), "{wrong}");
    let none = error(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).await;
    assert!(matches!(none, ConnectError::Authentication { .. }), "{none}");
    let missing = error(&server().url("nowhere")).await;
    assert!(matches!(missing, ConnectError::NoDatabase { .. }), "{missing}");
    for mode in ["require", "verify-ca", "verify-full"] {
        let tls = error(&format!("{url}?sslmode={mode}")).await;
        assert!(matches!(tls, ConnectError::Tls { .. }), "{tls}");
        assert!(tls.to_string().contains("turn TLS on at the server"), "{tls}");
    }
    address(&format!("{url}?sslmode=prefer")).connect("test").await.unwrap();
}

#[tokio::test]
async fn sessions_have_no_time_outs_and_know_where_they_are() {
    let url = database();
    psql(&url, "alter role postgres set statement_timeout = '1s'");
    let client = address(&url).connect("cutover/x/1").await.unwrap();
    let row = client
        .query_one(
            "select current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('row_security'),
                current_setting('client_connection_check_interval'), current_setting('application_name')",
            &[],
        )
        .await
        .unwrap();
    let settings: Vec<String> = (0..5).map(|index| row.get(index)).collect();
    psql(&url, "alter role postgres reset statement_timeout");
    assert_eq!(settings, ["0", "5s", "off", "2s", "cutover/x/1"]);
    let mine = identity(&client).await.unwrap();
    assert!(mine.system.is_some());
    let other = identity(&address(&database()).connect("y").await.unwrap()).await.unwrap();
    assert!(mine.is_same(&mine.clone()) && !mine.is_same(&other));
}

#[tokio::test]
async fn one_operator_at_a_time_and_the_dead_ones_sessions_end() {
    let url = database();
    let address = address(&url);
    let lock = RunLock::take(&address, "run-a", &|_| {}).await.unwrap();
    assert!(lock.is_held());
    let refused = RunLock::take(&address, "run-b", &|_| {}).await.unwrap_err();
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    match &refused {
        LockError::Held { run, operator, .. } => {
            assert_eq!(run, "run-a");
            assert!(operator.ends_with(&format!(":{}", std::process::id())), "{operator}");
            assert!(operator.starts_with(&host[..host.len().min(20)]), "{operator}");
        }
        other => panic!("{other}"),
    }
    drop(lock);
    let old = address.connect("cutover/run-a/3").await.unwrap();
    let stranger = address.connect("cutover/run-b/1").await.unwrap();
    let waited = std::sync::Mutex::new(Vec::new());
    let lock = RunLock::take(&address, "run-a", &|what| waited.lock().unwrap().push(what.to_owned())).await.unwrap();
    assert!(old.simple_query("select 1").await.is_err(), "the old session was ended");
    stranger.simple_query("select 1").await.unwrap();
    assert!(waited.lock().unwrap().iter().any(|what| what.contains("former process")));
    drop(lock);
}

fn openssl(directory: &Path, arguments: &str) -> bool {
    let status = Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory).output();
    status.is_ok_and(|output| output.status.success())
}

/// An authority, and a certificate for `localhost` that it signed.
fn certificates(directory: &Path) -> bool {
    std::fs::write(directory.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(directory, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca")
        && openssl(directory, "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost")
        && openssl(
            directory,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
        )
        && openssl(
            directory,
            "req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 -subj /CN=other-ca",
        )
}

#[tokio::test]
async fn the_server_is_verified_as_asked() {
    let directory = tempfile::tempdir().unwrap();
    if !certificates(directory.path()) {
        println!("SKIPPED: openssl is not here to make certificates");
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let key = directory.path().join("server.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    if nix::unistd::geteuid().is_root() {
        let account =
            nix::unistd::User::from_name("postgres").unwrap().or(nix::unistd::User::from_name("nobody").unwrap());
        let account = account.unwrap();
        std::os::unix::fs::chown(&key, Some(account.uid.as_raw()), None).unwrap();
    }
    let at = |name: &str| directory.path().join(name).display().to_string();
    let settings = vec![
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", at("server.pem")),
        format!("ssl_key_file={}", at("server.key")),
    ];
    let server = Server::start(&Options { settings, ..Options::default() }).unwrap();
    let url = |host: &str, query: &str| {
        let plain = server.url("postgres").replace("127.0.0.1", host);
        format!("{plain}?{query}")
    };
    let ca = at("ca.pem");
    let connected = async |host: &str, query: &str| address(&url(host, query)).connect("test").await.map(|_| ());
    connected("127.0.0.1", "sslmode=require").await.unwrap();
    connected("127.0.0.1", "").await.unwrap();
    connected("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")).await.unwrap();
    connected("localhost", &format!("sslmode=verify-full&sslrootcert={ca}")).await.unwrap();
    connected("localhost", &format!("sslmode=verify-full&sslrootcert={}", at("server.pem"))).await.unwrap();
    let name = connected("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ca}")).await.unwrap_err();
    assert!(name.to_string().contains("connect by a name that the certificate holds"), "{name}");
    let authority = connected("localhost", &format!("sslmode=verify-ca&sslrootcert={}", at("other.pem"))).await;
    assert!(matches!(authority, Err(ConnectError::Tls { .. })), "{authority:?}");
    let store = connected("localhost", "sslmode=verify-full").await;
    assert!(matches!(store, Err(ConnectError::Tls { .. })), "{store:?}");
    let missing = connected("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem").await.unwrap_err();
    assert!(missing.to_string().contains("/nowhere.pem"), "{missing}");
}
