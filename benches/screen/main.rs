//! What the screen costs: frames of 500 tables, the time from a key to its frame while a copy has the processors, the start, the time of
//! the processor while nothing happens, and what goes over the line. Figures are of an optimised build (`make bench`); a debug build
//! prints its own and holds them against nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../../tests/screens/fixture/mod.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod fixture;
mod frames;
mod session;
#[path = "../../tests/support/terminal.rs"]
mod terminal;

use std::time::Duration;

/// Whether the limits count.
const OPTIMISED: bool = !cfg!(debug_assertions);

/// Median and worst of some times.
struct Times(Vec<Duration>);

impl Times {
    fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    /// The time that nine in ten keep within.
    fn usual(&self) -> Duration {
        self.0[self.0.len() * 9 / 10]
    }

    fn of(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self(times)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Prints a figure, and holds its median against a limit in an optimised build.
fn tell(what: &str, times: &Times, limit: Duration) {
    let (median, usual) = (milliseconds(times.median()), milliseconds(times.usual()));
    let worst = milliseconds(*times.0.last().unwrap());
    println!(
        "{what:<46} median {median:7.2} ms   nine in ten {usual:7.2} ms   worst {worst:7.2} ms   ({} times, limit {} ms)",
        times.0.len(),
        limit.as_millis()
    );
    assert!(!OPTIMISED || times.median() < limit, "{what}: {median:.2} ms is over the limit");
}

fn main() {
    frames::measure();
    session::measure();
}
