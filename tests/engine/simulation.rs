//! The machine with a driver that needs no time: effects are done at once, work ends when the test says so, and the world is a map.

use cutover::engine::command::Command;
use cutover::engine::effect::{Effect, Wanted};
use cutover::engine::machine::{Machine, Rules};
use cutover::engine::recover::recover;
use cutover::engine::{Ended, Event, Failure, Operator, Recorded, RunCreated, Status, StepPlan};
use cutover::evidence::{Checkpoint, Description, FailureKind, Outcome};
use cutover::runbook::{Gate, StepId};
use jiff::Timestamp;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug)]
enum Job {
    Prepare(StepId),
    Apply(StepId),
    Undo(StepId, Checkpoint),
    Count,
}

/// How work ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Well,
    Badly(FailureKind),
    /// Changed everything, then failed.
    BadlyLate,
    Interrupted,
    Holding,
}

#[derive(Debug)]
pub struct Simulation {
    pub machine: Machine,
    pub journal: Vec<Recorded>,
    pub world: BTreeMap<String, String>,
    pub finished: Option<Ended>,
    /// Power fails when the journal has this many entries: before what follows from the last one is done, or (late) when the
    /// next is about to be written.
    pub cut: Option<(usize, bool)>,
    pub dead: bool,
    pub late_writes: u64,
    effects: VecDeque<Effect>,
    work: Option<Job>,
    asked: bool,
}

pub fn plans(gated: bool) -> Vec<StepPlan> {
    let plan = |id: &str, gate: Gate| StepPlan {
        id: id.into(),
        action: id.to_owned(),
        note: String::new(),
        gate,
        downtime: None,
        description: Description { changes: id != "check", reversible: true, ..Description::default() },
    };
    let gate = if gated { Gate::Confirm } else { Gate::None };
    vec![
        plan("check", Gate::None),
        plan("stop", gate.clone()),
        plan("load", Gate::None),
        plan("switch", gate),
        plan("start", Gate::None),
    ]
}

impl Simulation {
    pub fn new(gated: bool, rules: Rules) -> Self {
        let created = RunCreated {
            run: "r".to_owned(),
            steps: plans(gated),
            point_of_no_return: Some("switch".into()),
            ..RunCreated::default()
        };
        let first = Recorded { seq: 1, at: Timestamp::UNIX_EPOCH, event: Event::RunCreated(Box::new(created)) };
        Self::take_up(vec![first], BTreeMap::new(), rules)
    }

    /// Another process goes on with what a journal and a world hold.
    pub fn take_up(journal: Vec<Recorded>, world: BTreeMap<String, String>, rules: Rules) -> Self {
        let run = recover(&journal).unwrap_or_else(|error| panic!("{error}: {journal:#?}"));
        let mut simulation = Self {
            machine: Machine::new(run, rules, Operator::default()),
            journal,
            world,
            finished: None,
            cut: None,
            dead: false,
            late_writes: 0,
            effects: VecDeque::new(),
            work: None,
            asked: false,
        };
        let started = Event::ProcessStarted { operator: Operator::default(), pid: 1, version: String::new() };
        simulation.record(started);
        simulation
    }

    pub fn again(self, rules: Rules) -> Self {
        Self::take_up(self.journal, self.world, rules)
    }

    /// Refused or obeyed: the state says which.
    pub fn command(&mut self, command: &Command) {
        if let Ok(effects) = self.machine.command(command) {
            self.effects.extend(effects);
        }
        self.perform();
    }

    /// Lets all work end well until nothing is left to do.
    pub fn finish(&mut self) {
        for _ in 0..1_000 {
            if self.work.is_none() || self.dead {
                return;
            }
            self.end(End::Well);
        }
        panic!("the run never comes to rest: {:#?}", self.journal);
    }

    /// The work in progress ends.
    pub fn end(&mut self, end: End) {
        if let End::Holding = end {
            if let Some(Job::Apply(step)) = &self.work
                && self.machine.wanted() == Wanted::Pause
            {
                let event = Event::StepPaused { step: step.clone(), holding: true };
                self.record_if_legal(event);
                self.perform();
            }
            return;
        }
        let Some(work) = self.work.take() else { return };
        self.carry_out(&work, end);
        let event = match (work, end) {
            (Job::Count, End::Well) => {
                let (effects, _) = self.machine.counted(Ok(self.late_writes));
                self.effects.extend(effects);
                return self.perform();
            }
            (Job::Count, _) => {
                let (effects, _) = self.machine.counted(Err("no".to_owned()));
                self.effects.extend(effects);
                return self.perform();
            }
            (Job::Prepare(step), End::Well) => {
                let former = self.world.get(&step.0).cloned();
                Event::CheckpointTaken { step, checkpoint: Checkpoint(json!({ "former": former })) }
            }
            (Job::Apply(step), End::Well) => Event::StepDone { step, outcome: Box::new(Outcome::default()) },
            (Job::Undo(step, _), End::Well) => Event::UndoDone { step, outcome: Box::new(Outcome::default()) },
            (Job::Undo(step, _), End::Interrupted) if self.asked => Event::UndoPaused { step },
            (Job::Prepare(step) | Job::Apply(step), End::Interrupted) if self.asked => {
                Event::StepPaused { step, holding: false }
            }
            (Job::Undo(step, _), end) => Event::UndoFailed { step, failure: failure(end) },
            (Job::Prepare(step) | Job::Apply(step), end) => Event::StepFailed { step, failure: failure(end) },
        };
        self.record_if_legal(event);
        self.perform();
    }

    fn carry_out(&mut self, work: &Job, end: End) {
        let changed = !matches!(end, End::Badly(_));
        match work {
            Job::Apply(step) if changed && step.0 != "check" => {
                self.world.insert(step.0.clone(), "changed".to_owned());
            }
            Job::Undo(step, checkpoint) if changed => match checkpoint.0["former"].as_str() {
                Some(former) => drop(self.world.insert(step.0.clone(), former.to_owned())),
                None => drop(self.world.remove(&step.0)),
            },
            _ => {}
        }
    }

    fn perform(&mut self) {
        let mut done = 0;
        while let Some(effect) = self.effects.pop_front() {
            done += 1;
            assert!(done < 1_000, "effects without end: {:#?}", self.journal);
            if self.dead || self.finished.is_some() {
                return;
            }
            match effect {
                Effect::Record(event) => self.record(*event),
                Effect::Begin { step } => {
                    let description =
                        Description { changes: step.0 != "check", reversible: true, ..Description::default() };
                    self.record(Event::StepStarted { step, description });
                }
                Effect::Prepare { step } => self.start(Job::Prepare(step)),
                Effect::Apply { step, checkpoint } => {
                    assert!(checkpoint.0.is_object(), "applied without a checkpoint");
                    self.start(Job::Apply(step));
                }
                Effect::Undo { step, checkpoint, .. } => self.start(Job::Undo(step, checkpoint)),
                Effect::CountLateWrites { .. } => self.start(Job::Count),
                Effect::Wish(wanted) => self.asked |= wanted != Wanted::Run,
                Effect::Finish(ended) => {
                    self.finished = Some(ended);
                    self.effects.clear();
                    self.record(Event::ProcessEnded { ended });
                }
            }
        }
    }

    fn start(&mut self, job: Job) {
        assert!(self.work.is_none(), "two at work: {:?} and {job:?}", self.work);
        self.asked = self.machine.wanted() != Wanted::Run;
        self.work = Some(job);
    }

    fn record_if_legal(&mut self, event: Event) {
        if self.machine.run().check(&event).is_ok() {
            self.record(event);
        }
    }

    /// What the machine itself wants recorded is always legal; that is the first property.
    fn record(&mut self, event: Event) {
        if self.cut == Some((self.journal.len(), true)) {
            self.dead = true;
        }
        if self.dead {
            return;
        }
        self.journal.push(Recorded {
            seq: self.journal.len() as u64 + 1,
            at: Timestamp::UNIX_EPOCH,
            event: event.clone(),
        });
        let effects = self.machine.handle(&event).unwrap_or_else(|error| panic!("{error}: {:#?}", self.journal));
        self.effects.extend(effects);
        if self.cut == Some((self.journal.len(), false)) {
            self.dead = true;
        }
    }

    pub fn statuses(&self) -> Vec<Status> {
        self.machine.run().steps().iter().map(|step| step.status).collect()
    }
}

fn failure(end: End) -> Failure {
    let kind = match end {
        End::Badly(kind) => kind,
        _ => FailureKind::Failed,
    };
    Failure { kind, message: "as told".to_owned(), evidence: Box::default() }
}
