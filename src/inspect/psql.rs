//! psql in the run's test pod, for the operator's terminal. A pod that was lost since its step made it comes back first; where the run has
//! none, the operator is told why and what to do.

use super::PodTerminal;
use super::cluster::PATIENCE;
use crate::action::{self, Context};
use crate::connect::kubernetes::gateway::Carrier;
use crate::connect::kubernetes::{Cluster, Size, Terminal, names, pods};
use crate::runbook::{SecretTarget, Settings, StepId};
use k8s_openapi::api::core::v1::Pod;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;

/// Everything else comes from the pod's environment; a pager may not be there.
const PSQL: &[&str] = &["sh", "-c", "TERM=xterm exec psql --pset=pager=off"];

/// psql in the pod of the run's `test-pod` step.
pub(super) async fn open(context: &Context, (columns, rows): (u16, u16)) -> Result<PodTerminal, String> {
    let cluster = context.cluster.as_deref().ok_or("this run is on no cluster")?;
    let mut steps = context.runbook.steps.iter();
    let step = steps.find(|step| matches!(step.settings, Settings::TestPod(_)));
    let pod = present(context, cluster, &step.ok_or("the runbook has no test-pod step")?.id).await?;
    let size = Size { columns, rows };
    let brief = cluster.clone().with_patience(PATIENCE);
    let terminal = brief.attach_tty(&pod, None, PSQL, size).await.map_err(|error| error.to_string())?;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (sizes, resized) = mpsc::channel(8);
    tokio::spawn(carry(terminal, theirs, resized));
    Ok(PodTerminal { label: format!("psql in pod {pod}"), stream: ours, sizes })
}

/// The name of the step's pod, which is there and ready.
async fn present(context: &Context, cluster: &Cluster, step: &StepId) -> Result<String, String> {
    let pod = names::object(&context.run, &step.0);
    let brief = cluster.clone().with_patience(PATIENCE);
    let found: Option<Pod> = brief.find(&pod).await.map_err(|error| error.to_string())?;
    if found.as_ref().is_some_and(pods::is_ready) {
        return Ok(pod);
    }
    if let Some(why) = not_wanted(context, step) {
        return Err(format!("there is no pod {pod} to open it in: {why}"));
    }
    bring_back(context, cluster, step).await.map(|()| pod)
}

/// Why the run has no test pod as it stands; none where it is one that was lost.
fn not_wanted(context: &Context, step: &StepId) -> Option<String> {
    if !context.outcomes.contains_key(&step.0) {
        return Some(format!("step {step} makes it; let the run go past that step, then open psql again"));
    }
    let cleans = |candidate: &&crate::runbook::Step| matches!(candidate.settings, Settings::Cleanup(_));
    let cleaned = context.runbook.steps.iter().filter(cleans).find(|step| context.outcomes.contains_key(&step.id.0))?;
    let secret = context.runbook.target.secret.as_ref().map_or("", |secret| &secret.name);
    Some(format!(
        "step {} has removed it; roll back to before that step, or use a pod of your own with Secret {secret} in its environment",
        cleaned.id
    ))
}

async fn bring_back(context: &Context, cluster: &Cluster, step: &StepId) -> Result<(), String> {
    let has_ca = match &context.runbook.target.secret {
        Some(secret) => has_authority(cluster, secret).await?,
        None => false,
    };
    let manifest = action::carrier(&context.runbook, &context.run, step, has_ca).map_err(|error| error.message)?;
    let manifest = manifest.ok_or_else(|| format!("step {step} says no more what its pod is like"))?;
    let carrier = Carrier::of_step(cluster.clone(), manifest, true);
    let lost = |error| format!("pod {} was lost and did not come back: {error}", carrier.name());
    carrier.bring_back().await.map(|_| ()).map_err(lost)
}

/// Whether the Secret has certificates of the database's authority, which the pod then mounts.
async fn has_authority(cluster: &Cluster, secret: &SecretTarget) -> Result<bool, String> {
    let held = cluster.secret(&secret.name).await.map_err(|error| error.to_string())?;
    Ok(held.is_some_and(|held| held.contains_key(&secret.keys.ca)))
}

/// Carries bytes and sizes until either side ends.
async fn carry(mut terminal: Terminal, mut ours: DuplexStream, mut resized: mpsc::Receiver<(u16, u16)>) {
    let (mut from_pod, mut from_us) = (vec![0; 1 << 14], vec![0; 1 << 12]);
    loop {
        tokio::select! {
            read = terminal.read(&mut from_pod) => match read {
                Ok(count) if count > 0 && ours.write_all(&from_pod[..count]).await.is_ok() => {}
                _ => return,
            },
            read = ours.read(&mut from_us) => match read {
                Ok(count) if count > 0 && terminal.write_all(&from_us[..count]).await.is_ok() => {
                    if terminal.flush().await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            Some((columns, rows)) = resized.recv() => terminal.resize(Size { columns, rows }).await,
        }
    }
}
