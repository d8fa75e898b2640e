//! The command line as clap types; no logic. README has the contract, exit codes included.

use crate::evidence::{IntervalUnit, Policy};
use crate::runbook::ZonePolicy;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Walks a service off SQLite and onto PostgreSQL, step by step, with proof and a way back.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, about, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cutover demo                                     a whole cutover to try, on a private PostgreSQL
  cutover plan runbooks/grafana.yaml --set sqlite=/var/lib/grafana/grafana.db
  cutover run  runbooks/grafana.yaml --set sqlite=/var/lib/grafana/grafana.db --set config=/etc/grafana/grafana.ini
  cutover run  runbooks/grafana.yaml --detach --set …     survives a lost SSH session; `cutover attach` comes back
  cutover copy --sqlite app.db --postgres postgres://app@db.internal/app    (password in PGPASSWORD)

Exit codes:
  0 done    1 failed or refused    2 wrong command line or runbook    3 waiting for the operator
  4 differences found    130 interrupted; `cutover resume` goes on";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try a whole cutover on data and servers of its own.
    Demo(Demo),
    /// Show what a runbook would do; touches nothing.
    Plan(Plan),
    /// Walk through a runbook.
    Run(Run),
    /// Go on with a run that was paused, interrupted or killed.
    Resume(Resume),
    /// Take steps back, to any earlier step or to the start.
    Rollback(Rollback),
    /// Watch a run on this terminal; answer for it when nobody else does; replay one that has ended.
    Attach(Attach),
    /// Where a run stands.
    Status(Status),
    /// The runs on this machine.
    Runs(Runs),
    /// Remove what a run keeps for going back: saved rows on the target, snapshot, directory.
    Forget(Forget),
    /// Who, when, what and what was proved, as Markdown, JSON or HTML.
    Report(Report),
    /// Load data only, into the schema that stands there.
    Copy(Copy),
    /// Prove that the target holds what the source holds.
    Verify(Verify),
    /// Put intervals right that another tool loaded in the wrong unit; only looks without --execute.
    RepairIntervals(RepairIntervals),
    /// Colours, keys and production places: the configuration file, with everything that can be set.
    Config(Config),
    /// The JSON schema of a runbook.
    Schema,
    /// Completion for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per event, the last one `finished`.
    Json,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Print lines instead of opening the screen, and pass every gate.
    #[arg(long)]
    pub headless: bool,
    /// Rows of the largest table.
    #[arg(long, default_value_t = 20_000)]
    pub rows: u64,
    /// Keep source, server and run in this directory; `resume` starts the server again.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The runbook.
    pub runbook: PathBuf,
    /// Parameters.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The context of the kubeconfig whose cluster the service runs on, instead of the runbook's; never the current one by itself.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The runbook.
    pub runbook: PathBuf,
    /// Parameters.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The context of the kubeconfig whose cluster the service runs on, instead of the runbook's; never the current one by itself.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Stop after this step.
    #[arg(long, value_name = "STEP")]
    pub until: Option<String>,
    /// React to the mouse.
    #[arg(long)]
    pub mouse: bool,
    /// How to drive it.
    #[command(flatten)]
    pub drive: Drive,
}

/// Who answers, and how it is shown.
#[derive(Debug, Args)]
pub struct Drive {
    /// Print lines instead of opening the screen. Without a terminal this is the default.
    #[arg(long)]
    pub headless: bool,
    /// Pass every gate; journaled as such.
    #[arg(long)]
    pub yes: bool,
    /// Drive the run in a process of its own, which outlives this terminal; `cutover attach` comes back to it.
    ///
    /// With a terminal, the screen is attached at once: begin the run there, leave it, lose it, attach again. Without one, or with
    /// --headless, the run begins at once and the command ends. The run waits at gates and failures until a terminal is there to answer. Without
    /// --detach a terminal that is lost (SIGHUP) stops the run at its next safe place, exit code 130.
    #[arg(long)]
    pub detach: bool,
    /// This is the process that `--detach` made.
    #[arg(long, hide = true)]
    pub detached: bool,
    /// Text or JSON (JSON implies --headless).
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The run; the newest unfinished one when absent.
    pub run: Option<String>,
    /// What the kubeconfig of this host calls the cluster, where that is not what it was called when the run began.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// How to drive it.
    #[command(flatten)]
    pub drive: Drive,
}

/// Options of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The run.
    pub run: String,
    /// Take back down to and including this step; to the start when absent.
    #[arg(long, value_name = "STEP")]
    pub to: Option<String>,
    /// What the kubeconfig of this host calls the cluster, where that is not what it was called when the run began.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Lose what the application wrote to the target since the switch.
    #[arg(long, conflicts_with = "export_writes")]
    pub lose_writes: bool,
    /// Write to FILE what the application wrote to the target since the switch, then go back.
    #[arg(long, value_name = "FILE")]
    pub export_writes: Option<PathBuf>,
    /// How to drive it.
    #[command(flatten)]
    pub drive: Drive,
}

/// Options of `attach`.
#[derive(Debug, Args)]
#[command(after_help = ATTACH_EXAMPLES)]
pub struct Attach {
    /// The run; the newest when absent.
    pub run: Option<String>,
    /// Only watch, although nobody else answers for the run; `t` takes it over later.
    #[arg(long)]
    pub watch: bool,
    /// React to the mouse.
    #[arg(long)]
    pub mouse: bool,
}

const ATTACH_EXAMPLES: &str = "\
A run that is driven from another terminal is watched: everything is shown, nothing can be changed. A run that goes on by itself
(`cutover run --detach`) is answered for by the first terminal that comes; the next ones watch, and `t` takes over when it is gone. A run
that nobody drives is shown as its journal tells it, and `t` takes it up in this terminal. `R` replays a run from its journal: [ and ] step,
{ and } go from entry to entry, space plays.

Examples:
  cutover attach                                the newest run
  cutover attach grafana-20261124-0307-k3x      that run
  cutover attach --watch                        leave the answers to somebody else";

/// Options of `config`.
#[derive(Debug, Args)]
#[command(after_help = CONFIG_EXAMPLES)]
pub struct Config {
    /// Print where the file is looked for instead of an example.
    #[arg(long)]
    pub path: bool,
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  cutover config > \"$(cutover config --path)\"      begin with a file in which everything is commented out";

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The run; the newest when absent.
    pub run: Option<String>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `forget`.
#[derive(Debug, Args)]
pub struct Forget {
    /// The run.
    pub run: String,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Markdown.
    #[default]
    Md,
    /// JSON.
    Json,
    /// A page that needs nothing else.
    Html,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The run.
    pub run: String,
    /// Format.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What is compared or copied, and how values are converted.
#[derive(Debug, Args)]
pub struct Selection {
    /// The SQLite file.
    #[arg(long, value_name = "FILE")]
    pub sqlite: Option<PathBuf>,
    /// The target; `DATABASE_URL` when absent. The password belongs into PGPASSWORD.
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// Unit of an integer column that becomes an interval; `*` for all.
    #[arg(long = "interval-unit", value_name = "TABLE.COLUMN=us|ms|s|ns", value_parser = pair::<IntervalUnit>)]
    pub interval_units: Vec<(String, IntervalUnit)>,
    /// What to do with a zone in a column that has none.
    #[arg(long = "zone", value_name = "TABLE.COLUMN=utc|as-written|refuse", value_parser = pair::<ZonePolicy>)]
    pub zones: Vec<(String, ZonePolicy)>,
    /// Only these tables; a trailing * matches a prefix.
    #[arg(long, value_name = "TABLE")]
    pub include: Vec<String>,
    /// Not these tables or TABLE.COLUMNs.
    #[arg(long, value_name = "TABLE")]
    pub exclude: Vec<String>,
    /// Go on although the application's migration levels differ.
    #[arg(long)]
    pub accept_levels: bool,
}

/// Options of `copy`.
#[derive(Debug, Args)]
pub struct Copy {
    /// What and how.
    #[command(flatten)]
    pub selection: Selection,
    /// Connections; one is a single transaction.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// What to do with cells that the target refuses.
    #[arg(long, value_name = "stop|null|replace|skip-row", default_value = "stop", value_parser = policy)]
    pub on_reject: Policy,
    /// Save the target's rows first, so that `rollback` can put them back.
    #[arg(long)]
    pub keep_undo: bool,
    /// Show the plan and touch nothing.
    #[arg(long)]
    pub plan: bool,
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// What and how.
    #[command(flatten)]
    pub selection: Selection,
    /// Take source and options from this run.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Options of `repair-intervals`.
#[derive(Debug, Args)]
pub struct RepairIntervals {
    /// What and how. Without --sqlite only rows within --between are repaired.
    #[command(flatten)]
    pub selection: Selection,
    /// Write the values. Without it nothing is changed, and exit code 4 says that there is something to repair.
    #[arg(long)]
    pub execute: bool,
    /// Only rows whose key or time lies within, both ends included; either may be left out.
    #[arg(long, value_name = "TABLE.COLUMN=FROM..TO", value_parser = range)]
    pub between: Vec<(String, String)>,
    /// The unit that the other tool took by mistake; found by itself with --sqlite, else seconds. `*` for all.
    #[arg(long = "unit", value_name = "TABLE.COLUMN=s|ms|us|ns", value_parser = pair::<IntervalUnit>)]
    pub wrong_units: Vec<(String, IntervalUnit)>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

fn pair<T: std::str::FromStr<Err = String>>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` lacks `=`: write TABLE.COLUMN=VALUE"))?;
    Ok((name.to_owned(), value.parse()?))
}

fn range(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{text}` is no range: write TABLE.COLUMN=FROM..TO");
    let (name, range) = text.split_once('=').ok_or_else(wrong)?;
    if name.contains('.') && range.contains("..") { Ok((name.to_owned(), range.to_owned())) } else { Err(wrong()) }
}

fn policy(text: &str) -> Result<Policy, String> {
    text.parse()
}
