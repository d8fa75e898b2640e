//! What a value of the document has to look like, read once from the JSON schema.

use super::schema::{Schemas, schemas};
use serde_json::Value;
use std::sync::LazyLock;

/// What a value has to look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// Text; `hidden` when it is never shown.
    Text { hidden: bool },
    /// A whole number between the bounds.
    Integer { least: i64, most: i64 },
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(Vec<String>),
    /// Items of one shape.
    List(Box<Shape>),
    /// Any keys, values of one shape.
    Map(Box<Shape>),
    /// These keys and no others.
    Fields(Vec<Field>),
    /// One of these words, or a map of these keys.
    WordOrFields(Vec<String>, Vec<Field>),
    /// Whatever YAML says.
    Any,
}

/// A key that is known.
#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub shape: Shape,
    /// It has to be there.
    pub required: bool,
    /// Empty text counts as not written.
    pub nullable: bool,
}

/// The shapes of the document and of each action's settings.
#[derive(Debug)]
pub(super) struct Shapes {
    pub document: Shape,
    actions: Vec<(&'static str, Shape)>,
}

impl Shapes {
    pub(super) fn get() -> &'static Self {
        static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
            let Schemas { document, actions } = schemas();
            let definitions = &document["$defs"];
            Shapes {
                document: Shape::of(&document, definitions),
                actions: actions.iter().map(|(kind, schema)| (*kind, Shape::of(schema, definitions))).collect(),
            }
        });
        &SHAPES
    }

    /// The settings of a kind of action; none for a kind that there is not.
    pub(super) fn settings(&self, kind: &str) -> Option<&Shape> {
        self.actions.iter().find(|(name, _)| *name == kind).map(|(_, shape)| shape)
    }
}

impl Shape {
    fn of(schema: &Value, definitions: &Value) -> Self {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return if name == "Hidden" {
                Self::Text { hidden: true }
            } else {
                Self::of(&definitions[name], definitions)
            };
        }
        if let Some(options) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            return Self::of_options(options, definitions);
        }
        let words = words(schema);
        if !words.is_empty() {
            return Self::Choice(words);
        }
        match type_of(schema) {
            "string" => Self::Text { hidden: false },
            "integer" => Self::Integer {
                least: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                most: schema["maximum"].as_i64().unwrap_or(i64::MAX),
            },
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "array" => Self::List(Box::new(Self::of(&schema["items"], definitions))),
            "object" => Self::of_object(schema, definitions),
            _ => Self::Any,
        }
    }

    fn of_options(options: &[Value], definitions: &Value) -> Self {
        let options: Vec<&Value> = options.iter().filter(|option| option["type"] != "null").collect();
        if let [only] = options[..] {
            return Self::of(only, definitions);
        }
        let words: Vec<String> = options.iter().flat_map(|option| words(option)).collect();
        match options.iter().find(|option| option["properties"].is_object()) {
            None => Self::Choice(words),
            Some(object) => Self::WordOrFields(words, fields(object, definitions)),
        }
    }

    fn of_object(schema: &Value, definitions: &Value) -> Self {
        match &schema["additionalProperties"] {
            Value::Bool(false) => Self::Fields(fields(schema, definitions)),
            values @ Value::Object(_) => Self::Map(Box::new(Self::of(values, definitions))),
            _ => Self::Any,
        }
    }

    /// What a message calls it.
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Text { .. } => "text".to_owned(),
            Self::Integer { .. } => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) | Self::Fields(_) => "a map".to_owned(),
            Self::WordOrFields(words, _) => format!("one of {}, or a map", words.join(", ")),
            Self::Any => "a value".to_owned(),
        }
    }
}

fn fields(schema: &Value, definitions: &Value) -> Vec<Field> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Field {
            name: name.clone(),
            shape: Shape::of(schema, definitions),
            required: required.contains(&name.as_str()),
            nullable: allows_null(schema),
        })
        .collect()
}

fn words(schema: &Value) -> Vec<String> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    listed.chain(schema.get("const")).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(one) => one,
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or(""),
        _ => "",
    }
}

fn allows_null(schema: &Value) -> bool {
    let types = schema["type"].as_array().into_iter().flatten();
    let options = schema["anyOf"].as_array().into_iter().flatten();
    types.chain(options.map(|option| &option["type"])).any(|name| name == "null")
}
