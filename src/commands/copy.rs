//! `cutover copy`: a run like any other, of a runbook made from the command line.

use super::driving::{Manner, begin, drive};
use super::standalone::COPY;
use super::{Stop, form, plan, secrets, selection, target};
use crate::cli;
use crate::engine::runs::Runs;
use crate::runbook::{Document, Outputs, TargetFacts, TransferOptions, standalone};

/// Loads data into the schema that stands there.
pub(super) async fn run(options: cli::Copy) -> Result<u8, Stop> {
    let source = selection::source(&options.selection)?;
    let target = target::given(options.selection.postgres.as_deref())?;
    let rules = selection::options(&options.selection, options.on_reject, options.jobs);
    let rules = TransferOptions { chunk_rows: options.chunk_rows, ..rules };
    let document = Document::parse(&standalone::copy(&source, &rules, options.keep_undo), COPY)?;
    let values = secrets::gather(&document, &[])?;
    if options.plan {
        let runbook = document.resolve(&values, &TargetFacts::default(), &Outputs::new())?;
        return plan::show(&runbook, &target.0, form(options.output)).await;
    }
    let order = begin(&Runs::from_environment()?, "copy", (document, values), target)?;
    drive(order, &Manner { form: form(options.output), yes: true, ..Manner::default() }).await
}
