//! What the user may do on the cluster: exactly what the runbook's steps need, asked of the API server before anything is touched.

use super::super::failure::{bad, passed};
use super::super::{Actions as _, Context, Registry, kubernetes};
use crate::connect::kubernetes::gateway::{Destination, PortForward, ThroughPod};
use crate::connect::kubernetes::{Cluster, Permission, role};
use crate::evidence::Finding;
use crate::progress::LogLevel;
use crate::runbook::Gateway;
use std::collections::BTreeMap;

const TARGET: &str = "the way to the target";
const FORGET: &str = "`cutover forget`";

/// What the runbook needs on its cluster: each right with what needs it, steps by their ids.
pub async fn needs(context: &Context) -> BTreeMap<Permission, Vec<String>> {
    let mut needs: BTreeMap<Permission, Vec<String>> = BTreeMap::new();
    let mut add = |permissions: Vec<Permission>, whom: &str| {
        for permission in permissions {
            let all = needs.entry(permission).or_default();
            if !all.iter().any(|one| one == whom) {
                all.push(whom.to_owned());
            }
        }
    };
    add(way_to_target(context), TARGET);
    for step in &context.runbook.steps {
        add(Registry.for_step(step).permissions(&context.for_step(step)).await, &step.id.0);
    }
    add(kubernetes::permissions_to_forget(context), FORGET);
    needs
}

/// The Role that would be enough for the runbook, as YAML.
pub async fn enough(context: &Context) -> String {
    role_of(context, &needs(context).await)
}

fn role_of(context: &Context, needs: &BTreeMap<Permission, Vec<String>>) -> String {
    let permissions: Vec<Permission> = needs.keys().cloned().collect();
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
    let needs = needs(context).await;
    let wanted: Vec<Permission> = needs.keys().cloned().collect();
    match cluster.allowed(&wanted).await {
        Err(error) => vec![bad("rights on the cluster", error.to_string(), "")],
        Ok(answers) => findings(context, cluster, &needs, &answers),
    }
}

fn findings(
    context: &Context,
    cluster: &Cluster,
    needs: &BTreeMap<Permission, Vec<String>>,
    answers: &[(Permission, bool)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (permission, allowed) in answers {
        let whom = needs.get(permission).map(|whom| whom.join(", ")).unwrap_or_default();
        let check = format!("may {permission}");
        findings.push(match allowed {
            true => passed(check, format!("needed by {whom}")),
            false => bad(check, format!("not allowed on {}; needed by {whom}", cluster.place()), ""),
        });
    }
    let missing = answers.iter().filter(|(_, allowed)| !allowed).count();
    let role = role_of(context, needs);
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
