//! The settings of pods of ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A pod that has the target's address from its Secret. Policies and quotas are why such pods fail, so what they ask for can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestPod {
    /// An image with a shell and `psql`.
    pub image: String,
    /// Labels beside ours: a network policy may want one before it lets the pod reach the database.
    pub labels: BTreeMap<String, String>,
    /// Annotations: a service mesh may have to be told to leave the pod alone.
    pub annotations: BTreeMap<String, String>,
    /// The service account that it runs as; its token is not mounted.
    pub service_account: Option<String>,
    /// Secrets that the image is pulled with.
    pub image_pull_secrets: Vec<String>,
    /// Labels of the nodes that it may run on.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that it puts up with.
    pub tolerations: Vec<Toleration>,
    /// What it asks for: `cpu`, `memory` to quantity.
    pub requests: BTreeMap<String, String>,
    /// What it may use at most.
    pub limits: BTreeMap<String, String>,
    /// The user that it runs as; never 0.
    pub run_as_user: Option<u32>,
    /// After so long it ends by itself.
    pub lifetime_seconds: Option<u64>,
    /// How long it may take until it is ready and the database has answered.
    pub timeout_seconds: Option<u64>,
}

impl Default for TestPod {
    fn default() -> Self {
        let quantities = |cpu: &str, memory: &str| {
            [("cpu", cpu), ("memory", memory)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        };
        Self {
            image: "postgres:17".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            service_account: None,
            image_pull_secrets: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            requests: quantities("50m", "64Mi"),
            limits: quantities("1", "256Mi"),
            run_as_user: None,
            lifetime_seconds: None,
            timeout_seconds: None,
        }
    }
}

/// A taint that a pod puts up with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Toleration {
    /// The taint's key; all when empty.
    pub key: String,
    /// Its value; any when empty.
    pub value: String,
    /// `NoSchedule`, `NoExecute`, `PreferNoSchedule`; all when empty.
    pub effect: String,
}
