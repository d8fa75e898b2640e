//! Arrays, written as JSON or as PostgreSQL writes them.

use super::{Misfit, json};
use crate::digest::canonical;
use crate::schema::{Rules, Type, TypeKind};
use rusqlite::types::ValueRef;

/// What an array is made of: inner arrays, or elements as text, none for NULL.
enum Node {
    List(Vec<Node>),
    Leaf(Option<String>),
}

/// PostgreSQL's arrays have at most six dimensions.
const DIMENSIONS: usize = 6;

/// An array; nested ones are dimensions and have to be of equal lengths.
pub(super) fn array(value: ValueRef<'_>, element: &Type, rules: &Rules, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    let tree = read(&text, matches!(element.kind, TypeKind::Json | TypeKind::Jsonb))?;
    let mut lengths = Vec::new();
    shape(&tree, &mut lengths);
    let mut leaves = Vec::new();
    flatten(&tree, &lengths, &mut leaves)?;
    if lengths == [0] {
        lengths.clear();
    }
    let count = |length: usize| i32::try_from(length).map_err(|_| Misfit::new("it has too many elements"));
    let dimensions: Vec<(i32, i32)> =
        lengths.into_iter().map(|length| Ok((count(length)?, 1))).collect::<Result<_, Misfit>>()?;
    canonical::put_array_head(&dimensions, out);
    for leaf in leaves {
        let write =
            leaf.map(|text| move |out: &mut Vec<u8>| super::put(ValueRef::Text(text.as_bytes()), element, rules, out));
        canonical::put_element(write, out)?;
    }
    Ok(())
}

/// The literal that PostgreSQL reads for an array that is written as JSON; none where the text is no JSON array.
pub(crate) fn literal(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let mut literal = String::new();
    write_literal(&read(text, false).ok()?, &mut literal);
    Some(literal)
}

fn write_literal(node: &Node, literal: &mut String) {
    match node {
        Node::Leaf(None) => literal.push_str("NULL"),
        Node::Leaf(Some(text)) => {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            literal.push_str(&format!("\"{quoted}\""));
        }
        Node::List(nodes) => {
            literal.push('{');
            for (place, node) in nodes.iter().enumerate() {
                if place > 0 {
                    literal.push(',');
                }
                write_literal(node, literal);
            }
            literal.push('}');
        }
    }
}

fn read(text: &str, of_json: bool) -> Result<Node, Misfit> {
    let text = super::number::trim(text);
    if text.starts_with('[') {
        return from_json(text, of_json, 1);
    }
    let mut rest = text;
    let tree = from_literal(&mut rest, 1)?;
    if rest.is_empty() { Ok(tree) } else { Err(Misfit::new("something follows the end of the array")) }
}

fn from_json(text: &str, of_json: bool, depth: usize) -> Result<Node, Misfit> {
    if depth > DIMENSIONS {
        return Err(Misfit::new(format!("it has more than {DIMENSIONS} dimensions")));
    }
    let node = |element: &str| match element.as_bytes().first() {
        Some(b'n') => Ok(Node::Leaf(None)),
        _ if of_json => Ok(Node::Leaf(Some(element.to_owned()))),
        Some(b'[') => from_json(element, of_json, depth + 1),
        Some(b'"') => json::unquoted(element).map(|text| Node::Leaf(Some(text))),
        Some(b'{') => Err(Misfit::new("an element is an object")),
        _ => Ok(Node::Leaf(Some(element.to_owned()))),
    };
    json::elements(text)?.into_iter().map(node).collect::<Result<_, _>>().map(Node::List)
}

/// `{1,NULL,"a \"b\""}` at the beginning of `rest`.
fn from_literal(rest: &mut &str, depth: usize) -> Result<Node, Misfit> {
    let malformed = || Misfit::new("it is neither a JSON array nor an array as PostgreSQL writes it");
    *rest = rest.trim_start().strip_prefix('{').filter(|_| depth <= DIMENSIONS).ok_or_else(malformed)?.trim_start();
    let mut nodes = Vec::new();
    loop {
        *rest = rest.trim_start();
        match rest.chars().next() {
            Some('}') if nodes.is_empty() => {}
            Some('{') => nodes.push(from_literal(rest, depth + 1)?),
            Some('"') => nodes.push(Node::Leaf(Some(quoted(rest).ok_or_else(malformed)?))),
            _ => {
                let end = rest.find([',', '}']).ok_or_else(malformed)?;
                let text = rest[..end].trim();
                if text.is_empty() || text.contains(['"', '{', '\\']) {
                    return Err(malformed());
                }
                nodes.push(Node::Leaf((!text.eq_ignore_ascii_case("null")).then(|| text.to_owned())));
                *rest = &rest[end..];
            }
        }
        *rest = rest.trim_start();
        let ends = rest.starts_with('}');
        *rest = rest.strip_prefix(['}', ',']).ok_or_else(malformed)?;
        if ends {
            return Ok(Node::List(nodes));
        }
    }
}

/// A string in quotes at the beginning of `rest`, in which a backslash makes the next character plain.
fn quoted(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                *rest = &rest[at + 1..];
                return Some(text);
            }
            '\\' => text.push(characters.next()?.1),
            plain => text.push(plain),
        }
    }
    None
}

/// The lengths along the first elements.
fn shape(node: &Node, lengths: &mut Vec<usize>) {
    if let Node::List(nodes) = node {
        lengths.push(nodes.len());
        if let Some(first) = nodes.first() {
            shape(first, lengths);
        }
    }
}

fn flatten<'a>(node: &'a Node, lengths: &[usize], leaves: &mut Vec<Option<&'a str>>) -> Result<(), Misfit> {
    match (node, lengths.split_first()) {
        (Node::List(nodes), Some((length, inner))) if nodes.len() == *length => {
            nodes.iter().try_for_each(|node| flatten(node, inner, leaves))
        }
        (Node::Leaf(text), None) => {
            leaves.push(text.as_deref());
            Ok(())
        }
        _ => Err(Misfit::new("its inner arrays are not all of the same length")),
    }
}
