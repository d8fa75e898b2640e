//! `cutover repair-intervals`: a run like any other, of a runbook made from the command line.

use super::driving::{Manner, begin, drive};
use super::{Stop, form, secrets, selection, target};
use crate::cli;
use crate::engine::runs::Runs;
use crate::evidence::Policy;
use crate::runbook::settings::RepairIntervals;
use crate::runbook::{Document, standalone};

/// Puts intervals right that another tool loaded in the wrong unit.
pub(super) async fn run(options: cli::RepairIntervals) -> Result<u8, Stop> {
    let source = options.selection.sqlite.as_ref().map(|_| selection::source(&options.selection)).transpose()?;
    let target = target::given(options.selection.postgres.as_deref())?;
    let rules = selection::options(&options.selection, Policy::Stop, None);
    let settings = RepairIntervals {
        execute: options.execute,
        freeze: source.is_some(),
        without_source: source.is_none(),
        between: options.between.into_iter().collect(),
        wrong_units: options.wrong_units.into_iter().collect(),
    };
    let text = standalone::repair_intervals(source.as_deref(), &rules, settings);
    let document = Document::parse(&text, "repair-intervals")?;
    let values = secrets::gather(&document, &[])?;
    let order = begin(&Runs::from_environment()?, "repair-intervals", (document, values), target)?;
    drive(order, &Manner { form: form(options.output), yes: true, ..Manner::default() }).await
}
