//! What only a new server has: keys that are not enforced, keys over periods, columns that are computed when read, NOT NULL with a name.

use crate::fixture::{World, similar};
use crate::support::{self, psql, server, skipped};
use cutover::progress::{Control, ProgressSink};
use cutover::transfer::saved;
use cutover::verify::{Allowed, Comparison, verify};

fn is_eighteen() -> bool {
    let version: u32 = psql(&server().url("postgres"), "show server_version_num").parse().unwrap();
    if version < 180_000 {
        skipped("the newest PostgreSQL here is older than 18: what only that has is not tested");
    }
    version >= 180_000
}

const TARGET: &str = "
create extension if not exists btree_gist;
create table room (id integer, open daterange, name text, primary key (id, open without overlaps));
create table booking (id integer primary key, room integer, during daterange, days integer,
  nights integer generated always as (days - 1) virtual,
  label text constraint has_label not null,
  foreign key (room, period during) references room (id, period open));
create table note (id integer primary key, booking integer references booking not enforced, n integer,
  constraint never check (n > 100) not enforced);
create table late (id integer primary key, s text);
alter table late add constraint s_there not null s not valid;
create index on booking (room)";

const SOURCE: &str = "
create table room (id integer, open text, name text);
insert into room values (1, '[2024-01-01,2024-02-01)', 'winter'), (1, '[2024-02-01,2024-03-01)', 'spring'), (2, '[2024-01-01,2024-02-01)', null);
create table booking (id integer primary key, room integer, during text, days integer, label text);
insert into booking values (1, 1, '[2024-01-20,2024-02-10)', 21, 'across both'), (2, 2, '[2024-01-05,2024-01-06)', 1, 'one');
create table note (id integer primary key, booking integer, n integer);
insert into note values (1, 1, 5), (2, 99, 6);
create table late (id integer primary key, s text); insert into late values (1, 'there')";

#[tokio::test(flavor = "multi_thread")]
async fn what_version_18_brought_arrives_stays_and_is_proved() {
    if !is_eighteen() {
        return;
    }
    let world = World::of(SOURCE, TARGET);
    let before = world.schema();
    let planned = world.plan().await;
    assert_eq!((planned.report.problems.len(), planned.rejects.total), (0, 0), "{:#?}", planned.rejects.listed);
    world.copy().await;
    saved::settle(&world.address, &world.run).await.unwrap();
    similar(&world.schema(), &before);
    assert_eq!(
        world.sql("select string_agg(concat_ws(':', id, nights, label), ',' order by id) from booking"),
        "1:20:across both,2:0:one"
    );
    assert_eq!(
        world.sql("select count(*) from note where booking = 99"),
        "1",
        "a key that is not enforced keeps nobody out"
    );
    let ((progress, _reports), (_wish, control)) = (ProgressSink::new(), Control::new());
    let allowed = Allowed::default();
    let comparison = Comparison {
        source: &world.source,
        address: &world.address,
        run: &world.run,
        mapping: &world.decide().await.mapping,
        allowed: &allowed,
        progress: &progress,
        control: &control,
    };
    let evidence = verify(&comparison).await.unwrap();
    assert_eq!(evidence.differences_total, 0, "{:#?}", evidence.differences);
    let bad: Vec<_> =
        evidence.findings.iter().filter(|finding| finding.verdict != cutover::evidence::Verdict::Passed).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_outside_its_period_is_refused_and_named() {
    if !is_eighteen() {
        return;
    }
    let source = format!("{SOURCE}; insert into booking values (3, 2, '[2024-01-20,2024-02-10)', 21, 'too long')");
    let world = World::of(&source, TARGET);
    let error = world.try_copy().await.unwrap_err().to_string();
    assert!(error.contains("booking_room_during_fkey"), "{error}");
    assert_eq!(world.sql("select count(*) from booking"), "0");
    assert!(
        support::psql(&world.url, "select conname from pg_constraint where conperiod and contype = 'f'")
            .contains("booking_room")
    );
}
