//! The last line: a refusal or a note, else the keys of the view, those that cannot be used dimmed; or the filter being typed.

use super::{Limits, put};
use crate::engine::snapshot::RunState;
use crate::tui::act::Act;
use crate::tui::app::{App, Overlay, View};
use crate::tui::hits::Hit;
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it; gives where the cursor stands while a filter is typed.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) -> Option<(u16, u16)> {
    if let Some(Overlay::Filter { input, .. }) = &app.overlay {
        let line = vec![Span::styled(" / ", app.theme.accent), Span::raw(input.value().to_owned())];
        let help = vec![Span::styled("enter keeps · esc as before ", app.theme.dim)];
        put(buffer, area.x, area.y, area.width, text::spread(line, help, usize::from(area.width)));
        let column = 3 + u16::try_from(input.visual_cursor()).unwrap_or(0);
        return Some(((area.x + column).min(area.right() - 1), area.y));
    }
    let said =
        app.note.as_ref().map(|note| ("· ", note)).or(app.snapshot.refusal.as_ref().map(|why| ("▲ refused: ", why)));
    let said = said.map(|(sign, words)| (sign, words.clone()));
    let line = match said {
        Some((sign, note)) => {
            Line::from(vec![Span::raw(" "), Span::styled(format!("{sign}{}", text::visible(&note)), app.theme.warn)])
        }
        None => keys(app, area, limits),
    };
    put(buffer, area.x, area.y, area.width, line);
    None
}

fn keys(app: &App, area: Rect, limits: &mut Limits) -> Line<'static> {
    let columns = usize::from(area.width);
    let right = remembered(app);
    let room = columns.saturating_sub(right.iter().map(|span| text::width(&span.content)).sum::<usize>() + 1);
    let mut spans = vec![Span::raw(" ")];
    let mut x = area.x + 1;
    for hint in fitting(app, room) {
        let width = u16::try_from(text::width(&hint.key) + text::width(&hint.words) + 1).unwrap_or(0);
        limits.hits.add(Rect { x, width, ..area }, Hit::Key(hint.act));
        x += width + 2;
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
        .filter(|binding| binding.footer > 0 && is_of_use(app, binding.act))
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

/// Keys that only some runs want are named only there.
fn is_of_use(app: &App, act: Act) -> bool {
    let in_replay = matches!(act, Act::Earlier | Act::Later | Act::EarlierEntry | Act::LaterEntry);
    match act {
        _ if in_replay => app.replay.is_some(),
        Act::Decide => decides_elsewhere(app),
        Act::TakeOver => app.why_not(Act::TakeOver).is_none(),
        Act::PauseResume => app.replay.is_some() || app.snapshot.helm.is_ours(),
        Act::Retry | Act::Skip | Act::Rollback => app.replay.is_none() && app.snapshot.helm.is_ours(),
        _ => true,
    }
}

/// The word for what the key would do now.
fn words(app: &App, act: Act) -> String {
    match act {
        Act::PauseResume if app.replay.is_some() => if app.plays() { "stop" } else { "play" }.to_owned(),
        Act::PauseResume if matches!(app.snapshot.state, RunState::Paused | RunState::Pausing) => "go on".to_owned(),
        Act::Open if app.view == View::Run => match app.snapshot.state {
            _ if app.run.summary => "steps".to_owned(),
            _ if app.why_no_command().is_some() => "open".to_owned(),
            RunState::Ready => "start".to_owned(),
            RunState::Interrupted | RunState::Failed | RunState::RolledBack => "go on".to_owned(),
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
    app.view == View::Run && app.why_no_command().is_none() && (app.snapshot.question.is_some() || begins)
}

fn remembered(app: &App) -> Vec<Span<'static>> {
    if let Some(replay) = &app.replay {
        return vec![Span::styled(format!("{} ", text::cut(&text::visible(&replay.words()), 60)), app.theme.dim)];
    }
    if app.filter().is_empty() {
        return Vec::new();
    }
    vec![Span::styled(format!("/ {} ", text::cut(app.filter(), 20)), app.theme.warn)]
}
