//! Whether every template names something that is there, in time, and may be shown.

use super::StepView;
use super::parameters::declared;
use crate::runbook::Parameter;
use crate::runbook::kinds;
use crate::runbook::problem::{Place, Problems};
use crate::runbook::suggest;
use crate::runbook::template::{self, Reference, TARGET, variable};
use crate::runbook::walk::Site;
use crate::runbook::yaml::Node;
use minijinja::Value;
use std::collections::BTreeMap;

/// What a template may name, by where it stands.
#[derive(Clone, Copy)]
pub(in crate::runbook) enum Region {
    /// No templates: this is read before there are values.
    Fixed,
    /// Parameters and target.
    Values,
    /// Also what steps before this one (by index) left.
    Step(usize),
}

/// Where a path of the document lies.
pub(in crate::runbook) fn region(path: &[String]) -> Region {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["target", "url_from"] => Region::Fixed,
        ["description" | "source" | "target" | "service" | "transfer" | "downtime_budget", ..] => Region::Values,
        ["steps", _, "gate" | "when", ..] => Region::Values,
        ["steps", index, "with" | "note", ..] => index.parse().map_or(Region::Fixed, Region::Step),
        _ => Region::Fixed,
    }
}

pub(super) fn check(root: &Node, steps: &[StepView<'_>], sites: &[Site<'_>], problems: &mut Problems) {
    let parameters = declared(root);
    let stand_ins = stand_ins(&parameters, steps);
    let mut check = Check { root, parameters: &parameters, steps, stand_ins, problems };
    sites.iter().for_each(|site| check.site(site));
}

struct Check<'a, 'p> {
    root: &'a Node,
    parameters: &'a [Parameter],
    steps: &'a [StepView<'a>],
    stand_ins: Value,
    problems: &'p mut Problems,
}

impl Check<'_, '_> {
    fn site(&mut self, site: &Site<'_>) {
        if let Region::Fixed = region(&site.path) {
            let name = site.path.last().map_or("", String::as_str);
            self.problems.add(site.node.place, format!("`{name}` cannot be a template"), "write it out");
            return;
        }
        if self.hyphens(site) {
            return;
        }
        match template::references(site.text) {
            Err((message, line)) => self.syntax(site, &message, line),
            Ok(references) => {
                let sound = references.iter().filter(|reference| self.reference(site, reference)).count();
                if sound == references.len() {
                    self.trial(site);
                }
            }
        }
    }

    fn syntax(&mut self, site: &Site<'_>, message: &str, line: usize) {
        let offset: usize = site.text.split_inclusive('\n').take(line).map(str::len).sum();
        let message = format!("this template cannot be read: {message}");
        let advice = "braces that are no template go between `{% raw %}` and `{% endraw %}`";
        self.problems.add(site.node.place_of(offset), message, advice);
    }

    fn trial(&mut self, site: &Site<'_>) {
        if let Err(message) = template::trial(site.text, &self.stand_ins) {
            let message = format!("this template cannot be filled in: {message}");
            self.problems.add(site.node.place, message, "");
        }
    }

    /// `steps.generate-schema.level` is a subtraction to the template engine: says so instead of what would follow.
    fn hyphens(&mut self, site: &Site<'_>) -> bool {
        let mistaken = self.steps.iter().filter(|step| step.id.contains('-')).find_map(|step| {
            let written = format!("steps.{}.", step.id);
            site.text.find(&written).map(|offset| (step.id, written, offset))
        });
        let Some((id, written, offset)) = mistaken else {
            return false;
        };
        let message = format!("`{written}…` is read as a subtraction");
        let advice = format!("write the id's hyphens as underscores: `steps.{}.…`", variable(id));
        self.problems.add(site.node.place_of(offset), message, advice);
        true
    }

    /// Whether the reference is sound; says why not.
    fn reference(&mut self, site: &Site<'_>, reference: &Reference) -> bool {
        let path = reference.path();
        let place = site.node.place_of(position(site.text, &path));
        let fault = match reference {
            Reference::Parameter(name) => self.parameter(name, site),
            Reference::Output(step, name) => self.output(step, name, site),
            Reference::Target(_) => None,
            Reference::Nothing(path) => Some(self.nothing(path)),
        };
        if let Some((message, advice)) = fault {
            self.problems.add(place, message, advice);
            return false;
        }
        true
    }

    fn parameter(&self, name: &str, site: &Site<'_>) -> Option<(String, String)> {
        match self.parameters.iter().find(|parameter| parameter.name == name) {
            None => {
                let known = self.parameters.iter().map(|parameter| parameter.name.as_str());
                let near = suggest::among(name, known);
                let advice =
                    if near.starts_with("did") { near } else { format!("declare it: `parameters: {{{name}: …}}`") };
                Some((format!("there is no parameter `{name}`"), advice))
            }
            Some(parameter) if parameter.secret && !site.hidden => Some((
                format!("the parameter `{name}` is secret, and what stands here is shown"),
                "secrets may stand under a step's `env`, and under `secret` of switch-config and helm".to_owned(),
            )),
            Some(_) => None,
        }
    }

    fn output(&self, step: &str, name: &str, site: &Site<'_>) -> Option<(String, String)> {
        let Some(at) = self.steps.iter().position(|view| variable(view.id) == step) else {
            let ids: Vec<String> = self.steps.iter().map(|view| variable(view.id)).collect();
            let advice = suggest::among(step, ids.iter().map(String::as_str));
            return Some((format!("`steps.{step}.{name}` names no step"), advice));
        };
        let view = &self.steps[at];
        let outputs = kinds::find(view.action).map_or(&[][..], |kind| kind.outputs);
        if !outputs.contains(&name) && kinds::find(view.action).is_some() {
            let advice = match outputs {
                [] => format!("`{}` leaves nothing that templates can name", view.action),
                _ => suggest::among(name, outputs.iter().copied()),
            };
            return Some((format!("`{}` never leaves `{name}`", view.id), advice));
        }
        self.in_time(view, site).map(|message| (message, "name a parameter, or what an earlier step leaves".to_owned()))
    }

    /// Why what `view` leaves is not there when `site` is filled in.
    fn in_time(&self, view: &StepView<'_>, site: &Site<'_>) -> Option<String> {
        let Region::Step(index) = region(&site.path) else {
            return Some("this is filled in before the first step runs".to_owned());
        };
        if !site.may_wait {
            return Some("a number or a word has to be known before the first step runs".to_owned());
        }
        let here = self.root.get("steps").and_then(|steps| steps.items().get(index));
        let own = here.is_some_and(|node| std::ptr::eq(node, view.node));
        let later = here.is_some_and(|node| node.place < view.node.place);
        (own || later).then(|| {
            let id = view.id;
            if own { format!("`{id}` cannot name what it leaves itself") } else { format!("`{id}` runs later") }
        })
    }

    fn nothing(&self, path: &str) -> (String, String) {
        let (head, rest) = path.split_once('.').unwrap_or((path, ""));
        let advice = match head {
            "target" => suggest::among(rest, TARGET.iter().copied()),
            "steps" => "write `steps.ID.NAME`".to_owned(),
            _ if self.parameters.iter().any(|parameter| parameter.name == head) => {
                format!("parameters are text; there is no `.{rest}`")
            }
            _ => String::new(),
        };
        (format!("`{path}` names nothing"), advice)
    }
}

/// Where a path is named; the text's beginning when it is written in some other way.
fn position(text: &str, path: &str) -> usize {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |at: &usize| !text[..*at].ends_with(word) && !text[at + path.len()..].starts_with(word);
    let inside = text.find(['{']).unwrap_or(0);
    text.match_indices(path).map(|(at, _)| at).filter(|at| *at > inside).find(whole).unwrap_or(0)
}

fn stand_ins(parameters: &[Parameter], steps: &[StepView<'_>]) -> Value {
    let value = |parameter: &Parameter| {
        let chosen = parameter.default.as_ref().or(parameter.choices.first());
        chosen.cloned().unwrap_or_else(|| "1".to_owned())
    };
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|parameter| (parameter.name.clone(), value(parameter))).collect();
    let outputs = |step: &StepView<'_>| {
        let names = kinds::find(step.action).map_or(&[][..], |kind| kind.outputs);
        (step.id.to_owned(), names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect())
    };
    let outputs = steps.iter().map(outputs).collect();
    crate::runbook::values::context(&parameters, &crate::runbook::TargetFacts::default(), &outputs)
}

/// Where a step that is left out is named by one that is not.
pub(in crate::runbook) fn place(node: &Node, reference: &Reference) -> Place {
    node.place_of(position(node.text().unwrap_or_default(), &reference.path()))
}
