//! Arrays, written as JSON.

use super::{Misfit, json};
use crate::digest::canonical;
use crate::schema::{Rules, Type};
use rusqlite::types::ValueRef;

/// An array from JSON text: nested JSON arrays are dimensions and have to be of equal lengths.
pub(super) fn array(value: ValueRef<'_>, element: &Type, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    let parsed = json::parse(&text)?;
    let mut dimensions = Vec::new();
    shape(&parsed, &mut dimensions)?;
    let mut leaves = Vec::new();
    flatten(&parsed, 0, &dimensions, &mut leaves)?;
    if leaves.is_empty() {
        dimensions.clear();
    }
    let dimensions: Vec<(i32, i32)> = dimensions.into_iter().map(|length| (length, 1)).collect();
    canonical::put_array_head(&dimensions, out);
    for leaf in leaves {
        put_leaf(leaf, element, rules, out)?;
    }
    Ok(())
}

/// The lengths of the first element at each depth.
fn shape(value: &json::Json, dimensions: &mut Vec<i32>) -> Result<(), Misfit> {
    let json::Json::Array(elements) = value else {
        return if dimensions.is_empty() { Err(Misfit::new("it is no JSON array")) } else { Ok(()) };
    };
    dimensions.push(i32::try_from(elements.len()).map_err(|_| Misfit::new("it has too many elements"))?);
    if dimensions.len() > 6 {
        return Err(Misfit::new("it has more than six dimensions"));
    }
    match elements.first() {
        Some(first @ json::Json::Array(_)) => shape(first, dimensions),
        _ => Ok(()),
    }
}

fn flatten<'a>(
    value: &'a json::Json,
    depth: usize,
    dimensions: &[i32],
    leaves: &mut Vec<&'a json::Json>,
) -> Result<(), Misfit> {
    let uneven = || Misfit::new("its elements are not all of the same lengths");
    match (value, dimensions.get(depth)) {
        (json::Json::Array(elements), Some(length)) => {
            if i32::try_from(elements.len()) != Ok(*length) {
                return Err(uneven());
            }
            elements.iter().try_for_each(|element| flatten(element, depth + 1, dimensions, leaves))
        }
        (json::Json::Array(_), None) | (_, Some(_)) => Err(uneven()),
        (leaf, None) => {
            leaves.push(leaf);
            Ok(())
        }
    }
}

fn put_leaf(leaf: &json::Json, element: &Type, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let written = match leaf {
        json::Json::Null => return canonical::put_element(None::<fn(&mut Vec<u8>) -> Result<(), Misfit>>, out),
        json::Json::Bool(truth) => truth.to_string(),
        json::Json::Number(text) | json::Json::Text(text) => text.clone(),
        json::Json::Array(_) | json::Json::Object => return Err(Misfit::new("an element is an object")),
    };
    let value = ValueRef::Text(written.as_bytes());
    let integer = written.parse::<i64>();
    let value = match (leaf, integer) {
        (json::Json::Number(_), Ok(number)) => ValueRef::Integer(number),
        _ => value,
    };
    canonical::put_element(Some(|out: &mut Vec<u8>| super::put(value, element, rules, out)), out)
}
