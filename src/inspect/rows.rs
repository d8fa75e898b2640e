//! Rows side by side.

use super::risk::Risks;
use super::sides::{Seen, Sides};
use super::{RowPair, RowPick, RowsView};
use crate::action::Context;
use crate::digest::RowHasher;
use crate::evidence::Key;
use crate::progress::{Control, ProgressSink};
use crate::schema::{Mapping, Rules, TableMapping, Type, TypeKind, quote};
use crate::verify::decode::decode;
use crate::verify::{Allowed, Comparison, Row, key_places, side_by_side, verify, window};
use rusqlite::types::ValueRef;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How long a fresh comparison may take when no evidence names the differing rows.
const COMPARE_WITHIN: Duration = Duration::from_secs(20);

/// A row to show: its key's hash, its key's values where they are known as text, and why.
struct Wanted {
    hash: u128,
    texts: Option<Vec<String>>,
    because: String,
}

pub(super) async fn answer(
    sides: &Sides,
    context: &Context,
    table: &str,
    pick: &RowPick,
    limit: usize,
) -> Result<RowsView, String> {
    let table = sides.table(table)?;
    let wanted = match pick {
        RowPick::Riskiest => riskiest(sides, table, limit)?,
        RowPick::Sample(seed) => sample(sides, table, *seed, limit)?,
        RowPick::Key(text) => vec![by_key(table, text)?],
        RowPick::Differing => differing(sides, context, table, limit).await?,
    };
    let source = from_source(sides, table, &wanted)?;
    let target = from_target(sides, table, &wanted, &source).await?;
    let columns = table.columns.iter().map(|column| column.target.name.clone()).collect();
    let rows = wanted.into_iter().filter_map(|wanted| pair(&wanted, &source, &target)).collect();
    Ok(RowsView { table: table.target.label(), columns, rows })
}

fn pair(wanted: &Wanted, source: &HashMap<u128, Seen>, target: &HashMap<u128, Seen>) -> Option<RowPair> {
    let (mine, theirs) = (source.get(&wanted.hash), target.get(&wanted.hash));
    let mut pair = RowPair { key: mine.or(theirs)?.key.clone(), because: wanted.because.clone(), ..RowPair::default() };
    let alone = |seen: &Seen| seen.cells.iter().map(|cell| cell.text().map(|text| window(text, 0))).collect();
    if let (Some(mine), Some(theirs)) = (mine, theirs) {
        let cells = mine.cells.iter().zip(&theirs.cells);
        pair.differing = cells.clone().enumerate().filter(|(_, (a, b))| a.differs(b)).map(|(place, _)| place).collect();
        let (left, right) = cells.map(|(mine, theirs)| side_by_side(mine, theirs)).unzip();
        (pair.source, pair.target) = (Some(left), Some(right));
    } else {
        (pair.source, pair.target) = (mine.map(alone), theirs.map(alone));
    }
    Some(pair)
}

/// The hash of a row's key, or of the row where there is no key.
struct Hashing {
    places: Vec<usize>,
    hasher: RowHasher,
}

impl Hashing {
    fn of(table: &TableMapping) -> Self {
        Self { places: key_places(table), hasher: RowHasher::new() }
    }

    fn key(&mut self, row: &Row) -> u128 {
        row.fingerprint(&self.places, &mut self.hasher).key.0
    }
}

fn riskiest(sides: &Sides, table: &TableMapping, limit: usize) -> Result<Vec<Wanted>, String> {
    let mut risks = Risks::of(table);
    let mut hashing = Hashing::of(table);
    sides.read_source(table, &|| false, &mut |row| {
        let mut hash = None;
        risks.look(row, &mut || *hash.get_or_insert_with(|| hashing.key(row)));
    })?;
    let ranked = risks.ranked(limit);
    Ok(ranked.into_iter().map(|(hash, because)| Wanted { hash, texts: None, because }).collect())
}

/// Rows at places that the seed decides.
fn sample(sides: &Sides, table: &TableMapping, seed: u64, limit: usize) -> Result<Vec<Wanted>, String> {
    let count = sides.source(table).count().map_err(|error| error.to_string())?;
    let mut state = seed;
    let mut places: Vec<u64> = (0..limit.saturating_mul(2)).map(|_| next(&mut state) % count.max(1)).collect();
    places.sort_unstable();
    places.dedup();
    places.truncate(limit);
    let last = places.last().copied().unwrap_or(0);
    let places: HashSet<u64> = places.into_iter().collect();
    let mut hashing = Hashing::of(table);
    let at = Cell::new(0);
    let mut wanted = Vec::new();
    sides.read_source(table, &|| at.get() > last, &mut |row| {
        if places.contains(&at.get()) {
            wanted.push(Wanted { hash: hashing.key(row), texts: None, because: format!("sample {seed}") });
        }
        at.set(at.get() + 1);
    })?;
    Ok(wanted)
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same rows again.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The row whose key is written as text; several columns with commas between them.
fn by_key(table: &TableMapping, text: &str) -> Result<Wanted, String> {
    let places = key_places(table);
    let texts: Vec<String> = match places.len() {
        0 => return Err(format!("{} has no key to look a row up by", table.target.label())),
        1 => vec![text.trim().to_owned()],
        _ => text.split(',').map(|part| part.trim().to_owned()).collect(),
    };
    if texts.len() != places.len() {
        let names = table.target.key.join(", ");
        return Err(format!("the key of {} is ({names}): write as many values", table.target.label()));
    }
    let hash = hash_of(table, &places, &texts)?;
    Ok(Wanted { hash, texts: Some(texts), because: "looked up".to_owned() })
}

fn hash_of(table: &TableMapping, places: &[usize], texts: &[String]) -> Result<u128, String> {
    let mut row = Row::default();
    let places_of_row: Vec<usize> = (0..texts.len()).collect();
    for (place, text) in places.iter().zip(texts) {
        let ty = &table.columns[*place].target.ty;
        let value = ValueRef::Text(text.as_bytes());
        row.cell(|out| decode(value, ty, &Rules::default(), out)).map_err(|misfit| misfit.to_string())?;
    }
    Ok(row.fingerprint(&places_of_row, &mut RowHasher::new()).key.0)
}

/// The rows that verify named; where no evidence does, what a fresh comparison of this table names.
async fn differing(
    sides: &Sides,
    context: &Context,
    table: &TableMapping,
    limit: usize,
) -> Result<Vec<Wanted>, String> {
    let label = table.target.label();
    let known: Vec<Key> = context
        .found
        .iter()
        .flat_map(|evidence| &evidence.differences)
        .filter(|difference| difference.table == label)
        .map(|difference| difference.key.clone())
        .collect();
    let keys = if known.is_empty() { compared(sides, context, table).await? } else { known };
    keys.into_iter().take(limit).map(|key| from_key(table, &key)).collect()
}

async fn compared(sides: &Sides, context: &Context, table: &TableMapping) -> Result<Vec<Key>, String> {
    let mapping = Mapping { tables: vec![table.clone()] };
    let (progress, _nobody) = ProgressSink::new();
    let (_wish, control) = Control::new();
    let comparison = Comparison {
        source: sides.path(),
        address: &context.target,
        run: &context.run,
        mapping: &mapping,
        allowed: &Allowed::default(),
        progress: &progress,
        control: &control,
    };
    let evidence = tokio::time::timeout(COMPARE_WITHIN, verify(&comparison))
        .await
        .map_err(|_| format!("comparing {} takes longer than a look may take; run verify", table.target.label()))?
        .map_err(|error| error.to_string())?;
    Ok(evidence.differences.into_iter().map(|difference| difference.key).collect())
}

fn from_key(table: &TableMapping, key: &Key) -> Result<Wanted, String> {
    let because = "differs".to_owned();
    let places = key_places(table);
    if places.is_empty() {
        let digits = key.get("row").and_then(|row| row.as_str()).unwrap_or_default();
        let hash = u128::from_str_radix(digits, 16).map_err(|error| format!("the row's digest {digits}: {error}"))?;
        return Ok(Wanted { hash, texts: None, because });
    }
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let texts: Vec<String> =
        table.target.key.iter().map(|name| key.get(name).map_or_else(String::new, plain)).collect();
    Ok(Wanted { hash: hash_of(table, &places, &texts)?, texts: Some(texts), because })
}

fn from_source(sides: &Sides, table: &TableMapping, wanted: &[Wanted]) -> Result<HashMap<u128, Seen>, String> {
    let hashes: HashSet<u128> = wanted.iter().map(|wanted| wanted.hash).collect();
    let mut hashing = Hashing::of(table);
    let mut found = HashMap::new();
    let left = Cell::new(hashes.len());
    sides.read_source(table, &|| left.get() == 0, &mut |row| {
        let hash = hashing.key(row);
        if hashes.contains(&hash) {
            found.entry(hash).or_insert_with(|| {
                left.set(left.get() - 1);
                Seen::of(row, hash, table)
            });
        }
    })?;
    Ok(found)
}

async fn from_target(
    sides: &Sides,
    table: &TableMapping,
    wanted: &[Wanted],
    source: &HashMap<u128, Seen>,
) -> Result<HashMap<u128, Seen>, String> {
    let hashes: HashSet<u128> = wanted.iter().map(|wanted| wanted.hash).collect();
    if hashes.is_empty() {
        return Ok(HashMap::new());
    }
    let clause = clause(table, wanted, source);
    let mut hashing = Hashing::of(table);
    let mut found = HashMap::new();
    let mut take = |row: &Row| {
        let hash = hashing.key(row);
        if hashes.contains(&hash) {
            found.entry(hash).or_insert_with(|| Seen::of(row, hash, table));
        }
    };
    sides.read_target(table, &clause, &mut take).await?;
    Ok(found)
}

/// The rows by their keys, so that an index serves; all rows where there is no key.
fn clause(table: &TableMapping, wanted: &[Wanted], source: &HashMap<u128, Seen>) -> String {
    let places = key_places(table);
    if places.is_empty() {
        return String::new();
    }
    let types: Vec<&Type> = places.iter().map(|place| &table.columns[*place].target.ty).collect();
    let tuples: Vec<String> = wanted
        .iter()
        .filter_map(|wanted| {
            let seen = source.get(&wanted.hash);
            let known = seen.map(|seen| texts(seen, &places)).or_else(|| wanted.texts.clone())?;
            let literals: Vec<String> = known.iter().zip(&types).map(|(text, ty)| literal(text, ty)).collect();
            Some(format!("({})", literals.join(", ")))
        })
        .collect();
    let names: Vec<String> = table.target.key.iter().map(|name| quote(name)).collect();
    if tuples.is_empty() {
        "WHERE false".to_owned()
    } else {
        format!("WHERE ({}) IN ({})", names.join(", "), tuples.join(", "))
    }
}

fn texts(seen: &Seen, places: &[usize]) -> Vec<String> {
    places.iter().map(|place| seen.cells[*place].text().unwrap_or_default().to_owned()).collect()
}

fn literal(text: &str, ty: &Type) -> String {
    // A length limit in the cast would cut the text to the limit and find another row.
    let name = match ty.kind {
        TypeKind::Varchar(_) | TypeKind::Char(_) => "text",
        _ => ty.name.as_str(),
    };
    format!("'{}'::{name}", text.replace('\'', "''"))
}
