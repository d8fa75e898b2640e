//! The palette: a line to type in, and what matches.

use super::{Limits, List, over, panel, put};
use crate::tui::app::{App, Offer, PaletteState};
use crate::tui::hits::Hit;
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Draws it; gives where the cursor stands.
pub(super) fn draw(
    app: &App,
    buffer: &mut Buffer,
    area: Rect,
    state: &PaletteState,
    limits: &mut Limits,
) -> (u16, u16) {
    let offers = app.offers(state.input.value());
    let height = area.height.min(22);
    let place = over(buffer, area, area.width.min(92), height);
    let inner = panel(buffer, place, "commands · type to find, enter does it, esc closes", true, &app.theme);
    let prompt = vec![Span::styled(": ", app.theme.accent), Span::raw(state.input.value().to_owned())];
    put(buffer, inner.x, inner.y, inner.width, Line::from(prompt));
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let columns = usize::from(inner.width);
    if offers.is_empty() {
        put(buffer, below.x, below.y, below.width, Line::styled("Nothing is called like that.", app.theme.dim));
    }
    let line = |index: usize| offer_line(app, &offers[index], columns);
    let list = List { count: offers.len(), chosen: state.chosen, focused: true, line };
    let shown = list.draw(buffer, below, &app.theme);
    limits.hits.add_lines(below, shown, Hit::Offer);
    let column = u16::try_from(2 + state.input.visual_cursor()).unwrap_or(0);
    ((inner.x + column).min(inner.right().saturating_sub(1)), inner.y)
}

fn offer_line(app: &App, offer: &Offer, columns: usize) -> Line<'static> {
    let words = text::visible(&offer.words);
    match &offer.why_not {
        None => text::spread(
            vec![Span::styled(words, Style::new())],
            vec![Span::styled(offer.keys.clone(), app.theme.accent)],
            columns,
        ),
        Some(reason) => {
            let left = vec![Span::styled(words, app.theme.faint), Span::styled(format!(" · {reason}"), app.theme.dim)];
            text::spread(left, vec![Span::styled(offer.keys.clone(), app.theme.faint)], columns)
        }
    }
}
