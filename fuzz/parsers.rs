//! What must hold for the parsers of dates, intervals, numbers and JSON, whatever bytes they are given: shared by the fuzz targets
//! beside it and by the bounded run of `tests/parsers`.
//!
//! The encoder of `transfer` and the decoder of `verify` read the same bytes with code of their own. Neither may panic; what the encoder
//! takes is a value of its type, and the decoder reads the same one; what it refuses leaves nothing behind and has a reason.

use cutover::digest::{CanonicalKind, from_wire, show};
use cutover::evidence::IntervalUnit;
use cutover::runbook::ZonePolicy;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::{Encoded, Encoder};
use cutover::verify::decode::decode;
use rusqlite::types::ValueRef;

/// The most levels that a type's value may nest in what is tried: deeper is slow and proves no more.
const LONGEST: usize = 4_096;

/// Dates, times and moments, with and without zone, and of each precision's kind.
pub fn moments(data: &[u8]) {
    let kinds = [
        TypeKind::Date,
        TypeKind::Time(None),
        TypeKind::Time(Some(0)),
        TypeKind::TimeTz(None),
        TypeKind::Timestamp(None),
        TypeKind::Timestamp(Some(3)),
        TypeKind::TimestampTz(None),
        TypeKind::TimestampTz(Some(0)),
    ];
    for zone in [ZonePolicy::Utc, ZonePolicy::AsWritten, ZonePolicy::Refuse] {
        for unit in IntervalUnit::ALL {
            hold(&kinds, &Rules { epoch: Some(unit), zone, ..Rules::default() }, data);
        }
    }
}

/// Intervals: Django's, PostgreSQL's and ISO 8601's texts, and integers in each unit.
pub fn intervals(data: &[u8]) {
    let fields = |precision, range| TypeKind::Interval(IntervalFields { precision, range });
    let kinds = [fields(None, None), fields(Some(2), None), fields(None, Some(1 << 3))];
    for unit in IntervalUnit::ALL {
        hold(&kinds, &Rules { unit: Some(unit), ..Rules::default() }, data);
    }
}

/// Integers, floating point and decimal numbers, bounded and not.
pub fn numerics(data: &[u8]) {
    let kinds = [
        TypeKind::Bool,
        TypeKind::Int2,
        TypeKind::Int4,
        TypeKind::Int8,
        TypeKind::Float4,
        TypeKind::Float8,
        TypeKind::Numeric(None),
        TypeKind::Numeric(Some((12, 4))),
        TypeKind::Numeric(Some((5, -3))),
        TypeKind::Numeric(Some((3, 7))),
    ];
    hold(&kinds, &Rules::default(), data);
}

/// JSON as text and as value, and arrays out of JSON.
pub fn json(data: &[u8]) {
    let array = |kind, oid| TypeKind::Array(Box::new(Type { oid, name: String::new(), kind, domain: false }));
    let kinds = [
        TypeKind::Json,
        TypeKind::Jsonb,
        array(TypeKind::Int4, 23),
        array(TypeKind::Text, 25),
        array(TypeKind::Jsonb, 3802),
    ];
    hold(&kinds, &Rules::default(), data);
}

/// Takes any bytes.
pub type Parser = fn(&[u8]);

/// All of them, by the name of the fuzz target.
pub const PARSERS: [(&str, Parser); 4] =
    [("moments", moments), ("intervals", intervals), ("numerics", numerics), ("json", json)];

/// The bytes as every storage class that they can be.
fn hold(kinds: &[TypeKind], rules: &Rules, data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    for kind in kinds {
        let ty = Type { oid: 0, name: String::new(), kind: kind.clone(), domain: false };
        for value in [ValueRef::Text(data), ValueRef::Blob(data)] {
            agree(&ty, rules, value);
        }
        if let Some(word) = data.first_chunk::<8>() {
            agree(&ty, rules, ValueRef::Integer(i64::from_le_bytes(*word)));
            let real = f64::from_le_bytes(*word);
            // SQLite stores NaN as NULL.
            if !real.is_nan() {
                agree(&ty, rules, ValueRef::Real(real));
            }
        }
    }
}

fn agree(ty: &Type, rules: &Rules, value: ValueRef<'_>) {
    let Ok(encoder) = Encoder::new(ty, rules) else { return };
    let mut payload = b"before".to_vec();
    let (mut sent, mut read) = (Vec::new(), b"before".to_vec());
    let encoded = encoder.encode(value, &mut payload);
    let decoded = decode(value, ty, rules, &mut read);
    if decoded.is_err() {
        assert_eq!(read, b"before", "a refused cell leaves nothing behind");
    }
    match encoded {
        Ok(Encoded::Value) => {
            let wire = from_wire(&CanonicalKind::of(ty), &payload[6..], &mut sent);
            assert!(wire.is_ok(), "what was encoded is no value of {:?}: {value:?}", ty.kind);
            let _ = show(ty, &payload[6..]);
            assert_eq!(decoded.as_ref(), Ok(&true), "{value:?} under {:?}, {rules:?}", ty.kind);
            assert_eq!(sent, read[6..], "{value:?} under {:?}, {rules:?}", ty.kind);
        }
        Ok(Encoded::Null | Encoded::Text) => {}
        Err(misfit) => {
            assert_eq!(payload, b"before", "a refused cell leaves nothing behind");
            assert!(!misfit.reason.is_empty());
        }
    }
    payload.clear();
    encoder.replace(value, &mut payload);
}
