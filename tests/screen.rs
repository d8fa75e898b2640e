//! The screen in a real pseudo-terminal: keys, gates, resizing, signals, suspension. The child is this very test binary, which
//! shows the screen over an engine whose actions only wait.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod screens {
    pub mod pty;
    pub mod world;
}

use screens::pty::Pty;

/// Not a test of its own: what the others start.
#[test]
fn child() {
    if std::env::var_os(screens::pty::CHILD).is_some() {
        screens::world::show();
    }
}

#[test]
fn a_run_from_its_first_key_to_its_last_card() {
    let mut pty = Pty::start(100, 30, &[]);
    pty.wait_for("ready");
    pty.keys("\r");
    pty.wait_for("Start this run?");
    pty.keys("\r");
    pty.wait_for_not("Start this run?");
    pty.keys("\r\t\r");
    pty.wait_for("alerts_alert");
    pty.wait_for("waits for you");
    pty.keys("\r");
    pty.wait_for("type oncall to go on");
    pty.keys("oncall\t\t\r");
    pty.wait_for("✓ done");
    pty.wait_for("left to do");
    pty.keys("q");
    assert!(pty.ended().success());
    pty.is_restored();
}

#[test]
fn a_refused_gate_stays_and_says_nothing_was_done() {
    let mut pty = Pty::start(80, 24, &[]);
    pty.wait_for("ready");
    pty.keys("\r\t\r");
    pty.wait_for("waits for you");
    pty.keys("\r\t\r");
    pty.wait_for("▲ enter");
    pty.keys("?");
    pty.wait_for("everywhere");
    pty.keys("\u{1b}");
    pty.wait_for_not("everywhere");
    pty.keys("gb");
    pty.wait_for("Roll back to before");
    pty.keys("\t\r");
    pty.wait_for("rolled back");
    pty.keys("q");
    assert!(pty.ended().success());
}

#[test]
fn any_size_at_any_moment() {
    let mut pty = Pty::start(120, 40, &[]);
    pty.wait_for("ready");
    pty.keys("\r\t\r");
    for (columns, lines) in [(40, 12), (200, 60), (10, 3), (80, 24), (39, 50), (300, 80), (1, 1), (132, 43)] {
        pty.resize(columns, lines);
    }
    pty.wait_for("╭ steps");
    pty.resize(30, 8);
    pty.wait_for("cutover needs 40×12");
    pty.resize(80, 24);
    pty.wait_for("╭ steps");
    pty.keys("q\t\r");
    pty.ended();
    pty.is_restored();
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let mut pty = Pty::start(80, 24, &[]);
        pty.wait_for("ready");
        pty.keys("\r\t\r");
        pty.wait_for("running");
        pty.signal(signal);
        pty.ended();
        pty.is_restored();
        assert!(pty.everything().contains("LEFT BY Signal"), "{signal}");
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_screen() {
    let Some(mut pty) = Pty::inside_another() else {
        println!("SKIPPED: `script` (util-linux) is not there");
        return;
    };
    pty.wait_for("ready");
    pty.keys("\r\t\r");
    pty.wait_for("running");
    pty.signal("KILL");
    pty.screen_is_gone();
}

#[test]
fn the_shell_gets_the_terminal_by_ctrl_z_and_gives_it_back() {
    let mut pty = Pty::shell(100, 30);
    pty.wait_for("$");
    pty.start_in_shell();
    pty.wait_for("ready");
    pty.keys("\u{1a}");
    pty.wait_for("Stopped");
    pty.is_restored();
    pty.keys("stty -a | grep -o ' icanon'\r");
    pty.wait_for(" icanon");
    pty.keys("fg\r");
    pty.wait_for("╭ steps");
    pty.wait_for("ready");
    pty.keys("?");
    pty.wait_for("everywhere");
    pty.keys("\u{1b}");
    pty.wait_for_not("everywhere");
    pty.keys("q");
    pty.wait_for("LEFT BY Operator");
    pty.is_restored();
}

#[test]
fn without_job_control_ctrl_z_harms_nothing() {
    let mut pty = Pty::start(80, 24, &[]);
    pty.wait_for("ready");
    pty.keys("\u{1a}");
    pty.keys("?");
    pty.wait_for("everywhere");
}

#[test]
fn a_terminal_that_cannot_draw_is_told_what_to_do() {
    let mut pty = Pty::start(80, 24, &[("TERM", "dumb")]);
    pty.wait_for("use --headless");
    pty.ended();
}

#[test]
fn waiting_costs_no_time_of_the_processor() {
    let mut pty = Pty::start(120, 40, &[]);
    pty.wait_for("ready");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = pty.processor_ticks();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let spent = pty.processor_ticks() - before;
    println!("idle for 2 s: {spent} ticks of 10 ms");
    assert!(spent <= 5, "{spent} ticks in two idle seconds");
}

#[test]
fn a_key_is_seen_while_rows_are_moving() {
    let mut pty = Pty::start(120, 40, &[("CUTOVER_SCREEN_SLOW", "1")]);
    pty.wait_for("ready");
    pty.keys("\r\t\r");
    pty.wait_for("alerts_alert");
    let mut took: Vec<u128> = (0..20)
        .map(|_| {
            let begun = std::time::Instant::now();
            pty.keys("?");
            pty.wait_for("everywhere");
            let took = begun.elapsed().as_millis();
            pty.keys("\u{1b}");
            pty.wait_for_not("everywhere");
            took
        })
        .collect();
    took.sort_unstable();
    println!("key to frame under load: median {} ms, worst {} ms", took[10], took[19]);
}
