//! One file through a stream that may be cut at any byte: it goes on where it was until the length is right.

use super::script::{self, Tools};
use super::{FreezeError, Heard, Shell, ShellError, far};
use crate::connect::sqlite::files::hex;
use crate::connect::sqlite::freeze::create;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};

/// How long a stream may be silent before it counts as cut.
const SILENT: Duration = Duration::from_secs(30);
/// How long the other end may give no new byte at all, over all tries.
const PATIENCE: Duration = Duration::from_secs(90);
/// A try that brings nothing new is made again at first after this time.
const PAUSE: Duration = Duration::from_millis(250);
/// What stands after the last byte of a file. A stream that ends without it was cut, whatever its exit code.
const MARK: &str = "\u{1}cutover: that was all of it\u{1}";

/// One file to fetch.
pub(super) struct Wanted<'a> {
    pub shell: &'a dyn Shell,
    /// The file at the other end.
    pub path: &'a Path,
    /// How many bytes of it; unknown where nothing there can count.
    pub bytes: Option<u64>,
    pub tools: Tools,
}

/// What came.
pub(super) struct Fetched {
    pub bytes: u64,
    /// SHA-256 of what came, hex.
    pub sha256: String,
}

/// Where the bytes go.
struct Sink {
    file: Option<tokio::fs::File>,
    hash: Sha256,
    done: u64,
}

/// How one stream ended.
enum End {
    Whole,
    Cut(String),
}

impl Wanted<'_> {
    /// Fetches the file into `to`; with none only its hash, by a second reading.
    pub(super) async fn fetch(
        &self,
        to: Option<&Path>,
        heard: &mut (dyn FnMut(Heard<'_>) -> bool + Send),
    ) -> Result<Fetched, FreezeError> {
        let file = to.map(|to| create(to).map(tokio::fs::File::from_std)).transpose()?;
        let mut sink = Sink { file, hash: Sha256::new(), done: 0 };
        let (mut begun, mut tries) = (Instant::now(), 0_u32);
        loop {
            let before = sink.done;
            let why = match self.stream_into(&mut sink, heard).await? {
                End::Whole => return self.finish(sink).await,
                End::Cut(why) => why,
            };
            (begun, tries) = if sink.done > before { (Instant::now(), 0) } else { (begun, tries + 1) };
            if begun.elapsed() > PATIENCE || (tries > 3 && self.ended_early(&sink).await) {
                return Err(far("reading", self.shell, self.path, ShellError { message: why, lasting: false }));
            }
            if !heard(Heard::GoesOn { file: self.path, offset: sink.done, why: &why }) {
                return Err(self.stopped());
            }
            sleep((PAUSE * 2_u32.pow(tries.min(4))).min(Duration::from_secs(4))).await;
        }
    }

    /// Whether the file itself has become shorter, so that there is nothing to wait for.
    async fn ended_early(&self, sink: &Sink) -> bool {
        match super::look(self.shell, self.path).await {
            Ok(seen) => seen.fingerprint.marks.get("").is_none_or(|mark| mark.bytes <= sink.done),
            Err(error) => !matches!(error, FreezeError::Far { lasting: false, .. }),
        }
    }

    async fn stream_into(
        &self,
        sink: &mut Sink,
        heard: &mut (dyn FnMut(Heard<'_>) -> bool + Send),
    ) -> Result<End, FreezeError> {
        let (script, mut skip) = script::read(self.path, self.tools, sink.done, self.bytes, MARK);
        let mut stream = match self.shell.stream(&script).await {
            Ok(stream) => stream,
            Err(error) if error.lasting => return Err(far("reading", self.shell, self.path, error)),
            Err(error) => return Ok(End::Cut(error.message)),
        };
        let mut buffer = vec![0_u8; 1 << 18];
        // Bytes that are the mark, or the beginning of it.
        let mut held: Vec<u8> = Vec::new();
        loop {
            if self.bytes == Some(sink.done) {
                return Ok(End::Whole);
            }
            let read = match timeout(SILENT, stream.read(&mut buffer)).await {
                Err(_) => return Ok(End::Cut(format!("no byte came for {} s", SILENT.as_secs()))),
                Ok(Err(error)) => return Ok(End::Cut(error.to_string())),
                Ok(Ok(0)) if self.bytes.is_none() && held == MARK.as_bytes() => return Ok(End::Whole),
                Ok(Ok(0)) => return Ok(End::Cut("the stream ended before the file did".to_owned())),
                Ok(Ok(read)) => read,
            };
            let passed = usize::try_from(skip).unwrap_or(usize::MAX).min(read);
            skip -= passed as u64;
            self.take(&buffer[passed..read], &mut held, sink).await?;
            if !heard(Heard::Bytes { file: self.path, done: sink.done, total: self.bytes }) {
                return Err(self.stopped());
            }
        }
    }

    /// Keeps what belongs to the file.
    async fn take(&self, bytes: &[u8], held: &mut Vec<u8>, sink: &mut Sink) -> Result<(), FreezeError> {
        if let Some(end) = self.bytes {
            let room = usize::try_from(end - sink.done).unwrap_or(usize::MAX);
            return sink.write(&bytes[..bytes.len().min(room)], self.path).await;
        }
        held.extend_from_slice(bytes);
        let sure = held.len().saturating_sub(MARK.len());
        sink.write(&held[..sure], self.path).await?;
        held.drain(..sure);
        Ok(())
    }

    async fn finish(&self, mut sink: Sink) -> Result<Fetched, FreezeError> {
        if let Some(file) = &mut sink.file {
            file.flush().await.map_err(FreezeError::io("writing the copy of", self.path))?;
        }
        Ok(Fetched { bytes: sink.done, sha256: hex(&sink.hash.finalize()) })
    }

    fn stopped(&self) -> FreezeError {
        FreezeError::Stopped { path: super::named(self.shell, self.path) }
    }
}

impl Sink {
    async fn write(&mut self, bytes: &[u8], path: &Path) -> Result<(), FreezeError> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes).await.map_err(FreezeError::io("writing the copy of", path))?;
        }
        self.hash.update(bytes);
        self.done += bytes.len() as u64;
        Ok(())
    }
}
