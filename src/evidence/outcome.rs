//! What a step says of itself: before it runs, before it changes anything, and when it has ended.

use super::Evidence;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a step will do, for the screen and for gates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// One sentence.
    pub does: String,
    /// What is read, written, deleted: a line each, names and counts in it.
    pub effects: Vec<String>,
    /// How to get back; says so where there is no way.
    pub way_back: String,
    /// Whether the undo brings back what stood there.
    pub reversible: bool,
    /// Whether the step changes anything at all.
    pub changes: bool,
}

/// What an action records before it changes anything. Never holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub serde_json::Value);

/// How a step ended well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// One line: what was done, with figures.
    pub summary: String,
    /// Values that later steps' templates may name as `steps.ID.NAME`.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// What the step left behind, to be compared before an undo: hashes, counts, digests.
    #[serde(default)]
    pub left: serde_json::Value,
    /// What was proved.
    #[serde(default)]
    pub evidence: Evidence,
}

/// Kinds of failure, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Tried and failed: exit 1.
    Failed,
    /// The state of the world forbids it; nothing was touched: exit 1 with `"refused":true`.
    Refused,
    /// The operator has to decide something first (a unit): exit 2.
    Undecided,
    /// Differences were found: exit 4.
    Differences,
    /// A person has to act: exit 3.
    Waiting,
    /// Stopped because the operator or a signal asked.
    Interrupted,
}
