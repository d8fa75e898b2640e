//! Why a schema could not be read.

/// Why a schema could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The target's catalog.
    #[error("reading the target's catalog ({what}): {reason}")]
    Target {
        /// Which part.
        what: &'static str,
        /// What came back.
        reason: String,
    },
    /// The source's schema.
    #[error("reading the source's schema ({what}): {source}")]
    Source {
        /// Which part.
        what: String,
        /// What came back.
        source: rusqlite::Error,
    },
}
