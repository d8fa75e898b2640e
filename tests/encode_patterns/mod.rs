//! Texts for every type: patterns of what applications write and what people break, and the generator.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use cutover::schema::{IntervalFields, Type, TypeKind};
use proptest::prelude::Rng as _;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Texts of each pattern.
pub const TEXTS: usize = 200;

/// A type, and texts for it.
pub struct Case {
    pub sql: &'static str,
    pub kind: TypeKind,
    pub send: &'static str,
    /// Patterns on which encoder and server must agree, both ways.
    pub same: &'static [&'static str],
    /// Patterns on which the encoder may refuse more, but not otherwise differ.
    pub stricter: &'static [&'static str],
}

pub fn case(
    sql: &'static str,
    kind: TypeKind,
    send: &'static str,
    same: &'static [&'static str],
    stricter: &'static [&'static str],
) -> Case {
    Case { sql, kind, send, same, stricter }
}

pub const INTEGER: &[&str] = &[
    r"[ \t]{0,2}[+-]?[0-9]{1,6}[ \n]{0,2}",
    r"-?(3276[0-9]|214748364[0-9]|922337203685477580[0-9])",
    r"[+-]?[0-9]{1,20}",
    r"[0-9 .ex+-]{0,5}",
    "",
];
pub const DECIMAL: &[&str] = &[
    r"[+-]?[0-9]{0,12}\.?[0-9]{0,12}",
    r"-?[0-9]{1,4}\.?[0-9]{0,6}[eE][+-]?[0-9]{1,3}",
    r"-?[0-9]{1,30}\.[0-9]{1,30}",
    r"[ ]?[+-]?(nan|NaN|inf|Infinity|infinity|-inf) ?",
    r"-?0{0,5}(9|99|999|9999){1,4}\.?(9|99|5|4|0){0,5}",
    r"[0-9.eE+-]{0,6}",
    r"1e[0-9]{1,6}",
    r"1e-[0-9]{1,6}",
    r"-?[0.]{0,8}[0-9]?",
];
pub const DATE: &[&str] = &[
    r"(0001|1582|1899|1900|1999|2000|2023|2024|9999)-(0?[1-9]|1[0-3]|00)-([0-2]?[0-9]|3[0-2])",
    r"[0-9]{4}-02-(28|29|30)",
    r"(4713|4714|4715|0001|0044)-(01|11|12)-(01|23|24|25) BC",
    r"[0-9]{5}-0[1-9]-[01][1-9]",
    r"(29427[5-8]|587489[678])-(01|12)-(01|31)",
    r"(infinity|-infinity|Infinity)",
    "",
];
pub const CLOCK: &str = r"([01]?[0-9]|2[0-5]):[0-6]?[0-9](:([0-5]?[0-9]|60|61)(\.[0-9]{1,9})?)?";
pub const STAMP: &[&str] = &[
    r"(0001|1970|1999|2000|2024|9999)-(02|12)-(28|29|31)[ T]([01][0-9]|2[0-4]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?",
    r"2[0-9]{3}-0[1-9]-[01][1-9][ T][0-9]{1,2}:[0-9]{1,2}",
    r"2024-01-0[1-9] 23:59:59\.9999[0-9]{3,6}",
    r"2024-01-01 00:00:00\.[0-9]{5}(5|50|500|49|51|5000001|4999999)",
    r"(24:00:00|2024-01-01 24:00:0[01]|2024-12-31 24:00)",
    r"(4714-11-2[345] 0[0-9]:00:00 BC|29427[67]-(12|01)-(31|01) [0-9]{2}:59:59\.99999[0-9]{1,2})",
];
pub const ZONED: &[&str] = &[
    r"(0001|2024|9999)-01-0[1-9][ T]0[0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,7})? ?([+-](0[0-9]|1[0-6])(:?[0-7][0-9])?|Z|z|UTC|GMT)",
    r"2024-01-0[1-9] 00:00:00[+-][0-9]{1,4}",
    r"2024-01-0[1-9] 00:00:00[+-][01][0-9]:[0-9]{2}:[0-9]{2}",
    r"2024-0[17]-01 12:00:00 (UTC|UT|GMT|ZULU|WET|BST|CET|CEST|EET|EEST|JST|KST|AEST|AEDT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|cet|XYZ)",
    r"4714-11-2[345] 0[0-9]:00:00\+0[0-9] BC",
    r"2024-06-01 12:00(Z|\+02)",
];
pub const INTERVAL: &[&str] = &[
    r"-?[0-9]{1,3} days?,? [+-]?[0-9]{1,2}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,8})?",
    r"-?[0-9]{1,4} [0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?",
    r"[+-]?[0-9]{1,7}:[0-6]?[0-9](:[0-6]?[0-9](\.[0-9]{1,8})?)?",
    r"(@ )?-?[0-9]{1,3} years? -?[0-9]{1,2} mons? -?[0-9]{1,5} days? -?[0-9]{2}:[0-5][0-9]:[0-5][0-9]( ago)?",
    r"@ ([0-9]{1,3} hours )?([0-9]{1,3} mins )?[0-9]{1,2}(\.[0-9]{1,7})? secs( ago)?",
    r"-?[0-9]{1,3}(\.[0-9]{1,9})? ?(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|ms|us|milliseconds?|microseconds?|msec)",
    r"-?[0-9]{1,9} (years?|y|months?|mons?|weeks?|w|days?)",
    r"P-?[0-9]{1,3}DT-?[0-9]{1,2}H-?[0-9]{1,2}M-?[0-9]{1,2}(\.[0-9]{6})?S",
    r"P([0-9]{1,3}Y)?([0-9]{1,3}M)?([0-9]{1,2}W)?([0-9]{1,3}D)?T[0-9]{1,3}H",
    r"PT[0-9]{1,6}(\.[0-9]{1,7})?[HMS]",
    r"[+-]?[0-9]{1,3}-[0-9]{1,2}( -?[0-9]{1,2} [0-9]{1,2}:[0-9]{2}:[0-9]{2})?",
    r"[0-9]{1,2}h[0-9]{1,2}m[0-9]{1,2}(\.[0-9]{1,3})?s",
    r"(106751991 days 04:00:54\.77580[0-9]|2562047788:00:54\.77580[0-9]|-2562047788:00:54\.77580[0-9])",
    r"214748364[789] (days|mons)",
    "",
];
pub const JSON: &[&str] = &[
    r#"[ \n]?(\{"[a-c]{0,2}": ?(1|-0|1\.50|2e3|true|null|"x\\u00e9\\n"|\[\]|\{\})(,"[a-c]{0,2}":[0-9]{1,3})?\}) ?"#,
    r#"\[(-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?,){0,4}(0|null)\]"#,
    r#""(\\u[dD][89abcdEF][0-9a-f]{2}|\\u[0-9a-f]{4}|\\["\\/bfnrt]|[a-zé𝄞 ]){0,5}""#,
    r#"[\[\]{}",:0-9a-fntruelsE+.\\ -]{0,8}"#,
    r#"(\[|\{"a":){1,4}1[\]}]{1,4}"#,
    r#"-?[0-9]{1,3}(\.[0-9]{0,2})?([eE][+-]?[0-9]{0,6})?"#,
    "(true|false|null|nul|TRUE)",
];
pub const TEXT: &[&str] = &[r"[a-zé€𝄞 ]{0,14}", r"[ab]{0,3} {0,9}", r"\PC{0,16}"];

pub fn cases() -> Vec<Case> {
    let rounded = |digits| Some(digits);
    let second = IntervalFields { precision: Some(2), range: None };
    let mut cases = vec![
        case(
            "boolean",
            TypeKind::Bool,
            "boolsend",
            &[r" ?(tr?u?e?|fa?l?s?e?|ye?s?|no?|of?f?|on|[TFYN01]|TRUE|False)[ \n]?", r"[a-z01 ]{0,4}"],
            &[],
        ),
        case("smallint", TypeKind::Int2, "int2send", INTEGER, &[]),
        case("integer", TypeKind::Int4, "int4send", INTEGER, &[]),
        case("bigint", TypeKind::Int8, "int8send", INTEGER, &[]),
        case("real", TypeKind::Float4, "float4send", DECIMAL, &[]),
        case("double precision", TypeKind::Float8, "float8send", DECIMAL, &[]),
        case("numeric", TypeKind::Numeric(None), "numeric_send", DECIMAL, &[]),
        case("numeric(10,2)", TypeKind::Numeric(Some((10, 2))), "numeric_send", DECIMAL, &[]),
        case("numeric(4,4)", TypeKind::Numeric(Some((4, 4))), "numeric_send", DECIMAL, &[]),
        case("numeric(5,0)", TypeKind::Numeric(Some((5, 0))), "numeric_send", DECIMAL, &[]),
        case("numeric(3,-2)", TypeKind::Numeric(Some((3, -2))), "numeric_send", DECIMAL, &[]),
        case("numeric(2,6)", TypeKind::Numeric(Some((2, 6))), "numeric_send", DECIMAL, &[]),
        case("text", TypeKind::Text, "textsend", TEXT, &[]),
        case("varchar(10)", TypeKind::Varchar(Some(10)), "varcharsend", TEXT, &[]),
        case("character(6)", TypeKind::Char(6), "bpcharsend", TEXT, &[]),
        case("name", TypeKind::Name, "namesend", TEXT, &[]),
        case(
            "uuid",
            TypeKind::Uuid,
            "uuid_send",
            &[
                r"[0-9a-fA-F]{32}",
                r"\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9A-F]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?",
                r"([0-9a-f]{4}-){7}[0-9a-f]{4}-?",
                r"([0-9a-f]{2}-){15}[0-9a-f]{2}",
                r"[0-9a-g{}-]{30,34}",
            ],
            &[],
        ),
        case("date", TypeKind::Date, "date_send", DATE, &[]),
        case("time", TypeKind::Time(None), "time_send", &[CLOCK, r"23:59:59\.9999[0-9]{1,6}"], &[]),
        case("time(2)", TypeKind::Time(rounded(2)), "time_send", &[CLOCK], &[]),
        case(
            "timetz",
            TypeKind::TimeTz(None),
            "timetz_send",
            &[r"[01][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,7})?([+-](0[0-9]|1[0-6])(:?[0-5][0-9])?|Z| UTC)?"],
            &[],
        ),
        case("timestamp", TypeKind::Timestamp(None), "timestamp_send", STAMP, &[]),
        case("timestamp(0)", TypeKind::Timestamp(rounded(0)), "timestamp_send", STAMP, &[]),
        case("timestamp(3)", TypeKind::Timestamp(rounded(3)), "timestamp_send", STAMP, &[]),
        case("timestamptz", TypeKind::TimestampTz(None), "timestamptz_send", STAMP, &[]),
        case("timestamptz(6)", TypeKind::TimestampTz(rounded(6)), "timestamptz_send", ZONED, &[]),
        case("interval", TypeKind::Interval(IntervalFields::default()), "interval_send", INTERVAL, &[]),
        case("interval(2)", TypeKind::Interval(second), "interval_send", INTERVAL, &[]),
        case("json", TypeKind::Json, "json_send", JSON, &[]),
        case("jsonb", TypeKind::Jsonb, "jsonb_send", JSON, &[]),
        case(
            "inet",
            TypeKind::Inet,
            "inet_send",
            &[
                r"[1-9][0-9]?(\.(0|[1-9][0-9]|25[0-9])){3}(/([0-9]|[1-9][0-9]))?",
                r"[1-9a-f][0-9a-f]{0,3}(:[0-9a-f]{1,4}){7}(/[0-9]{1,3})?",
                r"(::|::1|fe80::[0-9a-f]{1,4}|::ffff:10\.0\.0\.[1-9])(/[1-9][0-9]{0,2})?",
            ],
            &[r"[0-9.:/a-f]{0,12}"],
        ),
        case(
            "cidr",
            TypeKind::Cidr,
            "cidr_send",
            &[
                r"10\.[0-9]\.0\.0/(8|16|24|32|33)",
                r"[1-9]{1,2}\.1\.1\.[0-9]",
                r"(fe80::|fe80:[0-9]::|::)/(10|32|64|128|129)",
            ],
            &[r"[0-9.:/a-f]{0,12}"],
        ),
        case(
            "macaddr",
            TypeKind::Macaddr,
            "macaddr_send",
            &[
                r"([0-9a-f]{2}:){5}[0-9A-F]{2}",
                r"([0-9a-f]{2}-){5}[0-9a-f]{2}",
                r"([0-9a-f]{4}\.){2}[0-9a-f]{4}",
                r"[0-9a-f]{12}",
            ],
            &[r"[0-9a-f:.-]{10,18}"],
        ),
        case(
            "macaddr8",
            TypeKind::Macaddr8,
            "macaddr8_send",
            &[
                r"([0-9a-f]{2}:){7}[0-9A-F]{2}",
                r"([0-9a-f]{2}-){5}[0-9a-f]{2}",
                r"([0-9a-f]{4}\.){3}[0-9a-f]{4}",
                r"[0-9a-f]{16}",
            ],
            &[r"[0-9a-f:.-]{10,24}"],
        ),
        case("bit(9)", TypeKind::Bit(9), "bit_send", &["[01]{8,10}", "[01]{9}", "[012]{9}"], &["[bx01]{0,10}"]),
        case("varbit(12)", TypeKind::Varbit(Some(12)), "varbit_send", &["[01]{0,14}"], &["[bx01f]{0,10}"]),
        case(
            "mood",
            TypeKind::Enum(vec!["sad".into(), "ok".into(), "very happy".into()]),
            "enum_send",
            &["(sad|ok|very happy)", "(Sad|ok |sadd|)"],
            &[],
        ),
        case(
            "integer[]",
            array(TypeKind::Int4, 23),
            "array_send",
            &[
                r"\{[0-9]{1,3}(, ?-?[0-9]{1,3}){0,4} ?\}",
                r"\{\{[0-9],[0-9]\},\{[0-9],(NULL|[0-9])\}\}",
                r"\{(null|NULL|x|)(,1)?\}",
                r"\{\}",
            ],
            &[r"[{},0-9 ]{0,10}"],
        ),
        case(
            "text[]",
            array(TypeKind::Text, 25),
            "array_send",
            &[r#"\{("[a-c, {}é]{0,4}"|[a-z]{1,3}|NULL|"null"|"\\"x\\\\")(,("[a-c ]{0,4}"|[a-z]{1,3} ?[a-z])){0,3}\}"#],
            &[r#"[{},"a-c\\ ]{0,10}"#],
        ),
    ];
    for text in [DATE, STAMP, ZONED, INTERVAL].concat() {
        let (sql, kind, send) = if INTERVAL.contains(&text) {
            ("interval", TypeKind::Interval(IntervalFields::default()), "interval_send")
        } else {
            ("timestamptz", TypeKind::TimestampTz(None), "timestamptz_send")
        };
        let pattern: &'static [&'static str] = Box::leak(vec![text].into_boxed_slice());
        cases.push(case(sql, kind, send, &[], pattern));
    }
    cases
}

pub fn array(kind: TypeKind, oid: u32) -> TypeKind {
    TypeKind::Array(Box::new(Type { oid, name: String::new(), kind, domain: false }))
}

/// The same texts every time, and others with `CUTOVER_SEED=N`.
pub fn runner() -> TestRunner {
    let seed = std::env::var("CUTOVER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0u8);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    TestRunner::new_with_rng(Config::default(), random)
}

pub fn texts(runner: &mut TestRunner, patterns: &[&str]) -> Vec<String> {
    let mut texts = Vec::new();
    for pattern in patterns {
        let strategy = proptest::string::string_regex(pattern).unwrap();
        texts.extend((0..TEXTS).map(|_| strategy.new_tree(runner).unwrap().current()));
    }
    texts.retain(|text| !text.contains('\0'));
    texts.sort();
    texts.dedup();
    texts
}

/// One or two characters taken out, doubled, swapped or replaced.
pub fn broken(runner: &mut TestRunner, texts: &[String]) -> Vec<String> {
    let mut random = || runner.rng().next_u32() as usize;
    let mut broken: Vec<String> = texts
        .iter()
        .map(|text| {
            let mut characters: Vec<char> = text.chars().collect();
            for _ in 0..=random() % 2 {
                let at = random() % (characters.len() + 1);
                let other = [' ', '0', '9', '-', '+', ':', '.', 'T', 'Z', 'e', ',', 'x'][random() % 12];
                match random() % 4 {
                    0 if at < characters.len() => drop(characters.remove(at)),
                    1 if at < characters.len() => characters[at] = other,
                    2 if at + 1 < characters.len() => characters.swap(at, at + 1),
                    _ => characters.insert(at, other),
                }
            }
            characters.into_iter().collect()
        })
        .collect();
    broken.sort();
    broken.dedup();
    broken
}
