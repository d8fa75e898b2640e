//! Settings of steps that act on a Kubernetes cluster. They need `service: {platform: kubernetes, …}` in the runbook.
//!
//! A workload is written as `deployment/NAME` or `statefulset/NAME`, always in the runbook's namespace.

use super::Hidden;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a writer is stopped inside its running pod, where scaling down would delete the source: it lies on an `emptyDir`, in the
/// container itself, or on a claim that goes with the pod.
///
/// ```yaml
/// inside: {container: grafana, stop: "grafana-cli admin pause", start: "grafana-cli admin resume"}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inside {
    /// The container; the pod's only one, or the one that mounts the source, when absent.
    pub container: Option<String>,
    /// A `sh -c` command in that container that stops the writer and leaves the container running. Without one SIGSTOP goes to every
    /// process that has the source open.
    pub stop: Option<String>,
    /// The command that takes `stop` back; without one SIGCONT goes to the processes that were stopped.
    pub start: Option<String>,
}

/// A GitOps object that keeps the workload as a repository says. `quiesce` pauses it, `resume-sync` or a rollback gives it back.
///
/// ```yaml
/// sync:
///   - {controller: argocd, name: grafana, namespace: argocd}
///   - {controller: kustomization, name: apps, namespace: flux-system}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// Whose object it is.
    pub controller: SyncController,
    /// The object's name.
    pub name: String,
    /// Its namespace; the runbook's when absent.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// Which controller, and how it is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyncController {
    /// An Argo CD `Application`: `spec.syncPolicy.automated` is taken out.
    Argocd,
    /// An Argo CD `Application`, by the annotation `argocd.argoproj.io/skip-reconcile: "true"`: for one that another object owns.
    ArgocdAnnotation,
    /// A Flux `Kustomization`: `spec.suspend: true`.
    Kustomization,
    /// A Flux `HelmRelease`: `spec.suspend: true`.
    Helmrelease,
}

/// Variables of one container of a workload: the switch of an application that is configured by its environment.
///
/// ```yaml
/// env:
///   workload: deployment/oncall-engine
///   container: oncall
///   set: {DATABASE_TYPE: postgresql, DATABASE_HOST: db}
///   from: {DATABASE_PASSWORD: {secret: oncall-db, key: password}}
///   unset: [DATABASE_PATH]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadEnv {
    /// `deployment/NAME` or `statefulset/NAME`.
    pub workload: String,
    /// The container; the only one when absent.
    #[serde(default)]
    pub container: Option<String>,
    /// Variable to value. Never a password: it would be readable in the workload's manifest.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Variable to where its value comes from.
    #[serde(default)]
    pub from: BTreeMap<String, ValueFrom>,
    /// Variables to take out.
    #[serde(default)]
    pub unset: Vec<String>,
}

/// A key of a Secret or ConfigMap; exactly one of the two is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueFrom {
    /// The Secret.
    #[serde(default)]
    pub secret: Option<String>,
    /// The ConfigMap.
    #[serde(default)]
    pub configmap: Option<String>,
    /// The key.
    pub key: String,
}

/// Workloads to so many replicas; waits until the pods are there or gone. The undo brings the former counts back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// `deployment/NAME`, `statefulset/NAME`.
    pub workloads: Vec<String>,
    /// How many pods each shall have.
    pub replicas: u32,
    /// How long that may take; 300 when absent.
    #[serde(default)]
    pub timeout_seconds: Option<u64>,
}

/// Gives every GitOps object that `quiesce` paused its sync back, once what it would apply equals what runs. Until then the step waits
/// for the operator and shows the difference to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResumeSync {
    /// Files with what the repository says, rendered. Without these and `command` Argo CD's own comparison is asked.
    pub manifests: Vec<PathBuf>,
    /// A command on this host that prints them, such as `kustomize build overlays/prod`.
    pub command: Option<String>,
    /// How long Argo CD's own comparison may take; 120 when absent.
    pub timeout_seconds: Option<u64>,
}

/// Objects of our own, by server-side apply with the field manager `cutover`; the undo deletes those that the step made and gives
/// back what it changed. Either `manifests` or `manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Apply {
    /// YAML files.
    pub manifests: Vec<PathBuf>,
    /// YAML text, one document or several.
    pub manifest: Option<String>,
    /// Wait until the Deployments, StatefulSets, Pods and Jobs among them are ready or complete.
    pub ready: bool,
    /// How long that may take; 300 when absent.
    pub timeout_seconds: Option<u64>,
}

/// Runs a Job to its end, its log in the step's log; then it is removed. Either `file` or `manifest`. It gets the run's name and
/// labels, so that it is found again after a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Job {
    /// A YAML file with the Job.
    pub file: Option<PathBuf>,
    /// The Job as YAML text.
    pub manifest: Option<String>,
    /// Another Job, as YAML text, that takes back what this one did.
    pub undo: Option<String>,
    /// Leave it there when it is done; `cleanup` and `forget` remove it.
    pub keep: bool,
    /// How long it may take; 600 when absent.
    pub timeout_seconds: Option<u64>,
}

/// A Helm release by the program `helm` (`upgrade --install --wait`); the undo is a rollback to the former revision, or an uninstall
/// where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Helm {
    /// The release.
    pub release: String,
    /// A chart: directory, archive, `oci://…`, or a name in `repo`.
    pub chart: String,
    /// Address of the chart repository.
    #[serde(default)]
    pub repo: Option<String>,
    /// The chart's version.
    #[serde(default)]
    pub version: Option<String>,
    /// Values files, later ones win.
    #[serde(default)]
    pub values: Vec<PathBuf>,
    /// `a.b.c` to value, as `helm --set` takes it.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// As `set`, for values that are never shown: they go to helm in a private file.
    #[serde(default)]
    pub secret: BTreeMap<String, Hidden>,
    /// How long it may take; 300 when absent.
    #[serde(default)]
    pub timeout_seconds: Option<u64>,
}

/// Removes the pods, Jobs and other objects that the run's steps left in the namespace. What a rollback needs stays until
/// `cutover forget`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cleanup {
    /// How long it may take; 120 when absent.
    pub timeout_seconds: Option<u64>,
}

/// Two places that must hold the same value, which is compared and never shown: Grafana's `secret_key`, without which nothing that was
/// encrypted can be read.
///
/// ```yaml
/// same:
///   - name: secret_key
///     one: {file: /etc/grafana/grafana.ini, section: security, name: secret_key}
///     other: {workload: deployment/grafana, env: GF_SECURITY_SECRET_KEY}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Same {
    /// What the value is called in messages.
    pub name: String,
    /// Where it stands on one side.
    pub one: ConfigValue,
    /// Where it stands on the other.
    pub other: ConfigValue,
    /// What counts where a place does not say: the application's own default.
    #[serde(default)]
    pub default: Option<Hidden>,
}

/// A place that holds a value: exactly one of `file`, `configmap`, `secret_name` and `workload` is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigValue {
    /// A file on this host.
    pub file: Option<PathBuf>,
    /// A ConfigMap.
    pub configmap: Option<String>,
    /// A Secret.
    pub secret_name: Option<String>,
    /// `deployment/NAME` or `statefulset/NAME`: a variable of its container.
    pub workload: Option<String>,
    /// The container of `workload`; the only one when absent.
    pub container: Option<String>,
    /// The variable of `workload`; its `valueFrom` is followed.
    pub env: Option<String>,
    /// The key of `configmap` or `secret_name`.
    pub key: Option<String>,
    /// In a configuration file or such a key: its format; ini when absent.
    pub format: Option<super::ConfigFormat>,
    /// The section; empty for keys before the first.
    pub section: String,
    /// The key within the section. Without it the whole file or key is the value.
    pub name: Option<String>,
}

/// A pod in which the application makes its schema: the pod of `workload`, with its configuration and without its data, or a bare
/// one of `image`. Its environment leads to the new database; the password comes from the Secret.
///
/// ```yaml
/// pod:
///   workload: deployment/grafana
///   env: {GF_DATABASE_TYPE: postgres, GF_DATABASE_HOST: "db:5432"}
///   from: {GF_DATABASE_PASSWORD: {secret: grafana-postgres, key: password}}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchemaPod {
    /// `deployment/NAME` or `statefulset/NAME`, whose pods it is like.
    pub workload: Option<String>,
    /// The container of `workload`; the first when absent.
    pub container: Option<String>,
    /// Its image, where it is not the workload's.
    pub image: Option<String>,
    /// Its command, where it is not the workload's or the image's: `[python, manage.py, migrate]`.
    pub command: Vec<String>,
    /// Its arguments, where they are not the workload's or the image's.
    pub args: Vec<String>,
    /// Variable to value. Never a password.
    pub env: BTreeMap<String, String>,
    /// Variable to where its value comes from.
    pub from: BTreeMap<String, ValueFrom>,
    /// Variables of the workload to leave out.
    pub unset: Vec<String>,
    /// Labels beside those that say whose pod it is: what network policies ask for.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}
