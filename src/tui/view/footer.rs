//! The last line: a refusal or a note, else the keys of the view, those that cannot be used dimmed; or the filter being typed.

use super::put;
use crate::engine::snapshot::RunState;
use crate::tui::act::Act;
use crate::tui::app::{App, Overlay, View};
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it; gives where the cursor stands while a filter is typed.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect) -> Option<(u16, u16)> {
    if let Some(Overlay::Filter { input, .. }) = &app.overlay {
        let line = vec![Span::styled(" / ", app.theme.accent), Span::raw(input.value().to_owned())];
        let help = vec![Span::styled("enter keeps · esc as before ", app.theme.dim)];
        put(buffer, area.x, area.y, area.width, text::spread(line, help, usize::from(area.width)));
        let column = 3 + u16::try_from(input.visual_cursor()).unwrap_or(0);
        return Some(((area.x + column).min(area.right() - 1), area.y));
    }
    let said =
        app.note.as_ref().map(|note| ("· ", note)).or(app.snapshot.refusal.as_ref().map(|why| ("▲ refused: ", why)));
    let line = match said {
        Some((sign, note)) => {
            Line::from(vec![Span::raw(" "), Span::styled(format!("{sign}{}", text::visible(note)), app.theme.warn)])
        }
        None => keys(app, usize::from(area.width)),
    };
    put(buffer, area.x, area.y, area.width, line);
    None
}

fn keys(app: &App, columns: usize) -> Line<'static> {
    let right = remembered(app);
    let room = columns.saturating_sub(right.iter().map(|span| text::width(&span.content)).sum::<usize>() + 1);
    let mut spans = vec![Span::raw(" ")];
    for hint in fitting(app, room) {
        let urgent = hint.act == Act::Decide || hint.act == Act::Open && hint.usable && waits(app);
        let (key_style, word_style) = match (urgent, hint.usable) {
            (true, _) => (app.theme.warn, app.theme.warn),
            (false, true) => (app.theme.accent, app.theme.dim),
            (false, false) => (app.theme.faint, app.theme.faint),
        };
        spans.push(Span::styled(hint.key, key_style));
        spans.push(Span::styled(format!(" {}  ", hint.words), word_style));
    }
    text::spread(spans, right, columns)
}

/// A key and its word.
struct Hint {
    act: Act,
    key: String,
    words: String,
    usable: bool,
    rank: u8,
}

/// The hints that fit, in the keymap's order: those that cannot be used give way first, then the least important.
fn fitting(app: &App, room: usize) -> Vec<Hint> {
    let mut hints: Vec<Hint> = app
        .keymap
        .of(app.view)
        .filter(|binding| binding.footer > 0 && (binding.act != Act::Decide || decides_elsewhere(app)))
        .map(|binding| Hint {
            act: binding.act,
            key: binding.keys.first().map(|key| key.shown()).unwrap_or_default(),
            words: words(app, binding.act),
            usable: app.why_not(binding.act).is_none(),
            rank: binding.footer,
        })
        .collect();
    let width = |hints: &[Hint]| {
        1 + hints.iter().map(|hint| text::width(&hint.key) + text::width(&hint.words) + 3).sum::<usize>()
    };
    while width(&hints) > room {
        let Some(least) = (0..hints.len()).max_by_key(|index| (!hints[*index].usable, hints[*index].rank)) else {
            break;
        };
        hints.remove(least);
    }
    hints
}

/// The word for what the key would do now.
fn words(app: &App, act: Act) -> String {
    match act {
        Act::PauseResume if matches!(app.snapshot.state, RunState::Paused | RunState::Pausing) => "go on".to_owned(),
        Act::Open if app.view == View::Run => match app.snapshot.state {
            RunState::Ready => "start".to_owned(),
            RunState::Interrupted | RunState::Failed => "go on".to_owned(),
            _ if waits(app) => "decide".to_owned(),
            _ => "open".to_owned(),
        },
        _ => act.short().to_owned(),
    }
}

/// In the Run view enter decides; elsewhere a key of its own does, and is named while there is something to decide.
fn decides_elsewhere(app: &App) -> bool {
    app.view != View::Run && app.snapshot.question.is_some() && app.why_not(Act::Decide).is_none()
}

fn waits(app: &App) -> bool {
    let begins = matches!(app.snapshot.state, RunState::Ready | RunState::Interrupted | RunState::Failed);
    app.view == View::Run && !app.read_only && !app.engine_gone && (app.snapshot.question.is_some() || begins)
}

fn remembered(app: &App) -> Vec<Span<'static>> {
    if app.filter().is_empty() {
        return Vec::new();
    }
    vec![Span::styled(format!("/ {} ", text::cut(app.filter(), 20)), app.theme.warn)]
}
