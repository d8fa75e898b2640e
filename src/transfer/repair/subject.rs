//! One interval column that may have been loaded in the wrong unit, and the SQL that tells its values apart. Pure.
//!
//! In every statement `t` is the target's table, `s` the staged source rows, `v` what bounds mode computes from a value.

use crate::evidence::IntervalUnit;
use crate::schema::{TargetColumn, TargetTable, quote};
use crate::transfer::stage::only;

/// Microseconds of a day.
const DAY: &str = "86400000000";

/// One interval column that is looked at.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) table: TargetTable,
    pub(super) column: TargetColumn,
    /// The columns by which rows are told apart; empty where the table has no key.
    pub(super) key: Vec<TargetColumn>,
    /// The unit that the numbers are in.
    pub(super) unit: IntervalUnit,
    /// The wrong unit, where the operator says it.
    pub(super) said: Option<IntervalUnit>,
    /// The operator's bounds, as SQL over `t`.
    pub(super) condition: Option<String>,
    /// The source's rows, where there is a source.
    pub(super) staged: Option<Staged>,
    /// Tables of earlier repairs that keep rows of this column.
    pub(super) earlier: Vec<String>,
}

/// Where the source's values of a column stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    /// The temporary table.
    pub(super) table: String,
    /// The column's place among the table's interval columns.
    pub(super) place: usize,
}

impl Staged {
    /// The right value.
    pub(super) fn right(&self) -> String {
        format!("r{}", self.place)
    }

    /// The value that a wrong unit makes; NULL where it makes none, or the right one, or nothing.
    pub(super) fn wrong(&self, unit: IntervalUnit) -> String {
        format!("w{}_{}", self.place, unit.name())
    }
}

/// The units that a number in `unit` can have been taken for.
pub(super) fn others(unit: IntervalUnit) -> [IntervalUnit; 3] {
    let [s, ms, us, ns] = IntervalUnit::ALL;
    match unit {
        IntervalUnit::S => [ms, us, ns],
        IntervalUnit::Ms => [s, us, ns],
        IntervalUnit::Us => [s, ms, ns],
        IntervalUnit::Ns => [s, ms, us],
    }
}

/// Names of the key's columns in staged and kept tables.
pub(super) fn key_name(place: usize) -> String {
    format!("k{place}")
}

impl Subject {
    /// `schema.table.column`.
    pub(super) fn label(&self) -> String {
        format!("{}.{}", self.table.label(), self.column.name)
    }

    /// The value that stands there.
    pub(super) fn value(&self) -> String {
        format!("t.{}", quote(&self.column.name))
    }

    /// Whether anything can be repaired: against the source, or within bounds.
    pub(super) fn is_bounded(&self) -> bool {
        self.staged.is_some() || self.condition.is_some()
    }

    /// The units to look for.
    pub(super) fn candidates(&self) -> Vec<IntervalUnit> {
        self.said.map_or_else(|| others(self.unit).to_vec(), |unit| vec![unit])
    }

    /// `t` and what it is compared with.
    pub(super) fn from(&self, wrong: IntervalUnit) -> String {
        let table = only(&self.table);
        match &self.staged {
            Some(staged) => format!("{table} t JOIN {} s ON {}", staged.table, self.same_key("s")),
            None => format!("{table} t {}", self.computed(wrong)),
        }
    }

    /// Rows of `t` and `other` with the same key.
    pub(super) fn same_key(&self, other: &str) -> String {
        let pairs = self.key.iter().enumerate();
        let same = pairs.map(|(place, column)| format!("t.{} = {other}.{}", quote(&column.name), key_name(place)));
        same.collect::<Vec<_>>().join(" AND ")
    }

    /// The whole value in microseconds without the months, exact on every version, and what it becomes.
    fn computed(&self, wrong: IntervalUnit) -> String {
        let value = self.value();
        format!(
            "CROSS JOIN LATERAL (SELECT (('x' || encode(substr(interval_send({value}), 1, 8), 'hex'))::bit(64)::bigint)::numeric
                 + extract(day FROM {value})::numeric * {DAY} AS total,
               extract(year FROM {value}) = 0 AND extract(month FROM {value}) = 0 AS plain) v
             CROSS JOIN LATERAL (SELECT round(v.total * {} / {}) AS micros) m
             CROSS JOIN LATERAL (SELECT mod(mod(m.micros, {DAY}) + {DAY}, {DAY}) AS clock) c",
            nanos(self.unit),
            nanos(wrong)
        )
    }

    /// Whether the value is exactly what `wrong` makes of the number. Never NULL.
    pub(super) fn is_wrong(&self, wrong: IntervalUnit) -> String {
        let value = self.value();
        match &self.staged {
            Some(staged) => format!(
                "coalesce({value} = s.{} AND extract(year FROM {value}) = 0 AND extract(month FROM {value}) = 0, false)",
                staged.wrong(wrong)
            ),
            None => format!(
                "coalesce(v.plain AND v.total <> 0 AND mod(v.total, {}) = 0, false)",
                (nanos(wrong) / 1_000).max(1)
            ),
        }
    }

    /// Whether the value is right. Without a source: whether no unit changes it. Never NULL.
    pub(super) fn is_right(&self) -> String {
        let value = self.value();
        match &self.staged {
            Some(staged) => format!("({value} IS NOT DISTINCT FROM s.{})", staged.right()),
            None => format!("({value} IS NULL OR {value} = interval '0')"),
        }
    }

    /// What belongs there.
    pub(super) fn right(&self) -> String {
        match &self.staged {
            Some(staged) => format!("s.{}", staged.right()),
            None => format!(
                "(div(m.micros - c.clock, {DAY})::int * interval '1 day' + c.clock::bigint * interval '1 microsecond')::{}",
                self.column.ty.name
            ),
        }
    }

    /// Whether the row is within the operator's bounds. Never NULL.
    pub(super) fn is_within(&self) -> String {
        self.condition.as_ref().map_or_else(|| "true".to_owned(), |condition| format!("coalesce({condition}, false)"))
    }

    /// Whether an earlier repair wrote the row.
    pub(super) fn is_earlier(&self) -> String {
        if self.earlier.is_empty() {
            return "false".to_owned();
        }
        let kept = |table: &String| format!("EXISTS (SELECT FROM {table} e WHERE {})", self.same_key("e"));
        format!("({})", self.earlier.iter().map(kept).collect::<Vec<_>>().join(" OR "))
    }

    /// The key's columns under their short names.
    pub(super) fn key_columns(&self) -> String {
        let columns = self.key.iter().enumerate();
        columns
            .map(|(place, column)| format!("t.{} AS {}", quote(&column.name), key_name(place)))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The rows to repair: key, former value, new value.
    pub(super) fn wrong_rows(&self, wrong: IntervalUnit) -> String {
        format!(
            "SELECT {}, {} AS before, {} AS after FROM {} WHERE {} AND {} AND NOT {}",
            self.key_columns(),
            self.value(),
            self.right(),
            self.from(wrong),
            self.is_within(),
            self.is_wrong(wrong),
            self.is_earlier()
        )
    }

    /// Writes one of a kept table's values into its rows.
    pub(super) fn update(&self, kept: &str, value: &str) -> String {
        format!(
            "UPDATE {} t SET {} = h.{value} FROM {kept} h WHERE {}",
            only(&self.table),
            quote(&self.column.name),
            self.same_key("h")
        )
    }

    /// A JSON object of the key, from a relation with the key's short names.
    pub(super) fn key_object(&self, relation: &str) -> String {
        let columns = self.key.iter().enumerate();
        let pairs = columns.map(|(place, column)| {
            format!("{}, {relation}.{}", crate::transfer::session::literal(&column.name), key_name(place))
        });
        format!("json_build_object({})::text", pairs.collect::<Vec<_>>().join(", "))
    }
}

/// Nanoseconds of a unit.
const fn nanos(unit: IntervalUnit) -> u64 {
    match unit {
        IntervalUnit::S => 1_000_000_000,
        IntervalUnit::Ms => 1_000_000,
        IntervalUnit::Us => 1_000,
        IntervalUnit::Ns => 1,
    }
}
