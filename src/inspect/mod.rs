//! Answers what the screen asks of the databases. Read-only, and never in the way of a run: it has sessions of its own.

mod bucket;
mod cluster;
mod column;
mod database;
mod psql;
mod risk;
mod rows;
mod sides;
mod tables;

pub use database::DatabaseInspect;

use crate::evidence::Key;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The port through which the driver has queries answered. Handed to it by the composition root.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Answers `query` into `view`, leaving alone what the query does not ask about. Never fails: what went wrong goes into
    /// [`DataView::error`].
    async fn answer(&self, context: &crate::action::Context, query: &Query, view: &mut DataView);

    /// Opens psql in the run's test pod, in a terminal of so many columns and rows. Credentials stay in the pod.
    ///
    /// # Errors
    /// Why it cannot be opened, in words for the operator.
    async fn terminal(&self, _context: &crate::action::Context, _size: (u16, u16)) -> Result<PodTerminal, String> {
        Err("there is no pod to open a terminal in".to_owned())
    }
}

/// A program in a pod that has the operator's terminal: what it writes is read from the stream, keys are written to it.
#[derive(Debug)]
pub struct PodTerminal {
    /// What it is: `psql in pod cutover-…`.
    pub label: String,
    /// Its input and output. Ends with the program.
    pub stream: tokio::io::DuplexStream,
    /// Takes the size, in columns and rows, whenever it changes.
    pub sizes: tokio::sync::mpsc::Sender<(u16, u16)>,
}

/// What the screen wants to see of the databases; answered into the snapshot, never changes anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// The tables with their counts on both sides.
    Tables,
    /// Rows of a table, side by side.
    Rows {
        /// Schema-qualified table on the target.
        table: String,
        /// Which rows.
        pick: RowPick,
        /// At most this many.
        limit: usize,
    },
    /// The cluster as it stands now.
    Cluster {
        /// Pod and container whose log is to be followed.
        log: Option<(String, String)>,
    },
    /// The distribution of a column on both sides.
    Column {
        /// Schema-qualified table on the target.
        table: String,
        /// Column.
        column: String,
    },
}

/// Which rows to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowPick {
    /// Extremes, nulls, longest, non-ASCII, boundary values.
    #[default]
    Riskiest,
    /// A sample that the same seed gives again.
    Sample(u64),
    /// The row with this key, as text.
    Key(String),
    /// Rows in which verify found a difference.
    Differing,
}

/// What the inspect port answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DataView {
    /// Tables with their counts.
    pub tables: Vec<TableCounts>,
    /// The table whose rows are shown.
    pub rows: Option<RowsView>,
    /// The column whose distribution is shown.
    pub column: Option<ColumnView>,
    /// The cluster as it was last seen; told as part of the snapshot.
    #[serde(skip)]
    pub cluster: Option<std::sync::Arc<ClusterView>>,
    /// Why the last query could not be answered.
    pub error: Option<String>,
}

/// The cluster as it was last seen: what stands there of the service and of this run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The kubeconfig's context.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// Deployments and stateful sets of the service, and how far their rollout is.
    pub workloads: Vec<WorkloadView>,
    /// Pods of the service and of this run.
    pub pods: Vec<PodView>,
    /// What the cluster said lately, the newest last.
    pub events: Vec<ClusterEvent>,
    /// The last lines of the chosen pod's log.
    pub log: Option<PodLog>,
    /// Why the cluster could not be looked at.
    pub error: Option<String>,
}

/// A workload and its rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadView {
    /// `deployment/grafana`.
    pub name: String,
    /// Replicas wanted.
    pub wanted: u32,
    /// Replicas of the newest template.
    pub updated: u32,
    /// Replicas ready.
    pub ready: u32,
    /// What it waits for, in words; empty when nothing.
    pub message: String,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its phase, or the reason that explains it better: `Running`, `ImagePullBackOff`.
    pub state: String,
    /// Containers ready.
    pub ready: u32,
    /// Containers in all.
    pub containers: u32,
    /// What they are called.
    pub container_names: Vec<String>,
    /// Restarts of all containers.
    pub restarts: u32,
    /// Where it runs.
    pub node: String,
    /// Seconds since it was made.
    pub age_seconds: f64,
    /// Whether it is well.
    pub healthy: bool,
}

/// An event of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterEvent {
    /// When it was last seen.
    pub at: Option<jiff::Timestamp>,
    /// What it is about: `pod/grafana-7d…`.
    pub object: String,
    /// `FailedScheduling` and the like.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Whether the cluster calls it a warning.
    pub warning: bool,
    /// How often.
    pub count: u32,
}

/// The end of a pod's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodLog {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its last lines, oldest first.
    pub lines: Vec<String>,
}

/// A table's counts on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableCounts {
    /// Schema-qualified name on the target.
    pub table: String,
    /// Rows in the source.
    pub source: u64,
    /// Rows in the target.
    pub target: u64,
    /// Whether the digests were equal when verify compared them; none before.
    pub equal: Option<bool>,
}

/// Rows side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowsView {
    /// Schema-qualified table.
    pub table: String,
    /// The target's columns, in order.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<RowPair>,
}

/// One row on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowPair {
    /// Its key.
    pub key: Key,
    /// Why it was picked: `longest title`, `null response_time`.
    pub because: String,
    /// Values as the source asks for them; none where the row is not there; inner none is NULL.
    pub source: Option<Vec<Option<String>>>,
    /// Values as the target holds them.
    pub target: Option<Vec<Option<String>>>,
    /// Which columns differ, by index.
    pub differing: Vec<usize>,
}

/// A column's distribution on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnView {
    /// Schema-qualified table.
    pub table: String,
    /// Column.
    pub column: String,
    /// The source's.
    pub source: Distribution,
    /// The target's.
    pub target: Distribution,
}

/// A distribution with the same buckets on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Rows.
    pub rows: u64,
    /// NULLs.
    pub nulls: u64,
    /// Distinct values; [`Distribution::DISTINCT`] where there are as many or more.
    pub distinct: u64,
    /// Smallest.
    pub min: Option<String>,
    /// Largest.
    pub max: Option<String>,
    /// Label and count.
    pub buckets: Vec<(String, u64)>,
}

impl Distribution {
    /// Distinct values beyond these are not counted.
    pub const DISTINCT: u64 = 1_000_000;
}
