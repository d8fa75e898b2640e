//! One way to draw every question.

use super::{Limits, labelled, lines, over, put};
use crate::tui::app::App;
use crate::tui::dialog::{Choice, Dialog, Field, Needs, Tone};
use crate::tui::hits::Hit;
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding, Widget};

/// Draws a dialog; gives how far it can be scrolled and where the cursor stands.
pub(super) fn draw(
    app: &App,
    buffer: &mut Buffer,
    area: Rect,
    dialog: &Dialog,
    limits: &mut Limits,
) -> (usize, Option<(u16, u16)>) {
    let theme = &app.theme;
    let columns = area.width.min(84);
    let inside = usize::from(columns.saturating_sub(6));
    let facts = facts(app, dialog, inside);
    let choices = choice_lines(app, dialog, inside);
    let blank = u16::from(area.height > 14);
    let field_lines = if dialog.field.is_some() { 1 + 2 * blank } else { blank };
    let below = field_lines + u16::try_from(choices.len()).unwrap_or(1) + 1;
    let wanted = u16::try_from(facts.len()).unwrap_or(u16::MAX).saturating_add(below + 2);
    let place = over(buffer, area, columns, wanted);
    let (style, sign) = match dialog.tone {
        Tone::Calm => (theme.accent, ""),
        Tone::Warn => (theme.warn, "▲ "),
        Tone::Danger => (theme.bad, "▲ "),
    };
    let title = text::cut(&text::visible(&format!("{sign}{}", dialog.title)), inside);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(style)
        .padding(Padding::horizontal(2))
        .title(Line::styled(format!(" {title} "), style.add_modifier(Modifier::BOLD)));
    let inner = block.inner(place);
    block.render(place, buffer);
    let upper = Rect { height: inner.height.saturating_sub(below), ..inner };
    let most = lines(buffer, upper, facts, dialog.scroll, theme);
    let mut y = upper.bottom() + blank;
    let cursor = dialog.field.as_ref().map(|field| {
        let cursor = draw_field(app, buffer, Rect { y, height: 1, ..inner }, field);
        y += 1 + blank;
        cursor
    });
    let mut choice = 0;
    for line in choices {
        for (x, width) in boxes(&line) {
            limits.hits.add(Rect { x: inner.x + x, y, width, height: 1 }, Hit::Choice(choice));
            choice += 1;
        }
        put(buffer, inner.x, y, inner.width, line);
        y += 1;
    }
    let note = dialog.note.clone().unwrap_or_else(|| hint(dialog).to_owned());
    let note_style = if dialog.note.is_some() { theme.warn } else { theme.dim };
    if y < inner.bottom() {
        put(buffer, inner.x, y, inner.width, Line::styled(note, note_style));
    }
    (most, cursor)
}

/// Where the choices stand in their line: every second of a choice's three spans is its box.
fn boxes(line: &Line<'_>) -> Vec<(u16, u16)> {
    let mut boxes = Vec::new();
    let mut x = 0;
    for (index, span) in line.spans.iter().enumerate() {
        let width = u16::try_from(text::width(&span.content)).unwrap_or(0);
        if index % 3 == 1 {
            boxes.push((x, width));
        }
        x += width;
    }
    boxes
}

fn hint(dialog: &Dialog) -> &'static str {
    if dialog.field.is_some() {
        "tab chooses · enter takes it · esc leaves"
    } else {
        "← → choose · enter takes it · esc leaves"
    }
}

fn facts(app: &App, dialog: &Dialog, columns: usize) -> Vec<Line<'static>> {
    dialog
        .facts
        .iter()
        .flat_map(|fact| {
            let style = if fact.loud { app.theme.bad } else { Style::new() };
            let label = if fact.loud { app.theme.bad } else { app.theme.dim };
            labelled(&fact.label, &fact.text, columns, (label, style))
        })
        .collect()
}

fn draw_field(app: &App, buffer: &mut Buffer, area: Rect, field: &Field) -> (u16, u16) {
    let label = format!("{} ", text::cut(&field.label, usize::from(area.width / 2)));
    let taken = u16::try_from(text::width(&label)).unwrap_or(0);
    let room = area.width.saturating_sub(taken).max(1);
    let scroll = field.value.visual_scroll(usize::from(room.saturating_sub(1)));
    let mut hidden = 0;
    let shown: String = text::pieces(field.value.value())
        .into_iter()
        .skip_while(|piece| {
            hidden += text::width(piece);
            hidden <= scroll
        })
        .collect();
    put(buffer, area.x, area.y, area.width, Line::from(vec![Span::styled(label, app.theme.dim)]));
    let typed = text::pad(&shown, usize::from(room));
    put(buffer, area.x + taken, area.y, room, Line::styled(typed, Style::new().add_modifier(Modifier::UNDERLINED)));
    let column = field.value.visual_cursor().saturating_sub(scroll).min(usize::from(room - 1));
    (area.x + taken + u16::try_from(column).unwrap_or(0), area.y)
}

/// The choices on as many lines as they need.
fn choice_lines(app: &App, dialog: &Dialog, columns: usize) -> Vec<Line<'static>> {
    let mut rows: Vec<Vec<Span<'static>>> = vec![Vec::new()];
    let mut used = 0;
    for (index, choice) in dialog.choices.iter().enumerate() {
        let words = format!(" {} ", choice.label);
        let needs = text::width(&words) + 4;
        if used + needs > columns && used > 0 {
            rows.push(Vec::new());
            used = 0;
        }
        used += needs;
        let row = rows.len() - 1;
        let here = index == dialog.chosen;
        let style = choice_style(app, dialog, choice, here);
        rows[row].push(Span::styled(if here { "▸" } else { " " }, app.theme.accent));
        rows[row].push(Span::styled(format!("[{words}]"), style));
        rows[row].push(Span::raw(" "));
    }
    rows.into_iter().map(Line::from).collect()
}

/// What enter would take stands out: Cancel in the colour of keys, anything else in the colour of how serious it is.
fn chosen_style(app: &App, dialog: &Dialog) -> Style {
    let style = match dialog.tone {
        _ if dialog.chosen == 0 => app.theme.accent,
        Tone::Calm => app.theme.accent,
        Tone::Warn => app.theme.warn,
        Tone::Danger => app.theme.bad,
    };
    style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
}

fn choice_style(app: &App, dialog: &Dialog, choice: &Choice, here: bool) -> Style {
    let typed = dialog.field.as_ref().map(|field| field.value.value().trim()).unwrap_or_default();
    let ready = match &choice.needs {
        Needs::Nothing => true,
        Needs::Text => !typed.is_empty(),
        Needs::Number => typed.parse::<u64>().is_ok(),
        Needs::Name(name) => typed == name,
    };
    match (here, ready) {
        (true, true) => chosen_style(app, dialog),
        (true, false) => app.theme.chosen,
        (false, true) => Style::new(),
        (false, false) => app.theme.faint,
    }
}
