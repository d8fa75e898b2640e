//! Drawing, and nothing else: each file reads the app and writes cells. Text is built as lines, so that the same lines can be
//! scrolled, cut and copied.

mod bar;
mod cluster;
mod data;
mod detail;
mod dialog;
mod distribution;
mod end;
mod evidence;
mod footer;
mod header;
mod help;
mod log;
mod outage;
mod pager;
mod palette;
mod path;
mod plan;
mod repair;
mod run;
mod table;
mod unit;
mod words;

pub(super) use cluster::cluster_text;
pub(super) use data::row_text;
pub(super) use detail::step_text;
pub(super) use log::log_text;
pub(super) use plan::plan_text;
pub(super) use words::key_text;

use super::app::{App, Limits, Overlay, View};
use super::ascii;
use super::hits::Hit;
use super::text;
use super::theme::Theme;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget};
use std::ops::Range;

/// Columns and lines below which nothing useful fits.
const SMALLEST: (u16, u16) = (40, 12);

/// Draws the whole screen; tells how far what it drew can be scrolled.
pub(super) fn draw(app: &App, frame: &mut Frame<'_>) -> Limits {
    let area = frame.area();
    let mut limits = Limits::default();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        limits.too_small = true;
        too_small(app, frame.buffer_mut(), area);
    } else {
        let cursor = whole(app, frame.buffer_mut(), area, &mut limits);
        if let Some(position) = cursor {
            frame.set_cursor_position(position);
        }
    }
    if app.theme.ascii {
        ascii::fold(frame.buffer_mut());
    }
    limits
}

/// Draws all of it; gives where the cursor stands, if something is being typed.
fn whole(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) -> Option<(u16, u16)> {
    header::draw(app, buffer, Rect { height: 2, ..area }, limits);
    let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    limits.columns = usize::from(body.width.saturating_sub(4));
    limits.page = usize::from(body.height.saturating_sub(3)).max(1);
    match app.view {
        View::Run if app.run.summary => end::draw(app, buffer, body, limits),
        View::Run => run::draw(app, buffer, body, limits),
        View::Plan => plan::draw(app, buffer, body, limits),
        View::Data => data::draw(app, buffer, body, limits),
        View::Cluster => cluster::draw(app, buffer, body, limits),
        View::Log => log::draw(app, buffer, body, limits),
    }
    let last = Rect { y: area.bottom() - 1, height: 1, ..area };
    let typing = footer::draw(app, buffer, last, limits);
    if !matches!(app.overlay, None | Some(Overlay::Filter { .. })) {
        limits.hits.add(area, Hit::Overlay);
    }
    match &app.overlay {
        None | Some(Overlay::Filter { .. }) => typing,
        Some(Overlay::Help { scroll }) => {
            limits.overlay = help::draw(app, buffer, body, *scroll);
            None
        }
        Some(Overlay::Pager(pager)) => {
            limits.overlay = pager::draw(app, buffer, body, pager);
            None
        }
        Some(Overlay::Palette(state)) => Some(palette::draw(app, buffer, body, state, limits)),
        Some(Overlay::Dialog(dialog)) => {
            let (scrolled, cursor) = dialog::draw(app, buffer, body, dialog, limits);
            limits.overlay = scrolled;
            cursor
        }
    }
}

fn too_small(app: &App, buffer: &mut Buffer, area: Rect) {
    let (columns, lines) = SMALLEST;
    let run = words::state(app.snapshot.state).1;
    let message = [
        format!("cutover needs {columns}×{lines}"),
        format!("this is {}×{}", area.width, area.height),
        format!("the run: {run}"),
        "keys wait until then".to_owned(),
    ];
    for (y, line) in message.iter().take(usize::from(area.height)).enumerate() {
        let y = area.y + u16::try_from(y).unwrap_or(0);
        put(buffer, area.x, y, area.width, Line::raw(line.clone()));
    }
}

/// Writes a line at a place, in at most `columns`.
fn put(buffer: &mut Buffer, x: u16, y: u16, columns: u16, line: Line<'_>) {
    let style = line.style;
    let cut = text::cut_line(line, usize::from(columns));
    buffer.set_style(Rect { x, y, width: columns, height: 1 }.intersection(buffer.area), style);
    buffer.set_line(x, y, &cut, columns);
}

/// Draws a frame with a title and gives what is inside of it. The pane with the focus has its frame in the accent colour.
fn panel(buffer: &mut Buffer, area: Rect, title: &str, focused: bool, theme: &Theme) -> Rect {
    let title = text::cut(title, usize::from(area.width.saturating_sub(6)));
    let title_style = if focused { theme.accent.patch(theme.strong) } else { theme.dim };
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(if focused { theme.accent } else { theme.faint })
        .title(Line::from(vec![Span::raw(" "), Span::styled(title, title_style), Span::raw(" ")]));
    let inner = block.inner(area);
    block.render(area, buffer);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Draws lines from `scroll` on, and where they go on; gives how far they can be scrolled.
fn lines(buffer: &mut Buffer, area: Rect, lines: Vec<Line<'static>>, scroll: usize, theme: &Theme) -> usize {
    let height = usize::from(area.height);
    let most = lines.len().saturating_sub(height);
    let from = scroll.min(most);
    for (row, line) in lines.into_iter().skip(from).take(height).enumerate() {
        put(buffer, area.x, area.y + u16::try_from(row).unwrap_or(0), area.width, line);
    }
    more(buffer, area, from, most, theme);
    most
}

/// Marks at the frame's right side that there is more above or below.
fn more(buffer: &mut Buffer, area: Rect, from: usize, most: usize, theme: &Theme) {
    let x = area.right() + 1;
    if area.height == 0 || x >= buffer.area.right() {
        return;
    }
    if from > 0 {
        buffer.set_string(x, area.y, "↑", theme.accent);
    }
    if from < most {
        buffer.set_string(x, area.bottom() - 1, "↓", theme.accent);
    }
}

/// Which of `count` lines are drawn in `height` lines, so that `chosen` is among them, as near to the middle as possible.
fn window(chosen: usize, count: usize, height: usize) -> std::ops::Range<usize> {
    let from = chosen.saturating_sub(height / 2).min(count.saturating_sub(height));
    from..(from + height).min(count)
}

/// A list of which one line is chosen. Only the lines that are seen are made.
struct List<F> {
    count: usize,
    chosen: usize,
    focused: bool,
    line: F,
}

impl<F: Fn(usize) -> Line<'static>> List<F> {
    /// Draws it; gives which lines are seen.
    fn draw(self, buffer: &mut Buffer, area: Rect, theme: &Theme) -> Range<usize> {
        let height = usize::from(area.height);
        let shown = window(self.chosen, self.count, height);
        more(buffer, area, shown.start, self.count.saturating_sub(height), theme);
        for (index, y) in shown.clone().zip(area.y..area.bottom()) {
            let line = (self.line)(index);
            let style = match (index == self.chosen, self.focused) {
                (true, true) => theme.selected,
                (true, false) => theme.chosen,
                (false, _) => line.style,
            };
            put(buffer, area.x, y, area.width, line.style(style));
        }
        shown
    }
}

/// Clears a place in the middle of `area` for something that lies over it.
fn over(buffer: &mut Buffer, area: Rect, columns: u16, height: u16) -> Rect {
    let width = columns.min(area.width);
    let height = height.min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    Clear.render(place, buffer);
    place
}

/// Lines in the middle of an empty pane: what is not there yet, and what would bring it.
fn empty(buffer: &mut Buffer, area: Rect, what: &str, then: &str, theme: &Theme) {
    let columns = usize::from(area.width);
    let mut shown: Vec<Line<'static>> = text::wrap(what, columns).into_iter().map(Line::raw).collect();
    shown.extend(text::wrap(then, columns).into_iter().map(|line| Line::styled(line, theme.dim)));
    let top = area.height.saturating_sub(u16::try_from(shown.len()).unwrap_or(0)) / 3;
    for (row, line) in shown.into_iter().enumerate().take(usize::from(area.height)) {
        let blank = columns.saturating_sub(text::width(&line.to_string())) / 2;
        let x = area.x + u16::try_from(blank).unwrap_or(0);
        let y = area.y + top + u16::try_from(row).unwrap_or(0);
        if y < area.bottom() {
            put(buffer, x, y, area.right().saturating_sub(x), line);
        }
    }
}

/// A sign and a wrapped text behind it; nothing where there is no text.
fn signed(sign: &str, style: Style, body: &str, columns: usize) -> Vec<Line<'static>> {
    if body.is_empty() {
        return Vec::new();
    }
    text::wrap(body, columns.saturating_sub(2))
        .into_iter()
        .enumerate()
        .map(|(row, line)| {
            let sign = if row == 0 { format!("{sign} ") } else { "  ".to_owned() };
            Line::from(vec![Span::styled(sign, style), Span::raw(line)])
        })
        .collect()
}

/// A label in its column and a text beside it, wrapped.
fn labelled(label: &str, body: &str, columns: usize, styles: (Style, Style)) -> Vec<Line<'static>> {
    const LABEL: usize = 11;
    let beside = columns.saturating_sub(LABEL).max(8);
    text::wrap(body, beside)
        .into_iter()
        .enumerate()
        .map(|(row, line)| {
            let label = if row == 0 { text::pad(label, LABEL) } else { " ".repeat(LABEL) };
            Line::from(vec![Span::styled(label, styles.0), Span::styled(line, styles.1)])
        })
        .collect()
}

/// A line that begins a section.
fn heading(words: &str, columns: usize, theme: &Theme) -> Line<'static> {
    let rest = columns.saturating_sub(text::width(words) + 1);
    Line::from(vec![Span::styled(format!("{words} "), theme.dim), Span::styled("─".repeat(rest), theme.faint)])
}
