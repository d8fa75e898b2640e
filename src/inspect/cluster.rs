//! Answers what the screen asks of the cluster: what stands there of the service and of this run, what the cluster said lately, and a
//! container's log.

use super::{ClusterEvent, ClusterView, PodLog, PodView, WorkloadView};
use crate::action::Context;
use crate::connect::kubernetes::{Cluster, ClusterError, names, pods};
use crate::runbook::Settings;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::api::ListParams;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;

/// The screen asks again soon; it is not to wait for a server that is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// Events and lines that the screen can go back to.
const EVENTS: usize = 200;
const LINES: usize = 2000;
const TAIL: i64 = 500;

/// The log that is followed now.
#[derive(Default)]
pub(super) struct Follower {
    now: Mutex<Option<Follow>>,
}

struct Follow {
    pod: String,
    container: String,
    lines: Arc<Mutex<VecDeque<String>>>,
    task: AbortHandle,
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A workload, with what selects its pods.
struct Found {
    view: WorkloadView,
    selector: BTreeMap<String, String>,
}

/// Looks at the cluster once.
pub(super) async fn look(context: &Context, log: Option<&(String, String)>, follower: &Follower) -> ClusterView {
    let Some(cluster) = &context.cluster else { return ClusterView::default() };
    let place = cluster.place();
    let empty =
        ClusterView { context: place.context.clone(), namespace: place.namespace.clone(), ..ClusterView::default() };
    let cluster = cluster.as_ref().clone().with_patience(PATIENCE);
    match whole(&cluster, context).await {
        Ok(view) => ClusterView {
            log: follower.log(&cluster, context, log),
            ..ClusterView { context: empty.context, namespace: empty.namespace, ..view }
        },
        Err(error) => ClusterView { error: Some(context.secrets.mask(&error.to_string()).into_owned()), ..empty },
    }
}

async fn whole(cluster: &Cluster, context: &Context) -> Result<ClusterView, ClusterError> {
    let mut found = Vec::new();
    for label in workloads(context) {
        found.extend(workload(cluster, &label).await?);
    }
    let (api, all) = (cluster.api::<Pod>(), ListParams::default());
    let listed = cluster.call("listing pods", || api.list(&all)).await?;
    let of_run = names::labels(&context.run, "");
    let ours = |pod: &Pod| {
        let labels = pod.labels();
        labels.get(names::RUN).is_some_and(|run| Some(run) == of_run.get(names::RUN))
            || found
                .iter()
                .any(|workload| workload.selector.iter().all(|(name, value)| labels.get(name) == Some(value)))
    };
    let shown: Vec<&Pod> = listed.items.iter().filter(|pod| ours(pod)).collect();
    let subjects: BTreeSet<String> = shown
        .iter()
        .map(|pod| pod.name_any())
        .chain(found.iter().filter_map(|workload| Some(workload.view.name.split_once('/')?.1.to_owned())))
        .collect();
    let now = Timestamp::now();
    Ok(ClusterView {
        pods: shown.into_iter().map(|pod| pod_view(pod, now)).collect(),
        events: events(cluster, context, &subjects).await,
        workloads: found.into_iter().map(|found| found.view).collect(),
        ..ClusterView::default()
    })
}

/// The workloads that the runbook names, each once.
fn workloads(context: &Context) -> BTreeSet<String> {
    let source = context.runbook.source.pod.iter().filter_map(|pod| pod.workload.clone());
    let steps = context.runbook.steps.iter().flat_map(|step| match &step.settings {
        Settings::Quiesce(quiesce) => quiesce.workloads.clone(),
        Settings::Start(start) => start.workloads.clone(),
        Settings::Scale(scale) => scale.workloads.clone(),
        Settings::GenerateSchema(schema) => schema.pod.iter().filter_map(|pod| pod.workload.clone()).collect(),
        Settings::SwitchConfig(switch) => switch.env.iter().map(|env| env.workload.clone()).collect(),
        _ => Vec::new(),
    });
    source.chain(steps).collect()
}

async fn workload(cluster: &Cluster, label: &str) -> Result<Option<Found>, ClusterError> {
    let Some((kind, name)) = label.split_once('/') else { return Ok(None) };
    let number = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    let view = |wanted, updated, ready| {
        let (wanted, updated, ready) = (number(wanted), number(updated), number(ready));
        let message = match () {
            () if wanted == 0 && ready == 0 => "stopped".to_owned(),
            () if updated < wanted => format!("{updated} of {wanted} of the newest template"),
            () => String::new(),
        };
        WorkloadView { name: label.to_owned(), wanted, updated, ready, message }
    };
    if kind == "statefulset" {
        let Some(set) = cluster.find::<StatefulSet>(name).await? else { return Ok(None) };
        let (spec, status) = (set.spec.unwrap_or_default(), set.status.unwrap_or_default());
        let view = view(spec.replicas, status.updated_replicas, status.ready_replicas);
        return Ok(Some(Found { view, selector: spec.selector.match_labels.unwrap_or_default() }));
    }
    let Some(deployment) = cluster.find::<Deployment>(name).await? else { return Ok(None) };
    let (spec, status) = (deployment.spec.unwrap_or_default(), deployment.status.unwrap_or_default());
    let view = view(spec.replicas, status.updated_replicas, status.ready_replicas);
    Ok(Some(Found { view, selector: spec.selector.match_labels.unwrap_or_default() }))
}

fn pod_view(pod: &Pod, now: Timestamp) -> PodView {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let restarts = containers.iter().map(|status| u32::try_from(status.restart_count).unwrap_or(0)).sum();
    let waiting = containers.iter().find_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let ended = containers.iter().find_map(|status| status.state.as_ref()?.terminated.as_ref()?.reason.clone());
    let phase = status.phase.unwrap_or_else(|| "Unknown".to_owned());
    let state = match &pod.metadata.deletion_timestamp {
        Some(_) => "Terminating".to_owned(),
        None => waiting.or(ended).or(status.reason).unwrap_or_else(|| phase.clone()),
    };
    let spec = pod.spec.clone().unwrap_or_default();
    PodView {
        name: pod.name_any(),
        state,
        ready: count(containers.iter().filter(|status| status.ready).count()),
        containers: count(spec.containers.len()),
        container_names: spec.containers.iter().map(|container| container.name.clone()).collect(),
        restarts,
        node: spec.node_name.unwrap_or_default(),
        age_seconds: pod.creation_timestamp().map_or(0.0, |made| now.duration_since(made.0).as_secs_f64().max(0.0)),
        healthy: pods::is_ready(pod) || phase == "Succeeded",
    }
}

/// What the cluster said of the service's objects, the newest last. A user who may not list events sees none.
async fn events(cluster: &Cluster, context: &Context, subjects: &BTreeSet<String>) -> Vec<ClusterEvent> {
    let (api, all) = (cluster.api::<Event>(), ListParams::default());
    let listed = cluster.call("listing events", || api.list(&all)).await;
    let about = |name: &str| {
        let of =
            |subject: &String| name == subject || name.strip_prefix(subject).is_some_and(|rest| rest.starts_with('-'));
        subjects.iter().any(of)
    };
    let events = listed.map(|listed| listed.items).unwrap_or_default();
    let mut events: Vec<ClusterEvent> = events
        .into_iter()
        .filter(|event| event.involved_object.name.as_deref().is_some_and(about))
        .map(|event| event_view(context, event))
        .collect();
    events.sort_by_key(|event| event.at);
    let surplus = events.len().saturating_sub(EVENTS);
    events.drain(..surplus);
    events
}

fn event_view(context: &Context, event: Event) -> ClusterEvent {
    let object = event.involved_object;
    let at = event.last_timestamp.map(|time| time.0).or(event.event_time.map(|time| time.0));
    ClusterEvent {
        at: at.or(event.metadata.creation_timestamp.map(|time| time.0)),
        object: format!("{}/{}", object.kind.unwrap_or_default().to_lowercase(), object.name.unwrap_or_default()),
        reason: event.reason.unwrap_or_default(),
        message: context.secrets.mask(event.message.unwrap_or_default().trim()).into_owned(),
        warning: event.type_.as_deref() == Some("Warning"),
        count: event.count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
    }
}

impl Follower {
    /// The log that is wanted, as far as it has come; nothing is followed that nobody looks at.
    fn log(&self, cluster: &Cluster, context: &Context, wanted: Option<&(String, String)>) -> Option<PodLog> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((pod, container)) = wanted else {
            *now = None;
            return None;
        };
        if now.as_ref().is_none_or(|now| now.pod != *pod || now.container != *container) {
            *now = Some(follow(cluster, context, pod, container));
        }
        let follow = now.as_ref()?;
        let lines = follow.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        Some(PodLog { pod: pod.clone(), container: container.clone(), lines })
    }
}

fn follow(cluster: &Cluster, context: &Context, pod: &str, container: &str) -> Follow {
    let lines = Arc::new(Mutex::new(VecDeque::new()));
    let mut followed = cluster.follow(pod, Some(container), TAIL);
    let (into, secrets) = (Arc::clone(&lines), context.secrets.clone());
    let task = tokio::spawn(async move {
        while let Some(line) = followed.next().await {
            let mut lines = into.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(secrets.mask(&line).into_owned());
        }
    });
    Follow { pod: pod.to_owned(), container: container.to_owned(), lines, task: task.abort_handle() }
}
