//! Writers stopped inside their running pod: the source lies where it would go with the pod.
//!
//! By itself this stops, with SIGSTOP, every process of the container that has the source open. Linux ignores that signal when it is sent to
//! process 1 from inside its own container, and then the runbook has to name a command that makes the application stop writing.

use super::objects::{self, Kind};
use super::workload::{self, Was, Workload};
use super::{put_back, volumes};
use crate::action::failure::{passed, unknown};
use crate::action::{ActionError, Context};
use crate::connect::kubernetes::{Cluster, ExecOutput};
use crate::crash;
use crate::evidence::Finding;
use crate::progress::LogLevel;
use crate::runbook::settings::Inside;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// A pod whose writer was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stopped {
    pub workload: String,
    pub pod: String,
    uid: String,
    container: String,
    restarts: i64,
    /// The processes that were stopped; none where the runbook's own command did it.
    processes: Vec<u32>,
}

/// Processes that have `$file`, its WAL or its journal open. Nothing is assumed but a shell; `-ef` compares device and inode.
const HOLDERS: &str = r#"holders() {
  for fd in /proc/[0-9]*/fd/*; do
    for one in "$file" "$file-wal" "$file-journal"; do
      if [ "$fd" -ef "$one" ]; then p=${fd#/proc/}; echo "${p%%/*}"; break; fi
    done
  done 2>/dev/null
}
state() { while read -r key value _; do [ "$key" = State: ] && echo "$value"; done <"/proc/$1/status"; }
"#;

/// Lets those go on who have the source open.
pub(super) const GO_ON: &str = "for p in $(holders); do [ \"$p\" = $$ ] || kill -CONT \"$p\"; done\n";

/// Stops whoever has the source open, and names the processes.
pub(super) const STOP: &str = r#"for round in 1 2 3; do
  for p in $(holders); do [ "$p" = $$ ] || kill -STOP "$p" 2>/dev/null; done
done
for p in $(holders); do
  [ "$p" = $$ ] && continue
  case "$(state "$p")" in T | t) case " $seen " in *" $p "*) ;; *) seen="$seen $p"; echo "$p" ;; esac ;; *) echo "process $p goes on" >&2; bad=1 ;; esac
done
exit ${bad:-0}
"#;

/// The container that sees the source in the pods of a workload, and the path there; none when the source is elsewhere.
pub(super) fn source_in(context: &Context, label: &str) -> Option<(Option<String>, String)> {
    let source = &context.runbook.source;
    let pod = source.pod.as_ref()?;
    (pod.workload.as_deref() == Some(label)).then(|| (pod.container.clone(), source.sqlite.display().to_string()))
}

/// Why the workload must not be scaled down; none where it may be.
pub(super) async fn why(context: &Context, workload: &Workload) -> Result<Option<String>, ActionError> {
    let Some((container, path)) = source_in(context, &workload.label) else { return Ok(None) };
    let found = workload.target.get(context.cluster()?).await?;
    Ok(volumes::goes_with_pod(&found, container.as_deref(), &path))
}

/// What preflight says of a writer that is to be stopped inside its pod.
pub(super) async fn check(context: &Context, workload: &Workload, with: &Inside, why: &str, check: &str) -> Finding {
    let detail = format!("scaling down would delete the source: {why}; its writer is stopped inside the pod");
    let probe = match context.cluster() {
        Ok(cluster) => workload.target.find(cluster).await.ok().flatten().and_then(|found| liveness(&found, with)),
        Err(_) => None,
    };
    match probe {
        Some(seconds) => unknown(
            check,
            format!("{detail}, and its liveness probe restarts a stopped container after {seconds} s"),
            "be through with the copy by then, or take the probe out first; the switch is refused when the container was restarted",
        ),
        None => passed(check, detail),
    }
}

/// After how many seconds the kubelet restarts a container that does not answer.
fn liveness(found: &Value, with: &Inside) -> Option<i64> {
    let containers = found["spec"]["template"]["spec"]["containers"].as_array()?;
    let one = containers.iter().find(|one| with.container.as_ref().is_none_or(|name| one["name"] == name.as_str()))?;
    let probe = one.get("livenessProbe")?;
    Some(probe["periodSeconds"].as_i64().unwrap_or(10) * probe["failureThreshold"].as_i64().unwrap_or(3))
}

/// Stops the writer in each pod of the workload.
pub(super) async fn stop(context: &Context, with: &Inside, workload: &Workload) -> Result<Vec<Stopped>, ActionError> {
    let cluster = context.cluster()?;
    let found = workload.target.get(cluster).await?;
    let pods = objects::list(cluster, &Kind::pod(), &workload::selector(&found)).await?;
    let mut stopped = Vec::new();
    for pod in pods.iter().filter(|pod| pod["status"]["phase"] == "Running") {
        stopped.push(stop_in(context, with, workload, pod).await?);
    }
    Ok(stopped)
}

async fn stop_in(context: &Context, with: &Inside, workload: &Workload, pod: &Value) -> Result<Stopped, ActionError> {
    let cluster = context.cluster()?;
    let (of_source, path) = source_in(context, &workload.label).unwrap_or_default();
    let container = with.container.clone().or(of_source).unwrap_or_else(|| first_container(pod));
    let name = objects::name(pod);
    let script = with.stop.clone().unwrap_or_else(|| script(&path, STOP));
    context.progress.waiting(format!("the writer in pod {name} to stop"));
    crash::point("action.inside.before");
    let said = cluster.exec(name, Some(&container), &["sh", "-c", &script], None).await?;
    crash::point("action.inside.after");
    if said.code != 0 {
        return Err(not_stopped(context, cluster, name, &said));
    }
    let processes: Vec<u32> =
        said.text().lines().filter_map(|line| line.trim().parse().ok()).filter(|_| with.stop.is_none()).collect();
    if with.stop.is_none() && processes.is_empty() {
        return Err(nobody_to_stop(cluster, name, &path));
    }
    let restarts = restarts(pod, &container);
    context.progress.log(LogLevel::Info, format!("the writer in pod {name} is stopped: processes {processes:?}"));
    Ok(Stopped {
        workload: workload.label.clone(),
        pod: name.to_owned(),
        uid: objects::uid(pod).to_owned(),
        container,
        restarts,
        processes,
    })
}

fn not_stopped(context: &Context, cluster: &Cluster, pod: &str, said: &ExecOutput) -> ActionError {
    ActionError::failed(format!(
        "stopping the writer in pod {pod} on {}: {}; process 1 of a container cannot be stopped from inside it: name a command that makes the application stop writing, `inside: {{stop: …, start: …}}`, or copy the database to a claim first",
        cluster.place(),
        context.secrets.mask(&said.complaint())
    ))
}

/// An application that opens its database for each request would write again after any look at who has it open.
fn nobody_to_stop(cluster: &Cluster, pod: &str, path: &str) -> ActionError {
    ActionError::failed(format!(
        "stopping the writer in pod {pod} on {}: no process there has {path} open, and whoever opens it next would write; name a command that makes the application stop writing, `inside: {{stop: …, start: …}}`, or copy the database to a claim first",
        cluster.place()
    ))
}

/// Why a writer that was stopped may write again; none when it stands still.
pub(super) async fn runs_again(context: &Context, stopped: &Stopped) -> Result<Option<String>, ActionError> {
    let cluster = context.cluster()?;
    let pod = objects::Target::new(Kind::pod(), cluster.namespace(), &stopped.pod).find(cluster).await?;
    let Some(pod) = pod.filter(|pod| objects::uid(pod) == stopped.uid) else {
        return Ok(Some(format!("pod {} is gone, and the source with it", stopped.pod)));
    };
    if restarts(&pod, &stopped.container) != stopped.restarts {
        return Ok(Some(format!("container {} of pod {} was started again", stopped.container, stopped.pod)));
    }
    if stopped.processes.is_empty() {
        return Ok(None);
    }
    let list = stopped.processes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let script = format!("{HOLDERS}for p in {list}; do case \"$(state $p)\" in T | t) ;; *) echo \"$p\" ;; esac; done");
    let said = cluster.exec(&stopped.pod, Some(&stopped.container), &["sh", "-c", &script], None).await?;
    let again = said.text();
    Ok((!again.is_empty()).then(|| format!("processes {} of pod {} go on", again.replace('\n', ", "), stopped.pod)))
}

/// Lets the writer go on, in the pod where it was stopped. In a pod that took its place the source is put back from the snapshot.
pub(super) async fn undo(
    context: &Context,
    with: &Inside,
    was: &Was,
    stopped: &[Stopped],
    timeout: Duration,
) -> Result<(), ActionError> {
    let cluster = context.cluster()?;
    let workload = Workload::new(&was.workload, cluster.namespace())?;
    let found = workload.target.get(cluster).await?;
    let there = workload.pod_uids(cluster, &found).await?;
    let mine = || stopped.iter().filter(|stopped| stopped.workload == was.workload);
    if workload::replicas(&found) == was.replicas && mine().all(|stopped| there.contains(&stopped.uid)) {
        for pod in objects::list(cluster, &Kind::pod(), &workload::selector(&found)).await? {
            go_on(context, with, &workload, &pod).await?;
        }
        return Ok(());
    }
    workload.scale_back(cluster, was, &[0]).await?;
    for pod in workload.until_up(context, &BTreeSet::new(), timeout).await? {
        put_back::put_back(context, with, &workload, &pod, timeout).await?;
    }
    Ok(())
}

async fn go_on(context: &Context, with: &Inside, workload: &Workload, pod: &Value) -> Result<(), ActionError> {
    let (of_source, path) = source_in(context, &workload.label).unwrap_or_default();
    let container = with.container.clone().or(of_source).unwrap_or_else(|| first_container(pod));
    let script = with.start.clone().unwrap_or_else(|| script(&path, GO_ON));
    let said = context.cluster()?.exec(objects::name(pod), Some(&container), &["sh", "-c", &script], None).await?;
    if said.code == 0 {
        return Ok(());
    }
    Err(ActionError::failed(format!(
        "letting the writer in pod {} go on: exit code {}: {}; start it by hand, or retry",
        objects::name(pod),
        said.code,
        context.secrets.mask(&said.complaint())
    )))
}

pub(super) fn script(path: &str, rest: &str) -> String {
    format!("file={}\n{HOLDERS}{rest}", quoted(path))
}

fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''"))
}

pub(super) fn first_container(pod: &Value) -> String {
    pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn restarts(pod: &Value, container: &str) -> i64 {
    let all = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    all.filter(|status| status["name"] == container)
        .find_map(|status| status["restartCount"].as_i64())
        .unwrap_or_default()
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == json!("True"))
}
