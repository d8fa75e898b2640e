//! The parameters' values and what is known about the target: what a runbook's templates are filled with.

use secrecy::SecretString;
use std::collections::BTreeMap;

/// Values of all parameters that have one. Debug shows the names of secret ones only.
#[derive(Clone, Debug, Default)]
pub struct Values {
    pub(super) plain: BTreeMap<String, String>,
    pub(super) secret: BTreeMap<String, SecretString>,
}

impl Values {
    /// Those that may be shown, journaled and given to `gather` again when a run is resumed.
    #[must_use]
    pub fn plain(&self) -> &BTreeMap<String, String> {
        &self.plain
    }

    /// Those that may not: for masking them in what commands print.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.secret.values()
    }
}

/// What templates may say about the target (`target.host`, …). There is no password here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// Host name, or the directory of the server's socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database name.
    pub database: String,
    /// User name.
    pub user: String,
}

/// What steps left behind so far: step id → name → value.
pub type Outputs = BTreeMap<String, BTreeMap<String, String>>;
