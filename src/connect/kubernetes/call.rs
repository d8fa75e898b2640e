//! Single calls to the API server, tried again while it is away.

use super::{Cluster, ClusterError};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Resource, core::NamespaceResourceScope};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What one try may take: an API server that is stopped takes connections and never answers.
const ONE_TRY: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Cluster {
    /// Makes a call, and makes it again with growing pauses while the API server is away. `doing` says what, to what. An answer
    /// may be lost: a create that is made again may find that its object is there already.
    ///
    /// # Errors
    /// What the server refused, or that it stayed away for longer than two minutes.
    pub async fn call<T, F>(&self, doing: &str, mut call: impl FnMut() -> F) -> Result<T, ClusterError>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let end = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match timeout(ONE_TRY.min(self.patience), call()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => ClusterError::from_kube(doing, &self.place, error),
                Err(_) => ClusterError::Away {
                    doing: doing.to_owned(),
                    place: self.place.clone(),
                    reason: format!("no answer within {} s", ONE_TRY.as_secs()),
                },
            };
            if !error.is_passing() || Instant::now() + pause > end {
                return Err(error);
            }
            tracing::warn!(%error, "trying again");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The object of that name; none when it is not there.
    ///
    /// # Errors
    /// When nobody answers, or the user may not see it.
    pub async fn find<K>(&self, name: &str) -> Result<Option<K>, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let api = self.api::<K>();
        self.call(&format!("reading {}", kind_of::<K>(name)), || api.get_opt(name)).await
    }

    /// Makes an object, once: where one of that name is there already, it is given back instead. The caller looks whose it is.
    ///
    /// # Errors
    /// When nobody answers, or the server refuses.
    pub async fn create<K>(&self, object: &K) -> Result<K, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
        K::DynamicType: Default,
    {
        let api = self.api::<K>();
        let name = object.meta().name.clone().unwrap_or_default();
        let doing = format!("creating {}", kind_of::<K>(&name));
        let parameters = PostParams { field_manager: Some(super::names::MANAGER.to_owned()), ..PostParams::default() };
        match self.call(&doing, || api.create(&parameters, object)).await {
            Err(error) if error.exists_already() => self.call(&doing, || api.get(&name)).await,
            other => other,
        }
    }

    /// Patches an object.
    ///
    /// # Errors
    /// When nobody answers, or the server refuses.
    pub async fn patch<K, P>(&self, name: &str, patch: &Patch<P>) -> Result<K, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
        P: Serialize + Debug,
    {
        let api = self.api::<K>();
        let parameters =
            PatchParams { field_manager: Some(super::names::MANAGER.to_owned()), ..PatchParams::default() };
        self.call(&format!("changing {}", kind_of::<K>(name)), || api.patch(name, &parameters, patch)).await
    }

    /// Deletes the object of that name and uid; one that is gone, or that is another by now, is left alone. Whether it was there.
    ///
    /// # Errors
    /// When nobody answers, or the user may not.
    pub async fn delete<K>(&self, name: &str, uid: &str) -> Result<bool, ClusterError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let api = self.api::<K>();
        let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(only), ..DeleteParams::background() };
        match self.call(&format!("deleting {}", kind_of::<K>(name)), || api.delete(name, &parameters)).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// `pod grafana-0`, as messages call it.
pub(super) fn kind_of<K: Resource>(name: &str) -> String
where
    K::DynamicType: Default,
{
    format!("{} {name}", K::kind(&K::DynamicType::default()).to_lowercase())
}
