//! What makes cells, rows and tables equal: canonical forms agree with the server's own equality, digests with arithmetic, and a wire
//! value is shown as psql shows it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use cutover::digest::{CanonicalKind, RowHash, RowHasher, TableDigest, from_wire, show};
use cutover::schema::{IntervalFields, Type, TypeKind};
use proptest::prelude::*;
use tokio_postgres::{Client, NoTls};

fn ty(kind: TypeKind) -> Type {
    Type { oid: 0, name: String::new(), kind, domain: false }
}

fn canonical(kind: &TypeKind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    from_wire(&CanonicalKind::of(&ty(kind.clone())), payload, &mut out).unwrap();
    out
}

async fn connect() -> Client {
    let (client, connection) = tokio_postgres::connect(&support::database(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("set timezone = 'UTC'").await.unwrap();
    client
}

/// The binary form and the text of each value, as the server has them.
async fn served(client: &Client, sql: &str, send: &str, values: &[&str]) -> Vec<(Vec<u8>, String)> {
    let mut served = Vec::new();
    for value in values {
        let query = format!("select {send}($1::text::{sql}), format('%s', $1::text::{sql})");
        let row = client.query_one(&query, &[value]).await.unwrap();
        served.push((row.get(0), row.get(1)));
    }
    served
}

fn kinds() -> Vec<(TypeKind, &'static str, &'static str, &'static [&'static str])> {
    let array = |kind, oid| TypeKind::Array(Box::new(Type { oid, ..ty(kind) }));
    vec![
        (TypeKind::Bool, "boolean", "boolsend", &["true", "false"]),
        (TypeKind::Int2, "smallint", "int2send", &["-32768", "7"]),
        (TypeKind::Int8, "bigint", "int8send", &["-9223372036854775808", "7"]),
        (
            TypeKind::Float4,
            "real",
            "float4send",
            &["0", "-0", "0.1", "1e-5", "0.0001", "123456", "1234567", "3e38", "NaN", "-Infinity"],
        ),
        (
            TypeKind::Float8,
            "double precision",
            "float8send",
            &["0", "-0", "0.1", "1e-5", "0.0001", "123456789012345", "1e15", "1e300", "NaN"],
        ),
        (
            TypeKind::Numeric(None),
            "numeric",
            "numeric_send",
            &[
                "0",
                "0.00",
                "-1.50",
                "0.00012300",
                "0.00000001",
                "12345678901234567890.123456789",
                "1e20",
                "1e-20",
                "100000000",
                "NaN",
                "Infinity",
                "-Infinity",
                "0.1234567",
                "10000.0001",
            ],
        ),
        (TypeKind::Text, "text", "textsend", &["", "é\n"]),
        (TypeKind::Bytea, "bytea", "byteasend", &["\\x00ff"]),
        (TypeKind::Uuid, "uuid", "uuid_send", &["d3de1dd09e1647a940af6ac378aae9b0"]),
        (
            TypeKind::Date,
            "date",
            "date_send",
            &["2024-02-29", "0001-01-01", "0044-03-15 BC", "4714-11-24 BC", "5874897-12-31", "infinity", "-infinity"],
        ),
        (TypeKind::Time(None), "time", "time_send", &["00:00", "24:00", "23:59:59.000100"]),
        (TypeKind::TimeTz(None), "timetz", "timetz_send", &["10:00:00+00", "10:00:00.5-03:30", "10:00:00+05:30:15"]),
        (
            TypeKind::Timestamp(None),
            "timestamp",
            "timestamp_send",
            &[
                "2024-02-29 23:59:59.999999",
                "0044-03-15 12:00 BC",
                "1969-12-31 23:59:59.9",
                "infinity",
                "-infinity",
                "294276-12-31 23:59:59.999999",
            ],
        ),
        (
            TypeKind::TimestampTz(None),
            "timestamptz",
            "timestamptz_send",
            &["2024-02-29 23:59:59.5+02", "0001-01-01 00:00:00Z"],
        ),
        (
            TypeKind::Interval(IntervalFields::default()),
            "interval",
            "interval_send",
            &[
                "0",
                "1 year 2 mons -3 days 04:05:06.7",
                "-1 mons +1 day -00:00:01",
                "1 mon",
                "-14 mons",
                "-1 days +02:03:04",
                "1 day",
                "-00:00:00.000001",
                "100:00:00",
            ],
        ),
        (TypeKind::Jsonb, "jsonb", "jsonb_send", &["{\"b\": [1, 2.50, null], \"a\": \"\\u00e9\"}", "\"x\""]),
        (TypeKind::Inet, "inet", "inet_send", &["10.0.0.1", "10.0.0.1/8", "::1", "fe80::1/64", "::ffff:10.0.0.1"]),
        (TypeKind::Cidr, "cidr", "cidr_send", &["10.0.0.0/8", "10.0.0.1/32", "fe80::/10"]),
        (TypeKind::Macaddr, "macaddr", "macaddr_send", &["08:00:2b:01:02:03"]),
        (TypeKind::Varbit(None), "varbit", "varbit_send", &["", "0101", "111111110"]),
        (
            array(TypeKind::Int4, 23),
            "integer[]",
            "array_send",
            &["{}", "{1,NULL}", "{{1,2},{3,4}}", "{{{1},{2}},{{3},{4}}}"],
        ),
        (array(TypeKind::Text, 25), "text[]", "array_send", &["{\"\",\"a b\",null,\"NULL\",\"x\\\"y\\\\z\"}"]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_what_psql_shows() {
    let client = connect().await;
    for (kind, sql, send, values) in kinds() {
        for (payload, text) in served(&client, sql, send, values).await {
            let shown = show(&ty(kind.clone()), &payload);
            assert_eq!(shown, text, "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_for_the_server_is_equal_here() {
    let client = connect().await;
    let pairs: &[(TypeKind, &str, &str, &[&str])] = &[
        (
            TypeKind::Numeric(None),
            "numeric",
            "numeric_send",
            &[
                "0",
                "-0",
                "0.000",
                "1",
                "1.0",
                "1.00000",
                "10",
                "1e1",
                "10.00",
                "10000",
                "1e4",
                "0.0001",
                "1e-4",
                "0.00010",
                "1e-5",
                "-1",
                "12345.6789",
                "12345.67890",
                "NaN",
                "Infinity",
            ],
        ),
        (TypeKind::Char(5), "char(5)", "bpcharsend", &["a", "a ", "a    ", "ab", ""]),
        (
            TypeKind::Interval(IntervalFields::default()),
            "interval",
            "interval_send",
            &["1 day", "24:00:00", "-1 day 48:00", "1 mon", "1 mon 1 day", "12 mons", "1 year"],
        ),
        (
            TypeKind::Jsonb,
            "jsonb",
            "jsonb_send",
            &[
                "{\"a\":1,\"b\":2}",
                "{\"b\":2.0,\"a\":1}",
                "{\"b\":2,\"a\":0,\"a\":1e0}",
                "{\"a\":[1,2]}",
                "{\"a\":[2,1]}",
                "\"1\"",
                "1",
                "1.0",
                "10e-1",
                "\"\\u00e9\"",
                "\"é\"",
                "[]",
                "{}",
                "null",
                "[[]]",
                "[[],[]]",
                "[0.10]",
                "[1e-1]",
            ],
        ),
        (
            TypeKind::Timestamp(None),
            "timestamp",
            "timestamp_send",
            &["2024-01-01", "2024-01-01 00:00:00.000", "2024-01-01 00:00:01"],
        ),
    ];
    for (kind, sql, send, values) in pairs {
        let served = served(&client, sql, send, values).await;
        for (left, (left_wire, _)) in values.iter().zip(&served) {
            for (right, (right_wire, _)) in values.iter().zip(&served) {
                let query = format!("select $1::text::{sql} = $2::text::{sql}");
                let equal: bool = client.query_one(&query, &[left, right]).await.unwrap().get(0);
                let ours = canonical(kind, left_wire) == canonical(kind, right_wire);
                assert_eq!(ours, equal, "{left} and {right} as {sql}");
            }
        }
    }
}

#[test]
fn json_text_and_its_stored_form_are_one_value() {
    let text = |text: &str| {
        let mut out = Vec::new();
        cutover::digest::canonical::put_json(text.as_bytes(), &mut out).map(|()| out)
    };
    let same = |left, right| assert_eq!(text(left).unwrap(), text(right).unwrap(), "{left} and {right}");
    same(r#" {"aa":1,"b":[true , null],"aa":2} "#, r#"{"b": [true, null], "aa": 2.0}"#);
    same(r#"{"z":{"y":1,"x":{}},"a":"\ud83d\ude00\/"}"#, r#"{"a":"😀/","z":{"x":{},"y":1}}"#);
    same("-0.0e5", "0");
    same("120e-1", "12.0");
    for broken in [
        "",
        "[1,]",
        "{\"a\"}",
        "01",
        "1.",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "[1",
        "nul",
        "{1:2}",
        "1 2",
        "[1}",
    ] {
        assert!(text(broken).is_err(), "{broken}");
    }
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(text(&deep).unwrap().len(), 400_000);
}

#[test]
fn a_row_is_its_cells_and_their_borders() {
    let mut hasher = RowHasher::new();
    let mut hash = |cells: &[Option<&[u8]>]| {
        for cell in cells {
            hasher.wire(&CanonicalKind::Bytes, *cell).unwrap();
        }
        hasher.finish()
    };
    let rows: &[&[Option<&[u8]>]] =
        &[&[Some(b"a"), Some(b"bc")], &[Some(b"ab"), Some(b"c")], &[Some(b""), None], &[None, Some(b"")], &[None], &[]];
    let hashes: Vec<RowHash> = rows.iter().map(|row| hash(row)).collect();
    for (index, one) in hashes.iter().enumerate() {
        assert!(!hashes[..index].contains(one), "row {index} equals an earlier one");
    }
    let large = vec![7u8; 1_000_000];
    let one = hash(&[Some(b"x"), Some(&large), Some(b"y")]);
    assert_eq!(one, hash(&[Some(b"x"), Some(&large), Some(b"y")]));
    assert_ne!(one, hash(&[Some(b"x"), Some(&large[1..]), Some(b"y")]));
    assert_eq!(hash(&[Some(b"a"), Some(b"bc")]), hashes[0], "a large row leaves nothing behind");
}

#[test]
fn a_row_hash_is_the_same_in_one_piece_and_in_many() {
    let mut expected = Vec::new();
    for size in [1usize, 60_000, 70_000, 3] {
        expected.push(1);
        expected.extend_from_slice(&(size as u32).to_le_bytes());
        expected.extend(std::iter::repeat_n(9u8, size));
    }
    let mut hasher = RowHasher::new();
    for size in [1usize, 60_000, 70_000, 3] {
        let write = |out: &mut Vec<u8>| {
            out.extend(std::iter::repeat_n(9u8, size));
            Ok::<(), ()>(())
        };
        hasher.built(write).unwrap();
    }
    assert_eq!(hasher.finish().0, xxhash_rust::xxh3::xxh3_128(&expected));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_workers_do_not_matter(rows in prop::collection::vec((any::<u128>(), any::<u128>()), 0..60), cut in 0usize..60) {
        let digest = |rows: &[(u128, u128)]| {
            let mut digest = TableDigest::new();
            rows.iter().for_each(|(row, key)| digest.add(RowHash(*row), RowHash(*key)));
            digest
        };
        let whole = digest(&rows);
        let (left, right) = rows.split_at(cut.min(rows.len()));
        let mut merged = digest(right);
        merged.merge(&digest(left));
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(whole.hex().len(), 32);
        let mut backwards = rows.clone();
        backwards.reverse();
        prop_assert_eq!(&digest(&backwards), &whole);
        prop_assert!(whole.differing(&merged).is_empty());
        if let Some(((row, key), rest)) = rows.split_first() {
            let mut changed = digest(rest);
            changed.add(RowHash(row ^ 1), RowHash(*key));
            prop_assert_eq!(whole.differing(&changed), vec![TableDigest::bucket(RowHash(*key))]);
            let mut doubled = whole.clone();
            doubled.add(RowHash(*row), RowHash(*key));
            doubled.add(RowHash(*row), RowHash(*key));
            prop_assert!(*row == 0 || doubled.sum != whole.sum, "two equal rows do not cancel");
        }
    }
}
