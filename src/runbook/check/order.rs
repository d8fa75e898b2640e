//! What has to come before what.

use super::StepView;
use crate::runbook::problem::Problems;
use crate::runbook::suggest;
use crate::runbook::yaml::Node;

pub(super) fn check(root: &Node, steps: &[StepView<'_>], problems: &mut Problems) {
    if let Some(list) = root.entry("steps").filter(|entry| entry.value.is_empty()) {
        problems.add(list.place, "the runbook has no steps", "add at least one: `- action: preflight`");
    }
    for (index, step) in steps.iter().enumerate() {
        let (before, after) = (&steps[..index], &steps[index + 1..]);
        match step.action {
            "copy" | "verify" => frozen(step, before, problems),
            "truncate" if !after.iter().any(|step| step.action == "copy") => {
                let advice = "add a `copy` step after it, or remove it";
                problems.add(step.place, "`truncate` empties the tables inside a later `copy`; there is none", advice);
            }
            _ => {}
        }
    }
}

fn frozen(step: &StepView<'_>, before: &[StepView<'_>], problems: &mut Problems) {
    let freezes = step.setting("freeze").is_some_and(|freeze| freeze.text() != Some("false"));
    if !freezes && !before.iter().any(|step| step.action == "snapshot") {
        let message = format!("`{}` reads a frozen copy of the source, and no step before it takes one", step.action);
        problems.add(step.place, message, "add a `snapshot` step before it, or write `with: {freeze: true}`");
    }
}

pub(super) fn point_of_no_return(root: &Node, steps: &[StepView<'_>], problems: &mut Problems) {
    let Some(node) = root.get("point_of_no_return") else { return };
    let Some(id) = node.text() else { return };
    if !steps.iter().any(|step| step.id == id) {
        let advice = suggest::among(id, steps.iter().map(|step| step.id));
        problems.add(node.place, format!("`point_of_no_return` names `{id}`, and there is no such step"), advice);
    }
}

pub(super) fn downtime(steps: &[StepView<'_>], problems: &mut Problems) {
    let mut begun: Option<&StepView<'_>> = None;
    let mut ended: Option<&StepView<'_>> = None;
    for step in steps {
        let place = step.place_of("downtime");
        match (step.node.get("downtime").and_then(Node::text), begun, ended) {
            (Some("begins"), Some(first), _) => {
                problems.add(place, format!("the downtime begins twice; first at `{}`", first.id), "keep one of them");
            }
            (Some("begins"), None, _) => begun = Some(step),
            (Some("ends"), None, _) => {
                let advice = "mark an earlier step with `downtime: begins`";
                problems.add(place, "the downtime ends before it begins", advice);
            }
            (Some("ends"), Some(_), Some(first)) => {
                problems.add(place, format!("the downtime ends twice; first at `{}`", first.id), "keep one of them");
            }
            (Some("ends"), Some(_), None) => ended = Some(step),
            _ => {}
        }
    }
}
