//! What a person decided, or `--yes` in their name, out of the events that say so.

use crate::engine::command::LateWrites;
use crate::engine::event::{Event, Recorded};
use crate::engine::snapshot::Decision;

/// The decision that an entry holds, if it holds one. `operator` is whoever drives the run, for events that do not say it.
pub(super) fn of(recorded: &Recorded, operator: &str) -> Option<Decision> {
    let (by, what, remark, unattended) = match &recorded.event {
        Event::GateApproved { operator, remark, by_yes, typed, .. } => {
            let what =
                typed.as_ref().map_or_else(|| "gate passed".to_owned(), |name| format!("gate passed, {name} typed"));
            (operator.to_string(), what, remark.clone(), *by_yes)
        }
        Event::GateRefused { operator, remark, .. } => {
            (operator.to_string(), "gate refused".to_owned(), remark.clone(), false)
        }
        Event::StepSkipped { operator: Some(operator), reason, .. } => {
            (operator.to_string(), "skipped".to_owned(), Some(reason.clone()), false)
        }
        Event::PauseRequested {} => (operator.to_owned(), "pause".to_owned(), None, false),
        Event::RollbackBegan { to, writes, operator } => {
            let goal = to.as_ref().map_or_else(|| "the start".to_owned(), ToString::to_string);
            (operator.to_string(), format!("roll back to {goal}"), losing(writes), false)
        }
        Event::UnitDecided { column, unit, operator } => {
            (operator.to_string(), format!("unit of {column}: {}", unit.name()), None, false)
        }
        Event::PolicyDecided { column, policy, operator } => {
            (operator.to_string(), format!("cells of {column} that do not fit: {}", policy.name()), None, false)
        }
        _ => return None,
    };
    let step = recorded.event.step().map(ToString::to_string);
    Some(Decision { at: recorded.at, by, step, what, remark, unattended })
}

fn losing(writes: &LateWrites) -> Option<String> {
    match writes {
        LateWrites::Keep => None,
        LateWrites::Lose => Some("writes since the switch are lost".to_owned()),
        LateWrites::Export(file) => Some(format!("writes since the switch are in {}", file.display())),
    }
}
