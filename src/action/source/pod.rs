//! The pod that has the database, and its shell.

use super::claim::{self, Mount};
use super::workload::{self, Workload};
use super::{Site, far};
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, ClusterError, Permission};
use crate::connect::sqlite::far::{FarStream, Shell, ShellError};
use crate::runbook::SourcePod;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Container, Pod, Volume};
use kube::ResourceExt as _;
use kube::api::ListParams;
use std::path::{Path, PathBuf};

/// A shell in a container, by exec.
#[derive(Clone)]
pub(in crate::action) struct PodShell {
    pub(super) cluster: Cluster,
    pub(super) pod: String,
    pub(super) container: String,
}

impl PodShell {
    /// `container app of pod app-0`.
    pub(super) fn label(&self) -> String {
        format!("container {} of pod {}", self.container, self.pod)
    }

    fn failed(&self, error: &ClusterError) -> ShellError {
        let text = error.to_string();
        let no_shell = text.contains("executable file not found") || text.contains("no such file or directory");
        let message = match no_shell {
            true => format!(
                "there is no shell in {}; name an `image` that has one under `source`, and a `claim` that it can mount, or copy the file to this host and give its path",
                self.label()
            ),
            false => text,
        };
        ShellError { message, lasting: no_shell || !error.is_passing() }
    }
}

#[async_trait]
impl Shell for PodShell {
    async fn run(&self, script: &str) -> Result<Vec<u8>, ShellError> {
        let command = ["sh", "-c", script];
        let output = self.cluster.exec(&self.pod, Some(&self.container), &command, None).await;
        let output = output.map_err(|error| self.failed(&error))?;
        match output.code {
            126 | 127 => Err(ShellError {
                message: format!("its shell ended with {}: {}", output.code, output.complaint()),
                lasting: true,
            }),
            _ => Ok(output.stdout),
        }
    }

    async fn stream(&self, script: &str) -> Result<FarStream, ShellError> {
        let command = ["sh", "-c", script];
        let stream = self.cluster.stream(&self.pod, Some(&self.container), &command).await;
        Ok(Box::new(stream.map_err(|error| self.failed(&error))?))
    }

    fn place(&self) -> String {
        format!("pod/{}", self.pod)
    }
}

/// What reading the source needs: its workload, its pods, their shell, and a pod of ours where the workload is down.
pub(super) fn permissions(source: &SourcePod) -> Vec<Permission> {
    let mut wanted = Permission::several("", "pods", &["list", "get", "watch", "create", "delete"]);
    wanted.extend(Permission::several("", "pods/exec", &["get", "create"]));
    if let Some((kind, name)) = source.workload.as_deref().and_then(|workload| workload.split_once('/')) {
        let resource = if kind.starts_with("statefulset") { "statefulsets" } else { "deployments" };
        wanted.push(Permission::on("apps", resource, "get").named(name));
    }
    wanted.push(Permission::on("", "persistentvolumeclaims", "get"));
    wanted
}

/// Finds the database of `source`.
pub(super) async fn locate(context: &Context, source: &SourcePod) -> Result<Site, ActionError> {
    let cluster = context.cluster()?;
    let workload = match &source.workload {
        Some(label) => Some(workload::find(cluster, label).await?),
        None => None,
    };
    let selector = workload.as_ref().map(|workload| workload.selector.clone()).or_else(|| source.selector.clone());
    let path = &context.runbook.source.sqlite;
    if let Some(selector) = selector
        && let Some(pod) = running(cluster, &selector, source, path).await?
    {
        return in_pod(cluster, source, path, &pod).await;
    }
    let mount = mount(source, workload.as_ref(), path)?;
    let (shell, path) = claim::open(context, source, workload.as_ref(), &mount).await?;
    let path = known(&shell, &path, &mount.directories()).await?;
    Ok(Site::Pod { shell, path })
}

async fn in_pod(cluster: &Cluster, source: &SourcePod, path: &Path, pod: &Pod) -> Result<Site, ActionError> {
    let container = container(pod, source)?;
    let shell = PodShell { cluster: cluster.clone(), pod: pod.name_any(), container: container.name.clone() };
    let spec = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let path = known(&shell, path, &writable(container, &spec.collect::<Vec<_>>())).await?;
    Ok(Site::Pod { shell, path })
}

/// The path, looked for below `directories` where the runbook does not say it.
async fn known(shell: &PodShell, path: &Path, directories: &[String]) -> Result<PathBuf, ActionError> {
    if !path.as_os_str().is_empty() {
        return Ok(path.to_owned());
    }
    let found = far::find_far(shell, directories).await?;
    let words = |found: &[PathBuf]| found.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    match &found[..] {
        [only] => Ok(only.clone()),
        [] => Err(ActionError::refused(format!(
            "no SQLite database was found in {} below {}; name it by `sqlite` under `source`",
            shell.label(),
            directories.join(", ")
        ))),
        several => Err(ActionError::refused(format!(
            "several SQLite databases were found in {}: {}; name one by `sqlite` under `source`",
            shell.label(),
            words(several)
        ))),
    }
}

/// The pod that runs now and has the database; none when there is none. Several that each have one of their own are refused.
async fn running(
    cluster: &Cluster,
    selector: &str,
    source: &SourcePod,
    path: &Path,
) -> Result<Option<Pod>, ActionError> {
    let (api, listed) = (cluster.api::<Pod>(), ListParams::default().labels(selector));
    let found = cluster.call("looking for the pods of the source", || api.list(&listed)).await?;
    let mut running: Vec<Pod> = found.items.into_iter().filter(|pod| runs(pod, source)).collect();
    let shared = |pod: &Pod| {
        let container = container(pod, source).ok()?;
        let volumes: Vec<&Volume> = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()).collect();
        let volume = volume_of(container, path)?;
        volumes
            .iter()
            .find(|found| found.name == volume)?
            .persistent_volume_claim
            .as_ref()
            .map(|it| it.claim_name.clone())
    };
    if let [first, others @ ..] = &running[..]
        && others.iter().any(|pod| shared(pod).is_none() || shared(pod) != shared(first))
    {
        let names: Vec<String> = running.iter().map(|pod| pod.name_any()).collect();
        return Err(ActionError::refused(format!(
            "{} pods run ({}), each with a database of its own; bring the workload to one replica, the one whose rows count",
            running.len(),
            names.join(", ")
        )));
    }
    Ok((!running.is_empty()).then(|| running.remove(0)))
}

fn runs(pod: &Pod, source: &SourcePod) -> bool {
    let states = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut states = states.filter(|status| source.container.as_ref().is_none_or(|name| *name == status.name));
    let runs = states.any(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()));
    runs && pod.metadata.deletion_timestamp.is_none()
}

fn container<'a>(pod: &'a Pod, source: &SourcePod) -> Result<&'a Container, ActionError> {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let wanted = source.container.as_deref();
    containers.find(|container| wanted.is_none_or(|name| container.name == name)).ok_or_else(|| {
        ActionError::refused(format!("pod {} has no container `{}`", pod.name_any(), wanted.unwrap_or_default()))
    })
}

/// The volume that holds `path` in a container: of the longest mount that it lies below.
pub(super) fn volume_of(container: &Container, path: &Path) -> Option<String> {
    let mounts = container.volume_mounts.iter().flatten();
    let over = mounts.filter(|mount| path.starts_with(&mount.mount_path));
    over.max_by_key(|mount| mount.mount_path.trim_end_matches('/').len()).map(|mount| mount.name.clone())
}

/// Where a database may lie: mounts of volumes that can be written.
fn writable(container: &Container, volumes: &[&Volume]) -> Vec<String> {
    let holds = |name: &str| {
        volumes.iter().find(|volume| volume.name == name).is_some_and(|volume| {
            volume.config_map.is_none()
                && volume.secret.is_none()
                && volume.projected.is_none()
                && volume.downward_api.is_none()
        })
    };
    let mounts = container.volume_mounts.iter().flatten().filter(|mount| holds(&mount.name));
    let mut directories: Vec<String> = mounts.map(|mount| mount.mount_path.clone()).collect();
    if directories.is_empty() {
        directories = vec![".".to_owned(), "/var/lib".to_owned(), "/data".to_owned()];
    }
    directories
}

/// What has to be mounted to reach the database while the workload is down.
fn mount(source: &SourcePod, workload: Option<&Workload>, path: &Path) -> Result<Mount, ActionError> {
    if let (Some(claim), None) = (&source.claim, workload) {
        return Ok(Mount::whole(claim));
    }
    let Some(workload) = workload else {
        return Err(ActionError::refused(format!(
            "no pod with {} runs, so nothing shows where its database is; start it, or name the `claim` under `source`",
            source.selector.as_deref().unwrap_or_default()
        )));
    };
    let container = workload.container(source.container.as_deref())?;
    claim::mounts(workload, container, source.claim.as_deref(), path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_lies_on_the_longest_mount_above_it() {
        let container: Container = serde_json::from_value(json!({"name": "app", "volumeMounts": [
            {"name": "root", "mountPath": "/"}, {"name": "data", "mountPath": "/data/"}, {"name": "x", "mountPath": "/database"}]}))
        .unwrap();
        let on = |path: &str| volume_of(&container, Path::new(path));
        assert_eq!(on("/data/app.db").as_deref(), Some("data"));
        assert_eq!(on("/database/app.db").as_deref(), Some("x"));
        assert_eq!(on("/var/app.db").as_deref(), Some("root"));
        assert_eq!(on("app.db"), None);
    }
}
