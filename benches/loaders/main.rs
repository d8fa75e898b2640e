//! Head to head: `cutover copy` against other ways to load the same SQLite file into the same schema, and against the limit: binary
//! COPY of ready files without indexes, then CREATE INDEX.
//!
//! `cargo bench --bench loaders -- [S] [T] [M] [L] [--runs N] [--own] [--readme]`. Contestants run in alternation on one server with
//! fsync on, so that a noisy machine is noisy for all; with `--own` only this program runs. After each copy the proof is measured too,
//! and once after each other loader asked whether all arrived. Prints Markdown tables with medians and ratios, date and machine; with
//! `--readme` they take the place of those in README. What is not installed is named and left out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot measure has to stop")]

mod contestants;
mod measure;
mod report;
mod source;

use contestants::{Contestant, Stage};
use cutover::scratch::{Options, Server};
use measure::{Figures, median};
use report::Report;
use std::path::{Path, PathBuf};

/// Name and scale: 3 million rows are M. T is its tenth, for how time grows with rows.
const SIZES: &[(&str, f64)] = &[("S", 0.035), ("T", 0.1), ("M", 1.0), ("L", 3.2)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runs = arguments.iter().position(|a| a == "--runs").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let any = SIZES.iter().any(|(name, _)| named(name));
    let mut contestants = Contestant::available();
    contestants.retain(|contestant| contestant.own() || !named("--own"));
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&Options {
        fsync: true,
        settings: vec!["max_wal_size=4GB".to_owned()],
        keep: Some(directory.path().join("postgres")),
        ..Options::default()
    })
    .unwrap();
    let mut report = Report::begin(&contestants::version(&server));
    let mut before: Option<(&str, f64, f64)> = None;
    for (name, scale) in SIZES.iter().filter(|(name, _)| !any || named(name)) {
        let field = Field::new(&server, directory.path(), name, *scale);
        let all = field.head_to_head(&contestants, runs.unwrap_or(3));
        field.tell(&all, &mut report);
        let wall = all.iter().find(|rounds| rounds.contestant == Contestant::Cutover).map_or(f64::NAN, Rounds::wall);
        if let Some((smaller, its_scale, its_wall)) = before {
            let (rows, time) = (scale / its_scale, wall / its_wall);
            report.line(&format!(
                "\nFrom {smaller} to {name} `cutover copy` loads {rows:.1} × the rows in {time:.1} × the time."
            ));
        }
        before = Some((name, *scale, wall));
    }
    report.end(named("--readme"));
}

/// One size's source and its stage.
struct Field<'a> {
    name: &'a str,
    source: PathBuf,
    stage: Stage<'a>,
}

/// What one contestant's runs cost.
struct Rounds {
    contestant: Contestant,
    loads: Vec<Figures>,
    /// The proof over what it loaded.
    proofs: Vec<Figures>,
    right: bool,
}

impl Rounds {
    fn new(contestant: &Contestant) -> Self {
        Self { contestant: *contestant, loads: Vec::new(), proofs: Vec::new(), right: true }
    }

    fn wall(&self) -> f64 {
        median(self.loads.iter().map(|figures| figures.wall))
    }
}

impl<'a> Field<'a> {
    fn new(server: &'a Server, directory: &Path, name: &'a str, scale: f64) -> Self {
        let source = directory.join(format!("{name}.db"));
        source::generate(&source, scale).unwrap();
        let stage = Stage::new(server, &source, directory);
        Self { name, source, stage }
    }

    fn head_to_head(&self, contestants: &[Contestant], runs: usize) -> Vec<Rounds> {
        let mut all: Vec<Rounds> = contestants.iter().map(Rounds::new).collect();
        for run in 1..=runs {
            all.iter_mut().for_each(|rounds| self.one(run, rounds));
        }
        all
    }

    fn one(&self, run: usize, rounds: &mut Rounds) {
        let contestant = rounds.contestant;
        self.stage.reset();
        let load = self.stage.measure(contestant);
        eprintln!("{} run {run} {}: {load:?}", self.name, contestant.name());
        rounds.loads.push(load);
        if contestant.own() || (run == 1 && contestant != Contestant::Limit) {
            let (proof, right) = self.stage.verify();
            eprintln!("{} run {run} verify: {proof:?}, right: {right}", self.name);
            rounds.proofs.push(proof);
            rounds.right &= right;
        }
    }

    fn tell(&self, all: &[Rounds], report: &mut Report) {
        let megabytes = std::fs::metadata(&self.source).unwrap().len() as f64 / 1e6;
        let wall = |wanted| all.iter().find(|rounds| rounds.contestant == wanted).map_or(f64::NAN, Rounds::wall);
        let (limit, pgloader) = (wall(Contestant::Limit), wall(Contestant::Pgloader));
        let rows = self.stage.rows();
        report.line(&format!("\n**{}**, {megabytes:.0} MB, {rows} rows\n", self.name));
        report.line("| | wall s | to the limit | to pgloader | client CPU s | server CPU s | peak RSS MB | right? |");
        report.line("|---|---|---|---|---|---|---|---|");
        for rounds in all {
            let ratios = format!("{:.2} | {:.2}", rounds.wall() / limit, rounds.wall() / pgloader);
            let right = match rounds.contestant {
                Contestant::Limit => "",
                _ if rounds.right => "yes, proved",
                _ => "no",
            };
            report.line(&format!("| {} | {} | {right} |", rounds.contestant.name(), row(&rounds.loads, &ratios)));
            if rounds.contestant.own() {
                let proof = median(rounds.proofs.iter().map(|figures| figures.wall));
                let ratio = format!("{:.2} of its copy | ", proof / rounds.wall());
                report.line(&format!("| `cutover verify` after it | {} | |", row(&rounds.proofs, &ratio)));
            }
        }
    }
}

fn row(runs: &[Figures], ratios: &str) -> String {
    format!(
        "{:.2} | {ratios} | {:.2} | {:.2} | {:.0}",
        median(runs.iter().map(|f| f.wall)),
        median(runs.iter().map(|f| f.client_cpu)),
        median(runs.iter().map(|f| f.server_cpu)),
        median(runs.iter().map(|f| f.peak_rss_mb)),
    )
}
