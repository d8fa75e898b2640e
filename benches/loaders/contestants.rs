//! Who runs, and on what.

use crate::measure::{Figures, watch};
use cutover::scratch::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SCHEMA: &str = include_str!("../../assets/demo/postgres.sql");
const TABLES: &[&str] = &[
    "organization",
    "oncall_user",
    "integration",
    "alert_group",
    "alert",
    "log_record",
    "on_call_shift",
    "user",
    "dashboard",
    "annotation",
    "kv_store",
    "data_keys",
];

/// One way to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Ready files, no indexes; two connections; then the indexes.
    Limit,
    /// This program, one transaction.
    Cutover,
    /// pgloader with the options that the guides give.
    Pgloader,
    /// `sqlite3 -csv | psql \copy`, indexes kept.
    Csv,
}

impl Contestant {
    /// Those whose programs are here; the others are named.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self::Limit, Self::Cutover];
        for (contestant, program) in [(Self::Pgloader, "pgloader"), (Self::Csv, "sqlite3")] {
            if Command::new(program).arg("--version").output().is_ok() {
                all.push(contestant);
            } else {
                println!("SKIPPED: {program} is not installed");
            }
        }
        all
    }

    /// As in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit: binary COPY of ready files, then CREATE INDEX",
            Self::Cutover => "cutover copy",
            Self::Pgloader => "pgloader",
            Self::Csv => "sqlite3 -csv into psql",
        }
    }
}

/// A source, a server, and ready files for the limit.
pub struct Stage<'a> {
    server: &'a Server,
    source: PathBuf,
    directory: PathBuf,
    indexes: String,
}

const DATABASE: &str = "bench";

impl<'a> Stage<'a> {
    /// Loads once with cutover to have ready files.
    pub fn new(server: &'a Server, source: &Path, directory: &Path) -> Self {
        let mut stage =
            Self { server, source: source.to_owned(), directory: directory.to_owned(), indexes: String::new() };
        stage.reset();
        assert!(stage.cutover().wait().unwrap().success());
        for table in TABLES {
            let file = fs::File::create(stage.ready(table)).unwrap();
            let copy = format!("copy \"{table}\" to stdout (format binary)");
            assert!(stage.psql().args(["-c", &copy]).stdout(file).status().unwrap().success());
        }
        stage.indexes = stage.query(
            "select string_agg(pg_get_indexdef(indexrelid), '; ') from pg_index where indrelid >= 16384 and not indisprimary
             and indrelid::regclass::text not like 'pg_toast%' and not exists (select from pg_constraint where conindid = indexrelid)",
        );
        stage
    }

    /// An empty schema.
    pub fn reset(&self) {
        let run = |database: &str, sql: &str| {
            let mut psql = self.psql_on(database);
            assert!(psql.args(["-c", sql]).status().unwrap().success(), "{sql}");
        };
        run("postgres", &format!("drop database if exists {DATABASE}"));
        run("postgres", &format!("create database {DATABASE}"));
        run(DATABASE, SCHEMA);
        // The row that a fresh instance leaves would be in the way of those who do not truncate.
        run(DATABASE, "truncate \"user\"");
        run("postgres", "checkpoint");
    }

    /// One run.
    pub fn measure(&self, contestant: Contestant) -> Figures {
        match contestant {
            Contestant::Cutover => watch(vec![self.cutover()], self.postmaster()),
            Contestant::Pgloader => watch(vec![self.pgloader()], self.postmaster()),
            Contestant::Csv => watch(vec![self.csv()], self.postmaster()),
            Contestant::Limit => self.limit(),
        }
    }

    fn cutover(&self) -> Child {
        let state = self.directory.join("state");
        let _ = fs::remove_dir_all(&state);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.arg("copy").arg("--sqlite").arg(&self.source).args(["--output", "json"]);
        command.env("CUTOVER_STATE_DIR", state).env("DATABASE_URL", self.server.url(DATABASE));
        command.stdout(Stdio::null()).spawn().unwrap()
    }

    fn pgloader(&self) -> Child {
        let script = self.directory.join("pgloader.load");
        let text = format!(
            "load database from sqlite://{} into {}\n with data only, truncate, disable triggers, reset sequences, prefetch rows = 1000\n set work_mem to '64MB', maintenance_work_mem to '512MB';\n",
            self.source.display(),
            self.server.url(DATABASE)
        );
        fs::write(&script, text).unwrap();
        Command::new("pgloader").arg(script).stdout(Stdio::null()).spawn().unwrap()
    }

    fn csv(&self) -> Child {
        let psql = self.server.binaries().program("psql");
        let pipes: Vec<String> = TABLES
            .iter()
            .map(|table| {
                let columns = self.query(&format!(
                    "select string_agg(quote_ident(attname), ',' order by attnum) from pg_attribute where attrelid = '\"{table}\"'::regclass and attnum > 0 and attname <> 'slack_message_id'"
                ));
                let selected = self.query(&format!(
                    "select string_agg(case when atttypid = 'bytea'::regtype then '''\\x'' || hex(\"' || attname || '\")' else '\"' || attname || '\"' end, ',' order by attnum) from pg_attribute where attrelid = '\"{table}\"'::regclass and attnum > 0 and attname <> 'slack_message_id'"
                ));
                format!("sqlite3 -csv \"$SOURCE\" 'select {} from \"{table}\"' | \"$PSQL\" -Xq -c '\\copy \"{table}\" ({columns}) from stdin csv'", selected.replace('\'', "'\\''"))
            })
            .collect();
        let script = format!("export PGOPTIONS='-c session_replication_role=replica'; {}", pipes.join("; "));
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("SOURCE", &self.source).env("PSQL", psql);
        self.environment(&mut shell, DATABASE);
        shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Largest tables first on the free one of two connections, as two lists; then the indexes.
    fn limit(&self) -> Figures {
        let drop = "select string_agg(format('drop index %s', indexrelid::regclass), '; ') from pg_index where indrelid >= 16384 and not indisprimary
             and indrelid::regclass::text not like 'pg_toast%' and not exists (select from pg_constraint where conindid = indexrelid)";
        let constraints = "select string_agg(format('alter table %s drop constraint %I', conrelid::regclass, conname), '; ') from pg_constraint where contype = 'f'";
        for sql in [self.query(constraints), self.query(drop)] {
            assert!(self.psql().args(["-c", &sql]).status().unwrap().success());
        }
        let (one, two) = (
            ["log_record", "alert_group", "organization", "integration"],
            ["annotation", "alert", "dashboard", "user", "oncall_user", "on_call_shift", "kv_store", "data_keys"],
        );
        let loads = watch(vec![self.ready_load(&one), self.ready_load(&two)], self.postmaster());
        let halves: Vec<&str> = self.indexes.split("; ").collect();
        let (first, second) = halves.split_at(halves.len() / 2);
        let builds =
            watch(vec![self.statements(&first.join("; ")), self.statements(&second.join("; "))], self.postmaster());
        Figures {
            wall: loads.wall + builds.wall,
            client_cpu: loads.client_cpu + builds.client_cpu,
            server_cpu: loads.server_cpu + builds.server_cpu,
            peak_rss_mb: loads.peak_rss_mb.max(builds.peak_rss_mb),
        }
    }

    fn ready_load(&self, tables: &[&str]) -> Child {
        let mut psql = self.psql();
        for table in tables {
            psql.arg("-c").arg(format!("\\copy \"{table}\" from '{}' (format binary)", self.ready(table).display()));
        }
        psql.spawn().unwrap()
    }

    fn statements(&self, sql: &str) -> Child {
        self.psql().args(["-c", "set maintenance_work_mem = '256MB'", "-c", sql]).spawn().unwrap()
    }

    fn ready(&self, table: &str) -> PathBuf {
        self.directory.join(format!("{table}.copy"))
    }

    fn query(&self, sql: &str) -> String {
        let output = self.psql().args(["-At", "-c", sql]).stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn psql(&self) -> Command {
        self.psql_on(DATABASE)
    }

    fn psql_on(&self, database: &str) -> Command {
        let mut command = Command::new(self.server.binaries().program("psql"));
        command.args(["-Xq", "-v", "ON_ERROR_STOP=1"]).stdout(Stdio::null());
        self.environment(&mut command, database);
        command
    }

    fn environment(&self, command: &mut Command, database: &str) {
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.server.port().to_string())
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", self.server.password())
            .env("PGDATABASE", database)
            .env("PGOPTIONS", "-c client_min_messages=warning");
    }

    fn postmaster(&self) -> u32 {
        let text = fs::read_to_string(self.server.directory().join("data/postmaster.pid")).unwrap();
        text.lines().next().unwrap().trim().parse().unwrap()
    }
}
