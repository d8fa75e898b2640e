//! One table's outcome.

use serde::{Deserialize, Serialize};

/// The key of a row: column name to value, in key order. Integers beyond 2⁵³ are strings, as the contract says.
pub type Key = serde_json::Map<String, serde_json::Value>;

/// What happened to one table, and its fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableResult {
    /// Schema-qualified name on the target, unquoted: `public.alerts_alert`.
    pub table: String,
    /// Rows in the source's table.
    pub rows_source: u64,
    /// Rows in the target's table after the load.
    pub rows_loaded: u64,
    /// Rows that a policy kept out.
    pub rows_rejected: u64,
    /// Digest of the rows as read from the source: 32 hex digits.
    pub digest_source: Option<String>,
    /// Digest of the rows as read back from the target; none where the target was not read back.
    pub digest_target: Option<String>,
    /// Wall time.
    pub seconds: f64,
    /// Encoded bytes sent or read.
    #[serde(default)]
    pub bytes: u64,
}
