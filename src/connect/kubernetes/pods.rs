//! What the state of a pod means: in words, whether it is ready, and whether there is any hope.

use super::Seen;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodCondition};

/// A scheduler may be overtaken by a claim that is bound, or a node that is added, a moment later.
const UNSCHEDULABLE_FOR: i64 = 10;

/// Reasons for which the kubelet goes on waiting although only a person can mend it.
const HOPELESS: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// For [`super::Cluster::wait_for`]: until the pod is ready.
#[must_use]
pub fn ready(pod: Option<&Pod>) -> Seen<Pod> {
    let Some(pod) = pod else { return Seen::Yet("it is not there".to_owned()) };
    if is_ready(pod) {
        return Seen::Done(pod.clone());
    }
    hopeless(pod).map_or_else(|| Seen::Yet(words(pod)), Seen::Never)
}

/// For [`super::Cluster::wait_for`]: until the pod is gone.
#[must_use]
pub fn gone(pod: Option<&Pod>) -> Seen<()> {
    pod.map_or(Seen::Done(()), |pod| Seen::Yet(words(pod)))
}

/// Whether the pod is ready, and is to stay.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let ready = condition(pod, "Ready").is_some_and(|condition| condition.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// Whether any of its containers may still say something.
#[must_use]
pub fn is_alive(pod: &Pod) -> bool {
    !matches!(phase(pod), "Succeeded" | "Failed")
}

/// Its state in a few words.
#[must_use]
pub fn words(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "it is being ended".to_owned();
    }
    if let Some(scheduled) = condition(pod, "PodScheduled").filter(|condition| condition.status != "True") {
        return scheduled.message.clone().unwrap_or_else(|| "it has no node yet".to_owned());
    }
    let containers = containers(pod).filter_map(|status| {
        let state = in_words(status.state.as_ref()?);
        Some(format!("container {}: {state}", status.name))
    });
    let containers: Vec<String> = containers.collect();
    if containers.is_empty() { phase(pod).to_lowercase() } else { containers.join(", ") }
}

/// Why the pod will never be ready, and what to do.
#[must_use]
pub fn hopeless(pod: &Pod) -> Option<String> {
    if let Some(reason) = unschedulable(pod) {
        return Some(reason);
    }
    let ended = matches!(phase(pod), "Succeeded" | "Failed");
    let status = pod.status.as_ref()?;
    if let Some(reason) = status.reason.as_ref().filter(|_| ended) {
        let message = status.message.clone().unwrap_or_default();
        return Some(format!("it ended: {reason} {message}").trim_end().to_owned());
    }
    containers(pod).find_map(|status| container_hopeless(status, ended))
}

fn unschedulable(pod: &Pod) -> Option<String> {
    let condition = condition(pod, "PodScheduled")?;
    let since = condition
        .last_transition_time
        .as_ref()
        .map_or(i64::MAX, |time| Timestamp::now().as_second().saturating_sub(time.0.as_second()));
    let stuck = condition.reason.as_deref() == Some("Unschedulable") && since >= UNSCHEDULABLE_FOR;
    stuck.then(|| {
        format!(
            "no node takes it: {}; look at its node selector, tolerations and resources",
            condition.message.as_deref().unwrap_or("Unschedulable")
        )
    })
}

fn container_hopeless(status: &ContainerStatus, ended: bool) -> Option<String> {
    let state = status.state.as_ref()?;
    if let Some(waiting) = &state.waiting
        && let Some(reason) = waiting.reason.as_deref().filter(|reason| HOPELESS.contains(reason))
    {
        let message = waiting.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        return Some(format!("container {}: {reason}{message}{}", status.name, advice(reason, &status.image)));
    }
    state.terminated.as_ref().filter(|_| ended)?;
    Some(format!("container {}: {}", status.name, in_words(state)))
}

fn advice(reason: &str, image: &str) -> String {
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError" => {
            format!("; check the image {image}, its registry and the pull secret")
        }
        "CreateContainerConfigError" => "; check that the Secret has these keys".to_owned(),
        _ => String::new(),
    }
}

fn in_words(state: &ContainerState) -> String {
    if let Some(waiting) = &state.waiting {
        let message = waiting.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        return format!("{}{message}", waiting.reason.as_deref().unwrap_or("waiting"));
    }
    if let Some(ended) = &state.terminated {
        let reason = ended.reason.as_deref().unwrap_or("ended");
        let message = ended.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        return format!("{reason}, exit code {}{message}", ended.exit_code);
    }
    "runs, not ready yet".to_owned()
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let lists = [
        status.and_then(|status| status.init_container_statuses.as_ref()),
        status.and_then(|status| status.container_statuses.as_ref()),
    ];
    lists.into_iter().flatten().flatten()
}

fn condition<'a>(pod: &'a Pod, name: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == name)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": "p" }, "status": status })).unwrap()
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_hopeless_and_names_it() {
        let waiting = json!({ "reason": "ErrImagePull", "message": "not found" });
        let found = pod(json!({ "phase": "Pending", "containerStatuses": [{
            "name": "psql", "image": "nothing:1", "imageID": "", "ready": false, "restartCount": 0, "state": { "waiting": waiting } }] }));
        let Seen::Never(reason) = ready(Some(&found)) else { panic!("{:?}", ready(Some(&found))) };
        assert_eq!(
            reason,
            "container psql: ErrImagePull: not found; check the image nothing:1, its registry and the pull secret"
        );
    }

    #[test]
    fn a_pod_that_no_node_takes_is_hopeless_after_a_while() {
        let at = |seconds: i64| {
            let since = Timestamp::from_second(Timestamp::now().as_second() - seconds).unwrap();
            pod(json!({ "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "message": "0/1 nodes are available", "lastTransitionTime": since.to_string() }] }))
        };
        assert_eq!(ready(Some(&at(1))), Seen::Yet("0/1 nodes are available".to_owned()));
        assert!(matches!(ready(Some(&at(60))), Seen::Never(reason) if reason.contains("no node takes it")));
    }

    #[test]
    fn a_container_that_ended_says_how() {
        let ended = json!({ "exitCode": 3, "reason": "Error" });
        let found = pod(json!({ "phase": "Failed", "containerStatuses": [{
            "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": { "terminated": ended } }] }));
        assert_eq!(ready(Some(&found)), Seen::Never("container c: Error, exit code 3".to_owned()));
    }
}
