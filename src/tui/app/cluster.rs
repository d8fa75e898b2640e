//! What the Cluster view remembers, and what it asks.

use super::{App, Intent, View};
use crate::engine::snapshot::Query;

/// What the Cluster view remembers.
#[derive(Clone, Debug, Default)]
pub(in crate::tui) struct ClusterState {
    /// The chosen pod, by its place.
    pub pod: usize,
    /// Which of its containers.
    pub container: usize,
    /// Whether its log is open.
    pub inside: bool,
    /// Lines between what is shown last and the end; none follows the end.
    pub back: usize,
}

impl App {
    /// Pod and container whose log is open.
    pub(in crate::tui) fn cluster_log(&self) -> Option<(String, String)> {
        let view = self.snapshot.cluster.as_ref().filter(|_| self.cluster.inside)?;
        let pod = view.pods.get(self.cluster.pod.min(view.pods.len().saturating_sub(1)))?;
        let containers = &pod.container_names;
        let container = containers.get(self.cluster.container % containers.len().max(1))?;
        Some((pod.name.clone(), container.clone()))
    }

    /// What to ask of the cluster now: again every second while its view is open.
    #[must_use]
    pub fn cluster_query(&self) -> Option<Query> {
        let open = self.view == View::Cluster && self.why_no_query().is_none() && !self.engine_gone;
        open.then(|| Query::Cluster { log: self.cluster_log() })
    }

    pub(super) fn ask_cluster(&self) -> Vec<Intent> {
        self.cluster_query().map(Intent::Query).into_iter().collect()
    }

    /// Opens the log of the chosen pod.
    pub(super) fn go_into_cluster(&mut self) -> Vec<Intent> {
        let any = self.snapshot.cluster.as_ref().is_some_and(|view| !view.pods.is_empty());
        if any && !self.cluster.inside {
            (self.cluster.inside, self.cluster.back, self.cluster.container) = (true, 0, 0);
        }
        self.ask_cluster()
    }

    pub(super) fn next_container(&mut self) -> Vec<Intent> {
        self.cluster.container += 1;
        self.cluster.back = 0;
        self.ask_cluster()
    }

    pub(super) fn move_in_cluster(&mut self, by: isize) {
        if self.cluster.inside {
            self.cluster.back = self.cluster.back.saturating_add_signed(-by);
            return;
        }
        let last = self.snapshot.cluster.as_ref().map_or(0, |view| view.pods.len().saturating_sub(1));
        self.cluster.pod = self.cluster.pod.saturating_add_signed(by).min(last);
    }
}
