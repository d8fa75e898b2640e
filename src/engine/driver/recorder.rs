//! Keeps what steps say and how far they are beside the journal, for [`crate::engine::recording`]: on a thread of its own, so that
//! nobody waits for the disk. Where the file cannot be written, a replay shows less, and the run is none the worse.

use crate::engine::recording::{FILE, Lived};
use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The file is not made longer than this, in bytes; the journal goes on.
const LONGEST: u64 = 32 << 20;

/// How long lines may wait to be written together.
const FLUSH: Duration = Duration::from_millis(500);

/// The end that the driver holds.
#[derive(Debug)]
pub(super) struct Recorder {
    lines: Sender<Lived>,
}

impl Recorder {
    /// Goes on with the run's file; none where it cannot be opened.
    pub(super) fn open(directory: &Path) -> Option<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(directory.join(FILE)).ok()?;
        let room = LONGEST.saturating_sub(file.metadata().ok()?.len());
        let (lines, incoming) = channel();
        std::thread::Builder::new().name("recorder".to_owned()).spawn(move || write(file, room, &incoming)).ok()?;
        Some(Self { lines })
    }

    pub(super) fn keep(&self, lived: Lived) {
        // A thread that gave up writes no more.
        let _ = self.lines.send(lived);
    }
}

fn write(file: std::fs::File, mut room: u64, incoming: &Receiver<Lived>) {
    let mut file = BufWriter::new(file);
    while let Ok(lived) = incoming.recv() {
        let mut next = Some(lived);
        while let Some(lived) = next.take() {
            let Ok(mut line) = serde_json::to_vec(&lived) else { continue };
            line.push(b'\n');
            room = room.saturating_sub(line.len() as u64);
            if room == 0 || file.write_all(&line).is_err() {
                return;
            }
            next = incoming.recv_timeout(FLUSH).ok();
        }
        if file.flush().is_err() {
            return;
        }
    }
}
