//! What the copy takes off comes back exactly, and what it must not touch it does not.

use crate::fixture::{World, similar};
use crate::support;
use cutover::connect::postgres::Address;
use cutover::transfer::{self, TransferError, saved};

/// Every property that a schema dump or its flags can show, on tables large enough for indexes to come off.
pub const TARGET: &str = r#"
create table parent (id bigint generated always as identity primary key, code text not null, note text);
create unique index parent_code on parent (code);
create table child (
  id serial primary key, parent_id bigint, other_id bigint, self_id integer, word text, flag boolean not null default true,
  constraint child_word_key unique (word) deferrable initially deferred);
create index child_parent on child (parent_id) with (fillfactor = 70);
create index child_lower on child (lower(word), self_id desc nulls last) include (flag) where flag;
alter index child_lower alter column 1 set statistics 500;
create index child_clustered on child (self_id);
alter table child cluster on child_clustered;
comment on index child_parent is 'it''s a \ comment';
comment on constraint child_word_key on child is 'unique words';
create unique index parent_identity on parent (id, code);
alter table parent replica identity using index parent_identity;
alter table child add constraint child_parent_fk foreign key (parent_id) references parent (id) deferrable initially deferred;
alter table child add constraint child_other_fk foreign key (other_id) references parent (id) on delete cascade not valid;
alter table child add constraint child_self_fk foreign key (self_id) references child (id);
comment on constraint child_parent_fk on child is 'to the parent';
create table "Odd ""Name"".x" ("a.b" integer, "c d" text, "order" text, constraint "odd "" key" primary key ("a.b"));
create table left_alone (id integer primary key, note text);
insert into left_alone values (1, 'stays');
create function shout() returns trigger language plpgsql as $$ begin raise exception 'a trigger fired'; end $$;
create trigger plain before insert on child for each row execute function shout();
create trigger always after insert on child for each row execute function shout();
create trigger disabled before insert on child for each row execute function shout();
create trigger on_replica before insert on child for each row execute function shout();
create trigger on_truncate before truncate on child execute function shout();
alter table child enable always trigger always;
alter table child disable trigger disabled;
alter table child enable replica trigger on_replica;
insert into parent (code) values ('former');
"#;

pub fn source(children: u64) -> String {
    format!(
        r#"create table parent (id integer primary key autoincrement, code text not null, note text);
        insert into parent select value, 'code ' || value, null from generate_series(1, 1000);
        insert into parent values (1500, 'gone', null); delete from parent where id = 1500;
        create table child (id integer primary key, parent_id integer, other_id integer, self_id integer, word text, flag integer not null);
        insert into child select value, 1 + value % 1000, 1 + value % 7, nullif({children} + 1 - value, value), 'wörd ' || value, value % 2
          from generate_series(1, {children});
        create table "Odd ""Name"".x" ("a.b" integer primary key, "c d" text, "order" text);
        insert into "Odd ""Name"".x" values (7, 'seven', 'o'), (-3, null, '');
        create view seen as select * from child;"#
    )
    .replace("generate_series(1, 1000)", &series(1000))
    .replace(&format!("generate_series(1, {children})"), &series(children))
}

/// The bundled SQLite has no `generate_series`.
fn series(up_to: u64) -> String {
    format!(
        "(with recursive n(value) as (select 1 union all select value + 1 from n where value < {up_to}) select value from n)"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_came_off_is_back() {
    for children in [120_000, 50] {
        let world = World::of(&source(children), TARGET);
        let before = world.schema();
        let evidence = world.copy().await;
        assert_eq!(world.sql("select count(*), min(id), max(self_id) from child"), format!("{children}|1|{children}"));
        assert_eq!(world.sql("select * from \"Odd \"\"Name\"\".x\" order by 1"), "-3||\n7|seven|o");
        assert_eq!(world.sql("select * from left_alone"), "1|stays");
        assert_eq!(world.sql("select last_value, is_called from parent_id_seq"), "1500|t");
        assert_eq!(world.sql("select last_value, is_called from child_id_seq"), format!("{children}|t"));
        assert_eq!(evidence.tables.iter().map(|table| table.rows_loaded).sum::<u64>(), 1000 + children + 2);
        saved::settle(&world.address, &world.run).await.unwrap();
        similar(&world.schema(), &before);
        assert_eq!(world.sql("select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
    }
}

/// A view that groups by a primary key lives by it; that key has to stay.
const KEYED: &str = r#"
create table event (day date, n integer, note text, constraint "event ""key" primary key (n, day) include (note));
comment on constraint "event ""key" on event is 'n''s';
comment on index "event ""key" is 'its index';
alter table event cluster on "event ""key";
create table seen (id serial primary key, note text);
create view by_key as select id, note from seen group by id;
create publication told for table event, seen;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_key_that_came_off_is_back_and_one_that_a_view_needs_stays() {
    let rows = series(100_000);
    let source = format!(
        "create table event (day text, n integer, note text, primary key (n, day)) without rowid;
         insert into event select '2024-02-29', value, null from {rows};
         create table seen (id integer primary key, note text);
         insert into seen select value, 'né' from {rows};"
    );
    let indexes = "select indexrelid::regclass::text, indexrelid from pg_index where indrelid in ('event'::regclass, 'seen'::regclass) order by 1";
    for jobs in [1, 2] {
        let mut world = World::of(&source, KEYED);
        world.options.jobs = Some(jobs);
        let (before, stood) = (world.schema(), world.sql(indexes));
        world.copy().await;
        saved::settle(&world.address, &world.run).await.unwrap();
        similar(&world.schema(), &before);
        let stands = world.sql(indexes);
        let is_new: Vec<bool> = stood.lines().zip(stands.lines()).map(|(was, is)| was != is).collect();
        assert_eq!(is_new, [true, false], "--jobs {jobs}: {stood}\n{stands}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_in_is_not_made_again() {
    let world = World::of(&source(10), TARGET);
    let first = world.copy().await;
    world.sql("update parent set note = 'written since' where id = 1");
    let second = world.copy().await;
    assert_eq!(first, second);
    assert_eq!(world.sql("select note from parent where id = 1"), "written since");
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_rows_come_back_to_the_byte() {
    let world = World::of(&source(50), TARGET);
    world.sql("insert into parent (code, note) select 'c' || n, E'\\t' || n from generate_series(1, 20) n");
    world.sql("update parent set note = null where id = 3; select setval('child_id_seq', 77, false)");
    world.sql("alter table child disable trigger always, disable trigger on_replica");
    world.sql(
        "set session_replication_role = replica; insert into child (parent_id, word) values (1, 'a'), (null, 'b')",
    );
    world.sql("alter table child enable always trigger always, enable replica trigger on_replica");
    let (rows, schema) = (world.tables(), world.schema());
    let sequences = "select * from (select last_value, is_called from parent_id_seq union all select last_value, is_called from child_id_seq) s";
    let stood = world.sql(sequences);
    let mapping = world.decide().await.mapping;
    let kept = saved::save(&world.job(), &mapping).await.unwrap();
    assert_eq!(saved::save(&world.job(), &mapping).await.unwrap(), kept);
    saved::verify_saved(&world.job(), &kept).await.unwrap();
    world.copy().await;
    assert_ne!(world.tables(), rows);
    for _ in 0..2 {
        saved::restore(&world.job(), &kept).await.unwrap();
        assert_eq!(world.tables(), rows);
        assert_eq!(world.sql(sequences), stood);
    }
    assert_eq!(world.copy().await.tables.len(), 3, "after an undo the copy is made anew");
    saved::restore(&world.job(), &kept).await.unwrap();
    saved::forget(&world.address, &world.run).await.unwrap();
    similar(&world.schema(), &schema);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_owner_is_enough() {
    let world = World::of(&source(120_000), "create table nothing ()");
    let role = format!("owner_{}", world.run.replace('-', "_"));
    let database = world.sql("select current_database()");
    world.sql(&format!("create role {role} login password 'secret' nosuperuser; grant create on database {database} to {role}; grant create on schema public to {role}"));
    let url = world.url.replacen("postgres://postgres:", &format!("postgres://{role}:"), 1);
    let password = support::server().password();
    let url = url.replacen(password, "secret", 1);
    support::psql(&url, TARGET);
    support::psql(
        &url,
        "alter table child enable row level security; alter table child force row level security;
                         create policy nobody on child using (false)",
    );
    let before = world.schema();
    let world = World { address: Address::parse(&url).unwrap(), ..world };
    let evidence = world.copy().await;
    assert_eq!(evidence.rejects_total, 0);
    assert_eq!(world.sql("select count(*) from child"), "120000");
    saved::settle(&world.address, &world.run).await.unwrap();
    similar(&world.schema(), &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_somebody_else_is_refused_before_anything() {
    let world = World::of(
        "create table a (id integer primary key); insert into a values (1)",
        "create table a (id integer primary key)",
    );
    let role = format!("guest_{}", world.run.replace('-', "_"));
    world.sql(&format!("create role {role} login password 'secret'; grant all on a to {role}"));
    let url = world.url.replacen("postgres://postgres:", &format!("postgres://{role}:"), 1);
    let url = url.replacen(support::server().password(), "secret", 1);
    let world = World { address: Address::parse(&url).unwrap(), ..world };
    let Err(TransferError::Refused(message)) = world.try_copy().await else { panic!("not refused") };
    assert!(message.contains("owned by postgres"), "{message}");
    assert!(message.contains("GRANT CREATE ON DATABASE"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_outside_that_refers_inside_is_named() {
    let source = "create table a (id integer primary key); insert into a values (1)";
    let target = "create table a (id integer primary key); create table outside (a_id integer references a)";
    let world = World::of(source, target);
    let before = world.schema();
    world.copy().await;
    saved::settle(&world.address, &world.run).await.unwrap();
    similar(&world.schema(), &before);
    world.sql("insert into outside values (1)");
    let Err(TransferError::Refused(message)) = world.try_copy().await else { panic!("not refused") };
    assert!(message.contains("public.outside") && message.contains("outside_a_id_fkey"), "{message}");
    assert_eq!(world.sql("select * from a"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_of_a_target_loaded_otherwise_are_reset() {
    let world = World::of(&source(10), TARGET);
    world.copy().await;
    world.sql("select setval('child_id_seq', 1, false)");
    let mapping = world.decide().await.mapping;
    let client = world.address.connect("test").await.unwrap();
    let tables: Vec<_> = mapping.tables.iter().map(|table| table.target.clone()).collect();
    let stood = transfer::sequences(&client, &tables).await.unwrap();
    let evidence = transfer::reset_sequences(&world.job(), &mapping).await.unwrap();
    assert_eq!(evidence.findings.len(), 2);
    assert_eq!(world.sql("select last_value, is_called from child_id_seq"), "10|t");
    transfer::restore_sequences(&client, &stood).await.unwrap();
    assert_eq!(world.sql("select last_value, is_called from child_id_seq"), "1|f");
}
