//! `cutover plan`: what a runbook, or a stand-alone copy, would do. Touches nothing.

use super::{Stop, cluster, form, print, secrets};
use crate::cli;
use crate::connect::postgres::{Address, LockError, is_pooled};
use crate::connect::sqlite::{Depth, freeze};
use crate::evidence::PlanReport;
use crate::headless::{Finished, Form, Signals, Verdict, Voice};
use crate::progress::{Control, ProgressSink, Wish};
use crate::runbook::{Document, Outputs, Runbook, TargetFacts};
use crate::scratch::Temporary;
use crate::transfer::{Job, plan};
use serde::Serialize;
use std::path::Path;

/// Plans a runbook.
pub(super) async fn run(options: cli::Plan) -> Result<u8, Stop> {
    let document = read(&options.runbook)?;
    let values = secrets::gather(&document, &secrets::pairs(&options.set)?)?;
    let runbook = document.resolve(&values, &TargetFacts::default(), &Outputs::new())?;
    let address = cluster::reach(&runbook, options.context.as_deref()).await?.before_a_run()?;
    show(&runbook, &address, form(options.output)).await
}

/// Reads and parses a runbook.
///
/// # Errors
/// When it cannot be read, or everything that is wrong with it.
pub(super) fn read(path: &Path) -> Result<Document, Stop> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::wrong(format!("reading the runbook {}: {error}", path.display())))?;
    Ok(Document::parse(&text, &path.display().to_string())?)
}

/// Plans and prints; the exit code.
pub(super) async fn show(runbook: &Runbook, address: &Address, form: Form) -> Result<u8, Stop> {
    let begun = std::time::Instant::now();
    let report = look(runbook, address).await?;
    let verdict = verdict(&report);
    match form {
        Form::Text => print(&crate::report::plan(&report)),
        Form::Json => {
            let mut voice = Voice::stdout(form);
            voice.object(&Planned { event: "plan", report: &report });
            let finished = Finished { seconds: begun.elapsed().as_secs_f64(), ..Finished::empty(verdict) };
            voice.end(&finished);
        }
    }
    Ok(verdict.exit)
}

#[derive(Serialize)]
struct Planned<'a> {
    event: &'static str,
    #[serde(flatten)]
    report: &'a PlanReport,
}

/// A private directory for a command that looks and leaves nothing.
fn room() -> Result<Temporary, Stop> {
    Temporary::new("cutover-look-").map_err(|error| {
        let place = std::env::temp_dir();
        Stop::failed(format!(
            "making a directory in {}: {error}; set TMPDIR to a directory with room for a copy of the source",
            place.display()
        ))
    })
}

async fn look(runbook: &Runbook, address: &Address) -> Result<PlanReport, Stop> {
    let room = room()?;
    let (wishes, control) = Control::new();
    let (progress, mut reports) = ProgressSink::new();
    let work = async {
        let frozen = frozen(&runbook.source.sqlite, room.path(), &control).await?;
        refuse_pooler(address).await?;
        let job = Job {
            source: &frozen,
            address,
            run: "plan",
            options: &runbook.transfer,
            progress: &progress,
            control: &control,
            rejects_file: None,
            gate: None,
        };
        Ok(plan(&job).await?.report)
    };
    let mut signals = Signals::listen();
    tokio::pin!(work);
    loop {
        tokio::select! {
            planned = &mut work => return planned,
            name = signals.next() => {
                wishes.send_replace(Wish::Stop);
                return Err(Stop::interrupted(format!("{name}: planning stopped; nothing was touched")));
            }
            Some(_) = reports.recv() => {}
        }
    }
}

/// A run asks the same when it takes its lock.
async fn refuse_pooler(address: &Address) -> Result<(), Stop> {
    let client = address.connect("cutover/plan/probe").await?;
    match is_pooled(address, "cutover/plan/probe", &client).await? {
        true => Err(Stop::refused(LockError::Pooled { place: address.label() }.to_string())),
        false => Ok(()),
    }
}

/// A copy of the source, taken where blocking is allowed.
async fn frozen(source: &Path, room: &Path, control: &Control) -> Result<std::path::PathBuf, Stop> {
    let (source, into, control) = (source.to_owned(), room.join("source.db"), control.clone());
    let taking = tokio::task::spawn_blocking(move || {
        freeze(&source, &into, Depth::Indexes, &mut |_| control.wish() != Wish::Stop)
    });
    let frozen = taking.await.map_err(|error| Stop::failed(format!("copying the source: {error}")))??;
    Ok(frozen.path)
}

/// A unit that nobody decided is the operator's turn; what the world refuses, or would be rejected, is a failure told in advance.
fn verdict(report: &PlanReport) -> Verdict {
    if report.problems.iter().any(|problem| problem.undecided) {
        Verdict::WRONG
    } else if report.problems.is_empty() && report.stopping == 0 {
        Verdict::DONE
    } else {
        Verdict::REFUSED
    }
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use crate::evidence::{PlanReport, Problem};

    fn problem(undecided: bool) -> Problem {
        Problem { subject: String::new(), message: "m".to_owned(), remedy: String::new(), undecided }
    }

    #[test]
    fn the_exit_code_says_what_a_copy_would_come_to() {
        let mut plan = PlanReport::default();
        assert_eq!((verdict(&plan).exit, verdict(&plan).refused), (0, false));
        plan.refused = 1;
        assert_eq!(verdict(&plan).exit, 0, "a policy carries it through");
        plan.stopping = 1;
        assert_eq!((verdict(&plan).exit, verdict(&plan).refused), (1, true));
        plan.problems = vec![problem(false)];
        assert_eq!(verdict(&plan).exit, 1);
        plan.problems.push(problem(true));
        assert_eq!(verdict(&plan).exit, 2);
    }
}
