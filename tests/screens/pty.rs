//! A pseudo-terminal with a child in it, and what a terminal would show.

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Set for the child, so that it is one.
pub const CHILD: &str = "CUTOVER_SCREEN_CHILD";

/// How long anything may take on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    everything: Vec<u8>,
    state: tempfile::TempDir,
}

fn size(columns: u16, lines: u16) -> PtySize {
    PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 }
}

impl Pty {
    /// The screen alone in a terminal.
    pub fn start(columns: u16, lines: u16, env: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
        Self::spawn(columns, lines, command, env)
    }

    /// The screen in a terminal whose other end is a process that can be killed; none where there is no `script`.
    pub fn inside_another() -> Option<Self> {
        Command::new("script").arg("--version").output().ok()?;
        let mut command = CommandBuilder::new("script");
        let screen = format!("{} child --exact --nocapture", std::env::current_exe().unwrap().display());
        command.args(["-qec", screen.as_str(), "/dev/null"]);
        Some(Self::spawn(100, 30, command, &[]))
    }

    /// An interactive shell in a terminal.
    pub fn shell(columns: u16, lines: u16) -> Self {
        let mut command = CommandBuilder::new("bash");
        command.args(["--norc", "--noprofile", "-i"]);
        command.env("PS1", "$ ");
        Self::spawn(columns, lines, command, &[])
    }

    fn spawn(columns: u16, lines: u16, mut command: CommandBuilder, env: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().unwrap();
        for (name, value) in [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), (CHILD, "1")].iter().chain(env) {
            command.env(name, value);
        }
        command.env("CUTOVER_STATE_DIR", state.path());
        command.cwd(state.path());
        let pair = native_pty_system().openpty(size(columns, lines)).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(lines, columns, 0);
        Self { master: pair.master, writer, child, output, parser, everything: Vec::new(), state }
    }

    /// Types the screen's command line into the shell.
    pub fn start_in_shell(&mut self) {
        let program = std::env::current_exe().unwrap();
        self.keys(&format!("clear; {} child --exact --nocapture --test-threads=1\r", program.display()));
    }

    pub fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
        if keys.starts_with('\u{1b}') {
            // A terminal's escape is a key of its own only when nothing follows at once.
            std::thread::sleep(Duration::from_millis(60));
        }
    }

    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.pump(Duration::from_millis(30));
        self.parser.screen_mut().set_size(lines, columns);
        self.master.resize(size(columns, lines)).unwrap();
    }

    fn pump(&mut self, wait: Duration) -> bool {
        match self.output.recv_timeout(wait) {
            Ok(bytes) => {
                self.parser.process(&bytes);
                self.everything.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    pub fn shown(&self) -> String {
        self.parser.screen().contents()
    }

    pub fn everything(&self) -> String {
        String::from_utf8_lossy(&self.everything).into_owned()
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("`{text}`"), |shown| shown.contains(text));
    }

    /// Waits until the terminal shows `text` no more.
    pub fn wait_for_not(&mut self, text: &str) {
        self.wait_until(&format!("no `{text}`"), |shown| !shown.contains(text));
    }

    fn wait_until(&mut self, what: &str, reached: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !reached(&self.shown()) {
            let open = self.pump(Duration::from_millis(20));
            assert!(open || reached(&self.shown()), "ended before {what}:\n{}", self.shown());
            assert!(begun.elapsed() < PATIENCE, "waited for {what}:\n{}", self.shown());
        }
    }

    /// Waits for the child's end.
    pub fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                while self.pump(Duration::from_millis(50)) && begun.elapsed() < PATIENCE {
                    if self.output.try_recv().map(|bytes| self.everything.extend(bytes)).is_err() {
                        break;
                    }
                }
                return status;
            }
            self.pump(Duration::from_millis(20));
            assert!(begun.elapsed() < PATIENCE, "the child does not end:\n{}", self.shown());
        }
    }

    /// Whether the shell would find its terminal as it was: no alternate screen, a cursor, no mouse.
    pub fn is_restored(&self) {
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }

    pub fn signal(&self, name: &str) {
        let process = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    }

    /// Waits until the process that shows the screen is gone, whoever its parent is by now.
    pub fn screen_is_gone(&self) {
        let process = std::fs::read_to_string(self.state.path().join("pid")).unwrap();
        let begun = Instant::now();
        while std::path::Path::new(&format!("/proc/{process}/exe")).exists() {
            assert!(begun.elapsed() < PATIENCE, "the screen goes on without a terminal");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The child's time of the processor so far, in hundredths of a second.
    pub fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.process_id().unwrap())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        assert!(self.state.path().exists());
    }
}
