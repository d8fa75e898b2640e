//! `repair-intervals` on real servers: what another tool made a million times too long becomes right, everything else stays, and
//! the way back is exact.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "cli/binary.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod binary;
mod support;

use binary::{Desk, Ran};
use cutover::connect::postgres::Address;
use cutover::evidence::{ColumnRepair, IntervalUnit};
use cutover::progress::{Control, ProgressSink};
use cutover::runbook::TransferOptions;
use cutover::transfer::repair::{Repaired, Wanted, repair, take_back};
use cutover::transfer::{Job, TransferError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interval columns of OnCall.
const ONCALL: [(&str, &str); 7] = [
    ("alerts_alertgroup", "response_time"),
    ("alerts_alertgrouplogrecord", "silence_delay"),
    ("alerts_alertreceivechannel", "maintenance_duration"),
    ("alerts_escalationpolicy", "wait_delay"),
    ("base_usernotificationpolicy", "wait_delay"),
    ("schedules_customoncallshift", "duration"),
    ("user_management_organization", "maintenance_duration"),
];

/// Every value of every interval column of OnCall as the bytes that the server sends.
fn bytes_of(url: &str, condition: &str) -> String {
    let query = |(table, column): &(&str, &str)| {
        format!("select '{table}', id, encode(interval_send({column}), 'hex') from {table} where {condition}")
    };
    let queries: Vec<String> = ONCALL.iter().map(query).collect();
    support::psql(url, &format!("{} order by 1, 2", queries.join(" union all ")))
}

/// As people compare intervals: 24 hours are a day.
fn values_of(url: &str, condition: &str) -> String {
    let query = |(table, column): &(&str, &str)| {
        format!("select '{table}', id, extract(epoch from {column})::text from {table} where {condition}")
    };
    let queries: Vec<String> = ONCALL.iter().map(query).collect();
    support::psql(url, &format!("{} order by 1, 2", queries.join(" union all ")))
}

/// A thousand rows that the application wrote since, some of them as long as a wrong one.
const WRITTEN_SINCE: &str = "
insert into alerts_alertgrouplogrecord select (jsonb_populate_record(null::alerts_alertgrouplogrecord, to_jsonb(g)
    || jsonb_build_object('id', 100000 + n, 'silence_delay', case n % 3 when 0 then '416:40:00' when 1 then '2 days 03:04:05.6' else '00:05:00' end))).*
  from (select * from alerts_alertgrouplogrecord order by id limit 1) g, generate_series(1, 700) n;
insert into schedules_customoncallshift select (jsonb_populate_record(null::schedules_customoncallshift, to_jsonb(g)
    || jsonb_build_object('id', 100000 + n, 'public_primary_key', 'NEW' || n, 'updated_shift_id', null, 'duration', n || ' minutes'))).*
  from (select * from schedules_customoncallshift order by id limit 1) g, generate_series(1, 300) n;";

fn unpacked(data: &Path, folder: &Path) -> PathBuf {
    let file = folder.join("expected.sql");
    let text = support::run(Command::new("gzip").arg("-dc").arg(data.join("expected-full.sql.gz")));
    std::fs::write(&file, text + "\n").unwrap();
    file
}

/// What pgloader's text COPY makes of microseconds; it cannot load what is beyond the range of seconds.
fn make_wrong(url: &str) {
    for (table, column) in ONCALL {
        support::psql(
            url,
            &format!(
                "update {table} set {column} = ((extract(epoch from {column}) * 1000000)::numeric(30)::text || ' seconds')::interval
                 where abs(extract(epoch from {column})) < 9223372"
            ),
        );
    }
}

/// The address comes from the environment, so that a rollback finds the password again.
fn desk(url: &str) -> Desk {
    Desk::new().with("DATABASE_URL", url)
}

fn no_schemas_left(url: &str) {
    assert_eq!(support::psql(url, "select nspname from pg_namespace where nspname like 'cutover%'"), "");
}

fn found(finished: &serde_json::Value, field: &str) -> u64 {
    finished["repairs"].as_array().unwrap().iter().map(|column| column[field].as_u64().unwrap()).sum()
}

#[test]
fn oncall_is_right_again_and_the_way_back_is_exact() {
    let Some(data) = support::realdata("oncall") else { return };
    let (url, expected) = (support::database(), support::database());
    let desk = desk(&url);
    let dump = unpacked(&data, desk.directory.path());
    support::psql_file(&url, &dump);
    support::psql_file(&expected, &dump);
    let source = desk.directory.path().join("source.sqlite");
    std::fs::copy(data.join("source.sqlite"), &source).unwrap();
    make_wrong(&url);
    support::psql(&url, WRITTEN_SINCE);
    let since = bytes_of(&url, "id > 100000");
    assert_eq!(since.lines().count(), 1000);
    let (before, structure) = (support::compare::rows(&url), support::compare::structure(&url));
    let bytes = bytes_of(&url, "true");
    assert_ne!(values_of(&url, "id <= 100000"), values_of(&expected, "true"));
    let arguments = ["repair-intervals", "--sqlite", source.to_str().unwrap(), "--output", "json"];

    let looked = desk.cutover(&arguments);
    assert_eq!(looked.code, 4, "{}", looked.all());
    let finished = looked.finished();
    let wrong = found(&finished, "rows");
    assert!(wrong > 1_000, "{finished}");
    assert_eq!(finished["differences_total"].as_u64(), Some(wrong));
    assert_eq!(found(&finished, "unknown"), 1000);
    assert_eq!(support::compare::differing(&support::compare::rows(&url), &before), Vec::<String>::new());
    no_schemas_left(&url);

    let executed = desk.cutover(&[&arguments[..], &["--execute"]].concat());
    assert_eq!(executed.code, 0, "{}", executed.all());
    let finished = executed.finished();
    let run = finished["run"].as_str().unwrap().to_owned();
    assert_eq!(found(&finished, "rows"), wrong);
    assert_eq!(found(&finished, "neither"), 0);
    assert!(
        finished["repairs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|column| column["wrong"] == "s" && column["repaired"] == true)
    );
    assert_eq!(values_of(&url, "id <= 100000"), values_of(&expected, "true"), "the seven columns");
    assert_eq!(bytes_of(&url, "id > 100000"), since, "what the application wrote since");

    let again = desk.cutover(&[&arguments[..], &["--execute"]].concat());
    assert_eq!(again.code, 0, "{}", again.all());
    assert_eq!(found(&again.finished(), "rows"), 0);
    assert_eq!(values_of(&url, "id <= 100000"), values_of(&expected, "true"));

    let back = desk.cutover(&["rollback", &run, "--output", "json"]);
    assert_eq!(back.code, 0, "{}", back.all());
    assert_eq!(bytes_of(&url, "true"), bytes, "the former values");
    assert_eq!(support::compare::differing(&support::compare::rows(&url), &before), Vec::<String>::new());
    assert_eq!(support::compare::structure(&url), structure);
    no_schemas_left(&url);
}

#[test]
fn what_pgloader_itself_loaded_is_repaired() {
    let Some(data) = support::realdata("oncall") else { return };
    if Command::new("pgloader").arg("--version").output().is_err() {
        println!("SKIPPED: pgloader is not installed");
        return;
    }
    let (url, expected) = (support::database(), support::database());
    let desk = desk(&url);
    let folder = desk.directory.path();
    support::psql_file(&url, &data.join("target-schema.sql"));
    support::psql_file(&expected, &unpacked(&data, folder));
    let source = folder.join("source.sqlite");
    std::fs::copy(data.join("source.sqlite"), &source).unwrap();
    let connection = rusqlite::Connection::open(&source).unwrap();
    for (table, column) in ONCALL {
        // One value that is out of range as seconds, and pgloader loads nothing of the table.
        let least = "9223372036854";
        connection
            .execute(&format!("update {table} set {column} = 86400000001 where abs({column}) >= {least}"), [])
            .unwrap();
        support::psql(
            &expected,
            &format!(
                "update {table} set {column} = interval '24:00:00.000001' where abs(extract(epoch from {column})) >= 9223372.036854"
            ),
        );
    }
    drop(connection);
    let script = desk.file(
        "pgloader.load",
        &format!("load database\n from sqlite://{}\n into {url}\n with data only, truncate, disable triggers, reset sequences;\n", source.display()),
    );
    let loaded = Command::new("pgloader").arg(&script).current_dir(folder).env("HOME", folder).output().unwrap();
    let there =
        support::psql(&url, &ONCALL.map(|(table, _)| format!("select count(*) > 0 from {table}")).join(" union all "));
    if !there.lines().any(|line| line == "t") {
        println!("SKIPPED: pgloader loaded none of the tables: {}", String::from_utf8_lossy(&loaded.stdout));
        return;
    }
    println!("pgloader loaded rows into {} of the 7 tables", there.lines().filter(|line| *line == "t").count());
    let arguments = ["repair-intervals", "--sqlite", source.to_str().unwrap(), "--execute", "--output", "json"];
    let executed = desk.cutover(&arguments);
    assert_eq!(executed.code, 0, "{}", executed.all());
    assert!(found(&executed.finished(), "rows") > 0);
    assert_eq!(found(&executed.finished(), "neither"), 0, "{}", executed.all());
    let expected = values_of(&expected, "true");
    let right: std::collections::BTreeSet<&str> = expected.lines().collect();
    let now = values_of(&url, "true");
    let wrong: Vec<&str> = now.lines().filter(|line| !right.contains(line)).collect();
    assert_eq!(wrong, Vec::<&str>::new());
}

/// A source, a target, and everything that a [`Job`] borrows.
struct World {
    source: PathBuf,
    url: String,
    options: TransferOptions,
    between: BTreeMap<String, String>,
    wrong: BTreeMap<String, IntervalUnit>,
    from_source: bool,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(sqlite: &str, postgres: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.sqlite");
        rusqlite::Connection::open(&source).unwrap().execute_batch(sqlite).unwrap();
        let url = support::database();
        support::psql(&url, postgres);
        Self {
            source,
            url,
            options: TransferOptions {
                interval_units: [("*".to_owned(), IntervalUnit::Us)].into(),
                ..Default::default()
            },
            between: BTreeMap::new(),
            wrong: BTreeMap::new(),
            from_source: true,
            _folder: folder,
        }
    }

    fn with<T>(&self, run: &str, work: impl AsyncFnOnce(&Job<'_>) -> T) -> T {
        let address = Address::parse(&self.url).unwrap();
        let ((progress, _reports), (_wish, control)) = (ProgressSink::new(), Control::new());
        let job = Job {
            source: &self.source,
            address: &address,
            run,
            options: &self.options,
            progress: &progress,
            control: &control,
            rejects_file: None,
            gate: None,
        };
        tokio::runtime::Runtime::new().unwrap().block_on(work(&job))
    }

    fn try_repair(&self, run: &str, execute: bool) -> Result<Repaired, TransferError> {
        let wanted = Wanted { source: self.from_source, between: &self.between, wrong: &self.wrong, execute };
        self.with(run, async |job| repair(job, &wanted).await)
    }

    fn repair(&self, run: &str) -> Repaired {
        self.try_repair(run, true).unwrap()
    }

    fn take_back(&self, run: &str, left: Option<&Repaired>, force: bool) -> Result<u64, TransferError> {
        self.with(run, async |job| take_back(job, left, force).await)
    }

    fn sql(&self, sql: &str) -> String {
        support::psql(&self.url, sql)
    }
}

fn only(repaired: &Repaired) -> &ColumnRepair {
    assert_eq!(repaired.columns.len(), 1);
    &repaired.columns[0]
}

const SOURCE: &str = "create table wait (id integer primary key, took bigint);
    insert into wait values (1, 1500000), (2, 60000000), (3, -90000000), (4, 0), (5, null), (6, 9223372036854775807), (7, 3600000000), (8, 5000000);";

/// 1 to 3 as pgloader makes them; 6 would not go in; 7 was put right since; 8 was changed since; 9 is new and as long as a wrong one.
const TARGET: &str = "create table wait (id integer primary key, took interval, changed int default 0);
    create function bump() returns trigger language plpgsql as 'begin new.changed := new.changed + 1; return new; end';
    create trigger bump before update on wait for each row execute function bump();
    alter table wait enable always trigger bump;
    create trigger off after update on wait for each row execute function bump();
    alter table wait disable trigger off;
    insert into wait (id, took) values (1, '1500000 seconds'), (2, '60000000 seconds'), (3, '-90000000 seconds'), (4, '0'), (5, null),
      (6, null), (7, '1 hour'), (8, '7 seconds'), (9, '1500000 seconds');";

#[test]
fn only_exactly_wrong_values_change_and_triggers_are_silent() {
    let world = World::new(SOURCE, TARGET);
    let structure = support::compare::structure(&world.url);
    let looked = world.try_repair("look", false).unwrap();
    assert_eq!(only(&looked).rows, 3);
    assert_eq!(
        world.sql("select string_agg(took::text, ' ' order by id) from wait where id < 3"),
        "416:40:00 16666:40:00"
    );
    let repaired = world.repair("one");
    let column = only(&repaired);
    assert_eq!((column.rows, column.right, column.neither, column.unknown, column.missing), (3, 3, 2, 1, 0));
    assert_eq!(column.wrong, Some(IntervalUnit::S));
    assert_eq!(column.examples[0].before.as_deref(), Some("416:40:00"));
    assert_eq!(column.examples[0].after.as_deref(), Some("00:00:01.5"));
    let others: Vec<_> =
        column.others.iter().map(|other| (other.key["id"].as_i64().unwrap(), other.before.as_deref())).collect();
    assert_eq!(others, [(6, None), (8, Some("00:00:07"))]);
    let now = world.sql("select id, extract(epoch from took), changed from wait order by id");
    assert_eq!(
        now,
        "1|1.500000|0\n2|60.000000|0\n3|-90.000000|0\n4|0.000000|0\n5||0\n6||0\n7|3600.000000|0\n8|7.000000|0\n9|1500000.000000|0"
    );
    let humps: Vec<usize> =
        column.evidence.histograms.iter().map(|h| h.buckets.iter().filter(|b| b.count > 0).count()).collect();
    assert_eq!(humps.len(), 2);

    assert_eq!(world.repair("one"), repaired, "the same run again answers from its ledger");
    assert_eq!(only(&world.repair("two")).rows, 0, "another run finds nothing");
    assert_eq!(world.take_back("one", Some(&repaired), false).unwrap(), 3);
    assert_eq!(
        world.sql("select string_agg(concat(took, changed), ' ' order by id) from wait where id < 4"),
        "416:40:000 16666:40:000 -25000:00:000"
    );
    assert_eq!(world.take_back("one", Some(&repaired), false).unwrap(), 0, "an undo that is run again");
    assert_eq!(support::compare::structure(&world.url), structure);
}

#[test]
fn rows_that_somebody_changed_since_stop_the_way_back_by_name() {
    let world = World::new(SOURCE, TARGET);
    let repaired = world.repair("one");
    world.sql("update wait set took = '1 minute 1 second' where id = 2; delete from wait where id = 3");
    let error = world.take_back("one", Some(&repaired), false).unwrap_err();
    assert!(matches!(error, TransferError::Refused(_)), "{error}");
    let message = error.to_string();
    assert!(message.contains("{\"id\" : 2}: the repair wrote 00:01:00, now 00:01:01"), "{message}");
    assert!(message.contains("{\"id\" : 3}") && message.contains("the row is gone"), "{message}");
    assert_eq!(world.sql("select took from wait where id = 1"), "00:00:01.5", "nothing is half taken back");
    assert_eq!(world.take_back("one", Some(&repaired), true).unwrap(), 2);
    assert_eq!(
        world.sql("select string_agg(took::text, ' ' order by id) from wait where id < 4"),
        "416:40:00 16666:40:00"
    );
    no_schemas_left(&world.url);
}

#[test]
fn former_values_that_are_gone_are_not_said_to_be_back() {
    let world = World::new(SOURCE, TARGET);
    let repaired = world.repair("one");
    world.sql("drop schema cutover_one cascade");
    let message = world.take_back("one", Some(&repaired), false).unwrap_err().to_string();
    assert!(message.contains("are gone"), "{message}");
}

#[test]
fn other_units_keys_and_shapes() {
    let world = World::new(
        "create table a (one text, two integer, t bigint, u real, primary key (one, two));
         insert into a values ('x', 1, 2000, 1.5), ('ü', 2, 4000000, 2.25), ('z', 3, 8000000, 0);
         create table keyless (t bigint); insert into keyless values (1000000);
         create table p (id integer primary key, t bigint); insert into p values (1, 5000000), (2, 6000000);",
        "create domain span as interval;
         create table a (one text, two smallint, t interval, u span, primary key (one, two));
         insert into a values ('x', 1, '2', '1.5'), ('ü', 2, '4000', '2.25'), ('z', 3, '8000', '0');
         create table keyless (t interval); insert into keyless values ('1000000 seconds');
         create table p (id int primary key, t interval) partition by range (id);
         create table p1 partition of p for values from (0) to (2);
         create table p2 partition of p default;
         insert into p values (1, '5000000'), (2, '6000000');",
    );
    let repaired = world.repair("one");
    let of = |label: &str| repaired.columns.iter().find(|column| column.label() == label).unwrap();
    assert_eq!((of("public.a.t").wrong, of("public.a.t").rows), (Some(IntervalUnit::Ms), 3));
    assert_eq!((of("public.p.t").wrong, of("public.p.t").rows), (Some(IntervalUnit::S), 2));
    assert_eq!(
        (of("public.a.u").wrong, of("public.a.u").rows, of("public.a.u").neither),
        (Some(IntervalUnit::S), 2, 0)
    );
    assert_eq!(repaired.left_out.len(), 1, "{:?}", repaired.left_out);
    assert_eq!(
        world.sql("select t, u from a order by two"),
        "00:00:00.002|00:00:00.000002\n00:00:04|00:00:00.000002\n00:00:08|00:00:00"
    );
    assert_eq!(world.sql("select t from p order by id"), "00:00:05\n00:00:06");
    assert_eq!(world.take_back("one", Some(&repaired), false).unwrap(), 7);
    assert_eq!(world.sql("select t from p order by id"), "1388:53:20\n1666:40:00");
}

#[test]
fn without_a_word_about_the_unit_nothing_is_touched() {
    let mut world = World::new(SOURCE, TARGET);
    world.options = TransferOptions::default();
    assert!(matches!(world.try_repair("one", true), Err(TransferError::Undecided(_))));
    no_schemas_left(&world.url);
}

#[test]
fn only_the_owner_repairs_and_anybody_may_look() {
    let world = World::new(SOURCE, TARGET);
    let role = format!("reader_{}", std::process::id());
    world.sql(&format!("create role {role} login password 'secret'; grant select on wait to {role}; grant usage on schema public to {role}"));
    let (scheme, rest) = world.url.split_once("://").unwrap();
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    let reader = World { url: format!("{scheme}://{role}:secret@{place}"), ..world };
    assert_eq!(only(&reader.try_repair("look", false).unwrap()).rows, 3);
    let message = reader.try_repair("one", true).unwrap_err().to_string();
    assert!(message.contains("permission denied") || message.contains("GRANT"), "{message}");
}

const HUMPS: &str = "create table wait (id integer primary key, made timestamptz, took interval);
    insert into wait select n, '2024-01-01'::timestamptz + n * interval '1 day', (n * 1500000)::text::interval from generate_series(1, 20) n;
    insert into wait values (0, '2024-01-01', '1.25 seconds');
    insert into wait select n, '2025-01-01', n * interval '1 second' from generate_series(100, 119) n;";

fn bounded(desk: &Desk, more: &[&str]) -> Ran {
    let arguments = ["repair-intervals", "--interval-unit", "*=us", "--output", "json"];
    desk.cutover(&[&arguments[..], more].concat())
}

#[test]
fn without_a_source_only_bounded_rows_are_repaired() {
    let url = support::database();
    let desk = desk(&url);
    support::psql(&url, HUMPS);
    let before = support::compare::rows(&url);
    let humps = bounded(&desk, &["--unit", "*=s"]);
    assert_eq!(humps.code, 0, "none is longer than a year: {}", humps.all());
    support::psql(&url, "update wait set took = took * 100 where id between 1 and 20");
    let humps = bounded(&desk, &[]);
    assert_eq!(humps.code, 4, "{}", humps.all());
    let finished = humps.finished();
    assert!(finished["error"].as_str().unwrap().contains("--between"), "{finished}");
    assert_eq!(found(&finished, "rows"), 0);
    assert_eq!(bounded(&desk, &["--execute"]).code, 2);
    support::psql(&url, "update wait set took = took / 100 where id between 1 and 20");
    assert_eq!(support::compare::rows(&url), before);

    let range = ["--between", "wait.id=..20", "--between", "public.wait.made=2024-01-01..2024-12-31"];
    let looked = bounded(&desk, &range);
    assert_eq!((looked.code, found(&looked.finished(), "rows")), (4, 20), "{}", looked.all());
    assert_eq!(found(&looked.finished(), "neither"), 1, "1.25 s is no whole number of seconds");
    assert_eq!(support::compare::rows(&url), before);
    let executed = bounded(&desk, &[&range[..], &["--execute"]].concat());
    assert_eq!(executed.code, 0, "{}", executed.all());
    let right = "select count(*) from wait where took = case when id between 1 and 20 then id * interval '1.5 seconds' when id = 0 then '1.25 seconds' else id * interval '1 second' end";
    assert_eq!(support::psql(&url, right), "41");
    let again = bounded(&desk, &[&range[..], &["--execute"]].concat());
    assert_eq!((again.code, found(&again.finished(), "rows")), (0, 0), "{}", again.all());
    assert_eq!(found(&again.finished(), "earlier"), 10, "every second one is a whole number of seconds again");
    assert_eq!(support::psql(&url, right), "41");
    let run = executed.finished()["run"].as_str().unwrap().to_owned();
    let back = desk.cutover(&["rollback", &run]);
    assert_eq!(back.code, 0, "{}", back.all());
    assert_eq!(support::compare::rows(&url), before);
}

#[test]
fn bounds_that_mean_nothing_are_refused_before_anything() {
    let url = support::database();
    let desk = desk(&url);
    support::psql(&url, HUMPS);
    for wrong in [
        &["--between", "wait.id=1"][..],
        &["--between", "wait.nope=1..2"],
        &["--between", "wait.id=one..2"],
        &["--between", "wait.id=1'; drop table wait; --..2"],
        &["--between", "wait.id=.."],
        &["--between", "wait.id=1..2", "--unit", "wait.nope=s"],
        &["--between", "wait.id=1..2", "--unit", "wait.took=us"],
    ] {
        let ran = bounded(&desk, &[wrong, &["--execute"]].concat());
        assert_eq!(ran.code, 2, "{wrong:?}: {}", ran.all());
    }
    assert_eq!(support::psql(&url, "select count(*) from wait"), "41");
}

#[test]
fn a_rollback_over_changed_rows_is_refused_on_the_command_line() {
    let url = support::database();
    let desk = desk(&url);
    support::psql(&url, TARGET);
    let source = desk.sqlite("app.sqlite", SOURCE);
    let arguments =
        ["repair-intervals", "--sqlite", &source, "--interval-unit", "*=us", "--execute", "--output", "json"];
    let executed = desk.cutover(&arguments);
    assert_eq!(executed.code, 0, "{}", executed.all());
    let run = executed.finished()["run"].as_str().unwrap().to_owned();
    support::psql(&url, "update wait set took = '1 minute 1 second' where id = 2");
    let refused = desk.cutover(&["rollback", &run, "--output", "json"]);
    assert_eq!(refused.code, 1, "{}", refused.all());
    assert!(
        refused.finished()["error"].as_str().unwrap().contains("public.wait.took: 1 of 3 values"),
        "{}",
        refused.all()
    );
    let forced = desk.cutover(&["rollback", &run, "--lose-writes", "--output", "json"]);
    assert_eq!(forced.code, 0, "{}", forced.all());
    assert_eq!(support::psql(&url, "select took from wait where id = 2"), "16666:40:00");
}
