//! How long the service has been down, what is left, and what a way back means: the right end of the second line.

use super::Theme;
use super::words::left as left_words;
use crate::engine::snapshot::RunState;
use crate::tui::app::{App, Figures};
use crate::tui::{format, text};
use ratatui::style::Style;
use ratatui::text::Span;

/// How much room the words about the outage take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Full,
    Short,
    /// Short, and the budget behind a stroke.
    Tight,
}

/// How long the service has been down, what is left and what a way back means: in the longest form that fits. Where none does, what
/// is left gives way first: how to get back has to stay.
pub(super) fn words(app: &App, columns: usize) -> Vec<Span<'static>> {
    let theme = &app.theme;
    let room = columns.saturating_sub(1);
    let forms = [Form::Full, Form::Short, Form::Tight].map(|form| Parts::of(app, theme, form));
    let [_, _, tight] = &forms;
    let least = || Parts { left: None, ..tight.clone() };
    let parts = forms.iter().find(|parts| parts.width() <= room).cloned().unwrap_or_else(least);
    fitting(parts.in_order(), room, theme)
}

/// What is said about the outage, each with its style.
#[derive(Clone)]
struct Parts {
    outage: Option<(String, Style)>,
    left: Option<(String, Style)>,
    back: Option<(String, Style)>,
}

impl Parts {
    fn of(app: &App, theme: &Theme, form: Form) -> Self {
        let figures = Figures::new(&app.snapshot, app.now);
        let forward = !matches!(app.snapshot.state, RunState::RollingBack | RunState::RolledBack | RunState::Done);
        let left = left_words(&figures, form != Form::Full).filter(|_| forward);
        Self {
            outage: outage(app, &figures, form),
            left: left.map(|left| (left, theme.dim)),
            back: back(&figures, form, theme),
        }
    }

    fn in_order(self) -> Vec<(String, Style)> {
        [self.outage, self.left, self.back].into_iter().flatten().collect()
    }

    fn width(&self) -> usize {
        let there = || [&self.outage, &self.left, &self.back].into_iter().flatten();
        let words: usize = there().map(|(words, _)| text::width(words)).sum();
        words + there().count().saturating_sub(1) * text::width(DOT)
    }
}

fn back(figures: &Figures<'_>, form: Form, theme: &Theme) -> Option<(String, Style)> {
    let steps = figures.steps_to_take_back();
    if figures.past_no_return() {
        let words = if form == Form::Full { "going back loses writes" } else { "back loses writes" };
        return Some((words.to_owned(), theme.warn));
    }
    (steps > 0).then(|| (way_back(figures, steps, form != Form::Full), theme.dim))
}

/// While the service is down what counts is how soon it could be back; before, how much there is to take back.
fn way_back(figures: &Figures<'_>, steps: usize, short: bool) -> String {
    let time = figures.time_back().map(format::guess);
    match (time, figures.service_is_down(), short) {
        (Some(time), _, true) => format!("back {time}"),
        (Some(time), true, false) => format!("{time} to get back"),
        (Some(time), false, false) => format!("way back: {}, {time}", format::plural(steps as u64, "step", "steps")),
        (None, _, true) => format!("back {steps}"),
        (None, _, false) => format!("way back: {}", format::plural(steps as u64, "step", "steps")),
    }
}

fn outage(app: &App, figures: &Figures<'_>, form: Form) -> Option<(String, Style)> {
    let down = figures.downtime()?;
    let budget = app.snapshot.downtime_budget;
    let over = budget.is_some_and(|budget| down > budget);
    let words = match (figures.service_is_down(), form) {
        (true, Form::Full) => "service down",
        (true, _) => "down",
        (false, Form::Full) => "service was down",
        (false, _) => "was down",
    };
    let of = if form == Form::Tight { "/" } else { " of " };
    let of = budget.map(|budget| format!("{of}{}", format::clock(budget))).unwrap_or_default();
    let (sign, advice) = match (over, figures.service_is_down() && form == Form::Full) {
        (true, true) => ("▲ ", ", over budget: b rolls back"),
        (true, false) => ("▲ ", ""),
        (false, _) => ("", ""),
    };
    let style = match (over, figures.service_is_down()) {
        (true, true) => app.theme.bad,
        (true, false) | (false, true) => app.theme.warn,
        (false, false) => app.theme.dim,
    };
    Some((format!("{sign}{words} {}{of}{advice}", format::clock(down)), style))
}

/// Between two of the parts.
const DOT: &str = " · ";

fn fitting(parts: Vec<(String, Style)>, columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut used = 0;
    for (index, (words, style)) in parts.into_iter().enumerate() {
        let needs = text::width(&words) + if index > 0 { text::width(DOT) } else { 0 };
        if used + needs > columns && index > 0 {
            break;
        }
        if index > 0 {
            spans.push(Span::styled(DOT, theme.faint));
        }
        used += needs;
        spans.push(Span::styled(text::cut(&words, columns), style));
    }
    spans.push(Span::raw(" "));
    spans
}
