//! Verification against a real PostgreSQL: what is equal is found equal, and each thing that was made unequal is named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use cutover::connect::postgres::Address;
use cutover::connect::sqlite::open_frozen;
use cutover::evidence::{DifferenceKind, Evidence, Finding, Verdict};
use cutover::evidence::{IntervalUnit, Policy, Reject, StorageClass};
use cutover::progress::{Control, ProgressSink};
use cutover::runbook::TransferOptions;
use cutover::schema::{Mapping, pair, read_source, read_target};
use cutover::transfer::{Job, copy, plan};
use cutover::verify::{Allowed, Comparison, VerifyError, verify};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two databases and how they are paired.
struct Case {
    url: String,
    source: PathBuf,
    options: TransferOptions,
    allowed: Allowed,
    _folder: tempfile::TempDir,
}

impl Case {
    /// A source and a target of one's own.
    fn new(source_sql: &str, target_sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.sqlite");
        rusqlite::Connection::open(&source).unwrap().execute_batch(source_sql).unwrap();
        let url = support::database();
        support::psql(&url, target_sql);
        Self { url, source, options: microseconds(), allowed: Allowed::default(), _folder: folder }
    }

    /// A real application's databases, the target loaded by the application itself.
    fn real(name: &str) -> Option<Self> {
        let data = support::realdata(name)?;
        let folder = tempfile::tempdir().unwrap();
        let url = support::database();
        support::psql_file(&url, &unpacked(&data.join("expected-full.sql.gz"), folder.path()));
        let source = folder.path().join("source.sqlite");
        std::fs::copy(data.join("source.sqlite"), &source).unwrap();
        Some(Self { url, source, options: microseconds(), allowed: Allowed::default(), _folder: folder })
    }

    fn sql(&self, sql: &str) -> String {
        support::psql(&self.url, sql)
    }

    fn mapping(&self) -> Mapping {
        runtime().block_on(async {
            let client = Address::parse(&self.url).unwrap().connect("test").await.unwrap();
            let frozen = open_frozen(&self.source).unwrap();
            let target = read_target(&client, &self.options.schemas).await.unwrap();
            let source = read_source(&frozen).unwrap();
            pair(&frozen, source, target, &self.options).unwrap().mapping
        })
    }

    fn try_verify(&self, control: &Control) -> Result<Evidence, VerifyError> {
        let mapping = self.mapping();
        let address = Address::parse(&self.url).unwrap();
        let (progress, _reports) = ProgressSink::new();
        let comparison = Comparison {
            source: &self.source,
            address: &address,
            run: "test",
            mapping: &mapping,
            allowed: &self.allowed,
            progress: &progress,
            control,
        };
        runtime().block_on(verify(&comparison))
    }

    fn verify(&self) -> Evidence {
        let (_wish, control) = Control::new();
        self.try_verify(&control).unwrap()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

fn microseconds() -> TransferOptions {
    let interval_units = [("*".to_owned(), IntervalUnit::Us)].into();
    TransferOptions { interval_units, ..TransferOptions::default() }
}

fn unpacked(file: &Path, folder: &Path) -> PathBuf {
    let output = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(output.status.success());
    let unpacked = folder.join("expected.sql");
    std::fs::write(&unpacked, output.stdout).unwrap();
    unpacked
}

fn failures(evidence: &Evidence) -> Vec<&Finding> {
    evidence.findings.iter().filter(|finding| finding.verdict != Verdict::Passed).collect()
}

fn assert_equal(evidence: &Evidence) {
    assert_eq!(evidence.differences, []);
    assert_eq!(evidence.differences_total, 0);
    for table in &evidence.tables {
        assert_eq!(table.digest_source, table.digest_target, "{}", table.table);
        assert_eq!(table.rows_source, table.rows_loaded + table.rows_rejected, "{}", table.table);
    }
}

#[test]
fn oncall_is_equal_to_what_its_own_orm_wrote() {
    let Some(case) = Case::real("oncall") else { return };
    let evidence = case.verify();
    assert_equal(&evidence);
    assert_eq!(evidence.tables.len(), 105);
    assert_eq!(evidence.tables.iter().map(|table| table.rows_loaded).sum::<u64>(), 6_156);
    assert_eq!(failures(&evidence), Vec::<&Finding>::new());
    let foreign_keys = evidence.findings.iter().find(|finding| finding.check == "foreign keys").unwrap();
    assert!(foreign_keys.detail.starts_with("188 hold"), "{foreign_keys:?}");
}

#[test]
fn in_oncall_each_thing_made_unequal_is_named() {
    let Some(case) = Case::real("oncall") else { return };
    let wait =
        case.sql("select id, wait_delay from alerts_escalationpolicy where wait_delay is not null order by id limit 1");
    let (changed, was) = wait.split_once('|').unwrap();
    case.sql(&format!("update alerts_escalationpolicy set wait_delay = wait_delay + '1 us' where id = {changed}"));
    let missing = case.sql("delete from alerts_alertgrouplogrecord where id = (select max(id) from alerts_alertgrouplogrecord) returning id");
    case.sql("insert into social_auth_nonce (id, server_url, timestamp, salt) values (4711, 'x', 1, 'y')");

    let evidence = case.verify();
    assert_eq!(evidence.differences_total, 3);
    let of = |table: &str| evidence.differences.iter().find(|difference| difference.table == table).unwrap();
    let interval = of("public.alerts_escalationpolicy");
    assert_eq!(interval.kind, DifferenceKind::Changed);
    assert_eq!(interval.key["id"].to_string(), changed);
    let cell = &interval.columns[0];
    assert_eq!((interval.columns.len(), cell.column.as_str()), (1, "wait_delay"));
    assert_eq!(cell.source.as_deref(), Some(was));
    assert!(cell.target.as_deref().unwrap().ends_with("000001"), "{cell:?}");
    let gone = of("public.alerts_alertgrouplogrecord");
    assert_eq!((gone.kind, gone.key["id"].to_string()), (DifferenceKind::Missing, missing));
    let extra = of("public.social_auth_nonce");
    assert_eq!((extra.kind, extra.key["id"].to_string()), (DifferenceKind::Extra, "4711".to_owned()));
}

#[test]
fn in_oncall_a_wrong_unit_is_found_on_every_row() {
    let Some(case) = Case::real("oncall") else { return };
    // Beyond nine days the product is no interval any more.
    let sets = "set wait_delay = make_interval(secs => extract(epoch from wait_delay) * 1e6)
        where wait_delay <> '0' and abs(extract(epoch from wait_delay)) < 9e6";
    let rows = case.sql(&format!(
        "with wrong as (update base_usernotificationpolicy {sets} returning 1) select count(*) from wrong"
    ));
    assert_ne!(rows, "0");
    let evidence = case.verify();
    assert_eq!(evidence.differences_total.to_string(), rows);
    assert!(evidence.differences.iter().all(|difference| difference.columns[0].column == "wait_delay"));
}

#[test]
fn grafana_is_equal_to_what_grafana_runs_on() {
    let Some(case) = Case::real("grafana-5.4-exact") else { return };
    let evidence = case.verify();
    assert_equal(&evidence);
    assert_eq!(evidence.tables.len(), 31);
    let failures = failures(&evidence);
    assert_eq!(failures.len(), 1, "{failures:?}");
    // SQLite had given out an id in a table that is empty now; Grafana's PostgreSQL starts again at 1.
    assert_eq!(failures[0].check, "sequence public.login_attempt_id_seq1");
}

#[test]
fn an_orphan_under_a_constraint_that_is_marked_valid_is_found() {
    let tables =
        "create table parent(id integer primary key); create table child(id integer primary key, parent integer);
        insert into parent values (1); insert into child values (1, 1), (2, 99), (3, null);";
    let target = "create table parent(id int primary key); create table child(id int primary key, parent int references parent);
        set session_replication_role = replica; insert into parent values (1); insert into child values (1, 1), (2, 99), (3, null);";
    let evidence = Case::new(tables, target).verify();
    assert_equal(&evidence);
    let failures = failures(&evidence);
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].check, "foreign key child_parent_fkey of public.child");
    assert!(failures[0].detail.contains("1 rows") && failures[0].detail.contains("99"), "{:?}", failures[0]);
}

#[test]
fn an_orphan_under_a_constraint_that_was_never_validated_is_found() {
    let source = "create table t(id integer primary key, up integer); insert into t values (1, 7);";
    let target = "create table t(id int primary key, up int); insert into t values (1, 7);
        alter table t add constraint up foreign key (up) references t not valid;";
    let evidence = Case::new(source, target).verify();
    assert_eq!(failures(&evidence)[0].check, "foreign key up of public.t");
}

#[test]
fn a_sequence_behind_the_data_or_behind_sqlite_is_found() {
    let source = "create table a(id integer primary key autoincrement, v text); insert into a values (5, 'x');
        create table b(id integer primary key autoincrement, v text); insert into b values (9, 'x'); delete from b;
        create table c(id integer primary key, v text); insert into c values (3, 'x');";
    let target = "create table a(id bigserial primary key, v text); insert into a values (5, 'x');
        create table b(id bigint generated by default as identity primary key, v text);
        create table c(id int generated always as identity primary key, v text);
        insert into c overriding system value values (3, 'x'); select setval('c_id_seq', 3);";
    let evidence = Case::new(source, target).verify();
    assert_equal(&evidence);
    let failures = failures(&evidence);
    let checks: Vec<_> = failures.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(checks, ["sequence public.a_id_seq", "sequence public.b_id_seq"]);
    assert!(failures[0].detail.contains("gives 1 next") && failures[0].detail.contains("has 5"), "{:?}", failures[0]);
    assert!(failures[1].detail.contains("given out 9"), "{:?}", failures[1]);
}

#[test]
fn rows_of_a_table_without_a_key_are_compared_whole_and_counted() {
    let source = "create table t(a integer, b text); insert into t values (1, 'x'), (1, 'x'), (1, 'x'), (2, null);";
    let target = "create table t(a int, b text); insert into t values (1, 'x'), (2, ''), (2, null);";
    let evidence = Case::new(source, target).verify();
    assert_eq!(evidence.differences_total, 3);
    let missing = evidence.differences.iter().find(|row| row.kind == DifferenceKind::Missing).unwrap();
    assert_eq!(missing.key["count"], 2);
    assert_eq!(missing.key["row"].as_str().unwrap().len(), 32);
    assert_eq!(missing.columns[1].source.as_deref(), Some("x"));
    let extra = evidence.differences.iter().find(|row| row.kind == DifferenceKind::Extra).unwrap();
    assert_eq!(extra.columns[1].target.as_deref(), Some(""));
}

#[test]
fn keys_of_text_uuid_and_several_columns_name_their_rows() {
    let source = "create table t(name text primary key, v integer); insert into t values ('é', 1), ('b', 2);
        create table u(id char(32) primary key, v integer); insert into u values ('00112233445566778899aabbccddeeff', 1);
        create table c(a integer, b text, v integer, primary key (a, b)) without rowid; insert into c values (9007199254740993, 'x', 1), (1, 'y', 2);";
    let target = "create table t(name varchar(10) primary key, v int); insert into t values ('é', 0), ('b', 2);
        create table u(id uuid primary key, v int); insert into u values ('00112233-4455-6677-8899-aabbccddeeff', 2);
        create table c(a bigint, b text, v int, primary key (b, a)); insert into c values (9007199254740993, 'x', 1), (1, 'y', 3), (9007199254740993, 'z', 1);";
    let evidence = Case::new(source, target).verify();
    assert_eq!(evidence.differences_total, 4);
    let keys: Vec<String> = evidence.differences.iter().map(|row| serde_json::to_string(&row.key).unwrap()).collect();
    assert!(keys.contains(&r#"{"name":"é"}"#.to_owned()), "{keys:?}");
    assert!(keys.contains(&r#"{"id":"00112233-4455-6677-8899-aabbccddeeff"}"#.to_owned()), "{keys:?}");
    assert!(keys.contains(&r#"{"b":"y","a":1}"#.to_owned()), "{keys:?}");
    assert!(keys.contains(&r#"{"b":"z","a":"9007199254740993"}"#.to_owned()), "{keys:?}");
}

#[test]
fn a_cell_that_no_conversion_exists_for_is_a_difference_with_its_reason() {
    let source =
        "create table t(id integer primary key, n integer, d text); insert into t values (1, 'many', '2020-02-30');";
    let target = "create table t(id int primary key, n int, d date); insert into t values (1, 0, '2020-03-01');";
    let evidence = Case::new(source, target).verify();
    let cells = &evidence.differences[0].columns;
    assert_eq!(evidence.differences_total, 1);
    assert!(cells[0].source.as_deref().unwrap().starts_with("many (cannot be converted: "), "{cells:?}");
    assert!(cells[1].source.as_deref().unwrap().contains("there is no such day: 2020-02-30"), "{cells:?}");
    assert_eq!(cells[1].target.as_deref(), Some("2020-03-01"));
}

#[test]
fn seeded_wrong_conversions_are_found() {
    let source = "create table t(id integer primary key, ts text, n text, j text, f real, b blob, d text, x text);
        insert into t values (1, '2025-12-12 20:47:51.200002669+01:00', '1.50', '{\"b\":[1.0,\"é\"],\"a\":null}', 0.1, x'00ff', '0001-01-01', 'abc');";
    let columns =
        "id int primary key, ts timestamp, n numeric(10,2), j jsonb, f double precision, b bytea, d date, x char(5)";
    let right = "1, '2025-12-12 19:47:51.200003', 1.5, '{\"a\":null,\"b\":[1,\"\\u00e9\"]}', 0.1, '\\x00ff', '0001-01-01', 'abc'";
    let target = |values: &str| format!("create table t({columns}); insert into t values ({values});");
    assert_equal(&Case::new(source, &target(right)).verify());
    let wrong = [
        ("ts", "19:47:51.200003", "20:47:51.200003"),
        ("ts", "200003", "200002"),
        ("n", "1.5,", "1.51,"),
        ("j", "null", "0"),
        ("j", "u00e9", "u00e8"),
        ("f", "0.1", "0.10000000000000002"),
        ("b", "00ff", "ff"),
        ("d", "0001-01-01", "0001-01-01 BC"),
        ("x", "'abc'", "'abC'"),
        ("x", "'abc'", "null"),
    ];
    for (column, is, seeded) in wrong {
        let evidence = Case::new(source, &target(&right.replace(is, seeded))).verify();
        assert_eq!(evidence.differences_total, 1, "{column}: {seeded}");
        assert_eq!(evidence.differences[0].columns[0].column, column);
    }
}

#[test]
fn arrays_and_types_that_only_the_server_knows_are_compared_by_value() {
    let source = "create table t(id integer primary key, a text, p text, r text, i text, m text);
        insert into t values (1, '[1, null, 3]', '(1,2)', '[1,5]', '10.0.0.1/8', '[[\"a\",\"b\"],[\"c\",null]]');";
    let columns = "id int primary key, a int[], p point, r int4range, i inet, m text[]";
    let row = |p: &str| {
        format!(
            "create table t({columns}); insert into t values (1, '{{1,NULL,3}}', '{p}', '[1,6)', '10.0.0.1/8', '{{{{a,b}},{{c,NULL}}}}')"
        )
    };
    assert_equal(&Case::new(source, &row("( 1 , 2.0 )")).verify());
    let evidence = Case::new(source, &row("(1,3)")).verify();
    let cell = &evidence.differences[0].columns[0];
    assert_eq!((cell.source.as_deref(), cell.target.as_deref()), (Some("(1,2)"), Some("(1,3)")));
}

#[test]
fn other_schemas_partitions_and_awkward_names_are_read() {
    let source = "create table \"Odd.Name\"(\"the key\" integer primary key, \"V\"\"x\" text); insert into \"Odd.Name\" values (1, 'a'), (20, 'b');";
    let target = "create schema \"My App\"; create table \"My App\".\"Odd.Name\"(\"the key\" int primary key, \"V\"\"x\" text) partition by range (\"the key\");
        create table \"My App\".low partition of \"My App\".\"Odd.Name\" for values from (0) to (10);
        create table \"My App\".high partition of \"My App\".\"Odd.Name\" for values from (10) to (100);
        insert into \"My App\".\"Odd.Name\" values (1, 'a'), (20, 'c');";
    let mut case = Case::new(source, target);
    case.options.schemas = vec!["My App".to_owned()];
    let evidence = case.verify();
    assert_eq!(evidence.tables[0].rows_loaded, 2);
    assert_eq!(evidence.differences[0].table, "My App.Odd.Name");
    assert_eq!(evidence.differences[0].key["the key"], 20);
}

#[test]
fn rejects_are_allowed_for_and_hide_nothing_else() {
    let source = "create table t(id integer primary key, v text);
        insert into t values (1, 'much too long'), (2, 'much too long'), (3, 'much too long'), (4, 'ok');";
    let target =
        "create table t(id int primary key, v varchar(4)); insert into t values (1, null), (3, 'much'), (4, 'ok');";
    let mut case = Case::new(source, target);
    assert_eq!(case.verify().differences_total, 3);
    let reject = |id: i64, action: Policy| Reject {
        table: "public.t".to_owned(),
        key: [("id".to_owned(), id.into())].into_iter().collect(),
        column: Some("v".to_owned()),
        storage: StorageClass::Text,
        value: Some("much too long".to_owned()),
        reason: "13 characters, but the column holds 4".to_owned(),
        action,
    };
    case.allowed =
        Allowed::from_rejects([reject(1, Policy::Null), reject(2, Policy::SkipRow), reject(3, Policy::Replace)]);
    let evidence = case.verify();
    assert_equal(&evidence);
    assert_eq!(evidence.tables[0].rows_rejected, 1);
    let told = evidence.findings.iter().find(|finding| finding.check == "rejects allowed for").unwrap();
    assert!(told.detail.starts_with("1 rows are not in the target and 2 cells"), "{told:?}");

    case.sql("update t set v = 'no' where id = 4; update t set v = 'x' where id = 1; insert into t values (2, 'a')");
    let evidence = case.verify();
    assert_eq!(evidence.differences_total, 3);
}

#[test]
fn many_differences_are_counted_exactly_and_listed_up_to_the_limit() {
    let source = "create table t(id integer primary key, d integer);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, i * 1000000 from n;";
    let target = "create table t(id int primary key, d interval); insert into t select i, make_interval(secs => i * 1e6) from generate_series(1, 5000) i;";
    let evidence = Case::new(source, target).verify();
    assert_eq!(evidence.differences_total, 5_000);
    assert_eq!(evidence.differences.len(), Evidence::LISTED);
    assert!(evidence.differences.is_sorted_by_key(|row| row.key["id"].as_i64()));
}

#[test]
fn a_wish_to_stop_ends_it_and_changes_nothing() {
    let source = "create table t(id integer primary key);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into t select i from n;";
    let case = Case::new(source, "create table t(id int primary key); insert into t select generate_series(1, 2000);");
    let (wish, control) = Control::new();
    wish.send(cutover::progress::Wish::Stop).unwrap();
    assert!(matches!(case.try_verify(&control), Err(VerifyError::Interrupted)));
}

#[test]
fn what_may_not_be_read_is_an_error_and_not_an_empty_table() {
    let mapping = Mapping::default();
    let address = Address::parse(&support::database()).unwrap();
    let (progress, _reports) = ProgressSink::new();
    let (_wish, control) = Control::new();
    let allowed = Allowed::default();
    let nowhere = Path::new("/nowhere/at/all.sqlite");
    let comparison = Comparison {
        source: nowhere,
        address: &address,
        run: "test",
        mapping: &mapping,
        allowed: &allowed,
        progress: &progress,
        control: &control,
    };
    let error = runtime().block_on(verify(&comparison)).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all.sqlite") && error.contains("take the snapshot again"), "{error}");
}

/// The hostile source under a policy: what a real copy left, and its rejects file.
fn hostile(policy: Policy) -> Option<(Case, u64)> {
    let data = support::realdata("oncall")?;
    let folder = tempfile::tempdir().unwrap();
    let url = support::database();
    support::psql_file(&url, &data.join("target-schema.sql"));
    support::psql_file(&url, &data.join("target-migration-rows.sql"));
    let source = folder.path().join("source.sqlite");
    std::fs::copy(data.join("source-hostile-orm.sqlite"), &source).unwrap();
    let rejects = folder.path().join("rejects.jsonl");
    // No nearest value exists for an integer that is too large.
    let columns = [("user_management_user.user_id".to_owned(), Policy::SkipRow)].into();
    let options = TransferOptions { on_reject: policy, columns, ..microseconds() };
    let address = Address::parse(&url).unwrap();
    let (progress, _reports) = ProgressSink::new();
    let (_wish, control) = Control::new();
    let job = Job {
        source: &source,
        address: &address,
        run: "hostile",
        options: &options,
        progress: &progress,
        control: &control,
        rejects_file: Some(&rejects),
        gate: None,
    };
    let total = runtime().block_on(async {
        let planned = plan(&job).await.unwrap();
        copy(&job, &planned).await.unwrap().rejects_total
    });
    let allowed = Allowed::read(&rejects).unwrap();
    Some((Case { url, source, options, allowed, _folder: folder }, total))
}

#[test]
fn what_a_copy_rejected_under_a_policy_is_expected_and_nothing_else() {
    for policy in [Policy::Replace, Policy::SkipRow] {
        let Some((mut case, rejects)) = hostile(policy) else { return };
        assert!(rejects >= 5, "{policy:?}: {rejects}");
        let evidence = case.verify();
        let own = |table: &str| table != "public.django_migrations";
        let differences: Vec<_> = evidence.differences.iter().filter(|row| own(&row.table)).collect();
        assert!(differences.is_empty(), "{policy:?}: {differences:?}");
        case.allowed = Allowed::default();
        let without = case.verify();
        let unexpected = without.differences.iter().filter(|row| own(&row.table)).count();
        assert!(unexpected >= 5, "{policy:?}: {unexpected}");
    }
}
