//! The mismatch set of the benchmark's folder (`CUTOVER_BENCH`, else `../shared/bench`): for each of its 23 tables a stated outcome
//! under each policy. The project's own set, with more in it, is in `mismatch`.

use crate::fixture::World;
use crate::support::{database, psql_file, skipped};
use cutover::evidence::{Evidence, IntervalUnit, Policy};
use cutover::transfer::TransferError;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What becomes of a table: the keys that PostgreSQL cannot hold, and what stands there afterwards.
struct Outcome {
    table: &'static str,
    refused: &'static [u64],
    /// What is asked of the target.
    query: &'static str,
    /// Under skip-row, and under stop where nothing is refused.
    kept: &'static str,
    /// Under null, where that differs.
    nulled: Option<&'static str>,
    /// Under replace, where that differs.
    replaced: Option<&'static str>,
}

const fn whole(table: &'static str, query: &'static str, kept: &'static str) -> Outcome {
    Outcome { table, refused: &[], query, kept, nulled: None, replaced: None }
}

const OUTCOMES: [Outcome; 23] = [
    whole(
        "t_interval",
        "select id, d from t_interval order by 1",
        "1|01:14:35.313246\n2|00:00:00.000001\n3|-1 days +23:58:30\n4|400 days\n5|",
    ),
    whole(
        "t_uuid",
        "select u from t_uuid order by id",
        "d3de1dd0-9e16-47a9-40af-6ac378aae9b0\nd3de1dd0-9e16-47a9-40af-6ac378aae9b0",
    ),
    whole("t_bool", "select id, b from t_bool order by 1", "1|t\n2|f\n3|"),
    whole("t_bool_int", "select id, b from t_bool_int order by 1", "1|t\n2|f\n3|"),
    Outcome {
        table: "t_ts",
        refused: &[8],
        query: "set timezone = utc; select d from t_ts where id < 8 or d is not null order by id",
        kept: "2024-02-29 23:59:59.999999+00\n2024-01-01 00:00:00+00\n2024-01-01 00:00:00.5+00\n2024-01-01 00:00:00+00\n2023-12-31 22:00:00+00\n\n2024-01-01 00:00:00+00",
        nulled: None,
        replaced: None,
    },
    whole(
        "t_tstext",
        "set timezone = utc; select id, d from t_tstext order by 1",
        "1|2024-02-29 23:59:59.999999+00\n2|2023-12-31 22:00:00+00\n3|",
    ),
    Outcome {
        table: "t_json",
        refused: &[1],
        query: "select id, j ->> 'b', j ->> 'ok', length(j ->> 'a') from t_json order by 1",
        kept: "2|😀||401\n3||1|",
        nulled: Some("1|||\n2|😀||401\n3||1|"),
        replaced: Some("1|||2\n2|😀||401\n3||1|"),
    },
    whole("t_bytea", "select id, b from t_bytea order by 1", "1|\\x0001ff5c783431\n2|\\x\n3|\n4|\\x706c61696e"),
    whole(
        "t_blobtext",
        "select id, b from t_blobtext order by 1",
        "1|\\x7465787420696e206120626c6f6220636f6c756d6e\n2|\\xdead",
    ),
    Outcome {
        table: "t_nul",
        refused: &[1],
        query: "select id, s from t_nul order by 1",
        kept: "2|fine",
        nulled: Some("1|\n2|fine"),
        replaced: Some("1|abcdef\n2|fine"),
    },
    Outcome {
        table: "t_utf8",
        refused: &[1, 3],
        query: "select id, s from t_utf8 order by 1",
        kept: "2|fine",
        nulled: Some("1|\n2|fine\n3|"),
        replaced: Some("1|abc\u{fffd}def\n2|fine\n3|\u{fffd}\u{fffd}\u{fffd}"),
    },
    Outcome {
        table: "t_int",
        refused: &[2, 3],
        query: "select id, n from t_int order by 1",
        kept: "1|1\n4|3",
        nulled: Some("1|1\n2|\n3|\n4|3"),
        replaced: None,
    },
    Outcome {
        table: "t_range",
        refused: &[2],
        query: "select id, n from t_range order by 1",
        kept: "1|1\n3|2",
        nulled: Some("1|1\n2|\n3|2"),
        replaced: None,
    },
    Outcome {
        table: "t_varchar",
        refused: &[2],
        query: "select id, s from t_varchar order by 1",
        kept: "1|0123456789\n3|ok",
        nulled: Some("1|0123456789\n2|\n3|ok"),
        replaced: Some("1|0123456789\n2|0123456789\n3|ok"),
    },
    // Row 2 is a REAL already: SQLite's NUMERIC affinity made it one when it was inserted.
    whole("t_num", "select id, n from t_num order by 1", "1|1.1\n2|12345678901234567000\n3|9007199254740993"),
    whole("t_real", "select id, n from t_real order by 1", "1|0.1\n2|1e+308\n3|Infinity\n4|0.3333333333333333\n5|"),
    whole("t_fkp", "select id, s from t_fkp", "1|a"),
    Outcome {
        table: "t_fkc",
        refused: &[2],
        query: "select id, p from t_fkc order by 1",
        kept: "1|1",
        nulled: Some("1|1\n2|"),
        replaced: None,
    },
    Outcome {
        table: "t_notnull",
        refused: &[2],
        query: "select id, s from t_notnull order by 1",
        kept: "1|a\n3|c",
        nulled: None,
        replaced: None,
    },
    whole("t_extra", "select * from t_extra", "1|a"),
    whole("T_Case", "select * from \"T_Case\"", "1|v"),
    whole("t_missing", "select to_regclass('t_missing') is null", "t"),
    whole("t_order", "select a, b from t_order", "A|B"),
];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CUTOVER_BENCH")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bench"), PathBuf::from);
    let python = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if folder.join("mismatch.py").is_file() && python {
        return Some(folder);
    }
    skipped(&format!("{} has no mismatch.py, or python3 is missing; set CUTOVER_BENCH", folder.display()));
    None
}

fn bare_world() -> Option<World> {
    let folder = folder()?;
    let room = tempfile::tempdir().unwrap();
    let source = room.path().join("mismatch.sqlite");
    let made = Command::new("python3").arg(folder.join("mismatch.py")).arg(&source).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let url = database();
    psql_file(&url, &folder.join("mismatch_pg.sql"));
    Some(World::new(&source, &url))
}

/// With what the operator has to say: the unit, and that one table and one column are left behind.
fn world(policy: Policy) -> Option<World> {
    let mut world = bare_world()?;
    world.options.exclude = vec!["t_missing".to_owned(), "t_extra.gone".to_owned()];
    world.options.interval_units = [("t_interval.d".to_owned(), IntervalUnit::Us)].into();
    world.options.on_reject = policy;
    Some(world)
}

fn all_are_named(evidence: &Evidence) {
    let mut named: Vec<(String, u64)> = evidence
        .rejects
        .iter()
        .map(|reject| (reject.table.strip_prefix("public.").unwrap().to_owned(), reject.key["id"].as_u64().unwrap()))
        .collect();
    named.sort();
    let mut refused: Vec<(String, u64)> =
        OUTCOMES.iter().flat_map(|one| one.refused.iter().map(|key| (one.table.to_owned(), *key))).collect();
    refused.sort();
    assert_eq!(named, refused);
    assert!(evidence.rejects.iter().all(|reject| !reject.reason.is_empty()));
}

fn stands(world: &World, expected: impl Fn(&Outcome) -> &'static str) {
    for outcome in &OUTCOMES {
        assert_eq!(world.sql(outcome.query), expected(outcome), "{}", outcome.table);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_has_the_23_tables_and_what_must_be_said_is_asked_for() {
    let Some(world) = bare_world() else { return };
    let tables: i64 = rusqlite::Connection::open(&world.source)
        .unwrap()
        .query_row("select count(*) from sqlite_schema where type = 'table'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, OUTCOMES.len() as i64);
    let problems = world.plan().await.report.problems;
    let mut subjects: Vec<(&str, bool)> = problems.iter().map(|one| (one.subject.as_str(), one.undecided)).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, [("public.t_interval.d", true), ("t_extra.gone", false), ("t_missing", false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_stop_every_refused_cell_is_named_and_nothing_is_touched() {
    let Some(world) = world(Policy::Stop) else { return };
    let (before, schema) = (world.tables(), world.schema());
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    all_are_named(&evidence);
    assert_eq!((world.tables(), world.schema()), (before, schema));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_skip_row_everything_else_is_exact() {
    let Some(world) = world(Policy::SkipRow) else { return };
    all_are_named(&world.copy().await);
    stands(&world, |outcome| outcome.kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_null_the_cell_is_null_and_where_it_may_not_be_the_copy_stops() {
    let Some(mut world) = world(Policy::Null) else { return };
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    all_are_named(&evidence);
    let stopping: Vec<&str> =
        evidence.rejects.iter().filter(|one| one.action == Policy::Stop).map(|one| one.table.as_str()).collect();
    assert_eq!(stopping, ["public.t_notnull"]);
    world.options.columns = [("t_notnull.s".to_owned(), Policy::SkipRow)].into();
    all_are_named(&world.copy().await);
    stands(&world, |outcome| outcome.nulled.unwrap_or(outcome.kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_replace_text_is_mended_and_where_there_is_nothing_near_the_copy_stops() {
    let Some(mut world) = world(Policy::Replace) else { return };
    let Err(TransferError::Rejected { evidence, .. }) = world.try_copy().await else { panic!("not rejected") };
    all_are_named(&evidence);
    let mut stopping: Vec<&str> =
        evidence.rejects.iter().filter(|one| one.action == Policy::Stop).map(|one| one.table.as_str()).collect();
    stopping.sort_unstable();
    stopping.dedup();
    assert_eq!(stopping, ["public.t_fkc", "public.t_int", "public.t_notnull", "public.t_range", "public.t_ts"]);
    let columns = ["t_fkc.p", "t_int.n", "t_notnull.s", "t_range.n", "t_ts.d"];
    world.options.columns = columns.map(|column| (column.to_owned(), Policy::SkipRow)).into();
    all_are_named(&world.copy().await);
    stands(&world, |outcome| outcome.replaced.unwrap_or(outcome.kept));
}
