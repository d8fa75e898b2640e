//! Schemas that are seldom seen: partitions, generated and identity columns, cycles, odd names, types that only the server reads.

use crate::fixture::{World, similar};
use crate::support;
use cutover::evidence::{IntervalUnit, Policy};
use cutover::progress::Wish;
use cutover::transfer::{TransferError, saved};

pub const SOURCE: &str = r#"
      create table measure (day text not null, id integer, value real, primary key (day, id)) without rowid;
      insert into measure values ('2024-01-05', 1, 1.5), ('2024-02-05', 2, 2.5), ('2030-01-01', 3, 3.5);
      create table people (id integer primary key, mood text, boss integer, room integer, full text, tags text, spot text, span text, doc text);
      insert into people values (1, 'so "so"', 2, 1, 'ignored', '["a", "b, c", null]', '(1,2)', '[1,5)', 'hello world'),
                                (2, 'happy', 1, null, null, '[]', null, 'empty', null), (3, null, 3, 1, null, null, '(3.5, -4)', null, 'x');
      create table room (id integer primary key, owner integer, "sélect" text) strict;
      insert into room values (1, 3, 'ünïcode "quoted" \ back');
      create table PlainCase (Id integer primary key, SomeValue text); insert into PlainCase values (1, 'folded');"#;

pub const TARGET: &str = r#"
      create table measure (id bigint not null, day date not null, value double precision, primary key (day, id)) partition by range (day);
      create table measure_2024 partition of measure for values from ('2024-01-01') to ('2025-01-01');
      create table measure_rest partition of measure default;
      create type mood as enum ('so "so"', 'happy');
      create domain short as varchar(40) check (value <> '');
      create table people (id integer generated always as identity (start with 100) primary key, mood mood, boss integer references people,
        room integer, twice integer generated always as (id * 2) stored, tags text[], spot point, span int4range, doc short, search tsvector);
      create index people_search on people using gin (search);
      create trigger fill before insert on people for each row execute function tsvector_update_trigger(search, 'pg_catalog.english', doc);
      create table room (id integer primary key, owner integer references people deferrable initially deferred, "sélect" text);
      alter table people add foreign key (room) references room;
      create table plaincase (id integer primary key, somevalue text);
      create materialized view seen as select count(*) as n from people;
      "#;

#[tokio::test(flavor = "multi_thread")]
async fn partitions_identities_generated_columns_cycles_and_own_types_arrive() {
    let mut world = World::of(SOURCE, TARGET);
    world.options.exclude = vec!["people.full".to_owned()];
    let before = world.schema();
    let planned = world.plan().await;
    assert_eq!(planned.report.problems, []);
    assert_eq!(planned.rejects.total, 0, "{:#?}", planned.rejects.listed);
    world.copy().await;
    saved::settle(&world.address, &world.run).await.unwrap();
    similar(&world.schema(), &before);
    let holds = |sql: &str, expected: &str| assert_eq!(world.sql(sql), expected, "{sql}");
    holds(
        "select tableoid::regclass, id, day from measure order by id",
        "measure_2024|1|2024-01-05\nmeasure_2024|2|2024-02-05\nmeasure_rest|3|2030-01-01",
    );
    holds(
        "select id, mood, boss, room, twice, tags, spot, span, doc, search from people order by id",
        "1|so \"so\"|2|1|2|{a,\"b, c\",NULL}|(1,2)|[1,5)|hello world|'hello':1 'world':2\n2|happy|1||4|{}||empty||\n3||3|1|6||(3.5,-4)||x|'x':1",
    );
    holds("select id, owner, \"sélect\" from room", "1|3|ünïcode \"quoted\" \\ back");
    holds("select * from plaincase", "1|folded");
    holds("select n from seen", "3");
    holds("select nextval('people_id_seq')", "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_server_refuses_is_found_among_many() {
    let values: Vec<String> = (1..=300).map(|n| format!("({n}, '({n},{n})')")).collect();
    let source = format!(
        "create table t (id integer primary key, p text); insert into t values {}; update t set p = 'nowhere' where id in (77, 201)",
        values.join(", ")
    );
    let mut world = World::of(&source, "create table t (id integer primary key, p point)");
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    let keys: Vec<_> = evidence.rejects.iter().map(|reject| reject.key["id"].as_u64().unwrap()).collect();
    assert_eq!(keys, [77, 201]);
    assert!(evidence.rejects[0].reason.contains("nowhere"));
    world.options.on_reject = cutover::evidence::Policy::SkipRow;
    world.copy().await;
    assert_eq!(world.sql("select count(*), sum(id) from t"), format!("298|{}", 300 * 301 / 2 - 77 - 201));
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_and_names_that_could_be_either_are_asked_for() {
    let source = "create table t (id integer primary key, a text); insert into t values (1, 'x')";
    let target = "create schema \"Other one\"; create table \"Other one\".t (id integer primary key, a text); create table t (id integer primary key, a text)";
    let mut world = World::of(source, target);
    world.options.schemas = vec!["public".to_owned(), "Other one".to_owned()];
    let Err(TransferError::Undecided(message)) = world.try_copy().await else { panic!("not undecided") };
    assert!(message.contains("public.t") && message.contains("Other one.t"), "{message}");
    world.options.exclude = vec!["public.t".to_owned()];
    world.copy().await;
    assert_eq!(world.sql("select a from \"Other one\".t"), "x");
    assert_eq!(world.sql("select count(*) from public.t"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_that_differ_are_refused_with_both_named() {
    let source = "create table alembic_version (version_num varchar(32) primary key); insert into alembic_version values ('abc1');
                  create table t (id integer primary key); insert into t values (1)";
    let target = "create table alembic_version (version_num varchar(32) primary key); insert into alembic_version values ('def2');
                  create table t (id integer primary key)";
    let mut world = World::of(source, target);
    let Err(TransferError::Refused(message)) = world.try_copy().await else { panic!("not refused") };
    assert!(message.contains("abc1") && message.contains("def2"), "{message}");
    world.options.accept_levels = true;
    world.copy().await;
    assert_eq!(world.sql("select version_num from alembic_version"), "def2");
    world.sql("delete from alembic_version");
    world.options.accept_levels = false;
    let again = World { run: format!("{}-again", world.run), ..world };
    again.copy().await;
    assert_eq!(again.sql("select version_num from alembic_version"), "abc1", "an empty one is loaded like any other");
}

#[tokio::test(flavor = "multi_thread")]
async fn integers_under_dates_tell_their_unit_or_ask() {
    let source = "create table t (id integer primary key, at integer, mixed, odd integer);
       insert into t values (1, 1700000000123, '2024-01-01 00:00:00', 5)";
    let target = "create table t (id integer primary key, at timestamptz, mixed timestamp, odd timestamp)";
    let mut world = World::of(source, target);
    let Err(TransferError::Undecided(message)) = world.try_copy().await else { panic!("not undecided") };
    assert!(message.contains("public.t.odd") && !message.contains("public.t.at"), "{message}");
    world.options.interval_units = [("t.odd".to_owned(), IntervalUnit::S)].into();
    world.copy().await;
    assert_eq!(
        world.sql("set timezone = utc; select at, mixed, odd from t"),
        "2023-11-14 22:13:20.123+00|2024-01-01 00:00:00|1970-01-01 00:00:05"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integer_that_the_sample_of_a_date_column_missed_is_asked_for_before_anything_is_kept() {
    let source = "create table t (id integer primary key, at);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) insert into t select i, '2024-01-01 00:00:00' from n;
      insert into t values (3001, 1700000000123)";
    let world = World::of(source, "create table t (id integer primary key, at timestamp)");
    world.copy().await;
    assert_eq!(
        world.sql("select count(*), max(at) - '2023-11-14 22:13:20.123' >= '0' from t where id <> 3001"),
        "3000|t"
    );
    assert_eq!(world.sql("select at from t where id = 3001"), "2023-11-14 22:13:20.123");
    let odd = World::of(&source.replace("1700000000123", "7"), "create table t (id integer primary key, at timestamp)");
    let Err(TransferError::Undecided(message)) = odd.try_copy().await else { panic!("not undecided") };
    assert!(message.contains("public.t.at"), "{message}");
    assert_eq!(odd.sql("select count(*) from t"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_the_target_as_it_was() {
    let source = "create table t (id integer primary key, s text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) insert into t select i, 'row ' || i from n";
    let world =
        World::of(source, "create table t (id integer primary key, s text); insert into t values (0, 'former')");
    let before = (world.tables(), world.schema());
    world.wish.send(Wish::Stop).unwrap();
    assert!(matches!(world.try_copy().await, Err(TransferError::Interrupted(_))));
    world.wish.send(Wish::Run).unwrap();
    let (copied, ()) = tokio::join!(world.try_copy(), async {
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        world.wish.send(Wish::Stop).unwrap();
    });
    if copied.is_err() {
        assert!(matches!(copied, Err(TransferError::Interrupted(_))), "{copied:?}");
        assert_eq!((world.tables(), world.schema()), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_lock_is_waited_for() {
    let source = "create table t (id integer primary key); insert into t values (1)";
    let world = World::of(source, "create table t (id integer primary key)");
    let holder = world.address.connect("reader").await.unwrap();
    holder.batch_execute("begin; lock table t in access share mode").await.unwrap();
    let (copied, ()) = tokio::join!(world.try_copy(), async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        holder.batch_execute("rollback").await.unwrap();
    });
    assert_eq!(copied.unwrap().tables[0].rows_loaded, 1);
}

/// A cell of 64 MB, and rows on both sides of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_cell_arrives_whole() {
    let source = "create table t (id integer primary key, b blob, s text);
       insert into t values (1, x'01', 'before'), (2, zeroblob(64 * 1024 * 1024), 'huge'), (3, null, 'after')";
    let world = World::of(source, "create table t (id integer primary key, b bytea, s text)");
    world.copy().await;
    assert_eq!(world.sql("select id, length(b), s from t order by 1"), "1|1|before\n2|67108864|huge\n3||after");
}

/// PostgreSQL leaves a plain declaration out of what it sends of a stored value, and reads what it is sent in binary by the encoding that
/// the declaration names. The stored text shows both.
#[tokio::test(flavor = "multi_thread")]
async fn xml_is_stored_as_it_is_written_and_a_declaration_that_would_change_it_is_named() {
    let source = r#"create table t (id integer primary key, x text);
      insert into t values (1, '<?xml version="1.0"?><r>é</r>'), (2, '<r/>'), (3, 'no document'),
        (4, '<?xml version="1.0" encoding="utf-8" standalone="yes"?>' || char(10) || '<r>é</r>'),
        (5, '<?xml version=''1.0'' encoding=''ISO-8859-1''?><r>plain</r>'),
        (6, '<?xml version="1.0" encoding="ISO-8859-1"?><r>é</r>'), (7, '<?xml version="1.0" encoding="UTF-16"?><r/>'),
        (8, '<open>')"#;
    let mut world = World::of(source, "create table t (id integer primary key, x xml)");
    if world.sql("select count(*) from pg_config where name = 'CONFIGURE' and setting like '%--with-libxml%'") == "0" {
        return support::skipped("this PostgreSQL was built without libxml: it holds no xml");
    }
    world.options.on_reject = Policy::SkipRow;
    let evidence = world.copy().await;
    let refused: Vec<_> =
        evidence.rejects.iter().map(|reject| (reject.key["id"].as_u64().unwrap(), &reject.reason)).collect();
    assert_eq!(refused.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [6, 7, 8], "{refused:?}");
    assert!(refused[0].1.contains("ISO-8859-1"), "{refused:?}");
    let written = rusqlite::Connection::open(&world.source).unwrap();
    for id in 1..=5 {
        let text: String = written.query_row("select x from t where id = ?1", [id], |row| row.get(0)).unwrap();
        assert_eq!(world.sql(&format!("select x::text from t where id = {id}")), text);
    }
}
