//! A SQLite value as the payload of a binary COPY cell, exactly as PostgreSQL's own input of the same value would store it, or not
//! at all.
//!
//! [`Encoder`] is made once per column from the target's type and the plan's rules and then does no allocation, no parsing of
//! types and no I/O per cell (arrays with escapes in their elements allocate). What it cannot hold is a [`Misfit`] with the reason in
//! the operator's words; nothing is ever cut, clamped or guessed. One file per family of types. PostgreSQL's own text input is the
//! oracle of `tests/encode.rs`; where a family takes more or less than PostgreSQL, its file and that test say so.
//!
//! Storage classes: a BLOB is taken for text under text types, JSON and arrays when it is UTF-8, for 16 bytes under `uuid`, and under
//! no other type. Numbers under text types are written as SQLite prints them.

mod array;
mod bits;
mod boolean;
mod calendar;
mod float;
mod integer;
mod interval;
mod interval_text;
mod json;
mod mend;
mod moment;
mod network;
mod number;
mod numeric;
mod reason;
mod text;
mod timestamp;
mod uuid;

use crate::schema::{IntervalFields, Rules, Type, TypeKind};
use mend::Shape;
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
    family: Family,
    rules: Rules,
}

/// A type, made ready for its encoder.
#[derive(Clone, Debug)]
enum Family {
    Bool,
    Integer(integer::Width),
    Float4,
    Float8,
    Numeric(numeric::Limit),
    Text(text::Limit),
    Enum(Box<[Box<[u8]>]>),
    Bytea,
    Uuid,
    Date,
    Time(Option<u8>),
    TimeTz(Option<u8>),
    Timestamp { with_zone: bool, precision: Option<u8> },
    Interval(IntervalFields),
    Json { binary: bool },
    Network { cidr: bool },
    Macaddr,
    Macaddr8,
    Bits(bits::Limit),
    Array(Box<array::Elements>),
    Foreign,
}

impl Encoder {
    /// An encoder for a column of this type under these rules.
    ///
    /// # Errors
    /// When the type cannot be filled at all: an array whose elements are said to be arrays, which PostgreSQL does not have.
    pub fn new(ty: &Type, rules: &Rules) -> Result<Self, Unsupported> {
        Ok(Self { family: family(ty, rules)?, rules: *rules })
    }

    /// Appends the payload of `value` to `out`, without the length word.
    ///
    /// # Errors
    /// When the column cannot hold the value; `out` is then as it was.
    #[inline]
    pub fn encode(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
        if let ValueRef::Null = value {
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
    /// U+FFFD, `\u0000` and lone surrogates out of `jsonb`. None where there is no such thing: a number is never clamped, a date never
    /// moved.
    pub fn replace(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Option<Encoded> {
        if let Ok(encoded) = self.encode(value, out) {
            return Some(encoded);
        }
        let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { return None };
        let mended = mend::mend(self.shape()?, bytes);
        self.encode(ValueRef::Text(&mended), out).ok()
    }

    /// Whether what it appends is text for the type's own input function ([`Encoded::Text`]).
    #[must_use]
    pub fn makes_text(&self) -> bool {
        match &self.family {
            Family::Foreign => true,
            Family::Array(elements) => elements.encoder.makes_text(),
            _ => false,
        }
    }

    fn shape(&self) -> Option<Shape> {
        Some(match self.family {
            Family::Text(text::Limit::None) | Family::Enum(_) | Family::Foreign => Shape::Free,
            Family::Text(text::Limit::Characters(most) | text::Limit::Padded(most)) => Shape::Characters(most as usize),
            Family::Text(text::Limit::Name) => Shape::Bytes(63),
            Family::Text(text::Limit::Byte) => Shape::Bytes(1),
            Family::Json { .. } => Shape::Json,
            _ => return None,
        })
    }

    fn append(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
        match &self.family {
            Family::Bool => boolean::encode(value, out),
            Family::Integer(width) => integer::encode(*width, value, out),
            Family::Float4 => float::encode4(value, out),
            Family::Float8 => float::encode8(value, out),
            Family::Numeric(limit) => numeric::encode(*limit, value, out),
            Family::Text(limit) => text::encode(*limit, value, out),
            Family::Enum(labels) => text::encode_enum(labels, value, out),
            Family::Bytea => text::encode_bytes(value, out),
            Family::Uuid => uuid::encode(value, out),
            Family::Date => timestamp::encode_date(&self.rules, value, out),
            Family::Time(precision) => timestamp::encode_time(*precision, &self.rules, value, out),
            Family::TimeTz(precision) => timestamp::encode_timetz(*precision, value, out),
            Family::Timestamp { with_zone, precision } => {
                timestamp::encode_timestamp(*with_zone, *precision, &self.rules, value, out)
            }
            Family::Interval(fields) => interval::encode(*fields, self.rules.unit, value, out),
            Family::Json { binary } => json::encode(*binary, value, out),
            Family::Network { cidr } => network::encode_network(*cidr, value, out),
            Family::Macaddr => network::encode_mac(value, out),
            Family::Macaddr8 => network::encode_mac8(value, out),
            Family::Bits(limit) => bits::encode(*limit, value, out),
            Family::Array(elements) => array::encode(elements, value, out),
            Family::Foreign => text::put_printed(value, out).map(|()| Encoded::Text),
        }
    }
}

fn family(ty: &Type, rules: &Rules) -> Result<Family, Unsupported> {
    Ok(match &ty.kind {
        TypeKind::Bool => Family::Bool,
        TypeKind::Int2 => Family::Integer(integer::Width::Two),
        TypeKind::Int4 => Family::Integer(integer::Width::Four),
        TypeKind::Int8 => Family::Integer(integer::Width::Eight),
        TypeKind::Float4 => Family::Float4,
        TypeKind::Float8 => Family::Float8,
        TypeKind::Numeric(limit) => Family::Numeric(*limit),
        TypeKind::Text | TypeKind::Varchar(None) => Family::Text(text::Limit::None),
        TypeKind::Varchar(Some(most)) => Family::Text(text::Limit::Characters(*most)),
        TypeKind::Char(length) => Family::Text(text::Limit::Padded(*length)),
        TypeKind::Name => Family::Text(text::Limit::Name),
        TypeKind::SingleByte => Family::Text(text::Limit::Byte),
        TypeKind::Enum(labels) => Family::Enum(sorted(labels)),
        TypeKind::Bytea => Family::Bytea,
        TypeKind::Uuid => Family::Uuid,
        TypeKind::Date => Family::Date,
        TypeKind::Time(precision) => Family::Time(*precision),
        TypeKind::TimeTz(precision) => Family::TimeTz(*precision),
        TypeKind::Timestamp(precision) => Family::Timestamp { with_zone: false, precision: *precision },
        TypeKind::TimestampTz(precision) => Family::Timestamp { with_zone: true, precision: *precision },
        TypeKind::Interval(fields) => Family::Interval(*fields),
        TypeKind::Json => Family::Json { binary: false },
        TypeKind::Jsonb => Family::Json { binary: true },
        TypeKind::Inet => Family::Network { cidr: false },
        TypeKind::Cidr => Family::Network { cidr: true },
        TypeKind::Macaddr => Family::Macaddr,
        TypeKind::Macaddr8 => Family::Macaddr8,
        TypeKind::Bit(length) => Family::Bits(bits::Limit::Exactly(*length)),
        TypeKind::Varbit(Some(most)) => Family::Bits(bits::Limit::AtMost(*most)),
        TypeKind::Varbit(None) => Family::Bits(bits::Limit::Any),
        TypeKind::Array(element) => Family::Array(Box::new(elements(ty, element, rules)?)),
        // the server's own parser decides what is well-formed
        TypeKind::Xml | TypeKind::Other => Family::Foreign,
    })
}

fn sorted(labels: &[String]) -> Box<[Box<[u8]>]> {
    let mut sorted: Vec<Box<[u8]>> = labels.iter().map(|label| label.as_bytes().into()).collect();
    sorted.sort();
    sorted.into()
}

fn elements(array: &Type, element: &Type, rules: &Rules) -> Result<array::Elements, Unsupported> {
    if let TypeKind::Array(_) = element.kind {
        let reason = "an array of arrays, which PostgreSQL does not have".to_owned();
        return Err(Unsupported { type_name: array.name.clone(), reason });
    }
    let json = matches!(element.kind, TypeKind::Json | TypeKind::Jsonb);
    Ok(array::Elements { encoder: Encoder::new(element, rules)?, oid: element.oid, json })
}
