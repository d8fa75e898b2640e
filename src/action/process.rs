//! Commands of the runbook, by `sh -c`, in a process group of their own: their output goes to the log line by line with secrets
//! masked, and the whole group ends when the step is stopped or its time is over.

use super::{ActionError, Context};
use crate::progress::LogLevel;
use crate::runbook::Hidden;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// How a command is run.
pub(super) struct Plan<'a> {
    /// What `sh -c` gets. Never holds a secret: it is an argument that every user of the host can read.
    pub command: &'a str,
    /// Variables of the step.
    pub env: &'a BTreeMap<String, Hidden>,
    /// Whether the target's address goes into the environment (`DATABASE_URL`, `PG*`); an application that is being started
    /// must not see it by accident.
    pub with_target: bool,
    /// Whether what it starts lives on: its output then goes to a file, for a pipe would end with us.
    pub lasting: bool,
}

/// A command under way.
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
    readers: Vec<JoinHandle<Vec<String>>>,
    record: PathBuf,
    output: Option<PathBuf>,
}

/// How a command ended.
pub(super) struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// How much of each output is kept for messages and outputs, in lines; the log has all.
const KEPT_LINES: usize = 400;
/// Background children may hold a pipe open; a command is over when its shell is.
const DRAIN: Duration = Duration::from_millis(300);
/// Between the polite signal and the other one.
const GRACE: Duration = Duration::from_secs(10);

/// Starts a command. What a killed process of this very step left running is ended first.
pub(super) async fn start(context: &Context, plan: &Plan<'_>) -> Result<Running, ActionError> {
    end_former(context).await;
    let record = record(context);
    let mut command = Command::new("sh");
    command.arg("-c").arg(plan.command).stdin(Stdio::null()).process_group(0).kill_on_drop(false);
    if plan.with_target {
        command.env(&context.runbook.target.url_from, context.target.expose());
        let variables = context.target.child_environment();
        command.envs(variables.iter().map(|(name, value)| (name, value.expose_secret())));
    }
    command.envs(plan.env.iter().map(|(name, value)| (name, value.expose())));
    let output = match plan.lasting {
        true => Some(to_file(context, &mut command)?),
        false => {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        }
    };
    let mut child = command.spawn().map_err(|error| ActionError::failed(format!("starting `sh`: {error}")))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    if let Some(group) = group {
        let _ = std::fs::write(&record, format!("{group} {}", started_at(group).unwrap_or_default()));
    }
    let mut readers = Vec::new();
    readers.extend(child.stdout.take().map(|pipe| read(context, pipe, LogLevel::Info)));
    readers.extend(child.stderr.take().map(|pipe| read(context, pipe, LogLevel::Warn)));
    Ok(Running { child, group, readers, record, output })
}

/// Ends what a killed process of this very step left running, before it is asked how things stand.
pub(super) async fn end_former(context: &Context) {
    end_leftover(&record(context)).await;
}

fn record(context: &Context) -> PathBuf {
    context.run_dir.join(format!("command-{}", context.step.id))
}

/// Runs a command to its end; one that does not end with 0 is a failure that shows the last of what it said.
pub(super) async fn run(context: &Context, plan: &Plan<'_>, timeout: Duration) -> Result<Ended, ActionError> {
    let mut running = start(context, plan).await?;
    let ended = tokio::select! {
        status = running.child.wait() => Ok(status),
        () = context.control.stopped() => Err(ActionError::interrupted(&format!("`{}`", plan.command))),
        () = tokio::time::sleep(timeout) => Err(ActionError::failed(format!(
            "`{}` had not ended after {} s and was ended; raise timeout_seconds if it needs longer", plan.command, timeout.as_secs()
        ))),
    };
    match ended {
        Ok(Ok(status)) => running.ended(context, status).await.into_result(plan.command),
        Ok(Err(error)) => Err(ActionError::failed(format!("waiting for `{}`: {error}", plan.command))),
        Err(error) => {
            running.end().await;
            Err(error)
        }
    }
}

impl Running {
    /// Whether it has ended by itself.
    pub(super) fn try_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Collects what it said once it has ended.
    pub(super) async fn ended(mut self, context: &Context, status: ExitStatus) -> Ended {
        let mut texts = Vec::new();
        for reader in self.readers.drain(..) {
            let stop = reader.abort_handle();
            let lines = tokio::time::timeout(DRAIN, reader).await.ok().and_then(Result::ok);
            stop.abort();
            texts.push(lines.unwrap_or_default().join("\n"));
        }
        if let Some(file) = &self.output {
            let bytes = std::fs::read(file).unwrap_or_default();
            let text = context.secrets.mask(&String::from_utf8_lossy(&bytes)).into_owned();
            text.lines().for_each(|line| context.progress.log(LogLevel::Info, line));
            texts.push(text);
        }
        let _ = std::fs::remove_file(&self.record);
        let mut texts = texts.into_iter();
        Ended { status, stdout: texts.next().unwrap_or_default(), stderr: texts.next().unwrap_or_default() }
    }

    /// Ends the whole group: asks first, then insists.
    pub(super) async fn end(&mut self) {
        if let Some(group) = self.group {
            let _ = killpg(group, Signal::SIGTERM);
            if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
                let _ = killpg(group, Signal::SIGKILL);
                let _ = self.child.wait().await;
            }
            // What the shell left behind in its group.
            let _ = killpg(group, Signal::SIGKILL);
        }
        let _ = std::fs::remove_file(&self.record);
    }
}

impl Ended {
    pub(super) fn into_result(self, command: &str) -> Result<Self, ActionError> {
        if self.status.success() {
            return Ok(self);
        }
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let last: Vec<&str> = said.lines().rev().take(10).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(ActionError::failed(format!("`{command}` ended with {}: {last}", self.status)))
    }
}

/// Whether `sh` can read the command, and whether its first word is there.
pub(super) async fn check(name: &str, command: &str) -> crate::evidence::Finding {
    use super::failure::{bad, passed};
    let shell =
        |script: String| async move { Command::new("sh").arg("-c").arg(script).stdin(Stdio::null()).output().await };
    let syntax = Command::new("sh").args(["-n", "-c", command]).stdin(Stdio::null()).output().await;
    match syntax {
        Err(error) => return bad(name, format!("`sh` cannot be run: {error}"), "install a POSIX shell"),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return bad(name, format!("`{command}`: {said}"), "correct the command in the runbook");
        }
        Ok(_) => {}
    }
    let Some(word) = first_word(command) else { return passed(name, format!("`{command}`")) };
    match shell(format!("command -v -- '{word}'")).await {
        Ok(output) if output.status.success() => passed(name, format!("`{command}`: {word} is there")),
        _ => bad(name, format!("`{command}`: there is no {word}"), "install it, or correct the command or PATH"),
    }
}

/// The program that a simple command begins with; none where the shell decides.
fn first_word(command: &str) -> Option<&str> {
    let word = command.split_whitespace().find(|word| !word.contains('='))?;
    let simple = word.chars().all(|c| c.is_alphanumeric() || "_-./+".contains(c));
    simple.then_some(word)
}

fn to_file(context: &Context, command: &mut Command) -> Result<PathBuf, ActionError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = context.run_dir.join(format!("output-{}.log", context.step.id));
    let file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path);
    let both = file.and_then(|file| Ok((file.try_clone()?, file)));
    let (out, err) = both.map_err(|error| ActionError::file("creating", &path, &error))?;
    command.stdout(out).stderr(err);
    Ok(path)
}

fn read(context: &Context, pipe: impl AsyncRead + Unpin + Send + 'static, level: LogLevel) -> JoinHandle<Vec<String>> {
    let (progress, secrets) = (context.progress.clone(), context.secrets.clone());
    tokio::spawn(async move {
        let mut kept = std::collections::VecDeque::new();
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            let text = secrets.mask(&text).into_owned();
            progress.log(level, text.as_str());
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(text);
            line.clear();
        }
        kept.into()
    })
}

/// A crash of ours leaves the command running; it is known by its group and the time it started.
async fn end_leftover(record: &std::path::Path) {
    let Ok(text) = std::fs::read_to_string(record) else { return };
    if let Some((group, started)) = text.split_once(' ')
        && let Ok(group) = group.parse().map(Pid::from_raw)
        && started_at(group).is_some_and(|now| now == started)
    {
        let _ = killpg(group, Signal::SIGTERM);
        for _ in 0..50 {
            if started_at(group).is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let _ = killpg(group, Signal::SIGKILL);
    }
    let _ = std::fs::remove_file(record);
}

/// Field 22 of `/proc/PID/stat`, in clock ticks since boot (proc(5)); the name in field 2 may hold anything.
fn started_at(pid: Pid) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(ToOwned::to_owned)
}
