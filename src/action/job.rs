//! What the data steps share: a transfer as this run means it, sessions by name, and the outcomes of earlier steps.

use super::{ActionError, Context, Outcome};
use crate::connect::kubernetes::Cluster;
use crate::evidence::Evidence;
use crate::runbook::{Settings, Step, TransferOptions};
use crate::schema::Mapping;
use crate::transfer::{self, Job, Planned};
use crate::verify::{self, Allowed, Comparison};
use std::path::PathBuf;
use tokio_postgres::Client;

/// A transfer's parts, owned; [`Load::job`] lends them.
pub(super) struct Load {
    source: PathBuf,
    rejects: PathBuf,
    options: TransferOptions,
}

impl Load {
    /// From `source` by the runbook's rules.
    pub(super) fn new(context: &Context, source: PathBuf) -> Self {
        Self { source, rejects: rejects_path(context), options: context.runbook.transfer.clone() }
    }

    /// With so many connections, where the step says so.
    #[must_use]
    pub(super) fn with_jobs(mut self, jobs: Option<usize>) -> Self {
        self.options.jobs = jobs.or(self.options.jobs);
        self
    }

    pub(super) fn job<'a>(&'a self, context: &'a Context) -> Job<'a> {
        Job {
            source: &self.source,
            address: &context.target,
            run: &context.run,
            options: &self.options,
            progress: &context.progress,
            control: &context.control,
            rejects_file: Some(&self.rejects),
            gate: None,
        }
    }

    /// Which table goes where, without reading rows.
    pub(super) async fn decide(&self, context: &Context) -> Result<Planned, ActionError> {
        Ok(transfer::decide(&self.job(context)).await?)
    }

    /// Source and target compared row by row; what policies changed is allowed for.
    pub(super) async fn compare(&self, context: &Context, mapping: &Mapping) -> Result<Evidence, ActionError> {
        let allowed = if self.rejects.exists() { Allowed::read(&self.rejects)? } else { Allowed::default() };
        let comparison = Comparison {
            source: &self.source,
            address: &context.target,
            run: &context.run,
            mapping,
            allowed: &allowed,
            progress: &context.progress,
            control: &context.control,
        };
        Ok(verify::verify(&comparison).await?)
    }
}

/// Where every reject of the run is written, a JSON object a line.
pub(super) fn rejects_path(context: &Context) -> PathBuf {
    context.run_dir.join("rejects.jsonl")
}

impl Context {
    /// A session on the target, named after the run and the step.
    pub(super) async fn session(&self) -> Result<Client, ActionError> {
        Ok(self.target.connect(&format!("cutover/{}/{}", self.run, self.step.id)).await?)
    }

    /// The cluster that the service runs on.
    pub(super) fn cluster(&self) -> Result<&Cluster, ActionError> {
        self.cluster.as_deref().ok_or_else(|| {
            ActionError::refused(format!(
                "step {} works on a cluster, and the runbook's service names none: add `platform: kubernetes`, `context` and \
                 `namespace` to `service`",
                self.step.id
            ))
        })
    }

    /// The steps before this one that are of a kind.
    pub(super) fn earlier(&self, is: impl Fn(&Settings) -> bool) -> Vec<&Step> {
        let before = self.runbook.steps.iter().take_while(|step| step.id != self.step.id);
        before.filter(|step| is(&step.settings)).collect()
    }

    /// The outcome of the last earlier step of a kind.
    pub(super) fn outcome(&self, is: impl Fn(&Settings) -> bool) -> Option<&Outcome> {
        self.earlier(is).into_iter().rev().find_map(|step| self.outcomes.get(&step.id.0))
    }

    /// The same step's context for another step.
    pub(super) fn for_step(&self, step: &Step) -> Self {
        Self { step: step.clone(), ..self.clone() }
    }

    /// Runs `work` unless the step is to stop.
    pub(super) async fn or_stopped<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, ActionError>>,
    ) -> Result<T, ActionError> {
        tokio::select! {
            done = work => done,
            () = self.control.stopped() => Err(ActionError::interrupted(doing)),
        }
    }
}
