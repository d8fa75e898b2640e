//! The rows that differ as the operator reads them: the third pass, which fetches their cells.

use super::VerifyError;
use super::narrow::{Differing, Differs};
use super::pass::{Shown, Table, TakesRows};
use super::row::{Fingerprint, Row, View};
use super::show;
use crate::digest::RowHash;
use crate::evidence::{CellDifference, Difference, DifferenceKind, Key};
use crate::schema::{TableMapping, Type, TypeKind};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Client;
use xxhash_rust::xxh3::xxh3_128;

/// Fetches the cells of the listed rows and tells them in the source's order, extra rows last.
pub(crate) async fn describe(
    table: &Table,
    client: &Client,
    differing: &Differing,
) -> Result<Vec<Difference>, VerifyError> {
    let of = |row: fn(&Differs) -> Option<RowHash>| {
        let wanted = differing.listed.iter().filter_map(|differs| Some((differs.key.0, row(differs)?.0)));
        Fetched { mapping: Arc::clone(&table.mapping), wanted: wanted.map(|pair| (pair, None)).collect(), met: 0 }
    };
    let (source, target) = (of(|differs| differs.source), of(|differs| differs.target));
    let (source, target, ..) = table.read(client, Shown::No, source, target).await?;
    let mut told: Vec<(usize, Difference)> = differing
        .listed
        .iter()
        .map(|differs| {
            let (mine, theirs) = (source.row(differs.key, differs.source), target.row(differs.key, differs.target));
            let place = mine.map_or(usize::MAX, |row| row.place);
            (place, difference(table, differs, mine, theirs))
        })
        .collect();
    told.sort_by_key(|(place, _)| *place);
    Ok(told.into_iter().map(|(_, difference)| difference).collect())
}

/// A cell as far as it is held: its text, and enough to tell it from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    text: Option<String>,
    hash: u128,
}

/// A row as far as it is held.
struct HeldRow {
    /// Its place among the rows of its side.
    place: usize,
    cells: Vec<Held>,
    key: Key,
}

/// Takes the cells of the wanted rows, by hash of key and row.
struct Fetched {
    mapping: Arc<TableMapping>,
    wanted: HashMap<(u128, u128), Option<HeldRow>>,
    met: usize,
}

impl TakesRows for Fetched {
    fn take(&mut self, row: &Row, fingerprint: Fingerprint) {
        self.met += 1;
        if let Some(slot @ None) = self.wanted.get_mut(&(fingerprint.key.0, fingerprint.row.0)) {
            *slot = Some(HeldRow { place: self.met, cells: held(row, &self.mapping), key: key(row, &self.mapping) });
        }
    }
}

impl Fetched {
    fn row(&self, key: RowHash, row: Option<RowHash>) -> Option<&HeldRow> {
        self.wanted.get(&(key.0, row?.0))?.as_ref()
    }
}

/// The cells of a row, in the mapping's order.
pub(crate) fn held(row: &Row, mapping: &TableMapping) -> Vec<Held> {
    let cell = |(place, ty): (usize, &Type)| match row.view(place) {
        View::Null => Held { text: None, hash: 0 },
        View::Value(bytes) => Held { text: Some(show::text(ty, bytes)), hash: xxh3_128(bytes) },
        View::Misfit { raw, reason } => Held {
            text: Some(format!("{} (cannot be converted: {reason})", String::from_utf8_lossy(raw))),
            hash: u128::MAX,
        },
    };
    mapping.columns.iter().map(|column| &column.target.ty).enumerate().map(cell).collect()
}

impl Held {
    /// As it is shown; none for NULL.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

fn difference(table: &Table, differs: &Differs, mine: Option<&HeldRow>, theirs: Option<&HeldRow>) -> Difference {
    let keyed = !table.key.is_empty();
    let columns = match (differs.kind, mine, theirs) {
        (DifferenceKind::Changed, Some(mine), Some(theirs)) => changed(&table.mapping, &mine.cells, &theirs.cells),
        (_, mine, theirs) if !keyed => whole(&table.mapping, mine, theirs),
        _ => Vec::new(),
    };
    let key = match mine.or(theirs) {
        Some(row) if keyed => row.key.clone(),
        _ => row_key(differs),
    };
    Difference { table: table.mapping.target.label(), key, kind: differs.kind, columns }
}

fn row_key(differs: &Differs) -> Key {
    let mut key = Key::new();
    key.insert("row".to_owned(), Value::from(format!("{:032x}", differs.key.0)));
    if differs.count > 1 {
        key.insert("count".to_owned(), Value::from(differs.count));
    }
    key
}

fn changed(mapping: &TableMapping, mine: &[Held], theirs: &[Held]) -> Vec<CellDifference> {
    let cells = mapping.columns.iter().zip(mine.iter().zip(theirs));
    let unequal = cells.filter(|(_, (mine, theirs))| mine.differs(theirs));
    unequal
        .map(|(column, (mine, theirs))| {
            let (source, target) = side_by_side(mine, theirs);
            CellDifference { column: column.target.name.clone(), source, target }
        })
        .collect()
}

/// Both texts; where they look the same, what tells them apart.
pub(crate) fn side_by_side(mine: &Held, theirs: &Held) -> (Option<String>, Option<String>) {
    let (source, target) = show::pair(mine.text.clone(), theirs.text.clone());
    if source == target && mine.differs(theirs) {
        let told = |text: Option<String>, hash: u128| text.map(|text| format!("{text} (hash {:08x})", hash as u32));
        return (told(source, mine.hash), told(target, theirs.hash));
    }
    (source, target)
}

/// All cells of a row that has no key to find it by.
fn whole(mapping: &TableMapping, mine: Option<&HeldRow>, theirs: Option<&HeldRow>) -> Vec<CellDifference> {
    let cell = |row: Option<&HeldRow>, place: usize| {
        row.and_then(|row| row.cells.get(place)?.text()).map(|text| show::window(text, 0))
    };
    let columns = mapping.columns.iter().enumerate();
    columns
        .map(|(place, column)| CellDifference {
            column: column.target.name.clone(),
            source: cell(mine, place),
            target: cell(theirs, place),
        })
        .collect()
}

impl Held {
    /// Whether the two are not the same value; a cell that cannot be converted equals nothing.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        self.hash != other.hash || self.text.is_none() != other.text.is_none() || self.hash == u128::MAX
    }
}

/// The key's columns and values. Integers beyond 2⁵³ are strings, as in all JSON of ours.
pub(crate) fn key(row: &Row, mapping: &TableMapping) -> Key {
    let mut key = Key::new();
    for name in &mapping.target.key {
        let place = mapping.columns.iter().position(|column| column.target.name == *name);
        if let Some(place) = place {
            key.insert(name.clone(), key_value(row.view(place), &mapping.columns[place].target.ty));
        }
    }
    key
}

fn key_value(view: View<'_>, ty: &Type) -> Value {
    const EXACT: i64 = 1 << 53;
    match (view, &ty.kind) {
        (View::Null, _) => Value::Null,
        (View::Misfit { raw, .. }, _) => Value::from(String::from_utf8_lossy(raw)),
        (View::Value(bytes), TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8) => {
            match bytes.try_into().map(i64::from_be_bytes) {
                Ok(number) if (-EXACT..=EXACT).contains(&number) => Value::from(number),
                Ok(number) => Value::from(number.to_string()),
                Err(_) => Value::Null,
            }
        }
        (View::Value(bytes), TypeKind::Bool) => Value::from(bytes != [0]),
        (View::Value(bytes), _) => Value::from(show::text(ty, bytes)),
    }
}
