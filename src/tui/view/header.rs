//! The two lines that never go away: what goes where, in which place, how it stands; the tabs, and how long the service is down.

use super::{Limits, outage, put, words};
use crate::engine::snapshot::{Helm, RunState};
use crate::tui::app::{App, Figures, Replay, View};
use crate::tui::hits::Hit;
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let style = if app.snapshot.production { app.theme.production } else { app.theme.banner };
    let columns = usize::from(area.width);
    put(buffer, area.x, area.y, area.width, first(app, columns, style));
    put(buffer, area.x, area.y + 1, area.width, second(app, columns));
    tab_hits(app, area, limits);
}

fn first(app: &App, columns: usize, style: Style) -> Line<'static> {
    let run = &app.snapshot;
    let figures = Figures::new(run, app.now);
    let (sign, state) = words::state(run.state);
    let mut right = match (&app.replay, &run.helm) {
        (Some(_), _) => "↺ REPLAY  ".to_owned(),
        (None, Helm::Elsewhere(_) | Helm::Free) => "watching  ".to_owned(),
        (None, Helm::Past) if !is_over(run.state) => "nobody drives it  ".to_owned(),
        (None, Helm::Past | Helm::Here | Helm::Attached) => String::new(),
    };
    right.push_str(&format!("{sign} {state}"));
    if let Some(elapsed) = figures.elapsed().filter(|_| run.state != RunState::Ready) {
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

fn is_over(state: RunState) -> bool {
    matches!(state, RunState::Done | RunState::RolledBack)
}

/// What can stand at the left of the first line.
#[derive(Clone, Copy)]
enum Piece {
    Product,
    Runbook,
    Place,
    /// The place without its name: that it is production, at least.
    PlaceInShort,
    Source,
    Arrow,
    Target,
    /// The target's end, as long as it says something.
    TargetInShort,
    /// As much of the target's end as fits.
    TargetEnd,
    /// That it is production; nothing where it is not.
    Production,
}

/// From everything to the least: the target stays to the last, it is what gets changed.
const LADDER: [&[Piece]; 7] = [
    &[Piece::Product, Piece::Runbook, Piece::Place, Piece::Source, Piece::Arrow, Piece::Target],
    &[Piece::Runbook, Piece::Place, Piece::Source, Piece::Arrow, Piece::Target],
    &[Piece::Runbook, Piece::PlaceInShort, Piece::Arrow, Piece::Target],
    &[Piece::Place, Piece::Arrow, Piece::TargetInShort],
    &[Piece::PlaceInShort, Piece::Arrow, Piece::Target],
    &[Piece::PlaceInShort, Piece::Arrow, Piece::TargetEnd],
    &[Piece::Production, Piece::TargetEnd],
];

/// Fewer columns of a target's end say nothing.
const LEAST_END: usize = 9;

/// What stands at the left: the first rung of the ladder that fits, each piece with whether it is told in bold.
fn pieces(app: &App, columns: usize) -> Vec<(String, bool)> {
    let rung = |rung: &[Piece]| {
        let mut told = vec![(" ".to_owned(), false)];
        for piece in rung {
            let used: usize = told.iter().map(|(text, _)| text::width(text)).sum();
            let (words, strong) = tell(app, *piece, columns.saturating_sub(used));
            if words.is_empty() {
                continue;
            }
            told.push((words, strong));
            told.push((if matches!(piece, Piece::Source | Piece::Arrow) { " " } else { "  " }.to_owned(), false));
        }
        told
    };
    let fits = |told: &Vec<(String, bool)>| told.iter().map(|(text, _)| text::width(text)).sum::<usize>() <= columns;
    let says = |told: &Vec<(String, bool)>| {
        let last = told.iter().rev().map(|(text, _)| text.trim()).find(|text| !text.is_empty());
        last != Some("▸") && told.iter().all(|(text, _)| !text.starts_with('…') || text::width(text) >= LEAST_END)
    };
    LADDER
        .iter()
        .map(|pieces| rung(pieces))
        .find(|told| fits(told) && says(told))
        .unwrap_or_else(|| rung(LADDER[LADDER.len() - 1]))
}

fn tell(app: &App, piece: Piece, room: usize) -> (String, bool) {
    const LEAST: usize = 28;
    let run = &app.snapshot;
    let place = text::visible(&run.place);
    match piece {
        Piece::Product => ("cutover".to_owned(), true),
        Piece::Runbook => (text::visible(&run.runbook), false),
        Piece::Place if run.production => (format!("▲ PRODUCTION {place}"), true),
        Piece::PlaceInShort | Piece::Production if run.production => ("▲ PRODUCTION".to_owned(), true),
        Piece::Production => (String::new(), false),
        Piece::Place | Piece::PlaceInShort => (place, false),
        Piece::Source => (text::visible(run.source.rsplit('/').next().unwrap_or_default()), false),
        Piece::Arrow => ("▸".to_owned(), false),
        Piece::Target => (text::visible(&run.target), true),
        Piece::TargetInShort => (text::cut_start(&text::visible(&run.target), room.saturating_sub(2).max(LEAST)), true),
        Piece::TargetEnd => (text::cut_start(&text::visible(&run.target), room.saturating_sub(2)), true),
    }
}

fn tab_words(app: &App, columns: usize) -> Vec<(View, String)> {
    let narrow = columns < 60;
    let tabs = app.tabs().into_iter().enumerate();
    tabs.map(|(index, view)| {
        let short = narrow && view != app.view;
        (view, if short { (index + 1).to_string() } else { format!("{} {}", index + 1, view.name()) })
    })
    .collect()
}

/// Blanks between two tabs: few where the outage, the end and the way back want the room beside them.
fn tab_gap(app: &App, columns: usize) -> usize {
    match (columns, app.tabs().len()) {
        (100.., _) => 3,
        (60.., 5..) => 1,
        _ => 2,
    }
}

fn tab_hits(app: &App, area: Rect, limits: &mut Limits) {
    let columns = usize::from(area.width);
    let gap = u16::try_from(tab_gap(app, columns)).unwrap_or(1);
    let mut x = area.x + 1;
    for (view, words) in tab_words(app, columns) {
        let width = u16::try_from(text::width(&words)).unwrap_or(0);
        limits.hits.add(Rect { x, y: area.y + 1, width, height: 1 }, Hit::Tab(view));
        x += width + gap;
    }
}

fn second(app: &App, columns: usize) -> Line<'static> {
    let theme = &app.theme;
    let mut left = Vec::new();
    for (view, words) in tab_words(app, columns) {
        let gap = if left.is_empty() { 1 } else { tab_gap(app, columns) };
        left.push(Span::raw(" ".repeat(gap)));
        let here = view == app.view;
        let style = if here { theme.accent.add_modifier(Modifier::BOLD | Modifier::UNDERLINED) } else { theme.dim };
        left.push(Span::styled(words, style));
    }
    let tabs: usize = left.iter().map(|span| text::width(&span.content)).sum();
    let room = columns.saturating_sub(tabs + 1);
    let right = match &app.replay {
        Some(replay) => tape(app, replay, room),
        None => outage::words(app, room),
    };
    text::spread(left, right, columns)
}

/// Where on the tape a replay stands.
fn tape(app: &App, replay: &Replay, columns: usize) -> Vec<Span<'static>> {
    let theme = &app.theme;
    let time = replay.at().map(|at| at.to_zoned(app.zone.clone()).strftime("%H:%M:%S").to_string()).unwrap_or_default();
    let figures = format!(" {} of {} · {time} ", replay.moment + 1, replay.len());
    let bar = columns.saturating_sub(text::width(&figures) + 1).min(40);
    if bar < 6 {
        return vec![Span::styled(text::cut(&figures, columns), theme.warn)];
    }
    let here = replay.moment * (bar - 1) / replay.len().saturating_sub(1).max(1);
    vec![
        Span::styled("━".repeat(here), theme.accent),
        Span::styled("●", theme.warn),
        Span::styled("─".repeat(bar - 1 - here), theme.faint),
        Span::styled(figures, theme.warn),
    ]
}
