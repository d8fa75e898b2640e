//! The Data view's answers, from a real snapshot and a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use cutover::action::{Context, Secrets};
use cutover::connect::postgres::Address;
use cutover::evidence::{Evidence, IntervalUnit, Outcome, TableResult};
use cutover::inspect::{DataView, DatabaseInspect, Inspect as _, Query, RowPair, RowPick, RowsView};
use cutover::progress::{Control, ProgressSink};
use cutover::runbook::{Gate, Runbook, Service, Settings, Source, Step, Target, TransferOptions, settings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run that has taken its snapshot.
struct Case {
    context: Context,
    inspect: DatabaseInspect,
    url: String,
    _folder: tempfile::TempDir,
}

impl Case {
    fn new(source: &str, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot.sqlite");
        rusqlite::Connection::open(&path).unwrap().execute_batch(source).unwrap();
        let url = support::database();
        support::psql(&url, target);
        let step = Step {
            id: "snapshot".into(),
            settings: Settings::Snapshot(settings::Snapshot::default()),
            note: String::new(),
            gate: Gate::None,
            downtime: None,
        };
        let runbook = Runbook {
            name: "test".to_owned(),
            description: String::new(),
            parameters: Vec::new(),
            source: Source::on_host(path.clone()),
            target: Target::default(),
            service: Service::default(),
            transfer: TransferOptions {
                interval_units: [("*".to_owned(), IntervalUnit::Us)].into(),
                ..TransferOptions::default()
            },
            downtime_budget: None,
            steps: vec![step.clone()],
            point_of_no_return: None,
        };
        let outcome =
            Outcome { outputs: [("path".to_owned(), path.display().to_string())].into(), ..Outcome::default() };
        let (progress, _reports) = ProgressSink::new();
        let (_wish, control) = Control::new();
        let context = Context {
            run: "test".to_owned(),
            run_dir: folder.path().to_owned(),
            runbook: Arc::new(runbook),
            step,
            outcomes: Arc::new(BTreeMap::from([("snapshot".to_owned(), outcome)])),
            found: Arc::default(),
            target: Arc::new(Address::parse(&url).unwrap()),
            cluster: None,
            secrets: Secrets::default(),
            lose_writes: false,
            progress,
            control,
        };
        Self { context, inspect: DatabaseInspect::new(), url, _folder: folder }
    }

    fn ask(&self, query: &Query) -> DataView {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut view = DataView::default();
        runtime.block_on(self.inspect.answer(&self.context, query, &mut view));
        view
    }

    fn rows(&self, pick: RowPick, limit: usize) -> RowsView {
        let view = self.ask(&Query::Rows { table: "public.t".to_owned(), pick, limit });
        assert_eq!(view.error, None);
        view.rows.unwrap()
    }
}

const SOURCE: &str = "create table t(id integer primary key, title text, wait integer, at text, body text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 200)
    insert into t select i, 'plain ' || i, i * 1000000, '2024-05-06 07:08:09', '{\"a\":' || i || '}' from n;
    update t set title = 'Ünïcode' where id = 10; update t set title = '' where id = 11;
    update t set title = 'long ' || hex(zeroblob(300)) where id = 12;
    update t set title = null where id = 13; update t set wait = -5 where id = 14;
    update t set wait = 9223372036854775807 where id = 15; update t set at = '9999-12-31 23:59:59' where id = 16;
    update t set body = '[[[[[1]]]]]' where id = 17;";
const COLUMNS: &str = "id int primary key, title text, wait interval, at timestamptz, body jsonb";

fn loaded() -> String {
    format!(
        "create table t({COLUMNS});
         insert into t select i, 'plain ' || i, make_interval(secs => i), '2024-05-06 07:08:09Z', jsonb_build_object('a', i) from generate_series(1, 200) i;
         update t set title = 'Ünïcode' where id = 10; update t set title = '' where id = 11;
         update t set title = 'long ' || repeat('0', 600) where id = 12;
         update t set title = null where id = 13; update t set wait = '-5 us' where id = 14;
         update t set wait = '106751991 days 04:00:54.775807' where id = 15; update t set at = '9999-12-31 23:59:59Z' where id = 16;
         update t set body = '[[[[[1]]]]]' where id = 17;"
    )
}

fn because<'a>(rows: &'a RowsView, word: &str) -> &'a RowPair {
    let found = rows.rows.iter().find(|row| row.because.contains(word));
    found.unwrap_or_else(|| {
        panic!("no row because of {word}: {:?}", rows.rows.iter().map(|row| &row.because).collect::<Vec<_>>())
    })
}

#[test]
fn the_riskiest_rows_come_with_their_reasons_and_are_equal_on_both_sides() {
    let case = Case::new(SOURCE, &loaded());
    let rows = case.rows(RowPick::Riskiest, 50);
    assert_eq!(rows.columns, ["id", "title", "wait", "at", "body"]);
    for (word, id) in [
        ("negative wait", 14),
        ("huge wait", 15),
        ("boundary date at", 16),
        ("non-ASCII title", 10),
        ("deepest body", 17),
        ("longest title", 12),
        ("empty title", 11),
        ("null title", 13),
        ("largest id", 200),
    ] {
        assert_eq!(because(&rows, word).key["id"], id, "{word}");
    }
    for row in &rows.rows {
        assert_eq!(row.source, row.target, "{}", row.because);
        assert_eq!(row.differing, Vec::<usize>::new(), "{}", row.because);
    }
    let huge = because(&rows, "huge wait").source.as_ref().unwrap();
    assert_eq!(huge[2].as_deref(), Some("106751991 days 04:00:54.775807"));
}

#[test]
fn differing_cells_are_marked_and_rows_of_one_side_are_shown_alone() {
    let case = Case::new(SOURCE, &loaded());
    support::psql(
        &case.url,
        "update t set wait = '1 day' where id = 3; delete from t where id = 4; insert into t values (999)",
    );
    let rows = case.rows(RowPick::Differing, 10);
    let of = |id: i64| rows.rows.iter().find(|row| row.key["id"] == id).unwrap();
    assert_eq!(rows.rows.len(), 3);
    assert_eq!(of(3).differing, [2]);
    assert_eq!(of(3).source.as_ref().unwrap()[2].as_deref(), Some("00:00:03"));
    assert_eq!(of(3).target.as_ref().unwrap()[2].as_deref(), Some("1 day"));
    assert!(of(4).target.is_none() && of(4).source.is_some());
    assert!(of(999).source.is_none() && of(999).target.is_some());
}

#[test]
fn a_row_is_found_by_its_key_and_a_sample_is_the_same_for_the_same_seed() {
    let case = Case::new(SOURCE, &loaded());
    let row = &case.rows(RowPick::Key("42".to_owned()), 1).rows[0];
    assert_eq!((row.key["id"].as_i64(), row.source == row.target), (Some(42), true));
    let sample = case.rows(RowPick::Sample(7), 5);
    assert_eq!(sample.rows.len(), 5);
    assert_eq!(sample, case.rows(RowPick::Sample(7), 5));
    assert_ne!(sample, case.rows(RowPick::Sample(8), 5));
    assert_eq!(case.rows(RowPick::Key("4711".to_owned()), 1).rows, []);
    let view = case.ask(&Query::Rows { table: "public.t".to_owned(), pick: RowPick::Key("many".to_owned()), limit: 1 });
    assert!(view.error.unwrap().contains("no integer"));
}

#[test]
fn a_wrong_unit_is_seen_at_once_in_the_columns_buckets() {
    let case = Case::new(SOURCE, &loaded());
    support::psql(&case.url, "update t set wait = make_interval(secs => id * 1e6) where id not in (14, 15)");
    let column = case.ask(&Query::Column { table: "public.t".to_owned(), column: "wait".to_owned() }).column.unwrap();
    let labels = |buckets: &[(String, u64)]| buckets.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&column.source.buckets), labels(&column.target.buckets));
    let count = |buckets: &[(String, u64)], label: &str| buckets.iter().find(|(own, _)| own == label).unwrap().1;
    assert_eq!(count(&column.source.buckets, "1 s to 1 min"), 57);
    assert_eq!(count(&column.target.buckets, "1 s to 1 min"), 0);
    assert_eq!(count(&column.source.buckets, "1 to 100 years"), 0);
    assert!(count(&column.target.buckets, "1 to 100 years") > 100);
    assert_eq!((column.source.rows, column.source.nulls, column.source.distinct), (200, 0, 200));
    assert_eq!(column.source.min.as_deref(), Some("-1 days +23:59:59.999995"));
    assert_eq!(column.source.max, column.target.max);
}

#[test]
fn numbers_texts_and_years_have_buckets_too() {
    let case = Case::new(SOURCE, &loaded());
    for column in ["id", "title", "at", "body"] {
        let view = case.ask(&Query::Column { table: "public.t".to_owned(), column: column.to_owned() });
        assert_eq!(view.error, None);
        let column = view.column.unwrap();
        assert_eq!(column.source, column.target);
        assert_eq!(column.source.buckets.iter().map(|(_, count)| count).sum::<u64>() + column.source.nulls, 200);
    }
}

#[test]
fn tables_are_counted_on_both_sides() {
    let case = Case::new(SOURCE, &format!("create table t({COLUMNS}); insert into t values (1), (2)"));
    let view = case.ask(&Query::Tables);
    assert_eq!(view.error, None);
    assert_eq!((view.tables[0].source, view.tables[0].target, view.tables[0].equal), (200, 2, None));
}

#[test]
fn without_a_key_rows_are_found_by_their_content() {
    let source = "create table t(a integer, b text); insert into t values (1, 'x'), (2, 'é'), (3, null);";
    let case = Case::new(source, "create table t(a int, b text); insert into t values (1, 'x'), (2, 'é'), (4, null)");
    let rows = case.rows(RowPick::Riskiest, 10);
    assert!(because(&rows, "non-ASCII b").target.is_some());
    assert!(because(&rows, "null b").target.is_none());
    let differing = case.rows(RowPick::Differing, 10);
    assert_eq!(differing.rows.len(), 2);
}

#[test]
fn what_is_missing_is_said() {
    let mut case = Case::new(SOURCE, &loaded());
    case.context.outcomes = Arc::new(BTreeMap::new());
    assert!(case.ask(&Query::Tables).error.unwrap().contains("no snapshot"));
}

#[test]
fn a_table_that_a_running_step_has_locked_is_not_waited_for() {
    let case = Case::new(SOURCE, &loaded());
    case.ask(&Query::Tables);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let blocker = runtime.block_on(async {
        let client = Address::parse(&case.url).unwrap().connect("blocker").await.unwrap();
        client.batch_execute("begin; lock table t in access exclusive mode").await.unwrap();
        client
    });
    let begun = std::time::Instant::now();
    let view = case.ask(&Query::Rows { table: "public.t".to_owned(), pick: RowPick::Key("1".to_owned()), limit: 1 });
    assert!(view.error.unwrap().contains("a running step holds the table"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    drop(blocker);
}

/// A step that failed because both sides differ has found it all the same.
#[test]
fn a_table_is_marked_as_verify_found_it_whether_the_step_ended_well_or_not() {
    let mut case = Case::new(SOURCE, &loaded());
    assert_eq!(case.ask(&Query::Tables).tables[0].equal, None);
    for (digest, equal) in [("a", true), ("b", false)] {
        let table = TableResult {
            table: "public.t".to_owned(),
            rows_source: 200,
            rows_loaded: 200,
            digest_source: Some("a".to_owned()),
            digest_target: Some(digest.to_owned()),
            ..TableResult::default()
        };
        let evidence = Evidence { tables: vec![table], ..Evidence::default() };
        let found = [case.context.found.as_slice(), &[Arc::new(evidence)]].concat();
        case.context.found = Arc::new(found);
        assert_eq!(case.ask(&Query::Tables).tables[0].equal, Some(equal), "the last word counts");
    }
}
