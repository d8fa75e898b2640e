//! kill -9 of a server process that works for a copy: the server ends all its sessions, recovers and comes back.

use crate::laboratory::{Case, Laboratory, all_ended_alike, small};
use crate::support;
use crate::support::kills::{fraction, points, quiet, said};
use cutover::demo;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a copy may take.
const BOUND: Duration = Duration::from_secs(120);

/// The client is stopped at the point, and woken when the server has lost its process.
#[test]
fn a_server_process_that_is_killed_at_any_point_costs_nothing() {
    let laboratory = small(Some(support::start(&[])));
    for jobs in ["2", "1"] {
        let reference = laboratory.case();
        let trace = reference.state.path().join("trace");
        let output = reference.copy(jobs).env("CUTOVER_CRASH_TRACE", &trace).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let expected = reference.ending();
        let (mut never, mut failures) = (Vec::new(), Vec::new());
        for point in points(&trace).into_keys().filter(|name| name.starts_with("transfer.")) {
            let case = laboratory.case();
            let mut child = quiet(with_stop(case.copy(jobs), &point));
            match stopped(&mut child).then(|| case.kill_server_process()).flatten() {
                Some(what) => support::say(&format!("--jobs {jobs}: at {point} killed the server's {what}")),
                None => never.push(point.clone()),
            }
            signal(child.id(), "-CONT");
            failures.extend(case.judge(case.finish_unless(ended_within(&mut child), jobs), &expected, &point));
        }
        assert_eq!(never, Vec::<String>::new(), "points at which the copy had no server process");
        all_ended_alike(&failures);
    }
}

#[test]
fn a_server_process_that_is_killed_while_it_works_for_a_copy_costs_nothing() {
    let rows = 2_000;
    let laboratory = Laboratory::on(
        Some(support::start(&[])),
        include_str!("../../assets/demo/postgres.sql"),
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
            let finished = case.finish_unless(ended_within(&mut child), jobs);
            failures.extend(case.judge(finished, &expected, &format!("server process killed after {delay:?}")));
        }
        support::say(&format!("--jobs {jobs}: {hits} server processes were killed"));
        assert!(hits > 0, "no server process was killed");
        all_ended_alike(&failures);
    }
}

const SESSIONS: &str = "from pg_stat_activity where datname = current_database() and application_name ~ '^cutover/'";

fn with_stop(mut command: Command, point: &str) -> Command {
    command.env("CUTOVER_STOP_AT", format!("{point}:1"));
    command
}

fn signal(process: u32, signal: &str) -> bool {
    Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success()
}

/// Waits until it has stopped itself; it may have ended before.
fn stopped(child: &mut Child) -> bool {
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) {
            return true;
        }
        assert!(since.elapsed() < BOUND, "the copy neither stops nor ends");
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// Whether it ended well.
fn ended_within(child: &mut Child) -> bool {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        assert!(since.elapsed() < BOUND, "the copy hangs");
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
    /// What an operator does when the server is back.
    fn finish_unless(&self, done: bool, jobs: &str) -> Result<(), String> {
        self.laboratory.awake();
        if done { Ok(()) } else { self.finish(jobs) }
    }

    /// How many of the run's sessions are in a transaction.
    fn sessions(&self) -> String {
        self.sql(&format!("select count(*) {SESSIONS} and xact_start is not null"))
    }

    /// The session and what it did; none where the run has none.
    fn kill_server_process(&self) -> Option<String> {
        let found = self.sql(&format!(
            "select pid || ' ' || application_name || ': ' || left(query, 40) {SESSIONS} order by state <> 'active', application_name !~ '/copy', pid limit 1"
        ));
        let (pid, what) = found.split_once(' ')?;
        signal(pid.parse().unwrap(), "-9").then(|| what.to_owned())
    }
}
