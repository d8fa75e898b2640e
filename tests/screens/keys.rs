//! What keys can do, and what they cannot.

use super::any_key::any_key;
use super::fixture;
use super::pictures::{app, drawn, key as named, press};
use crossterm::event::{KeyCode, KeyEvent};
use cutover::engine::command::Command;
use cutover::engine::snapshot::{Helm, Snapshot};
use cutover::tui::{App, Intent};
use proptest::collection;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use std::sync::Arc;

/// Whether a key may send what it sends: pause and resume always, anything else only by enter on a choice that is not Cancel.
fn allowed(before: Option<bool>, key: KeyEvent, intent: &Intent) -> bool {
    match intent {
        Intent::Command(Command::Pause | Command::Resume) => true,
        Intent::Command(_) => before == Some(true) && key.code == KeyCode::Enter,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Ten thousand random keys over every state, drawn at odd sizes in between. `tests/screen_keys.rs` does the same on a real run.
    #[test]
    fn no_key_commands_without_a_confirmed_dialog(keys in collection::vec(any_key(), 100), start in 0usize..14, width in 1u16..160, height in 1u16..50) {
        let states = fixture::all();
        let mut app = app(states[start].1.clone());
        for (index, key) in keys.into_iter().enumerate() {
            let before = app.dialog();
            for intent in app.on_key(key) {
                prop_assert!(allowed(before, key, &intent), "{key:?} sent {intent:?}");
            }
            if index % 9 == 0 {
                drawn(&mut app, (width, height));
            }
            if index % 31 == 30 {
                app.update(Arc::new(states[(start + index) % states.len()].1.clone()));
            }
        }
    }
}

fn sent(app: &mut App, keys: &str) -> Vec<Intent> {
    let (before, last) = keys.trim().rsplit_once(' ').unwrap_or(("", keys));
    press(app, before);
    app.on_key(named(last))
}

#[test]
fn a_run_begins_by_enter_and_a_choice() {
    assert_eq!(sent(&mut app(fixture::fresh()), "enter enter"), []);
    assert_eq!(sent(&mut app(fixture::fresh()), "enter tab enter"), [Intent::Command(Command::Start)]);
}

#[test]
fn what_cannot_be_seen_cannot_be_confirmed() {
    let mut app = app(fixture::fresh());
    drawn(&mut app, (30, 8));
    assert_eq!(sent(&mut app, "enter tab enter"), []);
    assert_eq!(app.dialog(), None);
    drawn(&mut app, (40, 12));
    assert_eq!(sent(&mut app, "enter tab enter"), [Intent::Command(Command::Start)]);
}

#[test]
fn a_typed_gate_opens_by_its_name_only() {
    let mut gate = app(fixture::at_gate());
    assert_eq!(sent(&mut gate, "enter tab tab enter"), []);
    assert_eq!(gate.dialog(), Some(true), "the dialog is still open");
    let sent = sent(&mut gate, "g r a f a n a - o n c a l l enter");
    let typed = Some("grafana-oncall".to_owned());
    assert_eq!(sent, [Intent::Command(Command::Approve { step: "start".into(), typed, remark: None })]);
}

#[test]
fn a_skip_needs_its_reason() {
    let mut app = app(fixture::failed());
    assert_eq!(sent(&mut app, "s tab enter"), []);
    let skip = Command::Skip { step: "copy".into(), reason: "known".to_owned() };
    assert_eq!(sent(&mut app, "k n o w n enter"), [Intent::Command(skip)]);
}

#[test]
fn a_disabled_key_says_why() {
    for (key, why) in [("r", "no step has failed"), ("u", "no such key here"), ("e", "has not ended")] {
        let mut app = app(fixture::copying());
        press(&mut app, key);
        assert!(app.note().is_some_and(|note| note.contains(why)), "{key}: {:?}", app.note());
        assert_eq!(app.dialog(), None);
    }
}

#[test]
fn the_palette_says_why_not_and_does_nothing() {
    let mut running = app(fixture::copying());
    press(&mut running, ": r u n space t h e space f a i l e d");
    assert!(drawn(&mut running, (120, 40)).contains("Run the failed step again · no step has failed"));
    press(&mut running, "enter");
    assert_eq!(running.note(), Some("Run the failed step again: no step has failed"));
    let mut failed = app(fixture::failed());
    press(&mut failed, ": r u n space t h e space f a i l e d enter");
    assert_eq!(failed.dialog(), Some(false), "it asks, with Cancel chosen");
}

#[test]
fn space_pauses_and_goes_on() {
    assert_eq!(sent(&mut app(fixture::copying()), "space"), [Intent::Command(Command::Pause)]);
}

#[test]
fn a_watcher_commands_nothing() {
    for (_, snapshot) in fixture::all() {
        let mut app = app(Snapshot { helm: Helm::Elsewhere("anna@node-7 on pts/3".to_owned()), ..snapshot });
        for key in ["enter tab enter", "space", "r", "s", "b", "q"] {
            let intents = sent(&mut app, key);
            assert!(!intents.iter().any(|intent| matches!(intent, Intent::Command(_))), "{key}: {intents:?}");
            press(&mut app, "esc esc");
        }
    }
}

#[test]
fn a_filter_is_remembered_and_escape_gives_back_the_former_one() {
    let mut app = app(fixture::failed());
    press(&mut app, "4 / s c a n enter 1 4");
    assert!(drawn(&mut app, (80, 24)).contains("/ scan"));
    press(&mut app, "/ x x esc");
    assert!(drawn(&mut app, (80, 24)).contains("/ scan"));
    press(&mut app, "up esc");
    assert!(drawn(&mut app, (80, 24)).contains("/ scan"), "what is open is closed first");
    press(&mut app, "esc");
    assert!(!drawn(&mut app, (80, 24)).contains("/ scan"));
}
