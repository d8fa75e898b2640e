//! Who would undo what a step does to an object: autoscalers, operators, GitOps; and objects that must be changed somewhere else.

use super::objects::{self, Kind, Target};
use crate::action::failure::{bad, passed, unknown};
use crate::connect::kubernetes::{Cluster, ClusterError, Permission};
use crate::evidence::Finding;
use crate::runbook::settings::Sync;
use serde_json::Value;

/// Kustomize's hash of a generated ConfigMap or Secret: ten letters and digits of an alphabet that spells no words
/// (`sigs.k8s.io/kustomize/api/hasher`).
const HASH_LETTERS: &str = "2456789bcdfghkmt";

pub(super) fn permissions() -> Vec<Permission> {
    let mut wanted = hpa().may(&["list"]);
    wanted.extend(keda().may(&["list"]));
    wanted
}

fn hpa() -> Kind {
    Kind::new("autoscaling", "v1", "horizontalpodautoscalers", "horizontalpodautoscaler")
}

fn keda() -> Kind {
    Kind::new("keda.sh", "v1alpha1", "scaledobjects", "scaledobject")
}

/// The autoscaler of a workload, with its bounds in words.
pub(super) async fn autoscaler(cluster: &Cluster, target: &Target) -> Result<Option<String>, ClusterError> {
    let all = objects::list(cluster, &hpa(), "").await?;
    Ok(all.iter().find(|found| aims_at(found, target)).map(|found| {
        let bound = |name: &str| found["spec"][name].as_i64().unwrap_or(1);
        let now = found["status"]["currentReplicas"].as_i64().unwrap_or_default();
        format!("{} ({} to {}, now {now})", objects::name(found), bound("minReplicas"), bound("maxReplicas"))
    }))
}

fn aims_at(scaler: &Value, target: &Target) -> bool {
    let aim = &scaler["spec"]["scaleTargetRef"];
    let kind = aim["kind"].as_str().unwrap_or("Deployment");
    aim["name"] == target.name.as_str() && kind.eq_ignore_ascii_case(&target.kind.name)
}

/// What fights a workload that is scaled to nothing.
pub(super) async fn of_workload(
    cluster: &Cluster,
    target: &Target,
    found: &Value,
    named: &[Sync],
    check: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((owner, remedy)) = operator(found) {
        findings.push(bad(check, format!("{target} belongs to {owner}, which would scale it back"), remedy));
    }
    match objects::list(cluster, &keda(), "").await {
        Ok(all) => {
            findings.extend(all.iter().filter(|scaled| aims_at(scaled, target)).map(|scaled| of_keda(scaled, check)))
        }
        Err(error) => findings.push(unknown(check, error.to_string(), "make sure that no KEDA ScaledObject scales it")),
    }
    match autoscaler(cluster, target).await {
        Ok(None) => {}
        Ok(Some(words)) => findings.push(passed(check, format!("autoscaler {words} stands down at 0 replicas"))),
        Err(error) => findings.push(unknown(check, error.to_string(), "make sure that no autoscaler fights it")),
    }
    findings.extend(gitops(found, named).map(|(who, remedy)| unknown(check, format!("{who} keeps {target}"), remedy)));
    findings
}

fn of_keda(scaled: &Value, check: &str) -> Finding {
    let name = objects::name(scaled);
    let annotation = |key: &str| scaled["metadata"]["annotations"][key].as_str();
    let held = annotation("autoscaling.keda.sh/paused") == Some("true")
        || annotation("autoscaling.keda.sh/paused-replicas") == Some("0");
    match held {
        true => passed(check, format!("KEDA ScaledObject {name} is paused")),
        false => bad(
            check,
            format!("KEDA ScaledObject {name} would scale it up again"),
            format!("pause it first: kubectl annotate scaledobject {name} autoscaling.keda.sh/paused-replicas=0"),
        ),
    }
}

/// The controller that owns an object, and what to edit instead.
pub(super) fn operator(found: &Value) -> Option<(String, String)> {
    let owners = found["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.max_by_key(|owner| owner["controller"] == true)?;
    let named = format!("{} {}", owner["kind"].as_str().unwrap_or("object"), owner["name"].as_str().unwrap_or("?"));
    let remedy =
        format!("change it in {named}, from which it is made, and let the runbook patch that or do it by hand");
    Some((named, remedy))
}

/// The GitOps object that an object comes from, unless the runbook pauses it.
pub(super) fn gitops(found: &Value, named: &[Sync]) -> Option<(String, String)> {
    let metadata = &found["metadata"];
    let mark = |place: &str, key: &str| metadata[place][key].as_str();
    let argo = mark("annotations", "argocd.argoproj.io/tracking-id")
        .and_then(|id| id.split(':').next())
        .map(|name| name.rsplit('_').next().unwrap_or(name))
        .or_else(|| mark("labels", "argocd.argoproj.io/instance"));
    let flux = [("kustomize.toolkit.fluxcd.io/name", "kustomization"), ("helm.toolkit.fluxcd.io/name", "helmrelease")];
    let flux = flux.into_iter().find_map(|(key, kind)| Some((kind, mark("labels", key)?)));
    let (controller, name) = argo.map(|name| ("argocd", name)).or(flux)?;
    if named.iter().any(|sync| sync.name == name) {
        return None;
    }
    let who = if controller == "argocd" {
        format!("Argo CD application {name}")
    } else {
        format!("Flux {controller} {name}")
    };
    let remedy = format!(
        "name it in the quiesce step, so that it is paused: `sync: [{{controller: {controller}, name: {name}}}]`"
    );
    Some((who, remedy))
}

/// Why a ConfigMap or Secret must not be patched, and what to edit instead.
pub(super) fn unswitchable(target: &Target, found: &Value) -> Option<(String, String)> {
    if let Some((owner, remedy)) = operator(found) {
        return Some((format!("{target} belongs to {owner}, which would write it again"), remedy));
    }
    if found["immutable"] == true {
        let remedy = "make a new one with the new values, and switch the workload's reference to it";
        return Some((format!("{target} is immutable"), remedy.to_owned()));
    }
    let hashed = target
        .name
        .rsplit_once('-')
        .filter(|(_, end)| end.len() == 10 && end.chars().all(|c| HASH_LETTERS.contains(c)));
    hashed.map(|(base, _)| {
        (
            format!("{target} is named by a hash of what it holds, as kustomize makes it: nobody would notice a change"),
            format!("change the generator of {base} in the kustomization and apply it, by an `apply` or `shell` step or by hand"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config_map(name: &str) -> Target {
        Target::new(Kind::config_map(), "n", name)
    }

    #[test]
    fn what_must_be_changed_elsewhere_is_refused() {
        let plain = json!({ "metadata": { "name": "grafana" } });
        assert_eq!(unswitchable(&config_map("grafana"), &plain), None);
        assert_eq!(unswitchable(&config_map("grafana-production"), &plain), None);
        let hashed = unswitchable(&config_map("grafana-ini-5c9h2gk6mt"), &plain).unwrap();
        assert!(hashed.0.contains("hash") && hashed.1.contains("grafana-ini"), "{hashed:?}");
        let frozen = json!({ "metadata": {}, "immutable": true });
        assert!(unswitchable(&config_map("grafana"), &frozen).unwrap().0.contains("immutable"));
        let owned = json!({ "metadata": { "ownerReferences": [
            { "kind": "Grafana", "name": "main", "controller": true }] } });
        let (why, instead) = unswitchable(&config_map("grafana"), &owned).unwrap();
        assert!(why.contains("Grafana main") && instead.contains("Grafana main"));
    }

    #[test]
    fn gitops_is_named_unless_it_is_paused() {
        let argo =
            json!({ "metadata": { "annotations": { "argocd.argoproj.io/tracking-id": "apps:apps/Deployment:n/x" } } });
        let flux = json!({ "metadata": { "labels": { "kustomize.toolkit.fluxcd.io/name": "apps" } } });
        let named = [Sync {
            controller: crate::runbook::settings::SyncController::Argocd,
            name: "apps".into(),
            namespace: None,
        }];
        assert!(gitops(&argo, &[]).unwrap().1.contains("controller: argocd, name: apps"));
        assert!(gitops(&flux, &[]).unwrap().0.contains("kustomization apps"));
        assert_eq!(gitops(&argo, &named), None);
        assert_eq!(gitops(&json!({ "metadata": {} }), &[]), None);
    }

    #[test]
    fn a_keda_object_fights_unless_it_is_paused() {
        use crate::evidence::Verdict;
        let scaled = |annotations: Value| json!({ "metadata": { "name": "k", "annotations": annotations } });
        assert_eq!(of_keda(&scaled(json!({})), "c").verdict, Verdict::Failed);
        assert_eq!(
            of_keda(&scaled(json!({ "autoscaling.keda.sh/paused-replicas": "0" })), "c").verdict,
            Verdict::Passed
        );
        assert_eq!(
            of_keda(&scaled(json!({ "autoscaling.keda.sh/paused-replicas": "2" })), "c").verdict,
            Verdict::Failed
        );
    }
}
