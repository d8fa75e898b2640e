//! Deployments and StatefulSets: their replicas, their pods, and when those are there or gone.

use super::objects::{self, Kind, Target};
use super::owners;
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, ClusterError, Patience, Permission, Seen, pods};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One workload of the runbook's namespace.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    /// As written: `deployment/grafana`.
    pub label: String,
    pub target: Target,
}

/// A workload as it stood. Holds no value of a variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Was {
    pub workload: String,
    pub uid: String,
    pub replicas: i64,
    /// `metadata.managedFields`.
    pub owners: Vec<Value>,
}

impl Workload {
    pub(super) fn new(label: &str, namespace: &str) -> Result<Self, ActionError> {
        let kind = match label.split_once('/') {
            Some(("deployment", name)) => Some((Kind::deployment(), name)),
            Some(("statefulset", name)) => Some((Kind::stateful_set(), name)),
            _ => None,
        };
        let wrong =
            || ActionError::refused(format!("`{label}` is no workload: write deployment/NAME or statefulset/NAME"));
        let (kind, name) = kind.ok_or_else(wrong)?;
        Ok(Self { label: label.to_owned(), target: Target::new(kind, namespace, name) })
    }

    /// Those that a step names.
    pub(super) fn all(labels: &[String], context: &Context) -> Result<Vec<Self>, ActionError> {
        let namespace = context.cluster()?.namespace();
        labels.iter().map(|label| Self::new(label, namespace)).collect()
    }

    /// What scaling needs: the workload itself, and its pods to be seen.
    pub(super) fn permissions(labels: &[String], context: &Context) -> Vec<Permission> {
        let mut wanted = Kind::pod().may(&["list", "watch"]);
        for workload in Self::all(labels, context).unwrap_or_default() {
            wanted.extend(workload.target.may(&["get", "patch"]));
        }
        wanted
    }

    pub(super) async fn was(&self, cluster: &Cluster) -> Result<Was, ActionError> {
        let found = self.target.get(cluster).await?;
        Ok(Was {
            workload: self.label.clone(),
            uid: objects::uid(&found).to_owned(),
            replicas: replicas(&found),
            owners: owners::of(&found),
        })
    }

    /// Brings the workload to `wanted` replicas, if it has one of the counts in `from`; any will do when that is empty.
    pub(super) async fn scale(
        &self,
        cluster: &Cluster,
        uid: &str,
        from: &[i64],
        wanted: i64,
    ) -> Result<Value, ActionError> {
        let decide = |found: &Value| {
            let now = replicas(found);
            self.require_same(cluster, found, uid)?;
            if now == wanted {
                return Ok(None);
            }
            if !from.is_empty() && !from.contains(&now) {
                return Err(self.scaled_by_another(cluster, from, now));
            }
            Ok(Some(vec![
                json!({ "op": "test", "path": "/spec/replicas", "value": now }),
                json!({ "op": "replace", "path": "/spec/replicas", "value": wanted }),
            ]))
        };
        self.target.amend(cluster, decide).await
    }

    /// The same, and the count belongs again to those who owned it.
    pub(super) async fn scale_back(&self, cluster: &Cluster, was: &Was, from: &[i64]) -> Result<Value, ActionError> {
        let found = self.scale(cluster, &was.uid, from, was.replicas).await?;
        owners::give_back(cluster, &self.target, &was.owners).await?;
        Ok(found)
    }

    pub(super) fn require_same(&self, cluster: &Cluster, found: &Value, uid: &str) -> Result<(), ActionError> {
        if objects::uid(found) == uid {
            return Ok(());
        }
        Err(ActionError::refused(format!(
            "{} on {} is not the one that this run began with (uid {uid} then, {} now): somebody made it anew; bring it to the state that you want by hand",
            self.label,
            cluster.place(),
            objects::uid(found)
        )))
    }

    fn scaled_by_another(&self, cluster: &Cluster, left: &[i64], now: i64) -> ActionError {
        let left = left.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        ActionError::refused(format!(
            "{} on {} was scaled by somebody else: {left} replicas were left, {now} are wanted now; look who did it (an autoscaler, an operator, GitOps), set it to {left} or keep it by hand, then try again",
            self.label,
            cluster.place()
        ))
    }

    /// Waits until none of its pods is left. Those that ended by themselves stay listed and count as gone.
    pub(super) async fn until_gone(
        &self,
        context: &Context,
        found: &Value,
        deadline: Duration,
    ) -> Result<(), ActionError> {
        self.until_others_gone(context, found, deadline, None).await
    }

    /// The same for the pods that are in `old`.
    pub(super) async fn until_others_gone(
        &self,
        context: &Context,
        found: &Value,
        deadline: Duration,
        old: Option<&BTreeSet<String>>,
    ) -> Result<(), ActionError> {
        let what = format!("the pods of {} to be gone", self.label);
        let patience = Patience { what: &what, deadline, progress: &context.progress };
        let look = |all: &BTreeMap<String, Pod>| {
            let counts = |pod: &&Pod| old.is_none_or(|old| pod.uid().is_some_and(|uid| old.contains(&uid)));
            let left: Vec<String> = all
                .values()
                .filter(|pod| pods::is_alive(pod))
                .filter(counts)
                .map(|pod| format!("{}: {}", pod.name_any(), pods::words(pod)))
                .collect();
            if left.is_empty() { Seen::Done(()) } else { Seen::Yet(left.join("; ")) }
        };
        let cluster = context.cluster()?;
        let selector = selector(found);
        let waited = cluster.wait_for_all::<Pod, ()>(&selector, &patience, look);
        context.or_stopped("waiting for pods", async { Ok(waited.await?) }).await
    }

    /// Waits until all replicas are ready and made from the workload's template as it stands, none of them being one of `old`.
    pub(super) async fn until_up(
        &self,
        context: &Context,
        old: &BTreeSet<String>,
        deadline: Duration,
    ) -> Result<Vec<String>, ActionError> {
        let cluster = context.cluster()?;
        let what = format!("{} to be up", self.label);
        let patience = Patience { what: &what, deadline, progress: &context.progress };
        let found = self.target.get(cluster).await?;
        let wanted = replicas(&found).max(1);
        let mut last = String::new();
        let look = |all: &BTreeMap<String, Pod>| {
            let alive = || all.values().filter(|pod| pods::is_alive(pod) && pod.metadata.deletion_timestamp.is_none());
            let new = |pod: &&Pod| pod.uid().is_some_and(|uid| !old.contains(&uid));
            let ready: Vec<String> =
                alive().filter(new).filter(|pod| pods::is_ready(pod)).map(|pod| pod.name_any()).collect();
            if i64::try_from(ready.len()).unwrap_or(i64::MAX) >= wanted {
                return Seen::Done(ready);
            }
            let unready: Vec<&Pod> = alive().filter(new).filter(|pod| !pods::is_ready(pod)).collect();
            if let Some(pod) = unready.first() {
                last = pod.name_any();
            }
            let words = unready.iter().map(|pod| format!("{}: {}", pod.name_any(), pods::words(pod)));
            let words = words.collect::<Vec<_>>().join("; ");
            Seen::Yet(format!("{} of {wanted} pods ready; {words}", ready.len()))
        };
        let selector = selector(&found);
        let waited = cluster.wait_for_all::<Pod, _>(&selector, &patience, look);
        let waited: Result<Result<Vec<String>, ClusterError>, ActionError> =
            context.or_stopped("waiting for pods", async { Ok(waited.await) }).await;
        match waited? {
            Ok(ready) => self.until_rolled_out(context, wanted, deadline).await.map(|()| ready),
            Err(error) => Err(self.with_reasons(cluster, error, &last).await),
        }
    }

    /// The controller must have seen the template too: pods that are ready may still be of the former one.
    async fn until_rolled_out(&self, context: &Context, wanted: i64, deadline: Duration) -> Result<(), ActionError> {
        let cluster = context.cluster()?;
        let end = tokio::time::Instant::now() + deadline;
        loop {
            let found = self.target.get(cluster).await?;
            let Some(why) = not_rolled_out(&found, wanted) else { return Ok(()) };
            context.progress.waiting(format!("the rollout of {} ({why})", self.label));
            if tokio::time::Instant::now() > end {
                return Err(ActionError::failed(format!(
                    "waited {} s for the rollout of {} on {}: {why}; look at its events, then retry or roll back",
                    deadline.as_secs(),
                    self.label,
                    cluster.place()
                )));
            }
            let pause = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Ok(())
            };
            context.or_stopped("waiting for the rollout", pause).await?;
        }
    }

    /// Adds what the pod's events and log say; without a pod what the workload's own events say, such as a quota.
    async fn with_reasons(&self, cluster: &Cluster, error: ClusterError, pod: &str) -> ActionError {
        if !pod.is_empty() {
            let error = cluster.with_story(error, pod).await;
            return ActionError::failed(format!("{error}\nretry when it is mended, or roll back"));
        }
        let mut text = error.to_string();
        let brief = cluster.clone().with_patience(Duration::from_secs(5));
        for event in objects::list(&brief, &Kind::new("", "v1", "events", "event"), "").await.unwrap_or_default() {
            let of = event["involvedObject"]["name"].as_str().unwrap_or_default();
            if event["type"] == "Warning" && of.starts_with(&self.target.name) {
                let said = event["message"].as_str().unwrap_or_default();
                text.push_str(&format!("\n  event {}: {said}", event["reason"].as_str().unwrap_or_default()));
            }
        }
        ActionError::failed(format!("{text}\nretry when it is mended, or roll back"))
    }

    /// The uids of the pods that are there.
    pub(super) async fn pod_uids(&self, cluster: &Cluster, found: &Value) -> Result<BTreeSet<String>, ActionError> {
        let pods = objects::list(cluster, &Kind::pod(), &selector(found)).await?;
        Ok(pods.iter().map(|pod| objects::uid(pod).to_owned()).collect())
    }
}

pub(super) fn replicas(found: &Value) -> i64 {
    found["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// `spec.selector` as the API's lists take it.
pub(super) fn selector(found: &Value) -> String {
    let selector = &found["spec"]["selector"];
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let mut terms: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = values.collect::<Vec<_>>().join(",");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

/// Why the controller is not through with the template; none when it is. A workload without replicas is through at once, so the caller
/// has counted ready pods before.
fn not_rolled_out(found: &Value, wanted: i64) -> Option<String> {
    let (status, generation) = (&found["status"], found["metadata"]["generation"].as_i64().unwrap_or_default());
    let count = |name: &str| status[name].as_i64().unwrap_or_default();
    if count("observedGeneration") < generation {
        return Some("its controller has not seen the change yet".to_owned());
    }
    if !status["updateRevision"].is_null() {
        // A StatefulSet counts updated pods only while two revisions are about.
        let two = status["updateRevision"] != status["currentRevision"];
        return (two && count("updatedReplicas") < wanted)
            .then(|| format!("{} of {wanted} pods are of the new revision", count("updatedReplicas")))
            .or_else(|| {
                (count("readyReplicas") < wanted)
                    .then(|| format!("{} of {wanted} pods are ready", count("readyReplicas")))
            });
    }
    let [updated, ready, all] = ["updatedReplicas", "readyReplicas", "replicas"].map(count);
    if updated < wanted {
        return Some(format!("{updated} of {wanted} pods are of the new template"));
    }
    if all > updated {
        return Some(format!("{} pods of the former template are left", all - updated));
    }
    (ready < wanted).then(|| format!("{ready} of {wanted} pods are ready"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_rolled_out_only_with_ready_pods_of_its_template() {
        let deployment =
            |generation: i64, status: Value| json!({ "metadata": { "generation": generation }, "status": status });
        let why = |status| not_rolled_out(&deployment(2, status), 1);
        assert!(
            why(json!({ "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1 })).is_some()
        );
        assert!(why(json!({ "observedGeneration": 2 })).is_some(), "no pod at all is not up");
        assert!(
            why(json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 2 })).is_some()
        );
        assert!(why(json!({ "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1 })).is_some());
        assert_eq!(
            why(json!({ "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1 })),
            None
        );
    }

    #[test]
    fn a_stateful_set_is_rolled_out_when_its_revisions_agree() {
        let why = |status| not_rolled_out(&json!({ "metadata": { "generation": 1 }, "status": status }), 1);
        let status = |current: &str, updated: i64, ready: i64| json!({ "observedGeneration": 1, "updateRevision": "b", "currentRevision": current, "updatedReplicas": updated, "readyReplicas": ready });
        assert!(why(status("a", 0, 1)).is_some());
        assert!(why(status("b", 0, 0)).is_some());
        assert_eq!(why(status("b", 0, 1)), None);
        assert_eq!(why(status("a", 1, 1)), None);
    }

    #[test]
    fn selectors_are_written_as_lists_take_them() {
        let found = json!({ "spec": { "selector": { "matchLabels": { "app": "a" }, "matchExpressions": [
            { "key": "tier", "operator": "In", "values": ["x", "y"] }, { "key": "old", "operator": "DoesNotExist" } ] } } });
        assert_eq!(selector(&found), "app=a,tier in (x,y),!old");
    }

    #[test]
    fn only_workloads_are_taken() {
        assert!(Workload::new("deployment/a", "n").is_ok());
        assert!(Workload::new("pod/a", "n").is_err());
        assert!(Workload::new("a", "n").is_err());
    }
}
