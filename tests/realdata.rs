//! Whole cutovers of databases that real applications made, driven from outside by the command line, against the right answer.
//!
//! Reads `CUTOVER_REALDATA`, else `../shared/realdata`; says so when it is not there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use support::{compare, database, psql, psql_file, realdata, run};

const CONFIG: &str = "; kept to the byte\r\n[database]\ntype = sqlite3 \n# a comment\npath = /var/lib/oncall/oncall.db\n\n[server]\nport=8080";

/// The program with a state directory of its own.
struct Cutover {
    home: tempfile::TempDir,
    url: String,
}

impl Cutover {
    fn new(url: &str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), url: url.to_owned() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(arguments)
            .env("CUTOVER_STATE_DIR", self.home.path().join("state"))
            .env("DATABASE_URL", &self.url)
            .output()
            .unwrap()
    }
}

fn finished(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("nothing was printed: {}", String::from_utf8_lossy(&output.stderr)));
    let value: Value = serde_json::from_str(last).unwrap();
    assert_eq!(value["event"], "finished", "{last}");
    value
}

fn said(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A database as a fresh instance of the application leaves it.
fn fresh(data: &Path) -> String {
    let url = database();
    psql_file(&url, &data.join("target-schema.sql"));
    psql_file(&url, &data.join("target-migration-rows.sql"));
    url
}

/// A database that holds the right answer.
fn expected(data: &Path) -> String {
    let url = database();
    let dump = run(Command::new("gzip").arg("-dc").arg(data.join("expected-full.sql.gz")));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(dump.as_bytes()).unwrap();
    psql_file(&url, file.path());
    url
}

/// Migration rows have other ids and times on both sides; the sets are compared by the program.
fn without_migrations(
    mut rows: std::collections::BTreeMap<String, String>,
) -> std::collections::BTreeMap<String, String> {
    rows.remove("public.django_migrations");
    rows.remove("public.migration_log");
    rows.retain(|table, _| !table.starts_with("cutover_"));
    rows
}

fn intervals_are_exact(url: &str, data: &Path) -> usize {
    let text = fs::read_to_string(data.join("intervals-expected.psv")).unwrap();
    let mut values = 0;
    for line in text.lines().filter(|line| line.split('|').nth(2).is_some_and(|id| id.parse::<i64>().is_ok())) {
        let field: Vec<&str> = line.split('|').collect();
        let (table, column, id, interval) = (field[0], field[1], field[2], field[4]);
        let test = if interval.is_empty() { "is null".to_owned() } else { format!("::text = '{interval}'") };
        let sql = format!("select count(*) from {table} where id = {id} and {column} {test}");
        assert_eq!(psql(url, &sql), "1", "{line}");
        values += 1;
    }
    values
}

#[test]
fn oncall_by_its_runbook_and_back() {
    let Some(data) = realdata("oncall") else { return };
    by_its_runbook_and_back(&data, &fresh(&data));
}

/// The server lets in nobody but the owner of the tables, who may make schemas in the database and nothing else.
#[test]
fn oncall_by_its_owner_where_superuser_is_refused() {
    let Some(data) = realdata("oncall") else { return };
    let server = support::start(&[]);
    let superuser = server.url("postgres");
    psql(&superuser, "create role oncall login password 'plain' nosuperuser nocreatedb nocreaterole");
    psql(&superuser, "create database oncall owner oncall");
    psql(&server.url("oncall"), "alter schema public owner to oncall");
    let rules = server.directory().join("data/pg_hba.conf");
    fs::write(&rules, "host all postgres all reject\nhost all all all scram-sha-256\n").unwrap();
    psql(&superuser, "select pg_reload_conf()");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let refused = || {
        let asked =
            Command::new(support::program("psql")).args(["-Xc", "select 1", "-d", &superuser]).output().unwrap();
        !asked.status.success()
    };
    while !refused() {
        assert!(std::time::Instant::now() < end, "the superuser is still let in");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let url = server.url("oncall").replacen("postgres://postgres:", "postgres://oncall:", 1);
    let url = url.replacen(server.password(), "plain", 1);
    psql_file(&url, &data.join("target-schema.sql"));
    psql_file(&url, &data.join("target-migration-rows.sql"));
    by_its_runbook_and_back(&data, &url);
}

fn by_its_runbook_and_back(data: &Path, url: &str) {
    let (before, structure, sequences) = (compare::rows(url), compare::structure(url), compare::sequences(url));
    let cutover = Cutover::new(url);
    let config = cutover.home.path().join("oncall.ini");
    fs::write(&config, CONFIG).unwrap();
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/grafana-oncall.yaml");
    let schema = [data.join("target-schema.sql"), data.join("target-migration-rows.sql")]
        .map(|path| path.display().to_string())
        .join(",");

    let output = cutover.run(&[
        "run",
        runbook.to_str().unwrap(),
        "--set",
        &format!("sqlite={}", data.join("source.sqlite").display()),
        "--set",
        &format!("config={}", config.display()),
        "--set",
        &format!("schema_sql={schema}"),
        "--headless",
        "--yes",
        "--output",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let end = finished(&output);
    assert_eq!(end["outcome"], "done");
    assert_eq!(end["differences_total"], 0);
    let right = expected(data);
    let wrong = compare::differing(&without_migrations(compare::rows(&right)), &without_migrations(compare::rows(url)));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(intervals_are_exact(url, data), 1_975);
    assert!(fs::read_to_string(&config).unwrap().contains("postgres"));

    let name = end["run"].as_str().unwrap();
    let back = cutover.run(&["rollback", name, "--headless", "--yes"]);
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    assert_eq!(fs::read_to_string(&config).unwrap(), CONFIG);
    let now = compare::rows(url);
    assert!(compare::differing(&before, &now).is_empty(), "{:#?}", compare::differing(&before, &now));
    assert_eq!(compare::sequences(url), sequences);
    assert_eq!(compare::first_difference(&structure, &compare::structure(url)), None);
}

#[test]
fn copy_and_verify_stand_alone() {
    for (name, jobs) in
        ["oncall", "grafana-5.4-exact", "grafana-11.0-exact"].map(|name| [(name, "1"), (name, "2")]).concat()
    {
        let Some(data) = realdata(name) else { return };
        let url = fresh(&data);
        let structure = compare::structure(&url);
        let cutover = Cutover::new(&url);
        let source = data.join("source.sqlite");
        let sqlite = source.to_str().unwrap();
        let before = fs::read(&source).unwrap();

        let copied = cutover.run(&["copy", "--sqlite", sqlite, "--jobs", jobs, "--output", "json"]);
        assert_eq!(copied.status.code(), Some(0), "{name}: {}", said(&copied));
        for table in finished(&copied)["tables"].as_array().unwrap() {
            assert_eq!(table["rows_source"], table["rows_loaded"], "{name}: {table}");
        }
        let verified = cutover.run(&["verify", "--sqlite", sqlite, "--output", "json"]);
        assert_eq!(verified.status.code(), Some(0), "{name}: {}", said(&verified));
        for table in finished(&verified)["tables"].as_array().unwrap() {
            assert_eq!(table["digest_source"], table["digest_target"], "{name}: {table}");
        }
        if data.join("expected-full.sql.gz").exists() {
            let right = without_migrations(compare::rows(&expected(&data)));
            let wrong = compare::differing(&right, &without_migrations(compare::rows(&url)));
            assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        }
        assert_eq!(compare::first_difference(&structure, &compare::structure(&url)), None, "{name}: structure");
        assert_eq!(fs::read(&source).unwrap(), before);
    }
}

#[test]
fn verify_names_what_differs() {
    let Some(data) = realdata("oncall") else { return };
    let url = expected(&data);
    let cutover = Cutover::new(&url);
    let source = data.join("source.sqlite");
    let verify = || cutover.run(&["verify", "--sqlite", source.to_str().unwrap(), "--output", "json"]);
    let equal = verify();
    assert_eq!(equal.status.code(), Some(0), "{}", said(&equal));

    psql(&url, "update alerts_alertgroup set response_time = response_time * 1000000 where id = 17");
    psql(&url, "set session_replication_role = replica; delete from alerts_alert where id = 5");
    psql(
        &url,
        "insert into alerts_userhasnotification (id, user_id, alert_group_id) select 999999, user_id, (select max(id) from alerts_alertgroup) from alerts_userhasnotification limit 1",
    );
    let found = verify();
    assert_eq!(found.status.code(), Some(4), "{}", said(&found));
    let end = finished(&found);
    assert_eq!(end["differences_total"], 3, "{end:#}");
    let kinds: Vec<(String, String, String)> = end["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| {
            (
                d["table"].as_str().unwrap().to_owned(),
                d["key"]["id"].to_string(),
                d["kind"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    for (table, id, kind) in [
        ("public.alerts_alertgroup", "17", "changed"),
        ("public.alerts_alert", "5", "missing"),
        ("public.alerts_userhasnotification", "999999", "extra"),
    ] {
        assert!(kinds.contains(&(table.to_owned(), id.to_owned(), kind.to_owned())), "{table} {id} {kind}: {kinds:?}");
    }
}

#[test]
fn the_hostile_source_is_refused_with_all_five_cells() {
    let Some(data) = realdata("oncall") else { return };
    let url = fresh(&data);
    let (before, structure) = (compare::rows(&url), compare::structure(&url));
    let cutover = Cutover::new(&url);
    let source = data.join("source-hostile-orm.sqlite");
    let output = cutover.run(&["copy", "--sqlite", source.to_str().unwrap(), "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let end = finished(&output);
    let mut cells: Vec<(String, i64, String)> = end["rejects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| {
            assert!(!reject["reason"].as_str().unwrap().is_empty());
            (
                reject["table"].as_str().unwrap().to_owned(),
                reject["key"]["id"].as_i64().unwrap(),
                reject["column"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    cells.sort();
    let alert = "public.alerts_alert".to_owned();
    assert_eq!(
        cells.iter().map(|(table, id, _)| (table.clone(), *id)).collect::<Vec<_>>(),
        [
            (alert.clone(), 950),
            (alert.clone(), 951),
            (alert.clone(), 952),
            (alert, 953),
            ("public.user_management_user".to_owned(), 86)
        ],
        "{end:#}"
    );
    assert!(compare::differing(&before, &compare::rows(&url)).is_empty());
    assert_eq!(compare::first_difference(&structure, &compare::structure(&url)), None);
}
