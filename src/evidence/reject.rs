//! Source cells and rows that the target refuses.

use super::Key;
use serde::{Deserialize, Serialize};

/// A cell or row of the source that the target cannot hold, and what was done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reject {
    /// Schema-qualified name on the target.
    pub table: String,
    /// The row's key; the rowid where the table has none.
    pub key: Key,
    /// The column; none where the whole row is refused (unique, foreign key).
    pub column: Option<String>,
    /// How SQLite holds the value.
    pub storage: StorageClass,
    /// The value, cut to 200 characters and with control characters escaped; blobs as `\x…`.
    pub value: Option<String>,
    /// Why the target refuses it.
    pub reason: String,
    /// What the policy did.
    pub action: Policy,
}

/// SQLite's storage classes (<https://www.sqlite.org/datatype3.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageClass {
    /// NULL.
    Null,
    /// 64-bit signed integer.
    Integer,
    /// 64-bit IEEE 754 number.
    Real,
    /// Text, which SQLite does not check to be valid in the database's encoding.
    Text,
    /// Bytes.
    Blob,
}

/// What to do with a cell that the target refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Stop the run; nothing stays loaded.
    #[default]
    Stop,
    /// Load NULL instead of the cell.
    Null,
    /// Load the nearest value that the target holds (text cut to length, NUL removed, invalid UTF-8 replaced).
    Replace,
    /// Leave the row out, and with it the rows that refer to it.
    SkipRow,
}

impl Policy {
    /// Its name, as in the runbook.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Null => "null",
            Self::Replace => "replace",
            Self::SkipRow => "skip-row",
        }
    }
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stop" => Ok(Self::Stop),
            "null" => Ok(Self::Null),
            "replace" => Ok(Self::Replace),
            "skip-row" => Ok(Self::SkipRow),
            _ => Err(format!("`{text}` is no policy: write stop, null, replace or skip-row")),
        }
    }
}
