//! What a cell costs on its way from SQLite to the wire, and into the digest. Nanoseconds a cell; `cargo bench --bench encode`.
#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cutover::digest::{CanonicalKind, RowHasher};
use cutover::evidence::IntervalUnit;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::Encoder;
use rusqlite::types::ValueRef;
use std::hint::black_box;

const JSON: &[u8] = br#"{"title": "CPU \u00e9 of db-17 is above 90 %", "state": "alerting", "evalMatches": [{"value": 93.25, "metric": "cpu", "tags": {"host": "db-17", "zone": "eu"}}], "ruleId": 1721, "message": "the load of the last five minutes", "ok": false, "orgId": 1, "panel": null}"#;

fn cells() -> Vec<(&'static str, TypeKind, ValueRef<'static>)> {
    vec![
        ("bigint", TypeKind::Int8, ValueRef::Integer(4_475_313_246)),
        ("boolean", TypeKind::Bool, ValueRef::Integer(1)),
        ("double", TypeKind::Float8, ValueRef::Real(0.1)),
        ("numeric from text", TypeKind::Numeric(Some((12, 4))), ValueRef::Text(b"123456.7891")),
        ("numeric from real", TypeKind::Numeric(None), ValueRef::Real(1234.5678)),
        ("text of 40 bytes", TypeKind::Text, ValueRef::Text(b"a title of about forty bytes, all ASCII.")),
        ("varchar(200)", TypeKind::Varchar(Some(200)), ValueRef::Text(b"a title of about forty bytes, all ASCII.")),
        ("uuid", TypeKind::Uuid, ValueRef::Text(b"d3de1dd09e1647a940af6ac378aae9b0")),
        ("timestamptz", TypeKind::TimestampTz(None), ValueRef::Text(b"2024-02-29 23:59:59.999999")),
        (
            "timestamp of Go",
            TypeKind::Timestamp(None),
            ValueRef::Text(b"2026-06-21 23:12:02.289336882 +0000 UTC m=+23.99"),
        ),
        ("interval", TypeKind::Interval(IntervalFields::default()), ValueRef::Integer(4_475_313_246)),
        ("json", TypeKind::Json, ValueRef::Text(JSON)),
        ("jsonb", TypeKind::Jsonb, ValueRef::Text(JSON)),
    ]
}

fn encode(criterion: &mut Criterion) {
    let rules = Rules { unit: Some(IntervalUnit::Us), ..Rules::default() };
    let mut encoding = criterion.benchmark_group("encode");
    encoding.throughput(Throughput::Elements(1));
    for (name, kind, value) in cells() {
        let encoder = Encoder::new(&Type { oid: 0, name: String::new(), kind, domain: false }, &rules).unwrap();
        let mut out = Vec::with_capacity(4096);
        encoding.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                encoder.encode(black_box(value), &mut out).unwrap()
            });
        });
    }
    encoding.finish();
}

fn digest(criterion: &mut Criterion) {
    let rules = Rules { unit: Some(IntervalUnit::Us), ..Rules::default() };
    let mut hashing = criterion.benchmark_group("digest of a row of one cell");
    for (name, kind, value) in cells() {
        let ty = Type { oid: 0, name: String::new(), kind, domain: false };
        let mut payload = Vec::new();
        Encoder::new(&ty, &rules).unwrap().encode(value, &mut payload).unwrap();
        let (canonical, mut hasher) = (CanonicalKind::of(&ty), RowHasher::new());
        hashing.bench_function(name, |bencher| {
            bencher.iter(|| {
                hasher.wire(&canonical, Some(black_box(&payload))).unwrap();
                hasher.finish()
            });
        });
    }
    hashing.finish();
}

criterion_group!(benches, encode, digest);
criterion_main!(benches);
