//! Runs a Job of the runbook to its end. That it is done is kept in the cluster before it is removed, so that it runs once however often
//! this process is killed.

use super::objects::{self, Kind, Target};
use super::{applied, apply, manifests, states};
use crate::action::failure::{bad, passed};
use crate::action::{Action, ActionError, Checkpoint, Context, Description, Outcome};
use crate::connect::kubernetes::{Permission, names};
use crate::crash;
use crate::evidence::Finding;
use crate::progress::LogLevel;
use crate::runbook::settings;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The action.
pub(in crate::action) struct Job(pub settings::Job);

const TIMEOUT: u64 = 600;
const BETWEEN: Duration = Duration::from_millis(500);
/// How much of a pod's log is told when it was running before we looked.
const TAIL: i64 = 1_000;

/// Kept in the cluster once the Job has done its work.
#[derive(Serialize, Deserialize)]
struct Done {
    done: bool,
}

#[async_trait]
impl Action for Job {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!("Runs Job {} to its end.", name(context, "")),
            effects: vec![match self.0.keep {
                true => "its log goes to the log here; it stays until `cleanup`".to_owned(),
                false => "its log goes to the log here; it is removed when it is done".to_owned(),
            }],
            way_back: match self.0.undo {
                Some(_) => "Runs the other Job that the step names.".to_owned(),
                None => "Removes the Job; what it did stays.".to_owned(),
            },
            reversible: self.0.undo.is_some(),
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let check = context.step.id.0.clone();
        let undo = self.0.undo.as_deref();
        let both = self
            .manifest(context, "")
            .and_then(|_| undo.map_or(Ok(()), |_| self.manifest(context, "undo").map(|_| ())));
        vec![match both {
            Ok(()) => passed(check, format!("Job {} can be read", name(context, ""))),
            Err(error) => bad(check, error.message, "correct the Job in the runbook"),
        }]
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = Kind::job().may(&["create"]);
        for part in ["", "undo"] {
            wanted.extend(Target::new(Kind::job(), "", &name(context, part)).may(&["get", "delete"]));
        }
        wanted.extend(Kind::pod().may(&["get", "list", "delete"]));
        wanted.push(Permission::on("", "pods/log", "get"));
        wanted.push(Permission::on("", "events", "list"));
        wanted.extend(states::permissions(context));
        wanted
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        self.manifest(context, "")?;
        Ok(Checkpoint(json!({ "job": name(context, "") })))
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let summary = format!("Job {} completed", name(context, ""));
        if states::kept::<Done>(context).await?.is_none() {
            self.run(context, "").await?;
            states::keep(context, &Done { done: true }).await?;
        }
        if !self.0.keep {
            self.remove(context, "").await?;
        }
        Ok(Outcome { summary, ..Outcome::default() })
    }

    async fn undo(
        &self,
        context: &Context,
        _checkpoint: &Checkpoint,
        _left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        self.remove(context, "").await?;
        let summary = match self.0.undo {
            Some(_) => {
                self.run(context, "undo").await?;
                self.remove(context, "undo").await?;
                format!("Job {} completed", name(context, "undo"))
            }
            None => "the Job is removed; what it did stays".to_owned(),
        };
        states::drop(context).await?;
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl Job {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    /// The Job as it is made: of our name, in our namespace, with our labels on it and on its pods.
    fn manifest(&self, context: &Context, part: &str) -> Result<Value, ActionError> {
        let file: Vec<PathBuf> = if part.is_empty() { self.0.file.iter().cloned().collect() } else { Vec::new() };
        let text = if part.is_empty() { self.0.manifest.as_deref() } else { self.0.undo.as_deref() };
        let mut objects = manifests::read(&file, text)?;
        if objects.len() != 1 || objects[0]["kind"] != "Job" {
            return Err(ActionError::refused(
                "a `job` step takes one object, a Job; make others by an `apply` step before it",
            ));
        }
        let mut job = objects.remove(0);
        job["metadata"]["name"] = json!(name(context, part));
        job = manifests::ours(job, context.cluster()?.namespace(), &context.run, &context.step.id.0);
        for (key, value) in names::labels(&context.run, &context.step.id.0) {
            job["spec"]["template"]["metadata"]["labels"][key] = json!(value);
        }
        Ok(job)
    }

    fn target(context: &Context, part: &str) -> Result<Target, ActionError> {
        Ok(Target::new(Kind::job(), context.cluster()?.namespace(), &name(context, part)))
    }

    async fn run(&self, context: &Context, part: &str) -> Result<(), ActionError> {
        let (cluster, target) = (context.cluster()?, Self::target(context, part)?);
        // One that failed is made anew.
        if target.find(cluster).await?.is_some_and(|found| applied::hopeless(&found).is_some()) {
            self.remove(context, part).await?;
        }
        crash::point("action.job.before");
        let made = target.create(cluster, &self.manifest(context, part)?).await?;
        crash::point("action.job.after");
        if !manifests::is_ours(&made, &context.run, &context.step.id.0) {
            return Err(ActionError::refused(format!(
                "there is a {target} on {} that this step did not make; look whose it is, and delete or rename it",
                cluster.place()
            )));
        }
        let mut logs = JoinSet::new();
        let ended = context.or_stopped("job", self.until_complete(context, &target, &mut logs)).await;
        if ended.is_ok() {
            let _ =
                tokio::time::timeout(Duration::from_secs(5), async { while logs.join_next().await.is_some() {} }).await;
        }
        context.progress.waiting("");
        ended
    }

    async fn until_complete(
        &self,
        context: &Context,
        target: &Target,
        logs: &mut JoinSet<()>,
    ) -> Result<(), ActionError> {
        let (cluster, begun) = (context.cluster()?, Instant::now());
        let mut followed = BTreeSet::new();
        loop {
            let job = target.get(cluster).await?;
            let pods = objects::list(cluster, &Kind::pod(), &format!("job-name={}", target.name)).await?;
            follow(context, &pods, &mut followed, logs)?;
            let Some(why) = applied::unready(&job) else { return Ok(()) };
            let state = words(&pods).unwrap_or(why);
            let hopeless = applied::hopeless(&job);
            if hopeless.is_some() || begun.elapsed() > self.timeout() {
                return Err(self.failed(context, target, &pods, hopeless, &state).await);
            }
            context.progress.waiting(format!("{target} to complete ({state})"));
            tokio::time::sleep(BETWEEN).await;
        }
    }

    async fn failed(
        &self,
        context: &Context,
        target: &Target,
        pods: &[Value],
        why: Option<String>,
        state: &str,
    ) -> ActionError {
        use crate::connect::kubernetes::ClusterError;
        let Ok(cluster) = context.cluster() else { return ActionError::failed(state) };
        let (what, place) = (format!("{target} to complete"), cluster.place().clone().into());
        let error = match why {
            Some(reason) => {
                ClusterError::Hopeless { what, place, reason: format!("{reason} ({state})"), story: String::new() }
            }
            None => {
                ClusterError::Late { what, place, waited: self.timeout(), seen: state.to_owned(), story: String::new() }
            }
        };
        let error = match pods.last() {
            Some(pod) => cluster.with_story(error, objects::name(pod)).await,
            None => error,
        };
        ActionError::failed(format!("{error}\nthe Job stays there to be looked at; a retry makes it anew"))
    }

    async fn remove(&self, context: &Context, part: &str) -> Result<(), ActionError> {
        apply::remove(context, &Self::target(context, part)?, self.timeout()).await.map(|_| ())
    }
}

fn name(context: &Context, part: &str) -> String {
    match part {
        "" => names::object(&context.run, &context.step.id.0),
        part => names::object(&context.run, &format!("{}-{part}", context.step.id)),
    }
}

/// Tells the log of each pod that is not told yet.
fn follow(
    context: &Context,
    pods: &[Value],
    followed: &mut BTreeSet<String>,
    logs: &mut JoinSet<()>,
) -> Result<(), ActionError> {
    let cluster = context.cluster()?;
    for pod in pods.iter().filter(|pod| pod["status"]["phase"] != "Pending") {
        if !followed.insert(objects::name(pod).to_owned()) {
            continue;
        }
        let container = pod["spec"]["containers"][0]["name"].as_str();
        let mut lines = cluster.follow(objects::name(pod), container, TAIL);
        let (progress, secrets) = (context.progress.clone(), context.secrets.clone());
        logs.spawn(async move {
            while let Some(line) = lines.next().await {
                progress.log(LogLevel::Info, secrets.mask(&line).into_owned());
            }
        });
    }
    Ok(())
}

/// How the newest pod stands.
fn words(pods: &[Value]) -> Option<String> {
    let typed: BTreeMap<String, k8s_openapi::api::core::v1::Pod> = pods
        .iter()
        .filter_map(|pod| Some((objects::name(pod).to_owned(), serde_json::from_value(pod.clone()).ok()?)))
        .collect();
    let (name, pod) = typed.last_key_value()?;
    Some(format!("pod {name}: {}", crate::connect::kubernetes::pods::words(pod)))
}
