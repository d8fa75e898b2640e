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
    let words = words(&document["$defs"]);
    widen_all(&mut document, &words);
    document["title"] = json!("cutover runbook");
    let step = &mut document["$defs"]["Step"];
    step["properties"]["action"]["type"] = json!("string");
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

/// References to those definitions that are a choice of words.
fn words(definitions: &Value) -> Vec<String> {
    let is_choice = |schema: &Value| {
        let options = schema["oneOf"].as_array().into_iter().flatten();
        schema.get("enum").is_some()
            || options.clone().count() > 0 && options.clone().all(|option| option["type"] == "string")
    };
    let definitions = definitions.as_object().into_iter().flatten();
    definitions.filter(|(_, schema)| is_choice(schema)).map(|(name, _)| format!("#/$defs/{name}")).collect()
}

/// Lets editors accept what the reader accepts: a template where a number or a word is wanted, a number where a text is, and one text
/// where a list of texts is.
fn widen_all(schema: &mut Value, words: &[String]) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| widen_all(item, words)),
        Value::Object(map) => {
            map.values_mut().for_each(|value| widen_all(value, words));
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            for (key, value) in map.iter_mut().filter(|(_, value)| value.is_object()) {
                match (key.as_str(), value) {
                    ("properties", Value::Object(fields)) => fields.values_mut().for_each(|field| widen(field, words)),
                    ("additionalProperties" | "items", value) => widen(value, words),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn widen(schema: &mut Value, words: &[String]) {
    let mut types: Vec<Value> = match &schema["type"] {
        Value::Array(several) => several.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let is = |name: &str| types.iter().any(|known| known == name);
    let template = json!({ "type": ["string", "null"], "pattern": TEMPLATE });
    if is("string") {
        types.extend([json!("number"), json!("boolean")]);
        schema["type"] = Value::Array(types);
    } else if is("array") && !schema["items"]["type"].is_null() {
        or_else(schema, json!({ "type": "string" }));
    } else if is("integer") || is("number") || is("boolean") || refers_to(schema, words) {
        or_else(schema, template);
    }
}

fn refers_to(schema: &Value, words: &[String]) -> bool {
    let options = schema["anyOf"].as_array().into_iter().flatten();
    let mut references = options.chain([schema]).filter_map(|option| option["$ref"].as_str());
    references.any(|reference| words.iter().any(|word| word == reference))
}

/// `schema` or `other`, with description and default where editors look for them.
fn or_else(schema: &mut Value, other: Value) {
    let mut former = schema.take();
    let described: Vec<(&str, Value)> = ["description", "default"]
        .into_iter()
        .filter_map(|key| Some((key, former.as_object_mut()?.remove(key)?)))
        .collect();
    *schema = json!({ "anyOf": [former, other] });
    for (key, value) in described {
        schema[key] = value;
    }
}
