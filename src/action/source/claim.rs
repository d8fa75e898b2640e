//! The database on a claim whose workload is down: a pod of ours mounts the claim, read-only, and lends its shell.
//!
//! It is made of the workload's own pod (image, user, service account, tolerations), because that may read the file, can be pulled,
//! and is let onto the nodes where the volume is. It stays until the last step that reads the source is through, ends by itself after
//! [`LIFETIME`], and is removed by undo, `cleanup` and `forget`.

use super::pod::{PodShell, volume_of};
use super::workload::Workload;
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, Patience, names, pods};
use crate::runbook::SourcePod;
use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSource, Pod, PodSpec, PreferredSchedulingTerm, ResourceRequirements, SecurityContext,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::{ListParams, ObjectMeta};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// After this long the pod ends by itself.
const LIFETIME: i64 = 6 * 3600;
const DEADLINE: Duration = Duration::from_secs(180);
const CONTAINER: &str = "reader";
/// The part of the name and label that says what the pod is for.
const PURPOSE: &str = "source";
/// Where a claim is mounted whose path nothing says.
const PLACE: &str = "/cutover-source";
/// Waits without needing more than a shell; ends at once when told to.
const IDLE: &str = "trap 'exit 0' TERM; if command -v sleep >/dev/null; then while :; do sleep 3600 & wait $!; done; else exec cat; fi";

/// Claims and where they are mounted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mount {
    /// Claim and mount of each.
    places: Vec<(String, VolumeMount)>,
    /// Whether the runbook's path is as it lies within the claim.
    within: bool,
}

impl Mount {
    /// A claim by itself.
    pub(super) fn whole(claim: &str) -> Self {
        let mount = VolumeMount { name: "claim-0".to_owned(), mount_path: PLACE.to_owned(), ..VolumeMount::default() };
        Self { places: vec![(claim.to_owned(), mount)], within: true }
    }

    /// Where to look for a database.
    pub(super) fn directories(&self) -> Vec<String> {
        self.places.iter().map(|(_, mount)| mount.mount_path.clone()).collect()
    }

    /// The runbook's path as the pod of ours sees it.
    fn path(&self, path: &Path) -> PathBuf {
        match self.within && !path.as_os_str().is_empty() {
            true => Path::new(PLACE).join(path.strip_prefix("/").unwrap_or(path)),
            false => path.to_owned(),
        }
    }
}

/// The mounts of a workload's container that lie on claims: the one with `path`, or all of them where it is to be found.
pub(super) fn mounts(
    workload: &Workload,
    container: &Container,
    named: Option<&str>,
    path: &Path,
) -> Result<Mount, ActionError> {
    let wanted = volume_of(container, path);
    let of_interest = |mount: &&VolumeMount| path.as_os_str().is_empty() || Some(&mount.name) == wanted.as_ref();
    let mounts = container.volume_mounts.iter().flatten().filter(of_interest);
    let mut places = Vec::new();
    for (index, mount) in mounts.enumerate() {
        if let Some(claim) = named.map(str::to_owned).or_else(|| claim_of(workload, &mount.name)) {
            places.push((claim, VolumeMount { name: format!("claim-{index}"), ..mount.clone() }));
        }
    }
    if places.is_empty() {
        let on = wanted.map_or("in the container itself".to_owned(), |volume| format!("on the volume {volume}"));
        return Err(ActionError::refused(format!(
            "no pod of {} runs, and its database lay {on}, which goes with the pod: nothing was lost by this step, but there is nothing to read; restore the file, or start the workload",
            workload.label
        )));
    }
    Ok(Mount { places, within: false })
}

/// The claim behind a volume; a StatefulSet makes one for each pod, and the first pod has number 0.
fn claim_of(workload: &Workload, volume: &str) -> Option<String> {
    let mut volumes = workload.pod.volumes.iter().flatten();
    let direct = volumes.find(|found| found.name == volume).and_then(|found| found.persistent_volume_claim.as_ref());
    let templated = || workload.claims.iter().find(|claim| claim.metadata.name.as_deref() == Some(volume));
    direct
        .map(|claim| claim.claim_name.clone())
        .or_else(|| templated().map(|_| format!("{volume}-{}-0", workload.name)))
}

/// Makes the pod unless it runs already; its shell, and the database's path in it.
pub(super) async fn open(
    context: &Context,
    source: &SourcePod,
    workload: Option<&Workload>,
    mount: &Mount,
) -> Result<(PodShell, PathBuf), ActionError> {
    let cluster = context.cluster()?;
    let name = names::object(&context.run, PURPOSE);
    let wanted = manifest(context, source, workload, mount, affinity(cluster, mount).await?)?;
    let mut pod = cluster.create(&wanted).await?;
    if !names::is_of(pod.metadata.labels.as_ref(), &context.run, PURPOSE) {
        return Err(ActionError::refused(format!(
            "a pod {name} is there that this run did not make; remove it, or begin another run"
        )));
    }
    if !pods::is_alive(&pod) || pod.metadata.deletion_timestamp.is_some() {
        remove(context).await?;
        pod = cluster.create(&wanted).await?;
    }
    let what = format!("pod {name} to mount {}", mount.claims());
    let patience = Patience { what: &what, deadline: DEADLINE, progress: &context.progress };
    let ready = context.or_stopped("reading the source", async {
        match cluster.wait_for::<Pod, _>(&pod.name_any(), &patience, pods::ready).await {
            Ok(pod) => Ok(pod),
            Err(error) => Err(cluster.with_story(error, &name).await.into()),
        }
    });
    ready.await?;
    let shell = PodShell { cluster: cluster.clone(), pod: name, container: CONTAINER.to_owned() };
    Ok((shell, mount.path(&context.runbook.source.sqlite)))
}

/// Deletes the pod, where it is there, and waits until it is gone.
pub(super) async fn remove(context: &Context) -> Result<(), ActionError> {
    let Some(cluster) = context.cluster.as_deref().filter(|_| context.runbook.source.pod.is_some()) else {
        return Ok(());
    };
    let name = names::object(&context.run, PURPOSE);
    let Some(pod) = cluster.find::<Pod>(&name).await? else { return Ok(()) };
    if !names::is_of(pod.metadata.labels.as_ref(), &context.run, PURPOSE) {
        return Ok(());
    }
    cluster.delete::<Pod>(&name, &pod.uid().unwrap_or_default()).await?;
    let what = format!("pod {name} to be gone");
    let patience = Patience { what: &what, deadline: DEADLINE, progress: &context.progress };
    Ok(cluster.wait_for::<Pod, _>(&name, &patience, pods::gone).await?)
}

impl Mount {
    fn claims(&self) -> String {
        self.places.iter().map(|(claim, _)| format!("claim {claim}")).collect::<Vec<_>>().join(", ")
    }
}

fn manifest(
    context: &Context,
    source: &SourcePod,
    workload: Option<&Workload>,
    mount: &Mount,
    affinity: Option<Affinity>,
) -> Result<Pod, ActionError> {
    let theirs = workload.map(|workload| workload.container(source.container.as_deref())).transpose()?;
    let image = source.image.clone().or_else(|| theirs.and_then(|container| container.image.clone()));
    let image = image.ok_or_else(|| {
        ActionError::refused(format!(
            "reading {} needs a pod, and nothing says of which image: add `image: …` with a shell in it under `source`",
            mount.claims()
        ))
    })?;
    let like = workload.map(|workload| workload.pod.clone()).unwrap_or_default();
    let security = theirs.and_then(|container| container.security_context.clone()).unwrap_or_default();
    let container = Container {
        name: CONTAINER.to_owned(),
        image: Some(image),
        command: Some(["sh", "-c", IDLE].map(str::to_owned).to_vec()),
        stdin: Some(true),
        resources: Some(small()),
        security_context: Some(SecurityContext {
            run_as_user: source.user.or(security.run_as_user),
            allow_privilege_escalation: Some(false),
            privileged: None,
            ..security
        }),
        volume_mounts: Some(
            mount.places.iter().map(|(_, mount)| VolumeMount { read_only: Some(true), ..mount.clone() }).collect(),
        ),
        ..Container::default()
    };
    Ok(Pod {
        metadata: ObjectMeta {
            name: Some(names::object(&context.run, PURPOSE)),
            labels: Some(names::labels(&context.run, PURPOSE)),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            active_deadline_seconds: Some(LIFETIME),
            affinity,
            automount_service_account_token: Some(false),
            containers: vec![container],
            image_pull_secrets: like.image_pull_secrets,
            node_selector: like.node_selector,
            restart_policy: Some("Never".to_owned()),
            security_context: like.security_context,
            service_account_name: like.service_account_name,
            termination_grace_period_seconds: Some(1),
            tolerations: like.tolerations,
            volumes: Some(mount.places.iter().map(|(claim, mount)| volume(&mount.name, claim)).collect()),
            ..PodSpec::default()
        }),
        ..Pod::default()
    })
}

fn volume(name: &str, claim: &str) -> Volume {
    let source = PersistentVolumeClaimVolumeSource { claim_name: claim.to_owned(), ..Default::default() };
    Volume { name: name.to_owned(), persistent_volume_claim: Some(source), ..Volume::default() }
}

/// Enough for `dd`; namespaces with quotas refuse pods that do not say.
fn small() -> ResourceRequirements {
    let amounts = |cpu: &str, memory: &str| {
        [("cpu", cpu), ("memory", memory)].map(|(what, much)| (what.to_owned(), Quantity(much.to_owned()))).into()
    };
    ResourceRequirements {
        requests: Some(amounts("50m", "64Mi")),
        limits: Some(amounts("1", "256Mi")),
        ..ResourceRequirements::default()
    }
}

/// The node where the volume is: that of a pod that has it mounted, or the one that was chosen for it when it was made. Where the
/// volume itself is bound to a node, the scheduler knows.
async fn affinity(cluster: &Cluster, mount: &Mount) -> Result<Option<Affinity>, ActionError> {
    let Some((claim, _)) = mount.places.first() else { return Ok(None) };
    let (api, all) = (cluster.api::<Pod>(), ListParams::default());
    let pods = cluster.call("looking for pods that mount the claim", || api.list(&all)).await?;
    let holder = pods.items.iter().find(|pod| pods::is_alive(pod) && mounts_claim(pod, claim));
    if let Some(node) = holder.and_then(|pod| pod.spec.as_ref()?.node_name.clone()) {
        let required = NodeSelector { node_selector_terms: vec![on(&node)] };
        return Ok(Some(by_node(Some(required), None)));
    }
    let found = cluster.find::<PersistentVolumeClaim>(claim).await?;
    let found = found.ok_or_else(|| {
        ActionError::refused(format!("there is no claim {claim} in {}; correct the runbook", cluster.place()))
    })?;
    let chosen = found.annotations().get("volume.kubernetes.io/selected-node");
    Ok(chosen.map(|node| by_node(None, Some(vec![PreferredSchedulingTerm { weight: 100, preference: on(node) }]))))
}

fn mounts_claim(pod: &Pod, claim: &str) -> bool {
    let mut volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.any(|volume| volume.persistent_volume_claim.as_ref().is_some_and(|source| source.claim_name == claim))
}

fn on(node: &str) -> NodeSelectorTerm {
    let field = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    NodeSelectorTerm { match_fields: Some(vec![field]), ..NodeSelectorTerm::default() }
}

fn by_node(required: Option<NodeSelector>, preferred: Option<Vec<PreferredSchedulingTerm>>) -> Affinity {
    let node = NodeAffinity {
        required_during_scheduling_ignored_during_execution: required,
        preferred_during_scheduling_ignored_during_execution: preferred,
    };
    Affinity { node_affinity: Some(node), ..Affinity::default() }
}
