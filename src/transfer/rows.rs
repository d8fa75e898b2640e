//! One table of the frozen source, row by row, as tuples of a binary COPY.

use super::TransferError;
use crate::crash;
use crate::digest::{CanonicalKind, RowHasher, TableDigest};
use crate::evidence::{Key, Policy, StorageClass};
use crate::schema::{Rules, TableMapping, TypeKind, quote};
use crate::transfer::encode::{Encoded, Encoder};
use rusqlite::Row;
use rusqlite::types::ValueRef;

/// What a binary COPY stream begins with: signature, flags, no extension
/// (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with.
pub(super) const TRAILER: &[u8] = &[0xff, 0xff];

/// The length word of a NULL.
const NULL: [u8; 4] = [0xff; 4];

/// How the rows of a table are asked for, and where their key stands in the answer.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    /// May be followed by `WHERE` and `ORDER BY`.
    pub(super) sql: String,
    key: Vec<(String, usize)>,
}

impl Selected {
    /// The mapped columns in order, then what the key needs besides. `NOT INDEXED` keeps the order that of the rowid, or of the
    /// primary key where there is none, so that a row's position means the same in every pass.
    pub(super) fn new(table: &TableMapping) -> Self {
        let mut columns: Vec<String> = table.columns.iter().map(|column| quote(&column.source.name)).collect();
        let key = if let Some(key) = target_key(table) {
            key
        } else if table.source.primary_key.is_empty() {
            rowid_name(table).map_or_else(Vec::new, |name| {
                columns.push(name.to_owned());
                vec![("rowid".to_owned(), columns.len() - 1)]
            })
        } else {
            let places = table.source.primary_key.iter().map(|name| (name.clone(), place(table, name, &mut columns)));
            places.collect()
        };
        let sql = format!("SELECT {} FROM {} NOT INDEXED", columns.join(", "), quote(&table.source.name));
        Self { sql, key }
    }

    /// The row's key, as in [`crate::evidence::Reject::key`].
    pub(super) fn key(&self, row: &Row<'_>) -> Key {
        let value = |place: usize| row.get_ref(place).map_or(serde_json::Value::Null, key_value);
        self.key.iter().map(|(name, place)| (name.clone(), value(*place))).collect()
    }
}

fn target_key(table: &TableMapping) -> Option<Vec<(String, usize)>> {
    let place = |name: &String| table.columns.iter().position(|column| column.target.name == *name);
    let key: Option<Vec<_>> = table.target.key.iter().map(|name| Some((name.clone(), place(name)?))).collect();
    key.filter(|key| !key.is_empty())
}

fn place(table: &TableMapping, name: &str, columns: &mut Vec<String>) -> usize {
    table.columns.iter().position(|column| column.source.name == name).unwrap_or_else(|| {
        columns.push(quote(name));
        columns.len() - 1
    })
}

/// SQLite knows the rowid by three names, each of which a column may take (<https://www.sqlite.org/rowidtable.html>).
pub(super) fn rowid_name(table: &TableMapping) -> Option<&'static str> {
    let taken = |name: &str| table.source.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| !table.source.without_rowid && !taken(name))
}

/// Integers beyond 2⁵³ are strings: JSON readers would round them.
fn key_value(value: ValueRef<'_>) -> serde_json::Value {
    const EXACT: u64 = 1 << 53;
    match value {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(number) if number.unsigned_abs() <= EXACT => number.into(),
        ValueRef::Integer(number) => number.to_string().into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(_) | ValueRef::Blob(_) => show_value(value).into(),
    }
}

/// How many characters of a value are shown.
const SHOWN: usize = 200;

/// A value, safe to print: cut, control characters escaped, blobs in hex.
pub(super) fn show_value(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(show_text(bytes)),
        ValueRef::Blob(bytes) => Some(show_blob(bytes)),
    }
}

fn show_text(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(SHOWN * 4)];
    let mut shown = String::new();
    let mut count = 0;
    for chunk in head.utf8_chunks() {
        for letter in chunk.valid().chars().take(SHOWN - count) {
            count += 1;
            if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
        }
        for byte in chunk.invalid().iter().take(SHOWN - count) {
            count += 1;
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if count >= SHOWN || head.len() < bytes.len() {
        shown.push('…');
    }
    shown
}

fn show_blob(bytes: &[u8]) -> String {
    let mut shown = "\\x".to_owned();
    for byte in bytes.iter().take(SHOWN / 2) {
        shown.push_str(&format!("{byte:02x}"));
    }
    if bytes.len() > SHOWN / 2 {
        shown.push('…');
    }
    shown
}

/// SQLite's storage class of a value.
pub(super) fn storage(value: ValueRef<'_>) -> StorageClass {
    match value {
        ValueRef::Null => StorageClass::Null,
        ValueRef::Integer(_) => StorageClass::Integer,
        ValueRef::Real(_) => StorageClass::Real,
        ValueRef::Text(_) => StorageClass::Text,
        ValueRef::Blob(_) => StorageClass::Blob,
    }
}

/// What is done about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It was appended.
    Row,
    /// The policy leaves it out.
    Skipped,
    /// A cell does not fit and the policy is to stop.
    Stopped,
    /// An integer stands in a date or time column whose epoch unit is not known.
    EpochUnknown,
}

/// A cell that does not fit.
pub(super) struct BadCell<'a> {
    pub(super) column: usize,
    pub(super) value: ValueRef<'a>,
    pub(super) reason: &'a str,
    pub(super) action: Policy,
}

/// A cell that waits for the server's own input function.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Where its tuple starts in the chunk.
    pub(super) tuple: usize,
    /// Where its length word stands.
    pub(super) at: usize,
    pub(super) column: usize,
    pub(super) key: Key,
}

/// One column's conversion.
pub(super) struct ColumnEncoder {
    encoder: Encoder,
    pub(super) canonical: CanonicalKind,
    pub(super) policy: Policy,
    not_null: bool,
    epoch_unknown: bool,
    /// A test wants it wrong: [`crash::breaks`].
    broken: bool,
    is_text: bool,
}

impl ColumnEncoder {
    /// What the policy does about a cell that does not fit; a policy that cannot be followed is `stop`.
    pub(super) fn action(&self, replaceable: bool) -> Policy {
        match self.policy {
            Policy::Null if self.not_null => Policy::Stop,
            Policy::Replace if !replaceable => Policy::Stop,
            policy => policy,
        }
    }
}

/// Encodes the rows of a table into chunks.
pub(super) struct TableEncoder {
    pub(super) columns: Vec<ColumnEncoder>,
    pub(super) selected: Selected,
    count: [u8; 2],
}

impl TableEncoder {
    /// # Errors
    /// When a column's type cannot be filled, by name.
    pub(super) fn new(table: &TableMapping, epochs_known: bool) -> Result<Self, TransferError> {
        let column = |column: &crate::schema::ColumnMapping| -> Result<ColumnEncoder, TransferError> {
            let encoder = Encoder::new(&column.target.ty, &column.rules).map_err(|unsupported| {
                TransferError::Refused(format!("{}.{}: {unsupported}", table.target.label(), column.target.name))
            })?;
            Ok(ColumnEncoder {
                encoder,
                canonical: CanonicalKind::of(&column.target.ty),
                policy: column.rules.policy,
                not_null: column.target.not_null,
                epoch_unknown: !epochs_known && wants_epoch(&column.target.ty.kind, &column.rules),
                broken: crash::breaks(&column.target.ty.name),
                is_text: is_text(&column.target.ty.kind),
            })
        };
        let columns: Vec<ColumnEncoder> = table.columns.iter().map(column).collect::<Result<_, _>>()?;
        let count = i16::try_from(columns.len())
            .map_err(|_| TransferError::Refused(format!("{}: more columns than COPY takes", table.target.label())))?;
        Ok(Self { columns, selected: Selected::new(table), count: count.to_be_bytes() })
    }

    /// Appends the row as a tuple, telling `observe` of cells that do not fit. `nulled` are columns that are to be NULL whatever
    /// they hold. A row that is not kept is appended all the same, with NULL for the cells that do not fit: the caller cuts it off.
    pub(super) fn append(
        &self,
        row: &Row<'_>,
        nulled: &[usize],
        out: &mut Vec<u8>,
        pending: &mut Vec<Pending>,
        observe: &mut dyn FnMut(BadCell<'_>),
    ) -> Result<Kept, rusqlite::Error> {
        let tuple = out.len();
        let mut kept = Kept::Row;
        out.extend_from_slice(&self.count);
        for (place, column) in self.columns.iter().enumerate() {
            let value = if nulled.contains(&place) { ValueRef::Null } else { row.get_ref(place)? };
            if column.epoch_unknown && matches!(value, ValueRef::Integer(_)) {
                return Ok(Kept::EpochUnknown);
            }
            let at = out.len();
            out.extend_from_slice(&NULL);
            let action = match column.cell(value, out) {
                Ok(Encoded::Null) => continue,
                Ok(Encoded::Value) => {
                    close(out, at);
                    continue;
                }
                Ok(Encoded::Text) => {
                    close(out, at);
                    pending.push(Pending { tuple, at, column: place, key: self.selected.key(row) });
                    continue;
                }
                Err(reason) => column.refuse(value, out, at, place, &reason, observe),
            };
            kept = kept.worse(action);
        }
        Ok(kept)
    }

    /// Adds the tuples of a finished chunk to the table's digest.
    pub(super) fn digest(
        &self,
        chunk: &[u8],
        hasher: &mut RowHasher,
        digest: &mut TableDigest,
    ) -> Result<(), TransferError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = &rest[2..];
            for column in &self.columns {
                let payload = take_cell(&mut rest);
                hasher.wire(&column.canonical, payload).map_err(|error| TransferError::Failed(error.to_string()))?;
            }
            let hash = hasher.finish();
            digest.add(hash, hash);
        }
        Ok(())
    }
}

impl ColumnEncoder {
    #[inline]
    fn cell(&self, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, String> {
        let start = out.len();
        match self.encoder.encode(value, out) {
            Ok(Encoded::Null) if self.not_null => Err("NULL, and the column is NOT NULL".to_owned()),
            Ok(encoded) => {
                if cfg!(debug_assertions) && self.broken {
                    crash::spoil(&mut out[start..], self.is_text);
                }
                Ok(encoded)
            }
            Err(misfit) if self.policy == Policy::Null && self.not_null => {
                Err(format!("{}, and NULL instead of it is not allowed: the column is NOT NULL", misfit.reason))
            }
            Err(misfit) => Err(misfit.reason),
        }
    }

    /// Follows the policy for a cell that does not fit, and says which one it was.
    fn refuse(
        &self,
        value: ValueRef<'_>,
        out: &mut Vec<u8>,
        at: usize,
        column: usize,
        reason: &str,
        observe: &mut dyn FnMut(BadCell<'_>),
    ) -> Policy {
        let replaced = self.policy == Policy::Replace
            && matches!(self.encoder.replace(value, out), Some(Encoded::Value))
            && out.len() >= at + 4;
        let action = self.action(replaced);
        if action == Policy::Replace {
            close(out, at);
        } else {
            out.truncate(at + 4);
        }
        observe(BadCell { column, value, reason, action });
        action
    }
}

impl Kept {
    fn worse(self, action: Policy) -> Self {
        match (self, action) {
            (Self::Stopped, _) | (_, Policy::Stop) => Self::Stopped,
            (Self::Skipped, _) | (_, Policy::SkipRow) => Self::Skipped,
            _ => self,
        }
    }
}

/// Whether a cell's payload is text, be it for the server's own input function.
fn is_text(kind: &TypeKind) -> bool {
    use TypeKind::{Char, Enum, Json, Jsonb, Name, Other, Text, Varchar, Xml};
    matches!(kind, Char(_) | Enum(_) | Json | Jsonb | Name | Other | Text | Varchar(_) | Xml)
}

/// Whether integers in this column need a unit that nobody has said yet.
pub(super) fn wants_epoch(kind: &TypeKind, rules: &Rules) -> bool {
    rules.epoch.is_none() && matches!(kind, TypeKind::Date | TypeKind::Timestamp(_) | TypeKind::TimestampTz(_))
}

/// Writes the length of what follows `at` into its length word.
fn close(out: &mut [u8], at: usize) {
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// The next cell of a tuple.
pub(super) fn take_cell<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (word, after) = rest.split_at(4);
    *rest = after;
    let length = usize::try_from(i32::from_be_bytes([word[0], word[1], word[2], word[3]])).ok()?;
    let (payload, after) = rest.split_at(length);
    *rest = after;
    Some(payload)
}
