//! Prepares the bench for a step: the runbook with what earlier steps left behind, and the context its action works in.

use crate::action::{Action, Actions, Context, Secrets};
use crate::connect::kubernetes::Cluster;
use crate::connect::postgres::Address;
use crate::engine::fold::Fold;
use crate::engine::runs::RunDir;
use crate::inspect::{ClusterView, Inspect};
use crate::progress::{Control, ProgressSink};
use crate::runbook::{Document, Gateway, Outputs, Problems, Runbook, StepId, TargetFacts, Values};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fills in a runbook's templates with what the steps so far have left behind. [`Document`] with its values does it; tests have
/// their own.
pub trait Resolve: Send + Sync {
    /// The runbook with `outputs` filled in.
    ///
    /// # Errors
    /// Every setting that is wrong once it is filled in.
    fn resolve(&self, outputs: &Outputs) -> Result<Runbook, Problems>;

    /// Where the runbook comes from, for the journal.
    fn origin(&self) -> Origin;
}

/// A runbook's text and the values that may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file's name as it was given.
    pub file: String,
    /// The text, whole.
    pub text: String,
    /// Parameters that are not secret.
    pub values: BTreeMap<String, String>,
}

/// A document with the values that fill it.
pub(super) struct Filled {
    pub(super) document: Document,
    pub(super) values: Values,
    pub(super) target: TargetFacts,
}

impl Resolve for Filled {
    fn resolve(&self, outputs: &Outputs) -> Result<Runbook, Problems> {
        self.document.resolve(&self.values, &self.target, outputs)
    }

    fn origin(&self) -> Origin {
        Origin {
            file: self.document.file().to_owned(),
            text: self.document.text().to_owned(),
            values: self.values.plain().clone(),
        }
    }
}

/// A step's action, and the context it works in.
pub(super) struct Bench {
    pub(super) action: Arc<dyn Action>,
    pub(super) context: Context,
}

/// What every context is made of.
pub(super) struct Workshop {
    pub(super) dir: RunDir,
    pub(super) runbook: Arc<dyn Resolve>,
    pub(super) target: Arc<Address>,
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) secrets: Secrets,
    pub(super) actions: Arc<dyn Actions>,
    pub(super) inspect: Arc<dyn Inspect>,
}

impl Workshop {
    /// The runbook as it reads now: outputs of the steps that are done, and the operator's decisions, filled in.
    pub(super) fn runbook(&self, fold: &Fold) -> Result<Runbook, Problems> {
        let outputs = fold.outcomes().iter().map(|(step, outcome)| (step.clone(), outcome.outputs.clone())).collect();
        let mut runbook = self.runbook.resolve(&outputs)?;
        let units = fold.units().iter().map(|(column, unit)| (column.clone(), *unit));
        runbook.transfer.interval_units.extend(units);
        let policies = fold.policies().iter().map(|(column, policy)| (column.clone(), *policy));
        runbook.transfer.columns.extend(policies);
        Ok(runbook)
    }

    /// The step whose pod carries the connections to the target.
    pub(super) fn carrier(&self, fold: &Fold) -> Option<StepId> {
        match self.runbook(fold).ok()?.target.secret?.gateway {
            Gateway::TestPod(step) => Some(step),
            Gateway::Direct | Gateway::Pod(_) | Gateway::Service(_) => None,
        }
    }

    /// The action of a step and the context it works in; none when the runbook, as it reads now, leaves the step out.
    pub(super) fn bench(
        &self,
        fold: &Fold,
        step: &StepId,
        progress: ProgressSink,
        control: Control,
    ) -> Result<Option<Bench>, Problems> {
        let runbook = Arc::new(self.runbook(fold)?);
        let Some(step) = runbook.steps.iter().find(|candidate| candidate.id == *step).cloned() else {
            return Ok(None);
        };
        let context = Context {
            run: self.dir.id().to_owned(),
            run_dir: self.dir.path().to_path_buf(),
            runbook,
            step,
            outcomes: fold.outcomes().clone(),
            found: Arc::new(fold.snapshot().steps.iter().map(|step| step.evidence.clone()).collect()),
            target: self.target.clone(),
            cluster: self.cluster.clone(),
            secrets: self.secrets.clone(),
            lose_writes: fold.run().loses_writes(),
            progress,
            control,
        };
        Ok(Some(Bench { action: self.actions.for_step(&context.step), context }))
    }

    /// The cluster before anybody has looked at it.
    pub(super) fn unseen_cluster(&self) -> Option<Arc<ClusterView>> {
        let place = self.cluster.as_ref()?.place();
        let (context, namespace) = (place.context.clone(), place.namespace.clone());
        Some(Arc::new(ClusterView { context, namespace, ..ClusterView::default() }))
    }

    /// As [`Workshop::bench`], where nobody listens: for descriptions and queries.
    pub(super) fn silent_bench(&self, fold: &Fold, step: &StepId) -> Result<Option<Bench>, Problems> {
        self.bench(fold, step, ProgressSink::new().0, Control::new().1)
    }
}
