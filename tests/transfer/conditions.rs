//! Check constraints and domains: all rows that break one are found in the pass that the plan makes, and left out or listed.

use crate::fixture::World;
use cutover::evidence::{Evidence, Policy};
use cutover::transfer::TransferError;

const TARGET: &str = "
create function even(n integer) returns boolean language plpgsql immutable as $$ begin
  if n = 666 then raise exception 'the number of the beast'; end if; return n % 2 = 0; end $$;
create domain positive as integer check (value > 0);
create domain small as positive check (value < 100);
create domain mail as text check (value ~ '^[^@]+@[^@]+$');
create table t (
  id integer primary key, n integer, d small, mail mail, a integer, b integer, tags text[], spot point, code varchar(10) not null,
  twice integer generated always as (n * 2) stored,
  constraint n_even check (even(n)),
  constraint in_order check (a <= b),
  constraint has_code check (code <> ''),
  constraint a_is_there check (a is not null),
  constraint few_tags check (cardinality(tags) < 3),
  constraint twice_small check (twice < 1000),
  constraint right_of check (spot is null or spot[0] > 0));
create table free (id integer primary key, s text)";

const SOURCE: &str = r#"
create table t (id integer primary key, n integer, d integer, mail text, a integer, b integer, tags text, spot text, code text);
insert into t values
  (1, 2, 5, 'a@b', 1, 2, '["x"]', '(1,2)', 'one'),
  (2, 3, 5, 'a@b', 1, 2, null, null, 'odd'),
  (3, 4, -5, 'a@b', 1, 2, null, null, 'negative'),
  (4, 4, 500, 'a@b', 1, 2, null, null, 'large'),
  (5, 4, null, 'nobody', 1, 2, null, null, 'mail'),
  (6, 4, null, null, 9, 2, null, null, 'order'),
  (7, null, null, null, 1, null, null, null, ''),
  (8, null, null, null, null, 1, null, null, 'no a'),
  (9, 666, null, null, 1, 1, null, null, 'beast'),
  (10, 8, 99, 'x@y', 1, 1, null, '(-1,2)', 'left'),
  (11, 8, 99, 'x@y', 1, 1, null, '(3,2)', 'last');
create table free (id integer primary key, s text); insert into free values (1, 'kept')"#;

/// Rows, with the constraint that each breaks.
const BROKEN: [(u64, &str); 9] = [
    (2, "n_even"),
    (3, "positive_check"),
    (4, "small_check"),
    (5, "mail_check"),
    (6, "in_order"),
    (7, "has_code"),
    (8, "a_is_there"),
    (9, "the number of the beast"),
    (10, "right_of"),
];

fn all_are_named(evidence: &Evidence) {
    let mut named: Vec<(u64, &str)> =
        evidence.rejects.iter().map(|reject| (reject.key["id"].as_u64().unwrap(), reject.reason.as_str())).collect();
    named.sort_unstable();
    assert_eq!(named.iter().map(|(id, _)| *id).collect::<Vec<_>>(), BROKEN.map(|(id, _)| id), "{named:#?}");
    for ((_, reason), (id, expected)) in named.iter().zip(BROKEN) {
        assert!(reason.contains(expected), "{id}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_break_a_check_or_a_domain_are_named_at_once_and_nothing_is_touched() {
    let world = World::of(SOURCE, TARGET);
    let planned = world.plan().await;
    assert_eq!((planned.rejects.total, planned.rejects.stopping), (9, 9));
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    all_are_named(&evidence);
    assert_eq!(evidence.rejects, planned.rejects.listed);
    assert_eq!(world.sql("select count(*) from t"), "0");
    let reject = evidence.rejects.iter().find(|reject| reject.key["id"] == 6).unwrap();
    assert_eq!((reject.column.as_deref(), reject.value.as_deref()), (Some("a, b"), Some("9, 2")));
    assert!(reject.reason.contains("a <= b"), "{}", reject.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_skip_row_each_is_left_out_with_an_entry() {
    let mut world = World::of(SOURCE, TARGET);
    world.options.on_reject = Policy::SkipRow;
    let evidence = world.copy().await;
    all_are_named(&evidence);
    assert_eq!(world.sql("select string_agg(id::text, ',' order by id) from t"), "1,11");
    assert_eq!(world.sql("select s from free"), "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_null_a_cell_becomes_null_only_where_null_fulfils_the_check() {
    let mut world = World::of(SOURCE, TARGET);
    world.options.on_reject = Policy::Null;
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    let mut stopping: Vec<u64> = evidence
        .rejects
        .iter()
        .filter(|reject| reject.action == Policy::Stop)
        .map(|reject| reject.key["id"].as_u64().unwrap())
        .collect();
    stopping.sort_unstable();
    assert_eq!(stopping, [6, 7, 8], "two columns, NOT NULL, and a check that NULL breaks");
    assert!(evidence.rejects.iter().filter(|reject| reject.action == Policy::Stop).all(|r| r.reason.contains("NULL")));
    for column in ["a", "code"] {
        world.options.columns.insert(format!("t.{column}"), Policy::SkipRow);
    }
    world.copy().await;
    assert_eq!(
        world.sql("select string_agg(concat_ws(':', id, n, d), ',' order by id) from t"),
        "1:2:5,2:5,3:4,4:4,5:4,9,10:8:99,11:8:99"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_break_a_check_over_arrays_are_named_at_once() {
    let source = "create table t (id integer primary key, tags text, names text, n integer);
      with recursive r(i) as (select 1 union all select i + 1 from r where i < 9000)
        insert into t select i, '[1,' || i || ']', iif(i % 2, null, '[\"a\",null]'), i from r;
      update t set tags = '[1,2,3]' where id in (3, 8999)";
    let target = "create table t (id integer primary key, tags integer[], names text[], n integer,
      check (cardinality(tags) < 3 and (names is null or n > 0)))";
    let mut world = World::of(source, target);
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    let keys: Vec<_> = evidence.rejects.iter().map(|reject| reject.key["id"].as_u64().unwrap()).collect();
    assert_eq!(keys, [3, 8_999]);
    assert_eq!(world.sql("select count(*) from t"), "0");
    world.options.on_reject = Policy::SkipRow;
    assert_eq!(world.copy().await.rejects_total, 2);
    assert_eq!(world.sql("select count(*), max(n), count(names) from t"), "8998|9000|4500");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_over_a_column_that_is_not_loaded_is_left_to_the_server_and_the_row_still_named() {
    let source = "create table t (id integer primary key, n integer); insert into t values (1, 4), (2, 6)";
    let target = "create table t (id integer primary key, n integer, most integer default 5, check (n < most))";
    let world = World::of(source, target);
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    assert_eq!(evidence.rejects[0].key["id"], 2);
    assert_eq!(world.sql("select count(*) from t"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_check_is_found_wherever_it_stands_among_many_rows() {
    let source = "create table t (id integer primary key, s text, n integer);
      with recursive r(i) as (select 1 union all select i + 1 from r where i < 40000) insert into t select i, 'row number ' || i, i from r;
      update t set n = -n where id in (1, 20000, 39999, 40000)";
    let world = World::of(source, "create table t (id integer primary key, s text, n integer check (n > 0))");
    let planned = world.plan().await;
    let keys: Vec<_> = planned.rejects.listed.iter().map(|reject| reject.key["id"].as_u64().unwrap()).collect();
    assert_eq!(keys, [1, 20_000, 39_999, 40_000]);
}
