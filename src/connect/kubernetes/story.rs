//! What happened to an object: its events, and what its containers said.

use super::{Cluster, ClusterError};
use futures_util::{AsyncBufReadExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};
use std::time::Duration;
use tokio::sync::mpsc;

/// Events and lines that an error tells.
const TOLD: usize = 5;
const BETWEEN: Duration = Duration::from_secs(1);

impl Cluster {
    /// The events of an object (`Pod`, `grafana-0`), the oldest first. The server keeps them for about an hour.
    ///
    /// # Errors
    /// When nobody answers, or the user may not list events.
    pub async fn events(&self, kind: &str, name: &str) -> Result<Vec<Event>, ClusterError> {
        let api: Api<Event> = self.api();
        let only = ListParams::default().fields(&format!("involvedObject.kind={kind},involvedObject.name={name}"));
        let doing = format!("listing the events of {} {name}", kind.to_lowercase());
        let mut events = self.call(&doing, || api.list(&only)).await?.items;
        events.sort_by_key(last_seen);
        Ok(events)
    }

    /// The last `tail` lines that a container said; of the pod's only container when none is named.
    ///
    /// # Errors
    /// When nobody answers, the container has not begun, or the user may not read logs.
    pub async fn logs(&self, pod: &str, container: Option<&str>, tail: i64) -> Result<Vec<String>, ClusterError> {
        let api: Api<Pod> = self.api();
        let parameters =
            LogParams { container: container.map(ToOwned::to_owned), tail_lines: Some(tail), ..LogParams::default() };
        let text = self.call(&format!("reading the log of pod {pod}"), || api.logs(pod, &parameters)).await?;
        Ok(text.lines().map(ToOwned::to_owned).collect())
    }

    /// Follows what a container says, from its last `tail` lines on, across interruptions, until it ends or the receiver is dropped.
    #[must_use]
    pub fn follow(&self, pod: &str, container: Option<&str>, tail: i64) -> Followed {
        let (sender, lines) = mpsc::channel(256);
        let (cluster, pod) = (self.clone(), pod.to_owned());
        let container = container.map(ToOwned::to_owned);
        tokio::spawn(async move { cluster.tell(&pod, container, tail, &sender).await });
        Followed { lines }
    }

    async fn tell(&self, pod: &str, container: Option<String>, tail: i64, lines: &mpsc::Sender<String>) {
        let mut last: Option<Timestamp> = None;
        while !lines.is_closed() {
            let parameters = LogParams {
                container: container.clone(),
                follow: true,
                timestamps: true,
                tail_lines: last.is_none().then_some(tail),
                since_time: last,
                ..LogParams::default()
            };
            let _ = self.pump_log(pod, &parameters, &mut last, lines).await; // interrupted: asked again below
            match self.find::<Pod>(pod).await {
                Ok(Some(found)) if super::pods::is_alive(&found) => tokio::time::sleep(BETWEEN).await,
                _ => return,
            }
        }
    }

    /// Lines of one request, without those that were told already.
    async fn pump_log(
        &self,
        pod: &str,
        parameters: &LogParams,
        last: &mut Option<Timestamp>,
        lines: &mpsc::Sender<String>,
    ) -> Result<(), ClusterError> {
        let api: Api<Pod> = self.api();
        let doing = format!("following the log of pod {pod}");
        let broken = |error: kube::Error| ClusterError::from_kube(&doing, &self.place, error);
        let mut stream = api.log_stream(pod, parameters).await.map_err(broken)?.lines();
        let known = *last;
        while let Some(line) = stream.try_next().await.map_err(|error| broken(kube::Error::ReadEvents(error)))? {
            let (time, text) = line.split_once(' ').unwrap_or(("", &line));
            let time: Option<Timestamp> = time.parse().ok();
            if time.is_some() && time <= known {
                continue;
            }
            *last = time.or(*last);
            if lines.send(text.to_owned()).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Adds to an error about a pod what its events and its log say; what cannot be read is left out.
    pub async fn with_story(&self, error: ClusterError, pod: &str) -> ClusterError {
        let told = self.pod_story(pod).await;
        match error {
            ClusterError::Late { what, place, waited, seen, .. } => {
                ClusterError::Late { what, place, waited, seen, story: told }
            }
            ClusterError::Hopeless { what, place, reason, .. } => {
                ClusterError::Hopeless { what, place, reason, story: told }
            }
            other => other,
        }
    }

    async fn pod_story(&self, pod: &str) -> String {
        let brief = self.clone().with_patience(Duration::from_secs(5));
        let mut story = String::new();
        let events = brief.events("Pod", pod).await.unwrap_or_default();
        for event in events.iter().rev().take(TOLD).rev().filter(|event| event.type_.as_deref() == Some("Warning")) {
            story.push_str(&format!(
                "\n  event {}: {}",
                event.reason.as_deref().unwrap_or_default(),
                event.message.as_deref().unwrap_or_default().trim()
            ));
        }
        for line in brief.logs(pod, None, TOLD as i64).await.unwrap_or_default() {
            story.push_str(&format!("\n  log: {line}"));
        }
        story
    }
}

/// Lines of a log as they come. Ends when the container does.
pub struct Followed {
    lines: mpsc::Receiver<String>,
}

impl Followed {
    /// The next line; none when there will be no more.
    pub async fn next(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

fn last_seen(event: &Event) -> Option<Timestamp> {
    let micro = event.event_time.as_ref().map(|time| time.0);
    let counted = event.last_timestamp.as_ref().map(|time| time.0);
    counted.or(micro).or_else(|| event.metadata.creation_timestamp.as_ref().map(|time| time.0))
}
