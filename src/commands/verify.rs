//! `cutover verify`: a run like any other, of a runbook made from the command line or from another run.

use super::cluster::Carrying;
use super::driving::{Manner, Order, begin, drive};
use super::resume::take_up;
use super::standalone::VERIFY;
use super::{Stop, form, secrets, selection, target};
use crate::cli;
use crate::connect::postgres::Address;
use crate::demo::Demo;
use crate::engine::runs::{RunDir, Runs};
use crate::engine::{Command, Event};
use crate::evidence::Policy;
use crate::runbook::{Document, Outputs, TargetFacts, TransferOptions, standalone};
use std::path::PathBuf;

/// What is compared, by which rules.
struct Comparison {
    source: PathBuf,
    rules: TransferOptions,
    target: (Address, target::Kept),
    /// What carries the connections to the target, where a pod of the other run does.
    carrying: Option<Carrying>,
    _demo: Option<Demo>,
}

/// Proves that the target holds what the source holds.
pub(super) async fn run(options: cli::Verify) -> Result<u8, Stop> {
    let Comparison { source, rules, target, carrying, _demo } = match &options.run {
        Some(run) => of_run(&options, run).await?,
        None => {
            let rules = selection::options(&options.selection, Policy::Stop, None);
            let target = target::given(options.selection.postgres.as_deref())?;
            let source = selection::source(&options.selection)?;
            Comparison { source, rules, target, carrying: None, _demo: None }
        }
    };
    let document = Document::parse(&standalone::verify(&source, &rules), VERIFY)?;
    let values = secrets::gather(&document, &[])?;
    let order = begin(&Runs::from_environment()?, "verify", (document, values), target)?;
    let manner = Manner { form: form(options.output), yes: true, ..Manner::default() };
    drive(Order { carrying, ..order }, &manner).await
}

/// Source, rules and target of a run; what the command line says stands over them.
async fn of_run(options: &cli::Verify, run: &str) -> Result<Comparison, Stop> {
    let dir = Runs::from_environment()?.find(run)?;
    let snapshot = kept_snapshot(&dir)?;
    let (order, _demo) = take_up(dir, Command::Start, None).await?;
    let runbook = order.document.resolve(&order.values, &TargetFacts::default(), &Outputs::new())?;
    let source = match &options.selection.sqlite {
        Some(_) => selection::source(&options.selection)?,
        None => snapshot.unwrap_or(runbook.source.sqlite),
    };
    let (target, carrying) = match &options.selection.postgres {
        Some(url) => (target::given(Some(url))?, None),
        None => ((order.address, order.kept), order.carrying),
    };
    Ok(Comparison { source, rules: runbook.transfer, target, carrying, _demo })
}

/// The frozen copy that the run keeps, if it took one and it is still there.
fn kept_snapshot(dir: &RunDir) -> Result<Option<PathBuf>, Stop> {
    let taken = dir.entries()?.into_iter().rev().find_map(|entry| match entry.event {
        Event::StepDone { step, outcome } if step.0 == "snapshot" => outcome.outputs.get("path").map(PathBuf::from),
        _ => None,
    });
    Ok(taken.filter(|path| path.exists()))
}
