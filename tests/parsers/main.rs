//! The bounded run of the fuzz targets (`fuzz/`): bytes that look like what the parsers read, and what is left of good texts when
//! somebody breaks them. What must hold is said in `fuzz/parsers.rs`, for both.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../encode_patterns/mod.rs"]
mod encode_patterns;
#[path = "../../fuzz/parsers.rs"]
mod parsers;

use cutover::digest::show;
use cutover::evidence::IntervalUnit;
use cutover::runbook::ZonePolicy;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::{Encoded, Encoder};
use encode_patterns::{broken, cases, runner, texts};
use proptest::prelude::*;
use rusqlite::types::ValueRef::{Blob, Integer, Real, Text};

fn ty(kind: TypeKind) -> Type {
    Type { oid: 0, name: String::new(), kind, domain: false }
}

fn array(kind: TypeKind, oid: u32) -> TypeKind {
    TypeKind::Array(Box::new(Type { oid, ..ty(kind) }))
}

fn unit(unit: IntervalUnit) -> Rules {
    Rules { unit: Some(unit), epoch: Some(unit), ..Rules::default() }
}

const INTERVAL: TypeKind = TypeKind::Interval(IntervalFields { precision: None, range: None });

fn every_kind() -> Vec<TypeKind> {
    let fields = IntervalFields { precision: Some(3), range: Some(1 << 3) };
    vec![
        TypeKind::Bool,
        TypeKind::Int2,
        TypeKind::Int4,
        TypeKind::Int8,
        TypeKind::Float4,
        TypeKind::Float8,
        TypeKind::Numeric(None),
        TypeKind::Numeric(Some((5, -3))),
        TypeKind::Numeric(Some((3, 7))),
        TypeKind::Text,
        TypeKind::Varchar(Some(3)),
        TypeKind::Char(3),
        TypeKind::Name,
        TypeKind::SingleByte,
        TypeKind::Bytea,
        TypeKind::Uuid,
        TypeKind::Date,
        TypeKind::Time(Some(0)),
        TypeKind::TimeTz(None),
        TypeKind::Timestamp(Some(3)),
        TypeKind::TimestampTz(None),
        INTERVAL,
        TypeKind::Interval(fields),
        TypeKind::Json,
        TypeKind::Jsonb,
        TypeKind::Inet,
        TypeKind::Cidr,
        TypeKind::Macaddr,
        TypeKind::Macaddr8,
        TypeKind::Bit(5),
        TypeKind::Varbit(None),
        TypeKind::Xml,
        TypeKind::Other,
        TypeKind::Enum(vec!["a".into()]),
        array(TypeKind::Int4, 23),
        array(TypeKind::Text, 25),
        array(TypeKind::Jsonb, 3802),
        array(TypeKind::Other, 1),
        array(TypeKind::Timestamp(None), 1114),
    ]
}

/// Bytes that look like what the parsers read.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "2024-01-01",
        "T",
        " ",
        "12:00",
        ":59",
        ".9999999",
        "+02",
        "Z",
        " UTC",
        " BC",
        " m=+1.5",
        "-",
        "P1D",
        "T5S",
        "1 day",
        "ago",
        "@",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "\\u",
        "0000",
        "d800",
        "\\",
        "null",
        "true",
        "1e9",
        "1e-99999",
        "99999999999999999999",
        "infinity",
        "nan",
        "::",
        "/32",
        "é",
        "\u{10FFFF}",
        "5874898-01-01",
        "294276-12-31",
        "-P",
        "0x1",
        "\t",
    ]);
    let pieces = prop_oneof![
        6 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => "[0-9]{1,4}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

/// The parser that reads texts of this type.
fn parser_of(kind: &TypeKind) -> Option<fn(&[u8])> {
    use TypeKind::{Array, Bool, Date, Float4, Float8, Int2, Int4, Int8, Interval, Json, Jsonb, Numeric};
    use TypeKind::{Time, TimeTz, Timestamp, TimestampTz};
    match kind {
        Date | Time(_) | TimeTz(_) | Timestamp(_) | TimestampTz(_) => Some(parsers::moments),
        Interval(_) => Some(parsers::intervals),
        Bool | Int2 | Int4 | Int8 | Float4 | Float8 | Numeric(_) => Some(parsers::numerics),
        Json | Jsonb | Array(_) => Some(parsers::json),
        _ => None,
    }
}

/// Each of them meets every rule and every sibling of its type, so a part of the texts is enough here.
#[test]
fn broken_texts_leave_both_readers_of_one_mind() {
    const EACH: usize = 16;
    let mut runner = runner();
    let mut tried = 0;
    for case in cases() {
        let Some(parser) = parser_of(&case.kind) else { continue };
        let good = texts(&mut runner, case.same);
        let bad = broken(&mut runner, &good);
        for text in good.iter().chain(&bad).step_by(EACH) {
            parser(text.as_bytes());
            tried += 1;
        }
    }
    println!("{tried} texts tried");
    assert!(tried > 1_000, "only {tried} texts were tried");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parsers_hold_on_hostile_bytes(bytes in hostile()) {
        parsers::PARSERS.iter().for_each(|(_, parser)| parser(&bytes));
    }

    #[test]
    fn no_bytes_break_an_encoder(bytes in hostile(), number in any::<i64>(), real in any::<f64>()) {
        for kind in every_kind() {
            for rules in [Rules::default(), unit(IntervalUnit::Ns), Rules { zone: ZonePolicy::AsWritten, ..unit(IntervalUnit::S) }] {
                let encoder = Encoder::new(&ty(kind.clone()), &rules).unwrap();
                for value in [Text(&bytes), Blob(&bytes), Integer(number), Real(real)] {
                    let mut payload = Vec::new();
                    if encoder.encode(value, &mut payload) == Ok(Encoded::Value) {
                        // what was encoded is a value of its type
                        let canonical = cutover::digest::CanonicalKind::of(&ty(kind.clone()));
                        cutover::digest::from_wire(&canonical, &payload, &mut Vec::new()).unwrap();
                        let _ = show(&ty(kind.clone()), &payload);
                    }
                    payload.clear();
                    encoder.replace(value, &mut payload);
                }
            }
        }
    }
}
