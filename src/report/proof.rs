//! What a run as a whole proved: the evidence of its steps, put together.

use crate::engine::snapshot::{Snapshot, Status, StepView};
use crate::evidence::{ColumnRepair, Difference, Reject, TableResult};
use std::collections::BTreeMap;

/// Tables, rejects and differences of a run. Steps that were taken back no longer count: what they proved is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proof {
    /// One entry per table, in the order in which they were loaded; verify's figures stand over copy's.
    pub tables: Vec<TableResult>,
    /// The refused cells and rows that are listed.
    pub rejects: Vec<Reject>,
    /// All of them.
    pub rejects_total: u64,
    /// The differences that are listed.
    pub differences: Vec<Difference>,
    /// All of them.
    pub differences_total: u64,
    /// What was found about interval columns that were loaded in the wrong unit.
    pub repairs: Vec<ColumnRepair>,
}

impl Proof {
    /// Puts together what the steps of `snapshot` proved.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut proof = Self::default();
        let standing = snapshot.steps.iter().filter(|step| !matches!(step.status, Status::Undone | Status::Pending));
        let mut places = BTreeMap::new();
        for step in standing {
            proof.take_tables(step, &mut places);
            proof.take_lists(step);
        }
        proof
    }

    /// Rows that stand in the target, as far as somebody counted them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows_loaded).sum()
    }

    /// Tables whose rows were read back and found equal.
    #[must_use]
    pub fn equal(&self) -> usize {
        self.tables.iter().filter(|table| is_equal(table) == Some(true)).count()
    }

    fn take_tables(&mut self, step: &StepView, places: &mut BTreeMap<String, usize>) {
        for found in &step.evidence.tables {
            match places.get(&found.table).and_then(|place| self.tables.get_mut(*place)) {
                Some(known) => merge(known, found),
                None => {
                    places.insert(found.table.clone(), self.tables.len());
                    self.tables.push(found.clone());
                }
            }
        }
    }

    /// The step that loads or compares has the word; one that only looked ahead gives way to it.
    fn take_lists(&mut self, step: &StepView) {
        let evidence = &step.evidence;
        if evidence.rejects_total > 0 || step.action == "copy" {
            self.rejects.clone_from(&evidence.rejects);
            self.rejects_total = evidence.rejects_total.max(evidence.rejects.len() as u64);
        }
        if !evidence.repairs.is_empty() {
            self.repairs.clone_from(&evidence.repairs);
        }
        if evidence.differences_total > 0 || step.action == "verify" {
            self.differences.clone_from(&evidence.differences);
            self.differences_total = evidence.differences_total.max(evidence.differences.len() as u64);
        }
    }
}

/// Whether both sides are equal; none where the target was not read back.
#[must_use]
pub fn is_equal(table: &TableResult) -> Option<bool> {
    let target = table.digest_target.as_ref()?;
    Some(table.digest_source.as_ref() == Some(target))
}

fn merge(known: &mut TableResult, later: &TableResult) {
    known.rows_source = later.rows_source;
    known.rows_loaded = later.rows_loaded;
    known.rows_rejected = known.rows_rejected.max(later.rows_rejected);
    if later.digest_source.is_some() {
        known.digest_source.clone_from(&later.digest_source);
    }
    if later.digest_target.is_some() {
        known.digest_target.clone_from(&later.digest_target);
    }
    known.seconds += later.seconds;
    known.bytes = known.bytes.max(later.bytes);
}

#[cfg(test)]
mod tests {
    use super::{Proof, is_equal};
    use crate::engine::snapshot::Status;
    use crate::evidence::{Evidence, TableResult};
    use crate::report::sample;
    use std::sync::Arc;

    #[test]
    fn verify_stands_over_copy() {
        let proof = Proof::of(&sample::finished());
        assert_eq!(proof.tables.len(), 2);
        assert_eq!(proof.equal(), 2);
        assert_eq!(proof.rows(), 12);
        assert_eq!(is_equal(&proof.tables[0]), Some(true));
    }

    #[test]
    fn what_was_taken_back_proves_nothing() {
        let mut snapshot = sample::finished();
        for step in &mut snapshot.steps {
            step.status = Status::Undone;
        }
        assert_eq!(Proof::of(&snapshot), Proof::default());
    }

    #[test]
    fn a_copy_without_rejects_replaces_what_a_scan_feared() {
        let mut snapshot = sample::rejected();
        let feared = Arc::clone(&snapshot.steps[0].evidence);
        assert_eq!(feared.rejects_total, 0, "the sample's first step only checks");
        snapshot.steps[0].evidence = Arc::clone(&snapshot.steps[1].evidence);
        snapshot.steps[1].evidence = Arc::new(Evidence { tables: vec![TableResult::default()], ..Evidence::default() });
        assert_eq!(Proof::of(&snapshot).rejects_total, 0);
    }
}
