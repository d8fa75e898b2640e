//! Commands in a pod's container: to their end, as a stream, or in a terminal.

use super::channels::{End, Layout, Pipe};
use super::{Cluster, ClusterError};
use bytes::Bytes;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource as _;
use kube::api::{AttachParams, Request};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// What a command that was run to its end said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: Vec<u8>,
    /// Its exit code.
    pub code: i32,
}

impl ExecOutput {
    /// Standard output as text, without the last line's end.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// Standard error as text, in one line.
    #[must_use]
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// The end of standard error.
    pub stderr: String,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// A command that runs in a pod: reads as its standard output, is written to as its standard input. Where the server speaks version 5 of
/// the protocol a shutdown ends the input alone; before that it ends the whole stream, so that a command which needs to know where
/// its input ends must be told how long it is. Ends with the stream when dropped.
pub struct Process {
    pipe: Pipe,
    half_close: bool,
    doing: String,
    cluster: Cluster,
}

/// A command in a terminal: as [`Process`], with a size.
pub struct Terminal {
    process: Process,
}

impl Cluster {
    /// Runs a command to its end, with `stdin` as its standard input. Before version 5 of the protocol (Kubernetes 1.30) a command is not
    /// told where its input ends: give it the length. Not tried again by itself: a command may have run.
    ///
    /// # Errors
    /// When the pod or container is not there, the user may not, or the stream is cut before the command's status came.
    pub async fn exec(
        &self,
        pod: &str,
        container: Option<&str>,
        command: &[&str],
        stdin: Option<&[u8]>,
    ) -> Result<ExecOutput, ClusterError> {
        let mut process = self.start(pod, container, command, stdin.is_some()).await?;
        let mut stdout = Vec::new();
        if let Some(input) = stdin {
            // What a command that ends early does not read is of no interest: its status says why.
            let _ = process.write_all(input).await;
            process.end_input().await;
        }
        let read = process.read_to_end(&mut stdout).await;
        read.map_err(|error| process.cut(&error.to_string()))?;
        let code = process.exit().await?.code;
        Ok(ExecOutput { stdout, stderr: process.pipe.errors(), code })
    }

    /// Starts a command and gives its streams.
    ///
    /// # Errors
    /// When the pod or container is not there, or the user may not.
    pub async fn stream(&self, pod: &str, container: Option<&str>, command: &[&str]) -> Result<Process, ClusterError> {
        self.start(pod, container, command, true).await
    }

    /// Starts a command in a terminal of that size.
    ///
    /// # Errors
    /// When the pod or container is not there, or the user may not.
    pub async fn attach_tty(
        &self,
        pod: &str,
        container: Option<&str>,
        command: &[&str],
        size: Size,
    ) -> Result<Terminal, ClusterError> {
        let process = self.open_exec(pod, container, command, AttachParams::interactive_tty()).await?;
        let terminal = Terminal { process };
        terminal.resize(size).await;
        Ok(terminal)
    }

    async fn start(
        &self,
        pod: &str,
        container: Option<&str>,
        command: &[&str],
        stdin: bool,
    ) -> Result<Process, ClusterError> {
        let parameters = AttachParams::default().stdin(stdin).stdout(true).stderr(true).tty(false);
        self.open_exec(pod, container, command, parameters).await
    }

    async fn open_exec(
        &self,
        pod: &str,
        container: Option<&str>,
        command: &[&str],
        mut parameters: AttachParams,
    ) -> Result<Process, ClusterError> {
        let doing = format!("running {} in pod {pod}", command.first().copied().unwrap_or("nothing"));
        let broken = |reason: String| ClusterError::Broken { doing: doing.clone(), place: self.place.clone(), reason };
        parameters.container = container.map(ToOwned::to_owned);
        let path = Pod::url_path(&(), Some(self.namespace()));
        let request = Request::new(path).exec(pod, command.iter().copied(), &parameters);
        let request = request.map_err(|error| broken(error.to_string()))?;
        let connection = self.call(&doing, || self.client.connect(request.clone())).await?;
        let half_close = connection.supports_stream_close();
        let pipe = Pipe::over(connection.into_stream(), Layout::exec(half_close));
        Ok(Process { pipe, half_close, doing, cluster: self.clone() })
    }
}

impl Process {
    /// Says that there is no more input, where the protocol can say it.
    pub async fn end_input(&mut self) {
        if self.half_close {
            // One that has ended already needs no end of input.
            let _ = self.pipe.shutdown().await;
        }
    }

    /// Waits for the command's end. What it still writes is thrown away.
    ///
    /// # Errors
    /// When the stream is cut before the command's status came.
    pub async fn exit(&mut self) -> Result<Exit, ClusterError> {
        let mut sink = tokio::io::sink();
        // A cut is told by how it ended.
        let _ = tokio::io::copy(&mut self.pipe, &mut sink).await;
        let stderr = String::from_utf8_lossy(&self.pipe.errors()).into_owned();
        match self.pipe.end().await {
            End::Status(json) => self.read_status(&json).map(|code| Exit { code, stderr }),
            End::Closed => Err(self.cut("it ended without the command's status")),
            End::Cut(reason) => Err(self.cut(&reason)),
        }
    }

    /// The exit code in a `Status`; one without is a command that did not start.
    fn read_status(&self, json: &Bytes) -> Result<i32, ClusterError> {
        let status: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        if status["status"] == "Success" {
            return Ok(0);
        }
        let causes = status["details"]["causes"].as_array().into_iter().flatten();
        let code = causes.filter(|cause| cause["reason"] == "ExitCode").find_map(|cause| cause["message"].as_str());
        code.and_then(|code| code.parse().ok()).ok_or_else(|| ClusterError::Broken {
            doing: self.doing.clone(),
            place: self.cluster.place.clone(),
            reason: status["message"].as_str().unwrap_or("it did not start").to_owned(),
        })
    }

    fn cut(&self, reason: &str) -> ClusterError {
        ClusterError::Cut { doing: self.doing.clone(), place: self.cluster.place.clone(), reason: reason.to_owned() }
    }
}

impl Terminal {
    /// Tells the command how large its terminal is now.
    pub async fn resize(&self, size: Size) {
        let size = serde_json::json!({ "Width": size.columns, "Height": size.rows });
        self.process.pipe.resize(Bytes::from(size.to_string())).await;
    }

    /// Waits for the command's end.
    ///
    /// # Errors
    /// When the stream is cut before the command's status came.
    pub async fn exit(&mut self) -> Result<Exit, ClusterError> {
        self.process.exit().await
    }
}

impl AsyncRead for Process {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl AsyncWrite for Process {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

impl AsyncRead for Terminal {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.process).poll_read(context, buffer)
    }
}

impl AsyncWrite for Terminal {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.process).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.process).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.process).poll_shutdown(context)
    }
}
