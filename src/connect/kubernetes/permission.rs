//! What a user has to be allowed to do, asked of the server, and the Role that would be enough.

use super::{Cluster, ClusterError};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use std::collections::{BTreeMap, BTreeSet};

/// One verb on one resource, of one object or of all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The API group; empty for the core.
    pub group: String,
    /// The resource in plural, with its subresource: `pods`, `pods/exec`, `deployments/scale`.
    pub resource: String,
    /// The only object; none for all of the namespace.
    pub name: Option<String>,
    /// `get`, `list`, `watch`, `create`, `patch`, `delete`, …
    pub verb: String,
    /// Where; none for the namespace that the runbook works in.
    pub namespace: Option<String>,
}

impl Permission {
    /// `verb` on all objects of a resource. What is made, listed or watched cannot be bound to a name.
    #[must_use]
    pub fn on(group: &str, resource: &str, verb: &str) -> Self {
        let [group, resource, verb] = [group, resource, verb].map(str::to_owned);
        Self { group, resource, name: None, verb, namespace: None }
    }

    /// The same on one object only.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// The same in another namespace than the runbook's: a GitOps object is where its controller looks for it.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// Several verbs on all objects of a resource.
    #[must_use]
    pub fn several(group: &str, resource: &str, verbs: &[&str]) -> Vec<Self> {
        verbs.iter().map(|verb| Self::on(group, resource, verb)).collect()
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {name}"))?;
        self.namespace.as_ref().map_or(Ok(()), |namespace| write!(f, " in namespace {namespace}"))
    }
}

impl Cluster {
    /// Asks the server, for each permission, whether this user has it in the namespace.
    ///
    /// # Errors
    /// When the server does not say.
    pub async fn allowed(&self, wanted: &[Permission]) -> Result<Vec<(Permission, bool)>, ClusterError> {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client());
        let (parameters, mut answers) = (PostParams::default(), Vec::new());
        for permission in wanted {
            let review = self.review(permission);
            let doing = format!("asking whether this user may {permission}");
            let answer = self.call(&doing, || api.create(&parameters, &review)).await?;
            answers.push((permission.clone(), answer.status.is_some_and(|status| status.allowed)));
        }
        Ok(answers)
    }

    fn review(&self, permission: &Permission) -> SelfSubjectAccessReview {
        let (resource, subresource) = permission.resource.split_once('/').unwrap_or((&permission.resource, ""));
        let attributes = ResourceAttributes {
            group: Some(permission.group.clone()),
            resource: Some(resource.to_owned()),
            subresource: (!subresource.is_empty()).then(|| subresource.to_owned()),
            name: permission.name.clone(),
            verb: Some(permission.verb.clone()),
            namespace: Some(permission.namespace.as_deref().unwrap_or(self.namespace()).to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() }
    }
}

/// API group, the only object, verbs: what the resources of one rule have in common.
type Rule<'a> = (&'a str, Option<&'a str>, Vec<&'a str>);

/// The Role, as YAML, that grants exactly `permissions`: to be put into a namespace by somebody who may. Rights elsewhere follow as Roles
/// of their own, each with its namespace.
#[must_use]
pub fn role(name: &str, permissions: &[Permission]) -> String {
    let mut places: BTreeMap<Option<&str>, Vec<&Permission>> = BTreeMap::new();
    for permission in permissions {
        places.entry(permission.namespace.as_deref()).or_default().push(permission);
    }
    let roles = places.into_iter().map(|(namespace, permissions)| role_in(namespace, name, &permissions));
    roles.collect::<Vec<_>>().join("---\n")
}

fn role_in(namespace: Option<&str>, name: &str, permissions: &[&Permission]) -> String {
    let mut verbs: BTreeMap<(&str, &str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for Permission { group, resource, name, verb, .. } in permissions {
        verbs.entry((group, resource, name.as_deref())).or_default().insert(verb);
    }
    // Resources of a group with the same verbs on the same objects share a rule.
    let mut rules: BTreeMap<Rule<'_>, Vec<&str>> = BTreeMap::new();
    for ((group, resource, name), verbs) in verbs {
        rules.entry((group, name, verbs.into_iter().collect())).or_default().push(resource);
    }
    let place = namespace.map(|namespace| format!("  namespace: {namespace}\n")).unwrap_or_default();
    let mut text =
        format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {name}\n{place}rules:\n");
    for ((group, name, verbs), resources) in rules {
        let list = |items: &[&str]| items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("  - apiGroups: [\"{group}\"]\n    resources: [{}]\n", list(&resources)));
        if let Some(name) = name {
            text.push_str(&format!("    resourceNames: [\"{name}\"]\n"));
        }
        text.push_str(&format!("    verbs: [{}]\n", list(&verbs)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_each_verb_once_and_names_where_it_can() {
        let mut wanted = Permission::several("", "pods", &["list", "get", "get"]);
        wanted.push(Permission::on("apps", "deployments/scale", "patch").named("grafana"));
        wanted.push(Permission::on("", "events", "list"));
        wanted.push(Permission::on("", "events", "get"));
        let text = role("cutover", &wanted);
        assert!(text.contains("resources: [\"events\", \"pods\"]\n    verbs: [\"get\", \"list\"]\n"), "{text}");
        assert!(text.contains("resourceNames: [\"grafana\"]\n    verbs: [\"patch\"]\n"), "{text}");
        assert_eq!(wanted[3].to_string(), "patch deployments/scale.apps grafana");
    }

    #[test]
    fn rights_in_another_namespace_are_a_role_of_their_own() {
        let there = Permission::on("argoproj.io", "applications", "patch").named("apps").in_namespace("argocd");
        let text = role("cutover", &[Permission::on("", "pods", "list"), there.clone()]);
        let (here, elsewhere) = text.split_once("---\n").unwrap();
        assert!(here.contains("\"pods\"") && !here.contains("namespace:") && !here.contains("applications"), "{here}");
        assert!(elsewhere.contains("  namespace: argocd\n") && elsewhere.contains("applications"), "{elsewhere}");
        assert_eq!(there.to_string(), "patch applications.argoproj.io apps in namespace argocd");
    }
}
