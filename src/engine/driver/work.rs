//! Work in progress: an action's call on a task of its own, with the wires to it.

use super::claim::{Beforehand, Claim};
use super::context::{Bench, Workshop};
use crate::action::ActionError;
use crate::engine::command::LateWrites;
use crate::engine::effect::Wanted;
use crate::engine::fold::Fold;
use crate::engine::snapshot::{DataView, PodTerminal, Query, Status, StepView};
use crate::evidence::{Checkpoint, FailureKind, Outcome};
use crate::progress::{Control, ProgressSink, Report, Wish};
use crate::runbook::{Problems, StepId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Prepare(StepId),
    Apply(StepId, Checkpoint),
    Undo(StepId, Checkpoint, Option<serde_json::Value>),
    Count(Vec<StepId>, LateWrites),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Came {
    Prepared(StepId, Result<Checkpoint, ActionError>),
    Applied(StepId, Result<Outcome, ActionError>),
    Undone(StepId, Result<Outcome, ActionError>),
    Counted(Result<u64, String>),
}

/// Work on its way.
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) task: JoinHandle<Came>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    /// The claim on the target that was taken first.
    pub(super) claimed: Option<oneshot::Receiver<Claim>>,
    wish: watch::Sender<Wish>,
    /// Whether it was ever asked to stand still or to stop: an `Interrupted` is then obedience.
    pub(super) asked: bool,
    /// When it is cut off, once it was asked to stop.
    pub(super) deadline: Option<Instant>,
}

/// A query on its way.
pub(super) struct Inquiry {
    pub(super) task: JoinHandle<DataView>,
}

impl Job {
    /// The step that the screen shows at work.
    pub(super) fn step(&self) -> Option<&StepId> {
        match self {
            Self::Prepare(step) | Self::Apply(step, _) | Self::Undo(step, _, _) => Some(step),
            Self::Count(..) => None,
        }
    }

    fn failed(&self, error: ActionError) -> Came {
        match self {
            Self::Prepare(step) => Came::Prepared(step.clone(), Err(error)),
            Self::Apply(step, _) => Came::Applied(step.clone(), Err(error)),
            Self::Undo(step, _, _) => Came::Undone(step.clone(), Err(error)),
            Self::Count(..) => Came::Counted(Err(error.message)),
        }
    }
}

impl Work {
    /// Begins a job; what has to be done `first` is done on the same task.
    pub(super) fn begin(workshop: &Workshop, fold: &Fold, job: Job, wanted: Wanted, first: Option<Beforehand>) -> Self {
        let (progress, reports) = ProgressSink::new();
        let (wish, control) = Control::new();
        let (over, claimed) = oneshot::channel();
        let task = match &job {
            Job::Count(steps, writes) => {
                let benches = steps.iter().map(|step| (step.clone(), workshop.silent_bench(fold, step))).collect();
                tokio::spawn(count(benches, writes.clone()))
            }
            Job::Prepare(step) | Job::Apply(step, _) | Job::Undo(step, _, _) => {
                let bench = workshop.bench(fold, step, progress.clone(), control.clone());
                let (job, bench) = (job.clone(), bench.map_err(|problems| problems.to_string()));
                tokio::spawn(async move {
                    if let Some(first) = first
                        && let Err(error) = first.take(over, &progress, &control).await
                    {
                        return job.failed(error);
                    }
                    act(job, bench).await
                })
            }
        };
        let mut work = Self { job, task, reports, claimed: Some(claimed), wish, asked: false, deadline: None };
        work.want(wanted);
        work
    }

    /// Says what is wanted of it.
    pub(super) fn want(&mut self, wanted: Wanted) {
        let wish = match wanted {
            Wanted::Run => Wish::Run,
            Wanted::Pause => Wish::Pause,
            Wanted::Stop => Wish::Stop,
        };
        self.asked |= wish != Wish::Run;
        self.wish.send_replace(wish);
    }

    /// What came of it, also where the task itself broke.
    pub(super) fn came(&self, joined: Result<Came, JoinError>) -> Came {
        let error = match joined {
            Ok(came) => return came,
            Err(error) => format!("the step's code broke, which is a bug of cutover: {error}"),
        };
        self.job.failed(ActionError::new(FailureKind::Failed, error))
    }
}

/// The claim that the work took first, once it has; nothing else ever.
pub(super) async fn claimed(first: &mut Option<oneshot::Receiver<Claim>>) -> Claim {
    let claim = match first {
        Some(claimed) => claimed.await,
        None => std::future::pending().await,
    };
    *first = None;
    match claim {
        Ok(claim) => claim,
        Err(_) => std::future::pending().await,
    }
}

async fn act(job: Job, bench: Result<Option<Bench>, String>) -> Came {
    let bench = match bench {
        Ok(Some(bench)) => Ok(bench),
        Ok(None) => Err("the runbook, as it reads now, no longer has this step: its `when` leaves it out".to_owned()),
        Err(problems) => Err(format!("filling in the runbook: {problems}")),
    };
    let refused = |why: &String| ActionError::new(FailureKind::Refused, why.clone());
    match job {
        Job::Prepare(step) => Came::Prepared(
            step,
            match &bench {
                Ok(Bench { action, context }) => action.prepare(context).await,
                Err(why) => Err(refused(why)),
            },
        ),
        Job::Apply(step, checkpoint) => Came::Applied(
            step,
            match &bench {
                Ok(Bench { action, context }) => action.apply(context, &checkpoint).await,
                Err(why) => Err(refused(why)),
            },
        ),
        Job::Undo(step, checkpoint, left) => Came::Undone(
            step,
            match &bench {
                Ok(Bench { action, context }) => action.undo(context, &checkpoint, left.as_ref()).await,
                Err(why) => Err(refused(why)),
            },
        ),
        Job::Count(..) => Came::Counted(Ok(0)),
    }
}

/// The most that any of the steps would lose; each counts, or exports, the same rows.
async fn count(benches: Vec<(StepId, Result<Option<Bench>, Problems>)>, writes: LateWrites) -> Came {
    let mut most = 0;
    for (step, bench) in benches {
        let counted = match bench {
            Ok(Some(Bench { action, context })) => match &writes {
                LateWrites::Export(file) => action.export_writes(&context, file).await.map_err(|error| error.message),
                LateWrites::Keep | LateWrites::Lose => {
                    action.late_writes(&context).await.map_err(|error| error.message)
                }
            },
            Ok(None) => Ok(0),
            Err(problems) => Err(problems.to_string()),
        };
        match counted {
            Ok(rows) => most = most.max(rows),
            Err(why) => return Came::Counted(Err(format!("step {step} cannot say how much: {why}"))),
        }
    }
    Came::Counted(Ok(most))
}

impl Inquiry {
    /// Begins to answer `query`, on top of what was answered before.
    pub(super) fn begin(workshop: &Workshop, fold: &Fold, query: Query, before: &DataView) -> Result<Self, String> {
        let Some(step) = fold.run().steps().last() else { return Err("the run has no steps".to_owned()) };
        let bench = workshop.silent_bench(fold, &step.id).map_err(|problems| problems.to_string())?;
        let Some(Bench { context, .. }) = bench else {
            return Err("the runbook cannot be filled in far enough to look at the databases".to_owned());
        };
        let (inspect, mut view) = (workshop.inspect.clone(), before.clone());
        view.error = None;
        let task = tokio::spawn(async move {
            inspect.answer(&context, &query, &mut view).await;
            view
        });
        Ok(Self { task })
    }
}

/// Opens psql in the test pod beside the run's work, and answers when it is there.
pub(super) fn open_terminal(
    workshop: &Workshop,
    fold: &Fold,
    size: (u16, u16),
    answer: oneshot::Sender<Result<PodTerminal, String>>,
) {
    let bench = fold.run().steps().last().map(|step| workshop.silent_bench(fold, &step.id));
    let context = match bench {
        _ if removes_pods(fold) => Err("the test pod is being removed; ask again when that is done".to_owned()),
        Some(Ok(Some(bench))) => Ok(bench.context),
        Some(Err(problems)) => Err(problems.to_string()),
        Some(Ok(None)) | None => Err("the runbook cannot be filled in far enough".to_owned()),
    };
    let inspect = workshop.inspect.clone();
    tokio::spawn(async move {
        let opened = match context {
            Ok(context) => inspect.terminal(&context, size).await,
            Err(why) => Err(why),
        };
        // A terminal that is gone meanwhile needs no answer.
        let _ = answer.send(opened);
    });
}

/// Whether the test pod is going: one that is made again meanwhile would stay.
fn removes_pods(fold: &Fold) -> bool {
    let going = |step: &StepView| match step.action.as_str() {
        "test-pod" => step.status == Status::Undoing,
        "cleanup" => matches!(step.status, Status::Running | Status::Pausing),
        _ => false,
    };
    fold.snapshot().steps.iter().any(going)
}
