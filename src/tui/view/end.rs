//! The end of a run on one screen: what moved, how long it took, what was proved, what is left to do, where the report is.

use super::{Limits, Theme, heading, labelled, lines, panel, signed, words};
use crate::engine::snapshot::{RunState, Snapshot, Status, StepView};
use crate::evidence::{Evidence, Finding, TableResult, Verdict};
use crate::tui::app::{App, Figures};
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// Columns of the card; wider text is harder to read, not easier.
const CARD: u16 = 104;

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let width = area.width.min(CARD);
    let text = text_of(app, usize::from(width.saturating_sub(4)));
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height };
    let inner = panel(buffer, place, &format!("run {}", app.snapshot.run), true, &app.theme);
    limits.detail = lines(buffer, inner, text, app.run.scroll, &app.theme);
}

fn text_of(app: &App, columns: usize) -> Vec<Line<'static>> {
    let (run, theme) = (&*app.snapshot, &app.theme);
    let plain = (theme.dim, Style::new());
    let mut lines = headline(app, columns);
    lines.extend(labelled("moved", &moved(run), columns, plain));
    lines.extend(labelled("from", &run.source, columns, plain));
    lines.extend(labelled("to", &run.target, columns, plain));
    lines.extend(labelled("took", &took(app), columns, plain));
    lines.extend(taken_back(run, columns, theme));
    let proofs = proofs(run, columns, theme);
    if run.state != RunState::RolledBack || !proofs.is_empty() {
        lines.push(Line::default());
        lines.push(heading("proved", columns, theme));
        let none = || vec![Line::styled("· nothing was verified in this run", theme.dim)];
        lines.extend(if proofs.is_empty() { none() } else { proofs });
    }
    let left = left_to_do(run, &Figures::new(run, app.now), theme);
    if !left.is_empty() {
        lines.push(Line::default());
        lines.push(heading("left to do", columns, theme));
        lines.extend(left.into_iter().flat_map(|(sign, style, body)| signed(sign, style, &body, columns)));
    }
    lines.push(Line::default());
    lines.extend(labelled("report", &format!("{}/report.html", run.run_dir), columns, (theme.dim, theme.accent)));
    lines.extend(labelled("", &format!("cutover report {} prints it", run.run), columns, (theme.dim, theme.dim)));
    lines.extend(figures(app, columns));
    lines.push(Line::default());
    lines.push(Line::styled("esc shows the steps · R replays the run · q leaves", theme.dim));
    lines
}

fn headline(app: &App, columns: usize) -> Vec<Line<'static>> {
    let run = &*app.snapshot;
    let down = Figures::new(run, app.now).service_is_down();
    let (sign, words) = words::state(run.state);
    let words = match run.state {
        RunState::Done if proved(run) => "The service is on PostgreSQL, and the data is proved.",
        RunState::Done => "The run is done.",
        RunState::RolledBack if down => "Rolled back in part. The service is still down.",
        RunState::RolledBack if run.steps.iter().any(|step| step.status == Status::Done) => {
            "Rolled back in part: the later steps are taken back, the earlier ones stand."
        }
        RunState::RolledBack => "Everything that was taken back is as it was.",
        _ => words,
    };
    let style = if down { app.theme.warn } else { words::state_style(run.state, &app.theme) };
    let style = style.add_modifier(Modifier::BOLD);
    let mut lines = vec![Line::default()];
    lines.extend(text::wrap(&format!("{sign} {words}"), columns).into_iter().map(|line| Line::styled(line, style)));
    lines.push(Line::default());
    lines
}

/// How many tables and steps are named.
const NAMED: usize = 6;

/// The largest tables and the longest steps: side by side where there is room.
fn figures(app: &App, columns: usize) -> Vec<Line<'static>> {
    const GAP: usize = 4;
    let half = (columns - GAP.min(columns)) / 2;
    if half < 40 {
        return [largest(&app.snapshot, columns, &app.theme), timeline(app, columns)].concat();
    }
    let (left, right) = (largest(&app.snapshot, half, &app.theme), timeline(app, half));
    if left.is_empty() || right.is_empty() {
        return [left, right].concat();
    }
    let blank = |line: &Line<'_>| columns - half - text::width(&line.to_string()).min(half);
    let count = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let both = (0..count).map(|_| {
        let mut line = left.next().unwrap_or_default();
        let gap = blank(&line);
        line.spans.push(Span::raw(" ".repeat(gap)));
        line.spans.extend(right.next().unwrap_or_default().spans);
        line
    });
    both.collect()
}

/// The tables with the most rows, each with its own proof.
fn largest(run: &Snapshot, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut tables: Vec<&TableResult> = standing(run, "verify").flat_map(|evidence| &evidence.tables).collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.rows_loaded));
    if tables.len() < 2 {
        return Vec::new();
    }
    let schema = words::shared_schema(tables.iter().map(|table| table.table.as_str()));
    let mut lines = vec![Line::default(), heading("largest tables", columns, theme)];
    lines.extend(tables.iter().take(NAMED).map(|table| {
        let equal = table.digest_target.is_some() && table.digest_source == table.digest_target;
        let (sign, style) = if equal { ("✓ ", theme.good) } else { ("✗ ", theme.bad) };
        let name = Span::raw(text::visible(words::unqualified(&table.table, schema)));
        let rows = format!("{} rows", format::exact(table.rows_loaded));
        text::spread(vec![Span::styled(sign, style), name], vec![Span::styled(rows, theme.dim)], columns)
    }));
    lines
}

/// The steps that took longest, in their order, each as long as its share.
fn timeline(app: &App, columns: usize) -> Vec<Line<'static>> {
    let theme = &app.theme;
    let mut timed: Vec<(usize, &StepView, f64)> = app
        .snapshot
        .steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| Some((index, step, step.seconds.filter(|seconds| *seconds > 0.0)?)))
        .collect();
    timed.sort_by(|one, other| other.2.total_cmp(&one.2));
    timed.truncate(NAMED);
    timed.sort_by_key(|(index, _, _)| *index);
    let longest = timed.iter().map(|(_, _, seconds)| *seconds).fold(0.0, f64::max);
    let name = timed.iter().map(|(_, step, _)| text::width(&step.id)).max().unwrap_or(0).min(24);
    let room = columns.saturating_sub(name + 11);
    if timed.len() < 2 || room < 8 {
        return Vec::new();
    }
    let mut lines = vec![Line::default(), heading("where the time went", columns, theme)];
    lines.extend(timed.into_iter().map(|(_, step, seconds)| {
        let share = (seconds / longest * 1_000.0) as u64;
        Line::from(vec![
            Span::styled(text::pad(&text::visible(&step.id), name), theme.dim),
            Span::raw(" "),
            Span::styled(super::bar::histogram(share.max(1), 1_000, room), theme.busy),
            Span::styled(text::pad_start(&format::duration(seconds), 10), theme.dim),
        ])
    }));
    lines
}

fn standing<'a>(run: &'a Snapshot, action: &'static str) -> impl Iterator<Item = &'a Evidence> {
    run.steps
        .iter()
        .filter(move |step| step.action == action && step.status == Status::Done)
        .map(|step| &*step.evidence)
}

fn proved(run: &Snapshot) -> bool {
    let mut verified = standing(run, "verify").peekable();
    verified.peek().is_some() && verified.all(|evidence| evidence.differences_total == 0)
}

fn moved(run: &Snapshot) -> String {
    let tables = || standing(run, "copy").flat_map(|evidence| &evidence.tables);
    let rows: u64 = tables().map(|table| table.rows_loaded).sum();
    let bytes: u64 = tables().map(|table| table.bytes).sum();
    let count = tables().count() as u64;
    if count == 0 {
        return "nothing stands in the target from this run".to_owned();
    }
    let size = if bytes > 0 { format!(", {}", format::bytes(bytes)) } else { String::new() };
    format!("{} in {}{size}", format::plural(rows, "row", "rows"), format::plural(count, "table", "tables"))
}

fn took(app: &App) -> String {
    let figures = Figures::new(&app.snapshot, app.now);
    let mut words = figures.elapsed().map_or("-".to_owned(), format::duration);
    if let Some(down) = figures.downtime() {
        let so_far = if figures.service_is_down() {
            "; the service is still down, for"
        } else {
            ", of which the service was down"
        };
        words.push_str(&format!("{so_far} {}", format::duration(down)));
        if let Some(budget) = app.snapshot.downtime_budget {
            let within = if down <= budget { "within" } else { "over" };
            words.push_str(&format!(" ({within} its budget of {})", format::duration(budget)));
        }
    }
    words
}

fn proofs(run: &Snapshot, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut say = |good: bool, words: String| {
        let (sign, style) = if good { ("✓", theme.good) } else { ("✗", theme.bad) };
        lines.extend(signed(sign, style, &words, columns));
    };
    for evidence in standing(run, "verify") {
        let compared = evidence.tables.len() as u64;
        let equal = evidence
            .tables
            .iter()
            .filter(|table| table.digest_target.is_some() && table.digest_source == table.digest_target)
            .count() as u64;
        let rows: u64 = evidence.tables.iter().map(|table| table.rows_loaded).sum();
        say(
            equal == compared,
            format!(
                "{} of {} equal cell by cell, {}",
                format::exact(equal),
                format::plural(compared, "table", "tables"),
                format::plural(rows, "row", "rows")
            ),
        );
        if evidence.differences_total > 0 {
            say(false, format::plural(evidence.differences_total, "row differs", "rows differ"));
        }
        let passed = evidence.findings.iter().filter(|finding| finding.verdict == Verdict::Passed).count() as u64;
        if passed > 0 {
            say(
                true,
                format!("{} of sequences, keys and constraints passed", format::plural(passed, "check", "checks")),
            );
        }
    }
    for evidence in standing(run, "copy").filter(|evidence| evidence.rejects_total > 0) {
        say(
            false,
            format!(
                "{} did not fit and were handled by policy; the report names them",
                format::plural(evidence.rejects_total, "cell or row", "cells and rows")
            ),
        );
    }
    lines
}

/// What each step put back.
fn taken_back(run: &Snapshot, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let back = |step: &&StepView| step.status == Status::Undone && step.description.changes && !step.summary.is_empty();
    let told = |step: &StepView| signed("↺", theme.good, &format!("{}: {}", step.id, step.summary), columns);
    let steps: Vec<Line<'static>> = run.steps.iter().rev().filter(back).flat_map(told).collect();
    if run.state != RunState::RolledBack || steps.is_empty() {
        return Vec::new();
    }
    let late = late_writes(run).map(|words| signed("·", theme.dim, words, columns)).unwrap_or_default();
    [vec![Line::default(), heading("taken back", columns, theme)], steps, late].concat()
}

/// What became of what was written after the point of no return.
fn late_writes(run: &Snapshot) -> Option<&str> {
    let last = run.decisions.iter().rev().find(|decision| decision.what.starts_with("roll back"));
    last?.remark.as_deref()
}

fn left_to_do(run: &Snapshot, figures: &Figures<'_>, theme: &Theme) -> Vec<(&'static str, Style, String)> {
    let mut left = Vec::new();
    for step in &run.steps {
        if let Some(reason) = &step.skip_reason {
            left.push(("▲", theme.warn, format!("{} was skipped: {reason}", step.id)));
        }
        // What preflight could not know has turned out well by now.
        let late = step.action != "preflight" || run.state != RunState::Done;
        let unknown = |finding: &&Finding| late && finding.verdict == Verdict::Unknown;
        let open = step.evidence.findings.iter().filter(unknown);
        left.extend(open.map(|finding| ("?", theme.warn, format!("{}: {}", finding.check, finding.remedy))));
    }
    if run.state == RunState::Done {
        let pending = run.steps.iter().filter(|step| step.status == Status::Pending);
        left.extend(pending.map(|step| ("▲", theme.warn, format!("{} has not been done", step.id))));
        left.push((
            "·",
            theme.dim,
            format!("when all is well: cutover forget {}, which gives up the way back", run.run),
        ));
        left.push(("·", theme.dim, format!("if it is not: cutover rollback {}", run.run)));
    }
    if run.state == RunState::RolledBack {
        if figures.service_is_down() {
            let words = "the service is down: go on with the run, or roll back to before it went down".to_owned();
            left.push(("▲", theme.warn, words));
        }
        left.push(("·", theme.dim, format!("to try again: enter among the steps, or cutover resume {}", run.run)));
        if run.steps.iter().all(|step| step.status != Status::Done) {
            left.push(("·", theme.dim, format!("to give it up: cutover forget {}", run.run)));
        }
    }
    left
}
