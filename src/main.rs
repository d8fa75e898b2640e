//! The thin binary: hooks, arguments, one call, exit code.

use clap::Parser as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    set_hooks();
    let code = match cutover::cli::Cli::try_parse() {
        Ok(cli) => cutover::commands::run(cli),
        Err(error) => cutover::commands::wrong_command_line(&error, std::env::args_os()),
    };
    ExitCode::from(code)
}

/// A panic gives the terminal back before anything is printed about it.
fn set_hooks() {
    // Only the look of a panic's report is lost when this cannot be set.
    let _ = color_eyre::install();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::io::stdout().is_terminal() {
            cutover::tui::restore_terminal();
        }
        report(panic);
    }));
}
