//! Loads all tables.

use super::checking::{self, Checking};
use super::job::Load;
use super::{
    Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome, failure, frozen, late_writes, truncate,
};
use crate::evidence::{Evidence, LoadMode};
use crate::figures;
use crate::runbook::{Settings, settings};
use crate::schema::Mapping;
use crate::transfer::saved::{Saved, Unfinished};
use crate::transfer::{self, Job, Planned, SequenceState};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The action.
pub(super) struct Copy(pub settings::Copy);

/// What the copy left behind.
#[derive(Serialize, Deserialize)]
struct Left {
    rows: u64,
    /// With `keep_undo`: what stood there before.
    saved: Option<Saved>,
}

#[async_trait]
impl Action for Copy {
    fn describe(&self, context: &Context) -> Description {
        let known = context.outcome(|settings| matches!(settings, Settings::Scan(_)));
        let plan = known.and_then(|outcome| outcome.evidence.plan.as_deref());
        let what = plan.map_or_else(
            || "all tables".to_owned(),
            |plan| {
                format!(
                    "{} with {}",
                    figures::counted(plan.tables.len() as u64, "table"),
                    figures::counted(plan.rows, "row")
                )
            },
        );
        let jobs = self.0.jobs.or(context.runbook.transfer.jobs);
        let chunked = match jobs {
            Some(jobs) => jobs > 1,
            None => plan.is_some_and(|plan| plan.load.mode == LoadMode::Chunked),
        };
        let how = match (chunked, jobs) {
            (true, Some(jobs)) => format!("in chunks over {jobs} connections"),
            (true, None) => "in chunks".to_owned(),
            (false, _) => "in one transaction".to_owned(),
        };
        let until = if chunked {
            "Each chunk is committed with its entry in the ledger, and an interrupted copy goes on from there"
        } else {
            "Nothing changes unless all of it arrives"
        };
        Description {
            does: format!("Loads {what} into {} {how}.", context.target.label()),
            effects: vec![
                "deletes the rows that stand in these tables".to_owned(),
                "takes foreign keys, and indexes of large tables, off and puts them back".to_owned(),
                "sets the sequences ahead of the data".to_owned(),
            ],
            way_back: match self.can_go_back(context) {
                true if chunked => format!("{until}; at any time the saved rows are put back."),
                true => format!("{until}; afterwards the saved rows are put back."),
                false if chunked => format!("{until}; there is no way back: no rows are saved."),
                false => format!("{until}; afterwards there is no way back: no rows are saved."),
            },
            reversible: self.can_go_back(context),
            changes: true,
        }
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let source = checking::unchecked(context, self.0.freeze).await?;
        let decided = self.load(context, source).decide(context).await;
        if decided.is_err() {
            // Damage explains every other failure.
            frozen::source_for(context, self.0.freeze).await?;
        }
        let mapping = decided?.mapping;
        let tables: Vec<_> = mapping.tables.into_iter().map(|table| table.target).collect();
        let client = context.session().await?;
        Checkpoint::of(&transfer::sequences(&client, &tables).await?)
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        // A run that is resumed may come back to a source that somebody wrote meanwhile.
        frozen::require_quiet_after_quiesce(context).await?;
        let checking = Checking::begin(context, self.0.freeze).await?;
        let load = self.load(context, checking.path.clone());
        let planned = match load.decide(context).await {
            Ok(planned) => planned,
            Err(error) => return Err(checking.or_damage(error).await),
        };
        let keeps =
            self.0.keep_undo && self.saved_by_truncate(context)?.is_none() && planned.report.problems.is_empty();
        let saved = if keeps {
            checking.passed().await?;
            Some(truncate::save(context, &load, &planned.mapping).await?)
        } else {
            None
        };
        let job = Job { gate: Some(&checking.gate), ..load.job(context) };
        let evidence = match transfer::copy(&job, &planned).await {
            Ok(evidence) => evidence,
            Err(error) => return Err(with_plan(checking.or_damage(error.into()).await, &planned)),
        };
        checking.passed().await?;
        let rows = evidence.tables.iter().map(|table| table.rows_loaded).sum();
        let rejected = match evidence.rejects_total {
            0 => String::new(),
            many => format!(", {} rejected", figures::count(many)),
        };
        Ok(Outcome {
            summary: format!(
                "{} into {}{rejected}",
                figures::counted(rows, "row"),
                figures::counted(evidence.tables.len() as u64, "table")
            ),
            outputs: [("rows".to_owned(), rows.to_string())].into(),
            left: failure::json(&Left { rows, saved })?,
            evidence: with_report(evidence, &planned),
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let left = left.map(failure::read::<Left>).transpose()?;
        let own = left.as_ref().and_then(|left| left.saved.clone());
        let load = self.load(context, frozen::source_for(context, false).await?);
        let mapping = load.decide(context).await?.mapping;
        if let Some(unfinished) = transfer::saved::unfinished(&context.target, &context.run).await? {
            return self.undo_unfinished(context, &load, &mapping, checkpoint, unfinished).await;
        }
        let arrived = load.compare(context, &mapping).await?;
        if left.is_none() && arrived.differences_total > 0 {
            let summary = "the copy never reached the target: nothing to take back".to_owned();
            return Ok(Outcome { summary, ..Outcome::default() });
        }
        let Some(saved) = own.or(self.saved_by_truncate(context)?) else {
            return Err(ActionError::failed(
                "the rows that stood in the target before the copy were not saved (no `truncate` step, no `keep_undo`): restore the target from a backup",
            ));
        };
        if arrived.differences_total > 0 && !context.lose_writes && !self.is_back(context, &load, &saved).await? {
            return Err(changed(&arrived, context));
        }
        let summary = truncate::put_back(context, &load, &mapping, &saved).await?;
        Ok(Outcome { summary, ..Outcome::default() })
    }

    async fn late_writes(&self, context: &Context) -> Result<u64, ActionError> {
        late_writes::count(context).await
    }

    async fn export_writes(&self, context: &Context, file: &Path) -> Result<u64, ActionError> {
        late_writes::export(context, file).await
    }
}

impl Copy {
    fn load(&self, context: &Context, source: PathBuf) -> Load {
        Load::new(context, source).with_jobs(self.0.jobs)
    }

    /// A copy in chunks that is not whole: whatever stands in its tables is its own. What it took off comes back in every case.
    async fn undo_unfinished(
        &self,
        context: &Context,
        load: &Load,
        mapping: &Mapping,
        checkpoint: &Checkpoint,
        unfinished: Unfinished,
    ) -> Result<Outcome, ActionError> {
        let job = load.job(context);
        let saved = match self.saved_by_truncate(context)? {
            Some(saved) => Some(saved),
            None => transfer::saved::kept(&job).await?,
        };
        let summary = match saved {
            Some(saved) => {
                transfer::saved::restore(&job, &saved).await?;
                let rows = saved.tables.iter().map(|table| table.rows).sum();
                format!("put {} back, and what was taken off", figures::counted(rows, "saved row"))
            }
            None => {
                let sequences: Vec<SequenceState> = failure::read(&checkpoint.0)?;
                transfer::saved::empty(&job, mapping, &sequences).await?;
                emptied(unfinished)
            }
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }

    fn can_go_back(&self, context: &Context) -> bool {
        self.0.keep_undo || !context.earlier(|settings| matches!(settings, Settings::Truncate(_))).is_empty()
    }

    fn saved_by_truncate(&self, context: &Context) -> Result<Option<Saved>, ActionError> {
        let outcome = context.outcome(|settings| matches!(settings, Settings::Truncate(_)));
        outcome.filter(|outcome| !outcome.left.is_null()).map(|outcome| failure::read(&outcome.left)).transpose()
    }

    /// Whether an undo that was cut short has put the rows back already.
    async fn is_back(&self, context: &Context, load: &Load, saved: &Saved) -> Result<bool, ActionError> {
        let mapping = load.decide(context).await?.mapping;
        let now = transfer::saved::fingerprint(&load.job(context), &mapping).await?;
        Ok(saved.tables.iter().all(|before| {
            now.iter().any(|table| {
                (&table.schema, &table.table, &table.digest) == (&before.schema, &before.table, &before.digest)
            })
        }))
    }
}

fn emptied(unfinished: Unfinished) -> String {
    let done = "emptied the tables, and put back what was taken off";
    match unfinished.rows_held {
        0 => done.to_owned(),
        rows => format!("{done}; {} that stood there were not saved and are gone", figures::counted(rows, "row")),
    }
}

fn changed(arrived: &Evidence, context: &Context) -> ActionError {
    let tables: Vec<&str> = arrived
        .tables
        .iter()
        .filter(|table| table.digest_source != table.digest_target)
        .map(|table| table.table.as_str())
        .take(10)
        .collect();
    let message = format!(
        "{} of {} differ from what the copy left ({}): somebody wrote them since, and going back would lose that; export it first (--export-writes FILE) or give it up (--lose-writes)",
        figures::counted(arrived.differences_total, "row"),
        context.target.label(),
        tables.join(", ")
    );
    ActionError::new(FailureKind::Waiting, message).with_evidence(arrived.clone())
}

fn with_plan(error: ActionError, planned: &Planned) -> ActionError {
    let evidence = with_report((*error.evidence).clone(), planned);
    error.with_evidence(evidence)
}

fn with_report(evidence: Evidence, planned: &Planned) -> Evidence {
    let plan = evidence.plan.or_else(|| Some(Box::new(planned.report.clone())));
    Evidence { plan, ..evidence }
}
