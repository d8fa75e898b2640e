//! A long text, whole; two sides of a cell are marked from where they part.

use super::{Theme, heading, lines, over, panel};
use crate::tui::app::{App, Pager};
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

/// Draws it; gives how far it can be scrolled.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, pager: &Pager) -> usize {
    let place = over(buffer, area, area.width, area.height);
    let title = format!("{} · y copies, esc closes", pager.title);
    let inner = panel(buffer, place, &text::visible(&title), true, &app.theme);
    let text = text_of(pager, usize::from(inner.width), &app.theme);
    lines(buffer, inner, text, pager.scroll, &app.theme)
}

fn text_of(pager: &Pager, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let sides: Vec<Vec<String>> = pager.sections.iter().map(|(_, body)| text::wrap(&laid_out(body), columns)).collect();
    let mut shown = Vec::new();
    for (index, (head, _)) in pager.sections.iter().enumerate() {
        if !head.is_empty() {
            shown.push(heading(head, columns, theme));
        }
        let other = sides.iter().enumerate().find(|(other, _)| *other != index).map(|(_, lines)| lines);
        for (row, line) in sides[index].iter().enumerate() {
            let differs = pager.compare && other.is_some_and(|lines| lines.get(row) != Some(line));
            let (sign, style) = if differs { ("≠ ", theme.bad) } else { ("", Style::new()) };
            shown.push(Line::styled(format!("{sign}{line}"), style));
        }
        if index + 1 < pager.sections.len() {
            shown.push(Line::default());
        }
    }
    if pager.compare && sides.windows(2).all(|pair| pair[0] == pair[1]) {
        shown.push(Line::default());
        shown.push(Line::styled("✓ both sides are equal", theme.good));
    }
    shown
}

/// JSON on lines of its own, so that two of them can be compared; anything else as it is.
fn laid_out(body: &str) -> String {
    let looks = body.starts_with(['{', '[']) && body.len() < 1 << 20;
    let parsed = looks.then(|| serde_json::from_str::<serde_json::Value>(body).ok()).flatten();
    parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned())
}
