//! Declarations of parameters.

use crate::runbook::Parameter;
use crate::runbook::problem::Problems;
use crate::runbook::suggest;
use crate::runbook::template::{self, RESERVED, Reference};
use crate::runbook::yaml::{Entry, Kind, Node};
use std::collections::BTreeSet;

/// The parameters of a document, in order.
pub(in crate::runbook) fn declared(root: &Node) -> Vec<Parameter> {
    entries(root).iter().map(parameter).collect()
}

fn entries(root: &Node) -> &[Entry] {
    root.get("parameters").map(Node::entries).unwrap_or_default()
}

fn parameter(entry: &Entry) -> Parameter {
    let text = |key: &str| entry.value.get(key).and_then(Node::text).map(str::to_owned);
    let is = |key: &str| text(key).as_deref() == Some("true");
    let choices = entry.value.get("choices").map(Node::items).unwrap_or_default();
    Parameter {
        name: entry.key.clone(),
        description: text("description").unwrap_or_default(),
        default: text("default"),
        required: is("required"),
        choices: choices.iter().filter_map(Node::text).map(str::to_owned).collect(),
        secret: is("secret"),
    }
}

pub(super) fn check(root: &Node, problems: &mut Problems) {
    let used = used(root);
    for entry in entries(root) {
        name(entry, problems);
        declaration(entry, &parameter(entry), problems);
        if !used.contains(&entry.key) {
            let advice = format!("remove it, or use it as `{{{{ {} }}}}`", entry.key);
            problems.add(entry.place, format!("the parameter `{}` is not used", entry.key), advice);
        }
    }
}

fn name(entry: &Entry, problems: &mut Problems) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !entry.key.starts_with(|c: char| c.is_ascii_lowercase()) || !entry.key.chars().all(fits) {
        let advice = "lower case letters, digits and underscores, a letter first";
        problems.add(entry.place, format!("`{}` cannot be a parameter's name", entry.key), advice);
    } else if RESERVED.contains(&entry.key.as_str()) {
        let message = format!("`{}` means something else in templates", entry.key);
        problems.add(entry.place, message, "choose another name for the parameter");
    }
}

fn declaration(entry: &Entry, parameter: &Parameter, problems: &mut Problems) {
    let Some(default) = &parameter.default else { return };
    let place = entry.value.get("default").map_or(entry.place, |node| node.place);
    let name = &parameter.name;
    if parameter.required {
        problems.add(place, format!("`{name}` is required and has a default"), "remove one of them");
    }
    if parameter.secret {
        let message = format!("`{name}` is secret, but its default stands in the file");
        problems.add(place, message, "remove `default`");
    } else if !parameter.choices.is_empty() && !parameter.choices.contains(default) {
        let message = format!("the default `{default}` of `{name}` is not among its choices");
        problems.add(place, message, suggest::among(default, parameter.choices.iter().map(String::as_str)));
    }
}

/// The parameters that any template of the document names, also in fields that are wrong for other reasons.
fn used(root: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(root, &mut found);
    found
}

fn collect(node: &Node, found: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| collect(item, found)),
        Kind::Map(entries) => entries.iter().for_each(|entry| collect(&entry.value, found)),
        Kind::Broken => {}
        Kind::Scalar(scalar) => {
            let references = template::references(&scalar.text).unwrap_or_default();
            found.extend(references.into_iter().filter_map(|reference| match reference {
                Reference::Parameter(name) => Some(name),
                Reference::Nothing(path) => path.split('.').next().map(str::to_owned),
                _ => None,
            }));
        }
    }
}
