//! A target that can be had again and again, and what must be equal however often a copy into it was killed.

use crate::support::kills::said;
use crate::support::{self, compare, psql, server};
use cutover::scratch::Server;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

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
pub(crate) struct Laboratory {
    /// Where the shared one will not do.
    own: Option<Server>,
    directory: tempfile::TempDir,
    pub(crate) template: String,
    owned: bool,
    options: Vec<String>,
}

/// What must be equal however often the copy was killed.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    rows: BTreeMap<String, String>,
    structure: String,
    sequences: String,
}

impl Laboratory {
    pub(crate) fn new(target: &str, owned: bool, options: &[&str], source: impl FnOnce(&Path)) -> Self {
        Self::on(None, target, owned, options, source)
    }

    pub(crate) fn on(
        own: Option<Server>,
        target: &str,
        owned: bool,
        options: &[&str],
        source: impl FnOnce(&Path),
    ) -> Self {
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

    pub(crate) fn server(&self) -> &Server {
        self.own.as_ref().unwrap_or_else(|| server())
    }

    pub(crate) fn url(&self, database: &str) -> String {
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

    pub(crate) fn case(&self) -> Case<'_> {
        let database = fresh_name("case");
        let admin = self.server().url("postgres");
        psql(&admin, &format!("create database {database} template {}", self.template));
        if self.owned {
            psql(&admin, &format!("grant create on database {database} to {OWNER}"));
        }
        Case { laboratory: self, state: tempfile::tempdir().unwrap(), database }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.directory.path().join("source.sqlite")
    }
}

fn fresh_name(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{kind}_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// One copy of the laboratory's target, with a state directory of its own.
pub(crate) struct Case<'a> {
    pub(crate) laboratory: &'a Laboratory,
    pub(crate) state: tempfile::TempDir,
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
    pub(crate) fn url(&self) -> String {
        self.laboratory.url(&self.database)
    }

    /// As the superuser, whom row security does not bind.
    pub(crate) fn sql(&self, sql: &str) -> String {
        psql(&self.laboratory.server().url(&self.database), sql)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(arguments).env("CUTOVER_STATE_DIR", self.state.path()).env("DATABASE_URL", self.url());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn copy(&self, jobs: &str) -> Command {
        let source = self.laboratory.source();
        let mut command = self.command(&["copy", "--sqlite", source.to_str().unwrap(), "--jobs", jobs]);
        command.args(&self.laboratory.options);
        command
    }

    /// Goes on until it ends, as an operator would: a kill before the first entry left no run to resume, one after the last a run
    /// that needs none but leaves its ledger.
    pub(crate) fn finish(&self, jobs: &str) -> Result<(), String> {
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
    pub(crate) fn again(&self, jobs: &str) -> Result<(), String> {
        let again = self.copy(jobs).output().unwrap();
        if again.status.success() { Ok(()) } else { Err(said(&again)) }
    }

    /// The newest run.
    pub(crate) fn newest(&self) -> String {
        let runs = support::run(&mut self.command(&["runs", "--output", "json"]));
        let run: serde_json::Value = serde_json::from_str(runs.lines().next().unwrap()).unwrap();
        run["run"].as_str().unwrap().to_owned()
    }

    pub(crate) fn ending(&self) -> Ending {
        let url = self.laboratory.server().url(&self.database);
        Ending { rows: compare::rows(&url), structure: compare::structure(&url), sequences: compare::sequences(&url) }
    }

    /// What went wrong, if something did.
    pub(crate) fn judge(&self, finished: Result<(), String>, expected: &Ending, name: &str) -> Option<String> {
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

/// Few rows in small chunks, for every point at which something can be killed.
pub(crate) fn small(own: Option<Server>) -> Laboratory {
    let options = ["--chunk-rows", "25", "--interval-unit", "*=us"];
    Laboratory::on(own, &format!("{TARGET}{FORMER}"), true, &options, |path| {
        rusqlite::Connection::open(path).unwrap().execute_batch(SOURCE).unwrap();
    })
}

/// `failures` are of [`Case::judge`].
pub(crate) fn all_ended_alike(failures: &[String]) {
    assert!(failures.is_empty(), "{} kills ended otherwise:\n{}", failures.len(), failures.join("\n\n"));
}
