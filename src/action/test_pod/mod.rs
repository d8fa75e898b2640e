//! A pod with the database's settings from the Secret: proves that the cluster reaches the database, lets the operator open psql, and
//! may carry the copy.

mod manifest;

use super::failure::{bad, passed};
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, preflight};
use crate::connect::kubernetes::gateway::ThroughPod;
use crate::connect::kubernetes::{Cluster, ClusterError, ExecOutput, Patience, Permission, names, pods};
use crate::evidence::Finding;
use crate::runbook::{Runbook, SecretTarget, Settings, StepId, settings};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The action.
pub(super) struct TestPod(pub settings::TestPod);

const TIMEOUT: u64 = 180;
const BETWEEN: Duration = Duration::from_secs(1);
/// No arguments but these: everything else comes from the pod's environment.
const QUESTION: &[&str] = &["psql", "-XAtqc", "select 1"];

/// What `apply` left.
#[derive(Serialize, Deserialize)]
struct Left {
    pod: String,
    uid: String,
}

#[async_trait]
impl Action for TestPod {
    fn describe(&self, context: &Context) -> Description {
        let (name, secret) = (Self::name(context), Self::secret(context).map_or("", |secret| &secret.name));
        Description {
            does: format!("Starts pod {name} and asks the database from there."),
            effects: vec![
                format!(
                    "creates pod {name} ({}), which ends by itself after {} s",
                    self.0.image,
                    manifest::lifetime(&self.0)
                ),
                format!("gives it the database's address from Secret {secret}, in its environment"),
                "runs `select 1` by psql in it, and asks through it what preflight had to put off".to_owned(),
            ],
            way_back: "Deletes the pod.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let check = format!("{}: Secret", context.step.id);
        match (context.cluster(), Self::secret(context)) {
            (Ok(cluster), Ok(secret)) => vec![look(cluster, secret, check).await],
            (Err(error), _) | (_, Err(error)) => vec![bad(check, error.message, "")],
        }
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = Permission::several("", "pods", &["create", "get", "list", "watch", "delete"]);
        wanted.extend(ThroughPod::permissions());
        wanted.push(Permission::on("", "pods/log", "get"));
        wanted.push(Permission::on("", "events", "list"));
        if let Ok(secret) = Self::secret(context) {
            wanted.push(Permission::on("", "secrets", "get").named(&secret.name));
        }
        wanted
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let begun = Instant::now();
        let pod = context.or_stopped("test-pod", self.bring_up(context)).await?;
        let answered = context.or_stopped("test-pod", self.until_answered(context, &pod, begun)).await;
        context.progress.waiting("");
        answered?;
        let evidence = context.or_stopped("test-pod", preflight::rest(context)).await?;
        let left = Left { pod: pod.name_any(), uid: pod.uid().unwrap_or_default() };
        Ok(Outcome {
            summary: format!("the database answers pod {}", left.pod),
            outputs: [("pod".to_owned(), left.pod.clone())].into(),
            left: failure::json(&left)?,
            evidence,
        })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let cluster = context.cluster()?;
        let name = Self::name(context);
        let summary = match cluster.find::<Pod>(&name).await? {
            None => format!("pod {name} is gone already"),
            Some(pod) if !is_ours(&pod, context) => {
                return Err(ActionError::refused(format!(
                    "pod {name} on {} is not one that this step made: its labels say otherwise; look whose it is",
                    cluster.place()
                )));
            }
            Some(pod) => {
                remove(context, cluster, &pod).await?;
                format!("pod {name} is deleted")
            }
        };
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl TestPod {
    fn name(context: &Context) -> String {
        names::object(&context.run, &context.step.id.0)
    }

    fn secret(context: &Context) -> Result<&SecretTarget, ActionError> {
        let secret = context.runbook.target.secret.as_ref();
        secret.ok_or_else(|| ActionError::refused("test-pod wants `target: {secret: NAME}`, which the runbook lacks"))
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    /// The pod, ready. One that a killed process left behind is taken as it is while it still runs.
    async fn bring_up(&self, context: &Context) -> Result<Pod, ActionError> {
        let cluster = context.cluster()?;
        let name = Self::name(context);
        if let Some(found) = cluster.find::<Pod>(&name).await? {
            if !is_ours(&found, context) {
                return Err(ActionError::refused(format!(
                    "there is a pod {name} on {} that this step did not make; look whose it is, and delete or rename it",
                    cluster.place()
                )));
            }
            if !pods::is_ready(&found) {
                remove(context, cluster, &found).await?;
            }
        }
        let secret = Self::secret(context)?;
        let held = cluster.secret(&secret.name).await?.unwrap_or_default();
        let has_ca = held.contains_key(&secret.keys.ca);
        let pod = manifest::pod(&self.0, &context.run, &context.step.id.0, secret, has_ca)?;
        crate::crash::point("action.test-pod.create.before");
        cluster.create(&pod).await?;
        crate::crash::point("action.test-pod.create.after");
        let what = format!("pod {name} to be ready");
        let patience = Patience { what: &what, deadline: self.timeout(), progress: &context.progress };
        match cluster.wait_for::<Pod, _>(&name, &patience, pods::ready).await {
            Ok(pod) => Ok(pod),
            Err(error) => Err(cluster.with_story(error, &name).await.into()),
        }
    }

    async fn until_answered(&self, context: &Context, pod: &Pod, begun: Instant) -> Result<(), ActionError> {
        let cluster = context.cluster()?;
        let name = pod.name_any();
        loop {
            let reason = match cluster.exec(&name, None, QUESTION, None).await {
                Ok(said) if said.code == 0 && said.text() == "1" => return Ok(()),
                Ok(said) => complaint(context, &said),
                Err(error) if error.is_passing() => error.to_string(),
                Err(error) => return Err(error.into()),
            };
            if begun.elapsed() + BETWEEN > self.timeout() {
                return Err(ActionError::failed(format!(
                    "asking the database from pod {name} on {}: {reason}; check Secret {}, that the database runs, and that \
                     a network policy lets this pod in, then retry",
                    cluster.place(),
                    Self::secret(context)?.name
                )));
            }
            context.progress.waiting(format!("the database to answer pod {name} ({reason})"));
            tokio::time::sleep(BETWEEN).await;
        }
    }
}

/// The pod that `step` of a run makes, for those who have to make it again; none where the runbook, as it reads now, has no such step.
/// `has_ca`: whether the Secret has certificates of the database's authority.
pub fn carrier(runbook: &Runbook, run: &str, step: &StepId, has_ca: bool) -> Result<Option<Pod>, ActionError> {
    let settings = runbook.steps.iter().find(|found| found.id == *step).map(|found| &found.settings);
    match (settings, &runbook.target.secret) {
        (Some(Settings::TestPod(settings)), Some(secret)) => {
            manifest::pod(settings, run, &step.0, secret, has_ca).map(Some)
        }
        _ => Ok(None),
    }
}

fn complaint(context: &Context, said: &ExecOutput) -> String {
    let reason = match said.complaint() {
        nothing if nothing.is_empty() => format!("psql ended with exit code {}", said.code),
        reason => reason,
    };
    context.secrets.mask(&reason).into_owned()
}

fn is_ours(pod: &Pod, context: &Context) -> bool {
    names::is_of(pod.metadata.labels.as_ref(), &context.run, &context.step.id.0)
}

async fn remove(context: &Context, cluster: &Cluster, pod: &Pod) -> Result<(), ClusterError> {
    let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
    crate::crash::point("action.test-pod.delete.before");
    cluster.delete::<Pod>(&name, &uid).await?;
    let what = format!("pod {name} to be gone");
    let patience = Patience { what: &what, deadline: Duration::from_secs(120), progress: &context.progress };
    let another = |found: Option<&Pod>| pods::gone(found.filter(|found| found.uid().as_deref() == Some(&uid)));
    cluster.wait_for::<Pod, _>(&name, &patience, another).await
}

async fn look(cluster: &Cluster, secret: &SecretTarget, check: String) -> Finding {
    let held = match cluster.secret(&secret.name).await {
        Ok(Some(held)) => held,
        Ok(None) => {
            let detail = format!("there is no Secret {} on {}", secret.name, cluster.place());
            return bad(check, detail, "make it, or name another in `target.secret`");
        }
        Err(error) => return bad(check, error.to_string(), ""),
    };
    let wanted = [&secret.keys.host, &secret.keys.user, &secret.keys.password];
    let missing: Vec<&str> = wanted.into_iter().filter(|key| !held.contains_key(*key)).map(String::as_str).collect();
    if missing.is_empty() {
        return passed(check, format!("{} has host, user and password", secret.name));
    }
    let there: Vec<&str> = held.keys().map(String::as_str).collect();
    let detail = format!("{} lacks {}; it has {}", secret.name, missing.join(", "), there.join(", "));
    bad(check, detail, "name its keys in `target.keys`")
}
