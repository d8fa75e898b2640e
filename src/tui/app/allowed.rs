//! What can be done now, and why not where not: the one place that footer, help, palette and keys ask.

use super::figures::{is_busy, is_stuck, stands};
use super::{App, DataFocus, View};
use crate::engine::snapshot::{Helm, Question, RunState, Status};
use crate::tui::act::Act;

impl App {
    /// Why an act cannot be done in the open view; none when it can.
    pub(in crate::tui) fn why_not(&self, act: Act) -> Option<String> {
        self.why_not_in(self.view, act)
    }

    /// Why an act could not be done in a view.
    pub(in crate::tui) fn why_not_in(&self, view: View, act: Act) -> Option<String> {
        let commands = matches!(
            act,
            Act::Decide | Act::PauseResume | Act::Retry | Act::Skip | Act::Rollback | Act::Unit | Act::Policy
        );
        if commands
            && !(act == Act::PauseResume && self.replay.is_some())
            && let Some(reason) = self.why_no_command()
        {
            return Some(reason);
        }
        let reason = match act {
            Act::PauseResume if self.replay.is_some() => None,
            Act::TakeOver => return self.why_not_take_over(),
            Act::Replay if self.snapshot.run_dir.is_empty() => Some("the run has no journal yet"),
            Act::Earlier | Act::Later | Act::EarlierEntry | Act::LaterEntry if self.replay.is_none() => {
                Some("only in a replay")
            }
            Act::Reread
            | Act::Riskiest
            | Act::Sample
            | Act::Seed
            | Act::FindKey
            | Act::Differing
            | Act::Distribution
                if self.why_no_query().is_some() =>
            {
                self.why_no_query()
            }
            Act::Psql if self.why_no_query().is_some() => self.why_no_query(),
            Act::Container if !self.cluster.inside => Some("open a pod's log first (enter)"),
            Act::PauseResume => self.why_not_pause(),
            Act::Decide if self.question().is_none() => Some("the run does not wait for a decision"),
            Act::Retry => self.why_not_retry(),
            Act::Skip => self.why_not_skip(),
            Act::Rollback => return self.chosen_step().and_then(|index| self.why_not_rollback(index)),
            Act::Unit => self.why_not_unit(),
            Act::Policy => self.why_not_policy(),
            Act::Summary if self.snapshot.ended.is_none() => Some("the run has not ended"),
            Act::Riskiest | Act::Sample | Act::Seed | Act::FindKey | Act::Differing if self.data_table().is_none() => {
                Some("there is no table to choose")
            }
            Act::Distribution if self.data_column().is_none() => Some("open a table's rows first (enter)"),
            Act::Filter if view == View::Data && self.snapshot.data.tables.is_empty() => {
                Some("there is nothing to filter")
            }
            Act::Open if view == View::Data && self.data.focus == DataFocus::Tables && self.data_table().is_none() => {
                Some("there is no table to open")
            }
            _ => None,
        };
        reason.map(str::to_owned)
    }

    /// Why nothing at all can be asked of the engine.
    pub(in crate::tui) fn why_no_command(&self) -> Option<String> {
        if self.replay.is_some() {
            return Some(format!("this is the past; {} comes back", self.keymap.shown(Act::Back)));
        }
        match (&self.snapshot.helm, self.engine_gone) {
            (Helm::Elsewhere(who), _) => Some(format!("{who} answers; this terminal watches")),
            (Helm::Free, _) => {
                Some(format!("this terminal watches; {} answers from here", self.keymap.shown(Act::TakeOver)))
            }
            (Helm::Past, _) => {
                Some(format!("no process drives this run; {} takes it up here", self.keymap.shown(Act::TakeOver)))
            }
            (_, true) => Some("the run has ended; `cutover resume` and `cutover rollback` go on with it".to_owned()),
            (Helm::Here | Helm::Attached, false) => None,
        }
    }

    /// Why the databases cannot be asked from here.
    pub(super) fn why_no_query(&self) -> Option<&'static str> {
        match &self.snapshot.helm {
            _ if self.replay.is_some() => Some("what the databases held then was not kept"),
            Helm::Elsewhere(_) | Helm::Free => Some("this terminal watches: it shows what the operator looks at"),
            Helm::Past => Some("no process drives this run, which alone can ask the databases"),
            Helm::Here | Helm::Attached => None,
        }
    }

    fn why_not_take_over(&self) -> Option<String> {
        match &self.snapshot.helm {
            _ if self.replay.is_some() => {
                Some(format!("this is the past; {} comes back", self.keymap.shown(Act::Back)))
            }
            Helm::Here | Helm::Attached => Some("this terminal answers already".to_owned()),
            Helm::Elsewhere(who) => Some(format!("{who} answers; when that is gone, it can be taken over")),
            Helm::Free | Helm::Past => None,
        }
    }

    fn why_not_pause(&self) -> Option<&'static str> {
        match self.snapshot.state {
            RunState::Running | RunState::RollingBack | RunState::Paused | RunState::Pausing => None,
            RunState::Waiting => Some("the run already waits for you"),
            _ => Some("nothing is at work"),
        }
    }

    fn why_not_retry(&self) -> Option<&'static str> {
        match self.failed_step() {
            Some(_) => None,
            None => Some("no step has failed"),
        }
    }

    fn why_not_skip(&self) -> Option<&'static str> {
        match self.waiting_step() {
            Some(_) => None,
            None => Some("no step has failed or waits at its gate"),
        }
    }

    /// Why the run cannot be rolled back to a step.
    pub(in crate::tui) fn why_not_rollback(&self, index: usize) -> Option<String> {
        let step = self.snapshot.steps.get(index)?;
        if let Some(reason) = self.why_no_command() {
            return Some(reason);
        }
        match self.snapshot.state {
            RunState::RollingBack => Some("steps are being taken back already".to_owned()),
            RunState::Ready => Some("nothing has been done yet".to_owned()),
            _ if self.snapshot.steps[index..].iter().any(|step| stands(step.status)) => None,
            _ => Some(format!("nothing of {} is there to be taken back", step.id)),
        }
    }

    fn why_not_unit(&self) -> Option<&'static str> {
        match self.plan_column() {
            None => Some("choose a table's column first"),
            Some((_, column)) if column.interval.is_none() => Some("the chosen column is no interval made of integers"),
            _ => self.why_not_decide(),
        }
    }

    fn why_not_policy(&self) -> Option<&'static str> {
        match self.plan_column() {
            None => Some("choose a table's column first"),
            _ => self.why_not_decide(),
        }
    }

    fn why_not_decide(&self) -> Option<&'static str> {
        let steps = &self.snapshot.steps;
        if steps.iter().any(|step| is_busy(step.status)) {
            return Some("a step is at work: pause it first (space)");
        }
        let loaded = steps.iter().any(|step| step.action == "copy" && step.status == Status::Done);
        loaded.then_some("the rows are loaded: roll back to copy first")
    }

    /// The step whose failure the run waits with.
    pub(super) fn failed_step(&self) -> Option<usize> {
        let Some(Question::Failure { step }) = &self.snapshot.question else { return None };
        self.snapshot.steps.iter().position(|view| view.id == step.0)
    }

    /// The step that keeps the run from going on and could be left out.
    pub(super) fn waiting_step(&self) -> Option<usize> {
        self.snapshot.steps.iter().position(|step| is_stuck(step.status))
    }
}
