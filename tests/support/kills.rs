//! Which moments a process is killed at, and how.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// The points that a run reached by its trace, and how often.
pub fn points(trace: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

/// First, middle and last time for points that are reached often; a single one is hit as it is.
pub fn occurrences(count: u64) -> Vec<u64> {
    let mut chosen = vec![1, count.div_ceil(2), count];
    chosen.dedup();
    chosen
}

/// Spread over the whole run, the same ones every time.
pub fn fraction(number: u64) -> f64 {
    let spread = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
    spread as f64 / (1_u64 << 53) as f64
}

pub fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// At work with nothing to say.
pub fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether it was killed: it may have ended before.
pub fn kill_after(command: Command, delay: Duration) -> bool {
    let mut child = quiet(command);
    std::thread::sleep(delay);
    let _ = child.kill();
    was_killed(child.wait().unwrap())
}

/// All that a process said.
pub fn said(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
