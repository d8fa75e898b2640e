//! Everything that can be wrong with a document whose fields are known: names, order, templates, settings that contradict each other.
//!
//! The same rules run twice: over the document as written, where a template may still come out as anything, and over the document as
//! filled in, where it has.

mod order;
mod parameters;
mod passwords;
mod rules;
mod templates;

use super::kinds::{self, KINDS};
use super::problem::{Place, Problems};
use super::shape::Shapes;
use super::suggest;
use super::walk::{Site, Walk};
use super::yaml::Node;
use serde_json::Value;

pub(super) use parameters::declared;
pub(super) use passwords::has_password;
pub(super) use templates::{Region, place, region};

/// A step as far as it can be read.
pub(super) struct StepView<'a> {
    pub id: &'a str,
    /// Where the id stands, or the action that it is taken from.
    pub place: Place,
    pub action: &'a str,
    pub node: &'a Node,
}

impl<'a> StepView<'a> {
    /// A setting; none when it is not written.
    pub(super) fn setting(&self, name: &str) -> Option<&'a Node> {
        self.node.get("with").and_then(|with| with.get(name))
    }

    pub(super) fn place_of(&self, key: &str) -> Place {
        self.node.entry(key).map_or(self.place, |entry| entry.place)
    }

    pub(super) fn setting_place(&self, name: &str) -> Place {
        let with = self.node.get("with");
        with.and_then(|with| with.entry(name)).map_or(self.place, |entry| entry.place)
    }
}

/// The steps of a document that have a readable action, known or not.
pub(super) fn steps(root: &Node) -> Vec<StepView<'_>> {
    let nodes = root.get("steps").map(Node::items).unwrap_or_default();
    let view = |node| -> Option<StepView<'_>> {
        let action = Node::get(node, "action")?;
        let id = node.get("id").unwrap_or(action);
        Some(StepView { id: id.text()?, place: id.place, action: action.text()?, node })
    };
    nodes.iter().filter_map(view).collect()
}

/// Checks a document as written.
pub(super) fn written(root: &Node, problems: &mut Problems) {
    let (_, sites) = walk(root, false, problems);
    let steps = steps(root);
    names(&steps, problems);
    parameters::check(root, problems);
    passwords::check(root, problems);
    order::check(root, &steps, problems);
    order::point_of_no_return(root, &steps, problems);
    order::downtime(&steps, problems);
    rules::check(root, &steps, false, problems);
    templates::check(root, &steps, &sites, problems);
}

/// Checks a document as filled in, and gives the values for serde: the document, and each step's settings.
pub(super) fn filled(root: &Node, problems: &mut Problems) -> Vec<Value> {
    let (values, _) = walk(root, true, problems);
    let steps = steps(root);
    order::check(root, &steps, problems);
    rules::check(root, &steps, true, problems);
    values
}

/// Walks document and settings; the values are the document's and then each step's settings.
fn walk<'a>(root: &'a Node, filled: bool, problems: &mut Problems) -> (Vec<Value>, Vec<Site<'a>>) {
    let shapes = Shapes::get();
    let mut walk = Walk { problems, filled, action: None, path: Vec::new(), sites: Vec::new() };
    let mut values = vec![walk.value(&shapes.document, root).unwrap_or_default()];
    for (index, node) in root.get("steps").map(Node::items).unwrap_or_default().iter().enumerate() {
        let action = node.get("action").and_then(Node::text);
        let Some(shape) = action.and_then(|action| shapes.settings(action)) else {
            continue;
        };
        walk.action = action;
        walk.path = vec!["steps".to_owned(), index.to_string(), "with".to_owned()];
        let empty = Value::Object(serde_json::Map::new());
        values.push(match node.get("with") {
            Some(with) => walk.value(shape, with).unwrap_or(empty),
            None => {
                walk.settings_missing(shape, node);
                empty
            }
        });
    }
    (values, walk.sites)
}

fn names(steps: &[StepView<'_>], problems: &mut Problems) {
    for (index, step) in steps.iter().enumerate() {
        if kinds::find(step.action).is_none() {
            let place = step.node.get("action").map_or(step.place, |node| node.place);
            let known = KINDS.iter().map(|kind| kind.name);
            problems.add(place, format!("there is no action `{}`", step.action), suggest::among(step.action, known));
        }
        if step.node.get("id").is_some() && !is_id(step.id) {
            let advice = "lower case letters, digits and single hyphens, a letter first";
            problems.add(step.place, format!("`{}` cannot be a step's id", step.id), advice);
        }
        if let Some(first) = steps[..index].iter().find(|first| first.id == step.id) {
            let message = format!("the id `{}` is taken by the step in line {}", step.id, first.node.place.line);
            problems.add(step.place, message, "give one of them an `id` of its own");
        }
    }
}

fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(fits)
        && !text.ends_with('-')
        && !text.contains("--")
}
