//! States and lists in words.

use crate::engine::snapshot::{RunState, Status};
use crate::evidence::{CellDifference, Key};
use unicode_width::UnicodeWidthStr as _;

/// What a run is doing, in words.
#[must_use]
pub const fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Ready => "not started",
        RunState::Running => "running",
        RunState::Waiting => "waiting for the operator",
        RunState::Pausing => "pausing",
        RunState::Paused => "paused",
        RunState::RollingBack => "rolling back",
        RunState::Done => "done",
        RunState::RolledBack => "rolled back",
        RunState::Failed => "failed",
        RunState::Interrupted => "interrupted",
    }
}

/// The status of a step, in words.
#[must_use]
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Pending => "not reached",
        Status::AtGate => "at its gate",
        Status::Running => "running",
        Status::Pausing => "pausing",
        Status::Paused => "paused",
        Status::Done => "done",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::Undoing => "being taken back",
        Status::Undone => "taken back",
        Status::UndoFailed => "taking back failed",
        Status::Unknown => "started, end unknown",
    }
}

/// A row's key: `id=7, name=a`.
#[must_use]
pub fn key(key: &Key) -> String {
    let cell = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), printable);
    key.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect::<Vec<_>>().join(", ")
}

/// A cell that differs: `title: "a" in the source, NULL in the target`.
#[must_use]
pub fn cell(difference: &CellDifference) -> String {
    let side = |value: &Option<String>| {
        value.as_ref().map_or_else(|| "NULL".to_owned(), |text| format!("\"{}\"", printable(text)))
    };
    let (source, target) = (side(&difference.source), side(&difference.target));
    format!("{}: {source} in the source, {target} in the target", difference.column)
}

/// A value of somebody's database, with nothing in it that a terminal would obey.
fn printable(text: &str) -> String {
    let safe = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(safe).collect()
}

/// Rows of cells as columns that line up, two blanks apart; columns whose head begins with `>` are set to the right.
#[must_use]
pub fn aligned(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let titles: Vec<String> = head.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
    let right: Vec<bool> = head.iter().map(|title| title.starts_with('>')).collect();
    let all = std::iter::once(&titles).chain(rows);
    let width_of = |column: usize| {
        all.clone().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width_of).collect();
    all.map(|row| line(row, &widths, &right)).collect()
}

fn line(row: &[String], widths: &[usize], right: &[bool]) -> String {
    let mut text = String::new();
    for ((cell, width), right) in row.iter().zip(widths).zip(right) {
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        let (before, after) = if *right { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
        text.push_str(&format!("{before}{cell}{after}  "));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{aligned, cell};
    use crate::evidence::CellDifference;

    #[test]
    fn a_value_cannot_command_the_terminal() {
        let source = Some("\u{1b}[2Ja\nb".to_owned());
        let difference = CellDifference { column: "c".to_owned(), source, target: None };
        assert_eq!(cell(&difference), "c: \"\\u{1b}[2Ja\\nb\" in the source, NULL in the target");
    }

    #[test]
    fn columns_line_up_whatever_the_width_of_a_character() {
        let rows = vec![vec!["a".to_owned(), "10".to_owned()], vec!["日本".to_owned(), "1,000".to_owned()]];
        assert_eq!(aligned(&["table", ">rows"], &rows), ["table   rows", "a         10", "日本   1,000"]);
    }
}
