//! The ways to a database that only the cluster can see, as dialers for the PostgreSQL client: by a port-forward here, by the shell of a pod
//! in [`ThroughPod`].

pub use super::carrier::Carrier;
pub use super::through_pod::ThroughPod;

use super::{Cluster, ClusterError, Permission, pods};
use crate::connect::postgres::{Dial, DialError, Wire};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use std::time::Duration;

/// What is forwarded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A pod by name.
    Pod(String),
    /// A ready pod behind a service.
    Service(String),
}

/// The API server forwards a stream to a port of a pod.
pub struct PortForward {
    /// Where.
    pub cluster: Cluster,
    /// To what.
    pub to: Destination,
    /// The port: the pod's, or the service's.
    pub port: u16,
}

/// How long a connection may take.
pub(super) const DIALLING: Duration = Duration::from_secs(24);

#[async_trait]
impl Dial for PortForward {
    fn label(&self) -> String {
        match &self.to {
            Destination::Pod(name) => format!("by port-forward to pod {name}"),
            Destination::Service(name) => format!("by port-forward to service {name}"),
        }
    }

    async fn dial(&self) -> Result<Wire, DialError> {
        let dialled = tokio::time::timeout(DIALLING, async {
            let (pod, port) = self.place().await?;
            Ok(Wire::over(self.cluster.forward(&pod, port).await.map_err(told)?))
        });
        dialled.await.unwrap_or_else(|_| {
            Err(DialError { reason: format!("no connection within {} s", DIALLING.as_secs()), passing: true })
        })
    }
}

impl PortForward {
    /// Pod and port to forward to, asked anew for each connection: pods behind a service come and go.
    async fn place(&self) -> Result<(String, u16), DialError> {
        let name = match &self.to {
            Destination::Pod(pod) => return Ok((pod.clone(), self.port)),
            Destination::Service(name) => name,
        };
        let missing = |reason: String| DialError { reason, passing: true };
        let service: Option<Service> = self.cluster.find(name).await.map_err(told)?;
        let spec = service.and_then(|service| service.spec);
        let spec = spec.ok_or_else(|| missing(format!("there is no service {name}")))?;
        let selector: Vec<String> =
            spec.selector.iter().flatten().map(|(label, value)| format!("{label}={value}")).collect();
        let api: Api<Pod> = self.cluster.api();
        let listed = ListParams::default().labels(&selector.join(","));
        let found = self.cluster.call("listing the pods of the service", || api.list(&listed)).await.map_err(told)?;
        let pod = found.items.iter().find(|pod| pods::is_ready(pod));
        let pod = pod.ok_or_else(|| missing(format!("service {name} has no ready pod")))?;
        let port = spec.ports.iter().flatten().find(|port| i32::from(self.port) == port.port);
        let target = port.and_then(|port| port.target_port.clone());
        Ok((pod.name_any(), target.map_or(Some(self.port), |target| resolve(&target, pod)).unwrap_or(self.port)))
    }

    /// What a user has to be allowed to do for it.
    #[must_use]
    pub fn permissions(to: &Destination) -> Vec<Permission> {
        let mut wanted = Permission::several("", "pods/portforward", &["get", "create"]);
        if let Destination::Service(name) = to {
            wanted.push(Permission::on("", "services", "get").named(name));
            wanted.push(Permission::on("", "pods", "list"));
        }
        wanted
    }
}

/// A port by number, or by the name that a container of the pod gives it.
fn resolve(port: &IntOrString, pod: &Pod) -> Option<u16> {
    let name = match port {
        IntOrString::Int(number) => return u16::try_from(*number).ok(),
        IntOrString::String(name) => name,
    };
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let found = ports.find(|port| port.name.as_ref() == Some(name))?;
    u16::try_from(found.container_port).ok()
}

pub(super) fn told(error: ClusterError) -> DialError {
    DialError { passing: error.is_passing() || error.is_missing(), reason: error.to_string() }
}
