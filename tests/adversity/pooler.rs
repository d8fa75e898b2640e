//! PgBouncer between the program and the server. `assets/pgbouncer/ensure.sh` brings it; where it is not there, the tests say so.

use crate::desk::{Place, refusal};
use crate::support::{database, psql, server, skipped};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SOURCE: &str = "create table t (id integer primary key, s text); insert into t values (1, 'a'), (2, 'b')";
const TARGET: &str = "create table t (id serial primary key, s text); insert into t (s) values ('former')";

/// A pooler before the binary's server; ends when dropped.
struct Pooler {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

fn program() -> Option<PathBuf> {
    let cache = match nix::unistd::Uid::effective().is_root() {
        true => PathBuf::from("/var/cache"),
        false => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut places: Vec<PathBuf> = std::env::var_os("CUTOVER_PGBOUNCER").into_iter().map(PathBuf::from).collect();
    places.extend(on_path.map(|directory| directory.join("pgbouncer")));
    places.extend([PathBuf::from("/usr/sbin/pgbouncer"), cache.join("cutover/pgbouncer/usr/sbin/pgbouncer")]);
    let found = places.into_iter().find(|path| path.is_file());
    if found.is_none() {
        skipped("PgBouncer is not there (assets/pgbouncer/ensure.sh fetches it): nothing is tested behind a pooler");
    }
    found
}

impl Pooler {
    /// A pooler of this mode that opens so many sessions with the server.
    fn start(mode: &str, sessions: u32) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let users = folder.path().join("users");
        std::fs::write(&users, format!("\"postgres\" \"{}\"\n", server().password())).unwrap();
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = {sessions}\nlogfile = {}\n",
            server().port(),
            users.display(),
            folder.path().join("log").display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(&program);
        if let Some(libraries) = libraries(&program) {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if nix::unistd::Uid::effective().is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Self { child, port, _folder: folder };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(pooler)
    }

    fn url(&self, url: &str) -> String {
        url.replace(&format!(":{}/", server().port()), &format!(":{}/", self.port))
    }
}

/// Unpacked into the cache it has its libraries beside it.
fn libraries(program: &Path) -> Option<PathBuf> {
    let lib = program.parent()?.parent()?.join("lib");
    std::fs::read_dir(lib).ok()?.flatten().map(|entry| entry.path()).find(|path| {
        std::fs::read_dir(path).is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcares")))
        })
    })
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_pooler_in_transaction_mode_is_refused_by_every_command_and_left_as_it_was() {
    for sessions in [10, 1] {
        let Some(pooler) = Pooler::start("transaction", sessions) else { return };
        let direct = database();
        psql(&direct, TARGET);
        let place = Place::at(SOURCE, &pooler.url(&direct));
        for (command, more) in [("copy", &[][..]), ("copy", &["--plan"]), ("verify", &[])] {
            let (ran, took) = place.run(command, more);
            let reason = refusal(&ran);
            assert!(reason.contains("transaction mode") && reason.contains("session mode"), "{command}: {reason}");
            assert!(took < Duration::from_secs(60), "{command} with {sessions} sessions: {took:?}");
        }
        assert_eq!(psql(&direct, "select s from t"), "former");
        let settings = psql(&place.url, "select current_setting('row_security'), current_setting('lock_timeout')");
        assert_eq!(settings, "on|0", "what the refused sessions had set is not left to the pooler's other clients");
    }
}

#[test]
fn a_pooler_in_session_mode_is_as_good_as_the_server() {
    let Some(pooler) = Pooler::start("session", 20) else { return };
    let direct = database();
    psql(&direct, TARGET);
    let place = Place::at(SOURCE, &pooler.url(&direct));
    let (ran, _) = place.run("copy", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let (proof, _) = place.run("verify", &[]);
    assert_eq!(proof.code, 0, "{}", proof.all());
    assert_eq!(psql(&direct, "select string_agg(s, ',' order by id) from t"), "a,b");
}
