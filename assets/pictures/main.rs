//! Draws the pictures of the documentation: plays a real demo in a pseudo-terminal and writes what it shows as SVG.
//!
//! `cargo run --example pictures -- [PROGRAM]`; PROGRAM is the `cutover` to play, `target/debug/cutover` when there is none.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a picture that cannot be drawn ends by panicking")]

mod difference;
mod svg;
#[path = "../../tests/support/terminal.rs"]
mod terminal;
mod walk;

use portable_pty::CommandBuilder;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use terminal::Terminal;

const COLUMNS: u16 = 120;
const LINES: u16 = 40;
/// Enough for the copy to be seen at work.
const ROWS: &str = "400000";
/// Where nothing has to be seen at work.
const FEW_ROWS: &str = "3000";
/// Where the demo lies: its name is in the pictures.
const DIRECTORY: &str = "/tmp/oncall-demo";
/// The host that the pictures name, where a host of that name can be played.
const HOST: &str = "oncall-host";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::env::args_os().nth(1).map_or_else(|| root.join("target/debug/cutover"), PathBuf::from);
    let program = program.canonicalize().expect("the program to play; `cargo build` makes it");
    let draw = |terminal: &Terminal, name: &str, title: &str| {
        let picture = svg::draw(terminal.screen(), title);
        let path = root.join("assets/pictures").join(format!("{name}.svg"));
        std::fs::write(&path, picture).expect("a place for the picture");
        println!("{}", path.strip_prefix(root).unwrap_or(&path).display());
    };
    in_a_demo(|| walk::play(&mut start(&program, ROWS), &draw));
    in_a_demo(|| difference::play(&mut start(&program, FEW_ROWS), &draw));
}

/// Plays in a directory that is there for as long.
fn in_a_demo(play: impl FnOnce()) {
    let _laid = Laid::out();
    play();
}

/// The demo's directory, removed when everything is drawn.
struct Laid;

impl Laid {
    fn out() -> Self {
        std::fs::create_dir(DIRECTORY).expect("a demo directory that is not there yet");
        Self
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(DIRECTORY);
    }
}

fn start(program: &Path, rows: &str) -> Terminal {
    let mut command = if can_play_a_host() {
        let mut command = CommandBuilder::new("unshare");
        command.args(["--uts", "sh", "-c", &format!("hostname {HOST} && exec \"$0\" \"$@\"")]);
        command.arg(program);
        command
    } else {
        CommandBuilder::new(program)
    };
    command.args(["demo", "--rows", rows, "--keep", DIRECTORY]);
    let state = format!("{DIRECTORY}/state");
    Terminal::spawn(COLUMNS, LINES, command, &[("CUTOVER_STATE_DIR", &state), ("COLORTERM", "truecolor")])
}

fn can_play_a_host() -> bool {
    let mut try_it = Command::new("unshare");
    try_it.args(["--uts", "hostname", HOST]).stdout(Stdio::null()).stderr(Stdio::null());
    try_it.status().is_ok_and(|status| status.success())
}
