//! How errors of the rooms below become failures of a step, and how checkpoints are read.

use super::{ActionError, Checkpoint, FailureKind};
use crate::connect::kubernetes::ClusterError;
use crate::connect::postgres::ConnectError;
use crate::connect::sqlite::FreezeError;
use crate::evidence::{Finding, Verdict};
use crate::schema::SchemaError;
use crate::transfer::TransferError;
use crate::verify::VerifyError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

impl ActionError {
    /// Tried and failed.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed, message)
    }

    /// The state of the world forbids it; nothing was touched.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }

    /// Stopped as asked.
    pub(super) fn interrupted(doing: &str) -> Self {
        Self::new(FailureKind::Interrupted, format!("{doing} was stopped as asked; `cutover resume` goes on with it"))
    }

    /// A statement on the target failed while `doing`.
    pub(super) fn sql(doing: &str, error: &tokio_postgres::Error) -> Self {
        Self::failed(format!("{doing}: {}", sql_reason(error)))
    }

    /// A file could not be read or written while `doing`.
    pub(super) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::failed(format!("{doing} {}: {error}", path.display()))
    }
}

/// What the server said, with its detail and hint; tokio-postgres' own words are `db error`.
pub(super) fn sql_reason(error: &tokio_postgres::Error) -> String {
    let Some(answer) = error.as_db_error() else {
        return std::error::Error::source(error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    };
    let more = [answer.detail(), answer.hint()].into_iter().flatten().map(|text| format!("; {text}"));
    format!("{} ({}){}", answer.message(), answer.code().code(), more.collect::<String>())
}

impl From<ConnectError> for ActionError {
    fn from(error: ConnectError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<ClusterError> for ActionError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Config(_) => Self::refused(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}

impl From<SchemaError> for ActionError {
    fn from(error: SchemaError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<FreezeError> for ActionError {
    fn from(error: FreezeError) -> Self {
        let kind = match error {
            FreezeError::Stopped { .. } => FailureKind::Interrupted,
            FreezeError::Io { .. }
            | FreezeError::Recover { .. }
            | FreezeError::Far { .. }
            | FreezeError::Transit { .. } => FailureKind::Failed,
            _ => FailureKind::Refused,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<TransferError> for ActionError {
    fn from(error: TransferError) -> Self {
        let message = error.to_string();
        match error {
            TransferError::Refused(_) => Self::refused(message),
            TransferError::Undecided(_) => Self::new(FailureKind::Undecided, message),
            TransferError::Rejected { evidence, .. } => Self { kind: FailureKind::Failed, message, evidence },
            TransferError::Interrupted(_) => Self::new(FailureKind::Interrupted, message),
            TransferError::Failed(_) => Self::failed(message),
        }
    }
}

impl From<VerifyError> for ActionError {
    fn from(error: VerifyError) -> Self {
        let kind = match error {
            VerifyError::Interrupted => FailureKind::Interrupted,
            _ => FailureKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl Checkpoint {
    /// `value` as it is journaled.
    pub(super) fn of<T: Serialize>(value: &T) -> Result<Self, ActionError> {
        Ok(Self(json(value)?))
    }

    /// What [`Checkpoint::of`] was given.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ActionError> {
        read(&self.0)
    }
}

/// `value` as it is journaled.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Value, ActionError> {
    serde_json::to_value(value).map_err(|error| ActionError::failed(format!("writing down the step's state: {error}")))
}

/// A journaled value as this version knows it.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, ActionError> {
    T::deserialize(value).map_err(|error| {
        ActionError::failed(format!(
            "the journal holds a state of this step that cannot be read ({error}); go on with the version of cutover that began the run"
        ))
    })
}

/// One question answered well.
pub(super) fn passed(check: impl Into<String>, detail: impl Into<String>) -> Finding {
    Finding { check: check.into(), verdict: Verdict::Passed, detail: detail.into(), remedy: String::new() }
}

/// One question answered badly.
pub(super) fn bad(check: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { check: check.into(), verdict: Verdict::Failed, detail: detail.into(), remedy: remedy.into() }
}

/// One question that only a later step can answer.
pub(super) fn put_off(check: impl Into<String>, step: &str, detail: impl Into<String>) -> Finding {
    Finding {
        check: check.into(),
        verdict: Verdict::PutOff(step.to_owned()),
        detail: detail.into(),
        remedy: String::new(),
    }
}

/// One question that only the operator can answer.
pub(super) fn unknown(check: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { check: check.into(), verdict: Verdict::Unknown, detail: detail.into(), remedy: remedy.into() }
}
