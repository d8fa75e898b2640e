//! `cutover runs`: the runs on this machine, the newest first.

use super::{Stop, form, print};
use crate::cli;
use crate::engine::runs::{RunDir, Runs};
use crate::engine::snapshot::RunState;
use crate::figures;
use crate::headless::{Form, Voice, exit};
use crate::report::{aligned, state_name};
use jiff::Timestamp;
use serde::Serialize;

/// Prints the runs.
pub(super) fn run(options: &cli::Runs) -> Result<u8, Stop> {
    let found: Vec<Line> = Runs::from_environment()?.list()?.iter().map(Line::of).collect();
    match form(options.output) {
        Form::Text if found.is_empty() => print("there are no runs yet"),
        Form::Text => {
            let rows: Vec<Vec<String>> = found.iter().map(Line::cells).collect();
            aligned(&["run", "state", "began", "source", "target"], &rows).iter().for_each(|line| print(line));
        }
        Form::Json => {
            let mut voice = Voice::stdout(Form::Json);
            found.iter().for_each(|line| voice.object(line));
        }
    }
    Ok(exit::DONE)
}

/// One run. A journal that cannot be read is told of, and hides no other run.
#[derive(Default, Serialize)]
struct Line {
    run: String,
    runbook: String,
    state: Option<RunState>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    source: String,
    target: String,
    directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Line {
    fn of(dir: &RunDir) -> Self {
        let known = Self { run: dir.id().to_owned(), directory: dir.path().display().to_string(), ..Self::default() };
        match dir.snapshot() {
            Ok(snapshot) => Self {
                runbook: snapshot.runbook,
                state: Some(snapshot.state),
                started: snapshot.started,
                ended: snapshot.ended,
                source: snapshot.source,
                target: snapshot.target,
                ..known
            },
            Err(error) => Self { error: Some(error.to_string()), ..known },
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.run.clone(),
            self.error.clone().unwrap_or_else(|| self.state.map(state_name).unwrap_or_default().to_owned()),
            self.started.map(figures::moment).unwrap_or_default(),
            self.source.clone(),
            self.target.clone(),
        ]
    }
}
