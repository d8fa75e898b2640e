//! The pod that carries connections to the database. Whoever needs one and finds the pod gone (deleted, evicted, its deadline over)
//! makes it again as its step made it, under the same name, so that everything that knows it goes on knowing it.

use super::{Cluster, ClusterError, Patience, names, pods};
use crate::connect::postgres::DialError;
use crate::crash;
use crate::progress::ProgressSink;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// A pod by name; with its manifest, one that comes back.
pub struct Carrier {
    cluster: Cluster,
    name: String,
    manifest: Option<Pod>,
    /// Whether its step has begun: nobody makes it before.
    begun: AtomicBool,
    /// Whether this process made it, and not its step.
    made: AtomicBool,
    /// Several connections may miss it at once.
    turn: Mutex<()>,
}

/// How long it may take to be ready, or gone.
const PATIENCE: Duration = Duration::from_secs(120);

impl Carrier {
    /// A pod that somebody else keeps.
    #[must_use]
    pub fn given(cluster: Cluster, name: &str) -> Self {
        let (begun, made) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { cluster, name: name.to_owned(), manifest: None, begun, made, turn: Mutex::new(()) }
    }

    /// A pod of a run's step, which `manifest` describes whole, labels included. Before the step has `begun` nobody makes it.
    #[must_use]
    pub fn of_step(cluster: Cluster, manifest: Pod, begun: bool) -> Self {
        let name = manifest.name_any();
        Self { manifest: Some(manifest), begun: AtomicBool::new(begun), ..Self::given(cluster, &name) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A connection came to be: from now on a pod that is missing is one that was lost.
    pub(super) fn worked(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Makes the pod again if it is lost, and waits until it is ready. Whether trying again may help.
    ///
    /// # Errors
    /// When it is lost and does not come back.
    pub(super) async fn restore(&self) -> Result<bool, DialError> {
        if !self.begun.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.bring_back().await.map_err(|error| DialError {
            passing: error.is_passing(),
            reason: format!("pod {} was lost and did not come back: {error}", self.name),
        })
    }

    /// Makes the pod again where it is lost, as its step made it, and waits until it is ready. Whether it was lost.
    ///
    /// # Errors
    /// When it does not come back, or its name is another's.
    pub async fn bring_back(&self) -> Result<bool, ClusterError> {
        let Some(manifest) = &self.manifest else { return Ok(false) };
        let _turn = self.turn.lock().await;
        let found = self.cluster.find::<Pod>(&self.name).await?;
        if found.as_ref().is_some_and(pods::is_ready) {
            return Ok(false);
        }
        tracing::warn!(pod = self.name, "the pod that carries connections is lost and is made again");
        if let Some(lost) = found.filter(|pod| !pods::is_alive(pod) || pod.metadata.deletion_timestamp.is_some()) {
            self.remove(&lost).await?;
        }
        crash::point("connect.carrier.create.before");
        let pod = self.cluster.create(manifest).await?;
        self.require_ours(&pod)?;
        self.made.store(true, Ordering::Relaxed);
        crash::point("connect.carrier.create.after");
        let what = format!("pod {} to be ready", self.name);
        let progress = ProgressSink::new().0;
        let patience = Patience { what: &what, deadline: PATIENCE, progress: &progress };
        match self.cluster.wait_for::<Pod, _>(&self.name, &patience, pods::ready).await {
            Ok(_) => Ok(true),
            Err(error) => Err(self.cluster.with_story(error, &self.name).await),
        }
    }

    /// Removes the pod where this process made it and nobody `needs` it any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn settle(&self, needed: bool) -> Result<(), ClusterError> {
        if needed || !self.made.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.cluster.find::<Pod>(&self.name).await? {
            Some(pod) => self.remove(&pod).await,
            None => Ok(()),
        }
    }

    async fn remove(&self, pod: &Pod) -> Result<(), ClusterError> {
        self.require_ours(pod)?;
        let uid = pod.uid().unwrap_or_default();
        self.cluster.delete::<Pod>(&self.name, &uid).await?;
        let what = format!("pod {} to be gone", self.name);
        let progress = ProgressSink::new().0;
        let patience = Patience { what: &what, deadline: PATIENCE, progress: &progress };
        let same = |found: Option<&Pod>| pods::gone(found.filter(|found| found.uid().as_deref() == Some(&uid)));
        self.cluster.wait_for::<Pod, _>(&self.name, &patience, same).await
    }

    fn require_ours(&self, pod: &Pod) -> Result<(), ClusterError> {
        let ours = self.manifest.as_ref().is_some_and(|manifest| {
            let wanted = [names::RUN, names::STEP].map(|label| manifest.labels().get(label));
            wanted == [names::RUN, names::STEP].map(|label| pod.labels().get(label))
        });
        if ours {
            return Ok(());
        }
        Err(ClusterError::Config(format!(
            "there is a pod {} on {} that this run did not make; look whose it is, and delete or rename it",
            self.name,
            self.cluster.place()
        )))
    }
}
