//! The shape of the YAML: what serde and the JSON schema are made from.
//!
//! Between the text and these types stands [`super::walk`], which finds every mistake; by the time serde sees a value it fits.

use super::checked::{Downtime, GatewayKind, MigrationTable, Platform, SecretKeys, ZonePolicy};
use crate::evidence::{IntervalUnit, Policy};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A runbook: the steps that bring a service from SQLite to PostgreSQL.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Runbook")]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// Short name, shown in the first line of the screen.
    pub name: String,
    /// What it is for, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Values that are given from outside, by `--set NAME=VALUE`; templates name them as `{{ NAME }}`.
    #[serde(default)]
    pub parameters: Ordered<WrittenParameter>,
    /// Where the rows come from.
    pub source: WrittenSource,
    /// Where the rows go.
    #[serde(default)]
    pub target: WrittenTarget,
    /// The application that is cut over.
    #[serde(default)]
    pub service: WrittenService,
    /// How values are converted, and what happens to those that do not fit.
    #[serde(default)]
    pub transfer: WrittenTransfer,
    /// The longest service-down time that is wanted, such as `5m`; past it rollback is proposed.
    #[serde(default)]
    pub downtime_budget: Option<String>,
    /// The id of the step after which going back loses writes.
    #[serde(default)]
    pub point_of_no_return: Option<String>,
    /// The steps, in order.
    pub steps: Vec<WrittenStep>,
}

/// A value that is given from outside.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Parameter")]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenParameter {
    /// What it means.
    pub description: String,
    /// Value when none is given; without one an absent parameter is empty text.
    pub default: Option<String>,
    /// Whether a value has to be given.
    pub required: bool,
    /// The values that are allowed; any when empty.
    pub choices: Vec<String>,
    /// Whether the value is never shown. It then comes from the environment (`CUTOVER_SECRET_NAME`, or the file that
    /// `CUTOVER_SECRET_NAME_FILE` names) or from a prompt, and may stand only in settings that are never shown.
    pub secret: bool,
}

/// The SQLite side: a file on this host, or on the cluster with one of `workload`, `selector` and `claim`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Source")]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenSource {
    /// The database file: on this host, as the application's container sees it, or as it lies within the claim. On the cluster it is
    /// looked for on the container's volumes when absent.
    pub sqlite: String,
    /// The workload whose pods have the file: `deployment/NAME` or `statefulset/NAME`.
    pub workload: Option<String>,
    /// Labels of the pods that have the file, where no workload is named: `app=grafana`.
    pub selector: Option<String>,
    /// The container that sees the file; the first when absent.
    pub container: Option<String>,
    /// The persistent volume claim that holds the file, where no workload says it.
    pub claim: Option<String>,
    /// Image of the pod that reads the claim while the workload is down; the workload's own when absent. It needs a shell and `cat`
    /// or `dd`.
    pub image: Option<String>,
    /// User id that reads the claim, where the workload's own settings do not say it.
    pub user: Option<i64>,
}

/// The PostgreSQL side. Its address is never written here: it comes from the environment, or from a Secret of the cluster.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Target")]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenTarget {
    /// Name of the environment variable that holds the address.
    pub url_from: String,
    /// Name of the Secret, in the service's namespace, that holds the address; instead of `url_from`.
    pub secret: String,
    /// What the Secret calls its pieces.
    pub keys: Option<SecretKeys>,
    /// How the database is reached from here.
    pub gateway: GatewayKind,
    /// For `gateway: port-forward`: `pod/NAME` or `service/NAME`.
    pub forward_to: String,
    /// Schemas whose tables are considered; when empty the first of the search path.
    pub schemas: Vec<String>,
}

impl Default for WrittenTarget {
    fn default() -> Self {
        Self {
            url_from: "DATABASE_URL".to_owned(),
            secret: String::new(),
            keys: None,
            gateway: GatewayKind::default(),
            forward_to: String::new(),
            schemas: Vec::new(),
        }
    }
}

/// The application.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Service")]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenService {
    /// Its name, to be typed at gates of kind `typed`; the runbook's name when empty.
    pub name: String,
    /// Where it runs, as shown: a host name; context and namespace when empty on a cluster.
    pub place: String,
    /// What it runs on.
    pub platform: Platform,
    /// On a cluster: the context of the kubeconfig; `--context` goes before it. The kubeconfig's current one is never taken.
    pub context: String,
    /// On a cluster: the namespace.
    pub namespace: String,
}

/// How values are converted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Transfer")]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenTransfer {
    /// Unit of integer columns that become intervals, per `TABLE.COLUMN`; `*` for all.
    pub interval_units: BTreeMap<String, IntervalUnit>,
    /// What to do with a zone in a column that has none, per `TABLE.COLUMN`; `*` for all.
    pub zones: BTreeMap<String, ZonePolicy>,
    /// What to do with cells that do not fit, unless a column says otherwise.
    pub on_reject: Policy,
    /// What to do with cells that do not fit, per `TABLE.COLUMN`.
    pub columns: BTreeMap<String, Policy>,
    /// Only these tables; all when empty. A trailing `*` matches a prefix.
    pub include: Vec<String>,
    /// Not these tables, nor these columns (`TABLE.COLUMN`).
    pub exclude: Vec<String>,
    /// A migration table that is not among those that are recognised.
    pub migration_table: Option<MigrationTable>,
    /// Go on although the migration levels differ.
    pub accept_levels: bool,
    /// Connections: one is a single transaction; with more the rows go in chunks, each a transaction with its ledger entry.
    /// When absent, the estimate decides.
    pub jobs: Option<usize>,
    /// Rows of a chunk at most. When absent a chunk is what goes through in some tenths of a second.
    pub chunk_rows: Option<u64>,
    /// How long a single transaction may take by estimate (`10m`, the default) before the copy goes in chunks.
    pub atomic_within: Option<String>,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Step")]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenStep {
    /// Unique in the runbook: lower case letters, digits and hyphens. The action's name when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// What the step does.
    pub action: String,
    /// The action's settings.
    #[serde(default)]
    pub with: serde_json::Map<String, serde_json::Value>,
    /// Why it is there.
    #[serde(default)]
    pub note: String,
    /// Where the operator must agree first.
    #[serde(default)]
    pub gate: WrittenGate,
    /// A template; the step is left out when it comes out as nothing, `false`, `no` or `0`.
    #[serde(default)]
    pub when: Option<String>,
    /// Whether the service is down from this step on, or up again after it.
    #[serde(default)]
    pub downtime: Option<Downtime>,
}

/// Where the operator must agree before a step starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Gate")]
#[serde(rename_all = "kebab-case")]
pub(super) enum WrittenGate {
    /// Nowhere.
    #[default]
    None,
    /// A dialog that starts on Cancel.
    Confirm,
    /// A dialog in which this name has to be typed.
    Typed(String),
}

/// A map whose order counts, as it does for parameters: they are asked for and shown as their author arranged them.
#[derive(Clone, Debug)]
pub(super) struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<BTreeMap<String, T>>()
    }
}
