//! Secrets, read by name and into memory only.

use super::{Cluster, ClusterError};
use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use std::collections::BTreeMap;

impl Cluster {
    /// What a Secret holds, by key; none when it is not there. Values that are no text are left out. Wants the verb `get` on that
    /// one Secret.
    ///
    /// # Errors
    /// When nobody answers, or the user may not.
    pub async fn secret(&self, name: &str) -> Result<Option<BTreeMap<String, SecretString>>, ClusterError> {
        let secret: Option<Secret> = self.find(name).await?;
        let text = |(key, value): (String, k8s_openapi::ByteString)| {
            Some((key, SecretString::from(String::from_utf8(value.0).ok()?)))
        };
        Ok(secret.map(|secret| secret.data.into_iter().flatten().filter_map(text).collect()))
    }
}
