//! A SQLite value as the payload of a binary COPY cell, exactly as PostgreSQL's own input of the same value would store it, or not
//! at all.
//!
//! [`Encoder`] is made once per column from the target's type and the plan's rules and then does no allocation, no parsing of
//! types and no I/O per cell. What it cannot hold is a [`Misfit`] with the reason in the operator's words; nothing is ever cut,
//! clamped or guessed. One file per family of types; PostgreSQL's own text input is the oracle of `tests/encode.rs`.

mod boolean;
mod integer;
mod number;
mod reason;
mod text;

use crate::schema::{Rules, Type, TypeKind};
use rusqlite::types::ValueRef;

/// What was appended for a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The binary payload, without its length word.
    Value,
    /// Nothing: the cell is NULL.
    Null,
    /// UTF-8 text for the type's own input function: no binary form of it is made here. The server turns it into one.
    Text,
}

/// Why a cell cannot be held by its column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Misfit {
    /// In the operator's words: `300 characters, but the column holds 100`.
    pub reason: String,
}

/// Why no encoder can be made for a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{type_name}: {reason}")]
pub struct Unsupported {
    /// As `format_type` writes it.
    pub type_name: String,
    /// What is not known about it.
    pub reason: String,
}

/// Turns the cells of one column into binary COPY payloads.
#[derive(Clone, Debug)]
pub struct Encoder {
    kind: TypeKind,
    rules: Rules,
}

impl Encoder {
    /// An encoder for a column of this type under these rules.
    ///
    /// # Errors
    /// When the type cannot be filled at all.
    pub fn new(ty: &Type, rules: &Rules) -> Result<Self, Unsupported> {
        match ty.kind {
            TypeKind::Bool | TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 | TypeKind::Text => {
                Ok(Self { kind: ty.kind.clone(), rules: *rules })
            }
            _ => {
                Err(Unsupported { type_name: ty.name.clone(), reason: "no conversion is built for it yet".to_owned() })
            }
        }
    }

    /// Appends the payload of `value` to `out`, without the length word.
    ///
    /// # Errors
    /// When the column cannot hold the value; `out` is then as it was.
    pub fn encode(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
        if value == ValueRef::Null {
            return Ok(Encoded::Null);
        }
        let start = out.len();
        let result = self.append(value, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// Appends the nearest value that the column holds, for policy `replace`: text cut to length, NUL removed, invalid UTF-8 as
    /// U+FFFD. None where there is no such thing: a number is never clamped.
    pub fn replace(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Option<Encoded> {
        let mended = text::mend(&self.kind, value)?;
        self.encode(ValueRef::Text(&mended), out).ok()
    }

    fn append(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
        let _ = self.rules;
        match self.kind {
            TypeKind::Bool => boolean::encode(value, out),
            TypeKind::Int2 => integer::encode(integer::Width::Two, value, out),
            TypeKind::Int4 => integer::encode(integer::Width::Four, value, out),
            TypeKind::Int8 => integer::encode(integer::Width::Eight, value, out),
            _ => text::encode(value, out),
        }
    }
}
