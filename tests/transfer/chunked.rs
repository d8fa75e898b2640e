//! The copy in chunks: equal to the atomic one in rows, structure, sequences and evidence, and it goes on from wherever it was left.

use crate::fixture::{World, similar};
use crate::target_as_before::{TARGET, source};
use cutover::evidence::{Evidence, LoadMode, Policy};
use cutover::progress::{ProgressSink, Report, Wish};
use cutover::transfer::{TransferError, saved};
use std::time::{Duration, Instant};

/// All that two copies of the same source have to agree in, whatever their mode: times and the plan's own words on the mode differ.
fn essence(evidence: &Evidence) -> Evidence {
    let mut evidence = evidence.clone();
    evidence.plan = None;
    evidence.tables.sort_by(|one, two| one.table.cmp(&two.table));
    evidence.findings.sort_by(|one, two| one.check.cmp(&two.check));
    for table in &mut evidence.tables {
        // The header and trailer of each COPY are counted.
        (table.seconds, table.bytes) = (0.0, 0);
    }
    evidence
}

const SEQUENCES: &str = "select sequencename, last_value from pg_sequences where schemaname = 'public' order by 1";

/// Copies `world`'s source in one transaction into a target of its own, for comparison.
async fn atomic(world: &World, target: &str) -> (World, Evidence) {
    let url = crate::support::database();
    crate::support::psql(&url, target);
    let mut atomic = World::new(&world.source, &url);
    atomic.options.clone_from(&world.options);
    atomic.options.jobs = Some(1);
    let evidence = atomic.copy().await;
    assert_eq!(evidence.plan.as_ref().unwrap().load.mode, LoadMode::Atomic);
    (atomic, evidence)
}

fn is_as(world: &World, atomic: &World, structure: &str) {
    assert_eq!(world.tables(), atomic.tables());
    assert_eq!(world.sql(SEQUENCES), atomic.sql(SEQUENCES));
    similar(&world.schema(), structure);
    assert_eq!(world.sql("select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
}

fn in_chunks(source: &str, target: &str, rows: u64) -> World {
    let mut world = World::of(source, target);
    world.options.jobs = Some(2);
    world.options.chunk_rows = Some(rows);
    world
}

async fn settle(world: &World) {
    saved::settle(&world.address, &world.run).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_came_off_is_back_and_all_is_as_after_one_transaction() {
    for (children, rows) in [(120_000, 7_000), (50, 7)] {
        let world = in_chunks(&source(children), TARGET, rows);
        let structure = world.schema();
        let planned = world.decide().await.report.load;
        let chunks = children.div_ceil(rows) + 1_000_u64.div_ceil(rows) + 1;
        assert_eq!((planned.mode, planned.connections, planned.chunks), (LoadMode::Chunked, 2, chunks));
        let evidence = world.copy().await;
        let (atomic, expected) = atomic(&world, TARGET).await;
        assert_eq!(essence(&evidence), essence(&expected));
        assert_eq!(world.sql("select * from left_alone"), "1|stays");
        let again = world.copy().await;
        assert_eq!(again, evidence, "the ledger answers a second time");
        settle(&world).await;
        is_as(&world, &atomic, &structure);
    }
}

/// Keys of every kind by which a source can be read in order, or cannot.
const KEYS: &str = r#"
create table sparse (id integer primary key, s text);
insert into sparse values (-9223372036854775808, 'low'), (-5, 'a'), (0, 'b'), (7, 'c'), (8, 'd'), (9223372036854775807, 'high');
create table no_key (s text); insert into no_key values ('x'), ('x'), ('y'), (null), ('z');
create table taken (rowid text, s text); insert into taken values ('b', '1'), ('a', '2'), ('c', '3');
create table all_taken (rowid text, _rowid_ text, oid text); insert into all_taken values ('b', '1', 'p'), ('a', '2', 'q'), ('c', '3', 'r');
create table pair (a text, b integer, s text, primary key (b, a)) without rowid;
insert into pair values ('x', 2, 'p'), ('y', 1, 'q'), ('x', 1, 'r'), ('', 3, 's'), ('z', 1, 't'), ('ä', 1, 'u');
create table folded (a text collate nocase primary key, s text) without rowid;
insert into folded values ('b', '1'), ('A', '2'), ('C', '3'), ('d', '4'), ('E', '5');
create table down (a integer, b integer, primary key (a desc, b)) without rowid;
insert into down values (1, 1), (1, 2), (2, 1), (3, 1), (3, 0);
create table mixed (k blob primary key, s text) without rowid;
insert into mixed values (x'00', '1'), (x'ff', '2'), (x'0001', '3'), (x'', '4');
create table "nothing" (id integer primary key, s text);
create table one (id integer primary key, s text); insert into one values (1, 'only');
"#;

const KEYS_TARGET: &str = r#"
create table sparse (id bigint primary key, s text); create table no_key (s text);
create table taken (rowid text, s text); create table all_taken (rowid text, _rowid_ text, oid text);
create table pair (a text, b integer, s text, primary key (b, a)); create table folded (a text primary key, s text);
create table down (a integer, b integer, primary key (a, b)); create table mixed (k bytea primary key, s text);
create table "nothing" (id integer primary key, s text); create table one (id integer primary key, s text);
insert into "nothing" values (1, 'former'); insert into no_key values ('former');
"#;

#[tokio::test(flavor = "multi_thread")]
async fn chunks_meet_without_gap_or_overlap_whatever_the_key() {
    for rows in [1, 2, 3, 100] {
        let world = in_chunks(KEYS, KEYS_TARGET, rows);
        let structure = world.schema();
        let evidence = world.copy().await;
        let (atomic, expected) = atomic(&world, KEYS_TARGET).await;
        assert_eq!(essence(&evidence), essence(&expected));
        settle(&world).await;
        is_as(&world, &atomic, &structure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seldom_seen_schemas_arrive_as_in_one_transaction() {
    let mut world = in_chunks(crate::unusual::SOURCE, crate::unusual::TARGET, 1);
    world.options.exclude = vec!["people.full".to_owned()];
    let structure = world.schema();
    let evidence = world.copy().await;
    let (atomic, expected) = atomic(&world, crate::unusual::TARGET).await;
    assert_eq!(essence(&evidence), essence(&expected));
    assert_eq!(world.sql("select n from seen"), "3");
    settle(&world).await;
    is_as(&world, &atomic, &structure);
}

/// Orphans, duplicates and cells that do not fit, over many chunks.
fn with_rejects() -> (String, &'static str) {
    let source = "create table a (id integer primary key, n, word text);
       with recursive i(i) as (select 1 union all select i + 1 from i where i < 100)
         insert into a select i, case i % 10 when 3 then 'bad' else i end, 'w' || (i % 97) from i;
       create table b (id integer primary key, a_id integer, point text);
       with recursive i(i) as (select 1 union all select i + 1 from i where i < 200)
         insert into b select i, i % 120, case i % 50 when 7 then 'nowhere' else '(1,2)' end from i;"
        .to_owned();
    let target = "create table a (id integer primary key, n integer, word text unique);
       create table b (id integer primary key, a_id integer references a, point point)";
    (source, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_those_of_one_transaction_under_every_policy() {
    let (source, target) = with_rejects();
    for policy in [Policy::SkipRow, Policy::Null, Policy::Replace, Policy::Stop] {
        let mut world = in_chunks(&source, target, 9);
        world.options.on_reject = policy;
        if policy == Policy::Replace {
            world.options.columns =
                ["a.n", "a.word", "b.a_id", "b.point"].map(|name| (name.to_owned(), Policy::SkipRow)).into();
        }
        let (before, structure) = (world.tables(), world.schema());
        let copied = world.try_copy().await;
        let url = crate::support::database();
        crate::support::psql(&url, target);
        let mut one = World::new(&world.source, &url);
        one.options.clone_from(&world.options);
        one.options.jobs = Some(1);
        match (copied, one.try_copy().await) {
            (Ok(chunked), Ok(atomic)) => {
                assert_eq!(essence(&chunked), essence(&atomic), "{policy:?}");
                assert!(chunked.rejects_total > 20, "{policy:?}");
                settle(&world).await;
                is_as(&world, &one, &structure);
            }
            (Err(TransferError::Rejected { evidence, .. }), Err(TransferError::Rejected { evidence: atomic, .. })) => {
                assert_eq!(evidence, atomic, "{policy:?}");
                assert_eq!((world.tables(), world.schema()), (before, structure), "nothing was touched");
            }
            (chunked, atomic) => panic!("{policy:?}: {chunked:?} and {atomic:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_failed_is_loaded_again_without_touching_the_others() {
    let source = "create table good (id integer primary key, s text); create table bad (id integer primary key, n integer);
       with recursive i(i) as (select 1 union all select i + 1 from i where i < 40) insert into good select i, 's' || i from i;
       insert into bad select id, case id when 15 then -3 else id end from good";
    let target =
        "create table good (id integer primary key, s text); create table bad (id integer primary key, n integer);
       alter table bad add constraint bad_size exclude using btree (abs(n) with =)";
    let world = in_chunks(source, target, 10);
    let structure = world.schema();
    let Err(TransferError::Rejected { evidence, message }) = world.try_copy().await else { panic!("not rejected") };
    // An exclusion is judged at the load only; which of the two rows came second depends on which chunk did.
    assert!([3, 15].iter().any(|id| evidence.rejects[0].key["id"] == *id), "{message}");
    assert!(message.contains("cutover resume"), "{message}");
    let chunks = "select entry, at from {}.ledger where entry like 'table/public.good/%' order by 1";
    let chunks = chunks.replace("{}", &format!("cutover_{}", world.run.replace('-', "_")));
    let rows = "select id, xmin from good order by 1";
    let (loaded, stood) = (world.sql(&chunks), world.sql(rows));
    world.sql("alter table bad drop constraint bad_size");
    let evidence = world.copy().await;
    let again: Vec<String> = world.sql(rows).lines().map(str::to_owned).collect();
    assert!(stood.lines().all(|row| again.contains(&row.to_owned())), "rows that were in were loaded again");
    assert!(loaded.lines().count() <= 5);
    assert_eq!(evidence.tables.iter().map(|table| table.rows_loaded).sum::<u64>(), 80);
    assert_eq!(world.sql("select count(*), min(n) from bad"), "40|-3");
    settle(&world).await;
    assert_ne!(world.schema(), structure, "the operator's own change stays the operator's");
}

/// Stops a copy once `done` says so, by what the ledger has; a stop is obeyed with everything in the ledger.
async fn stop_when(world: &World, done: &str) {
    let sql = format!("select coalesce((select {done} from {}.ledger), false)", ledger(world));
    let (copied, ()) = tokio::join!(world.try_copy(), async {
        let since = Instant::now();
        while !exists(world) || tokio::task::block_in_place(|| world.sql(&sql)) != "t" {
            assert!(since.elapsed() < Duration::from_secs(60), "never {done}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        world.wish.send_replace(Wish::Stop);
    });
    assert!(matches!(copied, Err(TransferError::Interrupted(_))), "{copied:?}");
    world.wish.send_replace(Wish::Run);
}

fn ledger(world: &World) -> String {
    format!("cutover_{}", world.run.replace('-', "_"))
}

fn exists(world: &World) -> bool {
    tokio::task::block_in_place(|| world.sql(&format!("select to_regclass('{}.ledger') is not null", ledger(world))))
        == "t"
}

const HALF: &str = "count(*) filter (where entry like 'table/public.child/%') > 4";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_contradicts_its_ledger_is_refused_with_the_numbers() {
    let world = in_chunks(&source(120_000), TARGET, 7_000);
    let structure = world.schema();
    stop_when(&world, HALF).await;
    world.sql("delete from child where id in (select min(id) from child)");
    let Err(TransferError::Refused(message)) = world.try_copy().await else { panic!("not refused") };
    let holds = world.sql("select count(*) from child");
    assert!(message.contains(&format!("public.child holds {holds} rows")), "{message}");
    let remedy = message.split_once("DELETE FROM").map(|(_, rest)| rest.split_once(", then").unwrap().0).unwrap();
    world.sql(&format!("DELETE FROM{remedy}"));
    let evidence = world.copy().await;
    let (atomic, expected) = atomic(&world, TARGET).await;
    assert_eq!(essence(&evidence), essence(&expected));
    settle(&world).await;
    is_as(&world, &atomic, &structure);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plan_and_another_database_are_refused() {
    let mut world = in_chunks(&source(120_000), TARGET, 7_000);
    stop_when(&world, HALF).await;
    world.options.exclude = vec!["child.word".to_owned()];
    let Err(TransferError::Refused(message)) = world.try_copy().await else { panic!("not refused") };
    assert!(message.contains("another plan"), "{message}");
    world.options.exclude.clear();
    let forged = format!(
        "update {}.ledger set evidence = jsonb_set(evidence::jsonb, '{{identity,database_oid}}', '1')::text where entry = 'chunked'",
        ledger(&world)
    );
    world.sql(&forged);
    let Err(TransferError::Refused(message)) = world.try_copy().await else { panic!("not refused") };
    assert!(message.contains("oid 1)"), "{message}");
    assert!(matches!(saved::forget(&world.address, &world.run).await, Err(TransferError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_anywhere_is_taken_up_and_ends_in_the_same() {
    for done in [
        "count(*) filter (where entry like 'off/%') > 2",
        HALF,
        "count(*) filter (where entry like 'back/index/%') > 0",
        "count(*) filter (where entry like 'back/key/%') > 0",
    ] {
        let world = in_chunks(&source(120_000), TARGET, 7_000);
        let structure = world.schema();
        stop_when(&world, done).await;
        let evidence = world.copy().await;
        let (atomic, expected) = atomic(&world, TARGET).await;
        assert_eq!(essence(&evidence), essence(&expected), "{done}");
        settle(&world).await;
        is_as(&world, &atomic, &structure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_halfway_brings_back_rows_structure_and_sequences() {
    for keeps in [true, false] {
        let world = in_chunks(&source(120_000), TARGET, 7_000);
        let (rows, structure, sequences) = (world.tables(), world.schema(), world.sql(SEQUENCES));
        let mapping = world.decide().await.mapping;
        let tables: Vec<_> = mapping.tables.iter().map(|table| table.target.clone()).collect();
        let client = world.address.connect("test").await.unwrap();
        let stood = cutover::transfer::sequences(&client, &tables).await.unwrap();
        let kept = saved::save(&world.job(), &mapping).await.unwrap();
        stop_when(&world, HALF).await;
        let unfinished = saved::unfinished(&world.address, &world.run).await.unwrap().unwrap();
        assert_eq!(unfinished.rows_held, 1, "one former parent");
        assert_eq!(saved::kept(&world.job()).await.unwrap(), Some(kept.clone()));
        if keeps {
            saved::restore(&world.job(), &kept).await.unwrap();
            assert_eq!(world.tables(), rows);
        } else {
            saved::empty(&world.job(), &world.decide().await.mapping, &stood).await.unwrap();
            assert_eq!(world.sql("select count(*) from child union all select count(*) from parent"), "0\n0");
        }
        assert_eq!(world.sql(SEQUENCES), sequences);
        assert_eq!(saved::unfinished(&world.address, &world.run).await.unwrap(), None);
        saved::forget(&world.address, &world.run).await.unwrap();
        similar(&world.schema(), &structure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_within_a_second_with_no_transaction_open_and_goes_on() {
    let mut world = in_chunks(&source(120_000), TARGET, 7_000);
    let structure = world.schema();
    let (progress, mut reports) = ProgressSink::new();
    world.progress = progress;
    let open = format!(
        "select count(*) from pg_stat_activity where application_name like 'cutover/{}/%' and xact_start is not null",
        world.run
    );
    let sessions = open.replace(" and xact_start is not null", "");
    let (evidence, ()) = tokio::join!(world.copy(), async {
        for part in ["public.child", "indexes", "foreign keys"] {
            until(&mut reports, |report| matches!(report, Report::Part(now) if now.part == part && (now.unit != "rows" || now.done > 0))).await;
            let since = Instant::now();
            world.wish.send_replace(Wish::Pause);
            until(&mut reports, |report| matches!(report, Report::Holding)).await;
            assert!(since.elapsed() < Duration::from_secs(1), "{part}: {:?}", since.elapsed());
            let found = tokio::task::block_in_place(|| (world.sql(&open), world.sql(&sessions)));
            assert_eq!(found.0, "0", "a transaction is open in the pause");
            assert_ne!(found.1, "0");
            world.wish.send_replace(Wish::Run);
        }
    });
    let (atomic, expected) = atomic(&world, TARGET).await;
    assert_eq!(essence(&evidence), essence(&expected));
    settle(&world).await;
    is_as(&world, &atomic, &structure);
}

async fn until(reports: &mut tokio::sync::mpsc::UnboundedReceiver<Report>, is: impl Fn(&Report) -> bool) {
    let wait = async { while !is(&reports.recv().await.expect("the copy goes on")) {} };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it is told within a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_backend_is_ended_reconnects_and_goes_on() {
    for (what, times) in [("COPY%", 3), ("CREATE INDEX%", 1), ("ALTER TABLE%ADD CONSTRAINT%", 1)] {
        let world = in_chunks(&source(120_000), TARGET, 7_000);
        let structure = world.schema();
        let end = format!(
            "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
               where application_name like 'cutover/{}/copy-%' and state = 'active' and query ilike '{what}' limit 1) q",
            world.run
        );
        let (evidence, ()) = tokio::join!(world.copy(), async {
            let (mut ended, since) = (0, Instant::now());
            while ended < times && since.elapsed() < Duration::from_secs(60) {
                ended += tokio::task::block_in_place(|| world.sql(&end)).parse::<i32>().unwrap();
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            assert_eq!(ended, times, "no backend was at {what}");
        });
        let (atomic, expected) = atomic(&world, TARGET).await;
        assert_eq!(essence(&evidence), essence(&expected), "{what}");
        settle(&world).await;
        is_as(&world, &atomic, &structure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_do_not_fit_and_a_short_window_choose_chunks() {
    let mut world = World::of("create table t (id integer primary key)", "create table t (id integer primary key)");
    let load = world.decide().await.report.load;
    assert_eq!((load.mode, load.connections, load.chunks), (LoadMode::Atomic, 1, 1));
    world.options.atomic_within = Some(Duration::from_millis(1));
    let load = world.decide().await.report.load;
    assert_eq!(load.mode, LoadMode::Chunked);
    assert!(load.connections >= 2 && load.because.contains("longer"), "{load:?}");
    assert_eq!(world.copy().await.plan.unwrap().load, load);
}
