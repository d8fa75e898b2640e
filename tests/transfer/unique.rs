//! Unique indexes whose equality only the server knows: over expressions, over part of a table, without regard to case. All that
//! collide are found in one pass, as with plain keys.

use crate::fixture::World;
use cutover::evidence::{Evidence, Policy};
use cutover::transfer::TransferError;

const TARGET: &str = "
create extension citext;
create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table e (id integer primary key, name varchar(40), team integer);
create unique index e_lower on e (lower(name), team);
create table p (id integer primary key, slug text, gone boolean not null);
create unique index p_live on p (slug) where not gone;
create table c (id integer primary key, mail citext unique);
create table l (id integer primary key, word text collate loose unique);
create table n (id integer primary key, code text);
create unique index n_code on n (coalesce(code, ''));
create table child (id integer primary key, mail citext references c (mail))";

const SOURCE: &str = "
create table e (id integer primary key, name text, team integer);
insert into e values (1, 'Ann', 1), (2, 'ann', 1), (3, 'ANN', 2), (4, null, 1), (5, null, 1), (6, 'aNN', 1);
create table p (id integer primary key, slug text, gone integer);
insert into p values (1, 'a', 0), (2, 'a', 1), (3, 'a', 1), (4, 'a', 0);
create table c (id integer primary key, mail text);
insert into c values (1, 'A@x'), (2, 'b@x'), (3, 'a@X');
create table l (id integer primary key, word text);
insert into l values (1, 'Straße'), (2, 'STRASSE'), (3, 'strasse');
create table n (id integer primary key, code text);
insert into n values (1, null), (2, ''), (3, 'x');
create table child (id integer primary key, mail text);
insert into child values (1, 'a@x'), (2, 'B@X'), (3, null)";

/// Table, row and index.
const COLLIDE: [(&str, u64, &str); 6] = [
    ("public.c", 3, "c_mail_key"),
    ("public.e", 2, "e_lower"),
    ("public.e", 6, "e_lower"),
    ("public.l", 3, "l_word_key"),
    ("public.n", 2, "n_code"),
    ("public.p", 4, "p_live"),
];

fn all_are_named(evidence: &Evidence) {
    let mut named: Vec<(&str, u64, &str)> = evidence
        .rejects
        .iter()
        .map(|reject| (reject.table.as_str(), reject.key["id"].as_u64().unwrap(), reject.reason.as_str()))
        .collect();
    named.sort_unstable();
    let found: Vec<_> = named.iter().map(|(table, id, _)| (*table, *id)).collect();
    assert_eq!(found, COLLIDE.map(|(table, id, _)| (table, id)), "{named:#?}");
    for ((_, _, reason), (_, _, index)) in named.iter().zip(COLLIDE) {
        assert!(reason.contains(index), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_collide_are_named_at_once_and_nothing_is_touched() {
    let world = World::of(SOURCE, TARGET);
    assert_eq!(world.plan().await.rejects.stopping, 6);
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    all_are_named(&evidence);
    assert_eq!(world.sql("select count(*) from e"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_skip_row_each_is_left_out_with_an_entry() {
    for jobs in [1, 2] {
        let mut world = World::of(SOURCE, TARGET);
        world.options.on_reject = Policy::SkipRow;
        world.options.jobs = Some(jobs);
        all_are_named(&world.copy().await);
        let left = "select string_agg(id::text, ',' order by id) from ";
        assert_eq!(
            ["e", "p", "c", "l", "n", "child"].map(|table| world.sql(&format!("{left}{table}"))),
            ["1,3,4,5", "1,2,3", "1,2", "1,2", "1,3", "1,2,3"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_null_a_cell_becomes_null_only_where_null_may_stand_twice() {
    let mut world = World::of(SOURCE, TARGET);
    world.options.on_reject = Policy::Null;
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    let stopping: Vec<_> = evidence.rejects.iter().filter(|reject| reject.action == Policy::Stop).collect();
    let tables: Vec<&str> = stopping.iter().map(|reject| reject.table.as_str()).collect();
    assert_eq!(tables, ["public.n", "public.p"], "NULL is the empty code, and `gone` is NOT NULL");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_cannot_hash_it_judges_at_the_load() {
    let source = "create table t (id integer primary key, n integer); insert into t values (1, 5), (2, 5)";
    let target = "create table t (id integer primary key, n integer); create unique index t_box on t ((n::bit(8)))";
    for policy in [Policy::Stop, Policy::SkipRow] {
        let mut world = World::of(source, target);
        world.options.on_reject = policy;
        let error = world.try_copy().await.unwrap_err().to_string();
        assert!(error.contains("t_box"), "{error}");
        assert_eq!(world.sql("select count(*) from t"), "0");
    }
}
