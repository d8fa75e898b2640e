//! The terminal handed to a program in a pod: keys go there as they come, what it writes comes here, and its size follows.

use crate::engine::snapshot::PodTerminal;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Result, Write as _, stdout};
use std::os::fd::AsFd as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Carries keys and output until the program ends. The terminal is in raw mode already.
pub(super) async fn hand_over(mut terminal: PodTerminal) -> Result<()> {
    say(format!("\r\n{} · \\q comes back to cutover\r\n", terminal.label).as_bytes())?;
    let mut keys = Keys::listen()?;
    let mut resized = signal(SignalKind::window_change())?;
    let mut said = vec![0; 1 << 14];
    loop {
        tokio::select! {
            typed = keys.typed.recv() => match typed {
                None => return Ok(()),
                Some(typed) => terminal.stream.write_all(&typed).await?,
            },
            count = terminal.stream.read(&mut said) => match count? {
                0 => return Ok(()),
                count => say(&said[..count])?,
            },
            _ = resized.recv() => {
                if let Ok(size) = crossterm::terminal::size() {
                    // A program that has ended wants no size any more; its end is read next.
                    let _ = terminal.sizes.send(size).await;
                }
            }
        }
    }
}

fn say(bytes: &[u8]) -> Result<()> {
    let mut output = stdout();
    output.write_all(bytes)?;
    output.flush()
}

/// Keys as bytes. Read by a thread that stops when this is dropped, so that no key is taken that belongs to the screen again.
struct Keys {
    typed: mpsc::Receiver<Vec<u8>>,
    _stop: PipeWriter,
}

impl Keys {
    fn listen() -> Result<Self> {
        let tty = File::open("/dev/tty")?;
        let (stopped, stop) = std::io::pipe()?;
        let (sender, typed) = mpsc::channel(16);
        std::thread::spawn(move || forward(tty, &stopped, &sender));
        Ok(Self { typed, _stop: stop })
    }
}

fn forward(mut tty: File, stopped: &PipeReader, sender: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 1 << 10];
    loop {
        let mut both = [PollFd::new(tty.as_fd(), PollFlags::POLLIN), PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        }
        let [keys, stop] = both.map(|one| one.any() == Some(true));
        if stop {
            return;
        }
        if keys {
            match tty.read(&mut buffer) {
                Ok(count) if count > 0 && sender.blocking_send(buffer[..count].to_vec()).is_ok() => {}
                _ => return,
            }
        }
    }
}
