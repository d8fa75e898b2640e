//! The Run view: the path at the left, the chosen step at the right, the log below.

use super::{Limits, detail, empty, lines, log, panel, path};
use crate::tui::app::App;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    if app.snapshot.steps.is_empty() {
        let inner = panel(buffer, area, "steps", true, &app.theme);
        empty(buffer, inner, "This runbook has no steps.", "q leaves", &app.theme);
        return;
    }
    if area.width < 72 {
        stacked(app, buffer, area, limits);
    } else {
        side_by_side(app, buffer, area, limits);
    }
}

/// Path at the left, step and log at the right.
fn side_by_side(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let left = (path::wanted(app) + 4).min(area.width * 2 / 5).max(30);
    let steps = Rect { width: left, ..area };
    let inner = panel(buffer, steps, "steps", true, &app.theme);
    path::draw(app, buffer, inner, limits);
    legend(app, buffer, steps);
    let right = Rect { x: area.x + left, width: area.width - left, ..area };
    let log_height = log_lines(area.height);
    let upper = Rect { height: right.height - log_height, ..right };
    step(app, buffer, upper, limits);
    let lower = Rect { y: upper.bottom(), height: log_height, ..right };
    log::small(app, buffer, lower);
}

fn log_lines(height: u16) -> u16 {
    match height {
        0..=14 => 4,
        15..=29 => 6,
        30..=44 => 10,
        _ => 14,
    }
}

/// One above the other, without the log: for narrow terminals.
fn stacked(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let wanted = u16::try_from(app.snapshot.steps.len()).unwrap_or(u16::MAX).saturating_add(2);
    let upper = Rect { height: wanted.min(area.height / 2).max(4), ..area };
    let inner = panel(buffer, upper, "steps", true, &app.theme);
    path::draw(app, buffer, inner, limits);
    let lower = Rect { y: upper.bottom(), height: area.height - upper.height, ..area };
    step(app, buffer, lower, limits);
}

fn step(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let Some(step) = app.chosen_step().and_then(|index| app.snapshot.steps.get(index)) else { return };
    let title = if step.action == step.id { step.id.clone() } else { format!("{} ({})", step.id, step.action) };
    let inner = panel(buffer, area, &title, false, &app.theme);
    let text = detail::lines(app, step, usize::from(inner.width));
    limits.detail = lines(buffer, inner, text, app.run.scroll, &app.theme);
}

fn legend(app: &App, buffer: &mut Buffer, area: Rect) {
    let legend: Line<'_> = path::legend(&app.theme);
    let width = 13;
    if area.width > width + 6 && area.height > 2 {
        let x = area.right() - width - 3;
        buffer.set_string(x - 1, area.bottom() - 1, " ", app.theme.faint);
        buffer.set_line(x, area.bottom() - 1, &legend, width);
        buffer.set_string(x + 12, area.bottom() - 1, " ", app.theme.faint);
    }
}
