//! A port of this host that leads to a port of a pod, for a client that knows only addresses.

use super::objects::{self, Kind, Target};
use super::workload::{self, Workload};
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::Permission;
use crate::runbook::settings::Health;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The port, open while this lives. Only this host reaches it.
pub(in crate::action) struct Forwarded {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Forwarded {
    /// Opens a port that leads to `port` of `pod/NAME`, of a ready pod of `deployment/NAME` or `statefulset/NAME`, or of one behind
    /// `service/NAME`, whose port that is.
    pub(in crate::action) async fn open(context: &Context, through: &str, port: u16) -> Result<Self, ActionError> {
        let cluster = context.cluster()?.clone();
        let (pod, port) = find(context, through, port).await?;
        let refused = |error: std::io::Error| ActionError::failed(format!("opening a port of this host: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let task = tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let Ok(mut there) = cluster.forward(&pod, port).await else { continue };
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut here, &mut there).await });
            }
        });
        Ok(Self { address, task })
    }
}

/// What the probes of a `health` step need.
pub(in crate::action) async fn health_permissions(with: &Health, context: &Context) -> Vec<Permission> {
    let namespace = context.cluster().map(|cluster| cluster.namespace().to_owned()).unwrap_or_default();
    let mut wanted = Vec::new();
    for place in with.same.iter().flat_map(|same| [&same.one, &same.other]) {
        wanted.extend(super::same::permissions(context, place).await);
    }
    for through in with.http.iter().filter_map(|probe| probe.through.as_deref()) {
        wanted.extend(Permission::several("", "pods/portforward", &["create", "get"]));
        wanted.extend(Kind::pod().may(&["list"]));
        match through.split_once('/') {
            Some(("service", name)) => wanted.extend(service(&namespace, name).may(&["get"])),
            _ => wanted.extend(
                Workload::new(through, &namespace).map(|workload| workload.target.may(&["get"])).unwrap_or_default(),
            ),
        }
    }
    wanted
}

fn service(namespace: &str, name: &str) -> Target {
    Target::new(Kind::new("", "v1", "services", "service"), namespace, name)
}

async fn find(context: &Context, through: &str, port: u16) -> Result<(String, u16), ActionError> {
    let cluster = context.cluster()?;
    let (kind, name) = through.split_once('/').unwrap_or(("pod", through));
    if kind == "pod" {
        return Ok((name.to_owned(), port));
    }
    if kind != "service" {
        let found = Workload::new(through, cluster.namespace())?.target.get(cluster).await?;
        let pod = ready_pod(context, &workload::selector(&found), through).await?;
        return Ok((objects::name(&pod).to_owned(), port));
    }
    let service = service(cluster.namespace(), name).get(cluster).await?;
    let labels = service["spec"]["selector"].as_object().into_iter().flatten();
    let labels: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let pod = ready_pod(context, &labels.join(","), through).await?;
    let port = target_port(&service, &pod, port).ok_or_else(|| {
        ActionError::refused(format!(
            "{through} on {} has no port {port}; correct the address in the runbook",
            cluster.place()
        ))
    })?;
    Ok((objects::name(&pod).to_owned(), port))
}

async fn ready_pod(context: &Context, selector: &str, of: &str) -> Result<Value, ActionError> {
    let cluster = context.cluster()?;
    let all = objects::list(cluster, &Kind::pod(), selector).await?;
    let ready = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        pod["metadata"]["deletionTimestamp"].is_null()
            && conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    let none = || ActionError::failed(format!("{of} on {} has no pod that is ready", cluster.place()));
    all.into_iter().find(ready).ok_or_else(none)
}

/// The pod's port behind a service's; it may be named.
fn target_port(service: &Value, pod: &Value, port: u16) -> Option<u16> {
    let ports = service["spec"]["ports"].as_array()?;
    let target = &ports.iter().find(|one| one["port"] == port)?["targetPort"];
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    if let Some(name) = target.as_str() {
        let containers = pod["spec"]["containers"].as_array()?.iter();
        let mut ports = containers.filter_map(|container| container["ports"].as_array()).flatten();
        return number(&ports.find(|one| one["name"] == name)?["containerPort"]);
    }
    number(target).or(Some(port))
}

#[cfg(test)]
mod tests {
    use super::target_port;
    use serde_json::json;

    #[test]
    fn a_services_port_leads_to_the_pods() {
        let service = json!({ "spec": { "ports": [{ "port": 80, "targetPort": "http" }, { "port": 81, "targetPort": 8081 }, { "port": 82 }] } });
        let pod = json!({ "spec": { "containers": [{ "ports": [{ "name": "http", "containerPort": 3000 }] }] } });
        assert_eq!(
            [80, 81, 82, 83].map(|port| target_port(&service, &pod, port)),
            [Some(3000), Some(8081), Some(82), None]
        );
    }
}
