//! What goes over the socket: JSON with its length (four bytes, big end first) before it. A snapshot's large parts (plan, answers,
//! evidence, log) go along only when they are not those that were sent last.

use crate::engine::command::Command;
use crate::engine::handle::Ending;
use crate::engine::snapshot::{ClusterView, DataView, Helm, LogLine, Query, Snapshot};
use crate::evidence::{Evidence, PlanReport};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Which form of the messages below is spoken. Both ends have to speak the same.
pub(super) const PROTOCOL: u32 = 2;

/// The longest message that is read, in bytes.
const LONGEST: u32 = 256 << 20;

/// How many lines of the log are kept.
const LINES: usize = 1_000;

/// From the driving process.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Told {
    /// First of all.
    Hello {
        /// Its [`PROTOCOL`].
        protocol: u32,
        /// The version of the program, for people.
        version: String,
    },
    /// The run as it is now.
    News(Box<News>),
    /// The run has ended, or its process stops driving it.
    Ended(Ending),
}

/// To the driving process.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Asked {
    /// First of all.
    Hello {
        /// Who is here, as the others may read it.
        who: String,
        /// Whether it wants the helm, if nobody has it. Asked here, because the first snapshot tells who has it.
        helm: bool,
    },
    /// The helm, if nobody has it.
    Helm,
    /// A command; obeyed from the helm only.
    Command(Command),
    /// A question; answered to the helm only, for there is one answer in a snapshot.
    Query(Query),
}

/// A snapshot, and those of its parts that are new.
#[derive(Serialize, Deserialize)]
pub(super) struct News {
    snapshot: Snapshot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Shared<PlanReport>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Shared<DataView>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<Shared<ClusterView>>,
    /// By the index of the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<(usize, Shared<Evidence>)>,
    /// Whether `log` is the whole of it.
    whole_log: bool,
    log: Vec<LogLine>,
}

/// What is shared inside a process goes over the socket by value.
struct Shared<T>(Arc<T>);

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Arc::new(value)))
    }
}

/// The last snapshot that went over a connection, seen from either end.
#[derive(Default)]
pub(super) struct Last(Option<Snapshot>);

impl Last {
    /// What has to be sent so that the other end has `snapshot`.
    pub(super) fn news(&mut self, snapshot: &Snapshot, helm: Helm) -> News {
        let snapshot = Snapshot { helm, ..snapshot.clone() };
        let before = self.0.take().unwrap_or_default();
        let evidence = snapshot.steps.iter().enumerate().filter(|(index, step)| {
            before.steps.get(*index).is_none_or(|known| !Arc::ptr_eq(&known.evidence, &step.evidence))
        });
        let evidence = evidence.map(|(index, step)| (index, Shared(step.evidence.clone()))).collect();
        let (whole_log, log) = fresh_lines(&before, &snapshot);
        let news = News {
            plan: newer(before.plan.as_ref(), snapshot.plan.as_ref()),
            data: newer(Some(&before.data), Some(&snapshot.data)),
            cluster: newer(before.cluster.as_ref(), snapshot.cluster.as_ref()),
            evidence,
            whole_log,
            log,
            snapshot: snapshot.clone(),
        };
        self.0 = Some(snapshot);
        news
    }

    /// The snapshot that `news` makes of the one before.
    pub(super) fn with(&mut self, news: News) -> Arc<Snapshot> {
        let before = self.0.take().unwrap_or_default();
        let mut snapshot = Snapshot {
            plan: news.plan.map(|plan| plan.0).or(before.plan),
            data: news.data.map_or(before.data, |data| data.0),
            cluster: news.cluster.map(|cluster| cluster.0).or(before.cluster),
            log: if news.whole_log { Default::default() } else { before.log },
            ..news.snapshot
        };
        snapshot.log.extend(news.log);
        let beyond = snapshot.log.len().saturating_sub(LINES);
        snapshot.log.drain(..beyond);
        for (step, known) in snapshot.steps.iter_mut().zip(&before.steps) {
            step.evidence = known.evidence.clone();
        }
        for (index, evidence) in news.evidence {
            if let Some(step) = snapshot.steps.get_mut(index) {
                step.evidence = evidence.0;
            }
        }
        self.0 = Some(snapshot.clone());
        Arc::new(snapshot)
    }
}

fn newer<T>(before: Option<&Arc<T>>, now: Option<&Arc<T>>) -> Option<Shared<T>> {
    let now = now?;
    let same = before.is_some_and(|before| Arc::ptr_eq(before, now));
    (!same).then(|| Shared(now.clone()))
}

/// The lines after the last one that was sent; all of them where that one is no longer there.
fn fresh_lines(before: &Snapshot, now: &Snapshot) -> (bool, Vec<LogLine>) {
    let sent = before.log.back().and_then(|last| now.log.iter().rposition(|line| line == last));
    match sent {
        Some(at) => (false, now.log.iter().skip(at + 1).cloned().collect()),
        None => (true, now.log.iter().cloned().collect()),
    }
}

/// Writes a message.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).map_err(|_| io::Error::other("a message is too long"))?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&body).await?;
    stream.flush().await
}

/// Reads a message; none where the other end has gone in good order.
pub(super) async fn receive<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.map(|_| ())?,
    }
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("a message is too long"));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}

#[cfg(test)]
mod tests {
    use super::Last;
    use crate::engine::snapshot::{Helm, LogLevel, LogLine, Snapshot, StepView};
    use crate::evidence::{Evidence, PlanReport};
    use std::sync::Arc;

    fn snapshot() -> Snapshot {
        let evidence = Arc::new(Evidence { rejects_total: 7, ..Evidence::default() });
        Snapshot {
            run: "r".to_owned(),
            steps: vec![StepView { id: "copy".to_owned(), evidence, ..StepView::default() }, StepView::default()],
            plan: Some(Arc::new(PlanReport { rows: 12, ..PlanReport::default() })),
            log: [line(1), line(2)].into(),
            ..Snapshot::default()
        }
    }

    fn line(second: i64) -> LogLine {
        let at = jiff::Timestamp::from_second(second).unwrap_or_default();
        LogLine { at, level: LogLevel::Info, step: None, text: format!("line {second}") }
    }

    #[test]
    fn what_has_been_sent_is_not_sent_again_and_not_lost() {
        let (mut here, mut there) = (Last::default(), Last::default());
        let first = snapshot();
        let sent = serde_json::to_vec(&here.news(&first, Helm::Free)).unwrap_or_default();
        there.with(serde_json::from_slice(&sent).unwrap_or_else(|error| panic!("{error}")));

        let mut second = Snapshot { refusal: Some("no".to_owned()), ..first };
        second.log.push_back(line(3));
        let sent = serde_json::to_string(&here.news(&second, Helm::Attached)).unwrap_or_default();
        assert!(!sent.contains("line 2") && sent.contains("line 3") && !sent.contains("rejects_total"), "{sent}");
        let got = there.with(serde_json::from_str(&sent).unwrap_or_else(|error| panic!("{error}")));
        assert_eq!((got.helm.clone(), got.refusal.as_deref()), (Helm::Attached, Some("no")));
        assert_eq!((got.log.clone(), got.plan.clone()), (second.log, second.plan));
        assert_eq!(got.steps[0].evidence, second.steps[0].evidence);
    }
}
