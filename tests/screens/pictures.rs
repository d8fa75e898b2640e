//! Snapshots of every screen at every size.

use super::fixture;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover::engine::snapshot::Snapshot;
use cutover::tui::{App, Palette, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::sync::Arc;

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (200, 60), (40, 12)];

pub fn app(snapshot: Snapshot) -> App {
    App::new(Arc::new(snapshot), Theme::new(Palette::Dark, false))
}

/// A key by its name.
pub fn key(name: &str) -> KeyEvent {
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "down" => KeyCode::Down,
        "up" => KeyCode::Up,
        "right" => KeyCode::Right,
        "end" => KeyCode::End,
        other => KeyCode::Char(other.chars().next().unwrap()),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

pub fn press(app: &mut App, keys: &str) {
    for name in keys.split_whitespace() {
        app.on_key(key(name));
    }
}

pub fn drawn(app: &mut App, (columns, lines): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    text(terminal.backend().buffer())
}

/// The cells as lines; the cell behind a wide one is left out, as a terminal leaves it out.
pub fn text(buffer: &ratatui::buffer::Buffer) -> String {
    let area = buffer.area;
    (0..area.height)
        .map(|y| {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
                line.push_str(symbol);
            }
            line.trim_end().to_owned() + "\n"
        })
        .collect()
}

fn picture(name: &str, snapshot: &Snapshot, keys: &str) {
    let all: Vec<String> = SIZES
        .iter()
        .map(|size| {
            let mut app = app(snapshot.clone());
            drawn(&mut app, *size);
            press(&mut app, keys);
            let drawn = drawn(&mut app, *size);
            let widest = drawn.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
            assert!(widest <= usize::from(size.0), "{name} at {size:?} is {widest} wide:\n{drawn}");
            format!("{}x{}\n{drawn}", size.0, size.1)
        })
        .collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "pictures" }, {
        insta::assert_snapshot!(name, all.join("\n"));
    });
}

#[test]
fn every_state_in_the_run_view() {
    for (name, snapshot) in fixture::all() {
        picture(&format!("run-{name}"), &snapshot, "");
    }
}

#[test]
fn plan() {
    picture("plan-whole", &fixture::planned(), "2");
    picture("plan-problem", &fixture::planned(), "2 down enter down down");
    picture("plan-interval", &fixture::planned(), "2 down down enter down");
    picture("plan-none", &fixture::fresh(), "2");
}

#[test]
fn data() {
    picture("data-tables", &fixture::differences(), "3");
    picture("data-rows", &fixture::differences(), "3 enter");
    picture("data-cells", &fixture::differences(), "3 enter enter down down down");
    picture("data-pager", &fixture::differences(), "3 enter enter down down down enter");
    picture("data-reading", &fixture::fresh(), "3");
    picture("data-filter-nothing", &fixture::differences(), "3 / z z enter");
}

#[test]
fn distribution() {
    let mut app = app(fixture::differences());
    press(&mut app, "3 enter d");
    let mut answered = fixture::differences();
    answered.data = Arc::new(fixture::data());
    app.update(Arc::new(answered));
    let all: Vec<String> = SIZES.iter().map(|size| format!("{size:?}\n{}", drawn(&mut app, *size))).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "pictures" }, {
        insta::assert_snapshot!("data-distribution", all.join("\n"));
    });
}

#[test]
fn log() {
    picture("log", &fixture::failed(), "4");
    picture("log-filter", &fixture::failed(), "4 / s c a n");
    picture("log-wrapped", &fixture::failed(), "4 w v");
}

#[test]
fn dialogs() {
    picture("dialog-start", &fixture::fresh(), "enter");
    picture("dialog-confirm", &fixture::at_confirm(), "enter");
    picture("dialog-typed", &fixture::at_gate(), "enter tab tab g r a f enter");
    picture("dialog-failure", &fixture::failed(), "enter");
    picture("dialog-skip", &fixture::failed(), "enter tab tab enter");
    picture("dialog-rollback", &fixture::at_gate(), "up up up up b");
    picture("dialog-quit", &fixture::copying(), "q");
    picture("dialog-unit", &fixture::planned(), "2 down down enter down u");
    picture("dialog-policy", &fixture::planned(), "2 down enter down p");
}

#[test]
fn help_and_palette() {
    picture("help-run", &fixture::copying(), "?");
    picture("help-data", &fixture::fresh(), "3 ?");
    picture("palette", &fixture::copying(), ":");
    picture("palette-found", &fixture::copying(), ": r o l l b");
    picture("key-refused", &fixture::copying(), "r");
    picture("pager-step", &fixture::copying(), "enter");
}

#[test]
fn in_ascii_nothing_else_is_drawn() {
    for (name, snapshot) in fixture::all() {
        let mut app = App::new(Arc::new(snapshot), Theme::new(Palette::Plain, true));
        let drawn = drawn(&mut app, (120, 40));
        assert!(drawn.is_ascii(), "{name}:\n{drawn}");
    }
    let mut app = App::new(Arc::new(fixture::copying()), Theme::new(Palette::Plain, true));
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "pictures" }, {
        insta::assert_snapshot!("ascii", drawn(&mut app, (100, 30)));
    });
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    for size in [(39, 12), (40, 11), (20, 3), (1, 1), (5, 200)] {
        let drawn = drawn(&mut app(fixture::copying()), size);
        assert!(drawn.starts_with(['c', '…']), "{drawn}");
    }
}

/// Not a limit but a look: frames of 500 tables, unoptimised; `cargo bench` has the figures that count.
#[test]
fn a_frame_of_many_tables() {
    let mut app = app(fixture::many(500));
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        terminal.draw(|frame| app.draw(frame)).unwrap();
    }
    println!("a frame of 500 tables at 200x60: {:.1} ms", begun.elapsed().as_secs_f64() * 50.0);
}
