//! What the front end asks: commands, which may have to wait until the target is this run's, and queries.

use super::Driver;
use super::claim::{Beforehand, Claim, ClaimError, other_target};
use super::drive::Driven;
use super::work::{Inquiry, Job};
use crate::engine::command::Command;
use crate::engine::effect::Wanted;
use crate::engine::event::{Ended, Event};
use crate::engine::machine::Refusal;
use crate::engine::snapshot::{DataView, LogLevel};
use crate::engine::status::Status;
use crate::runbook::StepId;
use std::sync::Arc;
use tokio::task::JoinError;

impl Driver {
    /// A command that begins something waits until the target is this run's.
    pub(super) fn command(&mut self, command: Command) {
        self.refusal = None;
        let begins = matches!(
            command,
            Command::Start
                | Command::Approve { .. }
                | Command::Retry { .. }
                | Command::Resume
                | Command::Rollback { .. }
        );
        if command == Command::Quit {
            self.claiming.give_up();
        }
        if self.claiming.asked.is_some() {
            self.claiming.queue.push_back(command);
        } else if begins && !self.claiming.stands() && !self.machine.run().at_work() && self.may_be_reached() {
            self.claiming.ask(&self.workshop, command);
        } else {
            self.obey(&command);
        }
    }

    pub(super) fn obey(&mut self, command: &Command) {
        if *command == Command::Quit && self.machine.wanted() == Wanted::Stop {
            self.cut_off();
            return;
        }
        match self.machine.command(command) {
            Ok(effects) => self.effects.extend(effects),
            Err(refusal) => self.refuse(&refusal),
        }
        self.publish();
    }

    /// Where nobody is there to ask for something else, a refusal is the end.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        self.refusal = Some(refusal.to_string());
        self.live.log(LogLevel::Warn, None, refusal.to_string());
        if !self.machine.attended() && !self.machine.run().at_work() && self.claiming.asked.is_none() {
            self.finish = Some(Ended::Refused);
        }
        self.publish();
    }

    pub(super) async fn claimed(&mut self, joined: Result<Result<Claim, ClaimError>, JoinError>) -> Driven {
        let Some((command, _)) = self.claiming.asked.take() else { return Ok(()) };
        let claimed = joined.unwrap_or_else(|error| Err(ClaimError::Unreachable(error.to_string())));
        match claimed {
            Ok(claim) => {
                let known = self.machine.run().identity().cloned();
                if let Some(known) = known.filter(|known| *known != claim.identity) {
                    self.refuse(&Refusal(other_target(&known.name, &claim.identity.name)));
                    self.claiming.give_up();
                    return Ok(());
                }
                self.hold(claim).await?;
            }
            Err(ClaimError::Unreachable(why)) => {
                self.claiming.missed();
                self.live.log(LogLevel::Warn, None, why);
            }
            Err(ClaimError::Held(why)) => {
                self.refuse(&Refusal(why));
                self.claiming.give_up();
                return Ok(());
            }
        }
        self.obey(&command);
        while let Some(effect) = self.effects.pop_front() {
            self.perform(effect).await?; // the next command meets the run as this one left it
        }
        while let (None, Some(next)) = (&self.claiming.asked, self.claiming.queue.pop_front()) {
            self.command(next);
        }
        Ok(())
    }

    /// The target is this run's from now on.
    pub(super) async fn hold(&mut self, claim: Claim) -> Driven {
        let address = self.workshop.target.label();
        let event = Event::TargetClaimed { identity: claim.identity.clone(), address: Some(address.clone()) };
        self.claiming.hold(claim);
        if self.fold.snapshot().target != address {
            let before = &self.fold.snapshot().target;
            self.live.log(LogLevel::Warn, None, format!("the target is {address} now; it was {before} before"));
        }
        self.record_if_legal(event).await
    }

    /// Whether the target could be asked: where a pod of a step carries the connections, while that step is done.
    fn may_be_reached(&self) -> bool {
        let carrier = self.workshop.carrier(&self.fold);
        let step = carrier.and_then(|step| self.machine.run().step(&step).map(|step| step.status));
        step.is_none_or(|status| status == Status::Done)
    }

    /// What the work has to do first: take the target, where that is not this run's yet. The step that makes the pod which carries the
    /// connections, and those before it, do without.
    pub(super) fn beforehand(&mut self, job: &Job) -> Option<Beforehand> {
        let step = job.step()?;
        let place = |id: &StepId| self.machine.run().steps().iter().position(|step| step.id == *id);
        let after = self.workshop.carrier(&self.fold).is_none_or(|carrier| place(step) > place(&carrier));
        if !after || !self.may_be_reached() {
            return None;
        }
        self.claiming.beforehand(&self.workshop, self.machine.run().identity())
    }

    pub(super) fn answered(&mut self, joined: Result<DataView, JoinError>) {
        self.inquiry = None;
        self.data = Arc::new(joined.unwrap_or_else(|error| DataView {
            error: Some(format!("the question could not be answered: {error}")),
            ..(*self.data).clone()
        }));
        self.publish();
        self.inquire();
    }

    pub(super) fn inquire(&mut self) {
        if self.inquiry.is_some() {
            return;
        }
        let Some(query) = self.queries.pop_front() else { return };
        match Inquiry::begin(&self.workshop, &self.fold, query, &self.data) {
            Ok(inquiry) => self.inquiry = Some(inquiry),
            Err(why) => {
                self.data = Arc::new(DataView { error: Some(why), ..(*self.data).clone() });
                self.publish();
            }
        }
    }
}
