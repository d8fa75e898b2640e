//! Snapshots of every screen at every size.

use super::{cluster, fixture};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover::engine::snapshot::Snapshot;
use cutover::tui::{App, Palette, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::sync::Arc;

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (200, 60), (40, 12)];

/// The sizes at which colours are kept.
const THEME_SIZES: [(u16, u16); 3] = [(40, 12), (80, 24), (200, 60)];

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

/// Every screen that there is: a name, the run, and the keys that lead there.
fn screens() -> Vec<(String, Snapshot, &'static str)> {
    let runs = fixture::all().into_iter().map(|(name, snapshot)| (format!("run-{name}"), snapshot, ""));
    let others = [
        ("plan-whole", fixture::planned(), "2"),
        ("plan-problem", fixture::planned(), "2 down enter down"),
        ("plan-interval", fixture::planned(), "2 down down enter"),
        ("plan-none", fixture::fresh(), "2"),
        ("data-tables", fixture::differences(), "3"),
        ("data-rows", fixture::differences(), "3 enter"),
        ("data-cells", fixture::differences(), "3 enter enter down down down"),
        ("data-pager", fixture::differences(), "3 enter enter down down down enter"),
        ("data-reading", fixture::fresh(), "3"),
        ("data-filter-hides", fixture::differences(), "3 / a l e r t s enter"),
        ("data-filter-nothing", fixture::differences(), "3 / z z enter"),
        ("cluster-events", cluster::events(), "4"),
        ("cluster-log", cluster::log(), "4 down enter"),
        ("cluster-log-back", cluster::log(), "4 down enter up up up"),
        ("cluster-log-search", cluster::log(), "4 down enter / s l o w enter"),
        ("cluster-away", cluster::away(), "4"),
        ("cluster-nothing", cluster::nothing(), "4"),
        ("log", fixture::failed(), "4"),
        ("log-filter", fixture::failed(), "4 / s c a n"),
        ("log-wrapped", fixture::failed(), "4 w v"),
        ("dialog-start", fixture::fresh(), "enter"),
        ("dialog-confirm", fixture::at_confirm(), "enter"),
        ("dialog-typed", fixture::at_gate(), "enter tab tab g r a f enter"),
        ("dialog-failure", fixture::failed(), "enter"),
        ("dialog-skip", fixture::failed(), "enter tab tab enter"),
        ("dialog-rollback", fixture::at_gate(), "up up up up b"),
        ("dialog-late-writes", fixture::late_writes(), "enter"),
        ("dialog-export", fixture::late_writes(), "enter tab tab enter"),
        ("dialog-lose", fixture::late_writes(), "enter tab tab tab enter"),
        ("dialog-key", fixture::differences(), "3 f"),
        ("dialog-quit", fixture::copying(), "q"),
        ("dialog-leave", fixture::attached(), "q"),
        ("dialog-take-over", fixture::left_behind(), "t"),
        ("dialog-unit", fixture::planned(), "2 down down enter u"),
        ("dialog-policy", fixture::planned(), "2 down enter p"),
        ("help-run", fixture::copying(), "?"),
        ("help-data", fixture::fresh(), "3 ?"),
        ("palette", fixture::copying(), ":"),
        ("palette-found", fixture::copying(), ": r o l l b"),
        ("key-refused", fixture::copying(), "r"),
        ("pager-step", fixture::copying(), "enter"),
        ("watching", fixture::watched(), ""),
        ("watching-refused", fixture::watched(), "b"),
    ];
    runs.chain(others.map(|(name, snapshot, keys)| (name.to_owned(), snapshot, keys))).collect()
}

fn kept(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "pictures", omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn pressed(snapshot: &Snapshot, theme: Theme, keys: &str, size: (u16, u16)) -> Terminal<TestBackend> {
    let mut app = App::new(Arc::new(snapshot.clone()), theme);
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    press(&mut app, keys);
    for _ in 0..2 {
        terminal.draw(|frame| app.draw(frame)).unwrap();
    }
    terminal
}

#[test]
fn every_screen_at_every_size() {
    for (name, snapshot, keys) in screens() {
        let drawn = |size: &(u16, u16)| {
            let terminal = pressed(&snapshot, Theme::new(Palette::Dark, false), keys, *size);
            let drawn = text(terminal.backend().buffer());
            let widest = drawn.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap();
            assert!(widest <= usize::from(size.0), "{name} at {size:?} is {widest} wide:\n{drawn}");
            format!("{}x{}\n{drawn}", size.0, size.1)
        };
        kept(&name, &SIZES.iter().map(drawn).collect::<Vec<_>>().join("\n"));
    }
}

/// The words are those of `every_screen_at_every_size`; kept here is how they are told: a style with how many cells it goes on
/// for, line by line, and what the styles are.
#[test]
fn every_screen_in_every_theme() {
    const FAMILIES: [(&str, Palette, bool); 5] = [
        ("dark", Palette::Dark, false),
        ("light", Palette::Light, false),
        ("high contrast", Palette::HighContrast, false),
        ("16 colours", Palette::Sixteen, false),
        ("no colour, ASCII", Palette::Plain, true),
    ];
    for (name, snapshot, keys) in screens() {
        let mut kept_text = String::new();
        for (family, palette, ascii) in FAMILIES {
            let mut styles = Styles::default();
            let drawn = |size: &(u16, u16)| {
                let terminal = pressed(&snapshot, Theme::new(palette, ascii), keys, *size);
                let buffer = terminal.backend().buffer();
                let words = if ascii { text(buffer) } else { String::new() };
                assert!(!ascii || words.is_ascii(), "{name} at {size:?}:\n{words}");
                format!("{}x{}\n{words}{}", size.0, size.1, styles.told(buffer))
            };
            let sizes: String = THEME_SIZES.iter().map(drawn).collect();
            kept_text.push_str(&format!("== {family}\n{sizes}{}", styles.legend()));
        }
        kept(&format!("theme-{name}"), &kept_text);
    }
}

/// The styles of a frame, each with a letter.
#[derive(Default)]
struct Styles(Vec<String>);

impl Styles {
    /// A line for every line of the frame: each run of cells of one style, as the style's letter and the number of cells.
    fn told(&mut self, buffer: &ratatui::buffer::Buffer) -> String {
        let area = buffer.area;
        let mut lines = String::new();
        for y in 0..area.height {
            let mut runs: Vec<(String, usize)> = Vec::new();
            for x in 0..area.width {
                let letter = self.letter(&buffer[(x, y)]);
                match runs.last_mut() {
                    Some((last, count)) if *last == letter => *count += 1,
                    _ => runs.push((letter, 1)),
                }
            }
            lines.extend(runs.iter().map(|(letter, count)| format!("{letter}{count} ")));
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
        }
        lines
    }

    fn letter(&mut self, cell: &ratatui::buffer::Cell) -> String {
        let style = format!("{} on {} {:?}", cell.fg, cell.bg, cell.modifier);
        let index = self.0.iter().position(|known| *known == style).unwrap_or_else(|| {
            self.0.push(style);
            self.0.len() - 1
        });
        let letter = char::from(b'a' + u8::try_from(index % 26).unwrap());
        if index < 26 { letter.to_string() } else { format!("{letter}'") }
    }

    fn legend(&self) -> String {
        let letters = (0..self.0.len()).map(|index| {
            let letter = char::from(b'a' + u8::try_from(index % 26).unwrap());
            if index < 26 { letter.to_string() } else { format!("{letter}'") }
        });
        letters.zip(&self.0).map(|(letter, style)| format!("{letter}: {style}\n")).collect()
    }
}

#[test]
fn distribution() {
    let mut app = app(fixture::differences());
    press(&mut app, "3 enter d");
    let mut answered = fixture::differences();
    answered.data = Arc::new(fixture::data());
    app.update(Arc::new(answered));
    let all: Vec<String> = SIZES.iter().map(|size| format!("{size:?}\n{}", drawn(&mut app, *size))).collect();
    kept("data-distribution", &all.join("\n"));
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    for size in [(39, 12), (40, 11), (20, 3), (1, 1), (5, 200)] {
        let drawn = drawn(&mut app(fixture::copying()), size);
        assert!(drawn.starts_with(['c', '…']), "{drawn}");
    }
}
