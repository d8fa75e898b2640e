//! The steps as a path: states, times, estimates, checkpoints, the outage and the point of no return drawn in it.

use super::{Limits, List, Theme, words};
use crate::engine::snapshot::{Status, StepView};
use crate::runbook::Gate;
use crate::tui::app::{App, Figures};
use crate::tui::hits::Hit;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns below which gates are named in short.
const SHORT: usize = 30;

/// Draws the path with the chosen step in it.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let columns = usize::from(area.width);
    let mut lines = Vec::new();
    let mut steps = Vec::new();
    let mut chosen = 0;
    for (index, step) in app.snapshot.steps.iter().enumerate() {
        if step.downtime_begins {
            lines.push(band("service down", columns, "─", app.theme.warn));
        }
        if app.snapshot.point_of_no_return.as_ref().is_some_and(|point| point.0 == step.id) {
            lines.push(band("free way back ends", columns, "━", app.theme.bad));
        }
        if Some(index) == app.chosen_step() {
            chosen = lines.len();
        }
        steps.push((lines.len(), index));
        lines.push(step_line(app, step, columns));
        if step.downtime_ends {
            lines.push(band("service up", columns, "─", app.theme.dim));
        }
    }
    let list = List { count: lines.len(), chosen, focused: true, line: |index: usize| lines[index].clone() };
    let shown = list.draw(buffer, area, &app.theme);
    for (line, step) in steps.into_iter().filter(|(line, _)| shown.contains(line)) {
        let y = area.y + u16::try_from(line - shown.start).unwrap_or(0);
        limits.hits.add(Rect { y, height: 1, ..area }, Hit::Step(step));
    }
}

fn band(words: &str, columns: usize, rule: &str, style: Style) -> Line<'static> {
    let words = text::cut(words, columns.saturating_sub(4));
    let rest = columns.saturating_sub(text::width(&words) + 3);
    Line::styled(format!("{rule} {words} {}", rule.repeat(rest)), style)
}

fn step_line(app: &App, step: &StepView, columns: usize) -> Line<'static> {
    let theme = &app.theme;
    let (sign, _) = words::status(step.status);
    let style = words::status_style(step.status, theme);
    let name_style = match step.status {
        Status::Pending | Status::Skipped | Status::Undone => Style::new(),
        Status::Done => Style::new(),
        _ => style,
    };
    let (time, time_style) = time(app, step, columns);
    let checkpoint = if step.checkpoint && step.description.changes { "◇ " } else { "  " };
    let left = vec![Span::styled(format!("{sign} "), style), Span::styled(text::visible(&step.id), name_style)];
    let right = vec![
        Span::styled(checkpoint, theme.accent),
        Span::styled(text::pad_start(&time, time_columns(columns)), time_style),
    ];
    text::spread(left, right, columns)
}

fn time_columns(columns: usize) -> usize {
    if columns < SHORT { 8 } else { 10 }
}

/// What stands at the right of a step: how long it took, what it waits for, or how long it may take.
fn time(app: &App, step: &StepView, columns: usize) -> (String, Style) {
    let theme = &app.theme;
    let figures = Figures::new(&app.snapshot, app.now);
    let took = figures.step_seconds(step).map(format::duration);
    match step.status {
        Status::Done | Status::Failed | Status::UndoFailed => (took.unwrap_or_default(), theme.dim),
        Status::Running | Status::Pausing | Status::Undoing | Status::Paused => (took.unwrap_or_default(), theme.busy),
        Status::Skipped => ("skipped".to_owned(), theme.dim),
        Status::Undone if columns < SHORT => ("back".to_owned(), theme.dim),
        Status::Undone => ("taken back".to_owned(), theme.dim),
        Status::Unknown => ("unknown".to_owned(), theme.warn),
        Status::AtGate => (gate_words(&step.gate, columns).unwrap_or("gate").to_owned(), theme.warn),
        Status::Pending => match gate_words(&step.gate, columns) {
            Some(words) => (words.to_owned(), theme.dim),
            None => (step.estimate_seconds.map(format::guess).unwrap_or_default(), theme.faint),
        },
    }
}

fn gate_words(gate: &Gate, columns: usize) -> Option<&'static str> {
    match gate {
        Gate::None => None,
        Gate::Confirm => Some("confirm"),
        Gate::Typed(_) if columns < SHORT => Some("typed"),
        Gate::Typed(_) => Some("typed name"),
    }
}

/// How many columns the path wants: its longest name and what stands beside it.
pub(super) fn wanted(app: &App) -> u16 {
    let longest = app.snapshot.steps.iter().map(|step| text::width(&step.id)).max().unwrap_or(0);
    u16::try_from(longest.min(26) + 2 + 1 + 2 + 10).unwrap_or(u16::MAX)
}

/// The theme's word for what the signs mean, for the frame's lower side.
pub(super) fn legend(theme: &Theme) -> Line<'static> {
    Line::from(vec![Span::styled("◇", theme.accent), Span::styled(" checkpoint", theme.dim)])
}
