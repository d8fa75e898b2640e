//! Who runs, and on what.

use crate::measure::{Figures, watch, watch_any};
use cutover::scratch::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const SCHEMA: &str = include_str!("postgres.sql");

/// What two connections load, about the same work for each.
const HALVES: [&[&str]; 2] =
    [&["alerts_alertgrouplogrecord", "alerts_alertgroup", "dashboard"], &["annotation", "alerts_alert", "user", "tag"]];

/// One way to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Ready files, no indexes but the primary keys; two connections; then the indexes, on two connections.
    Limit,
    /// This program, one transaction.
    Cutover,
    /// This program, chunks over two connections.
    Chunked,
    /// pgloader with the options that the guides give.
    Pgloader,
    /// `sqlite3 -csv | psql \copy`, indexes kept.
    Csv,
}

impl Contestant {
    /// Those whose programs are here; the others are named.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self::Limit, Self::Cutover, Self::Chunked];
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
            Self::Limit => "limit: binary COPY of ready files on two connections, then CREATE INDEX",
            Self::Cutover => "`cutover copy`",
            Self::Chunked => "`cutover copy --jobs 2`",
            Self::Pgloader => "pgloader",
            Self::Csv => "sqlite3 -csv into psql, foreign keys unchecked",
        }
    }

    /// Whether it is this program.
    pub const fn own(self) -> bool {
        matches!(self, Self::Cutover | Self::Chunked)
    }
}

/// A source, a server, and ready files for the limit.
pub struct Stage<'a> {
    server: &'a Server,
    source: PathBuf,
    directory: PathBuf,
    indexes: Vec<String>,
}

const DATABASE: &str = "bench";

/// Every index but the primary keys, the largest tables' first: how it is taken off, and how it is built.
const INDEXES: &str = "
select case when c.oid is null then format('drop index %s', i.indexrelid::regclass)
            else format('alter table %s drop constraint %I', i.indrelid::regclass, c.conname) end,
       case when c.oid is null then pg_get_indexdef(i.indexrelid)
            else format('alter table %s add constraint %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) end
from pg_index i join pg_class t on t.oid = i.indrelid left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'u'
where t.relnamespace = 'public'::regnamespace and not i.indisprimary order by t.relpages desc, i.indexrelid";

/// A table's columns as psql names them, and as SQLite has to write them.
const COLUMNS: &str = r#"
select string_agg(quote_ident(attname), ',' order by attnum),
  string_agg(case when atttypid = 'bytea'::regtype then format('''\x'' || hex("%s")', attname) else format('"%s"', attname) end, ',' order by attnum)
from pg_attribute where attrelid = '"{table}"'::regclass and attnum > 0"#;

impl<'a> Stage<'a> {
    /// Loads once with cutover to have ready files.
    pub fn new(server: &'a Server, source: &Path, directory: &Path) -> Self {
        let mut stage =
            Self { server, source: source.to_owned(), directory: directory.to_owned(), indexes: Vec::new() };
        stage.reset();
        assert!(stage.cutover(&["copy"]).wait().unwrap().success());
        for table in HALVES.concat() {
            let file = fs::File::create(stage.ready(table)).unwrap();
            let copy = format!("copy \"{table}\" to stdout (format binary)");
            assert!(stage.psql().args(["-c", &copy]).stdout(file).status().unwrap().success());
        }
        stage.indexes = stage.query(INDEXES).lines().map(str::to_owned).collect();
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
        run("postgres", "checkpoint");
    }

    /// One run.
    pub fn measure(&self, contestant: Contestant) -> Figures {
        match contestant {
            Contestant::Cutover => watch(vec![self.cutover(&["copy"])], self.postmaster()),
            Contestant::Chunked => watch(vec![self.cutover(&["copy", "--jobs", "2"])], self.postmaster()),
            Contestant::Pgloader => watch(vec![self.pgloader()], self.postmaster()),
            Contestant::Csv => watch(vec![self.csv()], self.postmaster()),
            Contestant::Limit => self.limit(),
        }
    }

    /// How many rows stand there after a load.
    pub fn rows(&self) -> u64 {
        let counts: Vec<String> =
            HALVES.concat().iter().map(|table| format!("(select count(*) from \"{table}\")")).collect();
        self.query(&format!("select {}", counts.join(" + "))).parse().unwrap()
    }

    /// The proof over what stands there: what it costs, and whether it holds.
    pub fn verify(&self) -> (Figures, bool) {
        watch_any(vec![self.cutover(&["verify"])], self.postmaster())
    }

    fn cutover(&self, words: &[&str]) -> Child {
        let state = self.directory.join("state");
        let _ = fs::remove_dir_all(&state);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(words);
        // The source has no table of migrations from which the unit could be told.
        for column in ["alerts_alertgroup.response_time", "alerts_alertgrouplogrecord.silence_delay"] {
            command.arg("--interval-unit").arg(format!("public.{column}=us"));
        }
        command.arg("--sqlite").arg(&self.source).args(["--output", "json"]);
        command.env("CUTOVER_STATE_DIR", state).env("DATABASE_URL", self.server.url(DATABASE));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
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
        let pipe = |table: &str| {
            let found = self.query(&COLUMNS.replace("{table}", table));
            let (into, from) = found.split_once('|').unwrap();
            let from = from.replace('\'', "'\\''");
            format!(
                "sqlite3 -csv \"$SOURCE\" 'select {from} from \"{table}\"' | \"$PSQL\" -Xq -c '\\copy \"{table}\" ({into}) from stdin csv'"
            )
        };
        let pipes: Vec<String> = HALVES.concat().into_iter().map(pipe).collect();
        let script = format!("export PGOPTIONS='-c session_replication_role=replica'; set -e; {}", pipes.join("; "));
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("SOURCE", &self.source).env("PSQL", psql);
        self.environment(&mut shell, DATABASE);
        shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Two connections load, then build the indexes, the largest first and one by turns.
    fn limit(&self) -> Figures {
        let constraints = "select string_agg(format('alter table %s drop constraint %I', conrelid::regclass, conname), '; ') from pg_constraint where contype = 'f'";
        let (drops, builds): (Vec<&str>, Vec<&str>) =
            self.indexes.iter().filter_map(|line| line.split_once('|')).unzip();
        for sql in [self.query(constraints), drops.join("; ")] {
            assert!(self.psql().args(["-c", &sql]).status().unwrap().success());
        }
        let loads = watch(HALVES.map(|half| self.ready_load(half)).into(), self.postmaster());
        let turn = |first: usize| builds.iter().skip(first).step_by(2).copied().collect::<Vec<_>>().join("; ");
        let built = watch(vec![self.statements(&turn(0)), self.statements(&turn(1))], self.postmaster());
        Figures {
            wall: loads.wall + built.wall,
            client_cpu: loads.client_cpu + built.client_cpu,
            server_cpu: loads.server_cpu + built.server_cpu,
            peak_rss_mb: loads.peak_rss_mb.max(built.peak_rss_mb),
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

/// `PostgreSQL 15.18`.
pub fn version(server: &Server) -> String {
    let postgres = server.binaries().program("postgres");
    let output = Command::new(postgres).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let number = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    format!("PostgreSQL {}", number.unwrap_or("of unknown version"))
}
