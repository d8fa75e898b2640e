//! The whole way there and back by keys in a terminal: what the operator sees and presses, psql in the test pod on the way.

use crate::gateway::lose_the_test_pod;
use crate::stage::stage;
use crate::terminal::Terminal;
use crate::walk::{App, Volume};
use portable_pty::CommandBuilder;

/// The walk's runbook with gates: one before the service goes down, and a name to type before the switch.
fn with_gates(app: &App<'_>) {
    let text = std::fs::read_to_string(&app.runbook).unwrap();
    let text = text
        .replace("  - action: quiesce\n", "  - action: quiesce\n    gate: confirm\n")
        .replace("  - action: spot-check\n", "  - action: spot-check\n    gate: confirm\n")
        .replacen("  - action: switch-config\n", "  - action: switch-config\n    gate: {typed: app}\n", 1);
    std::fs::write(&app.runbook, text).unwrap();
}

fn open(app: &App<'_>) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(["run", app.runbook.to_str().unwrap()]);
    let state = app.stage.directory.path().join("state").display().to_string();
    let kubeconfig = app.stage.kubeconfig.display().to_string();
    Terminal::spawn(120, 40, command, &[("CUTOVER_STATE_DIR", &state), ("KUBECONFIG", &kubeconfig)])
}

fn waits_at(terminal: &mut Terminal, step: &str) {
    terminal.wait_within(240, &format!("▲ {step}"));
    terminal.wait_for("▲ enter: decide");
}

/// Agrees at the gate of a step, by the last of its choices.
fn agree(terminal: &mut Terminal, step: &str) {
    waits_at(terminal, step);
    terminal.keys("\r");
    terminal.wait_for(&format!("{step}: go on?"));
    terminal.keys("\t\t\r");
    terminal.wait_for_not(&format!("{step}: go on?"));
}

/// psql has the terminal to itself, knows the database without being told, and gives the terminal back.
fn asks_in_psql(terminal: &mut Terminal, pod: &str) {
    terminal.keys("4");
    terminal.wait_for("deployment/app");
    terminal.wait_for(pod);
    terminal.keys("p");
    terminal.wait_for("app=");
    assert!(!terminal.screen().alternate_screen(), "psql has the terminal itself");
    terminal.keys("select 'there are ' || count(*) || ' schemas' from pg_namespace where nspname = 'public';\r");
    terminal.wait_for("there are 1 schemas");
    terminal.resize(110, 38);
    terminal.keys("\\q\r");
    terminal.wait_for("psql has ended");
    assert!(terminal.screen().alternate_screen(), "the screen has the terminal again");
    terminal.wait_for("deployment/app");
    terminal.resize(120, 40);
}

/// A pod that somebody deletes comes back when psql is asked for.
fn asks_again_in_a_lost_pod(terminal: &mut Terminal, app: &App<'_>) {
    lose_the_test_pod(app.stage);
    terminal.keys("p");
    terminal.wait_for_times("comes back to cutover", 2);
    terminal.keys("select 'again ' || 1;\r");
    terminal.wait_for("again 1");
    terminal.keys("\\q\r");
    terminal.wait_for("psql has ended");
}

/// Back from the end to before the first step, the name typed.
fn roll_back(terminal: &mut Terminal) {
    terminal.keys("\u{1b}");
    terminal.wait_for("╭ cleanup");
    terminal.keys("gb");
    terminal.wait_for("Roll back to before preflight?");
    terminal.keys("app\t\r");
    terminal.wait_within(240, "Everything that was taken back is as it was.");
}

#[test]
fn the_whole_way_and_back_by_keys_and_psql_in_between() {
    let Some(stage) = stage() else { return };
    let app = App::deploy(&stage, Volume::Claim, "exec");
    let before = app.owned();
    with_gates(&app);
    let mut terminal = open(&app);
    terminal.wait_for("○ ready");
    assert!(terminal.shown().lines().next().unwrap().contains(&stage.context), "{}", terminal.shown());
    terminal.keys("\r");
    terminal.wait_for("Start this run?");
    terminal.keys("\t\r");
    terminal.wait_for_not("Start this run?");
    waits_at(&mut terminal, "quiesce");
    asks_in_psql(&mut terminal, "test-pod");
    asks_again_in_a_lost_pod(&mut terminal, &app);
    terminal.keys("1");
    terminal.wait_for("steps");
    agree(&mut terminal, "quiesce");
    agree(&mut terminal, "spot-check");
    waits_at(&mut terminal, "switch-config");
    terminal.keys("\r");
    terminal.wait_for("type app to go on");
    terminal.keys("app");
    terminal.keys("\t\t\r");
    terminal.wait_within(240, "The service is on PostgreSQL, and the data is proved.");
    app.on_postgres();
    roll_back(&mut terminal);
    terminal.keys("q");
    assert!(terminal.ended().success());
    terminal.is_restored();
    app.on_sqlite();
    assert_eq!(app.owned(), before, "bytes, replicas and field owners are as they were");
    assert_eq!(stage.left_of_ours(), "");
}
