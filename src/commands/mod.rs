//! One file per command of the command line; puts the rooms together.
//!
//! A command returns the process's exit code, or [`Stop`] where it ended before there was anything to report on. [`run()`] is all
//! that `main` calls.

mod attach;
mod cluster;
mod completions;
mod config;
mod copy;
mod demo;
mod detach;
mod driving;
mod forget;
mod host;
mod plan;
mod repair_intervals;
mod report;
mod resume;
mod rollback;
mod run;
mod runs;
mod schema;
mod secrets;
mod selection;
mod standalone;
mod status;
mod stop;
mod target;
mod verify;

pub use stop::{Stop, wrong_command_line};

use crate::cli::{Cli, Command, Output};
use crate::headless::{Form, Voice};
use std::time::Duration;

/// How long work that was given up (a prompt that nobody answered) may hold back the end of the process.
const GRACE: Duration = Duration::from_millis(500);

/// Carries out the command line and says with which code the process is to end.
#[must_use]
pub fn run(cli: Cli) -> u8 {
    let form = form_of(&cli.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Stop::failed(format!("starting threads: {error}")).tell(form),
    };
    let code = runtime.block_on(carry_out(cli.command)).unwrap_or_else(|stop| stop.tell(form));
    runtime.shutdown_timeout(GRACE);
    code
}

async fn carry_out(command: Command) -> Result<u8, Stop> {
    match command {
        Command::Demo(options) => demo::run(options).await,
        Command::Plan(options) => plan::run(options).await,
        Command::Run(options) if options.drive.detach => detach::run(&options.drive, options.mouse).await,
        Command::Run(options) => run::run(options).await,
        Command::Resume(options) if options.drive.detach => detach::run(&options.drive, false).await,
        Command::Resume(options) => resume::run(options).await,
        Command::Rollback(options) if options.drive.detach => detach::run(&options.drive, false).await,
        Command::Rollback(options) => rollback::run(options).await,
        Command::Attach(options) => attach::run(options).await,
        Command::Config(options) => config::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Runs(options) => runs::run(&options),
        Command::Forget(options) => forget::run(options).await,
        Command::Report(options) => report::run(&options),
        Command::Copy(options) => copy::run(options).await,
        Command::Verify(options) => verify::run(options).await,
        Command::RepairIntervals(options) => repair_intervals::run(options).await,
        Command::Schema => Ok(schema::run()),
        Command::Completions { shell } => completions::run(shell),
    }
}

/// In which form a command tells its end.
const fn form_of(command: &Command) -> Form {
    let output = match command {
        Command::Plan(options) => options.output,
        Command::Run(options) => options.drive.output,
        Command::Resume(options) => options.drive.output,
        Command::Rollback(options) => options.drive.output,
        Command::Status(options) => options.output,
        Command::Runs(options) => options.output,
        Command::Copy(options) => options.output,
        Command::Verify(options) => options.output,
        Command::RepairIntervals(options) => options.output,
        Command::Demo(_)
        | Command::Attach(_)
        | Command::Config(_)
        | Command::Forget(_)
        | Command::Report(_)
        | Command::Schema
        | Command::Completions { .. } => Output::Text,
    };
    form(output)
}

const fn form(output: Output) -> Form {
    match output {
        Output::Text => Form::Text,
        Output::Json => Form::Json,
    }
}

/// Prints text as it is. A reader that has gone away is no error.
fn print(text: &str) {
    Voice::stdout(Form::Text).line(text.trim_end_matches('\n'));
}
