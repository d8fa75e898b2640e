//! The screen of `world` in a terminal: this test binary, started once more.

use super::super::terminal::Terminal;
use portable_pty::CommandBuilder;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Set for the child, so that it is one.
pub const CHILD: &str = "CUTOVER_SCREEN_CHILD";

/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

fn spawn(columns: u16, lines: u16, mut command: CommandBuilder, env: &[(&str, &str)]) -> Terminal {
    command.env(CHILD, "1");
    Terminal::spawn(columns, lines, command, env)
}

/// The screen alone in a terminal.
pub fn start(columns: u16, lines: u16, env: &[(&str, &str)]) -> Terminal {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    spawn(columns, lines, command, env)
}

/// The screen in a terminal whose other end is a process that can be killed; none where there is no `script`.
pub fn inside_another() -> Option<Terminal> {
    Command::new("script").arg("--version").output().ok()?;
    let mut command = CommandBuilder::new("script");
    let screen = format!("{} child --exact --nocapture", std::env::current_exe().unwrap().display());
    command.args(["-qec", screen.as_str(), "/dev/null"]);
    Some(spawn(100, 30, command, &[]))
}

/// An interactive shell in a terminal.
pub fn shell(columns: u16, lines: u16) -> Terminal {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.env("PS1", "$ ");
    spawn(columns, lines, command, &[])
}

/// Types the screen's command line into the shell.
pub fn start_in_shell(shell: &mut Terminal) {
    let program = std::env::current_exe().unwrap();
    shell.keys(&format!("clear; {} child --exact --nocapture --test-threads=1\r", program.display()));
}

/// Waits until the process that shows the screen is gone, whoever its parent is by now.
pub fn screen_is_gone(terminal: &Terminal) {
    let process = std::fs::read_to_string(terminal.state().join("pid")).unwrap();
    let begun = Instant::now();
    while Path::new(&format!("/proc/{process}/exe")).exists() {
        assert!(begun.elapsed() < PATIENCE, "the screen goes on without a terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
}
