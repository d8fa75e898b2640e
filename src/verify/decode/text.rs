//! Texts of every kind, and what an `enum` takes.

use super::Misfit;
use crate::digest::canonical;
use rusqlite::types::ValueRef;

/// `text`, `citext` and what else travels as its text.
pub(super) fn unlimited(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    out.extend_from_slice(super::text_of(value)?.as_bytes());
    Ok(())
}

/// `character varying(n)`: what is too long may only be blanks.
pub(super) fn varying(value: ValueRef<'_>, limit: Option<u32>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    out.extend_from_slice(within(&text, limit)?.as_bytes());
    Ok(())
}

/// `character(n)`: padding counts for nothing.
pub(super) fn padded(value: ValueRef<'_>, limit: u32, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    canonical::put_padded(within(&text, Some(limit))?.as_bytes(), out);
    Ok(())
}

/// The text, without blanks beyond the limit.
fn within(text: &str, limit: Option<u32>) -> Result<&str, Misfit> {
    let Some(limit) = limit else { return Ok(text) };
    let end = text.char_indices().nth(limit as usize).map_or(text.len(), |(end, _)| end);
    if text[end..].bytes().all(|byte| byte == b' ') {
        return Ok(&text[..end]);
    }
    Err(Misfit::new(format!("{} characters, but the column holds {limit}", text.chars().count())))
}

/// `name`: 63 bytes.
pub(super) fn name(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    if text.len() > 63 {
        return Err(Misfit::new(format!("{} bytes, but a name holds 63", text.len())));
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// `"char"`: one byte, the zero byte for empty text.
pub(super) fn single_byte(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    match text.as_bytes() {
        [] => out.push(0),
        [byte] => out.push(*byte),
        bytes => return Err(Misfit::new(format!("{} bytes, but \"char\" holds one", bytes.len()))),
    }
    Ok(())
}

/// One of an enum's labels.
pub(super) fn label(value: ValueRef<'_>, labels: &[String], out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    if !labels.iter().any(|label| *label == *text) {
        return Err(Misfit::new(format!("`{}` is not one of {}", super::brief(&text), labels.join(", "))));
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}
