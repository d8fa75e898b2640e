//! The settings of every action: one type per kind, in the order of design and screen.
//!
//! `action` says what each does; here is only what an author may write under `with:`.

mod kubernetes;
mod pod;

pub use kubernetes::{
    Apply, Cleanup, ConfigValue, Helm, Inside, Job, ResumeSync, Same, Scale, SchemaPod, Sync, SyncController,
    ValueFrom, WorkloadEnv,
};
pub use pod::{TestPod, Toleration};

use super::Hidden;
use crate::evidence::IntervalUnit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An action with its settings. The variant's kebab-case name is the `action:` of the YAML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", content = "with", rename_all = "kebab-case")]
pub enum Settings {
    /// Every check that can fail later, now.
    Preflight(Preflight),
    /// A pod with the database's settings: proves that the cluster reaches it, and may carry the copy.
    TestPod(TestPod),
    /// A fresh instance of the application makes its schema.
    GenerateSchema(GenerateSchema),
    /// Reads a copy of the live source against the real schema.
    Scan(Scan),
    /// Stops the writers, or proves that there are none.
    Quiesce(Quiesce),
    /// Takes the frozen, checked copy of the source.
    Snapshot(Snapshot),
    /// Saves what the target's tables hold; the rows go in `copy`'s transaction.
    Truncate(Truncate),
    /// Loads all tables.
    Copy(Copy),
    /// Sets sequences ahead of the data, for targets that were loaded otherwise.
    ResetSequences(ResetSequences),
    /// Puts intervals right that another tool loaded in the wrong unit.
    RepairIntervals(RepairIntervals),
    /// Proves that the rows arrived.
    Verify(Verify),
    /// Lets the operator look at rows side by side.
    SpotCheck(SpotCheck),
    /// Edits the application's configuration file.
    SwitchConfig(SwitchConfig),
    /// Starts the application.
    Start(Start),
    /// Asks the application and the database whether they are well.
    Health(Health),
    /// Gives GitOps its sync back when the repository says what runs.
    ResumeSync(ResumeSync),
    /// Brings workloads to a number of replicas.
    Scale(Scale),
    /// Applies manifests of our own.
    Apply(Apply),
    /// Installs or upgrades a Helm release.
    Helm(Helm),
    /// Runs a Job to its end.
    Job(Job),
    /// Runs SQL on the target.
    Sql(Sql),
    /// Runs a command on this host.
    Shell(Shell),
    /// Waits until a command or query succeeds.
    Wait(Wait),
    /// Tells the operator to do something by hand.
    Manual(Manual),
    /// Removes what the run's steps left in the cluster.
    Cleanup(Cleanup),
}

/// No settings yet: the checks follow from the other steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Preflight {}

/// One of `command`, `sql`, and on Kubernetes `pod`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateSchema {
    /// Runs a fresh instance of the application against the target; may go on running, it is stopped when the schema
    /// is complete.
    pub command: Option<String>,
    /// SQL files, in order. psql's `\restrict`, `\unrestrict` and `COPY … FROM stdin` sections are understood.
    pub sql: Vec<PathBuf>,
    /// On Kubernetes: a fresh instance of the application in a pod of its own, removed when the schema is complete.
    pub pod: Option<SchemaPod>,
    /// Variables for the command.
    pub env: BTreeMap<String, Hidden>,
    /// How long the migration level may take to reach the source's.
    pub timeout_seconds: Option<u64>,
}

/// No settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scan {}

/// With neither command nor workloads: only the proof that nobody writes, repeated before the switch.
///
/// ```yaml
/// - action: quiesce
///   with: {workloads: [deployment/grafana], sync: [{controller: argocd, name: grafana, namespace: argocd}]}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quiesce {
    /// Stops the application.
    pub stop: Option<String>,
    /// Starts the application on its former configuration: the undo.
    pub start: Option<String>,
    /// Variables for both commands.
    pub env: BTreeMap<String, Hidden>,
    /// On Kubernetes: what writes the source, as `deployment/NAME` or `statefulset/NAME`. Each is scaled to 0, unless that would delete
    /// the source: then its writer is stopped inside the running pod. The undo brings the former replicas back.
    pub workloads: Vec<String>,
    /// How a writer is stopped inside its pod, where scaling down would delete the source.
    pub inside: Option<Inside>,
    /// GitOps objects to pause first.
    pub sync: Vec<Sync>,
    /// How long the source must stay unchanged.
    pub quiet_seconds: Option<f64>,
    /// How long stopping may take, command or pods.
    pub timeout_seconds: Option<u64>,
}

/// No settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {}

/// No settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Truncate {}

/// How to load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Copy {
    /// Connections: one is a single transaction, more are chunks; the runbook's `transfer.jobs` when absent.
    pub jobs: Option<usize>,
    /// Save the target's rows first, as `truncate` does: for runs without such a step.
    pub keep_undo: bool,
    /// Take the source file as it stands now and freeze it first: for runs without a `snapshot` step.
    pub freeze: bool,
}

/// No settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResetSequences {}

/// Where intervals are wrong. A value is repaired only when it is exactly what a wrong unit makes of the source's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepairIntervals {
    /// Write the values; otherwise they are only looked for.
    pub execute: bool,
    /// Freeze the source first: for runs without a `snapshot` step.
    pub freeze: bool,
    /// There is no source to compare with: only rows within `between` are repaired.
    pub without_source: bool,
    /// `TABLE.COLUMN` to `FROM..TO`: only rows whose column (a key or a time) lies within, both ends included.
    pub between: BTreeMap<String, String>,
    /// The wrong unit per `TABLE.COLUMN`, or `*`. With a source it is found; without one it is seconds.
    pub wrong_units: BTreeMap<String, IntervalUnit>,
}

/// How to compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Freeze the source first: for runs without a `snapshot` step.
    pub freeze: bool,
}

/// What to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpotCheck {
    /// Tables to begin with; the riskiest when empty.
    pub tables: Vec<String>,
    /// Rows per table.
    pub rows: Option<usize>,
}

/// One place that holds the application's configuration: a `file` on this host, or on Kubernetes a `configmap`, a Secret
/// (`secret_name`) or the `env` of a workload.
///
/// ```yaml
/// with: {configmap: grafana, key: grafana.ini, set: {database: {type: postgres, host: "db:5432"}}}
/// with: {configmap: values, key: config.yaml, format: yaml, set: {server.database: {type: postgres}}}
/// with: {secret_name: grafana-env, set: {"": {GF_DATABASE_TYPE: postgres}}} # no `key`: whole keys of the object
/// with: {env: {workload: deployment/grafana, set: {GF_DATABASE_TYPE: postgres}}}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SwitchConfig {
    /// A file on this host.
    pub file: Option<PathBuf>,
    /// The ConfigMap's name.
    pub configmap: Option<String>,
    /// The Secret's name.
    pub secret_name: Option<String>,
    /// The key of `configmap` or `secret_name` that holds a file. Without it `set`, `secret` and `unset` name whole keys of the
    /// object, under the empty section.
    pub key: Option<String>,
    /// Variables of a workload's container; nothing else is written beside it.
    pub env: Option<WorkloadEnv>,
    /// What the file or key is written in; by its ending when absent.
    pub format: Option<ConfigFormat>,
    /// Section to key to value. The section is empty for keys before the first and for environment files; in YAML it is the dotted path
    /// of the mapping, list items by their number.
    pub set: BTreeMap<String, BTreeMap<String, String>>,
    /// As `set`, for values that are never shown: a password that the file has to hold.
    pub secret: BTreeMap<String, BTreeMap<String, Hidden>>,
    /// Keys to comment out, per section; whole keys of an object are removed.
    pub unset: BTreeMap<String, Vec<String>>,
}

/// What a configuration file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfigFormat {
    /// Sections, `key = value`, `;` and `#` comments.
    Ini,
    /// `KEY=value` lines, with or without `export`.
    Env,
    /// Block mappings; comments and everything else stay as they are.
    Yaml,
}

/// How the application is brought up: by a command on this host, or on Kubernetes by its workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// Starts it.
    pub command: Option<String>,
    /// Stops it again: the undo.
    pub stop: Option<String>,
    /// Variables for both commands.
    pub env: BTreeMap<String, Hidden>,
    /// On Kubernetes: `deployment/NAME` or `statefulset/NAME`, brought up with as many replicas as before `quiesce`. The step is done
    /// when each has its pods ready and made anew. The undo scales them to 0.
    pub workloads: Vec<String>,
    /// Replicas, instead of what `quiesce` found.
    pub replicas: Option<u32>,
    /// How long it may take; 120 when absent, for workloads 300.
    pub timeout_seconds: Option<u64>,
}

/// Questions to the application and to the database; all must be answered well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Requests.
    pub http: Vec<HttpProbe>,
    /// Queries on the target.
    pub sql: Vec<SqlProbe>,
    /// Values that must be the same in two places.
    pub same: Vec<Same>,
    /// How long to try.
    pub timeout_seconds: Option<u64>,
}

/// A GET request and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Address.
    pub url: String,
    /// On Kubernetes: `pod/NAME`, `service/NAME`, `deployment/NAME` or `statefulset/NAME`; the request goes there by port-forward,
    /// to the port that the address names, instead of over the network.
    #[serde(default)]
    pub through: Option<String>,
    /// Status; 200 when absent.
    #[serde(default)]
    pub status: Option<u16>,
    /// JSON pointer to expected value.
    #[serde(default)]
    pub json: BTreeMap<String, serde_json::Value>,
    /// Text that the body must contain.
    #[serde(default)]
    pub body_contains: Option<String>,
}

/// A query and the text of its first column's first row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlProbe {
    /// The query.
    pub query: String,
    /// Its answer as text.
    pub expect: String,
}

/// Statements on the target, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// What to run.
    pub apply: String,
    /// What takes it back.
    #[serde(default)]
    pub undo: Option<String>,
}

/// A command on this host, by `sh -c`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shell {
    /// What to run.
    pub apply: String,
    /// What takes it back.
    #[serde(default)]
    pub undo: Option<String>,
    /// Variables.
    #[serde(default)]
    pub env: BTreeMap<String, Hidden>,
    /// How long it may take.
    #[serde(default)]
    pub timeout_seconds: Option<u64>,
}

/// A condition to wait for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wait {
    /// A command that ends with 0 when the condition holds.
    pub command: Option<String>,
    /// Variables for the command.
    pub env: BTreeMap<String, Hidden>,
    /// A query that answers `t` when the condition holds.
    pub query: Option<String>,
    /// Just this long.
    pub seconds: Option<f64>,
    /// When to give up.
    pub timeout_seconds: Option<u64>,
}

/// Something that a person does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// What to do.
    pub instructions: String,
    /// What takes it back, for a person too.
    #[serde(default)]
    pub undo: Option<String>,
}
