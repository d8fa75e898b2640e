//! Memory does not grow with the source: a row is held once, and what a huge cell needs is bounded by its size.

use crate::binary::Desk;
use crate::support::{database, psql};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Bytes of the cell, and of everything else.
const CELL: u64 = 200_000_000;
const REST: u64 = 64 << 20;

/// Random bytes cannot be compressed; without `external` the server would try for as long as everything else takes.
const SOURCE: &str = "create table t (id integer primary key, b blob, n integer);
    insert into t values (1, x'00ff', 1), (2, randomblob(200000000), 2), (3, x'', 3)";
const TARGET: &str =
    "create table t (id bigint primary key, b bytea, n integer); alter table t alter b set storage external";

#[test]
fn a_cell_of_200_megabytes_costs_its_size_twice_at_most() {
    let url = database();
    psql(&url, TARGET);
    let desk = Desk::new().with("DATABASE_URL", &url);
    let source = desk.sqlite("app.db", SOURCE);
    for command in ["copy", "verify"] {
        let mut command_line = desk.command(&[command, "--sqlite", &source, "--output", "json"]);
        let mut child = command_line.stdout(Stdio::null()).spawn().unwrap();
        let peak = peak_of(&mut child);
        assert!(child.wait().unwrap().success(), "{command} failed");
        println!("{command}: at most {} MB resident", peak / 1_000_000);
        assert!(peak > CELL, "the peak was not seen");
        assert!(peak <= REST + 2 * CELL, "{command} held {} MB", peak / 1_000_000);
    }
    assert_eq!(psql(&url, "select string_agg(length(b)::text, ' ' order by id) from t"), "2 200000000 0");
}

/// The largest resident set until the process ends, in bytes (`VmHWM` of proc(5)).
fn peak_of(child: &mut Child) -> u64 {
    let mut peak = 0;
    for _ in 0..60_000 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or_default() * 1024);
        if child.try_wait().unwrap().is_some() {
            return peak;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it does not end");
}
