//! What the user may do on the cluster: exactly what the runbook's steps need, asked of the API server before anything is touched.

use super::super::failure::{bad, passed};
use super::super::{Actions as _, Context, Registry};
use crate::connect::kubernetes::gateway::{Destination, PortForward, ThroughPod};
use crate::connect::kubernetes::{Cluster, Permission, role};
use crate::evidence::Finding;
use crate::progress::LogLevel;
use crate::runbook::{Gateway, StepId};
use std::collections::BTreeMap;

/// What the runbook needs on its cluster: each right with the steps that need it, none of them where only the way to the target does.
#[must_use]
pub fn needs(context: &Context) -> BTreeMap<Permission, Vec<StepId>> {
    let mut needs: BTreeMap<Permission, Vec<StepId>> = BTreeMap::new();
    for permission in way_to_target(context) {
        needs.entry(permission).or_default();
    }
    for step in &context.runbook.steps {
        let permissions = Registry.for_step(step).permissions(&context.for_step(step));
        for permission in permissions {
            let steps = needs.entry(permission).or_default();
            if !steps.contains(&step.id) {
                steps.push(step.id.clone());
            }
        }
    }
    needs
}

/// The Role that would be enough for the runbook, as YAML.
#[must_use]
pub fn enough(context: &Context) -> String {
    let permissions: Vec<Permission> = needs(context).into_keys().collect();
    role(&format!("cutover-{}", context.runbook.name), &permissions)
}

fn way_to_target(context: &Context) -> Vec<Permission> {
    let Some(secret) = &context.runbook.target.secret else { return Vec::new() };
    let mut permissions = match &secret.gateway {
        Gateway::Direct => Vec::new(),
        Gateway::Pod(name) => PortForward::permissions(&Destination::Pod(name.clone())),
        Gateway::Service(name) => PortForward::permissions(&Destination::Service(name.clone())),
        Gateway::TestPod(_) => ThroughPod::permissions(),
    };
    permissions.push(Permission::on("", "secrets", "get").named(&secret.name));
    permissions
}

pub(super) async fn check(context: &Context) -> Vec<Finding> {
    let Some(cluster) = context.cluster.as_deref() else { return Vec::new() };
    let needs = needs(context);
    let wanted: Vec<Permission> = needs.keys().cloned().collect();
    match cluster.allowed(&wanted).await {
        Err(error) => vec![bad("rights on the cluster", error.to_string(), "")],
        Ok(answers) => findings(context, cluster, &needs, &answers),
    }
}

fn findings(
    context: &Context,
    cluster: &Cluster,
    needs: &BTreeMap<Permission, Vec<StepId>>,
    answers: &[(Permission, bool)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (permission, allowed) in answers {
        let steps: Vec<&str> = needs.get(permission).into_iter().flatten().map(|step| step.0.as_str()).collect();
        let whom = if steps.is_empty() { "the way to the target".to_owned() } else { steps.join(", ") };
        let check = format!("may {permission}");
        findings.push(match allowed {
            true => passed(check, format!("needed by {whom}")),
            false => bad(check, format!("not allowed on {}; needed by {whom}", cluster.place()), ""),
        });
    }
    let missing = answers.iter().filter(|(_, allowed)| !allowed).count();
    let role = enough(context);
    context.progress.log(LogLevel::Info, format!("the Role that would be enough in {}:\n{role}", cluster.namespace()));
    if missing > 0 {
        let detail = format!("{missing} of {} are missing on {}", answers.len(), cluster.place());
        findings.push(bad(
            "rights on the cluster",
            detail,
            format!("ask for this Role and a RoleBinding to it:\n{role}"),
        ));
    }
    findings
}
