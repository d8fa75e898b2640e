//! `cutover demo`: the shipped runbook on data and servers of its own.

use super::driving::{Manner, begin, drive};
use super::target::Kept;
use super::{Stop, host, print, secrets};
use crate::cli;
use crate::connect::postgres::Address;
use crate::demo::{self, Demo};
use crate::engine::runs::Runs;
use crate::runbook::{Document, Outputs, TargetFacts};

/// Lays out a demo and walks through it.
pub(super) async fn run(options: cli::Demo) -> Result<u8, Stop> {
    let rows = i64::try_from(options.rows).map_err(|_| Stop::wrong("--rows: that is more than a table holds"))?;
    let keep = options.keep.as_deref();
    let screen = !options.headless && host::has_terminal();
    if screen {
        print("laying out a SQLite source and a PostgreSQL of its own…");
    }
    let demo = demo::prepare(keep, rows).map_err(|error| Stop::failed(error.to_string()))?;
    let runs = demo.state_directory().map_or_else(Runs::from_environment, |state| Ok(Runs::at(&state)))?;
    let document = Document::parse(demo::RUNBOOK, demo::RUNBOOK_FILE)?;
    let values = secrets::gather(&document, &demo.parameters())?;
    let runbook = document.resolve(&values, &TargetFacts::default(), &Outputs::new())?;
    let order = begin(&runs, &runbook.name, (document, values), target(&demo)?)?;
    drive(order, &Manner { screen, yes: !screen, passing: keep.is_none(), ..Manner::default() }).await
}

/// The demo's own target; its directory is kept, so that `resume` starts the server again.
///
/// # Errors
/// When its URL cannot be read.
pub(super) fn target(demo: &Demo) -> Result<(Address, Kept), Stop> {
    let address = Address::parse(&demo.database_url())?;
    let kept = Kept { demo: Some(demo.directory().to_path_buf()), ..Kept::of(&address, None) };
    Ok((address, kept))
}
