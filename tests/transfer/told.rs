//! What a copy tells while it works: the share of the whole has to be one of the whole from the first row on.

use crate::fixture::World;
use cutover::evidence::LoadMode;
use cutover::progress::{PartProgress, ProgressSink, Report};

const SOURCE: &str = "create table a (id integer primary key); create table b (id integer primary key);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) insert into a select i from n;
    insert into b select id from a;";
const TARGET: &str = "create table a (id integer primary key); create table b (id integer primary key);";

/// The rows of every table as told before any of them is done. A pass that looks for refused rows before knows no total.
async fn told_first(jobs: usize) -> (LoadMode, Vec<(String, Option<u64>)>) {
    let mut world = World::of(SOURCE, TARGET);
    (world.options.jobs, world.options.chunk_rows) = (Some(jobs), Some(500));
    let planned = world.decide().await;
    let (progress, mut reports) = ProgressSink::new();
    world.progress = progress;
    cutover::transfer::copy(&world.job(), &planned).await.unwrap();
    let mut told: Vec<PartProgress> = Vec::new();
    while let Ok(report) = reports.try_recv() {
        if let Report::Part(part) = report
            && part.unit == "rows"
            && part.total.is_some()
        {
            told.push(part);
        }
    }
    let first = told.into_iter().take_while(|part| part.done == 0).map(|part| (part.part, part.total));
    (planned.report.load.mode, first.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_told_of_before_a_row_of_any_is_done() {
    let all = vec![("public.a".to_owned(), Some(3_000)), ("public.b".to_owned(), Some(3_000))];
    for (jobs, mode) in [(1, LoadMode::Atomic), (2, LoadMode::Chunked)] {
        let (chosen, mut first) = told_first(jobs).await;
        first.sort();
        first.dedup();
        assert_eq!((chosen, first), (mode, all.clone()));
    }
}
