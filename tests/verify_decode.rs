//! Two opinions on every value: what the encoder puts on the wire and what verify's own decoder expects are the same canonical
//! bytes, for each type, storage class and rule, over generated values. Neither shares code with the other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cutover::digest::{CanonicalKind, from_wire};
use cutover::evidence::IntervalUnit;
use cutover::runbook::ZonePolicy;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::{Encoded, Encoder};
use cutover::verify::decode::decode;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rusqlite::types::{Value, ValueRef};

/// Values of each pattern and type.
const VALUES: usize = 150;

const PATTERNS: &[&str] = &[
    r"[ \t]?[+-]?[0-9]{1,20}[ \n]?",
    r"[+-]?[0-9]{0,12}\.?[0-9]{0,9}([eE][+-]?[0-9]{1,2})?",
    r"-?(9{1,9}|0{1,4})\.(9|4|5|0){1,9}",
    r"(NaN|nan|[+-]?inf|-?Infinity|infinity)",
    r"(t|true|TRUE|f|no|on|off|y|1|0|tr|o|2)",
    r"[a-zé€𝄞 ]{0,14} {0,6}",
    r"(sad|ok|very happy|Sad)",
    r"(urn:uuid:)?\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9A-F]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?",
    r"(0001|0044|1582|1900|1970|2000|2023|2024|9999|29427[56])-(0?[1-9]|1[0-3])-([0-2]?[0-9]|3[0-2])( BC| AD)?",
    r"(0001|1969|2000|2024|9999)-(02|12)-(28|29|31)[ T]([01][0-9]|2[0-4]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?",
    r"(2024|0001)-0[1-9]-1[0-9][ T]0[0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)? ?([+-][0-9]{1,4}|[+-](0[0-9]|1[0-6]):[0-5][0-9](:[0-5][0-9])?|Z|z|UTC|CET|pdt|XYZ)",
    r"2026-06-21 23:12:02\.[0-9]{1,9} [+-]0[0-9]00 (UTC|CEST|\+0200)( m=[+-][0-9]{1,3}\.[0-9]{1,9})?",
    r"(1970-01-01 |1970-01-02 )?([01]?[0-9]|2[0-5]):[0-6]?[0-9](:([0-5]?[0-9]|60|61)(\.[0-9]{1,9})?)?([+-]0[0-9](:30)?|Z)?",
    r"-?[0-9]{1,3} days?,? [+-]?[0-9]{1,2}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,8})?",
    r"(@ )?-?[0-9]{1,3} years? -?[0-9]{1,2} mons? -?[0-9]{1,5} days? -?[0-9]{2}:[0-5][0-9]:[0-5][0-9]( ago)?",
    r"-?[0-9]{1,3}(\.[0-9]{1,9})? ?(seconds?|secs?|s|minutes?|m|hours?|h|days?|d|weeks?|months?|ms|us)( [0-9]{1,2} (h|us))?( ago)?",
    r"-?P-?[0-9]{1,3}DT-?[0-9]{1,2}H-?[0-9]{1,2}M-?[0-9]{1,2}(\.[0-9]{1,9})?S",
    r"P([0-9]{1,3}Y)?([0-9]{1,3}M)?([0-9]{1,2}W)?([0-9]{1,3}(\.[0-9]{1,3})?D)?T[0-9]{1,3}(\.[0-9]{1,9})?[HMS]",
    r"[+-]?[0-9]{1,3}-[0-9]{1,2}( -?[0-9]{1,2} [0-9]{1,2}:[0-9]{2}:[0-9]{2})?",
    r"[0-9]{1,2}h[0-9]{1,2}m[0-9]{1,2}(\.[0-9]{1,3})?s",
    r#"[ \n]?(\{"[a-c]{0,2}": ?(1|-0|1\.50|2e3|0\.00012|true|null|"x\\u00e9\\n"|\[\]|\{\})(,"[a-c]{0,2}":[0-9]{1,3}){0,3}\}) ?"#,
    r#"\[(-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?, ?){0,4}(0|null)\]"#,
    r#""(\\u[dD][89abcdEF][0-9a-f]{2}|\\u[0-9a-f]{4}|\\["\\/bfnrt]|[a-zé𝄞 ]){0,5}""#,
    r#"(\[|\{"a":){1,4}1[\]}]{1,4}"#,
    r#"\[("[a-c\\"]{0,3}"|null|[0-9]{1,3}|true)(, ?("[a-cé]{0,3}"|null|-?[0-9]{1,3}|\{"a":1\}))?\]"#,
    r"\[\[[0-9],(null|[0-9])\], ?\[[0-9],[0-9]\]\]",
    r#"\{("[a-c, {}é]{0,4}"|[a-z0-9]{1,3}|NULL|"null"|"\\"x\\\\")(,("[a-c ]{0,4}"|[a-z0-9]{1,3} ?[a-z]?)){0,3}\}"#,
    r"\{\{[0-9],[0-9]\},\{[0-9],(NULL|[0-9])\}\}",
    r"[1-9][0-9]?(\.(0|[1-9][0-9]|25[0-9])){3}(/([0-9]|[1-9][0-9]))?",
    r"(::|::1|fe80::[0-9a-f]{1,4}|::ffff:10\.0\.0\.[1-9]|fe80::/10)(/[1-9][0-9]{0,2})?",
    r"10\.[0-9]\.0\.0/(8|16|24|32|33)",
    r"([0-9a-f]{2}[:-]){5}[0-9A-F]{2}([:-][0-9a-f]{2}){0,2}",
    r"([0-9a-f]{4}\.){2,3}[0-9a-f]{4}|[0-9a-f]{12}",
    r"[01]{0,14}",
    r"[ -~]{0,8}",
    "",
];

fn types() -> Vec<(&'static str, TypeKind)> {
    let array = |kind: TypeKind| TypeKind::Array(Box::new(named(kind)));
    let fields = |precision, range| TypeKind::Interval(IntervalFields { precision, range });
    vec![
        ("boolean", TypeKind::Bool),
        ("smallint", TypeKind::Int2),
        ("integer", TypeKind::Int4),
        ("bigint", TypeKind::Int8),
        ("real", TypeKind::Float4),
        ("double precision", TypeKind::Float8),
        ("numeric", TypeKind::Numeric(None)),
        ("numeric(10,2)", TypeKind::Numeric(Some((10, 2)))),
        ("numeric(4,4)", TypeKind::Numeric(Some((4, 4)))),
        ("numeric(3,-2)", TypeKind::Numeric(Some((3, -2)))),
        ("text", TypeKind::Text),
        ("varchar(10)", TypeKind::Varchar(Some(10))),
        ("char(6)", TypeKind::Char(6)),
        ("name", TypeKind::Name),
        ("\"char\"", TypeKind::SingleByte),
        ("bytea", TypeKind::Bytea),
        ("uuid", TypeKind::Uuid),
        ("date", TypeKind::Date),
        ("time", TypeKind::Time(None)),
        ("time(2)", TypeKind::Time(Some(2))),
        ("timetz", TypeKind::TimeTz(None)),
        ("timestamp", TypeKind::Timestamp(None)),
        ("timestamp(0)", TypeKind::Timestamp(Some(0))),
        ("timestamp(3)", TypeKind::Timestamp(Some(3))),
        ("timestamptz", TypeKind::TimestampTz(None)),
        ("interval", fields(None, None)),
        ("interval(2)", fields(Some(2), None)),
        ("interval hour to minute", fields(None, Some(1 << 10 | 1 << 11))),
        ("interval year", fields(None, Some(1 << 2))),
        ("json", TypeKind::Json),
        ("jsonb", TypeKind::Jsonb),
        ("inet", TypeKind::Inet),
        ("cidr", TypeKind::Cidr),
        ("macaddr", TypeKind::Macaddr),
        ("macaddr8", TypeKind::Macaddr8),
        ("bit(9)", TypeKind::Bit(9)),
        ("bit(1)", TypeKind::Bit(1)),
        ("varbit(12)", TypeKind::Varbit(Some(12))),
        ("mood", TypeKind::Enum(vec!["sad".into(), "ok".into(), "very happy".into()])),
        ("integer[]", array(TypeKind::Int4)),
        ("text[]", array(TypeKind::Text)),
        ("jsonb[]", array(TypeKind::Jsonb)),
        ("interval[]", array(fields(None, None))),
    ]
}

fn named(kind: TypeKind) -> Type {
    Type { oid: 25, name: String::new(), kind, domain: false }
}

fn all_rules() -> Vec<Rules> {
    let units = [None, Some(IntervalUnit::S), Some(IntervalUnit::Ms), Some(IntervalUnit::Us), Some(IntervalUnit::Ns)];
    let of = |unit, zone| Rules { unit, epoch: unit, zone, ..Rules::default() };
    let zones = [ZonePolicy::AsWritten, ZonePolicy::Refuse].map(|zone| of(None, zone));
    units.map(|unit| of(unit, ZonePolicy::Utc)).into_iter().chain(zones).collect()
}

/// The same values every time, and others with `CUTOVER_SEED=N`.
fn runner() -> TestRunner {
    let seed = std::env::var("CUTOVER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0_u8);
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

fn drawn<S: Strategy>(runner: &mut TestRunner, strategy: &S, count: usize) -> Vec<S::Value> {
    (0..count).map(|_| strategy.new_tree(runner).unwrap().current()).collect()
}

fn values() -> Vec<Value> {
    let mut runner = runner();
    let mut values: Vec<Value> = Vec::new();
    for pattern in PATTERNS {
        let texts = drawn(&mut runner, &proptest::string::string_regex(pattern).unwrap(), VALUES);
        values.extend(texts.into_iter().map(Value::Text));
    }
    let bits = proptest::num::i64::ANY;
    let small = -100_000_i64..100_000;
    values.extend(drawn(&mut runner, &bits, VALUES).into_iter().map(Value::Integer));
    values.extend(drawn(&mut runner, &small, VALUES).into_iter().map(Value::Integer));
    values.extend([0, 1, -1, i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1, 32_768].map(Value::Integer));
    values.extend(
        drawn(&mut runner, &proptest::num::f64::ANY, VALUES).into_iter().filter(|r| !r.is_nan()).map(Value::Real),
    );
    values.extend(drawn(&mut runner, &(-1e6_f64..3e6), VALUES).into_iter().map(Value::Real));
    values.extend(drawn(&mut runner, &(1e9_f64..2e9), VALUES).into_iter().map(Value::Real));
    values.extend([0.0, -0.0, 0.1, 1.0, 2.5, 1e-5, 1e17, 123_456_789.123, f64::INFINITY, 1e300].map(Value::Real));
    let bytes = proptest::collection::vec(proptest::num::u8::ANY, 0..20);
    values.extend(drawn(&mut runner, &bytes, VALUES).into_iter().map(Value::Blob));
    values.extend([b"text".to_vec(), vec![7; 16], b"{\"a\":1}".to_vec(), Vec::new(), vec![0]].map(Value::Blob));
    values
}

#[test]
fn what_the_encoder_sends_is_what_the_decoder_expects() {
    let values = values();
    let (mut compared, mut stricter, mut wrong) = (0_u64, 0_u64, Vec::new());
    for (name, kind) in types() {
        let ty = named(kind);
        let canonical = CanonicalKind::of(&ty);
        let takes_rules = matches!(
            ty.kind,
            TypeKind::Date
                | TypeKind::Time(_)
                | TypeKind::Timestamp(_)
                | TypeKind::TimestampTz(_)
                | TypeKind::Interval(_)
        );
        let rules = if takes_rules { all_rules() } else { vec![Rules::default()] };
        for rules in rules {
            let encoder = Encoder::new(&ty, &rules).unwrap();
            for value in &values {
                let (mut wire, mut sent, mut expected) = (Vec::new(), Vec::new(), Vec::new());
                let value = ValueRef::from(value);
                let decoded = decode(value, &ty, &rules, &mut expected);
                match encoder.encode(value, &mut wire) {
                    Ok(Encoded::Value) => from_wire(&canonical, &wire, &mut sent).unwrap(),
                    Ok(Encoded::Null | Encoded::Text) => unreachable!("no such values and types here"),
                    Err(_) => {
                        stricter += u64::from(decoded.is_ok());
                        continue;
                    }
                }
                compared += 1;
                if decoded != Ok(true) || sent != expected {
                    let of_type = wrong.iter().filter(|(of, _)| *of == name).count();
                    if of_type >= 5 {
                        wrong.push((name, String::new()));
                        continue;
                    }
                    wrong.push((
                        name,
                        format!("{name} {rules:?} {value:?}: sent {sent:02x?}, expected {decoded:?} {expected:02x?}"),
                    ));
                }
            }
        }
    }
    println!("{compared} values compared; {stricter} more that only the decoder reads");
    let shown: Vec<_> = wrong.iter().map(|(_, told)| told).filter(|told| !told.is_empty()).collect();
    assert!(wrong.is_empty(), "{} of {compared} differ: {shown:#?}", wrong.len());
    assert!(compared > 50_000);
}
