//! `--detach`: the run in a process of its own, which no terminal can take along when it goes.
//!
//! The same command line is carried out once more by a child (`--detached`), which still may ask for passwords on this terminal; when its
//! run can be attached to it leaves the terminal's session and says so in one line, [`Begun`].

use super::attach::show;
use super::{Stop, form, host, print};
use crate::cli;
use crate::engine::runs::RunDir;
use crate::headless::{Form, Voice, exit};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What the child says when its run can be attached to.
#[derive(Serialize, Deserialize)]
struct Begun {
    event: String,
    run: String,
    directory: PathBuf,
    process: u32,
}

/// Carries the command line out in a process of its own, and attaches this terminal to it.
///
/// # Errors
/// When the process cannot be started or attached to.
pub(super) async fn run(drive: &cli::Drive, mouse: bool) -> Result<u8, Stop> {
    let shown = form(drive.output) == Form::Text && !drive.headless && host::has_terminal();
    let started = tokio::task::spawn_blocking(move || start(shown)).await;
    let begun = match started.map_err(|error| Stop::failed(error.to_string()))?? {
        Started::Begun(begun) => begun,
        Started::Ended(code) => return Ok(code),
    };
    if shown {
        return show(&RunDir::at(&begun.directory), true, mouse).await;
    }
    if form(drive.output) == Form::Json {
        Voice::stdout(Form::Json).object(&begun);
    } else {
        let Begun { run, process, .. } = &begun;
        print(&format!("run {run} goes on by itself, process {process}"));
        print(&format!("`cutover attach {run}` shows it and answers for it"));
    }
    Ok(exit::DONE)
}

/// In the child: the run can be attached to. From here on no terminal ends this process.
///
/// # Errors
/// When the process cannot leave its session.
pub(super) fn begun(dir: &RunDir) -> Result<(), Stop> {
    nix::unistd::setsid().map_err(|error| Stop::failed(format!("leaving the terminal: {error}")))?;
    let begun = Begun {
        event: "detached".to_owned(),
        run: dir.id().to_owned(),
        directory: dir.path().to_path_buf(),
        process: std::process::id(),
    };
    Voice::stdout(Form::Json).object(&begun);
    Ok(())
}

enum Started {
    Begun(Begun),
    Ended(u8),
}

/// Starts the child. Where the run is `shown` on this terminal, it begins when the operator says so, as without `--detach`.
fn start(shown: bool) -> Result<Started, Stop> {
    let failed = |error: std::io::Error| Stop::failed(format!("starting a process of its own: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(child_arguments(std::env::args_os().skip(1)))
        .args((!shown && !std::env::args_os().any(|word| word == "--headless")).then_some("--headless"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        while output.read_line(&mut line).map_err(failed)? > 0 {
            if let Ok(begun) = serde_json::from_str(&line) {
                return Ok(Started::Begun(begun));
            }
            said.push_str(&line);
            line.clear();
        }
    }
    let mut complaint = String::new();
    if let Some(mut errors) = child.stderr.take() {
        // What the child said before it ended; a reader that fails has nothing to add.
        let _ = errors.read_to_string(&mut complaint);
    }
    if !said.is_empty() {
        print(&said);
    }
    Voice::stdout(Form::Text).aside(complaint.trim_end().trim_start_matches("cutover: "));
    let ended = child.wait().map_err(failed)?;
    Ok(Started::Ended(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED)))
}

fn child_arguments(own: impl Iterator<Item = OsString>) -> Vec<OsString> {
    own.map(|argument| if argument == "--detach" { "--detached".into() } else { argument }).collect()
}
