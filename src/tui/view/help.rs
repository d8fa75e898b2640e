//! The keys of the open view, made from the keymap; those that cannot be used now say why.

use super::{lines, over, panel};
use crate::tui::app::{App, View};
use crate::tui::keymap::Binding;
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

/// Draws it; gives how far it can be scrolled.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, scroll: usize) -> usize {
    let columns = area.width.min(100);
    let inside = usize::from(columns.saturating_sub(4));
    let text = help_lines(app, inside);
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(2);
    let place = over(buffer, area, columns, height);
    Clear.render(place, buffer);
    let title = format!("help · {} · any arrow scrolls, esc closes", app.view.name());
    let inner = panel(buffer, place, &title, true, &app.theme);
    lines(buffer, inner, text, scroll, &app.theme)
}

/// A line per binding: first those of this view, then those that hold everywhere.
pub(in crate::tui) fn help_lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let (own, everywhere): (Vec<&Binding>, Vec<&Binding>) =
        app.keymap.of(app.view).partition(|binding| binding.view.is_some());
    let keys = app.keymap.of(app.view).map(|binding| text::width(&binding.shown())).max().unwrap_or(0);
    let mut lines = Vec::new();
    if !own.is_empty() {
        lines.push(super::heading(&format!("in {}", app.view.name()), columns, theme));
        lines.extend(own.into_iter().map(|binding| binding_line(app, binding, keys, columns)));
        lines.push(Line::default());
    }
    lines.push(super::heading("everywhere", columns, theme));
    lines.extend(everywhere.into_iter().map(|binding| binding_line(app, binding, keys, columns)));
    lines.push(Line::default());
    lines.extend(signs(app.view, columns, app));
    lines
}

fn binding_line(app: &App, binding: &Binding, keys: usize, columns: usize) -> Line<'static> {
    let theme = &app.theme;
    let shown = text::pad(&binding.shown(), keys);
    let line = match app.why_not(binding.act) {
        None => vec![Span::styled(shown, theme.accent), Span::raw(format!("  {}", binding.act.long()))],
        Some(reason) => vec![
            Span::styled(format!("{shown}  {}", binding.act.long()), theme.faint),
            Span::styled(format!(" · {reason}"), theme.dim),
        ],
    };
    text::cut_line(Line::from(line), columns)
}

fn signs(view: View, columns: usize, app: &App) -> Vec<Line<'static>> {
    let signs = match view {
        View::Run => {
            "✓ done, ► at work, ▲ waits for you, ✗ failed, · to come, – skipped, ↺ taken back, ◇ checkpoint to go back to"
        }
        View::Plan => "✗ forbids the copy, ▲ cells will not fit, ◆ values change knowingly, · nothing to say",
        View::Data => "✓ equal by digest, ≠ differs, · not compared yet",
        View::Cluster => "✓ ready, ► on its way, ✗ failing, · gone",
        View::Log => "✗ went wrong, ▲ worth a look, · a detail; times are local",
    };
    text::wrap(signs, columns).into_iter().map(|line| Line::styled(line, app.theme.dim)).collect()
}
