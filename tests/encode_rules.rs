//! The encoder's own decisions: what it takes though PostgreSQL's text input would not, what it refuses though PostgreSQL would take it,
//! and in which words. Each row of a table is one promise.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cutover::digest::show;
use cutover::evidence::IntervalUnit;
use cutover::runbook::ZonePolicy;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::{Encoded, Encoder};
use proptest::prelude::*;
use rusqlite::types::ValueRef::{self, Blob, Integer, Real, Text};

fn ty(kind: TypeKind) -> Type {
    Type { oid: 0, name: String::new(), kind, domain: false }
}

fn array(kind: TypeKind, oid: u32) -> TypeKind {
    TypeKind::Array(Box::new(Type { oid, ..ty(kind) }))
}

/// The cell as people read it on the target, or the reason why it does not arrive.
fn arrives_by(kind: &TypeKind, rules: Rules, value: ValueRef<'_>) -> Result<String, String> {
    let encoder = Encoder::new(&ty(kind.clone()), &rules).unwrap();
    let mut payload = b"before".to_vec();
    match encoder.encode(value, &mut payload) {
        Ok(Encoded::Null) => Ok("NULL".to_owned()),
        Ok(Encoded::Text) => Ok(format!("text {}", std::str::from_utf8(&payload[6..]).unwrap())),
        Ok(Encoded::Value) => Ok(show(&ty(kind.clone()), &payload[6..])),
        Err(misfit) => {
            assert_eq!(payload, b"before", "a refused cell leaves nothing behind");
            Err(misfit.reason)
        }
    }
}

fn check(kind: &TypeKind, rules: Rules, rows: &[(ValueRef<'_>, Result<&str, &str>)]) {
    for (value, wanted) in rows {
        let got = arrives_by(kind, rules, *value);
        assert_eq!(got.as_deref().map_err(String::as_str), *wanted, "{value:?} under {kind:?}, {rules:?}");
    }
}

fn plain(kind: TypeKind, rows: &[(ValueRef<'_>, Result<&str, &str>)]) {
    check(&kind, Rules::default(), rows);
}

fn unit(unit: IntervalUnit) -> Rules {
    Rules { unit: Some(unit), epoch: Some(unit), ..Rules::default() }
}

const INTERVAL: TypeKind = TypeKind::Interval(IntervalFields { precision: None, range: None });

#[test]
fn booleans_are_0_and_1() {
    plain(
        TypeKind::Bool,
        &[
            (Integer(1), Ok("t")),
            (Integer(0), Ok("f")),
            (Real(1.0), Ok("t")),
            (Text(b"true"), Ok("t")),
            (ValueRef::Null, Ok("NULL")),
            (Integer(2), Err("the integer 2 is no boolean (0 or 1)")),
            (Text(b""), Err("an empty text is no boolean")),
            (Blob(b"1"), Err("a blob of 1 bytes is no boolean (0 or 1)")),
        ],
    );
}

#[test]
fn integers_are_in_range_and_whole() {
    plain(
        TypeKind::Int4,
        &[
            (Integer(3), Ok("3")),
            (Real(-3.0), Ok("-3")),
            (Text(b" 42 "), Ok("42")),
            (Integer(1 << 40), Err("1099511627776 is beyond integer (-2147483648 to 2147483647)")),
            (Integer(3_000_000_000), Err("3000000000 is beyond integer (-2147483648 to 2147483647)")),
            (Text(b"3000000000"), Err("3000000000 is beyond integer (-2147483648 to 2147483647)")),
            (Real(1.5), Err("1.5 is no whole number, but the column is integer")),
            (Text(b"abc"), Err("'abc' is no integer")),
            (Text(b""), Err("an empty text is no integer")),
        ],
    );
    plain(
        TypeKind::Int8,
        &[
            (Real(9_223_372_036_854_774_784.0), Ok("9223372036854774784")),
            (Real(-9_223_372_036_854_775_808.0), Ok("-9223372036854775808")),
            (
                Real(9_223_372_036_854_775_808.0),
                Err("9223372036854776000 is beyond bigint (-9223372036854775808 to 9223372036854775807)"),
            ),
            (Real(f64::INFINITY), Err("inf is no whole number, but the column is bigint")),
        ],
    );
}

#[test]
fn numbers_keep_every_digit_or_are_refused() {
    plain(
        TypeKind::Numeric(None),
        &[
            (Real(1.1), Ok("1.1")),
            (Real(5.0), Ok("5")),
            (Real(1e300), Ok(&format!("1{}", "0".repeat(300)))),
            (Real(-0.0), Ok("0")),
            (Real(1e-7), Ok("0.0000001")),
            (Real(f64::INFINITY), Ok("Infinity")),
            (Text(b"12345678901234567890.123456789"), Ok("12345678901234567890.123456789")),
            (Integer(9_007_199_254_740_993), Ok("9007199254740993")),
            (Integer(i64::MIN), Ok("-9223372036854775808")),
            (Text(b"0.00012300"), Ok("0.00012300")),
        ],
    );
    plain(
        TypeKind::Numeric(Some((5, 2))),
        &[
            (Real(999.994), Ok("999.99")),
            (Real(0.005), Ok("0.01")),
            (Real(999.995), Err("999.995 has more than 3 digits before the point, the most that numeric(5,2) holds")),
            (Integer(1000), Err("'1000' has more than 3 digits before the point, the most that numeric(5,2) holds")),
            (Text(b"1e200000"), Err("'1e200000' has more digits than any numeric holds")),
            (Real(f64::INFINITY), Err("numeric(5,2) cannot hold an infinite value")),
        ],
    );
    plain(
        TypeKind::Float8,
        &[
            (Real(0.1), Ok("0.1")),
            (Real(1e308), Ok("1e+308")),
            (Real(f64::INFINITY), Ok("Infinity")),
            (Integer(9_007_199_254_740_992), Ok("9.007199254740992e+15")),
            (Integer(9_007_199_254_740_993), Err("9007199254740993 is not exact as double precision")),
            (Integer(i64::MAX), Err("9223372036854775807 is not exact as double precision")),
            (Text(b"0x10"), Err("'0x10' is no double precision")),
            (Text(b"1e-400"), Err("'1e-400' is beyond double precision")),
        ],
    );
    plain(TypeKind::Float4, &[(Real(0.1), Ok("0.1")), (Real(1e300), Err("1e300 is beyond real"))]);
}

#[test]
fn text_is_never_cut_but_for_blanks() {
    let long = "é".repeat(300);
    plain(
        TypeKind::Varchar(Some(100)),
        &[
            (Text(long.as_bytes()), Err("300 characters, but the column holds 100")),
            (Integer(5), Ok("5")),
            (Real(1e17), Ok("1.0e+17")),
            (Real(123_456_789_012_345_680.0), Ok("1.2345678901234568e+17")),
            (Real(12_345_678_901_234_568.0), Ok("12345678901234568.0")),
            (Real(0.0001), Ok("0.0001")),
            (Real(0.00001), Ok("1.0e-05")),
            (Real(-0.0), Ok("0.0")),
            (Real(f64::NEG_INFINITY), Ok("-Inf")),
        ],
    );
    plain(TypeKind::Varchar(Some(3)), &[(Text("aé  ".as_bytes()), Ok("aé ")), (Text(b"abc   "), Ok("abc"))]);
    plain(TypeKind::Char(4), &[(Text("é".as_bytes()), Ok("é   ")), (Text(b""), Ok("    "))]);
    plain(
        TypeKind::Name,
        &[(Text(&[b'x'; 63]), Ok(&"x".repeat(63))), (Text(&[b'x'; 64]), Err("64 bytes, but a name holds 63"))],
    );
    plain(
        TypeKind::SingleByte,
        &[(Text(b"r"), Ok("r")), (Text("é".as_bytes()), Err("2 bytes, but \"char\" holds one"))],
    );
    plain(
        TypeKind::Text,
        &[
            (Text(b"abc\0def"), Err("a NUL character at byte 3, which PostgreSQL's text cannot hold")),
            (Text(b"abc\xffdef"), Err("invalid UTF-8 at byte 3")),
            (Text(b"\xed\xa0\x80"), Err("invalid UTF-8 at byte 0")),
            (Blob("in a blob".as_bytes()), Ok("in a blob")),
            (Blob(b"\xff\xad"), Err("invalid UTF-8 at byte 0")),
            (Text(b""), Ok("")),
        ],
    );
    let mood = TypeKind::Enum(vec!["sad".into(), "ok".into()]);
    plain(mood, &[(Text(b"ok"), Ok("ok")), (Text(b"glad"), Err("'glad' is none of the type's labels"))]);
}

#[test]
fn bytes_stay_bytes() {
    plain(
        TypeKind::Bytea,
        &[
            (Blob(b"\0\x01\xff\\A"), Ok("\\x0001ff5c41")),
            (Text(b"\\x41"), Ok("\\x5c783431")),
            (Blob(b""), Ok("\\x")),
            (Integer(1), Err("the integer 1 is no bytea")),
        ],
    );
    let uuid = Ok("d3de1dd0-9e16-47a9-40af-6ac378aae9b0");
    plain(
        TypeKind::Uuid,
        &[
            (Text(b"d3de1dd09e1647a940af6ac378aae9b0"), uuid),
            (Text(b"D3DE1DD0-9E16-47A9-40AF-6AC378AAE9B0"), uuid),
            (Text(b"{d3de1dd0-9e16-47a9-40af-6ac378aae9b0}"), uuid),
            (Text(b"urn:uuid:d3de1dd0-9e16-47a9-40af-6ac378aae9b0"), uuid),
            (Blob(b"\xd3\xde\x1d\xd0\x9e\x16\x47\xa9\x40\xaf\x6a\xc3\x78\xaa\xe9\xb0"), uuid),
            (Text(b"d3de1dd0"), Err("'d3de1dd0' is no uuid")),
        ],
    );
    plain(TypeKind::Bit(1), &[(Integer(1), Ok("1")), (Text(b"01"), Err("2 bits, but the column holds exactly 1"))]);
    plain(TypeKind::Inet, &[(Text(b"10.1/16"), Err("'10.1/16' is no inet")), (Text(b"::1"), Ok("::1"))]);
    plain(
        TypeKind::Cidr,
        &[(Text(b"10.1.2.3/8"), Err("'10.1.2.3/8' has bits to the right of its mask, which cidr refuses"))],
    );
}

#[test]
fn moments_as_applications_write_them() {
    plain(
        TypeKind::TimestampTz(None),
        &[
            (Text(b"2024-02-29 23:59:59.999999"), Ok("2024-02-29 23:59:59.999999+00")),
            (Text(b"2024-01-01 00:00:00.5"), Ok("2024-01-01 00:00:00.5+00")),
            (Text(b"2024-01-01T00:00:00Z"), Ok("2024-01-01 00:00:00+00")),
            (Text(b"2024-01-01 00:00:00+02:00"), Ok("2023-12-31 22:00:00+00")),
            (Text(b"2024-01-01"), Ok("2024-01-01 00:00:00+00")),
            (Text(b"2026-06-21 23:12:02.289336882 +0000 UTC m=+23.99"), Ok("2026-06-21 23:12:02.289337+00")),
            (Text(b"2026-06-21 23:12:02.5 +0200 CEST"), Ok("2026-06-21 21:12:02.5+00")),
            (Text(b"2026-06-21 23:12:02 +0330 +0330 m=-1.5"), Ok("2026-06-21 19:42:02+00")),
            (Text(b"2025-12-12T20:47:51.200Z"), Ok("2025-12-12 20:47:51.2+00")),
            (Text(b"0001-01-01 00:00:00+00:00"), Ok("0001-01-01 00:00:00+00")),
            (Text(b"9999-12-31 23:59:59.999999"), Ok("9999-12-31 23:59:59.999999+00")),
            (Text(b"infinity"), Ok("infinity")),
            (Integer(1_704_067_200), Ok("2024-01-01 00:00:00+00")),
            (Real(2_460_310.75), Ok("2024-01-01 06:00:00+00")),
            (Real(1_704_067_200.25), Ok("2024-01-01 00:00:00.25+00")),
            (Text(b""), Err("an empty text is no timestamp with time zone")),
            (Text(b"0000-00-00 00:00:00"), Err("'0000-00-00 00:00:00' names a day that no calendar has")),
            (Text(b"2023-02-29"), Err("'2023-02-29' names a day that no calendar has")),
            (Text(b"2024-01-01 25:00:00"), Err("'2024-01-01 25:00:00' names a time that no day has")),
            (
                Text(b"2024-01-01 00:00:00 Europe/Berlin"),
                Err(
                    "'2024-01-01 00:00:00 Europe/Berlin': the time zone is not one that is read here (write an offset)",
                ),
            ),
            (Text(b"now"), Err("'now' is no timestamp with time zone")),
            (Text(b"1704067200"), Err("'1704067200' is no timestamp with time zone")),
            (Integer(i64::MAX), Err("9223372036854775807 is beyond the years that timestamp with time zone holds")),
            (Text(b"12:00:00"), Err("'12:00:00' has no date, but the column is timestamp with time zone")),
        ],
    );
    let moment = TypeKind::TimestampTz(None);
    check(
        &moment,
        unit(IntervalUnit::Ms),
        &[
            (Integer(1_704_067_200_123), Ok("2024-01-01 00:00:00.123+00")),
            (Integer(-1), Ok("1969-12-31 23:59:59.999+00")),
        ],
    );
    check(&moment, unit(IntervalUnit::Us), &[(Integer(1_704_067_200_000_001), Ok("2024-01-01 00:00:00.000001+00"))]);
    let halves = [(Integer(500), Ok("1970-01-01 00:00:00+00")), (Integer(1500), Ok("1970-01-01 00:00:00.000002+00"))];
    check(&moment, unit(IntervalUnit::Ns), &halves);
}

#[test]
fn a_zone_is_never_dropped_without_a_word() {
    let stamp = TypeKind::Timestamp(None);
    let value = Text(b"2025-12-12 20:47:51.200002669+01:00");
    let by = |zone| Rules { zone, ..Rules::default() };
    check(&stamp, by(ZonePolicy::Utc), &[(value, Ok("2025-12-12 19:47:51.200003"))]);
    check(&stamp, by(ZonePolicy::AsWritten), &[(value, Ok("2025-12-12 20:47:51.200003"))]);
    let refused = "'2025-12-12 20:47:51.200002669+01:00' has a time zone, but the column has none and its zone policy is `refuse`";
    check(
        &stamp,
        by(ZonePolicy::Refuse),
        &[(value, Err(refused)), (Text(b"2025-12-12 20:47"), Ok("2025-12-12 20:47:00"))],
    );
    check(&TypeKind::Time(None), by(ZonePolicy::Utc), &[(Text(b"01:30:00+02"), Ok("23:30:00"))]);
}

#[test]
fn dates_and_times_lose_nothing() {
    plain(
        TypeKind::Date,
        &[
            (Text(b"2024-02-29"), Ok("2024-02-29")),
            (Text(b"2024-02-29 00:00:00.000"), Ok("2024-02-29")),
            (Integer(1_704_067_200), Ok("2024-01-01")),
            (Text(b"0044-03-15 BC"), Ok("0044-03-15 BC")),
            (Text(b"2024-02-29 10:00"), Err("'2024-02-29 10:00' has a time of day, but the column holds a date only")),
        ],
    );
    plain(
        TypeKind::Time(None),
        &[
            (Text(b"23:59:60"), Ok("24:00:00")),
            (Text(b"2000-01-01 10:20:30.5"), Ok("10:20:30.5")),
            (Text(b"2024-05-06 10:20"), Err("'2024-05-06 10:20' has a date, but the column holds a time of day only")),
            (Integer(5), Err("the integer 5 is no time")),
        ],
    );
}

#[test]
fn intervals_by_unit_as_django_writes_them() {
    check(
        &INTERVAL,
        unit(IntervalUnit::Us),
        &[
            (Integer(4_475_313_246), Ok("01:14:35.313246")),
            (Integer(1), Ok("00:00:00.000001")),
            (Integer(-90_000_000), Ok("-1 days +23:58:30")),
            (Integer(86_400_000_000 * 400), Ok("400 days")),
            (Integer(i64::MAX), Ok("106751991 days 04:00:54.775807")),
            (Integer(i64::MIN + 1), Ok("-106751992 days +19:59:05.224193")),
            (Text(b"4475313246"), Ok("01:14:35.313246")),
            (Real(0.5), Ok("00:00:00")),
        ],
    );
    check(
        &INTERVAL,
        unit(IntervalUnit::S),
        &[
            (Integer(90), Ok("00:01:30")),
            (Integer(i64::MAX), Err("beyond what an interval holds (2^31 days or months, 2^63 microseconds)")),
        ],
    );
    check(
        &INTERVAL,
        unit(IntervalUnit::Ns),
        &[(Integer(2500), Ok("00:00:00.000002")), (Integer(3500), Ok("00:00:00.000004"))],
    );
    plain(
        INTERVAL,
        &[
            (Integer(0), Ok("00:00:00")),
            (Integer(5), Err("a number, and no unit (s, ms, us, ns) is decided for the column")),
            (Text(b"1970-01-02 00:00:00.000000"), Ok("1 day")),
            (Text(b"1969-12-31 23:59:59"), Ok("-1 days +23:59:59")),
            (Text(b"-1 day, 23:59:59.5"), Ok("-1 days +23:59:59.5")),
            (Text(b"-P1DT02H03M04.000005S"), Ok("-1 days -02:03:04.000005")),
            (Text(b"P0DT00H20M00S"), Ok("00:20:00")),
            (Text(b"1.5 months"), Err("'1.5 months' is no interval")),
            (Text(b""), Err("an empty text is no interval")),
        ],
    );
    let days = TypeKind::Interval(IntervalFields { precision: None, range: Some(1 << 3) });
    plain(
        days,
        &[
            (Text(b"3 days"), Ok("3 days")),
            (Text(b"3 days 01:00"), Err("the column holds intervals down to the day only")),
        ],
    );
}

#[test]
fn json_is_what_postgresql_holds() {
    plain(
        TypeKind::Jsonb,
        &[
            (Text(br#"{"a":1e400, "b":"\ud83d\ude00"}"#), Ok(r#"{"a":1e400, "b":"\ud83d\ude00"}"#)),
            (Blob(br#"{"ok":1}"#), Ok(r#"{"ok":1}"#)),
            (Integer(5), Ok("5")),
            (Text(br#"{"a": "x\u0000y"}"#), Err("not JSON that PostgreSQL holds: \\u0000 at byte 8")),
            (Text(br#""\ud83d""#), Err("not JSON that PostgreSQL holds: half a surrogate pair at byte 1")),
            (Text(b"[1e200000]"), Err("not JSON that PostgreSQL holds: a number beyond numeric at byte 9")),
            (Text(b"[1,]"), Err("not JSON that PostgreSQL holds: no value at byte 3")),
            (Text(b""), Err("not JSON that PostgreSQL holds: the text ends at byte 0")),
        ],
    );
    plain(TypeKind::Json, &[(Text(br#" {"b":1,"b":"\u0000"}"#), Ok(r#" {"b":1,"b":"\u0000"}"#))]);
}

#[test]
fn arrays_from_json_and_from_postgresql() {
    plain(
        array(TypeKind::Int4, 23),
        &[
            (Text(b"[1, 2, null]"), Ok("{1,2,NULL}")),
            (Text(b"[[1,2],[3,4]]"), Ok("{{1,2},{3,4}}")),
            (Text(b"{1,2}"), Ok("{1,2}")),
            (Text(b"[]"), Ok("{}")),
            (Text(b"[[1],[2,3]]"), Err("inner arrays of different lengths, which PostgreSQL's arrays cannot have")),
            (Text(b"[1,[2]]"), Err("values and arrays side by side, which PostgreSQL's arrays cannot have")),
            (Text(b"[1.5]"), Err("'1.5' is no integer")),
            (Text(b"1,2"), Err("'1,2' is no array (JSON or {…})")),
        ],
    );
    plain(
        array(TypeKind::Text, 25),
        &[
            (Text(br#"["a\u00e9\n", "NULL", "x,y", 5, true]"#), Ok("{\"aé\n\",\"NULL\",\"x,y\",5,true}")),
            (Text(br#"["\u0000"]"#), Err("\\u0000 or half a surrogate pair, which PostgreSQL's text cannot hold")),
        ],
    );
    plain(array(TypeKind::Jsonb, 3802), &[(Text(br#"[{"a":[1]},[2]]"#), Ok(r#"{"{\"a\":[1]}",[2]}"#))]);
    plain(
        array(TypeKind::Other, 600),
        &[(Text(br#"["(1,2)", null]"#), Ok(r#"text {"(1,2)",NULL}"#)), (Text(b"{x}"), Ok("text {x}"))],
    );
    plain(TypeKind::Other, &[(Text(b"(1,2)"), Ok("text (1,2)")), (Integer(7), Ok("text 7"))]);
}

#[test]
fn replace_finds_the_nearest_text_and_no_nearest_number() {
    let replaced = |kind: TypeKind, value: ValueRef<'_>| {
        let mut payload = Vec::new();
        let encoder = Encoder::new(&ty(kind.clone()), &Rules::default()).unwrap();
        encoder.replace(value, &mut payload).map(|_| show(&ty(kind), &payload))
    };
    assert_eq!(replaced(TypeKind::Text, Text(b"abc\0def")).as_deref(), Some("abcdef"));
    assert_eq!(replaced(TypeKind::Text, Text(b"abc\xffdef")).as_deref(), Some("abc\u{fffd}def"));
    assert_eq!(replaced(TypeKind::Varchar(Some(3)), Text("äöüß".as_bytes())).as_deref(), Some("äöü"));
    assert_eq!(replaced(TypeKind::Name, Text("é".repeat(40).as_bytes())), Some("é".repeat(31)));
    assert_eq!(replaced(TypeKind::Jsonb, Text(br#"{"a":"x\u0000y\ud800z"}"#)).as_deref(), Some(r#"{"a":"xy\ufffdz"}"#));
    assert_eq!(replaced(TypeKind::Int4, Integer(1 << 40)), None);
    assert_eq!(replaced(TypeKind::Int4, Integer(4)).as_deref(), Some("4"));
    assert_eq!(replaced(TypeKind::Date, Text(b"2023-02-29")), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_real_reads_back_from_its_text(real in any::<f64>()) {
        prop_assume!(real.is_finite());
        let text = arrives_by(&TypeKind::Text, Rules::default(), Real(real)).unwrap();
        prop_assert_eq!(text.parse::<f64>().unwrap(), real);
    }
}
