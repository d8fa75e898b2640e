//! The application's own pod, on a database that is still empty: made of the workload's template, but without its data, its probes,
//! its labels (no Service may find it) and its neighbours, and with the environment that leads to the target.

use crate::action::failure::{bad, passed};
use crate::action::source::{Workload, find_workload};
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, Patience, Permission, names, pods};
use crate::crash;
use crate::evidence::Finding;
use crate::progress::LogLevel;
use crate::runbook::settings::{SchemaPod, ValueFrom};
use k8s_openapi::api::core::v1::{
    Affinity, ConfigMapKeySelector, Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, Pod, PodSpec,
    SecretKeySelector, Volume,
};
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What a pod may take to be gone.
const GONE: Duration = Duration::from_secs(120);
/// The pod ends by itself so long after the step has given it up.
const SPARE: i64 = 120;
const TAIL: i64 = 10_000;

/// The pod at work.
pub(super) struct Running {
    cluster: Cluster,
    name: String,
    log: JoinHandle<()>,
}

/// What the step needs of the cluster.
pub(super) fn permissions(settings: &SchemaPod) -> Vec<Permission> {
    let mut wanted = Permission::several("", "pods", &["create", "list", "watch", "get", "delete"]);
    wanted.push(Permission::on("", "pods/log", "get"));
    wanted.push(Permission::on("", "events", "list"));
    if let Some((kind, name)) = settings.workload.as_deref().and_then(|workload| workload.split_once('/')) {
        wanted.push(Permission::on("apps", &format!("{kind}s"), "get").named(name));
    }
    wanted
}

/// Whether the pod can be written down.
pub(super) async fn check(context: &Context, settings: &SchemaPod) -> Finding {
    let check = format!("{}: the application's pod", context.step.id);
    match manifest(context, settings, Duration::ZERO).await {
        Ok(pod) => {
            let image = pod.spec.and_then(|spec| spec.containers.into_iter().next()?.image).unwrap_or_default();
            passed(check, format!("of image {image}"))
        }
        Err(error) => bad(check, error.message, "correct `pod` in the runbook"),
    }
}

/// Starts the pod, or takes up the one that a killed process of this step left at work: a migration is not to be cut short.
pub(super) async fn start(context: &Context, settings: &SchemaPod, timeout: Duration) -> Result<Running, ActionError> {
    let cluster = context.cluster()?;
    let wanted = manifest(context, settings, timeout).await?;
    crash::point("action.generate-schema.pod.before");
    let mut pod = cluster.create(&wanted).await?;
    crash::point("action.generate-schema.pod.after");
    if !is_ours(context, &pod) {
        return Err(ActionError::refused(format!(
            "there is a pod {} on {} that this step did not make; look whose it is, and delete or rename it",
            pod.name_any(),
            cluster.place()
        )));
    }
    if !pods::is_alive(&pod) || pod.metadata.deletion_timestamp.is_some() {
        remove(context).await?;
        pod = cluster.create(&wanted).await?;
    }
    let name = pod.name_any();
    let mut lines = cluster.follow(&name, None, TAIL);
    let (progress, secrets) = (context.progress.clone(), context.secrets.clone());
    let log = tokio::spawn(async move {
        while let Some(line) = lines.next().await {
            progress.log(LogLevel::Info, secrets.mask(&line));
        }
    });
    Ok(Running { cluster: cluster.clone(), name, log })
}

impl Running {
    /// Whether it has ended by itself: well, or with what is to be said about it. An API server that is away says nothing.
    pub(super) async fn try_ended(&self) -> Result<Option<Result<(), String>>, ActionError> {
        let pod = match self.cluster.find::<Pod>(&self.name).await {
            Ok(Some(pod)) => pod,
            Ok(None) => return Ok(Some(Err(format!("pod {} is gone: somebody or the cluster deleted it", self.name)))),
            Err(error) if error.is_passing() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        Ok(match phase {
            Some("Succeeded") => Some(Ok(())),
            _ => pods::hopeless(&pod).map(|why| Err(format!("pod {}: {why}", self.name))),
        })
    }

    /// What it is at, for the screen.
    pub(super) async fn words(&self) -> String {
        match self.cluster.find::<Pod>(&self.name).await {
            Ok(Some(pod)) => pods::words(&pod),
            _ => String::new(),
        }
    }

    /// Its last lines, for an error.
    pub(super) async fn last_lines(&self, context: &Context) -> String {
        let brief = self.cluster.clone().with_patience(Duration::from_secs(5));
        let lines = brief.logs(&self.name, None, 10).await.unwrap_or_default();
        lines.iter().map(|line| format!("\n  log: {}", context.secrets.mask(line))).collect()
    }

    /// Removes it, and lets its log come to its end.
    pub(super) async fn end(self, context: &Context) -> Result<(), ActionError> {
        let removed = remove(context).await;
        let stop = self.log.abort_handle();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.log).await;
        stop.abort();
        removed
    }
}

/// Deletes the step's pod, where it is there, and waits until it is gone.
pub(super) async fn remove(context: &Context) -> Result<(), ActionError> {
    let cluster = context.cluster()?;
    let name = names::object(&context.run, &context.step.id.0);
    let Some(pod) = cluster.find::<Pod>(&name).await?.filter(|pod| is_ours(context, pod)) else { return Ok(()) };
    cluster.delete::<Pod>(&name, &pod.uid().unwrap_or_default()).await?;
    let what = format!("pod {name} to be gone");
    let patience = Patience { what: &what, deadline: GONE, progress: &context.progress };
    Ok(cluster.wait_for::<Pod, _>(&name, &patience, pods::gone).await?)
}

fn is_ours(context: &Context, pod: &Pod) -> bool {
    names::is_of(pod.metadata.labels.as_ref(), &context.run, &context.step.id.0)
}

async fn manifest(context: &Context, settings: &SchemaPod, timeout: Duration) -> Result<Pod, ActionError> {
    let workload = match &settings.workload {
        Some(label) => Some(find_workload(context.cluster()?, label).await?),
        None => None,
    };
    let like = match &workload {
        Some(workload) => workload.container(settings.container.as_deref())?.clone(),
        None => Container { name: "application".to_owned(), ..Container::default() },
    };
    let container = container(settings, like);
    if container.image.is_none() {
        return Err(ActionError::refused("nothing says which image makes the schema: name a `workload` or an `image`"));
    }
    let mut labels = settings.labels.clone();
    labels.extend(names::labels(&context.run, &context.step.id.0));
    let lifetime = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX).saturating_add(SPARE);
    Ok(Pod {
        metadata: ObjectMeta {
            name: Some(names::object(&context.run, &context.step.id.0)),
            labels: Some(labels),
            annotations: Some(settings.annotations.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(spec(workload.as_ref(), container, lifetime)),
        ..Pod::default()
    })
}

fn spec(workload: Option<&Workload>, container: Container, lifetime: i64) -> PodSpec {
    let like = workload.map(|workload| workload.pod.clone()).unwrap_or_default();
    let mounted = |volume: &Volume| container.volume_mounts.iter().flatten().any(|mount| mount.name == volume.name);
    let claimed = workload.iter().flat_map(|workload| &workload.claims).map(|claim| claim.name_any());
    let volumes: Vec<Volume> = like
        .volumes
        .into_iter()
        .flatten()
        .filter(mounted)
        .map(without_data)
        .chain(claimed.map(|name| empty(&name)).filter(mounted))
        .collect();
    let node_affinity = like.affinity.and_then(|affinity| affinity.node_affinity);
    PodSpec {
        active_deadline_seconds: Some(lifetime),
        affinity: node_affinity.map(|node| Affinity { node_affinity: Some(node), ..Affinity::default() }),
        containers: vec![container],
        dns_config: like.dns_config,
        dns_policy: like.dns_policy,
        enable_service_links: like.enable_service_links,
        host_aliases: like.host_aliases,
        image_pull_secrets: like.image_pull_secrets,
        node_selector: like.node_selector,
        priority_class_name: like.priority_class_name,
        restart_policy: Some("Never".to_owned()),
        security_context: like.security_context,
        service_account_name: like.service_account_name,
        termination_grace_period_seconds: Some(10),
        tolerations: like.tolerations,
        volumes: Some(volumes),
        ..PodSpec::default()
    }
}

/// Configuration is mounted as it is; what may hold the application's data is an empty directory instead.
fn without_data(volume: Volume) -> Volume {
    let holds_data =
        volume.persistent_volume_claim.is_some() || volume.host_path.is_some() || volume.ephemeral.is_some();
    if holds_data { empty(&volume.name) } else { volume }
}

fn empty(name: &str) -> Volume {
    Volume { name: name.to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() }
}

fn container(settings: &SchemaPod, like: Container) -> Container {
    let own = |name: &str| settings.env.contains_key(name) || settings.from.contains_key(name);
    let dropped = |name: &String| settings.unset.contains(name);
    let kept = like.env.into_iter().flatten().filter(|variable| !own(&variable.name) && !dropped(&variable.name));
    let set = settings.env.iter().map(|(name, value)| EnvVar {
        name: name.clone(),
        value: Some(value.clone()),
        value_from: None,
    });
    let from = settings.from.iter().map(|(name, from)| EnvVar {
        name: name.clone(),
        value: None,
        value_from: Some(source(from)),
    });
    let or_like = |written: &[String], theirs: Option<Vec<String>>| {
        if written.is_empty() { theirs } else { Some(written.to_vec()) }
    };
    Container {
        // What `value` names as $(NAME) has to stand before it.
        env: Some(kept.chain(from).chain(set).collect()),
        image: settings.image.clone().or(like.image),
        command: or_like(&settings.command, like.command),
        args: or_like(&settings.args, like.args),
        ports: None,
        liveness_probe: None,
        readiness_probe: None,
        startup_probe: None,
        lifecycle: None,
        ..like
    }
}

fn source(from: &ValueFrom) -> EnvVarSource {
    let key = from.key.clone();
    match (&from.secret, &from.configmap) {
        (Some(name), _) => EnvVarSource {
            secret_key_ref: Some(SecretKeySelector { name: name.clone(), key, optional: None }),
            ..EnvVarSource::default()
        },
        (None, name) => EnvVarSource {
            config_map_key_ref: Some(ConfigMapKeySelector {
                name: name.clone().unwrap_or_default(),
                key,
                optional: None,
            }),
            ..EnvVarSource::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_pod_keeps_the_configuration_and_neither_data_nor_probes() {
        let pod: PodSpec = serde_json::from_value(json!({
            "containers": [{
                "name": "app", "image": "app:1",
                "env": [{"name": "TYPE", "value": "sqlite3"}, {"name": "KEPT", "value": "1"}, {"name": "GONE", "value": "1"}],
                "readinessProbe": {"exec": {"command": ["true"]}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/etc/app"},
                                 {"name": "each", "mountPath": "/each"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                        {"name": "config", "configMap": {"name": "app"}}, {"name": "other", "emptyDir": {}}],
            "affinity": {"podAntiAffinity": {}}}))
        .unwrap();
        let each = serde_json::from_value(json!({"metadata": {"name": "each"}})).unwrap();
        let workload = Workload { pod, claims: vec![each], ..Workload::default() };
        let settings = SchemaPod {
            env: [("TYPE".to_owned(), "postgres".to_owned())].into(),
            from: [(
                "PASSWORD".to_owned(),
                ValueFrom { secret: Some("db".to_owned()), key: "password".to_owned(), ..ValueFrom::default() },
            )]
            .into(),
            unset: vec!["GONE".to_owned()],
            ..SchemaPod::default()
        };
        let made = spec(Some(&workload), container(&settings, workload.pod.containers[0].clone()), 60);
        let made = serde_json::to_value(made).unwrap();
        assert_eq!(
            made["containers"][0]["env"],
            json!([{"name": "KEPT", "value": "1"},
                   {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                   {"name": "TYPE", "value": "postgres"}])
        );
        assert_eq!(made["containers"][0]["readinessProbe"], json!(null));
        assert_eq!(
            made["volumes"],
            json!([{"name": "data", "emptyDir": {}}, {"name": "config", "configMap": {"name": "app"}}, {"name": "each", "emptyDir": {}}])
        );
        assert_eq!((&made["restartPolicy"], &made["affinity"]), (&json!("Never"), &json!(null)));
    }
}
