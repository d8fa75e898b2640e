//! Waiting for objects, bounded, with words for what is waited for: a watch that lists again whenever it was interrupted.

use super::{Cluster, ClusterError};
use crate::progress::ProgressSink;
use futures_util::StreamExt as _;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What is waited for, for how long, and who hears of it.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// `pod grafana-0 to be ready`: follows "waited … for".
    pub what: &'a str,
    /// When to give up.
    pub deadline: Duration,
    /// Hears what is waited for and what is there so far.
    pub progress: &'a ProgressSink,
}

/// What a look at the objects comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is there.
    Done(T),
    /// Not yet: what is there instead, for the screen.
    Yet(String),
    /// It will not come: why, and what to do.
    Never(String),
}

/// How often the objects are looked at again when nothing moves: some states are hopeless only after a while.
const TICK: Duration = Duration::from_secs(1);

impl Cluster {
    /// Waits until `look` is content with the object of that name; none is given while it is not there. Wants the verbs `list` and
    /// `watch`. An API server that is away is waited for as well, until the deadline.
    ///
    /// # Errors
    /// When the deadline passes, `look` sees no hope, or the user may not watch.
    pub async fn wait_for<K, T>(
        &self,
        name: &str,
        patience: &Patience<'_>,
        mut look: impl FnMut(Option<&K>) -> Seen<T>,
    ) -> Result<T, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Default,
    {
        let one = watcher::Config::default().fields(&format!("metadata.name={name}"));
        self.wait(one, patience, |objects: &BTreeMap<String, K>| look(objects.get(name))).await
    }

    /// The same for all objects that a label selector finds, by name.
    ///
    /// # Errors
    /// As [`Cluster::wait_for`].
    pub async fn wait_for_all<K, T>(
        &self,
        selector: &str,
        patience: &Patience<'_>,
        look: impl FnMut(&BTreeMap<String, K>) -> Seen<T>,
    ) -> Result<T, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Default,
    {
        self.wait(watcher::Config::default().labels(selector), patience, look).await
    }

    async fn wait<K, T>(
        &self,
        config: watcher::Config,
        patience: &Patience<'_>,
        mut look: impl FnMut(&BTreeMap<String, K>) -> Seen<T>,
    ) -> Result<T, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Default,
    {
        let begun = Instant::now();
        let mut events = watcher(self.api::<K>(), config.clone()).boxed();
        let mut objects = Objects::default();
        let mut seen = "no answer from the API server yet".to_owned();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut resting = false;
        loop {
            patience.progress.waiting(format!("{} ({seen})", patience.what));
            let left = patience.deadline.saturating_sub(begun.elapsed());
            tokio::select! {
                () = tokio::time::sleep(left) => return Err(self.late(patience, begun.elapsed(), seen)),
                _ = tick.tick() => resting = false,
                event = events.next(), if !resting => match event {
                    Some(Ok(event)) => objects.take(event),
                    Some(Err(error)) => {
                        seen = self.unless_passing(patience, error)?;
                        resting = true; // the watcher would ask again at once
                        continue;
                    }
                    None => events = watcher(self.api::<K>(), config.clone()).boxed(),
                },
            }
            if !objects.known {
                continue;
            }
            match look(&objects.there) {
                Seen::Done(found) => {
                    patience.progress.waiting("");
                    return Ok(found);
                }
                Seen::Yet(words) => seen = words,
                Seen::Never(reason) => return Err(self.hopeless(patience, reason)),
            }
        }
    }

    /// What the screen says while the API server is away.
    fn unless_passing(&self, patience: &Patience<'_>, error: watcher::Error) -> Result<String, ClusterError> {
        let doing = format!("waiting for {}", patience.what);
        let error = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => ClusterError::from_kube(&doing, &self.place, error),
            // 410 Gone, mostly: the watcher lists again.
            watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => {
                return Ok("asking the API server again".to_owned());
            }
        };
        match error {
            ClusterError::Away { reason, .. } => Ok(format!("the API server is away: {reason}")),
            error @ ClusterError::Refused { .. } => Err(error),
            // A stream that broke off in the middle of an object: read again.
            other => Ok(format!("asking the API server again: {other}")),
        }
    }

    fn late(&self, patience: &Patience<'_>, waited: Duration, seen: String) -> ClusterError {
        let (what, place) = (patience.what.to_owned(), self.place.clone());
        ClusterError::Late { what, place, waited, seen, story: String::new() }
    }

    fn hopeless(&self, patience: &Patience<'_>, reason: String) -> ClusterError {
        let (what, place) = (patience.what.to_owned(), self.place.clone());
        ClusterError::Hopeless { what, place, reason, story: String::new() }
    }
}

/// The objects as the watch tells them.
struct Objects<K> {
    there: BTreeMap<String, K>,
    listed: BTreeMap<String, K>,
    /// Whether they were listed whole at least once.
    known: bool,
}

impl<K> Default for Objects<K> {
    fn default() -> Self {
        Self { there: BTreeMap::new(), listed: BTreeMap::new(), known: false }
    }
}

impl<K: Resource> Objects<K> {
    fn take(&mut self, event: Event<K>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                self.listed.insert(object.name_any(), object);
            }
            Event::InitDone => {
                self.there = std::mem::take(&mut self.listed);
                self.known = true;
            }
            Event::Apply(object) => {
                self.there.insert(object.name_any(), object);
            }
            Event::Delete(object) => {
                self.there.remove(&object.name_any());
            }
        }
    }
}
