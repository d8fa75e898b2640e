//! One run on several terminals, with the real program on a real PostgreSQL: watched, taken over, detached from its terminal, replayed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

#[path = "support/terminal.rs"]
mod terminal;

use portable_pty::CommandBuilder;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::{database, psql};
use tempfile::TempDir;
use terminal::Terminal;

const SOURCE: &str = "create table tag (id integer primary key, name text); insert into tag values (1, 'a'), (2, 'b');";
const TARGET: &str = "create table tag (id bigint primary key, name text); insert into tag values (5, 'before')";
const RUNBOOK: &str = "
name: small
parameters:
  sqlite: { description: the source, required: true }
source: { sqlite: '{{ sqlite }}' }
steps:
  - action: snapshot
  - action: truncate
    gate: confirm
  - action: copy
  - action: verify
";

/// A runbook with its source and target, and the state directory that all terminals share.
struct Desk {
    directory: TempDir,
    url: String,
}

impl Desk {
    fn new() -> Self {
        let url = database();
        psql(&url, TARGET);
        let directory = TempDir::new().unwrap();
        rusqlite::Connection::open(directory.path().join("app.db")).unwrap().execute_batch(SOURCE).unwrap();
        std::fs::write(directory.path().join("small.yaml"), RUNBOOK).unwrap();
        Self { directory, url }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn run_words(&self) -> Vec<String> {
        let set = format!("sqlite={}", self.path("app.db"));
        ["run", &self.path("small.yaml"), "--set", &set].map(str::to_owned).to_vec()
    }

    /// The program on a terminal of its own.
    fn terminal(&self, words: &[String]) -> Terminal {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(words);
        self.spawn(command)
    }

    fn spawn(&self, command: CommandBuilder) -> Terminal {
        let (state, config) = (self.path("state"), self.path("config.yaml"));
        let mut env = vec![("CUTOVER_STATE_DIR", state.as_str()), ("DATABASE_URL", self.url.as_str())];
        if PathBuf::from(&config).exists() {
            env.push(("CUTOVER_CONFIG", config.as_str()));
        }
        Terminal::spawn(110, 32, command, &env)
    }

    /// The program inside `script`: killing that one takes the program's terminal away, as a lost SSH session does.
    fn fragile_terminal(&self, words: &[String]) -> Terminal {
        let mut command = CommandBuilder::new("script");
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let program = format!("{} {}", env!("CARGO_BIN_EXE_cutover"), quoted.join(" "));
        command.args(["-qec", program.as_str(), "/dev/null"]);
        self.spawn(command)
    }

    fn attach(&self, more: &[&str]) -> Terminal {
        self.terminal(&[&["attach"], more].concat().iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn names(&self) -> String {
        psql(&self.url, "select string_agg(name, ' ' order by id) from tag")
    }

    /// The directory of the only run.
    fn run_directory(&self) -> PathBuf {
        std::fs::read_dir(self.directory.path().join("state/runs")).unwrap().next().unwrap().unwrap().path()
    }

    /// The process that drives the only run.
    fn driving(&self) -> u32 {
        let run = self.run_directory();
        let holder: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(run.join("holder")).unwrap()).unwrap();
        u32::try_from(holder["pid"].as_u64().unwrap()).unwrap()
    }
}

fn lives(process: u32) -> bool {
    PathBuf::from(format!("/proc/{process}/exe")).exists()
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Begins the run, up to the gate before `truncate`.
fn to_the_gate(terminal: &mut Terminal) {
    terminal.wait_for("enter start");
    terminal.keys("\r");
    terminal.wait_for("Start this run?");
    terminal.keys("\t\r");
    terminal.wait_for("▲ truncate");
    terminal.wait_for("▲ enter: decide");
}

fn pass_the_gate(terminal: &mut Terminal) {
    terminal.wait_for("▲ enter: decide");
    terminal.keys("\r");
    terminal.wait_for("truncate: go on?");
    terminal.keys("\t\t\r");
}

fn leave(terminal: &mut Terminal) {
    terminal.keys("q");
    assert!(terminal.ended().success());
    terminal.is_restored();
}

#[test]
fn a_second_terminal_watches_and_takes_the_run_over_when_the_first_is_gone() {
    let desk = Desk::new();
    let mut first = desk.terminal(&desk.run_words());
    to_the_gate(&mut first);

    let mut second = desk.attach(&[]);
    second.wait_for("watching");
    second.wait_for("▲ waits for its operator");
    for key in ["b", "r", "s", " "] {
        second.keys(key);
        second.wait_for("this terminal watches");
        second.keys("\u{1b}");
    }
    second.keys("\r");
    second.wait_for("╭ truncate");
    second.keys("\u{1b}");
    second.keys("t");
    second.wait_for("when that is gone, it can be taken over");
    assert_eq!(desk.names(), "before");

    first.signal("KILL");
    first.ended();
    second.wait_for("nobody drives it");
    second.keys("t");
    second.wait_for("Take this run up here?");
    second.keys("\t\r");
    pass_the_gate(&mut second);
    second.wait_for("The service is on PostgreSQL, and the data is proved.");
    assert_eq!(desk.names(), "a b");
    leave(&mut second);
}

#[test]
fn a_detached_run_outlives_its_terminal_and_answers_to_one_at_a_time() {
    let desk = Desk::new();
    let mut words = desk.run_words();
    words.push("--detach".to_owned());
    let mut first = desk.fragile_terminal(&words);
    to_the_gate(&mut first);
    let process = desk.driving();
    first.signal("KILL");
    first.ended();

    let mut second = desk.attach(&[]);
    second.wait_for("▲ enter: decide");
    let mut third = desk.attach(&["--watch"]);
    third.wait_for("watching");
    assert!(lives(process), "the run went with its terminal");
    second.keys("q");
    second.wait_for("the run goes on by itself");
    second.keys("\t\r");
    assert!(second.ended().success());
    second.is_restored();

    third.wait_for("t take over");
    third.keys("t");
    third.wait_for_not("watching");
    pass_the_gate(&mut third);
    third.wait_for("The service is on PostgreSQL, and the data is proved.");
    assert_eq!(desk.names(), "a b");
    leave(&mut third);
    wait_until("the end of the run's process", || !lives(process));
}

/// A message as it goes over the socket: its length, then JSON.
fn message(body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string().into_bytes();
    [u32::try_from(body.len()).unwrap().to_be_bytes().to_vec(), body].concat()
}

#[test]
fn the_socket_is_the_owners_alone_and_obeys_the_helm_alone() {
    let desk = Desk::new();
    let mut first = desk.terminal(&desk.run_words());
    to_the_gate(&mut first);
    let socket = desk.run_directory().join("attach");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(desk.run_directory()).unwrap().permissions().mode() & 0o777, 0o700);

    let mut stranger = UnixStream::connect(&socket).unwrap();
    let approve = json!({"command": {"approve": {"step": "truncate", "typed": null, "remark": null}}});
    for body in
        [json!({"hello": {"who": "a stranger", "helm": true}}), json!("helm"), approve, json!({"command": "quit"})]
    {
        stranger.write_all(&message(&body)).unwrap();
    }
    // What was sent has been read when the first snapshot after it has come.
    let mut first_words = [0; 64];
    stranger.read_exact(&mut first_words).unwrap();
    stranger.write_all(&message(&json!({"nonsense": 1}))).unwrap();
    let mut rest = Vec::new();
    stranger.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stranger.read_to_end(&mut rest).unwrap();
    first.keys("\u{1b}");
    first.wait_for("▲ enter: decide");
    assert_eq!(desk.names(), "before");
    pass_the_gate(&mut first);
    first.wait_for("The service is on PostgreSQL, and the data is proved.");
    leave(&mut first);
    assert!(!socket.exists(), "the socket is left behind");
}

#[test]
fn without_detach_a_lost_terminal_stops_the_run_with_130() {
    let desk = Desk::new();
    let mut terminal = desk.terminal(&desk.run_words());
    to_the_gate(&mut terminal);
    terminal.signal("HUP");
    assert_eq!(terminal.ended().exit_code(), 130);
    terminal.is_restored();
    let mut status = desk.terminal(&["status".to_owned()]);
    status.wait_for("the gate of truncate");
    assert!(status.ended().success());
}

#[test]
fn detached_without_a_screen_it_waits_for_a_terminal_that_answers() {
    let desk = Desk::new();
    let mut words = desk.run_words();
    words.extend(["--detach", "--headless"].map(str::to_owned));
    let mut command = desk.terminal(&words);
    command.wait_for("goes on by itself");
    assert!(command.ended().success());
    let mut screen = desk.attach(&["--watch"]);
    screen.wait_for("watching");
    screen.wait_for("▲ waits for its operator");
    screen.keys("t");
    pass_the_gate(&mut screen);
    screen.wait_for("The service is on PostgreSQL, and the data is proved.");
    leave(&mut screen);
}

#[test]
fn a_mistake_in_a_detached_run_is_told_where_it_was_made() {
    let desk = Desk::new();
    let words = ["run", &desk.path("small.yaml"), "--detach"].map(str::to_owned);
    let mut terminal = desk.terminal(&words);
    terminal.wait_for("sqlite");
    assert_eq!(terminal.ended().exit_code(), 2);
}

#[test]
fn a_run_that_has_ended_is_replayed_as_it_was() {
    let desk = Desk::new();
    let mut words = desk.run_words();
    words.extend(["--yes", "--headless"].map(str::to_owned));
    assert!(desk.terminal(&words).ended().success());

    let mut terminal = desk.attach(&[]);
    terminal.wait_for("The service is on PostgreSQL, and the data is proved.");
    terminal.keys("R");
    terminal.wait_for("↺ REPLAY");
    terminal.wait_for("✓ done");
    terminal.keys("g{{{{{{{{{{{{{{{{{{{{");
    terminal.wait_for("○ ready");
    terminal.wait_for("1 of ");
    terminal.keys("}");
    terminal.wait_for("► snapshot");
    terminal.keys(" ");
    terminal.wait_for("space stop");
    terminal.wait_for("✓ done");
    terminal.keys("\u{1b}");
    terminal.wait_for_not("REPLAY");
    leave(&mut terminal);
}

#[test]
fn the_configuration_file_chooses_keys_and_what_is_production() {
    let desk = Desk::new();
    std::fs::write(desk.path("config.yaml"), "production: ['*@127.0.0.1:*']\nkeys:\n  quit: Q\nmouse: true\n").unwrap();
    let mut terminal = desk.terminal(&desk.run_words());
    terminal.wait_for("▲ PRODUCTION");
    terminal.wait_for("Q quit");
    terminal.click_on("2 Plan");
    terminal.wait_for("There is no plan yet.");
    terminal.keys("Q");
    terminal.ended();
    terminal.is_restored();

    std::fs::write(desk.path("config.yaml"), "theme: dark\nkeys:\n  qiut: Q\n").unwrap();
    let mut terminal = desk.terminal(&desk.run_words());
    terminal.wait_for("config.yaml:3:3: no key does `qiut`; did you mean `quit`?");
    assert_eq!(terminal.ended().exit_code(), 2);
}

#[test]
fn a_mouse_chooses_and_a_second_click_takes() {
    let desk = Desk::new();
    let mut words = desk.run_words();
    words.push("--mouse".to_owned());
    let mut terminal = desk.terminal(&words);
    terminal.wait_for("○ ready");
    terminal.click_on("enter start");
    terminal.wait_for("Start this run?");
    terminal.click_on("[ Start ]");
    terminal.wait_for("▸[ Start ]");
    terminal.click_on("[ Start ]");
    terminal.wait_for("▲ truncate");
    terminal.click_on("✓ snapshot");
    terminal.wait_for("╭ snapshot");
    terminal.click_on("4 Log");
    terminal.wait_for("╭ log");
    terminal.click_on("1 Run");
    terminal.wait_for("╭ steps");
    terminal.keys("q");
    terminal.wait_for("Leave this run?");
    terminal.click_on("[ Leave ]");
    terminal.click_on("[ Leave ]");
    terminal.ended();
    terminal.is_restored();
    assert_eq!(desk.names(), "before");
}
