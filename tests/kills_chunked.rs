//! kill -9 of `cutover copy` in both modes, at every named point, at random moments, and while a server process builds an index for
//! it; then `resume`, or the same command again: always the same rows, structure and sequences, and no ledger left.
//!
//! `CUTOVER_KILLS` sets how many random moments there are, `CUTOVER_KILL_ROWS` how large the source is that they are tried on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use cutover::demo;
use cutover::scratch::Server;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::kills::{fraction, kill_after, occurrences, points, quiet, said, was_killed};
use support::{compare, psql, server};

/// Keys in a circle, a key that was not valid, triggers in every state, forced row security, a sequence ahead of its data, rows that
/// stood there before.
const TARGET: &str = "
create table place (id serial primary key, boss integer, name text not null unique);
create table person (id serial primary key, place_id integer references place (id) deferrable initially deferred, up integer references person (id), note text);
alter table place add constraint place_boss foreign key (boss) references person (id);
create table event (id bigserial primary key, person_id integer not null, at timestamptz, took interval, body jsonb);
alter table event add constraint event_person foreign key (person_id) references person (id) not valid;
comment on constraint event_person on event is 'never checked';
create index event_at on event (at);
create table tag (name text primary key, weight numeric);
create function shout() returns trigger language plpgsql as $$ begin raise exception 'a trigger fired'; end $$;
create trigger plain before insert on person for each row execute function shout();
create trigger always after insert on event for each row execute function shout();
alter table event enable always trigger always;
create trigger disabled before insert on tag for each row execute function shout();
alter table tag disable trigger disabled;
alter table event enable row level security; alter table event force row level security;
create policy nobody on event using (false);
";

const FORMER: &str = "insert into place (name) values ('former'); insert into tag values ('former', 1)";

const SOURCE: &str = "
create table place (id integer primary key autoincrement, boss integer, name text);
create table person (id integer primary key, place_id integer, up integer, note text);
create table event (id integer primary key autoincrement, person_id integer, at datetime, took bigint, body text);
create table tag (name text primary key, weight real) without rowid;
with recursive i(i) as (select 1 union all select i + 1 from i where i < 30) insert into place select i, i, 'place ' || i from i;
with recursive i(i) as (select 1 union all select i + 1 from i where i < 90) insert into person select i, 1 + i % 30, nullif(i - 1, 0), 'né ' || i from i;
with recursive i(i) as (select 1 union all select i + 1 from i where i < 150)
  insert into event select i, 1 + i % 90, '2024-02-29 10:00:00.5', i * 1000000, '{\"n\": ' || i || '}' from i;
with recursive i(i) as (select 1 union all select i + 1 from i where i < 60) insert into tag select 'tag ' || i, i / 4.0 from i;
insert into event values (900, 1, null, null, null); delete from event where id = 900;
";

/// As the owner that row security would bind.
const OWNER: &str = "owner_of_kills";

/// A template database and a source, for cases that are alike.
struct Laboratory {
    /// Where the shared one will not do.
    own: Option<Server>,
    directory: tempfile::TempDir,
    template: String,
    owned: bool,
    options: Vec<String>,
}

/// What must be equal however often the copy was killed.
#[derive(Debug, PartialEq)]
struct Ending {
    rows: BTreeMap<String, String>,
    structure: String,
    sequences: String,
}

impl Laboratory {
    fn new(target: &str, owned: bool, options: &[&str], source: impl FnOnce(&Path)) -> Self {
        Self::on(None, target, owned, options, source)
    }

    fn on(own: Option<Server>, target: &str, owned: bool, options: &[&str], source: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        source(&directory.path().join("source.sqlite"));
        let template = fresh_name("template");
        let place = own.as_ref().unwrap_or_else(|| server());
        psql(&place.url("postgres"), &format!("create database {template}"));
        if owned {
            psql(
                &place.url(&template),
                &format!(
                    "do $$ begin if not exists (select from pg_roles where rolname = '{OWNER}') then
                       create role {OWNER} login password 'secret' nosuperuser; end if; end $$;
                     grant create on schema public to {OWNER}"
                ),
            );
        }
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let laboratory = Self { own, directory, template, owned, options };
        psql(&laboratory.url(&laboratory.template), target);
        // A sequence whose last step only the log has comes out of a recovery up to 32 further on.
        psql(&laboratory.server().url("postgres"), "checkpoint");
        laboratory
    }

    fn server(&self) -> &Server {
        self.own.as_ref().unwrap_or_else(|| server())
    }

    fn url(&self, database: &str) -> String {
        let url = self.server().url(database);
        if !self.owned {
            return url;
        }
        url.replacen("postgres://postgres:", &format!("postgres://{OWNER}:"), 1).replacen(
            self.server().password(),
            "secret",
            1,
        )
    }

    fn case(&self) -> Case<'_> {
        let database = fresh_name("case");
        let admin = self.server().url("postgres");
        psql(&admin, &format!("create database {database} template {}", self.template));
        if self.owned {
            psql(&admin, &format!("grant create on database {database} to {OWNER}"));
        }
        Case { laboratory: self, state: tempfile::tempdir().unwrap(), database }
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("source.sqlite")
    }
}

fn fresh_name(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{kind}_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// One copy of the laboratory's target, with a state directory of its own.
struct Case<'a> {
    laboratory: &'a Laboratory,
    state: tempfile::TempDir,
    database: String,
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        psql(
            &self.laboratory.server().url("postgres"),
            &format!("drop database if exists {} with (force)", self.database),
        );
    }
}

impl Case<'_> {
    fn url(&self) -> String {
        self.laboratory.url(&self.database)
    }

    /// As the superuser, whom row security does not bind.
    fn sql(&self, sql: &str) -> String {
        psql(&self.laboratory.server().url(&self.database), sql)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(arguments).env("CUTOVER_STATE_DIR", self.state.path()).env("DATABASE_URL", self.url());
        command.stdin(Stdio::null());
        command
    }

    fn copy(&self, jobs: &str) -> Command {
        let source = self.laboratory.source();
        let mut command = self.command(&["copy", "--sqlite", source.to_str().unwrap(), "--jobs", jobs]);
        command.args(&self.laboratory.options);
        command
    }

    /// Goes on until it ends, as an operator would: a kill before the first entry left no run to resume, one after the last a run
    /// that needs none but leaves its ledger.
    fn finish(&self, jobs: &str) -> Result<(), String> {
        let resumed = self.command(&["resume", "--headless", "--yes"]).output().unwrap();
        if resumed.status.success() {
            return Ok(());
        }
        let runs = self.command(&["runs", "--output", "json"]).output().unwrap();
        if String::from_utf8_lossy(&runs.stdout).contains("\"interrupted\"") {
            return Err(said(&resumed));
        }
        self.again(jobs)
    }

    /// The same command once more, as a run of its own.
    fn again(&self, jobs: &str) -> Result<(), String> {
        let again = self.copy(jobs).output().unwrap();
        if again.status.success() { Ok(()) } else { Err(said(&again)) }
    }

    /// The newest run.
    fn newest(&self) -> String {
        let runs = support::run(&mut self.command(&["runs", "--output", "json"]));
        let run: serde_json::Value = serde_json::from_str(runs.lines().next().unwrap()).unwrap();
        run["run"].as_str().unwrap().to_owned()
    }

    fn ending(&self) -> Ending {
        let url = self.laboratory.server().url(&self.database);
        Ending { rows: compare::rows(&url), structure: compare::structure(&url), sequences: compare::sequences(&url) }
    }

    /// What went wrong, if something did.
    fn judge(&self, finished: Result<(), String>, expected: &Ending, name: &str) -> Option<String> {
        if let Err(said) = finished {
            return Some(format!("{name}: it did not go on: {said}"));
        }
        let ending = self.ending();
        if ending == *expected {
            return None;
        }
        let mut wrong = compare::differing(&expected.rows, &ending.rows);
        wrong.extend(compare::first_difference(&expected.structure, &ending.structure));
        wrong.extend(compare::first_difference(&expected.sequences, &ending.sequences));
        Some(format!("{name}: {}", wrong.join("\n")))
    }
}

fn small() -> Laboratory {
    let options = ["--chunk-rows", "25", "--interval-unit", "*=us"];
    let laboratory = Laboratory::new(TARGET, true, &options, |path| {
        rusqlite::Connection::open(path).unwrap().execute_batch(SOURCE).unwrap();
    });
    psql(&server().url(&laboratory.template), FORMER);
    laboratory
}

fn run_killed(mut command: Command, at: &str) -> bool {
    let output = command.env("CUTOVER_CRASH_AT", at).output().unwrap();
    was_killed(output.status)
}

/// Kills at each point of a copy over `jobs` connections that `wanted` names; `go_on` is what the operator does then.
fn kill_everywhere(jobs: &str, wanted: &dyn Fn(&str) -> bool, go_on: &dyn Fn(&Case<'_>) -> Result<(), String>) {
    let laboratory = small();
    let reference = laboratory.case();
    let trace = reference.state.path().join("trace");
    let output = reference.copy(jobs).env("CUTOVER_CRASH_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let expected = reference.ending();
    assert_eq!(reference.sql("select count(*) from pg_namespace where nspname like 'cutover%'"), "0");
    assert_eq!(reference.sql("select count(*), max(took) from event"), "150|00:02:30");

    let (mut failures, mut hits) = (Vec::new(), BTreeMap::<String, u32>::new());
    let points: BTreeMap<String, u64> = points(&trace).into_iter().filter(|(name, _)| wanted(name)).collect();
    for (name, count) in &points {
        for occurrence in occurrences(*count) {
            let case = laboratory.case();
            let at = format!("{name}:{occurrence}");
            if run_killed(case.copy(jobs), &at) {
                *hits.entry(name.clone()).or_default() += 1;
            }
            failures.extend(case.judge(go_on(&case), &expected, &at));
        }
    }
    for (name, hit) in &hits {
        support::say(&format!("--jobs {jobs}: killed at {name}: {hit} times"));
    }
    let never: Vec<_> = points.keys().filter(|name| !hits.contains_key(*name)).collect();
    assert!(never.is_empty(), "points that were never hit: {never:?}");
    assert!(failures.is_empty(), "{} kills ended otherwise:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn chunks_go_on_from_a_kill_at_every_point() {
    kill_everywhere("2", &|_| true, &|case| case.finish("2"));
}

#[test]
fn one_transaction_goes_on_from_a_kill_at_every_point() {
    kill_everywhere("1", &|name| name.starts_with("transfer.") || name.starts_with("journal."), &|case| {
        case.finish("1")
    });
}

/// Seconds that should have been microseconds, as another tool left them.
const WRONG: &str = "create table event (id serial primary key, took interval);
insert into event (took) select make_interval(secs => n * 1000000) from generate_series(1, 200) n;";

#[test]
fn a_repair_goes_on_from_a_kill_at_every_point_and_so_does_its_undo() {
    let laboratory = Laboratory::new(WRONG, false, &[], |path| {
        let sql = "create table event (id integer primary key, took bigint);
          with recursive i(i) as (select 1 union all select i + 1 from i where i < 200) insert into event select i, i * 1000000 from i;";
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    });
    let source = laboratory.source();
    let repair = |case: &Case<'_>| {
        case.command(&[
            "repair-intervals",
            "--sqlite",
            source.to_str().unwrap(),
            "--interval-unit",
            "*=us",
            "--execute",
        ])
    };
    let took = "select count(*), min(took), max(took) from event";
    let wrong = laboratory.case().sql(took);
    let right = "200|00:00:01|00:03:20";
    let reference = laboratory.case();
    let (trace, undo_trace) = (reference.state.path().join("trace"), reference.state.path().join("undo"));
    let output = repair(&reference).env("CUTOVER_CRASH_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(reference.sql(took), right);
    let mut back = reference.command(&["rollback", &reference.newest(), "--headless", "--yes"]);
    let output = back.env("CUTOVER_CRASH_TRACE", &undo_trace).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(reference.sql(took), wrong);
    let of_repair = |trace: &Path| {
        points(trace).into_keys().filter(|name| name.starts_with("transfer.repair.")).collect::<Vec<_>>()
    };
    let mut hits = 0;
    for point in of_repair(&trace) {
        let case = laboratory.case();
        hits += u32::from(run_killed(repair(&case), &format!("{point}:1")));
        let resumed = case.command(&["resume", "--headless", "--yes"]).output().unwrap();
        assert!(resumed.status.success(), "{point}: {}", said(&resumed));
        assert_eq!(case.sql(took), right, "{point}");
        support::say(&format!("repair-intervals: killed at {point}: once"));
    }
    for point in of_repair(&undo_trace) {
        let case = laboratory.case();
        assert!(repair(&case).output().unwrap().status.success());
        let run = case.newest();
        let back = || case.command(&["rollback", &run, "--headless", "--yes"]);
        hits += u32::from(run_killed(back(), &format!("{point}:1")));
        let again = back().output().unwrap();
        assert!(again.status.success(), "{point}: {}", said(&again));
        assert_eq!(case.sql(took), wrong, "{point}");
        support::say(&format!("rollback of repair-intervals: killed at {point}: once"));
    }
    assert_eq!(hits as usize, of_repair(&trace).len() + of_repair(&undo_trace).len(), "each point is hit");
    assert!(hits >= 8, "hardly any points");
}

/// Large enough for its indexes to come off, one of which takes a while to build.
const LARGE_TARGET: &str = "
create function slow(word text) returns text language plpgsql immutable as $$
  begin for i in 1..60 loop end loop; return word; end $$;
create table parent (id integer primary key, name text);
create table child (id integer primary key, parent_id integer references parent (id), word text);
create index child_word on child (slow(word));
create index child_parent on child (parent_id);
alter table child cluster on child_parent;
";

fn large() -> Laboratory {
    Laboratory::new(LARGE_TARGET, false, &["--chunk-rows", "20000"], |path| {
        let sql = "create table parent (id integer primary key, name text); create table child (id integer primary key, parent_id integer, word text);
          with recursive i(i) as (select 1 union all select i + 1 from i where i < 100) insert into parent select i, 'p' || i from i;
          with recursive i(i) as (select 1 union all select i + 1 from i where i < 105000) insert into child select i, 1 + i % 100, 'word ' || i % 997 from i;";
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    })
}

#[test]
fn a_client_killed_while_its_server_process_builds_an_index_goes_on_at_once() {
    let laboratory = large();
    let reference = laboratory.case();
    let output = reference.copy("1").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let expected = reference.ending();
    for jobs in ["1", "2"] {
        let case = laboratory.case();
        let mut child = quiet(case.copy(jobs));
        let building = "select count(*) from pg_stat_activity where state = 'active' and query ilike 'create index child_word%' and datname = current_database()";
        let since = Instant::now();
        while case.sql(building) == "0" {
            assert!(since.elapsed() < Duration::from_secs(60), "no index is built");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        support::say(&format!("--jobs {jobs}: killed while {} server process built an index", case.sql(building)));
        assert_eq!(case.judge(case.finish(jobs), &expected, "resumed"), None);
    }
}

#[test]
fn a_kill_at_any_moment_ends_in_the_same() {
    let number =
        |name: &str, otherwise: i64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (kills, rows) = (number("CUTOVER_KILLS", 8), number("CUTOVER_KILL_ROWS", 2_000));
    let chunk = (rows / 20).max(50).to_string();
    let laboratory =
        Laboratory::new(include_str!("../assets/demo/postgres.sql"), false, &["--chunk-rows", &chunk], |path| {
            demo::source::generate(path, rows).unwrap();
        });
    for jobs in ["2", "1"] {
        let reference = laboratory.case();
        let began = Instant::now();
        let output = reference.copy(jobs).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let (lasted, expected) = (began.elapsed(), reference.ending());
        let mut failures = Vec::new();
        for kill in 0..kills {
            let case = laboratory.case();
            let delay = lasted.mul_f64(fraction(kill as u64));
            let killed = kill_after(case.copy(jobs), delay);
            support::say(&format!(
                "--jobs {jobs}: killed after {} ms of {}: {killed}",
                delay.as_millis(),
                lasted.as_millis()
            ));
            failures.extend(case.judge(case.finish(jobs), &expected, &format!("after {delay:?}")));
        }
        assert!(failures.is_empty(), "{} kills ended otherwise:\n{}", failures.len(), failures.join("\n\n"));
    }
}

/// kill -9 of the process that serves the copy: the server ends all its sessions, recovers and comes back.
#[test]
fn a_server_process_that_is_killed_while_it_works_for_a_copy_costs_nothing() {
    let rows = 2_000;
    let laboratory = Laboratory::on(
        Some(support::start(&[])),
        include_str!("../assets/demo/postgres.sql"),
        false,
        &["--chunk-rows", "100"],
        |path| demo::source::generate(path, rows).unwrap(),
    );
    for jobs in ["2", "1"] {
        let reference = laboratory.case();
        let began = Instant::now();
        let output = reference.copy(jobs).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let (lasted, expected) = (began.elapsed(), reference.ending());
        let (mut hits, mut failures) = (0, Vec::new());
        for kill in 0..6 {
            let case = laboratory.case();
            let mut child = quiet(case.copy(jobs));
            while case.sessions() == "0" && child.try_wait().unwrap().is_none() {}
            let delay = lasted.mul_f64(0.4 * fraction(kill));
            std::thread::sleep(delay);
            let killed = case.kill_server_process();
            support::say(&format!("--jobs {jobs}: after {} ms killed the server's {killed:?}", delay.as_millis()));
            hits += u32::from(killed.is_some());
            let ended = ended_within(&mut child, Duration::from_secs(120));
            laboratory.awake();
            let finished = if ended { Ok(()) } else { case.finish(jobs) };
            failures.extend(case.judge(finished, &expected, &format!("server process killed after {delay:?}")));
        }
        support::say(&format!("--jobs {jobs}: {hits} server processes were killed"));
        assert!(hits > 0, "no server process was killed");
        assert!(failures.is_empty(), "{} kills ended otherwise:\n{}", failures.len(), failures.join("\n\n"));
    }
}

const SESSIONS: &str =
    "from pg_stat_activity where datname = current_database() and application_name ~ '^cutover/.*/copy'";

/// Whether it ended well.
fn ended_within(child: &mut Child, bound: Duration) -> bool {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        assert!(since.elapsed() < bound, "the copy hangs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Laboratory {
    /// Waits for the server to have recovered.
    fn awake(&self) {
        let since = Instant::now();
        let url = self.server().url("postgres");
        let asks = || Command::new(support::program("psql")).args(["-XAtqc", "select 1", "-d", &url]).output().unwrap();
        while !asks().status.success() {
            assert!(since.elapsed() < Duration::from_secs(60), "the server does not come back");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Case<'_> {
    /// How many of the copy's sessions are in a transaction.
    fn sessions(&self) -> String {
        self.sql(&format!("select count(*) {SESSIONS} and xact_start is not null"))
    }

    /// The session and what it did; none where the copy has none at work.
    fn kill_server_process(&self) -> Option<String> {
        let found = self.sql(&format!(
            "select pid || ' ' || application_name || ': ' || left(query, 40) {SESSIONS} order by state <> 'active', pid limit 1"
        ));
        let (pid, what) = found.split_once(' ')?;
        let killed = Command::new("kill").args(["-9", pid]).status().unwrap();
        killed.success().then(|| what.to_owned())
    }
}
