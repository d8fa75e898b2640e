//! The snapshot put back into a pod that took the place of the one that had the source: a volume that goes with its pod comes back empty,
//! and the application has made itself a fresh database there.

use super::inside::{GO_ON, STOP, first_container, is_ready, restarts, script, source_in};
use super::objects::{Kind, Target};
use super::workload::Workload;
use crate::action::{ActionError, Context, FailureKind, frozen};
use crate::crash;
use crate::runbook::settings::Inside;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

/// What the script says when the file is in its place.
const ARRIVED: &[u8] = b"arrived\n";
/// How often it is sent: a container that starts again meanwhile, for one by what a killed process of ours sent, cuts the stream.
const TRIES: usize = 3;
const BETWEEN: Duration = Duration::from_millis(500);

/// A file that takes a database's place in a container.
struct Replacement<'a> {
    pod: &'a str,
    container: &'a str,
    path: &'a str,
    file: &'a Path,
    /// Stops whoever has the database open, and names the processes.
    stop: &'a str,
    /// Lets them go on, where not all would stop.
    go_on: &'a str,
}

/// The snapshot in place of what a fresh pod made, and the application started again on it.
pub(super) async fn put_back(
    context: &Context,
    with: &Inside,
    workload: &Workload,
    pod: &str,
    timeout: Duration,
) -> Result<(), ActionError> {
    let cluster = context.cluster()?;
    let target = Target::new(Kind::pod(), cluster.namespace(), pod);
    let found = target.get(cluster).await?;
    let (of_source, path) = source_in(context, &workload.label).unwrap_or_default();
    let container = with.container.clone().or(of_source).unwrap_or_else(|| first_container(&found));
    let file = kept(context, workload)?;
    // What a command of the runbook's own says is no list of processes.
    let stop = with.stop.as_ref().map_or_else(|| STOP.to_owned(), |stop| format!("(\n{stop}\n) >&2"));
    let go_on = with.start.as_deref().unwrap_or(GO_ON);
    let replacement = Replacement { pod, container: &container, path: &path, file: &file, stop: &stop, go_on };
    let before = sent(context, &target, &replacement).await?;
    until_started_again(context, &target, &replacement, before, timeout).await
}

/// The snapshot, where there is one.
fn kept(context: &Context, workload: &Workload) -> Result<std::path::PathBuf, ActionError> {
    let snapshot = frozen::snapshot_path(context);
    if frozen::recorded(&snapshot).is_some() {
        return Ok(snapshot);
    }
    Err(ActionError::refused(format!(
        "the source of {} went with its pod, and there is no snapshot of it at {}: put the database back by hand",
        workload.label,
        snapshot.display()
    )))
}

/// Sends it until it has arrived; how often the container had been started again before.
async fn sent(context: &Context, target: &Target, replacement: &Replacement<'_>) -> Result<i64, ActionError> {
    let cluster = context.cluster()?;
    let mut tried = 0;
    loop {
        tried += 1;
        context.progress.waiting(format!("the snapshot to be back in pod {}", replacement.pod));
        let before = restarts(&target.get(cluster).await?, replacement.container);
        match send(context, replacement).await {
            Err(error) if tried < TRIES && error.kind == FailureKind::Failed => sleep(4 * BETWEEN).await,
            came => return came.map(|()| before),
        }
    }
}

async fn until_started_again(
    context: &Context,
    target: &Target,
    Replacement { pod, container, path, .. }: &Replacement<'_>,
    before: i64,
    timeout: Duration,
) -> Result<(), ActionError> {
    let (cluster, end) = (context.cluster()?, Instant::now() + timeout);
    loop {
        let now = target.get(cluster).await?;
        if restarts(&now, container) > before && is_ready(&now) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(ActionError::failed(format!(
                "the snapshot is back in pod {pod} on {}, but its container {container} did not start again within {} s; make the application open {path} anew, then retry",
                cluster.place(),
                timeout.as_secs()
            )));
        }
        context.progress.waiting(format!("pod {pod} to start again on the snapshot"));
        sleep(BETWEEN).await;
    }
}

/// Streams the file and compares what arrived; it takes its place only whole, and while nobody writes there: a journal that appeared beside
/// it in that moment would be played into it. Whoever had the former database open ends without another write. Process 1 ends when asked,
/// and the kubelet starts the container again on the same volume. All in one script, which a lost connection does not leave half way.
fn script_of(Replacement { path, stop, go_on, .. }: &Replacement<'_>, length: u64, sha256: &str) -> String {
    let take = format!(
        "trap '' PIPE HUP\nhead -c {length} >\"$file.cutover\" || exit 1\n\
         if command -v sha256sum >/dev/null; then got=$(sha256sum <\"$file.cutover\"); [ \"${{got%% *}}\" = {sha256} ] || exit 2; fi\n\
         stopped=$(\n{stop}\n) || {{\n{go_on}\nexit 3\n}}\n\
         rm -f \"$file-wal\" \"$file-shm\" \"$file-journal\" && mv \"$file.cutover\" \"$file\" && echo arrived\n\
         for p in $stopped; do kill -KILL \"$p\"; done 2>/dev/null\nkill -TERM 1\n"
    );
    script(path, &take)
}

async fn send(context: &Context, replacement: &Replacement<'_>) -> Result<(), ActionError> {
    let (cluster, Replacement { pod, container, file, .. }) = (context.cluster()?, replacement);
    let unread = |error| ActionError::file("reading", file, &error);
    let mut bytes = tokio::fs::File::open(file).await.map_err(unread)?;
    let length = bytes.metadata().await.map_err(unread)?.len();
    let sha256 = frozen::recorded(file).map(|record| record.sha256).unwrap_or_default();
    let script = script_of(replacement, length, &sha256);
    let mut process = cluster.stream(pod, Some(container), &["sh", "-c", &script]).await?;
    let cut = |error: std::io::Error| {
        ActionError::failed(format!("sending the snapshot to pod {pod} on {}: {error}; retry", cluster.place()))
    };
    tokio::io::copy(&mut bytes, &mut process).await.map_err(cut)?;
    process.flush().await.map_err(cut)?;
    crash::point("action.put-back.sent");
    let mut said = vec![0; ARRIVED.len()];
    let heard = context.or_stopped("sending the snapshot", async {
        // What ends before it has said so has not arrived.
        let _ = process.read_exact(&mut said).await;
        Ok(())
    });
    heard.await?;
    if said == ARRIVED {
        return Ok(());
    }
    let why = process.exit().await.map(|exit| exit.stderr).unwrap_or_default();
    Err(ActionError::failed(format!(
        "sending the snapshot to pod {pod} on {}: it did not arrive whole, or its writer would not stop: {}; retry",
        cluster.place(),
        context.secrets.mask(why.trim())
    )))
}
