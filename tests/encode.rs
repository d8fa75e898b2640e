//! PostgreSQL's own text input is the oracle: for every generated text the encoder either appends the bytes that the server's send
//! function gives for the same input, or both refuse. Where the encoder reads less on purpose, it may refuse what the server takes, but
//! never disagree. What it appends is then loaded by binary COPY and read back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod encode_patterns;
mod support;

use bytes::{BufMut as _, Bytes, BytesMut};
use cutover::runbook::ZonePolicy;
use cutover::schema::{IntervalFields, Rules, Type, TypeKind};
use cutover::transfer::encode::{Encoded, Encoder};
use encode_patterns::{Case, broken, case, cases, runner, texts};
use futures_util::{SinkExt as _, TryStreamExt as _};
use rusqlite::types::ValueRef;
use tokio_postgres::{Client, NoTls};

/// A zone is dropped where the column has none, as the server does it; the default rule shifts to UTC.
fn encoder(kind: TypeKind) -> Encoder {
    let rules = Rules { zone: ZonePolicy::AsWritten, ..Rules::default() };
    Encoder::new(&Type { oid: 0, name: String::new(), kind, domain: false }, &rules).unwrap()
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("set timezone = 'UTC'; create type mood as enum ('sad', 'ok', 'very happy')").await.unwrap();
    client
}

/// What the server makes of each text: its binary form, or nothing.
async fn oracle(client: &Client, case: &Case, texts: &[String]) -> Vec<Option<Vec<u8>>> {
    let function = format!(
        "create or replace function pg_temp.probe(inputs text[]) returns bytea[] language plpgsql as $$
         declare v {}; answers bytea[] := '{{}}'; i int;
         begin
           for i in 1 .. coalesce(array_length(inputs, 1), 0) loop
             begin v := inputs[i]; answers[i] := {}(v);
             exception when others then answers[i] := null; end;
           end loop;
           return answers;
         end $$",
        case.sql, case.send
    );
    client.batch_execute(&function).await.unwrap();
    let row = client.query_one("select pg_temp.probe($1)", &[&texts]).await.unwrap();
    row.get(0)
}

fn encoded(encoder: &Encoder, text: &str) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    match encoder.encode(ValueRef::Text(text.as_bytes()), &mut payload) {
        Ok(kind) => {
            assert_eq!(kind, Encoded::Value, "{text:?}");
            Some(payload)
        }
        Err(misfit) => {
            assert!(payload.is_empty() && !misfit.reason.is_empty());
            None
        }
    }
}

/// Texts that the encoder takes though the server does not: the tables of `tests/encode_rules.rs` say which and why.
fn extends(case: &Case, text: &str) -> bool {
    match case.kind {
        // here the server's rounding overflows and turns the sign
        TypeKind::Interval(IntervalFields { precision: Some(2), .. }) if text.contains("2562047788:") => true,
        TypeKind::Interval(_) => {
            text.trim().trim_start_matches('-').starts_with('P')
                || text.trim().trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit())
        }
        // Go names the zone after its offset
        TypeKind::TimestampTz(_) | TypeKind::TimeTz(_) | TypeKind::Timestamp(_) | TypeKind::Time(_) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            matches!(words[..], [.., offset, name] if offset.len() >= 5 && name.len() >= 3 && name.bytes().all(|b| b.is_ascii_uppercase()))
        }
        _ => false,
    }
}

/// Since version 16 the server takes digits of other bases and underscores between digits, which are no numbers in SQLite.
fn newer_spelling(case: &Case, text: &str) -> bool {
    let number = matches!(
        case.kind,
        TypeKind::Int2 | TypeKind::Int4 | TypeKind::Int8 | TypeKind::Numeric(_) | TypeKind::Float4 | TypeKind::Float8
    );
    number && text.contains(['x', 'X', 'o', 'O', 'b', 'B', '_'])
}

/// The server takes a moment that it rounds out of its own range, and then cannot load it.
fn rounds_away(case: &Case, text: &str) -> bool {
    matches!(case.kind, TypeKind::Timestamp(Some(_))) && text.starts_with("294276-12-31")
}

/// jsonb is compared as a value: the server sends its own spelling of it.
fn same(case: &Case, ours: &[u8], theirs: &[u8]) -> bool {
    if case.kind != TypeKind::Jsonb {
        return ours == theirs;
    }
    let canonical = |payload: &[u8]| {
        let mut out = Vec::new();
        cutover::digest::canonical::put_json(&payload[1..], &mut out).unwrap();
        out
    };
    canonical(ours) == canonical(theirs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agrees_with_the_server_on_every_text() {
    let client = connect(&support::database()).await;
    let mut runner = runner();
    let (mut compared, mut accepted, mut wrong) = (0, 0, Vec::new());
    for case in cases() {
        let encoder = encoder(case.kind.clone());
        let must_agree = texts(&mut runner, case.same);
        let mut may_refuse = texts(&mut runner, case.stricter);
        may_refuse.extend(broken(&mut runner, &must_agree));
        may_refuse.extend(broken(&mut runner, &may_refuse.clone()));
        let mut payloads = Vec::new();
        for (strict, texts) in [(true, must_agree), (false, may_refuse)] {
            let answers = oracle(&client, &case, &texts).await;
            for (text, theirs) in texts.iter().zip(answers) {
                let ours = encoded(&encoder, text);
                compared += 1;
                accepted += usize::from(ours.is_some());
                let agree = match (&ours, &theirs) {
                    (Some(ours), Some(theirs)) => same(&case, ours, theirs),
                    (None, None) => true,
                    (None, Some(_)) => !strict,
                    (Some(_), None) => false,
                };
                let told = extends(&case, text) || rounds_away(&case, text);
                let newer = ours.is_none() && newer_spelling(&case, text);
                if !(agree || told || newer) {
                    wrong.push(format!("{} {text:?}: ours {ours:02x?}, the server's {theirs:02x?}", case.sql));
                }
                payloads.extend(ours);
            }
        }
        load_and_read_back(&client, &case, &payloads, &mut wrong).await;
    }
    println!("{compared} texts compared, {accepted} of them accepted");
    assert!(accepted > 15_000, "only {accepted} texts were accepted");
    assert!(wrong.is_empty(), "{} differences, the first of them:\n{}", wrong.len(), first_of_each(&wrong));
}

/// A few differences of each type.
fn first_of_each(wrong: &[String]) -> String {
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let few = wrong.iter().filter(|line| {
        let count = seen.entry(line.split(' ').next().unwrap_or_default()).or_default();
        *count += 1;
        *count <= 8
    });
    few.cloned().collect::<Vec<_>>().join("\n")
}

async fn load_and_read_back(client: &Client, case: &Case, payloads: &[Vec<u8>], wrong: &mut Vec<String>) {
    client
        .batch_execute(&format!("drop table if exists loaded; create table loaded (v {}, n serial)", case.sql))
        .await
        .unwrap();
    let mut stream = BytesMut::from(&b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..]);
    for payload in payloads {
        stream.put_i16(1);
        stream.put_i32(payload.len() as i32);
        stream.put_slice(payload);
    }
    stream.put_i16(-1);
    let sink = client.copy_in::<_, Bytes>("copy loaded (v) from stdin (format binary)").await.unwrap();
    futures_util::pin_mut!(sink);
    sink.send(stream.freeze()).await.unwrap();
    if let Err(error) = sink.finish().await {
        wrong.push(format!("{}: binary COPY refused: {error:?}", case.sql));
        return;
    }
    let chunks: Vec<Bytes> = client
        .copy_out("copy (select v from loaded order by n) to stdout (format binary)")
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let all = chunks.concat();
    let mut rest = &all[19..];
    for payload in payloads {
        let length = u32::from_be_bytes(rest[2..6].try_into().unwrap()) as usize;
        let read = &rest[6..6 + length];
        if !same(case, payload, read) {
            wrong.push(format!("{}: sent {payload:02x?}, read back {read:02x?}", case.sql));
        }
        rest = &rest[6 + length..];
    }
}

/// The deepest JSON that the encoder takes is within what a server of default settings takes, by text and by binary COPY.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_no_deeper_json_than_the_server() {
    let client = connect(&support::database()).await;
    for (sql, kind) in [("json", TypeKind::Json), ("jsonb", TypeKind::Jsonb)] {
        let deepest = r#"{"a":["#.repeat(3000) + &"]}".repeat(3000);
        let payload = encoded(&encoder(kind.clone()), &deepest).expect("6000 levels");
        assert_eq!(encoded(&encoder(kind.clone()), &format!("[{deepest}]")), None);
        let mut wrong = Vec::new();
        let case = case(sql, kind, "", &[], &[]);
        load_and_read_back(&client, &case, &[payload], &mut wrong).await;
        assert!(wrong.is_empty(), "{}", &wrong[0][..200.min(wrong[0].len())]);
    }
}
