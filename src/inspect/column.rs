//! The distribution of one column on both sides, in the same buckets.

use super::bucket::{self, Place};
use super::risk::order;
use super::sides::Sides;
use super::{ColumnView, Distribution};
use crate::schema::{TableMapping, Type};
use crate::verify::{Row, View, show_text, window};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

pub(super) async fn answer(sides: &Sides, table: &str, column: &str) -> Result<ColumnView, String> {
    let whole = sides.table(table)?;
    let mapped = whole.columns.iter().find(|own| own.target.name == column);
    let mapped = mapped.ok_or_else(|| format!("{column} is not among the columns of {table} that are compared"))?;
    let only = TableMapping { columns: vec![mapped.clone()], ..whole.clone() };
    let ty = &mapped.target.ty;
    let (mut mine, mut theirs) = (Gathered::of(ty), Gathered::of(ty));
    sides.read_source(&only, &|| false, &mut |row| mine.take(row))?;
    sides.read_target(&only, "", &mut |row| theirs.take(row)).await?;
    let places = bucket::merged(mine.places.keys().chain(theirs.places.keys()).copied(), ty);
    Ok(ColumnView {
        table: table.to_owned(),
        column: column.to_owned(),
        source: mine.distribution(&places),
        target: theirs.distribution(&places),
    })
}

/// What one side of the column has.
struct Gathered<'a> {
    ty: &'a Type,
    rows: u64,
    nulls: u64,
    distinct: HashSet<u64>,
    least: Option<Vec<u8>>,
    most: Option<Vec<u8>>,
    places: BTreeMap<Place, u64>,
}

impl<'a> Gathered<'a> {
    fn of(ty: &'a Type) -> Self {
        Self { ty, rows: 0, nulls: 0, distinct: HashSet::new(), least: None, most: None, places: BTreeMap::new() }
    }

    fn take(&mut self, row: &Row) {
        self.rows += 1;
        match row.view(0) {
            View::Null => self.nulls += 1,
            View::Misfit { .. } => *self.places.entry(Place::UNCONVERTIBLE).or_default() += 1,
            View::Value(bytes) => self.value(bytes),
        }
    }

    fn value(&mut self, bytes: &[u8]) {
        if (self.distinct.len() as u64) < Distribution::DISTINCT {
            self.distinct.insert(xxh3_64(bytes));
        }
        *self.places.entry(bucket::place(bytes, self.ty)).or_default() += 1;
        let kept = &bytes[..bytes.len().min(4_096)];
        if self.least.as_deref().is_none_or(|least| compare(kept, least, self.ty).is_lt()) {
            self.least = Some(kept.to_vec());
        }
        if self.most.as_deref().is_none_or(|most| compare(kept, most, self.ty).is_gt()) {
            self.most = Some(kept.to_vec());
        }
    }

    fn distribution(&self, places: &[(String, Vec<Place>)]) -> Distribution {
        let count = |group: &[Place]| group.iter().filter_map(|place| self.places.get(place)).sum();
        let shown = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| window(&show_text(self.ty, bytes), 0));
        Distribution {
            rows: self.rows,
            nulls: self.nulls,
            distinct: self.distinct.len() as u64,
            min: shown(&self.least),
            max: shown(&self.most),
            buckets: places.iter().map(|(label, group)| (label.clone(), count(group))).collect(),
        }
    }
}

/// By number where the type has such an order, else by bytes.
fn compare(a: &[u8], b: &[u8], ty: &Type) -> Ordering {
    match (order(a, ty), order(b, ty)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => match (bucket::decimal(a, ty), bucket::decimal(b, ty)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        },
    }
}
