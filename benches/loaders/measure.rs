//! What one run cost, from outside: the kernel's accounting of the client's process tree and of the server's.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

/// One run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of CPU of the client and its children.
    pub client_cpu: f64,
    /// Seconds of CPU of the server.
    pub server_cpu: f64,
    /// The largest resident set of any client process.
    pub peak_rss_mb: f64,
}

/// The middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Waits for the children and measures them; panics when one fails, so that no failed run becomes a figure.
pub fn watch(children: Vec<Child>, postmaster: u32) -> Figures {
    let (figures, well) = watch_any(children, postmaster);
    assert!(well, "a contestant failed");
    figures
}

/// The same for what may fail: whether all ended well.
pub fn watch_any(mut children: Vec<Child>, postmaster: u32) -> (Figures, bool) {
    let (began, client_before, server_before) = (Instant::now(), children_cpu(), server_cpu(postmaster));
    let mut peak = 0.0_f64;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        peak = children.iter().map(|child| peak_rss_mb(child.id())).fold(peak, f64::max);
        std::thread::sleep(Duration::from_millis(5));
    }
    let wall = began.elapsed().as_secs_f64();
    let well = children.iter_mut().all(|child| child.wait().unwrap().success());
    let figures = Figures {
        wall,
        client_cpu: children_cpu() - client_before,
        server_cpu: server_cpu(postmaster) - server_before,
        peak_rss_mb: peak,
    };
    (figures, well)
}

fn children_cpu() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

/// The postmaster's own time, that of its ended children, and that of those still there (`/proc/PID/stat`, fields 14 to 17).
fn server_cpu(postmaster: u32) -> f64 {
    let own = ticks(postmaster, 13..17);
    let living: u64 = children_of(postmaster).into_iter().map(|pid| ticks(pid, 13..15)).sum();
    (own + living) as f64 / 100.0
}

fn ticks(pid: u32, fields: std::ops::Range<usize>) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold blanks: count from behind it.
    let rest: Vec<&str> = text.rsplit_once(") ").map_or(Vec::new(), |(_, rest)| rest.split(' ').collect());
    fields.filter_map(|field| rest.get(field - 2)?.parse::<u64>().ok()).sum()
}

fn children_of(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// The largest of a process and its children: the contestants that are pipes have several.
fn peak_rss_mb(pid: u32) -> f64 {
    let own = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = own
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    children_of(pid).into_iter().map(peak_rss_mb).fold(kilobytes.unwrap_or_default() / 1024.0, f64::max)
}
