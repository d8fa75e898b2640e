//! Workloads as the source and the schema's pod need them: which pods are theirs, and what those are made of.

use super::super::ActionError;
use crate::connect::kubernetes::Cluster;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// A Deployment or StatefulSet, as far as its pods are concerned.
#[derive(Clone, Debug, Default)]
pub(in crate::action) struct Workload {
    /// `deployment/grafana`.
    pub label: String,
    /// Its name alone.
    pub name: String,
    /// Selects its pods: `app=grafana`.
    pub selector: String,
    /// What its pods are made of.
    pub pod: PodSpec,
    /// Claims that each pod of a StatefulSet gets, by volume.
    pub claims: Vec<PersistentVolumeClaim>,
}

/// The workload `deployment/NAME` or `statefulset/NAME`.
pub(in crate::action) async fn find(cluster: &Cluster, label: &str) -> Result<Workload, ActionError> {
    let missing = || ActionError::refused(format!("there is no {label} in {}; correct the runbook", cluster.place()));
    let (kind, name) = label.split_once('/').ok_or_else(missing)?;
    if kind.starts_with("statefulset") {
        let spec = cluster.find::<StatefulSet>(name).await?.and_then(|found| found.spec).ok_or_else(missing)?;
        return Ok(Workload {
            label: label.to_owned(),
            name: name.to_owned(),
            selector: selector(&spec.selector),
            pod: spec.template.spec.unwrap_or_default(),
            claims: spec.volume_claim_templates.unwrap_or_default(),
        });
    }
    let spec = cluster.find::<Deployment>(name).await?.and_then(|found| found.spec).ok_or_else(missing)?;
    Ok(Workload {
        label: label.to_owned(),
        name: name.to_owned(),
        selector: selector(&spec.selector),
        pod: spec.template.spec.unwrap_or_default(),
        claims: Vec::new(),
    })
}

impl Workload {
    /// The container of that name, else the first.
    pub(in crate::action) fn container(&self, name: Option<&str>) -> Result<&Container, ActionError> {
        let found = self.pod.containers.iter().find(|container| name.is_none_or(|name| container.name == name));
        found.ok_or_else(|| {
            let there: Vec<&str> = self.pod.containers.iter().map(|container| container.name.as_str()).collect();
            ActionError::refused(format!(
                "{} has no container `{}`; it has {}",
                self.label,
                name.unwrap_or_default(),
                there.join(", ")
            ))
        })
    }
}

/// A label selector as a query says it.
fn selector(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(label, value)| format!("{label}={value}"));
    let more = selector.match_expressions.iter().flatten().map(|rule| {
        let values = rule.values.as_deref().unwrap_or_default().join(",");
        match rule.operator.as_str() {
            "In" => format!("{} in ({values})", rule.key),
            "NotIn" => format!("{} notin ({values})", rule.key),
            "DoesNotExist" => format!("!{}", rule.key),
            _ => rule.key.clone(),
        }
    });
    equal.chain(more).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_reads_as_the_server_wants_it() {
        let written = serde_json::json!({
            "matchLabels": {"app": "grafana"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "canary", "operator": "DoesNotExist"},
                {"key": "zone", "operator": "Exists"}],
        });
        let written: LabelSelector = serde_json::from_value(written).unwrap();
        assert_eq!(selector(&written), "app=grafana,tier in (a,b),!canary,zone");
    }
}
