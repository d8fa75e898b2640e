//! Where one chunk of a table ends and the next begins: ranges of the rowid, or of the primary key where there is none.
//!
//! The source is frozen and the size of a chunk is in the ledger, so that a resumed copy cuts in the same places.

use crate::schema::{TableMapping, quote};
use crate::transfer::part::Part;
use crate::transfer::rows::{Selected, rowid_name, show_value};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// What a chunk holds of the source, about: it goes through in some tenths of a second, so that a pause between two is soon.
const BYTES: f64 = 12e6;

/// Rows of a chunk, however wide or narrow they are.
const ROWS: std::ops::RangeInclusive<u64> = 500..=200_000;

/// How many places of a table are looked at for the width of its rows, and how many rows there.
const PLACES: i64 = 4;
const SAMPLE: i64 = 32;

/// How many rows a chunk of this table holds; `most` is the operator's word.
pub(in crate::transfer) fn chunk_rows(
    frozen: &Connection,
    table: &TableMapping,
    rows: u64,
    most: Option<u64>,
) -> rusqlite::Result<u64> {
    if key(frozen, table)?.is_empty() {
        return Ok(rows.max(1));
    }
    if let Some(most) = most {
        return Ok(most.max(1));
    }
    if rows <= *ROWS.start() {
        return Ok(*ROWS.start());
    }
    let wide = (BYTES / width(frozen, table)?) as u64;
    Ok(wide.clamp(*ROWS.start(), *ROWS.end()))
}

/// Bytes of a row on average, by a sample.
fn width(frozen: &Connection, table: &TableMapping) -> rusqlite::Result<f64> {
    let widths: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("coalesce(octet_length({}), 0)", quote(&column.source.name)))
        .collect();
    let (sum, name) = (if widths.is_empty() { "0".to_owned() } else { widths.join(" + ") }, quote(&table.source.name));
    let mean = |filter: &str, from: Option<i64>| -> rusqlite::Result<Option<f64>> {
        let sql = format!("SELECT avg(w) FROM (SELECT {sum} AS w FROM {name} NOT INDEXED {filter} LIMIT {SAMPLE})");
        frozen.query_row(&sql, params_from_iter(from), |row| row.get(0))
    };
    let Some(rowid) = rowid_name(table) else { return Ok(mean("", None)?.unwrap_or_default().max(1.0)) };
    let ends = |end: &str| -> rusqlite::Result<Option<i64>> {
        frozen.query_row(&format!("SELECT {end}({rowid}) FROM {name}"), [], |row| row.get(0))
    };
    let (low, high) = (ends("min")?.unwrap_or_default(), ends("max")?.unwrap_or_default());
    let step = high.saturating_sub(low) / PLACES;
    let mut means = Vec::new();
    for place in 0..PLACES {
        means.extend(mean(&format!("WHERE {rowid} >= ?1"), Some(low.saturating_add(step.saturating_mul(place))))?);
    }
    Ok((means.iter().sum::<f64>() / means.len().max(1) as f64).max(1.0))
}

/// A chunk of a table.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// The table's place in the mapping.
    pub(super) table: usize,
    /// From 0.
    pub(super) number: u64,
    /// Its rows.
    pub(super) part: Part,
    /// The places of its rows in the table.
    pub(super) places: std::ops::Range<u64>,
    /// The key of its last row, as it is shown; empty for the last chunk.
    pub(super) through: String,
    /// Whether it is all of its table.
    pub(super) whole: bool,
}

/// Cuts one table, chunk after chunk.
#[derive(Debug)]
pub(super) struct Cut {
    table: usize,
    size: u64,
    selected: Selected,
    source: String,
    /// The columns of the key in its order; none when the table cannot be cut.
    key: Vec<String>,
    after: Vec<Value>,
    next: u64,
    ended: bool,
}

impl Cut {
    /// `size` rows a chunk.
    pub(super) fn new(frozen: &Connection, number: usize, table: &TableMapping, size: u64) -> rusqlite::Result<Self> {
        Ok(Self {
            table: number,
            size: size.max(1),
            selected: Selected::new(table),
            source: quote(&table.source.name),
            key: key(frozen, table)?,
            after: Vec::new(),
            next: 0,
            ended: false,
        })
    }

    /// Whether all chunks were handed out.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next chunk; none after the last.
    pub(super) fn next(&mut self, frozen: &Connection) -> rusqlite::Result<Option<Chunk>> {
        if self.ended {
            return Ok(None);
        }
        let number = self.next;
        let first = number.saturating_mul(self.size);
        let last = if self.key.is_empty() { None } else { self.last(frozen)? };
        self.ended = last.is_none();
        self.next += 1;
        let places = first..last.as_ref().map_or(u64::MAX, |_| first.saturating_add(self.size));
        let through = last.as_deref().map(shown).unwrap_or_default();
        let part = self.part(first, last.as_deref());
        self.after = last.unwrap_or_default();
        let whole = number == 0 && self.ended;
        Ok(Some(Chunk { table: self.table, number, part, places, through, whole }))
    }

    /// The key of the chunk's last row, if there are rows after it.
    fn last(&self, frozen: &Connection) -> rusqlite::Result<Option<Vec<Value>>> {
        let keys = self.key.join(", ");
        let after = if self.after.is_empty() { String::new() } else { format!("WHERE {}", self.bound(">", 0)) };
        let sql = format!(
            "SELECT {keys} FROM {} NOT INDEXED {after} ORDER BY {keys} LIMIT 2 OFFSET {}",
            self.source,
            self.size - 1
        );
        let mut statement = frozen.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&self.after))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let last = (0..self.key.len()).map(|place| row.get(place)).collect::<rusqlite::Result<_>>()?;
        Ok(rows.next()?.map(|_| last))
    }

    fn part(&self, first: u64, last: Option<&[Value]>) -> Part {
        let mut bounds = Vec::new();
        if !self.after.is_empty() {
            bounds.push(self.bound(">", 0));
        }
        if last.is_some() {
            bounds.push(self.bound("<=", self.after.len()));
        }
        let filter = if bounds.is_empty() { String::new() } else { format!(" WHERE {}", bounds.join(" AND ")) };
        let order = if self.key.is_empty() { String::new() } else { format!(" ORDER BY {}", self.key.join(", ")) };
        let keys = self.after.iter().chain(last.unwrap_or_default()).cloned().collect();
        Part { sql: format!("{}{filter}{order}", self.selected.sql), keys, first }
    }

    /// `(a, b) > (?1, ?2)`.
    fn bound(&self, operator: &str, before: usize) -> String {
        let places: Vec<String> = (1..=self.key.len()).map(|place| format!("?{}", before + place)).collect();
        format!("({}) {operator} ({})", self.key.join(", "), places.join(", "))
    }
}

fn shown(key: &[Value]) -> String {
    let values: Vec<String> =
        key.iter().map(|value| show_value(value.into()).unwrap_or_else(|| "NULL".to_owned())).collect();
    values.join(", ")
}

/// The columns by which a table is read in order. A table without a rowid is in the order of its primary key, which can be compared as a
/// row of values where all of it ascends by a collation that every SQLite has.
fn key(frozen: &Connection, table: &TableMapping) -> rusqlite::Result<Vec<String>> {
    if !table.source.without_rowid {
        return Ok(rowid_name(table).map(str::to_owned).into_iter().collect());
    }
    let sql = "SELECT x.name, x.\"desc\", x.coll FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x
               WHERE l.origin = 'pk' AND x.key ORDER BY x.seqno";
    let mut statement = frozen.prepare(sql)?;
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(Option<String>, bool, String)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    };
    let columns: Vec<_> = statement.query_map([&table.source.name], read)?.collect::<rusqlite::Result<_>>()?;
    // `key` also counts columns that only make the index unique; the primary key itself is the whole of it here.
    let place = |(name, descending, collation): (Option<String>, bool, String)| {
        let name = name.filter(|_| !descending)?;
        match collation.to_ascii_uppercase().as_str() {
            "BINARY" => Some(quote(&name)),
            "NOCASE" | "RTRIM" => Some(format!("{} COLLATE {collation}", quote(&name))),
            _ => None,
        }
    };
    let count = table.source.primary_key.len();
    let keys: Option<Vec<String>> = columns.into_iter().take(count).map(place).collect();
    Ok(keys.filter(|keys| keys.len() == count).unwrap_or_default())
}
