//! Which rows are worth a look first: those in which a conversion is most likely to have gone wrong.

use crate::schema::{TableMapping, Type, TypeKind};
use crate::verify::{Row, View};

/// Kinds of risk, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    Unconvertible,
    NegativeInterval,
    HugeInterval,
    BoundaryDate,
    NonAscii,
    Deepest,
    Longest,
    Largest,
    Smallest,
    Blob,
    Empty,
    Null,
}

/// The riskiest row of one kind in one column.
#[derive(Clone, Debug)]
struct Best {
    risk: Risk,
    column: usize,
    score: i128,
    hash: u128,
    because: String,
}

/// Looks at every row once and keeps, per column and kind of risk, the one that has most of it.
pub(super) struct Risks<'a> {
    table: &'a TableMapping,
    best: Vec<Best>,
}

impl<'a> Risks<'a> {
    pub(super) fn of(table: &'a TableMapping) -> Self {
        Self { table, best: Vec::new() }
    }

    /// A row, and its key's hash, which is made only where it is needed.
    pub(super) fn look(&mut self, row: &Row, hash: &mut dyn FnMut() -> u128) {
        for (place, column) in self.table.columns.iter().enumerate() {
            let ty = &column.target.ty;
            each_risk(row.view(place), ty, &mut |risk, score| self.note(risk, place, score, hash));
        }
    }

    /// At most `limit` rows, the worst kinds first; a row that is picked twice says both reasons.
    pub(super) fn ranked(mut self, limit: usize) -> Vec<(u128, String)> {
        self.best.sort_by_key(|best| (best.risk, best.column));
        let mut rows: Vec<(u128, String)> = Vec::new();
        for best in &self.best {
            if let Some(place) = rows.iter().position(|(hash, _)| *hash == best.hash) {
                let because = &mut rows[place].1;
                if because.len() < 60 {
                    because.push_str(", ");
                    because.push_str(&best.because);
                }
            } else if rows.len() < limit {
                rows.push((best.hash, best.because.clone()));
            }
        }
        rows
    }

    fn note(&mut self, risk: Risk, column: usize, score: i128, hash: &mut dyn FnMut() -> u128) {
        let known = self.best.iter_mut().find(|best| best.risk == risk && best.column == column);
        match known {
            Some(best) if best.score < score => (best.score, best.hash) = (score, hash()),
            Some(_) => {}
            None => {
                let because = format!("{} {}", risk.word(), self.table.columns[column].target.name);
                self.best.push(Best { risk, column, score, hash: hash(), because });
            }
        }
    }
}

impl Risk {
    const fn word(self) -> &'static str {
        match self {
            Self::Unconvertible => "cannot convert",
            Self::NegativeInterval => "negative",
            Self::HugeInterval => "huge",
            Self::BoundaryDate => "boundary date",
            Self::NonAscii => "non-ASCII",
            Self::Deepest => "deepest",
            Self::Longest => "longest",
            Self::Largest => "largest",
            Self::Smallest => "smallest",
            Self::Blob => "bytes in",
            Self::Empty => "empty",
            Self::Null => "null",
        }
    }
}

/// What a cell risks, each with how much of it.
fn each_risk(view: View<'_>, ty: &Type, note: &mut dyn FnMut(Risk, i128)) {
    match view {
        View::Null => note(Risk::Null, 0),
        View::Misfit { .. } => note(Risk::Unconvertible, 0),
        View::Value(bytes) => value(bytes, ty, note),
    }
}

fn value(bytes: &[u8], ty: &Type, note: &mut dyn FnMut(Risk, i128)) {
    let length = bytes.len() as i128;
    if let Some(number) = order(bytes, ty) {
        note(Risk::Largest, number);
        note(Risk::Smallest, -number);
        special(number, ty, note);
        return;
    }
    match &ty.kind {
        TypeKind::Bool | TypeKind::Uuid | TypeKind::Enum(_) => {}
        TypeKind::Bytea => note(Risk::Blob, length),
        TypeKind::Json | TypeKind::Jsonb => {
            note(Risk::Deepest, depth(bytes));
            note(Risk::Longest, length);
        }
        _ if bytes.is_empty() => note(Risk::Empty, 0),
        _ => {
            note(Risk::Longest, length);
            let foreign = bytes.iter().filter(|byte| !matches!(byte, b' '..=b'~')).count();
            if foreign > 0 {
                note(Risk::NonAscii, foreign as i128);
            }
        }
    }
}

const YEAR: i128 = 365 * 86_400_000_000;

/// Intervals below zero or beyond ten years; dates outside of 1970 to 2100.
fn special(number: i128, ty: &Type, note: &mut dyn FnMut(Risk, i128)) {
    let micros = match ty.kind {
        TypeKind::Interval(_) => {
            if number < 0 {
                note(Risk::NegativeInterval, -number);
            }
            if number.abs() > 10 * YEAR {
                note(Risk::HugeInterval, number.abs());
            }
            return;
        }
        TypeKind::Date => number * 86_400_000_000,
        TypeKind::Timestamp(_) | TypeKind::TimestampTz(_) => number,
        _ => return,
    };
    if !(-30 * YEAR..100 * YEAR).contains(&micros) {
        note(Risk::BoundaryDate, micros.abs());
    }
}

/// A value as a number to compare by, where its type has an order of that kind.
pub(super) fn order(bytes: &[u8], ty: &Type) -> Option<i128> {
    match ty.kind {
        TypeKind::Int2
        | TypeKind::Int4
        | TypeKind::Int8
        | TypeKind::Time(_)
        | TypeKind::Timestamp(_)
        | TypeKind::TimestampTz(_) => Some(i128::from(i64::from_be_bytes(bytes.try_into().ok()?))),
        TypeKind::Date => Some(i128::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        TypeKind::Interval(_) => {
            let (months, micros) = bytes.split_first_chunk::<4>()?;
            let months = i128::from(i32::from_be_bytes(*months));
            Some(months * 30 * 86_400_000_000 + i128::from_be_bytes(micros.try_into().ok()?))
        }
        _ => None,
    }
}

/// How deep the brackets of a JSON text, or of its canonical form, are nested; strings are not looked into.
fn depth(bytes: &[u8]) -> i128 {
    let (mut open, mut deepest) = (0_i128, 0_i128);
    for byte in bytes {
        match byte {
            b'{' | b'[' | b'o' | b'a' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' => open -= 1,
            _ => {}
        }
    }
    deepest
}
