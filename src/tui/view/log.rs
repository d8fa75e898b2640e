//! The log: a few lines under the steps, and whole in a view of its own.

use super::{Limits, Theme, empty, panel, put, words};
use crate::engine::snapshot::LogLine;
use crate::tui::app::{App, View};
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The view.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let shown: Vec<&LogLine> = matching(app, View::Log).collect();
    let title = title(app, shown.len());
    let inner = panel(buffer, area, &title, true, &app.theme);
    if shown.is_empty() {
        nothing(app, buffer, inner, View::Log);
        return;
    }
    let height = usize::from(inner.height);
    limits.log = shown.len().saturating_sub(if app.log.wrap { 1 } else { height });
    let back = app.log.back.min(limits.log);
    let lines = tail(app, &shown[..shown.len() - back], usize::from(inner.width), height, View::Log);
    draw_lines(buffer, inner, lines);
    super::more(buffer, inner, limits.log - back, limits.log, &app.theme);
}

/// The pane under the steps: always the end.
pub(super) fn small(app: &App, buffer: &mut Buffer, area: Rect) {
    if area.height < 3 {
        return;
    }
    let title = format!("log{}", level_words(app));
    let inner = panel(buffer, area, &title, false, &app.theme);
    let height = usize::from(inner.height);
    let shown: Vec<&LogLine> = matching(app, View::Run).collect();
    if shown.is_empty() {
        nothing(app, buffer, inner, View::Run);
        return;
    }
    draw_lines(buffer, inner, tail(app, &shown, usize::from(inner.width), height, View::Run));
}

/// What the view shows, as plain text.
pub(in crate::tui) fn log_text(app: &App) -> String {
    matching(app, View::Log)
        .map(|line| {
            let step = line.step.as_deref().unwrap_or("-");
            format!("{} {:?} {step} {}", line.at, line.level, text::visible(&line.text))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn matching(app: &App, view: View) -> impl Iterator<Item = &LogLine> {
    let words = app.filters[view.index()].to_lowercase();
    app.snapshot.log.iter().filter(move |line| {
        line.level >= app.log.level
            && (words.is_empty()
                || line.text.to_lowercase().contains(&words)
                || line.step.as_ref().is_some_and(|step| step.to_lowercase().contains(&words)))
    })
}

fn nothing(app: &App, buffer: &mut Buffer, area: Rect, view: View) {
    let filtered = !app.filters[view.index()].is_empty() || !app.snapshot.log.is_empty();
    let (what, then) = if filtered {
        ("No line of the log is shown.", "/ changes the filter, v the level")
    } else {
        ("Nothing has been logged yet.", "")
    };
    empty(buffer, area, what, then, &app.theme);
}

fn title(app: &App, shown: usize) -> String {
    let all = app.snapshot.log.len();
    let count = if shown == all {
        format::exact(all as u64)
    } else {
        format!("{} of {}", format::exact(shown as u64), format::exact(all as u64))
    };
    let follow = if app.log.back == 0 { " · follows" } else { " · f follows" };
    format!("log · {count}{}{follow}{}", level_words(app), if app.log.wrap { " · wrapped" } else { "" })
}

fn level_words(app: &App) -> String {
    use crate::engine::snapshot::LogLevel;
    match app.log.level {
        LogLevel::Debug => " · all levels".to_owned(),
        LogLevel::Info => String::new(),
        LogLevel::Warn => " · warnings and errors".to_owned(),
        LogLevel::Error => " · errors".to_owned(),
    }
}

/// The last lines that fit.
fn tail(app: &App, shown: &[&LogLine], columns: usize, height: usize, view: View) -> Vec<Line<'static>> {
    let steps = shown.iter().rev().take(height).filter_map(|line| line.step.as_deref().map(text::width)).max();
    let room = steps.unwrap_or(0).min(if columns < 60 { 10 } else { 16 });
    let words = app.filters[view.index()].to_lowercase();
    let mut lines: Vec<Line<'static>> = Vec::with_capacity(height);
    for line in shown.iter().rev() {
        if lines.len() >= height {
            break;
        }
        let drawn = log_lines(app, line, columns, room, &words);
        lines.extend(drawn.into_iter().rev());
    }
    lines.truncate(height);
    lines.reverse();
    lines
}

fn log_lines(app: &App, line: &LogLine, columns: usize, step: usize, words: &str) -> Vec<Line<'static>> {
    let (wrap, theme) = (app.log.wrap, &app.theme);
    let (level, style) = words::level(line.level, theme);
    // Where there is little room, which step speaks is worth more than the second.
    let form = if columns < 60 { "%H:%M" } else { "%H:%M:%S" };
    let time = line.at.to_zoned(app.zone.clone()).strftime(form).to_string();
    let mut head = vec![Span::styled(format!("{time} "), theme.dim), Span::styled(format!("{level} "), style)];
    if step > 0 {
        let id = text::visible(line.step.as_deref().unwrap_or_default());
        head.push(Span::styled(format!("{} ", text::pad(&id, step)), theme.accent));
    }
    let used: usize = head.iter().map(|span| text::width(&span.content)).sum();
    let room = columns.saturating_sub(used);
    let body_style = if level.trim().is_empty() { Style::new() } else { style };
    let bodies = if wrap { text::wrap(&line.text, room) } else { vec![text::cut(&text::visible(&line.text), room)] };
    bodies
        .into_iter()
        .enumerate()
        .map(|(row, body)| {
            let mut spans = if row == 0 { head.clone() } else { vec![Span::raw(" ".repeat(used))] };
            spans.extend(marked(&body, words, body_style, theme));
            Line::from(spans)
        })
        .collect()
}

/// The text with the filter's words marked in it.
fn marked(body: &str, words: &str, style: Style, theme: &Theme) -> Vec<Span<'static>> {
    let found = (!words.is_empty() && body.is_ascii()).then(|| body.to_ascii_lowercase().find(words)).flatten();
    match found {
        Some(at) => {
            let end = at + words.len();
            vec![
                Span::styled(body[..at].to_owned(), style),
                Span::styled(body[at..end].to_owned(), theme.selected),
                Span::styled(body[end..].to_owned(), style),
            ]
        }
        None => vec![Span::styled(body.to_owned(), style)],
    }
}

fn draw_lines(buffer: &mut Buffer, area: Rect, lines: Vec<Line<'static>>) {
    for (row, line) in lines.into_iter().enumerate() {
        put(buffer, area.x, area.y + u16::try_from(row).unwrap_or(0), area.width, line);
    }
}
