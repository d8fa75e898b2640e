//! The two lines that never go away: what goes where, in which place, how it stands; the tabs, and how long the service is down.

use super::{Theme, put, words};
use crate::tui::app::{App, Figures, View};
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect) {
    let style = if app.snapshot.production { app.theme.production } else { app.theme.banner };
    let columns = usize::from(area.width);
    put(buffer, area.x, area.y, area.width, first(app, columns, style));
    put(buffer, area.x, area.y + 1, area.width, second(app, columns));
}

fn first(app: &App, columns: usize, style: Style) -> Line<'static> {
    let run = &app.snapshot;
    let figures = Figures::new(run, app.now);
    let (sign, state) = words::state(run.state);
    let mut right = format!("{sign} {state}");
    if let Some(elapsed) = figures.elapsed() {
        right.push_str(&format!("  {}", format::clock(elapsed)));
    }
    right.push(' ');
    let bold = style.add_modifier(Modifier::BOLD);
    let spans: Vec<Span<'static>> = pieces(app, columns.saturating_sub(text::width(&right) + 2))
        .into_iter()
        .map(|(piece, strong)| Span::styled(piece, if strong { bold } else { style }))
        .collect();
    text::spread(spans, vec![Span::styled(right, bold)], columns).style(style)
}

/// What stands at the left, the least important left out until it fits. The target stays to the last: it is what gets changed.
fn pieces(app: &App, columns: usize) -> Vec<(String, bool)> {
    let run = &app.snapshot;
    let source = run.source.rsplit('/').next().unwrap_or_default().to_owned();
    let place = if run.production { format!("▲ PRODUCTION {}", run.place) } else { run.place.clone() };
    let short_place = if run.production { "▲ PRODUCTION".to_owned() } else { run.place.clone() };
    let target = run.target.clone();
    let room = columns.saturating_sub(text::width(&short_place) + 5);
    let database = text::cut_start(&run.target, room);
    let (product, book) = ("cutover".to_owned(), run.runbook.clone());
    let plain = |text: &str| (text.to_owned(), false);
    let ladders = [
        vec![
            (product, true),
            plain("  "),
            (book.clone(), false),
            plain("  "),
            (place.clone(), run.production),
            plain("  "),
            (source.clone(), false),
            plain(" ▸ "),
            (target.clone(), true),
        ],
        vec![
            (book.clone(), false),
            plain("  "),
            (place, run.production),
            plain("  "),
            (source.clone(), false),
            plain(" ▸ "),
            (target.clone(), true),
        ],
        vec![(book, false), plain("  "), (short_place.clone(), run.production), plain("  ▸ "), (target.clone(), true)],
        vec![(short_place.clone(), run.production), plain(" ▸ "), (target, true)],
        vec![(short_place, run.production), plain(" ▸ "), (database, true)],
    ];
    let fits = |pieces: &Vec<(String, bool)>| pieces.iter().map(|(text, _)| text::width(text)).sum::<usize>() < columns;
    let last = ladders.len() - 1;
    let chosen = ladders.iter().position(fits).unwrap_or(last);
    let mut pieces = vec![plain(" ")];
    pieces.extend(ladders.into_iter().nth(chosen).unwrap_or_default());
    pieces
}

fn second(app: &App, columns: usize) -> Line<'static> {
    let theme = &app.theme;
    let narrow = columns < 60;
    let mut left = vec![Span::raw(" ")];
    for (index, view) in View::ALL.into_iter().enumerate() {
        let here = view == app.view;
        let words = if narrow && !here { (index + 1).to_string() } else { format!("{} {}", index + 1, view.name()) };
        let style = if here { theme.accent.add_modifier(Modifier::BOLD | Modifier::UNDERLINED) } else { theme.dim };
        left.push(Span::styled(words, style));
        left.push(Span::raw(if narrow { "  " } else { "   " }));
    }
    let tabs: usize = left.iter().map(|span| text::width(&span.content)).sum();
    let right = downtime(app, columns.saturating_sub(tabs + 1), theme);
    text::spread(left, right, columns)
}

/// How long the service has been down, what is left and what a way back means, as far as it fits.
fn downtime(app: &App, columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let run = &app.snapshot;
    let figures = Figures::new(run, app.now);
    let mut parts: Vec<(String, Style)> = Vec::new();
    if let Some(down) = figures.downtime() {
        let over = run.downtime_budget.is_some_and(|budget| down > budget);
        let budget = run.downtime_budget.map(|budget| format!(" of {}", format::clock(budget))).unwrap_or_default();
        let (words, style) = match (figures.service_is_down(), over) {
            (true, true) => ("▲ service down ", theme.bad),
            (true, false) => ("service down ", theme.warn),
            (false, true) => ("▲ service was down ", theme.warn),
            (false, false) => ("service was down ", theme.dim),
        };
        parts.push((format!("{words}{}{budget}", format::clock(down)), style));
        if figures.service_is_down() && over {
            parts.push(("over budget: b rolls back".to_owned(), theme.bad));
        }
    }
    let ended = run.ended.is_some();
    if !ended && let Some(left) = words::left(&figures) {
        parts.push((left, theme.dim));
    }
    let back = figures.steps_to_take_back();
    if figures.past_no_return() {
        parts.push(("going back loses writes".to_owned(), theme.warn));
    } else if back > 0 {
        parts.push((format!("way back: {}", format::plural(back as u64, "step", "steps")), theme.dim));
    }
    fitting(parts, columns.saturating_sub(1), theme)
}

fn fitting(parts: Vec<(String, Style)>, columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut used = 0;
    for (index, (words, style)) in parts.into_iter().enumerate() {
        let needs = text::width(&words) + if index > 0 { 3 } else { 0 };
        if used + needs > columns && index > 0 {
            break;
        }
        if index > 0 {
            spans.push(Span::styled(" · ", theme.faint));
        }
        used += needs;
        spans.push(Span::styled(text::cut(&words, columns), style));
    }
    spans.push(Span::raw(" "));
    spans
}
