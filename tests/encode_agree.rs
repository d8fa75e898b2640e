//! The encoder of `transfer` and the decoder of `verify` share no code. Whatever the encoder lets through, the decoder must read the same
//! value out of the source, or a right copy would be called wrong; and what it lets through differently would be a wrong cell.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod encode_patterns;

use cutover::digest::{CanonicalKind, from_wire};
use cutover::evidence::IntervalUnit;
use cutover::runbook::ZonePolicy;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::{Encoded, Encoder};
use cutover::verify::decode::decode;
use encode_patterns::{array, broken, cases, runner, texts};
use proptest::prelude::Rng as _;
use rusqlite::types::ValueRef;

fn rules() -> Vec<Rules> {
    let mut rules: Vec<Rules> = IntervalUnit::ALL
        .into_iter()
        .map(|unit| Rules { unit: Some(unit), epoch: Some(unit), ..Rules::default() })
        .collect();
    rules.extend([Rules::default(), Rules { zone: ZonePolicy::AsWritten, ..Rules::default() }]);
    rules.push(Rules { zone: ZonePolicy::Refuse, ..Rules::default() });
    rules
}

/// How the two see a value; none where they agree or the encoder refuses.
fn disagreement(ty: &Type, rules: &Rules, value: ValueRef<'_>) -> Option<String> {
    let mut payload = Vec::new();
    let encoder = Encoder::new(ty, rules).unwrap();
    if encoder.encode(value, &mut payload) != Ok(Encoded::Value) {
        return None;
    }
    let (mut sent, mut read) = (Vec::new(), Vec::new());
    from_wire(&CanonicalKind::of(ty), &payload, &mut sent).unwrap();
    let verdict = decode(value, ty, rules, &mut read);
    if verdict == Ok(true) && sent == read {
        return None;
    }
    Some(format!("{} under {:?}, {rules:?}: sent {sent:02x?}, read {verdict:?} {read:02x?}", shown(value), ty.kind))
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        number => format!("{number:?}"),
    }
}

fn numbers() -> Vec<(i64, f64)> {
    let mut random = runner();
    let edges = [
        0,
        1,
        -1,
        1 << 31,
        (1 << 31) - 1,
        1 << 53,
        (1 << 53) + 1,
        i64::MAX,
        i64::MIN,
        86_400_000_000,
        500,
        1500,
        1_704_067_200,
    ];
    let mut numbers: Vec<(i64, f64)> = edges.into_iter().map(|edge| (edge, edge as f64)).collect();
    let reals = [
        0.5,
        1.5,
        2.5e-6,
        0.1,
        -0.0,
        1e300,
        1e-300,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
        2_460_310.75,
        1_704_067_200.123_456_7,
    ];
    numbers.extend(reals.into_iter().map(|real| (real as i64, real)));
    for _ in 0..3000 {
        let bits = random.rng().next_u64();
        let integer = (bits >> (bits % 60)) as i64;
        let real =
            if bits.is_multiple_of(2) { f64::from_bits(random.rng().next_u64()) } else { integer as f64 / 1000.0 };
        numbers.push((integer, if real.is_nan() { 0.25 } else { real }));
    }
    numbers
}

fn kinds() -> Vec<TypeKind> {
    let mut kinds: Vec<TypeKind> = cases().into_iter().map(|case| case.kind).collect();
    kinds.dedup();
    kinds.extend([TypeKind::SingleByte, TypeKind::Bytea, TypeKind::Bit(1), TypeKind::Varchar(None)]);
    let days = IntervalFields { precision: None, range: Some(1 << 3) };
    kinds.extend([TypeKind::Interval(days), array(TypeKind::Jsonb, 3802), array(TypeKind::Timestamp(None), 1114)]);
    kinds
}

fn looks_at_rules(kind: &TypeKind) -> bool {
    use TypeKind::{Array, Date, Interval, Time, TimeTz, Timestamp, TimestampTz};
    matches!(kind, Date | Time(_) | TimeTz(_) | Timestamp(_) | TimestampTz(_) | Interval(_) | Array(_))
}

fn report(wrong: &[String]) {
    let shown: Vec<&String> = wrong.iter().step_by(wrong.len() / 40 + 1).collect();
    assert!(wrong.is_empty(), "{} disagreements, some of them:\n{shown:#?}", wrong.len());
}

#[test]
fn on_numbers_and_blobs() {
    let mut wrong = Vec::new();
    let numbers = numbers();
    for kind in kinds() {
        let ty = Type { oid: 0, name: String::new(), kind, domain: false };
        for rules in rules().into_iter().skip(if looks_at_rules(&ty.kind) { 0 } else { 6 }) {
            for (integer, real) in &numbers {
                wrong.extend(disagreement(&ty, &rules, ValueRef::Integer(*integer)));
                wrong.extend(disagreement(&ty, &rules, ValueRef::Real(*real)));
            }
        }
    }
    report(&wrong);
}

#[test]
fn on_texts() {
    let mut runner = runner();
    let mut wrong = Vec::new();
    let json = [
        r#"\[(-?[0-9]{1,3}|null)(, ?[0-9]{1,3}){0,3}\]"#,
        r#"\[\[[0-9],[0-9]\],\[[0-9],null\]\]"#,
        r#"\["[a-c\\"é]{0,3}"(,"(\\u00e9|\\n|x)"){0,2}\]"#,
        r#"\[\{"a":[0-9]\},\[1,2\]\]"#,
    ];
    let go = [
        r"2026-06-2[1-3] 2[0-3]:12:02(\.[0-9]{1,9})? [+-]0[0-9][0-3]0 (UTC|CEST|[+-]0[0-9]|EST)( m=[+-][0-9]{1,3}\.[0-9]{1,9})?",
    ];
    let odd = [
        r"(19[67][0-9]-0[1-9]-[012][1-9] [0-9]{2}:00:00(\.[0-9]{6})?)",
        r"-?[0-9]{1,19}",
        r"urn:uuid:[0-9a-f]{32}",
        r"-P[1-9]DT0[1-9]H20M00(\.00000[1-9])?S",
        r"(2000|1970|0001|2024)-01-01 1[0-9]:00:00",
    ];
    let everywhere = texts(&mut runner, &[&json[..], &go[..], &odd[..]].concat());
    for case in cases() {
        let mut all = texts(&mut runner, &[case.same, case.stricter].concat());
        all.extend(broken(&mut runner, &all.clone()));
        all.extend_from_slice(&everywhere);
        let ty = Type { oid: 0, name: String::new(), kind: case.kind, domain: false };
        let rules = if looks_at_rules(&ty.kind) {
            vec![rules()[2], rules()[4], rules()[5], rules()[6]]
        } else {
            vec![rules()[4]]
        };
        for rules in rules {
            for text in &all {
                wrong.extend(disagreement(&ty, &rules, ValueRef::Text(text.as_bytes())));
                wrong.extend(disagreement(&ty, &rules, ValueRef::Blob(text.as_bytes())));
            }
        }
    }
    report(&wrong);
}
