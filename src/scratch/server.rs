//! One private server: make its directory, start it, hand out URLs, end it.

use super::ScratchError;
use super::binaries::{Binaries, find};
use super::directory::{Temporary, is_alive};
use super::keeper::Keeper;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is asked of a server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keep the data in this directory and start again on what is there; a temporary one when none.
    pub keep: Option<PathBuf>,
    /// Which programs; [`find`] when none.
    pub binaries: Option<Binaries>,
    /// Whether commits reach the disk. Tests do without; the demo and benches do not.
    pub fsync: bool,
    /// More settings, as `name=value`.
    pub settings: Vec<String>,
}

/// A running server. Ends, and removes its directory unless it is kept, when dropped.
pub struct Server {
    keeper: Keeper,
    directory: PathBuf,
    /// What goes with it; none where it is kept.
    room: Option<Temporary>,
    port: u16,
    password: String,
    binaries: Binaries,
}

const STARTS_WITHIN: Duration = Duration::from_secs(30);
const PREFIX: &str = "cutover-postgres-";

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When there are no programs, no account to run it as, or it does not come up.
    pub fn start(options: &Options) -> Result<Self, ScratchError> {
        let binaries = options.binaries.clone().map_or_else(find, Ok)?;
        let account = account()?;
        let room = match &options.keep {
            None => Some(room()?),
            Some(_) => None,
        };
        let directory = options.keep.clone().or_else(|| Some(room.as_ref()?.path().to_owned())).unwrap_or_default();
        let password = prepare(&directory, &binaries, account)?;
        wait_for_former(&directory);
        let port = port_of(&directory)?;
        let keeper = Keeper::start(postgres(&binaries, &directory, port, options, account))?;
        let server = Self { keeper, directory, room, port, password, binaries };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The URL of a database, with its password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The URL without the password, for arguments.
    #[must_use]
    pub fn public_url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The password, for PGPASSWORD.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The programs that it runs, so that a test uses the `pg_dump` of the same version.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Where its data and log are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends it now. Dropping does the same; this is for owners that have to remove its directory afterwards.
    pub fn stop(&mut self) {
        let signal = if self.room.is_none() { Signal::SIGINT } else { Signal::SIGQUIT };
        self.keeper.stop(signal);
    }

    fn wait_until_ready(&self) -> Result<(), ScratchError> {
        let end = Instant::now() + STARTS_WITHIN;
        while Instant::now() < end && self.keeper.is_running() {
            if is_ready(&self.directory) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        Err(ScratchError::Program {
            program: "postgres",
            reason: last.into_iter().rev().collect::<Vec<_>>().join("; "),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn room() -> Result<Temporary, ScratchError> {
    Temporary::new(PREFIX).map_err(|source| ScratchError::File { path: std::env::temp_dir(), source })
}

/// The account that runs the server: none when we are not root.
#[derive(Clone, Copy, Debug)]
struct Account {
    uid: Uid,
    gid: Gid,
}

fn account() -> Result<Option<Account>, ScratchError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    user.map(|user| Some(Account { uid: user.uid, gid: user.gid })).ok_or(ScratchError::NoAccount)
}

/// Makes the data directory where there is none yet, and returns the superuser's password.
fn prepare(directory: &Path, binaries: &Binaries, account: Option<Account>) -> Result<String, ScratchError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| ScratchError::File { path, source }
    };
    let password_file = directory.join("password");
    if directory.join("data/PG_VERSION").exists() {
        return fs::read_to_string(&password_file).map_err(file(&password_file));
    }
    fs::create_dir_all(directory).map_err(file(directory))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(file(directory))?;
    let password = random_password().map_err(file(Path::new("/dev/urandom")))?;
    fs::write(&password_file, &password).map_err(file(&password_file))?;
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600)).map_err(file(&password_file))?;
    if let Some(account) = account {
        for path in [directory, &password_file] {
            chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw())).map_err(file(path))?;
        }
    }
    initdb(binaries, directory, account)?;
    Ok(password)
}

fn random_password() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn initdb(binaries: &Binaries, directory: &Path, account: Option<Account>) -> Result<(), ScratchError> {
    let output = unprivileged(account)
        .arg(binaries.program("initdb"))
        .arg("--pgdata")
        .arg(directory.join("data"))
        .arg("--pwfile")
        .arg(directory.join("password"))
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        .current_dir("/")
        .output()
        .map_err(|error| ScratchError::Program { program: "initdb", reason: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    Err(ScratchError::Program { program: "initdb", reason: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

fn postgres(binaries: &Binaries, directory: &Path, port: u16, options: &Options, account: Option<Account>) -> Command {
    let mut command = unprivileged(account);
    command.args(["--pdeathsig", "INT"]).arg(binaries.program("postgres")).arg("-D").arg(directory.join("data"));
    let fixed = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "client_connection_check_interval=1s".to_owned(),
        format!("fsync={}", if options.fsync { "on" } else { "off" }),
    ];
    for setting in fixed.iter().chain(&options.settings) {
        command.arg("-c").arg(setting);
    }
    let log = fs::OpenOptions::new().create(true).append(true).open(directory.join("log"));
    let (out, err) = log
        .and_then(|log| Ok((log.try_clone()?, log)))
        .map_or_else(|_| (Stdio::null(), Stdio::null()), |(out, err)| (Stdio::from(out), Stdio::from(err)));
    // A session of its own: Ctrl-C and Ctrl-Z in our terminal are not for the server.
    command.stdin(Stdio::null()).stdout(out).stderr(err).current_dir("/");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// `setpriv` drops to the account; without one it changes nothing and only carries `--pdeathsig`.
fn unprivileged(account: Option<Account>) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(account) = account {
        command.arg(format!("--reuid={}", account.uid)).arg(format!("--regid={}", account.gid)).arg("--clear-groups");
    }
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// The directory's own port where it has one that is free: what was written down about a kept server stays true.
fn port_of(directory: &Path) -> Result<u16, ScratchError> {
    let file = directory.join("port");
    let former =
        fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).filter(|port| bind(*port).is_ok());
    let failed = |reason: String| ScratchError::Program { program: "postgres", reason };
    let port = former.map_or_else(|| bind(0), Ok).map_err(|error| failed(format!("no free port: {error}")))?;
    fs::write(&file, port.to_string()).map_err(|source| ScratchError::File { path: file, source })?;
    Ok(port)
}

fn bind(port: u16) -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", port))?.local_addr()?.port())
}

/// The eighth line of `postmaster.pid` says `ready` (PostgreSQL, `src/include/utils/pidfile.h`).
fn is_ready(directory: &Path) -> bool {
    fs::read_to_string(directory.join("data/postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
}

/// A killed owner's server takes a moment to end; the directory is its own until then.
fn wait_for_former(directory: &Path) {
    let end = Instant::now() + STARTS_WITHIN;
    while Instant::now() < end && former(directory).is_some_and(is_alive) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The server that the directory's `postmaster.pid` names on its first line.
fn former(directory: &Path) -> Option<i32> {
    fs::read_to_string(directory.join("data/postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}
