//! Goes through a tree with the shape it has to have: notes what is wrong, where templates stand, and the value that serde gets.

use super::kinds::{self, Undo};
use super::problem::Problems;
use super::shape::{Field, Shape};
use super::suggest;
use super::template;
use super::yaml::{Entry, Kind, Node, Scalar};
use serde_json::Value;

/// A text that is a template.
pub(super) struct Site<'a> {
    pub node: &'a Node,
    pub text: &'a str,
    /// Keys from the document's root; list items by their index.
    pub path: Vec<String>,
    /// Whether what it comes out as is never shown.
    pub hidden: bool,
    /// Whether it may wait for what a step leaves: a number or a word must be known from the start.
    pub may_wait: bool,
}

/// One walk. Over a tree whose templates are not filled in (`filled` is false), a template passes for any scalar and is noted in `sites`.
pub(super) struct Walk<'a, 'p> {
    pub problems: &'p mut Problems,
    pub filled: bool,
    /// The kind of action whose settings are walked.
    pub action: Option<&'a str>,
    pub path: Vec<String>,
    pub sites: Vec<Site<'a>>,
}

impl<'a> Walk<'a, '_> {
    /// The value that `node` stands for; none where it is wrong or empty, and a stand-in where it is a template.
    pub(super) fn value(&mut self, shape: &Shape, node: &'a Node) -> Option<Value> {
        match (shape, &node.kind) {
            (_, Kind::Broken) => None,
            (Shape::Any, _) => Some(any(node)),
            (_, Kind::Scalar(scalar)) if node.is_null() && !is_word(shape, &scalar.text) => self.wrong(shape, node),
            (Shape::Text { hidden }, Kind::Scalar(scalar)) => self.text(node, scalar, *hidden),
            (Shape::List(item), Kind::List(nodes)) => Some(self.list(item, nodes)),
            (Shape::List(item), Kind::Scalar(scalar)) if matches!(**item, Shape::Text { .. }) => {
                self.text(node, scalar, false)?;
                Some(comma_separated(&scalar.text))
            }
            (Shape::Map(values), Kind::Map(entries)) => Some(self.map(values, entries)),
            (Shape::Fields(fields) | Shape::WordOrFields(_, fields), Kind::Map(entries)) => {
                Some(self.fields(fields, entries, node))
            }
            (_, Kind::Scalar(scalar)) if self.is_template(scalar) => self.stand_in(shape, node, scalar),
            (_, Kind::Scalar(scalar)) => scalar_value(shape, &scalar.text).or_else(|| self.wrong(shape, node)),
            _ => self.wrong(shape, node),
        }
    }

    fn is_template(&self, scalar: &Scalar) -> bool {
        !self.filled && template::is_template(&scalar.text)
    }

    fn text(&mut self, node: &'a Node, scalar: &'a Scalar, hidden: bool) -> Option<Value> {
        if self.is_template(scalar) {
            self.site(node, scalar, hidden, true);
        }
        Some(Value::String(scalar.text.clone()))
    }

    fn stand_in(&mut self, shape: &Shape, node: &'a Node, scalar: &'a Scalar) -> Option<Value> {
        if matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Fields(_)) {
            return self.wrong(shape, node);
        }
        self.site(node, scalar, false, false);
        None
    }

    fn site(&mut self, node: &'a Node, scalar: &'a Scalar, hidden: bool, may_wait: bool) {
        self.sites.push(Site { node, text: &scalar.text, path: self.path.clone(), hidden, may_wait });
    }

    fn list(&mut self, item: &Shape, nodes: &'a [Node]) -> Value {
        let values = nodes.iter().enumerate().filter_map(|(index, node)| self.at(&index.to_string(), item, node));
        Value::Array(values.collect())
    }

    fn map(&mut self, values: &Shape, entries: &'a [Entry]) -> Value {
        let values = entries.iter().filter_map(|entry| {
            let value = match values {
                Shape::Text { .. } if entry.value.is_null() => Some(Value::String(String::new())),
                _ => self.at(&entry.key, values, &entry.value),
            };
            Some((entry.key.clone(), value?))
        });
        Value::Object(values.collect())
    }

    fn fields(&mut self, fields: &[Field], entries: &'a [Entry], node: &Node) -> Value {
        let mut values = serde_json::Map::new();
        for entry in entries {
            let Some(field) = fields.iter().find(|field| field.name == entry.key) else {
                self.unknown(entry, fields, entries);
                continue;
            };
            let left_out = means_nothing(field, &entry.value);
            if left_out && !field.required {
                continue;
            }
            if let Some(value) = self.at(&field.name, &field.shape, &entry.value) {
                values.insert(field.name.clone(), value);
            }
        }
        self.missing(fields, entries, node);
        Value::Object(values)
    }

    fn at(&mut self, key: &str, shape: &Shape, node: &'a Node) -> Option<Value> {
        self.path.push(key.to_owned());
        let value = self.value(shape, node);
        self.path.pop();
        value
    }

    /// Says what a step lacks that has no `with` at all.
    pub(super) fn settings_missing(&mut self, shape: &Shape, step: &Node) {
        if let Shape::Fields(fields) = shape {
            self.missing(fields, &[], step);
        }
    }

    fn missing(&mut self, fields: &[Field], entries: &[Entry], node: &Node) {
        for field in fields.iter().filter(|field| field.required) {
            if !entries.iter().any(|entry| entry.key == field.name) {
                let message = format!("{} lacks `{}`", self.here(), field.name);
                self.problems.add(node.place, message, format!("add `{}:` with {}", field.name, field.shape.noun()));
            }
        }
    }

    fn wrong(&mut self, shape: &Shape, node: &Node) -> Option<Value> {
        let found = match (shape, node.text()) {
            (Shape::Text { hidden: true }, _) | (_, None) => node.noun().to_owned(),
            (_, Some(text)) => format!("`{text}`"),
        };
        let message = format!("{} must be {}, not {found}", self.here(), shape.noun());
        let suggestion = match (shape, node.text()) {
            (Shape::WordOrFields(..), Some("typed")) => {
                "a typed gate says what has to be typed: `gate: {typed: NAME}`".to_owned()
            }
            (Shape::Choice(words) | Shape::WordOrFields(words, _), Some(text)) => {
                suggest::among(text, words.iter().map(String::as_str))
            }
            (Shape::Integer { least, .. }, Some(_)) if *least >= 0 => "write digits only".to_owned(),
            (Shape::List(_), Some(_)) => "write each item in a line of its own after `- `".to_owned(),
            _ => String::new(),
        };
        self.problems.add(node.place, message, suggestion);
        None
    }

    fn unknown(&mut self, entry: &Entry, fields: &[Field], siblings: &[Entry]) {
        if entry.key == "undo" && self.refuse_undo(entry, siblings) {
            return;
        }
        let known = fields.iter().map(|field| field.name.as_str());
        let suggestion = match fields {
            [] => "remove it: there is nothing to set".to_owned(),
            _ => suggest::among(&entry.key, known),
        };
        self.problems.add(entry.place, format!("{} has no field `{}`", self.here(), entry.key), suggestion);
    }

    /// Says of an `undo` that stands where none can be, why not; true when it was one.
    fn refuse_undo(&mut self, entry: &Entry, siblings: &[Entry]) -> bool {
        let beside = siblings.iter().find(|sibling| sibling.key == "action").and_then(|sibling| sibling.value.text());
        let Some(kind) = self.action.or(beside).and_then(kinds::find) else {
            return false;
        };
        let name = kind.name;
        let (message, suggestion) = match kind.undo {
            Undo::ChangesNothing => (format!("`{name}` changes nothing, so it cannot have an undo"), "remove `undo`"),
            Undo::BuiltIn => (format!("`{name}` takes itself back, so it cannot have another undo"), "remove `undo`"),
            Undo::Written => (format!("the undo of `{name}` is one of its settings"), "write it under `with`"),
        };
        self.problems.add(entry.place, message, suggestion);
        true
    }

    /// What the messages call the place where the walk is.
    fn here(&self) -> String {
        match self.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => "the runbook".to_owned(),
            ["steps", _] => "a step".to_owned(),
            ["steps", _, "with"] => "`with`".to_owned(),
            ["parameters", name] => format!("the parameter `{name}`"),
            [.., list, last] if last.chars().all(|c| c.is_ascii_digit()) => format!("an item of `{list}`"),
            [.., last] => format!("`{last}`"),
        }
    }
}

fn means_nothing(field: &Field, node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar(scalar) if is_word(&field.shape, &scalar.text) => false,
        _ => node.is_null() || field.nullable && node.is_empty(),
    }
}

/// Whether `text` is a word of a choice; `null` is one of the policies, and nobody puts it in quotes.
fn is_word(shape: &Shape, text: &str) -> bool {
    matches!(shape, Shape::Choice(words) if words.iter().any(|word| word == text))
}

fn scalar_value(shape: &Shape, text: &str) -> Option<Value> {
    match shape {
        Shape::Integer { least, most } => {
            let number: i64 = text.trim().parse().ok()?;
            (*least..=*most).contains(&number).then(|| number.into())
        }
        Shape::Number => serde_json::Number::from_f64(text.trim().parse().ok()?).map(Value::Number),
        Shape::Boolean => text.trim().parse().ok().map(Value::Bool),
        Shape::Choice(words) | Shape::WordOrFields(words, _) => {
            words.iter().any(|word| word == text).then(|| Value::String(text.to_owned()))
        }
        _ => None,
    }
}

/// A list that a parameter holds: `a.sql, b.sql`.
fn comma_separated(text: &str) -> Value {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// A value by YAML's core schema.
fn any(node: &Node) -> Value {
    match &node.kind {
        Kind::List(nodes) => nodes.iter().map(any).collect(),
        Kind::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), any(&entry.value))).collect(),
        Kind::Broken => Value::Null,
        Kind::Scalar(_) if node.is_null() => Value::Null,
        Kind::Scalar(Scalar { text, plain: true, .. }) => {
            let word = text.parse().ok().map(Value::Bool);
            let whole = text.parse::<i64>().ok().map(Value::from);
            let number = text.parse().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
            word.or(whole).or(number).unwrap_or_else(|| Value::String(text.clone()))
        }
        Kind::Scalar(scalar) => Value::String(scalar.text.clone()),
    }
}
