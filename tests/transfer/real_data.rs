//! Databases that the applications made themselves, and the same rows as the applications' own code wrote them.

use crate::fixture::{World, fingerprints, similar};
use crate::support;
use cutover::transfer::{TransferError, saved};
use std::collections::BTreeMap;
use std::path::Path;

/// A target as a fresh instance of the application leaves it.
fn fresh(folder: &Path) -> String {
    let url = support::database();
    support::psql_file(&url, &folder.join("target-schema.sql"));
    support::psql_file(&url, &folder.join("target-migration-rows.sql"));
    url
}

fn expected(folder: &Path) -> String {
    let url = support::database();
    let dump = folder.join("expected-full.sql.gz");
    let script = format!("gunzip -c '{}' | psql -Xq -v ON_ERROR_STOP=1 -d \"$TARGET\"", dump.display());
    support::run(std::process::Command::new("sh").args(["-c", &script]).env("TARGET", &url));
    url
}

async fn arrives_as_expected(name: &str, jobs: usize) -> Option<World> {
    let folder = support::realdata(name)?;
    let mut world = World::new(&folder.join("source.sqlite"), &fresh(&folder));
    world.options.jobs = Some(jobs);
    world.options.chunk_rows = Some(300);
    let before = world.schema();
    let levels = world.decide().await.report.levels.unwrap();
    let evidence = world.copy().await;
    assert_eq!(evidence.rejects_total, 0);
    saved::settle(&world.address, &world.run).await.unwrap();
    similar(&world.schema(), &before);
    let (arrived, expected) = (world.tables(), fingerprints(&expected(&folder)));
    let different: Vec<_> = expected.iter().filter(|(table, rows)| arrived.get(*table) != Some(rows)).collect();
    let names: Vec<String> = different.iter().map(|(table, _)| format!("public.{table}")).collect();
    assert_eq!(names, [levels.table], "only the application's own record of its level is left alone");
    Some(world)
}

#[tokio::test(flavor = "multi_thread")]
async fn oncall_arrives_as_its_own_orm_would_have_written_it() {
    for jobs in [1, 2] {
        let Some(world) = arrives_as_expected("oncall", jobs).await else { return };
        intervals_are_exact(&world);
    }
}

fn intervals_are_exact(world: &World) {
    let folder = support::realdata("oncall").unwrap();
    let listed = std::fs::read_to_string(folder.join("intervals-expected.psv")).unwrap();
    let mut columns: BTreeMap<(&str, &str), BTreeMap<&str, &str>> = BTreeMap::new();
    for line in listed.lines() {
        let cells: Vec<&str> = line.split('|').collect();
        let [table, column, id, _, expected] = cells.as_slice() else { panic!("{line}") };
        columns.entry((table, column)).or_default().insert(id, expected);
    }
    assert_eq!(columns.values().map(BTreeMap::len).sum::<usize>(), 1975);
    for ((table, column), expected) in columns {
        let rows = world.sql(&format!("select id, {column} from {table}"));
        let arrived: BTreeMap<&str, &str> = rows.lines().map(|line| line.split_once('|').unwrap()).collect();
        assert_eq!(arrived, expected, "{table}.{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_5_4_arrives_as_expected() {
    for jobs in [1, 2] {
        arrives_as_expected("grafana-5.4-exact", jobs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_11_loads() {
    let Some(folder) = support::realdata("grafana-11.0-exact") else { return };
    let world = World::new(&folder.join("source.sqlite"), &fresh(&folder));
    let planned = world.plan().await;
    println!("{:#?}", planned.report.problems);
    let evidence = world.copy().await;
    assert_eq!(evidence.rejects_total, 0);
    assert_eq!(evidence.tables.iter().map(|table| table.rows_loaded).sum::<u64>() + 558, 636);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_cells_that_postgresql_refuses_are_named_and_nothing_is_touched() {
    let Some(folder) = support::realdata("oncall") else { return };
    let world = World::new(&folder.join("source-hostile-orm.sqlite"), &fresh(&folder));
    let (rows, schema) = (world.tables(), world.schema());
    let Err(TransferError::Rejected { evidence, message }) = world.try_copy().await else { panic!("not rejected") };
    let mut named: Vec<String> = evidence
        .rejects
        .iter()
        .map(|reject| {
            format!(
                "{} {} {}",
                reject.table,
                serde_json::Value::Object(reject.key.clone()),
                reject.column.clone().unwrap()
            )
        })
        .collect();
    named.sort();
    println!("{message}\n{:#?}", evidence.rejects);
    assert_eq!(evidence.rejects_total, 5);
    assert_eq!(named.iter().filter(|name| name.starts_with("public.alerts_alert {\"id\":95")).count(), 4, "{named:?}");
    assert_eq!(
        named.iter().filter(|name| name.starts_with("public.user_management_user {\"id\":86}")).count(),
        1,
        "{named:?}"
    );
    assert_eq!(world.tables(), rows);
    assert_eq!(world.schema(), schema);
    let planned = world.plan().await;
    assert_eq!(planned.rejects.total, 5);
}
