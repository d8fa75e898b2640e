//! A runbook as checked: every template is filled in, every name resolved, every setting typed.

use super::Settings;
use crate::evidence::{IntervalUnit, Policy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A step's id: unique in its runbook, lower case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for StepId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A runbook that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    /// Short name, shown in the first line of the screen.
    pub name: String,
    /// What it is for, in a sentence or two.
    pub description: String,
    /// Parameters as declared, in order.
    pub parameters: Vec<Parameter>,
    /// Where the rows come from.
    pub source: Source,
    /// Where the rows go.
    pub target: Target,
    /// The application that is cut over.
    pub service: Service,
    /// How values are converted, and what happens to those that do not fit.
    pub transfer: TransferOptions,
    /// The longest service-down time that is wanted; past it the screen proposes rollback.
    pub downtime_budget: Option<Duration>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The step after which going back loses writes, if the runbook names one.
    pub point_of_no_return: Option<StepId>,
}

/// A parameter's declaration. Values are not kept here: secret ones must not be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name, as in `--set NAME=VALUE`.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Value when none is given.
    pub default: Option<String>,
    /// Whether a value has to be given.
    pub required: bool,
    /// The values that are allowed; any when empty.
    pub choices: Vec<String>,
    /// Whether the value comes only from environment, file or prompt and is never shown.
    pub secret: bool,
}

/// The SQLite side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The database file: on this host; with `pod` as the application's container sees it, or as it lies within the claim. Empty
    /// where it is to be found.
    pub sqlite: PathBuf,
    /// Which pods or which claim hold the file; none when it is on this host.
    pub pod: Option<SourcePod>,
}

/// Where on the cluster the file is: in the pods of `workload` or `selector`, or on `claim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePod {
    /// `deployment/NAME` or `statefulset/NAME`.
    pub workload: Option<String>,
    /// Labels of the pods, where no workload is named: `app=grafana`.
    pub selector: Option<String>,
    /// The container that sees the file; the first when absent.
    pub container: Option<String>,
    /// The persistent volume claim that holds the file, where no workload is named or it is not to be taken from its pods.
    pub claim: Option<String>,
    /// Image of the pod that reads the claim while the workload is down: the workload's own when absent. It has a shell and `cat`
    /// or `dd`.
    pub image: Option<String>,
    /// User id that reads the claim, where the workload's own settings do not say it.
    pub user: Option<i64>,
}

impl Source {
    /// A file on this host.
    #[must_use]
    pub fn on_host(sqlite: impl Into<PathBuf>) -> Self {
        Self { sqlite: sqlite.into(), pod: None }
    }

    /// The source as shown: its path, and where on the cluster that is.
    #[must_use]
    pub fn label(&self) -> String {
        let Some(pod) = &self.pod else { return self.sqlite.display().to_string() };
        let whose = match (&pod.workload, &pod.selector, &pod.claim) {
            (Some(workload), ..) => workload.clone(),
            (None, Some(selector), _) => format!("pods with {selector}"),
            (None, None, claim) => format!("claim {}", claim.as_deref().unwrap_or("?")),
        };
        match self.sqlite.as_os_str().is_empty() {
            true => format!("the database in {whose}"),
            false => format!("{} in {whose}", self.sqlite.display()),
        }
    }
}

/// The PostgreSQL side. The address comes from the environment or a Secret and is kept by `connect`, never here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Environment variable that holds the URL; `DATABASE_URL` unless told otherwise.
    pub url_from: String,
    /// The Secret that holds the address instead.
    pub secret: Option<SecretTarget>,
    /// Schemas whose tables are considered; empty means the search path's first.
    pub schemas: Vec<String>,
}

impl Default for Target {
    fn default() -> Self {
        Self { url_from: "DATABASE_URL".to_owned(), secret: None, schemas: Vec::new() }
    }
}

/// A target whose address is in a Secret of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretTarget {
    /// The Secret's name.
    pub name: String,
    /// What it calls the pieces of the address.
    pub keys: SecretKeys,
    /// How the database is reached from here.
    pub gateway: Gateway,
}

/// What a Secret calls the pieces of an address. Pieces other than host, user and password may be absent from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretKeys {
    /// The host, as pods of the namespace know it and as the server's certificate names it.
    pub host: String,
    /// The port; 5432 when the Secret has none.
    pub port: String,
    /// The database; the user's name when the Secret has none.
    pub name: String,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The grade of TLS, as in `sslmode=…`; `verify-full` when the Secret has none.
    pub sslmode: String,
    /// Certificates of the authorities that the server's comes from, as PEM; this host's own store when the Secret has none.
    pub ca: String,
}

impl Default for SecretKeys {
    fn default() -> Self {
        let [host, port, name, user, password, sslmode, ca] =
            ["host", "port", "name", "user", "password", "sslmode", "ca.crt"].map(str::to_owned);
        Self { host, port, name, user, password, sslmode, ca }
    }
}

/// How a database that the runbook's Secret names is reached, as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayKind {
    /// This host connects by itself.
    #[default]
    Direct,
    /// The API server forwards to a pod or service.
    PortForward,
    /// The runbook's test pod connects.
    Exec,
}

/// How a database that the runbook's Secret names is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// This host connects by itself.
    Direct,
    /// The API server forwards to this pod.
    Pod(String),
    /// The API server forwards to a ready pod of this service.
    Service(String),
    /// The pod that this step makes connects.
    TestPod(StepId),
}

/// What a service runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// Files and commands of this host.
    #[default]
    Local,
    /// A Kubernetes cluster.
    Kubernetes,
}

/// The application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name, to be typed at gates of kind [`Gate::Typed`].
    pub name: String,
    /// Where it runs, as shown: a host name, or context and namespace.
    pub place: String,
    /// What it runs on.
    pub platform: Platform,
    /// The context of the kubeconfig that the runbook names; empty when the operator has to.
    pub context: String,
    /// The namespace.
    pub namespace: String,
}

/// How values are converted. Also what the stand-alone `copy` and `verify` fill from their options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransferOptions {
    /// Unit per `TABLE.COLUMN`; `*` for all. Table names may be given with or without schema.
    pub interval_units: BTreeMap<String, IntervalUnit>,
    /// Zone policy per `TABLE.COLUMN`; `*` for all.
    pub zones: BTreeMap<String, ZonePolicy>,
    /// What to do with cells that do not fit, unless a column says otherwise.
    pub on_reject: Policy,
    /// Policy per `TABLE.COLUMN`.
    pub columns: BTreeMap<String, Policy>,
    /// Only these tables; all when empty. A trailing `*` matches a prefix.
    pub include: Vec<String>,
    /// Not these tables, nor these columns (`TABLE.COLUMN`).
    pub exclude: Vec<String>,
    /// Schemas of the target; empty means the search path's first.
    pub schemas: Vec<String>,
    /// A migration table that is not in the built-in list: name and key columns.
    pub migration_table: Option<MigrationTable>,
    /// Go on although the levels differ: the operator's word.
    pub accept_levels: bool,
    /// Connections: one is a single transaction, more are chunks. When absent, the estimate decides.
    pub jobs: Option<usize>,
    /// Rows of a chunk at most; by the width of the table's rows when absent.
    pub chunk_rows: Option<u64>,
    /// How long a single transaction may take by estimate, where `jobs` leaves it open; ten minutes when absent.
    pub atomic_within: Option<Duration>,
}

/// A migration table by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationTable {
    /// Table name, the same on both sides.
    pub table: String,
    /// Columns that identify a migration.
    pub columns: Vec<String>,
}

/// What to do with a value that names a zone, in a column that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ZonePolicy {
    /// Shift to UTC and drop the zone.
    #[default]
    Utc,
    /// Keep the clock reading and drop the zone.
    AsWritten,
    /// Reject the cell.
    Refuse,
}

impl std::str::FromStr for ZonePolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "utc" => Ok(Self::Utc),
            "as-written" => Ok(Self::AsWritten),
            "refuse" => Ok(Self::Refuse),
            _ => Err(format!("`{text}` is no zone policy: write utc, as-written or refuse")),
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Unique in the runbook.
    pub id: StepId,
    /// What the step does, with its settings.
    pub settings: Settings,
    /// Why it is there, in the author's words.
    pub note: String,
    /// Where the operator must agree first.
    pub gate: Gate,
    /// Whether the service is down from this step on, or up again after it.
    pub downtime: Option<Downtime>,
}

/// A step's part in the outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Downtime {
    /// The service is down from here.
    Begins,
    /// The service is up again when this step is done.
    Ends,
}

/// Where the operator must agree before a step starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Nowhere.
    #[default]
    None,
    /// A dialog that starts on Cancel.
    Confirm,
    /// A dialog in which this name has to be typed.
    Typed(String),
}
