//! The driver's loop: one input at a time, and all effects of it before the next.

use super::Driver;
use super::claim::{Claim, ClaimError};
use super::work::{Came, Job, Work};
use crate::action::ActionError;
use crate::engine::command::Command;
use crate::engine::effect::{Effect, Wanted};
use crate::engine::event::{Ended, Event, Failure};
use crate::engine::handle::{Ending, Wishes};
use crate::engine::snapshot::{DataView, LogLevel, Snapshot};
use crate::evidence::{Description, FailureKind, Outcome};
use crate::journal::JournalError;
use crate::progress::Report;
use crate::runbook::StepId;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::{Instant, MissedTickBehavior};

/// How often progress reaches the screen.
const TICK: Duration = Duration::from_millis(100);

/// What the driver waits for.
enum Input {
    Wish(Option<Wishes>),
    Report(Report),
    Came(Result<Came, JoinError>),
    Claimed(Result<Result<Claim, ClaimError>, JoinError>),
    Secured(Claim),
    Answered(Result<DataView, JoinError>),
    CutOff,
    Tick,
}

pub(super) type Driven = Result<(), JournalError>;

impl Driver {
    /// Until the machine or the operator ends it, or the journal can no longer be written.
    pub(super) async fn drive(&mut self) -> Result<Ended, JournalError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while self.finish.is_none() {
            let input = self.next_input(&mut tick).await;
            self.take(input).await?;
            while let Some(effect) = self.effects.pop_front() {
                self.perform(effect).await?;
            }
        }
        let ended = self.finish.unwrap_or(Ended::Interrupted);
        self.record(Event::ProcessEnded { ended }).await?;
        self.scribe.close();
        Ok(ended)
    }

    async fn next_input(&mut self, tick: &mut tokio::time::Interval) -> Input {
        let at_work = self.work.is_some(); // a run that only waits has nothing new to tell
        let work = async {
            match &mut self.work {
                Some(Work { claimed, reports, task, deadline, .. }) => tokio::select! {
                    biased;
                    claim = super::work::claimed(claimed) => Input::Secured(claim),
                    Some(report) = reports.recv() => Input::Report(report),
                    came = task => Input::Came(came),
                    () = until(*deadline) => Input::CutOff,
                },
                None => std::future::pending().await,
            }
        };
        let claim = async {
            match &mut self.claiming.asked {
                Some((_, task)) => Input::Claimed(task.await),
                None => std::future::pending().await,
            }
        };
        let inquiry = async {
            match &mut self.inquiry {
                Some(inquiry) => Input::Answered((&mut inquiry.task).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            wish = self.wishes.recv() => Input::Wish(wish),
            input = work => input,
            input = claim => input,
            input = inquiry => input,
            _ = tick.tick(), if at_work => Input::Tick,
        }
    }

    async fn take(&mut self, input: Input) -> Driven {
        match input {
            Input::Wish(Some(Wishes::Command(command))) => self.command(command),
            Input::Wish(Some(Wishes::Query(query))) => {
                if !self.queries.contains(&query) {
                    self.queries.push_back(query);
                }
                self.inquire();
            }
            Input::Wish(Some(Wishes::Terminal(size, answer))) => {
                super::work::open_terminal(&self.workshop, &self.fold, size, answer);
            }
            Input::Wish(Some(Wishes::Helm)) => {} // whoever holds the handle answers already
            Input::Wish(None) => self.obey(&Command::Quit), // nobody is left who could say anything
            Input::Report(report) => self.report(report).await?,
            Input::Came(joined) => self.came(joined).await?,
            Input::Claimed(joined) => self.claimed(joined).await?,
            Input::Secured(claim) => self.hold(claim).await?,
            Input::Answered(joined) => self.answered(joined),
            Input::CutOff => self.cut_off(),
            Input::Tick => {
                self.live.keep(Timestamp::now());
                self.publish();
            }
        }
        Ok(())
    }

    async fn report(&mut self, report: Report) -> Driven {
        let Some(step) = self.work.as_ref().and_then(|work| work.job.step().cloned()) else { return Ok(()) };
        if matches!(report, Report::Holding) && self.machine.wanted() == Wanted::Pause {
            self.record_if_legal(Event::StepPaused { step, holding: true }).await?;
            return Ok(());
        }
        self.note(&step, report);
        Ok(())
    }

    fn note(&mut self, step: &StepId, report: Report) {
        let report = match report {
            Report::Log(level, text) => Report::Log(level, self.masked(&text)),
            Report::Waiting(what) => Report::Waiting(self.masked(&what)),
            other => other,
        };
        self.live.report(&step.0, report);
    }

    /// Work has ended: what it still had to say first, then what came of it.
    async fn came(&mut self, joined: Result<Came, JoinError>) -> Driven {
        let Some(mut work) = self.work.take() else { return Ok(()) };
        while let Ok(report) = work.reports.try_recv() {
            if let Some(step) = work.job.step() {
                self.note(step, report);
            }
        }
        let asked = work.asked;
        let event = match work.came(joined) {
            Came::Counted(rows) => {
                let (effects, refusal) = self.machine.counted(rows);
                self.effects.extend(effects);
                if let Some(refusal) = refusal {
                    self.refuse(&refusal);
                }
                return Ok(());
            }
            Came::Prepared(step, Ok(checkpoint)) => Event::CheckpointTaken { step, checkpoint },
            Came::Applied(step, Ok(outcome)) => Event::StepDone { step, outcome: self.clean(outcome) },
            Came::Undone(step, Ok(outcome)) => Event::UndoDone { step, outcome: self.clean(outcome) },
            Came::Prepared(step, Err(error)) | Came::Applied(step, Err(error)) if obeyed(asked, &error) => {
                Event::StepPaused { step, holding: false }
            }
            Came::Undone(step, Err(error)) if obeyed(asked, &error) => Event::UndoPaused { step },
            Came::Prepared(step, Err(error)) | Came::Applied(step, Err(error)) => {
                Event::StepFailed { step, failure: self.failure(error) }
            }
            Came::Undone(step, Err(error)) => Event::UndoFailed { step, failure: self.failure(error) },
        };
        self.record_if_legal(event).await
    }

    /// Work that was asked to stop and does not is left where it is, as a kill would leave it: the journal says that it began.
    pub(super) fn cut_off(&mut self) {
        if let Some(work) = self.work.take() {
            work.task.abort();
            let step = work.job.step().map(|step| step.0.clone());
            self.live.log(LogLevel::Warn, step.as_deref(), "did not stop when asked, and was cut off".to_owned());
        }
        self.finish = Some(Ended::Interrupted);
    }

    pub(super) async fn perform(&mut self, effect: Effect) -> Driven {
        match effect {
            Effect::Record(event) => {
                if let Event::RunEnded { ended } = &*event {
                    self.close(*ended).await;
                }
                self.record_if_legal(*event).await?;
            }
            Effect::Begin { step } => self.begin(step).await?,
            Effect::Prepare { step } => self.start(Job::Prepare(step)),
            Effect::Apply { step, checkpoint } => self.start(Job::Apply(step, checkpoint)),
            Effect::Undo { step, checkpoint, left } => {
                self.live.begin(&step.0);
                self.start(Job::Undo(step, checkpoint, left));
            }
            Effect::CountLateWrites { steps, writes, .. } => self.start(Job::Count(steps, writes)),
            Effect::Wish(wanted) => self.want(wanted),
            Effect::Finish(ended) => self.finish = Some(ended),
        }
        Ok(())
    }

    fn start(&mut self, job: Job) {
        let first = self.beforehand(&job);
        let mut work = Work::begin(&self.workshop, &self.fold, job, self.machine.wanted(), first);
        if self.machine.stopping() {
            work.deadline = Some(Instant::now() + self.grace);
        }
        self.work = Some(work);
    }

    fn want(&mut self, wanted: Wanted) {
        let deadline = self.machine.stopping().then(|| Instant::now() + self.grace);
        if let Some(work) = &mut self.work {
            work.want(wanted);
            work.deadline = deadline;
        }
    }

    /// Fills in the step's templates and has it described once more, now that all before it is known.
    async fn begin(&mut self, step: StepId) -> Driven {
        self.live.begin(&step.0);
        match self.workshop.silent_bench(&self.fold, &step) {
            Ok(Some(bench)) => {
                let description = bench.action.describe(&bench.context);
                self.record_if_legal(Event::StepStarted { step, description }).await
            }
            Ok(None) => {
                let reason = "the runbook's `when` leaves it out".to_owned();
                self.record_if_legal(Event::StepSkipped { step, reason, operator: None }).await
            }
            Err(_) => {
                let description = self.described(&step);
                self.record_if_legal(Event::StepStarted { step, description }).await // preparing it says why it cannot be
            }
        }
    }

    fn described(&self, step: &StepId) -> Description {
        let known = self.descriptions.iter().find(|(id, _)| id == step).map(|(_, description)| description.clone());
        known.unwrap_or_default()
    }

    /// Journals an event and lets follow what follows; one that has lost its turn (the end of work that was cut off) is dropped.
    pub(super) async fn record_if_legal(&mut self, event: Event) -> Driven {
        match self.machine.run().check(&event) {
            Ok(()) => self.record(event).await,
            Err(error) => {
                tracing::warn!(%error, "an event came too late and was dropped");
                Ok(())
            }
        }
    }

    pub(super) async fn record(&mut self, event: Event) -> Driven {
        let recorded = self.scribe.append(event).await?;
        if matches!(recorded.event, Event::StepDone { .. } | Event::UndoDone { .. }) {
            self.claiming.moved_on();
        }
        match self.machine.handle(&recorded.event) {
            Ok(effects) => self.effects.extend(effects),
            Err(error) => tracing::error!(%error, "an event was journaled that the machine does not take"),
        }
        if let Err(error) = self.fold.apply(&recorded) {
            tracing::error!(%error, "an event was journaled that the fold does not take");
        }
        self.live.log_event(recorded.at, &recorded.event);
        let _ = self.recorded.send(recorded); // nobody may be listening
        self.publish();
        Ok(())
    }

    /// The journal cannot be written: nothing more is begun, what is at work is stopped, and the front end is told why.
    pub(super) async fn break_off(&mut self, why: String) -> Ending {
        self.live.log(LogLevel::Error, None, why.clone());
        self.refusal = Some(why.clone());
        self.publish();
        if let Some(mut work) = self.work.take() {
            work.want(Wanted::Stop);
            if tokio::time::timeout(self.grace, &mut work.task).await.is_err() {
                work.task.abort();
            }
        }
        Ending { ended: Ended::Interrupted, broken: Some(why) }
    }

    /// Sends the run as it is now to whoever watches.
    pub(super) fn publish(&self) {
        let mut snapshot: Snapshot = self.fold.snapshot().clone();
        self.live.lay_over(&mut snapshot, Timestamp::now());
        for view in snapshot.steps.iter_mut().filter(|view| view.attempts == 0) {
            if let Some((_, description)) = self.descriptions.iter().find(|(id, _)| id.0 == view.id) {
                view.description.clone_from(description);
            }
        }
        for view in &mut snapshot.steps {
            view.estimate_seconds = view.estimate_seconds.or_else(|| self.expected.forward.get(&view.id).copied());
            view.back_seconds = self.expected.back.get(&view.id).copied();
        }
        snapshot.data = self.data.clone();
        snapshot.cluster = self.data.cluster.clone().or_else(|| self.workshop.unseen_cluster());
        snapshot.refusal.clone_from(&self.refusal);
        snapshot.run_dir.clone_from(&self.run_dir);
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    pub(super) fn masked(&self, text: &str) -> String {
        self.workshop.secrets.mask(text).into_owned()
    }

    fn clean(&self, mut outcome: Outcome) -> Box<Outcome> {
        outcome.summary = self.masked(&outcome.summary);
        for finding in &mut outcome.evidence.findings {
            finding.detail = self.masked(&finding.detail);
        }
        Box::new(outcome)
    }

    fn failure(&self, error: ActionError) -> Failure {
        let mut evidence = error.evidence;
        for finding in &mut evidence.findings {
            finding.detail = self.masked(&finding.detail);
        }
        Failure { kind: error.kind, message: self.masked(&error.message), evidence }
    }
}

/// An interruption that was asked for is no failure.
fn obeyed(asked: bool, error: &ActionError) -> bool {
    asked && error.kind == FailureKind::Interrupted
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
