//! Takes the frozen, checked copy of the source that everything afterwards reads from.

use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen, source};
use crate::connect::kubernetes::Permission;
use crate::figures;
use async_trait::async_trait;
use serde_json::Value;

/// The action.
pub(super) struct Snapshot;

#[async_trait]
impl Action for Snapshot {
    fn describe(&self, context: &Context) -> Description {
        let source = context.runbook.source.label();
        Description {
            does: format!("Copies {source} with its journals to the run's directory, recovers and checks the copy."),
            effects: [
                format!("reads {source}, -wal and -journal; never opens them with SQLite"),
                format!("writes {}", frozen::snapshot_path(context).display()),
            ]
            .into_iter()
            .chain(context.runbook.source.pod.as_ref().map(|_| {
                "compares length and SHA-256 on both ends; where the workload is down, a pod of this run mounts its claim".to_owned()
            }))
            .collect(),
            way_back: match context.runbook.source.pod {
                None => "Removes the copy.".to_owned(),
                Some(_) => "The copy stays until the run is forgotten.".to_owned(),
            },
            reversible: true,
            changes: true,
        }
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        source::permissions(context)
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let path = frozen::snapshot_path(context);
        let record = frozen::take_unless_same(context, &path).await?;
        source::release_reader(context).await?;
        let odd = record.odd.iter().map(|oddity| failure::passed("source's oddities", oddity.as_str())).collect();
        let outputs = [("path", path.display().to_string()), ("sha256", record.sha256.clone())];
        Ok(Outcome {
            summary: format!(
                "{}, sha256 {}…",
                figures::bytes(record.bytes),
                &record.sha256[..16.min(record.sha256.len())]
            ),
            outputs: outputs.map(|(name, value)| (name.to_owned(), value)).into(),
            left: failure::json(&record)?,
            evidence: crate::evidence::Evidence { findings: odd, ..Default::default() },
        })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        source::remove_reader(context).await?;
        // The source may have gone with its pod: then this copy is all that is left of it, and the undo of `quiesce` needs it.
        let summary = if context.runbook.source.pod.is_some() {
            "the copy stays in the run's directory until the run is forgotten: the source may have gone with its pod"
        } else if frozen::remove(&frozen::snapshot_path(context))? {
            "removed the copy"
        } else {
            "the copy was gone already"
        };
        Ok(Outcome { summary: summary.to_owned(), ..Outcome::default() })
    }
}
