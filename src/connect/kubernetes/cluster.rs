//! The client of one namespace of one cluster.

use super::{ClusterError, proxy};
use k8s_openapi::NamespaceResourceScope;
use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, Resource};
use std::sync::Arc;
use std::time::Duration;

/// Where on which cluster: both are named by the operator or the runbook, never taken from what happens to be current.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The context of the kubeconfig.
    pub context: String,
    /// The namespace.
    pub namespace: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} · {}", self.context, self.namespace)
    }
}

/// One namespace of one cluster. Cheap to clone; shows where it is and nothing of who we are there.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    pub(super) place: Arc<Place>,
    pub(super) patience: Duration,
}

/// How long a single call goes on trying while nobody answers.
const PATIENCE: Duration = Duration::from_secs(120);

impl Cluster {
    /// Reads the kubeconfig (`KUBECONFIG`, else the one in the home directory) and prepares a client for the context that `place`
    /// names, with its certificates, token, exec plugin and proxy. Asks nobody yet.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read, or has no such context.
    pub async fn open(place: Place) -> Result<Self, ClusterError> {
        let kubeconfig = Kubeconfig::read().map_err(|error| {
            ClusterError::Config(format!("reading the kubeconfig: {error}; set KUBECONFIG to one that can be read"))
        })?;
        Self::of(kubeconfig, place).await
    }

    /// As [`Cluster::open`], with a kubeconfig that was read already.
    ///
    /// # Errors
    /// When it has no such context, or what the context names cannot be used.
    pub async fn of(kubeconfig: Kubeconfig, place: Place) -> Result<Self, ClusterError> {
        let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        if !known.contains(&place.context.as_str()) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(ClusterError::Config(format!(
                "the kubeconfig has no context `{}`; it has {known}: name one in the runbook or by --context",
                place.context
            )));
        }
        let wrong = |reason: String| {
            ClusterError::Config(format!("the context `{}` of the kubeconfig cannot be used: {reason}", place.context))
        };
        let options = KubeConfigOptions { context: Some(place.context.clone()), ..KubeConfigOptions::default() };
        let named_proxy = proxy_of(&kubeconfig, &place.context);
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| wrong(e.to_string()))?;
        config.default_namespace.clone_from(&place.namespace);
        config.proxy_url =
            proxy::of(&config.cluster_url, named_proxy.as_deref(), &|name| std::env::var(name).ok()).map_err(wrong)?;
        config.connect_timeout = Some(Duration::from_secs(10));
        let client = Client::try_from(config).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::with_client(client, place))
    }

    /// A cluster behind any client: for tests.
    #[must_use]
    pub fn with_client(client: Client, place: Place) -> Self {
        Self { client, place: Arc::new(place), patience: PATIENCE }
    }

    /// The same cluster, whose single calls go on trying for so long while nobody answers.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.place.namespace
    }

    /// The bare client: for what no method here does.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The objects of a kind in the namespace. Calls go through [`Cluster::call`], which tries again while the API server is away.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), self.namespace())
    }
}

/// The `proxy-url` of the cluster that a context names.
fn proxy_of(kubeconfig: &Kubeconfig, context: &str) -> Option<String> {
    let context = kubeconfig.contexts.iter().find(|named| named.name == context)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone()
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.place.to_string()).finish()
    }
}
