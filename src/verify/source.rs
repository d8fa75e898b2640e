//! The source's rows, decoded.

use super::allowed::{AllowedRow, AllowedTable};
use super::decode::{self, Misfit};
use super::foreign;
use super::pace::Pace;
use super::row::{LARGE, Row};
use super::{Allowed, VerifyError};
use crate::evidence::Key;
use crate::schema::{ColumnMapping, TableMapping, Type, TypeKind, quote};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use serde_json::Value;
use std::path::Path;

/// One table of the frozen source.
pub(crate) struct SourceRows<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
    pub(crate) table: &'a TableMapping,
    pub(crate) allowed: &'a Allowed,
}

/// What a pass over the source met besides rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// Rows that are there.
    pub(crate) rows: u64,
    /// Rows that a policy left out.
    pub(crate) skipped: u64,
    /// Cells that a policy changed.
    pub(crate) changed: u64,
}

impl SourceRows<'_> {
    /// Opens a frozen copy.
    pub(crate) fn open(path: &Path) -> Result<Connection, VerifyError> {
        crate::connect::sqlite::open_frozen(path).map_err(|error| VerifyError::Source {
            path: path.to_owned(),
            what: "the database".to_owned(),
            reason: error.to_string(),
        })
    }

    /// How many rows the table has.
    pub(crate) fn count(&self) -> Result<u64, VerifyError> {
        let sql = format!("SELECT count(*) FROM {}", quote(&self.table.source.name));
        let count = self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs).map_err(|error| self.failed(&error))
    }

    /// Hands every row to `take`, as the target has to hold it. Rows that a policy left out are not handed over.
    pub(crate) fn each(&self, pace: &mut Pace<'_>, take: &mut dyn FnMut(&Row)) -> Result<Met, VerifyError> {
        self.some("", [], &mut || pace.breathe(), take)
    }

    /// The same for the rows that follow `clause` (`WHERE …`, `ORDER BY …`) selects.
    pub(crate) fn some(
        &self,
        clause: &str,
        parameters: impl Params,
        breathe: &mut dyn FnMut() -> Result<(), VerifyError>,
        take: &mut dyn FnMut(&Row),
    ) -> Result<Met, VerifyError> {
        let allowed = self.allowed.table(&self.table.target.label());
        let lookup = Lookup::of(self.table, allowed);
        let sql = format!("SELECT {} FROM {} {clause}", lookup.selection, quote(&self.table.source.name));
        let mut statement = self.connection.prepare(&sql).map_err(|error| self.failed(&error))?;
        let mut rows = statement.query(parameters).map_err(|error| self.failed(&error))?;
        let mut met = Met::default();
        let mut spare = Row::default();
        while let Some(read) = rows.next().map_err(|error| self.failed(&error))? {
            breathe()?;
            met.rows += 1;
            let exception = allowed.and_then(|allowed| lookup.find(allowed, read));
            if exception.is_some_and(|exception| exception.skipped) {
                met.skipped += 1;
                continue;
            }
            let mut row = spare.emptied();
            for (place, column) in self.table.columns.iter().enumerate() {
                let value = read.get_ref(place).map_err(|error| self.failed(&error))?;
                met.changed += u64::from(put(&mut row, column, value, exception));
            }
            take(&row);
            spare = row.emptied();
        }
        Ok(met)
    }

    fn failed(&self, error: &rusqlite::Error) -> VerifyError {
        VerifyError::Source {
            path: self.path.to_owned(),
            what: self.table.source.name.clone(),
            reason: error.to_string(),
        }
    }
}

/// Adds a cell to the row; whether a policy changed it.
fn put<'r>(row: &mut Row<'r>, column: &ColumnMapping, value: ValueRef<'r>, exception: Option<&AllowedRow>) -> bool {
    let named = |list: &[String]| list.iter().any(|name| *name == column.target.name || *name == column.source.name);
    if exception.is_some_and(|exception| named(&exception.nulls)) {
        row.null();
        return true;
    }
    let replaced =
        exception.filter(|exception| named(&exception.replaced)).and_then(|_| mended(value, &column.target.ty));
    if replaced.is_none()
        && is_large(value)
        && let Some(Ok(bytes)) = decode::as_it_stands(value, &column.target.ty)
    {
        row.lent(bytes);
        return false;
    }
    let wanted = replaced.as_ref().map_or(value, |text| ValueRef::Text(text.as_bytes()));
    if let Err(Misfit { reason }) = row.cell(|out| canonical(wanted, column, out)) {
        row.misfit(&decode::raw(value), reason);
    }
    replaced.is_some()
}

fn is_large(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(bytes) | ValueRef::Blob(bytes) if bytes.len() >= LARGE)
}

fn canonical(value: ValueRef<'_>, column: &ColumnMapping, out: &mut Vec<u8>) -> Result<bool, Misfit> {
    if column.target.ty.kind.is_for_server() {
        return foreign::text(value, &column.target.ty, out);
    }
    decode::decode(value, &column.target.ty, &column.rules, out)
}

/// What policy `replace` makes of a text: valid UTF-8 without NUL, cut to the column's length.
fn mended(value: ValueRef<'_>, ty: &Type) -> Option<String> {
    let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { return None };
    let whole = String::from_utf8_lossy(bytes).replace('\0', "");
    let characters = |most: u32| whole.chars().take(most as usize).collect::<String>();
    Some(match &ty.kind {
        TypeKind::Varchar(Some(most)) | TypeKind::Char(most) => characters(*most),
        TypeKind::Name => within(&whole, 63),
        TypeKind::SingleByte => within(&whole, 1),
        TypeKind::Json | TypeKind::Jsonb => mended_escapes(&whole),
        _ => whole,
    })
}

/// As many whole characters as so many bytes hold.
fn within(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}

/// JSON text without `\u0000`, and with U+FFFD for each half of a surrogate pair that stands alone.
fn mended_escapes(text: &str) -> String {
    let code = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let (put, length) = match (code(rest), rest.get(6..).and_then(code)) {
            (Some(0), _) => ("", 6),
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (&rest[..12], 12),
            (Some(0xD800..=0xDFFF), _) => ("\\ufffd", 6),
            _ => {
                let length = 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                (&rest[..length], length)
            }
        };
        mended.push_str(put);
        rest = &rest[length..];
    }
    mended.push_str(rest);
    mended
}

/// Where the values of a reject's key stand in the selected columns.
struct Lookup {
    selection: String,
    /// For each way in which keys are written: name and place.
    shapes: Vec<Vec<(String, usize)>>,
}

impl Lookup {
    fn of(table: &TableMapping, allowed: Option<&AllowedTable>) -> Self {
        let mut selected: Vec<String> = table.columns.iter().map(|column| quote(&column.source.name)).collect();
        let mut shapes = Vec::new();
        for shape in allowed.into_iter().flat_map(|allowed| &allowed.shapes) {
            let mut places = Vec::new();
            for name in shape {
                places.push((name.clone(), selected.len()));
                selected.push(source_name(table, name));
            }
            shapes.push(places);
        }
        Self { selection: selected.join(", "), shapes }
    }

    fn find<'a>(&self, allowed: &'a AllowedTable, read: &rusqlite::Row<'_>) -> Option<&'a AllowedRow> {
        self.shapes.iter().find_map(|places| {
            let mut key = Key::new();
            for (name, place) in places {
                key.insert(name.clone(), plain(read.get_ref(*place).ok()?));
            }
            allowed.row(&key)
        })
    }
}

/// A key's column in the source; one of the three names of the rowid where no column is called so.
fn source_name(table: &TableMapping, name: &str) -> String {
    let mapped = table.columns.iter().find(|column| column.target.name == name);
    let own = mapped.map(|column| &column.source.name);
    let known = own.or_else(|| table.source.columns.iter().map(|column| &column.name).find(|own| *own == name));
    let rowid = if matches!(name, "_rowid_" | "oid") { name } else { "rowid" };
    known.map_or_else(|| rowid.to_owned(), |name| quote(name))
}

/// A key's value as rejects write it: texts are cut to 200 characters with control characters escaped, blobs to 100 bytes.
fn plain(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => Value::from(number),
        ValueRef::Text(bytes) => Value::from(shown(bytes)),
        ValueRef::Blob(bytes) => {
            let digits: String = bytes.iter().take(100).map(|byte| format!("{byte:02x}")).collect();
            Value::from(format!("\\x{digits}{}", if bytes.len() > 100 { "…" } else { "" }))
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let mut left = 200;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars().take(left) {
            left -= 1;
            match character.is_control() {
                true => shown.extend(character.escape_default()),
                false => shown.push(character),
            }
        }
        for byte in chunk.invalid().iter().take(left) {
            left -= 1;
            shown.push_str(&format!("\\x{byte:02x}"));
        }
        if left == 0 {
            shown.push('…');
            break;
        }
    }
    shown
}
