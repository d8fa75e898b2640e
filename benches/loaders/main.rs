//! Head to head: `cutover copy` against other ways to load the same SQLite file into the same schema, and against the limit: binary
//! COPY of ready files without indexes, then CREATE INDEX.
//!
//! `cargo bench --bench loaders -- [S] [M] [L] [--runs N]`. Contestants run in alternation on one server with fsync on, so that a
//! noisy machine is noisy for all. Prints a Markdown table with medians and ratios; README quotes one with date and machine.
//! What is not installed is named and left out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot measure has to stop")]

mod contestants;
mod measure;

use contestants::{Contestant, Stage};
use cutover::scratch::{Options, Server};
use measure::{Figures, median};
use std::path::{Path, PathBuf};

/// Name and rows of the largest table.
const SIZES: &[(&str, i64)] = &[("S", 42_000), ("M", 1_200_000), ("L", 3_840_000)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runs =
        arguments.iter().position(|a| a == "--runs").and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(3);
    let chosen: Vec<_> =
        SIZES.iter().filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|a| a == name)).collect();
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&Options {
        fsync: true,
        settings: vec!["max_wal_size=4GB".to_owned()],
        keep: Some(directory.path().join("postgres")),
        ..Options::default()
    })
    .unwrap();
    for (name, rows) in chosen {
        head_to_head(&server, directory.path(), name, *rows, runs);
    }
}

fn head_to_head(server: &Server, directory: &Path, name: &str, rows: i64, runs: usize) {
    let source = source(directory, name, rows);
    let stage = Stage::new(server, &source, directory);
    let contestants = Contestant::available();
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); contestants.len()];
    for run in 0..runs {
        for (contestant, measured) in contestants.iter().zip(&mut figures) {
            stage.reset();
            let one = stage.measure(*contestant);
            eprintln!("{name} run {} {}: {one:?}", run + 1, contestant.name());
            measured.push(one);
        }
    }
    print_table(name, &source, &contestants, &figures);
}

fn source(directory: &Path, name: &str, rows: i64) -> PathBuf {
    let path = directory.join(format!("{name}.db"));
    cutover::demo::source::generate(&path, rows).unwrap();
    path
}

fn print_table(name: &str, source: &Path, contestants: &[Contestant], figures: &[Vec<Figures>]) {
    let megabytes = std::fs::metadata(source).unwrap().len() as f64 / 1e6;
    println!("\n**{name}**, {megabytes:.0} MB\n");
    println!("| | wall s | to the limit | client CPU s | server CPU s | peak RSS MB |\n|---|---|---|---|---|---|");
    let wall = |runs: &[Figures]| median(runs.iter().map(|f| f.wall));
    let limit = contestants.iter().position(|c| *c == Contestant::Limit).map(|at| wall(&figures[at]));
    for (contestant, runs) in contestants.iter().zip(figures) {
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
            contestant.name(),
            wall(runs),
            limit.map_or(f64::NAN, |limit| wall(runs) / limit),
            median(runs.iter().map(|f| f.client_cpu)),
            median(runs.iter().map(|f| f.server_cpu)),
            median(runs.iter().map(|f| f.peak_rss_mb)),
        );
    }
}
