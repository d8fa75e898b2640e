//! A run's journal as moments that can be walked through: the run as it was, at each of them.
//!
//! Between two entries of the journal lie what the steps said and how far they were. The driver keeps that beside the journal in a file
//! of lines ([`FILE`]), written without waiting for it: where it is lost, the moments between the entries are, and nothing else.

use super::driver::log_line;
use super::event::{Event, Recorded};
use super::fold::{Fold, seconds_between};
use super::recover::BadEntry;
use super::runs::{RunDir, RunsError};
use super::snapshot::{Helm, LogLine, PartProgress, Snapshot, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;

/// The name of the file in the run's directory: an object of JSON per line.
pub const FILE: &str = "live.jsonl";

/// How many lines of the log a snapshot has.
const LINES: usize = 1_000;

/// What a step said or how far it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lived {
    /// A line of the log that no entry of the journal says.
    Log(LogLine),
    /// How far a step is.
    Progress {
        /// When.
        at: Timestamp,
        /// Which step.
        step: String,
        /// Those parts that have changed since the line before.
        parts: Vec<PartProgress>,
        /// Units per second.
        rate: f64,
        /// What it waits for.
        waiting: String,
    },
}

impl Lived {
    fn at(&self) -> Timestamp {
        match self {
            Self::Log(line) => line.at,
            Self::Progress { at, .. } => *at,
        }
    }
}

/// The journal and what was lived between its entries, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    tape: Vec<Piece>,
    /// The pieces at which something can be seen to change, by their place on the tape.
    moments: Vec<usize>,
    run_dir: String,
}

#[derive(Clone, Debug)]
enum Piece {
    Entry(Box<Recorded>),
    Lived(Lived),
}

impl Recording {
    /// Reads a run's directory, also while the run is driven.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(dir: &RunDir) -> Result<Self, RunsError> {
        let recording = Self::of(dir.entries()?, lived(dir.path()));
        Ok(Self { run_dir: dir.path().display().to_string(), ..recording })
    }

    /// Of entries, and what was lived between them.
    #[must_use]
    pub fn of(entries: Vec<Recorded>, lived: Vec<Lived>) -> Self {
        let mut tape = Vec::with_capacity(entries.len() + lived.len());
        let mut between = lived.into_iter().peekable();
        for entry in entries {
            while let Some(earlier) = between.next_if(|lived| lived.at() < entry.at) {
                tape.push(Piece::Lived(earlier));
            }
            tape.push(Piece::Entry(Box::new(entry)));
        }
        tape.extend(between.map(Piece::Lived));
        let seen = |piece: &Piece| match piece {
            Piece::Entry(entry) => log_line(&entry.event).is_some() || matches!(entry.event, Event::RunCreated(_)),
            Piece::Lived(lived) => matches!(lived, Lived::Progress { .. }),
        };
        let moments = tape.iter().enumerate().filter(|(_, piece)| seen(piece)).map(|(at, _)| at).collect();
        Self { tape, moments, run_dir: String::new() }
    }

    /// How many moments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// When a moment was.
    #[must_use]
    pub fn at(&self, moment: usize) -> Option<Timestamp> {
        self.moments.get(moment).map(|place| match &self.tape[*place] {
            Piece::Entry(entry) => entry.at,
            Piece::Lived(lived) => lived.at(),
        })
    }

    /// Whether an entry of the journal made the moment, not progress.
    #[must_use]
    pub fn is_entry(&self, moment: usize) -> bool {
        self.moments.get(moment).is_some_and(|place| matches!(self.tape[*place], Piece::Entry(_)))
    }

    /// What happened at a moment, in a few words; empty where a step only went on.
    #[must_use]
    pub fn words(&self, moment: usize) -> String {
        let Some(Piece::Entry(entry)) = self.moments.get(moment).map(|place| &self.tape[*place]) else {
            return String::new();
        };
        let step = entry.event.step().map(|step| format!("{step}: ")).unwrap_or_default();
        let said = log_line(&entry.event).map_or_else(|| "the run was made".to_owned(), |(_, line)| line);
        format!("{step}{said}")
    }

    /// The whole log, as far back as a snapshot keeps it.
    #[must_use]
    pub fn log(&self) -> VecDeque<LogLine> {
        log(&self.tape)
    }

    /// The run as it was at a moment. Data and cluster were not kept, and are not there.
    ///
    /// # Errors
    /// When an entry cannot happen where it stands.
    pub fn snapshot(&self, moment: usize) -> Result<Snapshot, BadEntry> {
        let last = self.moments.get(moment).copied().unwrap_or_default();
        let tape = &self.tape[..self.tape.len().min(last + 1)];
        let mut fold = Fold::default();
        let mut progress: BTreeMap<&str, Progress<'_>> = BTreeMap::new();
        for piece in tape {
            match piece {
                Piece::Entry(entry) => {
                    fold.apply(entry)?;
                    if let Event::StepStarted { step, .. } | Event::UndoStarted { step } = &entry.event {
                        progress.remove(step.0.as_str());
                    }
                }
                Piece::Lived(Lived::Progress { step, parts, rate, waiting, .. }) => {
                    progress.entry(step).or_default().take(parts, *rate, waiting);
                }
                Piece::Lived(Lived::Log(_)) => {}
            }
        }
        let mut snapshot = fold.snapshot().clone();
        let now = self.at(moment);
        for view in &mut snapshot.steps {
            let at_work = matches!(view.status, Status::Running | Status::Pausing | Status::Paused | Status::Undoing);
            if at_work && view.seconds.is_none() {
                view.seconds = view.started.zip(now).map(|(started, now)| seconds_between(started, now));
            }
            let Some(known) = progress.remove(view.id.as_str()) else { continue };
            view.parts = known.parts.into_iter().cloned().collect();
            if at_work {
                (view.rate, view.waiting) = (known.rate, known.waiting.to_owned());
            }
        }
        Ok(Snapshot { now, log: log(tape), helm: Helm::Past, run_dir: self.run_dir.clone(), ..snapshot })
    }
}

/// How far a step was.
#[derive(Default)]
struct Progress<'a> {
    parts: Vec<&'a PartProgress>,
    rate: f64,
    waiting: &'a str,
}

impl<'a> Progress<'a> {
    fn take(&mut self, parts: &'a [PartProgress], rate: f64, waiting: &'a str) {
        for part in parts {
            match self.parts.iter_mut().find(|known| known.part == part.part) {
                Some(known) => *known = part,
                None => self.parts.push(part),
            }
        }
        (self.rate, self.waiting) = (rate, waiting);
    }
}

fn log(tape: &[Piece]) -> VecDeque<LogLine> {
    let mut lines: VecDeque<LogLine> = tape.iter().rev().filter_map(line).take(LINES).collect();
    lines.make_contiguous().reverse();
    lines
}

fn line(piece: &Piece) -> Option<LogLine> {
    match piece {
        Piece::Lived(Lived::Log(line)) => Some(line.clone()),
        Piece::Lived(Lived::Progress { .. }) => None,
        Piece::Entry(entry) => {
            let (level, text) = log_line(&entry.event)?;
            Some(LogLine { at: entry.at, level, step: entry.event.step().map(ToString::to_string), text })
        }
    }
}

/// What the driver kept beside the journal. A line that cannot be read (the last one, of a process that was killed) is passed over.
pub(super) fn lived(directory: &Path) -> Vec<Lived> {
    let text = fs::read_to_string(directory.join(FILE)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Lived, Recording};
    use crate::engine::event::{Event, Operator, Recorded, RunCreated, StepPlan};
    use crate::engine::snapshot::{LogLevel, LogLine, PartProgress, Status};
    use crate::evidence::{Description, Outcome};
    use crate::runbook::{Gate, StepId};
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).unwrap_or_default()
    }

    fn recording() -> Recording {
        let copy = StepId::from("copy");
        let plan = StepPlan {
            id: copy.clone(),
            action: "copy".to_owned(),
            note: String::new(),
            gate: Gate::None,
            downtime: None,
            description: Description::default(),
        };
        let created = RunCreated { run: "r".to_owned(), steps: vec![plan], ..RunCreated::default() };
        let started = Event::StepStarted { step: copy.clone(), description: Description::default() };
        let taken = Event::CheckpointTaken { step: copy.clone(), checkpoint: Default::default() };
        let done = Event::StepDone { step: copy, outcome: Box::new(Outcome::default()) };
        let process = Event::ProcessStarted { operator: Operator::default(), pid: 1, version: String::new() };
        let events = [(0, Event::RunCreated(Box::new(created))), (0, process), (1, started), (1, taken), (9, done)];
        let entries = events.into_iter().zip(1..).map(|((second, event), seq)| Recorded { seq, at: at(second), event });
        let part = |done| PartProgress { part: "t".to_owned(), done, ..PartProgress::default() };
        let progress = |second, done| Lived::Progress {
            at: at(second),
            step: "copy".to_owned(),
            parts: vec![part(done)],
            rate: 5.0,
            waiting: String::new(),
        };
        let said = LogLine { at: at(4), level: LogLevel::Warn, step: None, text: "slow".to_owned() };
        Recording::of(entries.collect(), vec![progress(3, 10), Lived::Log(said), progress(5, 20)])
    }

    #[test]
    fn the_run_is_as_it_was_at_each_moment() {
        let recording = recording();
        assert_eq!(recording.len(), 5, "made, started, two looks at progress, done");
        let seen = |moment| {
            let snapshot = recording.snapshot(moment).unwrap_or_else(|error| panic!("{error}"));
            let step = &snapshot.steps[0];
            (step.status, step.parts.first().map(|part| part.done), step.seconds, snapshot.log.len())
        };
        assert_eq!(seen(0), (Status::Pending, None, None, 0));
        assert_eq!(seen(1), (Status::Running, None, Some(0.0), 1));
        assert_eq!(seen(2), (Status::Running, Some(10), Some(2.0), 1));
        assert_eq!(seen(3), (Status::Running, Some(20), Some(4.0), 2));
        assert_eq!(seen(4), (Status::Done, Some(20), Some(8.0), 3));
        assert_eq!((recording.words(1).as_str(), recording.words(2).as_str()), ("copy: started", ""));
    }
}
