//! Signs and words for states: no state is told by colour alone.

use super::Theme;
use crate::engine::snapshot::{LogLevel, RunState, Status};
use crate::evidence::{Key, Verdict};
use crate::tui::app::Figures;
use crate::tui::text;
use ratatui::style::Style;

/// Sign and words for what a run is doing.
pub(super) fn state(state: RunState) -> (&'static str, &'static str) {
    match state {
        RunState::Ready => ("○", "ready"),
        RunState::Running => ("●", "running"),
        RunState::Waiting => ("▲", "waits for you"),
        RunState::Pausing => ("◐", "pausing"),
        RunState::Paused => ("‖", "paused"),
        RunState::RollingBack => ("↶", "rolling back"),
        RunState::Done => ("✓", "done"),
        RunState::RolledBack => ("↺", "rolled back"),
        RunState::Failed => ("✗", "failed"),
        RunState::Interrupted => ("–", "interrupted"),
    }
}

/// The style of a run's state.
pub(super) fn state_style(state: RunState, theme: &Theme) -> Style {
    match state {
        RunState::Ready | RunState::Interrupted => theme.dim,
        RunState::Running | RunState::RollingBack => theme.busy,
        RunState::Waiting | RunState::Pausing | RunState::Paused => theme.warn,
        RunState::Done | RunState::RolledBack => theme.good,
        RunState::Failed => theme.bad,
    }
}

/// Sign and words for a step's status.
pub(super) fn status(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pending => ("·", "to come"),
        Status::AtGate => ("▲", "waits for you"),
        Status::Running => ("►", "at work"),
        Status::Pausing => ("◐", "pausing"),
        Status::Paused => ("‖", "paused"),
        Status::Done => ("✓", "done"),
        Status::Failed => ("✗", "failed"),
        Status::Skipped => ("–", "skipped"),
        Status::Undoing => ("↶", "being taken back"),
        Status::Undone => ("↺", "taken back"),
        Status::UndoFailed => ("✗", "could not be taken back"),
        Status::Unknown => ("?", "end unknown; it is run again"),
    }
}

/// The style of a step's status.
pub(super) fn status_style(status: Status, theme: &Theme) -> Style {
    match status {
        Status::Pending | Status::Skipped | Status::Undone => theme.dim,
        Status::AtGate | Status::Pausing | Status::Paused | Status::Unknown => theme.warn,
        Status::Running | Status::Undoing => theme.busy,
        Status::Done => theme.good,
        Status::Failed | Status::UndoFailed => theme.bad,
    }
}

/// Sign, words and style for the answer to a check.
pub(super) fn verdict(verdict: &Verdict, theme: &Theme) -> (&'static str, String, Style) {
    match verdict {
        Verdict::Passed => ("✓", String::new(), theme.good),
        Verdict::Failed => ("✗", String::new(), theme.bad),
        Verdict::PutOff(step) => ("·", format!("known after {step}"), theme.dim),
        Verdict::Unknown => ("?", "you have to know".to_owned(), theme.warn),
    }
}

/// A log level in four columns, so that levels line up and can be told without colour.
pub(super) fn level(level: LogLevel, theme: &Theme) -> (&'static str, Style) {
    match level {
        LogLevel::Debug => ("·", theme.faint),
        LogLevel::Info => (" ", theme.dim),
        LogLevel::Warn => ("▲", theme.warn),
        LogLevel::Error => ("✗", theme.bad),
    }
}

/// The length of the schema's name and dot that all of these tables have before them: said once is enough.
pub(super) fn shared_schema<'a>(tables: impl Iterator<Item = &'a str>) -> usize {
    let mut schemas = tables.filter_map(|table| table.split_once('.')).map(|(schema, _)| schema);
    let Some(first) = schemas.next().filter(|first| !first.contains('"')) else { return 0 };
    if schemas.all(|other| other == first) { first.len() + 1 } else { 0 }
}

/// A table's name without the schema that all share. Names without a schema stay.
pub(super) fn unqualified(table: &str, schema: usize) -> &str {
    if table.contains('.') { table.get(schema..).unwrap_or(table) } else { table }
}

/// A row's key as it is read: `id=7`.
pub(in crate::tui) fn key_text(key: &Key) -> String {
    let parts: Vec<String> = key
        .iter()
        .map(|(column, value)| match value {
            serde_json::Value::String(text) => format!("{column}={}", text::visible(text)),
            other => format!("{column}={other}"),
        })
        .collect();
    if parts.is_empty() { "(no key)".to_owned() } else { parts.join(" ") }
}

/// What is left, in words: `~40 s left`, `at least 40 s left`.
pub(super) fn left(figures: &Figures<'_>, short: bool) -> Option<String> {
    let left = figures.left()?;
    let guess = crate::tui::format::guess(left.seconds);
    let least = guess.trim_start_matches('~');
    Some(match (left.whole, short) {
        (true, _) => format!("{guess} left"),
        (false, true) => format!("> {least} left"),
        (false, false) => format!("more than {least} left"),
    })
}
