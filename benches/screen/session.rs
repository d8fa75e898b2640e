//! The program in a pseudo-terminal: a demo whose copy has the processors, and a run that has ended.

use super::terminal::Terminal;
use super::{OPTIMISED, Times, tell};
use portable_pty::CommandBuilder;
use std::time::{Duration, Instant};

/// Rows of the demo's largest table: enough to press keys for some seconds.
const ROWS: &str = if OPTIMISED { "1500000" } else { "60000" };

/// Measures a session from its start to an idle screen.
pub fn measure() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().join("demo").display().to_string();
    let mut demo = spawn(&["demo", "--rows", ROWS, "--keep", &directory], None);
    demo.wait_for("○ ready");
    demo.keys("\r");
    demo.wait_for("Start this run?");
    demo.keys("\t\r");
    for gate in ["quiesce", "truncate"] {
        demo.wait_for(&format!("▲ {gate}"));
        demo.wait_for("▲ enter: decide");
        demo.keys("\r");
        demo.wait_for(&format!("{gate}: go on?"));
        demo.keys("\t\t\r");
    }
    demo.wait_for("► copy");
    keys_under_a_copy(&mut demo);
    demo.wait_for("▲ spot-check");
    idle(&mut demo);
    start(&demo);
}

fn spawn(words: &[&str], state: Option<&str>) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(words);
    let state = state.map(|state| ("CUTOVER_STATE_DIR", state));
    Terminal::spawn(120, 40, command, state.as_slice())
}

/// From a key to the frame that answers it, again and again until the copy is through.
fn keys_under_a_copy(demo: &mut Terminal) {
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    let before = demo.received();
    while demo.shown().contains("► copy") && times.len() < 400 {
        let sent = demo.received();
        let pressed = Instant::now();
        demo.keys("?");
        demo.wait_for("everywhere");
        times.push(pressed.elapsed());
        bytes.push(demo.received() - sent);
        demo.keys("\u{1b}");
        demo.wait_for_not("everywhere");
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = (demo.received() - before) as f64 / seconds / 1_024.0;
    tell("key to frame while a copy is under way", &Times::of(times), Duration::from_millis(50));
    bytes.sort_unstable();
    let median = bytes[bytes.len() / 2];
    println!("{:<46} {median} bytes for the help over the screen; {rate:.1} KiB/s in all", "over the line");
}

/// What waiting costs.
fn idle(demo: &mut Terminal) {
    demo.settle(Duration::from_secs(2));
    let (ticks, bytes) = (demo.processor_ticks(), demo.received());
    demo.settle(Duration::from_secs(10));
    let (ticks, bytes) = (demo.processor_ticks() - ticks, demo.received() - bytes);
    println!(
        "{:<46} {ticks} ticks of 10 ms and {bytes} bytes in 10 s",
        "waiting at a gate, the outage's clock running"
    );
    assert!(!OPTIMISED || ticks <= 5, "waiting costs {ticks} ticks");
}

/// From the command line to the first frame, of a run that is there already.
fn start(demo: &Terminal) {
    let state = demo.state().display().to_string();
    let first_frame = || {
        let begun = Instant::now();
        let mut attached = spawn(&["attach"], Some(&state));
        attached.wait_for("╭ steps");
        begun.elapsed()
    };
    tell(
        "command line to first frame",
        &Times::of((0..10).map(|_| first_frame()).collect()),
        Duration::from_millis(100),
    );
}
