//! A program in a pseudo-terminal, driven by keys, and what a terminal would show of it.
#![allow(dead_code, reason = "each user needs its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything may take on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Terminal {
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

impl Terminal {
    /// Starts a program in a terminal of this size; its runs go into a directory of their own, unless `env` says otherwise.
    pub fn spawn(columns: u16, lines: u16, mut command: CommandBuilder, env: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().unwrap();
        command.env("CUTOVER_STATE_DIR", state.path());
        for (name, value) in [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")].iter().chain(env) {
            command.env(name, value);
        }
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

    pub fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
        if keys.starts_with('\u{1b}') {
            // A terminal's escape is a key of its own only when nothing follows at once.
            std::thread::sleep(Duration::from_millis(60));
        }
    }

    /// Presses and releases the left button on the first cell of `text`, in the encoding that terminals send (SGR, 1006).
    pub fn click_on(&mut self, text: &str) {
        self.wait_for(text);
        let place = self.screen().rows(0, u16::MAX).enumerate().find_map(|(line, row)| {
            let before = &row[..row.find(text)?];
            Some((unicode_width::UnicodeWidthStr::width(before) + 2, line + 1))
        });
        let (column, line) = place.unwrap();
        self.keys(&format!("\u{1b}[<0;{column};{line}M\u{1b}[<0;{column};{line}m"));
    }

    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.pump(Duration::from_millis(30));
        // vt100 counts below zero when a line is wrapped in a single line or column.
        self.parser.screen_mut().set_size(lines.max(2), columns.max(2));
        self.master.resize(size(columns, lines)).unwrap();
    }

    /// Reads what comes within `time`.
    pub fn settle(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && self.pump(Duration::from_millis(10)) {}
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

    /// The cells as they stand.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub fn shown(&self) -> String {
        self.screen().contents()
    }

    pub fn everything(&self) -> String {
        String::from_utf8_lossy(&self.everything).into_owned()
    }

    /// How many bytes have come.
    pub fn received(&self) -> usize {
        self.everything.len()
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("`{text}`"), |shown| shown.contains(text));
    }

    /// The same for what others have to do first, within so many seconds.
    pub fn wait_within(&mut self, seconds: u64, text: &str) {
        let begun = Instant::now();
        while !self.shown().contains(text) && begun.elapsed() < Duration::from_secs(seconds) {
            assert!(self.pump(Duration::from_millis(20)), "ended before `{text}`:\n{}", self.shown());
        }
        assert!(self.shown().contains(text), "waited {seconds} s for `{text}`:\n{}", self.shown());
    }

    /// Waits until the terminal shows `text` no more.
    pub fn wait_for_not(&mut self, text: &str) {
        self.wait_until(&format!("no `{text}`"), |shown| !shown.contains(text));
    }

    /// Waits until what the terminal shows is as wanted; `what` says how, when it never is.
    pub fn wait_until(&mut self, what: &str, reached: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !reached(&self.shown()) {
            let open = self.pump(Duration::from_millis(20));
            assert!(open || reached(&self.shown()), "ended before {what}:\n{}", self.shown());
            assert!(begun.elapsed() < PATIENCE, "waited for {what}:\n{}", self.shown());
        }
    }

    /// Waits until the terminal was sent `sequence` so many times.
    pub fn wait_for_times(&mut self, sequence: &str, times: usize) {
        let begun = Instant::now();
        while self.everything().matches(sequence).count() < times {
            assert!(self.pump(Duration::from_millis(20)), "ended before {sequence:?} came {times} times");
            assert!(begun.elapsed() < PATIENCE, "waited for {sequence:?} to come {times} times:\n{}", self.shown());
        }
    }

    /// Waits for the child's end.
    pub fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.settle(Duration::from_secs(1));
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

    /// The directory of the child's runs.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// The child's time of the processor so far, in hundredths of a second.
    pub fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.process_id().unwrap())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        assert!(self.state.path().exists());
    }
}
