//! The channels of a stream into a pod, over one WebSocket: each message begins with the number of its channel
//! (Kubernetes, `staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go` and `…/portforward/constants.go`).
//!
//! The client library's own streams are pinged once a minute for exec and never for port-forward. These are pinged every twenty
//! seconds both ways round, so that a long silence (an index build) does not let a proxy on the way cut them, and one that is dead
//! is noticed.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

const PING: Duration = Duration::from_secs(20);
/// Pings are answered; a peer that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(180);
/// What the peer may take to close its side.
const CLOSING: Duration = Duration::from_secs(5);
const BUFFER: usize = 256 * 1024;
const MESSAGE: usize = 64 * 1024;
/// What is kept of standard error: its end.
const ERRORS: usize = 64 * 1024;
/// Says that a channel has ended; version 5 of the protocol.
const CLOSE: u8 = 255;
const RESIZE: u8 = 4;

/// Which channel is what.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub output: u8,
    pub errors: u8,
    pub status: Option<u8>,
    /// Whether the first message of each channel only repeats the port.
    pub preamble: bool,
    /// Whether the end of the input can be told without ending the rest.
    pub half_close: bool,
}

impl Layout {
    pub(super) fn exec(half_close: bool) -> Self {
        Self { output: 1, errors: 2, status: Some(3), preamble: false, half_close }
    }

    pub(super) const FORWARD: Self = Self { output: 0, errors: 1, status: None, preamble: true, half_close: false };
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed it in good order.
    Closed,
    /// With the status of the command, as JSON.
    Status(Bytes),
    /// Before its time.
    Cut(String),
}

/// Our end of a stream into a pod. Dropping it sends what was written and closes the stream.
pub(super) struct Pipe {
    io: DuplexStream,
    shared: Arc<Shared>,
    ended: watch::Receiver<Option<End>>,
    sizes: mpsc::Sender<Bytes>,
}

#[derive(Default)]
struct Shared {
    errors: Mutex<Vec<u8>>,
    dropped: AtomicBool,
}

impl Pipe {
    /// Speaks over `socket` until either side ends it.
    pub(super) fn over<S>(socket: S, layout: Layout) -> Self
    where
        S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + Send + 'static,
    {
        let (io, theirs) = tokio::io::duplex(BUFFER);
        let shared = Arc::new(Shared::default());
        let (end, ended) = watch::channel(None);
        let (sizes, resized) = mpsc::channel(4);
        let (output, input) = socket.split();
        let (from_us, to_us) = tokio::io::split(theirs);
        let theirs = Arc::clone(&shared);
        tokio::spawn(async move {
            let reading = read(input, to_us, layout, &theirs);
            let writing = write(output, from_us, resized, layout, &theirs);
            tokio::pin!(reading, writing);
            let how = tokio::select! {
                how = &mut reading => how,
                how = &mut writing => match how {
                    // Ours is closed: what is still on its way is read.
                    End::Closed => timeout(CLOSING, reading).await.unwrap_or(End::Closed),
                    other => other,
                },
            };
            end.send_replace(Some(how));
        });
        Self { io, shared, ended, sizes }
    }

    /// How it ended; waits for it.
    pub(super) async fn end(&mut self) -> End {
        let ended = self.ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|end| end.clone()).unwrap_or_else(|| End::Cut("the stream was given up".to_owned()))
    }

    /// What the error channel said so far.
    pub(super) fn errors(&self) -> Vec<u8> {
        self.shared.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the size of the terminal; a stream that has ended does not listen.
    pub(super) async fn resize(&self, size: Bytes) {
        let _ = self.sizes.send(size).await;
    }

    fn cut(&self) -> Option<std::io::Error> {
        match &*self.ended.borrow() {
            Some(End::Cut(reason)) => Some(std::io::Error::new(std::io::ErrorKind::ConnectionReset, reason.clone())),
            _ => None,
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.shared.dropped.store(true, Ordering::Release);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.io).poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() == before && buffer.remaining() > 0 => {
                Poll::Ready(self.cut().map_or(Ok(()), Err))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(context, data) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.cut().unwrap_or(error))),
            other => other,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// From the pod to us.
async fn read(
    mut input: impl Stream<Item = Result<Message, Error>> + Unpin,
    mut to_us: WriteHalf<DuplexStream>,
    layout: Layout,
    shared: &Shared,
) -> End {
    let mut begun = [!layout.preamble; 2];
    loop {
        let message = match timeout(SILENCE, input.next()).await {
            Err(_) => {
                return End::Cut(format!("nothing came for {} s, not even an answer to a ping", SILENCE.as_secs()));
            }
            Ok(None) => return End::Closed,
            Ok(Some(Err(error))) => return End::Cut(error.to_string()),
            Ok(Some(Ok(Message::Close(_)))) => return End::Closed,
            Ok(Some(Ok(Message::Binary(bytes)))) if bytes.len() > 1 => bytes,
            Ok(Some(Ok(_))) => continue,
        };
        let (channel, bytes) = (message[0], message.slice(1..));
        if let Some(begun) = begun.get_mut(usize::from(channel)).filter(|begun| !**begun) {
            *begun = true;
        } else if channel == layout.output {
            // Nobody reads any more: what the command says is of no interest, how it ends may be.
            let _ = to_us.write_all(&bytes).await;
        } else if channel == layout.errors && layout.status.is_some() {
            keep(shared, &bytes);
        } else if channel == layout.errors {
            return End::Cut(String::from_utf8_lossy(&bytes).trim().to_owned());
        } else if Some(channel) == layout.status {
            let _ = to_us.shutdown().await;
            return End::Status(bytes);
        }
    }
}

fn keep(shared: &Shared, bytes: &[u8]) {
    let mut errors = shared.errors.lock().unwrap_or_else(PoisonError::into_inner);
    errors.extend_from_slice(bytes);
    let surplus = errors.len().saturating_sub(ERRORS);
    errors.drain(..surplus);
}

/// From us to the pod, with pings in between.
async fn write(
    mut output: impl Sink<Message, Error = Error> + Unpin,
    mut from_us: ReadHalf<DuplexStream>,
    mut sizes: mpsc::Receiver<Bytes>,
    layout: Layout,
    shared: &Shared,
) -> End {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let mut open = true;
    loop {
        let mut buffer = BytesMut::with_capacity(MESSAGE);
        buffer.put_u8(0);
        let sent = tokio::select! {
            count = from_us.read_buf(&mut buffer), if open => match count {
                Ok(count) if count > 0 => output.send(Message::Binary(buffer.freeze())).await,
                _ if layout.half_close && !shared.dropped.load(Ordering::Acquire) => {
                    open = false;
                    output.send(Message::Binary(Bytes::from_static(&[CLOSE, 0]))).await
                }
                _ => {
                    // A socket that is gone already is as closed as it can be.
                    let _ = output.close().await;
                    return End::Closed;
                }
            },
            Some(size) = sizes.recv() => output.send(Message::Binary(channel(RESIZE, &size))).await,
            _ = ping.tick() => output.send(Message::Ping(Bytes::new())).await,
        };
        if let Err(error) = sent {
            return End::Cut(error.to_string());
        }
    }
}

fn channel(number: u8, bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(bytes.len() + 1);
    message.put_u8(number);
    message.extend_from_slice(bytes);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe, what it sends as it sends it, and what it hears.
    fn pipe(layout: Layout) -> (Pipe, mpsc::UnboundedReceiver<Message>, mpsc::UnboundedSender<Message>) {
        let (sent, sends) = mpsc::unbounded_channel();
        let (says, heard) = mpsc::unbounded_channel();
        let hears = futures_util::stream::unfold(heard, |mut heard| async move {
            let message: Message = heard.recv().await?;
            Some((Ok(message), heard))
        });
        let tells = futures_util::sink::unfold(sent, |sent, message: Message| async move {
            sent.send(message).map_err(|_| Error::ConnectionClosed)?;
            Ok(sent)
        });
        (Pipe::over(Joined { hears: Box::pin(hears), tells: Box::pin(tells) }, layout), sends, says)
    }

    struct Joined<A, B> {
        hears: Pin<Box<A>>,
        tells: Pin<Box<B>>,
    }

    impl<A: Stream<Item = Result<Message, Error>>, B> Stream for Joined<A, B> {
        type Item = Result<Message, Error>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.hears.as_mut().poll_next(context)
        }
    }

    impl<A, B: Sink<Message, Error = Error>> Sink<Message> for Joined<A, B> {
        type Error = Error;

        fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
            self.tells.as_mut().poll_ready(context)
        }

        fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
            self.tells.as_mut().start_send(message)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
            self.tells.as_mut().poll_flush(context)
        }

        fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
            self.tells.as_mut().poll_close(context)
        }
    }

    fn binary(channel: u8, bytes: &[u8]) -> Message {
        Message::Binary(super::channel(channel, bytes))
    }

    /// Version 5 (Kubernetes 1.30) ends the input alone: what the command says then still comes.
    #[tokio::test]
    async fn the_input_ends_and_the_output_goes_on() {
        let (mut pipe, mut sends, says) = pipe(Layout::exec(true));
        pipe.write_all(b"in").await.unwrap();
        pipe.shutdown().await.unwrap();
        assert_eq!(sends.recv().await, Some(binary(0, b"in")));
        assert_eq!(sends.recv().await, Some(binary(CLOSE, &[0])));
        says.send(binary(1, b"out")).unwrap();
        says.send(binary(3, br#"{"status":"Success"}"#)).unwrap();
        let mut out = Vec::new();
        pipe.read_to_end(&mut out).await.unwrap();
        assert_eq!(out, b"out");
        assert!(matches!(pipe.end().await, End::Status(_)));
    }

    /// Before that an end of the input is the end of the stream.
    #[tokio::test]
    async fn older_servers_are_never_told_of_an_end_that_they_do_not_know() {
        let (mut pipe, mut sends, _says) = pipe(Layout::exec(false));
        pipe.write_all(b"in").await.unwrap();
        pipe.shutdown().await.unwrap();
        assert_eq!(sends.recv().await, Some(binary(0, b"in")));
        assert_eq!(sends.recv().await, None, "the socket is closed");
    }

    #[tokio::test]
    async fn a_stream_that_ends_without_a_status_is_not_a_good_end() {
        let (mut pipe, _sends, says) = pipe(Layout::exec(true));
        says.send(binary(1, b"half")).unwrap();
        drop(says);
        let mut out = Vec::new();
        pipe.read_to_end(&mut out).await.unwrap();
        assert_eq!((out.as_slice(), pipe.end().await), (&b"half"[..], End::Closed));
    }
}
