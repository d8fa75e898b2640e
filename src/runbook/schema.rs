//! The JSON schema of a runbook, made from the same types that a runbook is read into.
//!
//! Two readers use it: editors, by [`json_schema`]; and [`super::shape`], which checks every document against it. So what an editor
//! offers and what `cutover` takes cannot differ.

use super::kinds::KINDS;
use super::written::Written;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

/// What a value may be instead when a template stands in its place.
const TEMPLATE: &str = r"\{\{|\{%";

/// The document's schema, and the settings' schema of each kind of action under `$defs` (by the kind's reference in `actions`).
pub(super) struct Schemas {
    /// The whole document, `$defs` included; a step's `with` is any map.
    pub document: Value,
    /// Kind → schema of its settings; its references point into the document's `$defs`.
    pub actions: Vec<(&'static str, Value)>,
}

pub(super) fn schemas() -> Schemas {
    let mut generator = SchemaGenerator::default();
    let actions = KINDS.iter().map(|kind| (kind.name, (kind.schema)(&mut generator).to_value())).collect();
    Schemas { document: generator.into_root_schema_for::<Written>().to_value(), actions }
}

/// The JSON schema of a runbook, as `cutover schema` prints it and `assets/runbook.schema.json` holds it.
#[must_use]
pub fn json_schema() -> String {
    let Schemas { mut document, actions } = schemas();
    allow_templates(&mut document);
    document["title"] = json!("cutover runbook");
    let step = &mut document["$defs"]["Step"];
    step["properties"]["action"]["enum"] = actions.iter().map(|(kind, _)| *kind).collect();
    step["allOf"] = actions
        .iter()
        .map(|(kind, settings)| {
            json!({
                "if": { "properties": { "action": { "const": kind } }, "required": ["action"] },
                "then": { "properties": { "with": settings } }
            })
        })
        .collect();
    format!("{document:#}\n")
}

/// Lets editors accept what the reader accepts: a template where a number, a word or a list of texts is wanted, and a number where a
/// text is.
fn allow_templates(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_templates),
        Value::Object(map) => {
            map.values_mut().for_each(allow_templates);
            for key in ["properties", "additionalProperties", "items"] {
                match map.get_mut(key) {
                    Some(Value::Object(fields)) if key == "properties" => fields.values_mut().for_each(widen),
                    Some(one @ Value::Object(_)) => widen(one),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn widen(schema: &mut Value) {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &str| types.contains(&name);
    if is("string") && !is("object") {
        schema["type"] = json!(["string", "number", "boolean", "null"]);
    } else if is("array") && schema["items"]["type"].as_array().is_some() {
        or_else(schema, json!({ "type": "string" }));
    } else if is("integer") || is("number") || is("boolean") || schema.get("$ref").is_some() || has_reference(schema) {
        or_else(schema, json!({ "type": "string", "pattern": TEMPLATE }));
    }
}

fn has_reference(schema: &Value) -> bool {
    schema["anyOf"].as_array().is_some_and(|options| options.iter().any(|option| option.get("$ref").is_some()))
}

/// `schema`, or the other one; its description stays where editors look for it.
fn or_else(schema: &mut Value, other: Value) {
    let mut former = schema.take();
    let mut description = Value::Null;
    let mut default = Value::Null;
    if let Some(map) = former.as_object_mut() {
        description = map.remove("description").unwrap_or_default();
        default = map.remove("default").unwrap_or_default();
    }
    *schema = json!({ "anyOf": [former, other] });
    for (key, value) in [("description", description), ("default", default)] {
        if !value.is_null() {
            schema[key] = value;
        }
    }
}
