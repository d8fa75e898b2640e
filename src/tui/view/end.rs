//! The end of a run on one screen: what moved, how long it took, what was proved, what is left to do, where the report is.

use super::{Limits, Theme, heading, labelled, lines, panel, words};
use crate::engine::snapshot::{RunState, Snapshot, Status};
use crate::evidence::{Evidence, Verdict};
use crate::tui::app::{App, Figures};
use crate::tui::{format, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, limits: &mut Limits) {
    let margin = area.width.saturating_sub(112) / 2;
    let place = Rect { x: area.x + margin, width: area.width - 2 * margin, ..area };
    let title = format!("run {}", app.snapshot.run);
    let inner = panel(buffer, place, &title, true, &app.theme);
    limits.detail = lines(buffer, inner, text_of(app, usize::from(inner.width)), app.run.scroll, &app.theme);
}

fn text_of(app: &App, columns: usize) -> Vec<Line<'static>> {
    let (run, theme) = (&*app.snapshot, &app.theme);
    let (sign, words) = words::state(run.state);
    let headline = match run.state {
        RunState::Done => format!("{sign} The service is on PostgreSQL, and the data is proved."),
        RunState::RolledBack => format!("{sign} Everything that was taken back is as it was."),
        _ => format!("{sign} {words}"),
    };
    let headline =
        if run.state == RunState::Done && !proved(run) { format!("{sign} The run is done.") } else { headline };
    let mut lines = vec![
        Line::default(),
        Line::styled(headline, words::state_style(run.state, theme).patch(theme.strong)),
        Line::default(),
    ];
    let plain = (theme.dim, Style::new());
    lines.extend(labelled("moved", &moved(run), columns, plain));
    lines.extend(labelled("from", &run.source, columns, plain));
    lines.extend(labelled("to", &run.target, columns, plain));
    lines.extend(labelled("took", &took(app), columns, plain));
    lines.push(Line::default());
    lines.push(heading("proved", columns, theme));
    lines.extend(proofs(run, theme));
    lines.push(Line::default());
    lines.push(heading("left to do", columns, theme));
    lines.extend(
        left_to_do(run, theme).into_iter().flat_map(|(sign, style, body)| labelled_sign(sign, style, &body, columns)),
    );
    lines.push(Line::default());
    lines.extend(labelled("report", &format!("cutover report {}", run.run), columns, (theme.dim, theme.accent)));
    lines.extend(labelled("files", &run.run_dir, columns, plain));
    lines.push(Line::default());
    lines.push(Line::styled("esc shows the steps · q leaves", theme.dim));
    lines
}

fn labelled_sign(sign: &str, style: Style, body: &str, columns: usize) -> Vec<Line<'static>> {
    text::wrap(body, columns.saturating_sub(2))
        .into_iter()
        .enumerate()
        .map(|(row, line)| {
            let sign = if row == 0 { format!("{sign} ") } else { "  ".to_owned() };
            Line::from(vec![Span::styled(sign, style), Span::raw(line)])
        })
        .collect()
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
        words.push_str(&format!(", of which the service was down {}", format::duration(down)));
        if let Some(budget) = app.snapshot.downtime_budget {
            let within = if down <= budget { "within" } else { "over" };
            words.push_str(&format!(" ({within} its budget of {})", format::duration(budget)));
        }
    }
    words
}

fn proofs(run: &Snapshot, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut say = |good: bool, words: String| {
        let (sign, style) = if good { ("✓", theme.good) } else { ("✗", theme.bad) };
        lines.push(Line::from(vec![Span::styled(format!("{sign} "), style), Span::raw(words)]));
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
    if lines.is_empty() {
        lines.push(Line::styled("· nothing was verified in this run", theme.dim));
    }
    lines
}

fn left_to_do(run: &Snapshot, theme: &Theme) -> Vec<(&'static str, Style, String)> {
    let mut left = Vec::new();
    for step in &run.steps {
        if let Some(reason) = &step.skip_reason {
            left.push(("▲", theme.warn, format!("{} was skipped: {reason}", step.id)));
        }
        let open = step.evidence.findings.iter().filter(|finding| finding.verdict == Verdict::Unknown);
        left.extend(open.map(|finding| ("?", theme.warn, format!("{}: {}", finding.check, finding.remedy))));
    }
    if run.state == RunState::Done {
        let back = format!(
            "cutover rollback {} goes back; cutover forget {} gives that up and frees the space",
            run.run, run.run
        );
        left.push(("·", theme.dim, back));
    }
    if run.state == RunState::RolledBack {
        left.push(("·", theme.dim, "the run can be started again when what stopped it is mended".to_owned()));
    }
    left
}
