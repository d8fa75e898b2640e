//! Why a command ended before there was anything to report on.

use crate::connect::postgres::ConnectError;
use crate::connect::sqlite::FreezeError;
use crate::engine::DriverError;
use crate::engine::runs::RunsError;
use crate::headless::{Finished, Form, Outcome, Verdict, Voice, exit};
use crate::journal::JournalError;
use crate::runbook::Problems;
use crate::transfer::TransferError;

/// An end without a run: the exit code, and what was being done, to what, what came back, what to do now.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Stop {
    verdict: Verdict,
    message: String,
}

impl Stop {
    /// The command line or the runbook is wrong.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self { verdict: Verdict::WRONG, message: message.into() }
    }

    /// Tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { verdict: Verdict::FAILED, message: message.into() }
    }

    /// The state of the world forbids it; nothing was touched.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { verdict: Verdict::REFUSED, message: message.into() }
    }

    /// The operator has to say something first.
    pub fn waiting(message: impl Into<String>) -> Self {
        let verdict = Verdict { outcome: Outcome::Waiting, exit: exit::WAITING, refused: false };
        Self { verdict, message: message.into() }
    }

    /// Stopped by the operator or a signal.
    pub fn interrupted(message: impl Into<String>) -> Self {
        let verdict = Verdict { outcome: Outcome::Interrupted, exit: exit::INTERRUPTED, refused: false };
        Self { verdict, message: message.into() }
    }

    /// Tells it on standard error, and as the last object of the JSON output; the exit code.
    #[must_use]
    pub fn tell(&self, form: Form) -> u8 {
        let mut voice = Voice::stdout(form);
        voice.aside(&self.message);
        if form == Form::Json {
            voice.end(&Finished::before_a_run(self.verdict, &self.message));
        }
        self.verdict.exit
    }
}

/// Tells what is wrong with the command line; the exit code. Asking for help is not wrong.
#[must_use]
pub fn wrong_command_line(error: &clap::Error, arguments: impl Iterator<Item = std::ffi::OsString>) -> u8 {
    // Nobody is left to be told when even this cannot be printed.
    let _ = error.print();
    if !error.use_stderr() {
        return exit::DONE;
    }
    let words: Vec<_> = arguments.collect();
    let json = words.iter().any(|word| word == "--output=json")
        || words.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    if json {
        let message = error.to_string();
        Voice::stdout(Form::Json).end(&Finished::before_a_run(Verdict::WRONG, message.trim_end()));
    }
    exit::WRONG
}

impl From<Problems> for Stop {
    fn from(problems: Problems) -> Self {
        Self::wrong(problems.to_string())
    }
}

impl From<RunsError> for Stop {
    fn from(error: RunsError) -> Self {
        match error {
            RunsError::Unknown { .. } => Self::wrong(error.to_string()),
            RunsError::Journal(error) => error.into(),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Locked { .. } => Self::refused(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<ConnectError> for Stop {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Address { .. } => Self::wrong(error.to_string()),
            _ => Self::refused(error.to_string()),
        }
    }
}

impl From<DriverError> for Stop {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Journal(error) => error.into(),
            DriverError::Runbook(problems) => problems.into(),
            DriverError::OtherRunbook { .. } => Self::refused(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<FreezeError> for Stop {
    fn from(error: FreezeError) -> Self {
        // As the preflight of a run says it: the runbook is right, the world is not. `--sqlite` is looked at before.
        Self::refused(error.to_string())
    }
}

impl From<TransferError> for Stop {
    fn from(error: TransferError) -> Self {
        let message = error.to_string();
        match error {
            TransferError::Refused(_) => Self::refused(message),
            TransferError::Undecided(_) => Self::wrong(message),
            TransferError::Interrupted(_) => Self::interrupted(message),
            _ => Self::failed(message),
        }
    }
}
