//! What is shown but not journaled: progress, rates, what is being waited for, log lines.

use super::recorder::Recorder;
use crate::engine::event::Event;
use crate::engine::fold::seconds_between;
use crate::engine::recording::Lived;
use crate::engine::snapshot::{LogLevel, LogLine, PartProgress, Snapshot, Status};
use crate::progress::Report;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How many lines of the log are kept.
const LINES: usize = 1_000;
/// How often progress is kept for a replay.
const KEEP: Duration = Duration::from_secs(1);
/// Over how long a rate is measured.
const WINDOW: Duration = Duration::from_secs(4);

/// Progress of this process's steps, and its log.
#[derive(Debug, Default)]
pub(super) struct Live {
    steps: BTreeMap<String, Progress>,
    log: VecDeque<LogLine>,
    recorder: Option<Recorder>,
    kept: Option<Instant>,
}

/// Progress of one step.
#[derive(Debug, Default)]
struct Progress {
    parts: Vec<PartProgress>,
    waiting: String,
    /// Units done at a moment, for the last seconds.
    samples: VecDeque<(Instant, u64)>,
    /// The parts that have changed since they were last kept for a replay.
    fresh: BTreeSet<usize>,
    kept_waiting: String,
}

impl Live {
    /// The log so far of a run that goes on, and where what is lived from now on is kept.
    pub(super) fn resumed(log: VecDeque<LogLine>, recorder: Option<Recorder>) -> Self {
        Self { log, recorder, ..Self::default() }
    }

    /// A step starts anew.
    pub(super) fn begin(&mut self, step: &str) {
        self.steps.insert(step.to_owned(), Progress::default());
    }

    /// A step says something. [`Report::Holding`] means nothing here.
    pub(super) fn report(&mut self, step: &str, report: Report) {
        match report {
            Report::Log(level, text) => self.log(level, Some(step), text),
            Report::Part(part) => self.steps.entry(step.to_owned()).or_default().take(part),
            Report::Waiting(what) => self.steps.entry(step.to_owned()).or_default().waiting = what,
            Report::Holding => {}
        }
    }

    /// Adds a line to the log, and to the file `log` of the run's directory.
    pub(super) fn log(&mut self, level: LogLevel, step: Option<&str>, text: String) {
        let line = LogLine { at: Timestamp::now(), level, step: step.map(ToOwned::to_owned), text };
        if let Some(recorder) = &self.recorder {
            recorder.keep(Lived::Log(line.clone()));
        }
        self.push(line);
    }

    /// Adds the line of an event, which is in the journal.
    pub(super) fn log_event(&mut self, at: Timestamp, event: &Event) {
        if let Some((level, text)) = line(event) {
            self.push(LogLine { at, level, step: event.step().map(ToString::to_string), text });
        }
    }

    fn push(&mut self, line: LogLine) {
        keep(line.level, line.step.as_deref().unwrap_or("run"), &line.text);
        if self.log.len() == LINES {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    /// Keeps, once a second, how far the steps are.
    pub(super) fn keep(&mut self, now: Timestamp) {
        let Some(recorder) = self.recorder.as_ref().filter(|_| self.kept.is_none_or(|kept| kept.elapsed() >= KEEP))
        else {
            return;
        };
        for (step, progress) in &mut self.steps {
            if let Some(lived) = progress.lived(now, step) {
                recorder.keep(lived);
            }
        }
        self.kept = Some(Instant::now());
    }

    /// Lays all of it over what the journal tells.
    pub(super) fn lay_over(&self, snapshot: &mut Snapshot, now: Timestamp) {
        snapshot.now = Some(now);
        snapshot.log.clone_from(&self.log);
        for view in &mut snapshot.steps {
            let at_work = matches!(view.status, Status::Running | Status::Pausing | Status::Paused | Status::Undoing);
            if at_work && view.seconds.is_none() {
                view.seconds = view.started.map(|started| seconds_between(started, now));
            }
            let Some(progress) = self.steps.get(&view.id) else { continue };
            view.parts.clone_from(&progress.parts);
            if at_work {
                view.rate = progress.rate();
                view.waiting.clone_from(&progress.waiting);
            }
        }
    }
}

/// Into the file that the process traces to.
fn keep(level: LogLevel, step: &str, text: &str) {
    match level {
        LogLevel::Debug => tracing::debug!(step, "{text}"),
        LogLevel::Info => tracing::info!(step, "{text}"),
        LogLevel::Warn => tracing::warn!(step, "{text}"),
        LogLevel::Error => tracing::error!(step, "{text}"),
    }
}

impl Progress {
    fn take(&mut self, part: PartProgress) {
        let index = self.parts.iter().position(|known| known.part == part.part).unwrap_or(self.parts.len());
        match self.parts.get_mut(index) {
            Some(known) => *known = part,
            None => self.parts.push(part),
        }
        self.fresh.insert(index);
        let now = Instant::now();
        self.samples.push_back((now, self.done()));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.samples.pop_front();
        }
    }

    /// What has changed since this was last asked; none when nothing has.
    fn lived(&mut self, at: Timestamp, step: &str) -> Option<Lived> {
        if self.fresh.is_empty() && self.waiting == self.kept_waiting {
            return None;
        }
        self.kept_waiting.clone_from(&self.waiting);
        let fresh = std::mem::take(&mut self.fresh);
        let parts = fresh.into_iter().filter_map(|index| self.parts.get(index).cloned()).collect();
        Some(Lived::Progress { at, step: step.to_owned(), parts, rate: self.rate(), waiting: self.waiting.clone() })
    }

    /// All that is done, in the unit of the first part.
    fn done(&self) -> u64 {
        let unit = self.parts.first().map(|part| part.unit.as_str());
        self.parts.iter().filter(|part| Some(part.unit.as_str()) == unit).map(|part| part.done).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is read with three digits")]
    fn rate(&self) -> f64 {
        let (Some((from, before)), Some((_, now))) = (self.samples.front(), self.samples.back()) else { return 0.0 };
        let seconds = from.elapsed().as_secs_f64();
        if seconds < 0.05 { 0.0 } else { now.saturating_sub(*before) as f64 / seconds }
    }
}

/// A remark behind what it was made about.
fn said(remark: Option<&str>) -> String {
    remark.map(|remark| format!(": {remark}")).unwrap_or_default()
}

/// The log's line for an event, where it is worth one. Whoever tells events in his own words leaves these lines out.
#[must_use]
pub fn line(event: &Event) -> Option<(LogLevel, String)> {
    let info = |text: &str| Some((LogLevel::Info, text.to_owned()));
    match event {
        Event::GateReached { .. } => info("waits at its gate"),
        Event::GateApproved { by_yes: true, .. } => info("gate passed by --yes"),
        Event::GateApproved { operator, remark, .. } => {
            info(&format!("gate passed by {operator}{}", said(remark.as_deref())))
        }
        Event::GateRefused { operator, remark, .. } => {
            info(&format!("gate refused by {operator}{}", said(remark.as_deref())))
        }
        Event::StepStarted { .. } => info("started"),
        Event::StepDone { outcome, .. } => Some((LogLevel::Info, format!("done: {}", outcome.summary))),
        Event::StepFailed { failure, .. } => Some((LogLevel::Error, format!("failed: {}", failure.message))),
        Event::StepPaused { .. } | Event::UndoPaused { .. } => info("stands still at a safe place"),
        Event::StepResumed { .. } => info("goes on"),
        Event::StepSkipped { reason, .. } => Some((LogLevel::Warn, format!("left out: {reason}"))),
        Event::Paused { .. } => info("paused"),
        Event::Resumed {} => info("goes on"),
        Event::LateWritesFound { rows, .. } => {
            Some((LogLevel::Warn, format!("going back would lose {rows} rows that came since the switch")))
        }
        Event::RollbackBegan { to, .. } => {
            let goal = to.as_ref().map_or_else(|| "the start".to_owned(), ToString::to_string);
            Some((LogLevel::Warn, format!("going back to {goal}")))
        }
        Event::UndoStarted { .. } => info("is being taken back"),
        Event::UndoDone { outcome, .. } => Some((LogLevel::Info, format!("taken back: {}", outcome.summary))),
        Event::UndoFailed { failure, .. } => {
            Some((LogLevel::Error, format!("could not be taken back: {}", failure.message)))
        }
        Event::UnitDecided { column, unit, .. } => info(&format!("unit of {column} is {}", unit.name())),
        Event::PolicyDecided { column, policy, .. } => info(&format!("policy of {column} is {}", policy.name())),
        Event::RunEnded { ended } => info(&format!("the run ended: {}", ended.words())),
        Event::RunCreated(_)
        | Event::ProcessStarted { .. }
        | Event::ProcessEnded { .. }
        | Event::TargetClaimed { .. }
        | Event::CheckpointTaken { .. }
        | Event::PauseRequested {}
        | Event::NothingToUndo { .. } => None,
    }
}
