//! The chosen step: what it will do, what it does now, what it did.

use super::{Theme, bar, evidence, labelled, words};
use crate::engine::snapshot::{PartProgress, Question, Status, StepView};
use crate::tui::act::Act;
use crate::tui::app::{App, Figures, Rates, Totals, View, failure_words, is_busy};
use crate::tui::{format, text};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// What stands before the bar of the whole.
const IN_ALL: &str = "in all   ";

/// Parts at work that are listed: more than there are connections.
const AT_WORK: usize = 64;

/// Finished parts that are listed while others are at work.
const FINISHED: usize = 6;

/// The whole text about a step, in lines of at most `columns`.
pub(super) fn lines(app: &App, step: &StepView, columns: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let mut lines = vec![status_line(app, step, columns)];
    lines.extend(decision(app, step, columns));
    if let Some(error) = &step.error {
        let kind = step.failure.map_or("failed", failure_words);
        lines.extend(labelled("error", error, columns, (theme.bad, Style::new())));
        lines.extend(labelled("", kind, columns, (theme.dim, theme.dim)));
    }
    if let Some(reason) = &step.skip_reason {
        lines.extend(labelled("skipped", reason, columns, (theme.warn, Style::new())));
    }
    if !step.summary.is_empty() && !is_to_come(step.status) {
        lines.extend(labelled("did", &step.summary, columns, (theme.good, theme.strong)));
    }
    if !step.waiting.is_empty() {
        lines.extend(labelled("waits for", &step.waiting, columns, (theme.warn, theme.warn)));
    }
    if is_under_way(step.status) {
        lines.extend(progress(app, step, columns));
    }
    let over = step.error.is_some() || step.status == Status::Done;
    let taken_back = matches!(step.status, Status::Undoing | Status::Undone);
    if over {
        lines.extend(evidence::lines(&step.evidence, columns, theme));
    }
    lines.extend(description(step, columns, theme));
    if !over && !taken_back {
        lines.extend(evidence::lines(&step.evidence, columns, theme));
    }
    if !is_under_way(step.status) && !taken_back && step.evidence.tables.is_empty() {
        lines.extend(progress(app, step, columns));
    }
    lines
}

/// Whether what is known of a step is of an earlier attempt, which does not stand any more.
fn is_to_come(status: Status) -> bool {
    matches!(status, Status::Pending | Status::AtGate) || is_under_way(status)
}

fn is_under_way(status: Status) -> bool {
    is_busy(status) || status == Status::Paused
}

/// The same as plain text, for the pager and the clipboard.
pub(in crate::tui) fn step_text(app: &App, step: &StepView, columns: usize) -> String {
    lines(app, step, columns).iter().map(|line| line.to_string().trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn status_line(app: &App, step: &StepView, columns: usize) -> Line<'static> {
    let theme = &app.theme;
    let (sign, status) = words::status(step.status);
    let style = words::status_style(step.status, theme);
    let mut left = vec![Span::styled(format!("{sign} {status}"), style)];
    let seconds = Figures::new(&app.snapshot, app.now).step_seconds(step);
    if let Some(seconds) = seconds.filter(|_| !matches!(step.status, Status::Pending | Status::AtGate)) {
        left.push(Span::styled(format!(" · {}", format::duration(seconds)), Style::new()));
    }
    if step.status == Status::Pending
        && let Some(estimate) = step.estimate_seconds
    {
        left.push(Span::styled(format!(" · takes {}", format::guess(estimate)), theme.dim));
    }
    if step.attempts > 1 {
        left.push(Span::styled(format!(" · attempt {}", step.attempts), theme.warn));
    }
    let checkpoint = if step.checkpoint && step.description.changes { "◇ checkpoint" } else { "" };
    text::spread(left, vec![Span::styled(checkpoint, theme.accent)], columns)
}

/// The line that nobody overlooks when the run waits for a decision about this step.
fn decision(app: &App, step: &StepView, columns: usize) -> Vec<Line<'static>> {
    let words = match &app.snapshot.question {
        Some(Question::Gate { step: at, typed }) if at.0 == step.id => match typed {
            Some(_) => "▲ enter: decide whether to go on (a name has to be typed)",
            None => "▲ enter: decide whether to go on",
        },
        Some(Question::Failure { step: at }) if at.0 == step.id && step.would_lose_writes() => {
            "▲ enter: retry, skip, export what was written or lose it"
        }
        Some(Question::Failure { step: at }) if at.0 == step.id => "▲ enter: retry, skip or roll back",
        Some(Question::LateWrites { .. }) => "▲ enter: going back would lose writes; decide what becomes of them",
        _ => return Vec::new(),
    };
    let watched = app.why_no_command().is_some();
    let words = if watched { "▲ waits for its operator" } else { words };
    let styled = |line: String| Line::styled(text::pad(&line, columns), app.theme.warn);
    let mut lines: Vec<Line<'static>> = text::wrap(words, columns).into_iter().map(styled).collect();
    if step.action == "spot-check" && !watched {
        let look = format!("▲ {}: look at both sides row by row first", app.keymap.shown(Act::View(View::Data)));
        lines.extend(text::wrap(&look, columns).into_iter().map(styled));
    }
    lines
}

fn description(step: &StepView, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let told = &step.description;
    let mut lines = vec![Line::default()];
    lines.extend(labelled("does", &told.does, columns, (theme.dim, Style::new())));
    for (index, effect) in told.effects.iter().enumerate() {
        let label = match (index, told.changes) {
            (0, true) => "changes",
            (0, false) => "looks at",
            _ => "",
        };
        lines.extend(labelled(label, effect, columns, (theme.dim, Style::new())));
    }
    let (back, style) = match (told.changes, told.reversible) {
        (false, _) => ("not needed: it changes nothing", theme.dim),
        (true, true) => (told.way_back.as_str(), theme.good),
        (true, false) if told.way_back.is_empty() => ("none", theme.bad),
        (true, false) => (told.way_back.as_str(), theme.bad),
    };
    lines.extend(labelled("way back", back, columns, (theme.dim, style)));
    if !step.note.is_empty() {
        lines.extend(labelled("note", &step.note, columns, (theme.dim, theme.dim)));
    }
    lines
}

/// Live progress: the whole, then the parts at work, then those that ended last.
fn progress(app: &App, step: &StepView, columns: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let Some(totals) = Totals::of(step) else { return Vec::new() };
    let mut lines = vec![Line::default(), whole(&totals, columns, theme)];
    if is_under_way(step.status) {
        lines.push(speed(app, step, &totals, columns));
    }
    lines.push(Line::default());
    let layout = Layout::of(step, columns);
    let (finished, at_work): (Vec<&PartProgress>, Vec<&PartProgress>) =
        step.parts.iter().partition(|part| part.finished);
    let begun = at_work.iter().filter(|part| part.done > 0 || part.total.is_none());
    lines.extend(begun.take(AT_WORK).map(|part| part_line(part, &step.id, &app.rates, &layout, theme)));
    let shown = if is_busy(step.status) { FINISHED } else { finished.len() };
    lines.extend(finished.iter().rev().take(shown).map(|part| part_line(part, &step.id, &app.rates, &layout, theme)));
    let to_come = at_work.iter().filter(|part| part.done == 0 && part.total.is_some()).count();
    let counts = [
        (finished.len().saturating_sub(shown), "more done"),
        ((at_work.len() - to_come).saturating_sub(AT_WORK), "more at work"),
        (to_come, "to come"),
    ];
    let rest: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    if rest.is_empty() {
        return lines;
    }
    let rest = format!("+ {}", rest.join(", "));
    lines.push(Line::styled(rest, theme.dim));
    lines
}

fn whole(totals: &Totals, columns: usize, theme: &Theme) -> Line<'static> {
    let unit = if columns < 44 { "" } else { totals.unit.as_str() };
    let done = format::count(totals.done);
    let Some(total) = totals.total else {
        return Line::from(vec![Span::styled(format!("{done} {unit}"), theme.strong), Span::raw(" so far")]);
    };
    let figures = format!(
        "  {}  {done} of {} {unit}",
        text::pad_start(&format::percent(totals.done, total), 5),
        format::count(total)
    );
    let label = if columns < 44 { "" } else { IN_ALL };
    let room = columns.saturating_sub(text::width(&figures) + label.len());
    let mut spans = vec![Span::styled(label, theme.dim)];
    spans.extend(bar::progress(totals.done, total, room, theme));
    spans.push(Span::styled(figures, theme.strong));
    Line::from(spans)
}

fn speed(app: &App, step: &StepView, totals: &Totals, columns: usize) -> Line<'static> {
    let mut words = vec![format::rate(step.rate, &totals.unit)];
    words.push(match totals.left(step.rate) {
        Some(seconds) if seconds > 0.0 => format!("{} to the last", format::guess(seconds)),
        Some(_) => format!("all {} through, finishing", totals.unit),
        None => "no estimate yet".to_owned(),
    });
    if step.evidence.rejects_total > 0 {
        words.push(format::plural(step.evidence.rejects_total, "reject", "rejects"));
    }
    words.extend(totals.byte_rate(step.rate).map(|bytes| format!("{}/s", format::bytes(bytes))));
    if totals.bytes > 0 {
        words.push(format!("{} so far", format::bytes(totals.bytes)));
    }
    let indent = if columns < 44 { 0 } else { IN_ALL.len() };
    let mut line = " ".repeat(indent);
    for word in words {
        if text::width(&line) + text::width(&word) <= columns {
            line.push_str(&word);
            line.push_str("   ");
        }
    }
    Line::styled(line, app.theme.dim)
}

/// A shorter bar shows nothing.
const LEAST_BAR: usize = 4;

/// Which columns the lines of parts have.
struct Layout {
    /// The schema that all parts share, with its dot: said once is enough.
    schema: usize,
    name: usize,
    bar: usize,
    counts: usize,
    rate: bool,
}

impl Layout {
    fn of(step: &StepView, columns: usize) -> Self {
        let schema = words::shared_schema(step.parts.iter().map(|part| part.part.as_str()));
        let longest =
            step.parts.iter().map(|part| text::width(words::unqualified(&part.part, schema))).max().unwrap_or(0);
        let counts = if columns < 44 { 0 } else { 17 };
        let rate = columns >= 84;
        let fixed = counts + 8 + if rate { 26 } else { 0 };
        let room = columns.saturating_sub(fixed);
        // A name that can be read comes before a bar: the share stands beside it in figures.
        let name = longest.min(room.saturating_sub(1)).max(8);
        let bar = room.saturating_sub(name + 1);
        Self { schema, name, bar: if bar < LEAST_BAR { 0 } else { bar.min(40) }, counts, rate }
    }
}

fn part_line(part: &PartProgress, step: &str, rates: &Rates, layout: &Layout, theme: &Theme) -> Line<'static> {
    let mut spans = vec![
        Span::raw(text::pad(
            &text::cut_middle(&text::visible(words::unqualified(&part.part, layout.schema)), layout.name),
            layout.name,
        )),
        Span::raw(" "),
    ];
    let (share, counts) = match (part.finished, part.total) {
        (true, _) => {
            // What is done steps back behind what is at work.
            spans.push(Span::styled("█".repeat(layout.bar), theme.faint));
            ("✓".to_owned(), format::count(part.done))
        }
        (false, Some(total)) => {
            spans.extend(bar::progress(part.done, total, layout.bar, theme));
            (format::percent(part.done, total), format!("{} of {}", format::count(part.done), format::count(total)))
        }
        (false, None) => {
            spans.extend(bar::progress(0, 1, layout.bar, theme));
            (String::new(), format::count(part.done))
        }
    };
    let share_style = if part.finished { theme.good } else { theme.strong };
    spans.push(Span::styled(format!(" {} ", text::pad_start(&share, 5)), share_style));
    let unit = if part.unit == "rows" { String::new() } else { format!(" {}", part.unit) };
    if layout.counts > 0 {
        spans.push(Span::styled(text::pad_start(&format!("{counts}{unit}"), layout.counts), Style::new()));
    }
    if layout.rate {
        spans.push(Span::styled(part_speed(part, rates.of(step, &part.part)), theme.dim));
    }
    Line::from(spans)
}

fn part_speed(part: &PartProgress, rate: Option<f64>) -> String {
    let bytes = if part.bytes > 0 { format::bytes(part.bytes) } else { String::new() };
    let speed =
        rate.filter(|_| !part.finished).map(|rate| format!("{}/s", format::count(rate as u64))).unwrap_or_default();
    let left = match (rate, part.total) {
        (Some(rate), Some(total)) if rate > 0.0 && !part.finished => {
            format::guess(total.saturating_sub(part.done) as f64 / rate)
        }
        _ => String::new(),
    };
    format!(" {} {} {}", text::pad_start(&bytes, 7), text::pad_start(&speed, 9), text::pad_start(&left, 7))
}
