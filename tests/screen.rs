//! The screen in a real pseudo-terminal: keys, gates, resizing, signals, suspension. The child is this very test binary, which
//! shows the screen over an engine whose actions only wait.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod screens {
    pub mod pty;
    pub mod world;
}

#[path = "support/terminal.rs"]
mod terminal;

use screens::pty;

/// Not a test of its own: what the others start.
#[test]
fn child() {
    if std::env::var_os(pty::CHILD).is_some() {
        screens::world::show();
    }
}

#[test]
fn a_run_from_its_first_key_to_its_last_card() {
    let mut terminal = pty::start(100, 30, &[]);
    terminal.wait_for("ready");
    terminal.keys("\r");
    terminal.wait_for("Start this run?");
    terminal.keys("\r");
    terminal.wait_for_not("Start this run?");
    terminal.keys("\r\t\r");
    terminal.wait_for("alerts_alert");
    terminal.wait_for("waits for you");
    terminal.keys("\r");
    terminal.wait_for("type oncall to go on");
    terminal.keys("oncall\t\t\r");
    terminal.wait_for("✓ done");
    terminal.wait_for("left to do");
    terminal.keys("q");
    assert!(terminal.ended().success());
    terminal.is_restored();
}

#[test]
fn a_refused_gate_stays_and_says_nothing_was_done() {
    let mut terminal = pty::start(80, 24, &[]);
    terminal.wait_for("ready");
    terminal.keys("\r\t\r");
    terminal.wait_for("waits for you");
    terminal.keys("\r\t\r");
    terminal.wait_for("▲ enter");
    terminal.keys("?");
    terminal.wait_for("everywhere");
    terminal.keys("\u{1b}");
    terminal.wait_for_not("everywhere");
    terminal.keys("gb");
    terminal.wait_for("Roll back to before");
    terminal.keys("\t\r");
    terminal.wait_for("rolled back");
    terminal.keys("q");
    assert!(terminal.ended().success());
}

#[test]
fn any_size_at_any_moment() {
    let mut terminal = pty::start(120, 40, &[]);
    terminal.wait_for("ready");
    terminal.keys("\r\t\r");
    for (columns, lines) in [(40, 12), (200, 60), (10, 3), (80, 24), (39, 50), (300, 80), (1, 1), (132, 43)] {
        terminal.resize(columns, lines);
    }
    terminal.wait_for("╭ steps");
    terminal.resize(30, 8);
    terminal.wait_for("cutover needs 40×12");
    terminal.resize(80, 24);
    terminal.wait_for("╭ steps");
    terminal.keys("q\t\r");
    terminal.ended();
    terminal.is_restored();
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let mut terminal = pty::start(80, 24, &[]);
        terminal.wait_for("ready");
        terminal.keys("\r\t\r");
        terminal.wait_for("running");
        terminal.signal(signal);
        terminal.ended();
        terminal.is_restored();
        assert!(terminal.everything().contains("LEFT BY Signal"), "{signal}");
    }
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let mut terminal = pty::start(80, 24, &[("CUTOVER_SCREEN_PANICS", "1")]);
    terminal.wait_for("ready");
    std::fs::write(terminal.state().join("panic"), "").unwrap();
    terminal.ended();
    terminal.is_restored();
    let everything = terminal.everything();
    let given_back = everything.rfind("\u{1b}[?1049l").expect("the alternate screen is left");
    assert!(everything[given_back..].contains("asked to panic"), "{everything}");
}

#[test]
fn a_terminal_that_is_gone_ends_the_screen() {
    let Some(mut terminal) = pty::inside_another() else {
        println!("SKIPPED: `script` (util-linux) is not there");
        return;
    };
    terminal.wait_for("ready");
    terminal.keys("\r\t\r");
    terminal.wait_for("running");
    terminal.signal("KILL");
    pty::screen_is_gone(&terminal);
}

#[test]
fn the_shell_gets_the_terminal_by_ctrl_z_and_gives_it_back() {
    let mut terminal = pty::shell(100, 30);
    terminal.wait_for("$");
    pty::start_in_shell(&mut terminal);
    terminal.wait_for("ready");
    terminal.keys("\u{1a}");
    terminal.wait_for("Stopped");
    terminal.is_restored();
    terminal.keys("stty -a | grep -o ' icanon'\r");
    terminal.wait_for(" icanon");
    terminal.keys("fg\r");
    terminal.wait_for("╭ steps");
    terminal.wait_for("ready");
    terminal.keys("?");
    terminal.wait_for("everywhere");
    terminal.keys("\u{1b}");
    terminal.wait_for_not("everywhere");
    terminal.keys("q");
    terminal.wait_for("LEFT BY Operator");
    terminal.is_restored();
}

#[test]
fn without_job_control_ctrl_z_harms_nothing() {
    let mut terminal = pty::start(80, 24, &[]);
    terminal.wait_for("ready");
    terminal.keys("\u{1a}");
    terminal.wait_for_times("\u{1b}[?1049h", 2);
    terminal.keys("?");
    terminal.wait_for("everywhere");
}

#[test]
fn a_terminal_that_cannot_draw_is_told_what_to_do() {
    let mut terminal = pty::start(80, 24, &[("TERM", "dumb")]);
    terminal.wait_for("use --headless");
    terminal.ended();
}

#[test]
fn waiting_costs_no_time_of_the_processor() {
    let mut terminal = pty::start(120, 40, &[]);
    terminal.wait_for("ready");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = terminal.processor_ticks();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let spent = terminal.processor_ticks() - before;
    println!("idle for 2 s: {spent} ticks of 10 ms");
    terminal.settle(std::time::Duration::from_millis(100));
    let sent = terminal.received();
    terminal.settle(std::time::Duration::from_secs(1));
    assert_eq!(terminal.received(), sent, "an idle screen sends something");
    assert!(spent <= 5, "{spent} ticks in two idle seconds");
}

#[test]
fn a_key_is_seen_while_rows_are_moving() {
    let mut terminal = pty::start(120, 40, &[("CUTOVER_SCREEN_SLOW", "1")]);
    terminal.wait_for("ready");
    terminal.keys("\r\t\r");
    terminal.wait_for("alerts_alert");
    let mut took: Vec<u128> = (0..20)
        .map(|_| {
            let begun = std::time::Instant::now();
            terminal.keys("?");
            terminal.wait_for("everywhere");
            let took = begun.elapsed().as_millis();
            terminal.keys("\u{1b}");
            terminal.wait_for_not("everywhere");
            took
        })
        .collect();
    took.sort_unstable();
    println!("key to frame under load: median {} ms, worst {} ms", took[10], took[19]);
    // The limit is the bench's, on an optimised build; here it is only not to wait for the rows.
    assert!(took[10] < 500, "{took:?}");
}

#[test]
fn only_what_changed_goes_over_the_line() {
    let mut terminal = pty::start(120, 40, &[]);
    terminal.wait_for("ready");
    terminal.settle(std::time::Duration::from_millis(300));
    let frame = terminal.received();
    terminal.keys("j");
    terminal.wait_for("╭ copy");
    terminal.settle(std::time::Duration::from_millis(100));
    let moved = terminal.received() - frame;
    println!("a frame: {frame} bytes; one line down: {moved} bytes");
    assert!(moved * 4 < frame, "{moved} of {frame} bytes for one line down");
    assert_eq!(terminal.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None, "nobody asked for the mouse");
}

/// The numbers of all sequences that set how text looks.
fn looks(everything: &str) -> Vec<u16> {
    let sequences = everything.split("\u{1b}[").skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == ';' || letter == ':'))?;
        rest[end..].starts_with('m').then_some(&rest[..end])
    });
    sequences.flat_map(|numbers| numbers.split([';', ':'])).filter_map(|number| number.parse().ok()).collect()
}

fn is_colour(look: &u16) -> bool {
    matches!(look, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}

/// A run up to a question over a refusal, which has something of every colour.
fn all_that_is_coloured(env: &[(&str, &str)]) -> terminal::Terminal {
    let mut terminal = pty::start(100, 30, env);
    terminal.wait_for("ready");
    terminal.keys("\r\t\r");
    terminal.wait_for("waits for you");
    terminal.keys("r");
    terminal.wait_for("no step has failed");
    terminal.keys("\r");
    terminal.wait_for("type oncall to go on");
    terminal
}

#[test]
fn without_colour_all_is_told_by_words_weight_and_inversion() {
    let coloured = all_that_is_coloured(&[("NO_COLOR", "")]);
    assert!(looks(&coloured.everything()).iter().any(is_colour), "the test sees no colours at all");
    let plain = all_that_is_coloured(&[("NO_COLOR", "1"), ("CUTOVER_THEME", "dark")]);
    let looks = looks(&plain.everything());
    assert!(!looks.iter().any(is_colour), "{looks:?}");
    assert!(looks.contains(&1) && looks.contains(&7), "neither weight nor inversion: {looks:?}");
    assert!(plain.shown().contains("▲ waits for you") && plain.shown().contains("✓ scan"), "{}", plain.shown());
}

#[test]
fn in_ascii_nothing_else_reaches_the_terminal() {
    let terminal = all_that_is_coloured(&[("CUTOVER_ASCII", "1")]);
    assert!(terminal.everything().is_ascii(), "{}", terminal.shown());
    let mut bare = pty::start(100, 30, &[("LC_ALL", "C")]);
    bare.wait_for("ready");
    assert!(bare.everything().is_ascii(), "{}", bare.shown());
}
