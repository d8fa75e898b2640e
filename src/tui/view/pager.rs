//! A long text, whole; the two sides of a cell as one text in which every line says on which side it stands.

use super::{Theme, heading, lines, over, panel};
use crate::tui::app::{App, Pager};
use crate::tui::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Longer sides are compared line by line as they stand, without looking for lines that moved: the table of the comparison grows
/// with the product of both.
const COMPARED: usize = 1_500;

/// Draws it; gives how far it can be scrolled.
pub(super) fn draw(app: &App, buffer: &mut Buffer, area: Rect, pager: &Pager) -> usize {
    let place = over(buffer, area, area.width, area.height);
    let title = format!("{} · y copies, esc closes", pager.title);
    let inner = panel(buffer, place, &text::visible(&title), true, &app.theme);
    let text = text_of(pager, usize::from(inner.width), &app.theme);
    lines(buffer, inner, text, pager.scroll, &app.theme)
}

fn text_of(pager: &Pager, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    if let (true, [(_, source), (_, target)]) = (pager.compare, pager.sections.as_slice()) {
        return compared(source, target, columns, theme);
    }
    let mut shown = Vec::new();
    for (index, (head, body)) in pager.sections.iter().enumerate() {
        if !head.is_empty() {
            shown.push(heading(head, columns, theme));
        }
        shown.extend(text::wrap(&laid_out(body), columns).into_iter().map(Line::raw));
        if index + 1 < pager.sections.len() {
            shown.push(Line::default());
        }
    }
    shown
}

/// One text for both sides where they are equal; else each line with its side, what differs in a line marked.
fn compared(source: &str, target: &str, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let wrapped = |side: &str| text::wrap(&laid_out(side), columns.saturating_sub(2));
    let (left, right) = (wrapped(source), wrapped(target));
    if left == right {
        let equal = Line::styled("✓ both sides are equal", theme.good);
        let body = left.into_iter().map(|line| Line::raw(format!("  {line}")));
        return [equal, Line::default()].into_iter().chain(body).collect();
    }
    let head = Line::from(vec![
        Span::styled("- ", theme.warn),
        Span::styled("source   ", theme.dim),
        Span::styled("+ ", theme.bad),
        Span::styled("target", theme.dim),
    ]);
    let mut shown = vec![head, Line::default()];
    for piece in difference(&left, &right) {
        match piece {
            Piece::Same(line) => shown.push(Line::raw(format!("  {line}"))),
            Piece::Changed(gone, come) => {
                shown.extend(marked(&gone, &come, "- ", theme.warn, theme));
                shown.extend(marked(&come, &gone, "+ ", theme.bad, theme));
            }
        }
    }
    shown
}

/// Lines of one side; what parts them from their counterparts on the other side stands out.
fn marked(own: &[&str], other: &[&str], sign: &'static str, style: Style, theme: &Theme) -> Vec<Line<'static>> {
    let line = |(index, line): (usize, &&str)| {
        let (before, middle, after) = other.get(index).map_or(("", *line, ""), |other| parted(line, other));
        Line::from(vec![
            Span::styled(sign, style),
            Span::styled(before.to_owned(), style),
            Span::styled(middle.to_owned(), style.patch(theme.selected)),
            Span::styled(after.to_owned(), style),
        ])
    };
    own.iter().enumerate().map(line).collect()
}

/// What stands before the first and after the last character in which two lines differ, and what lies between.
fn parted<'a>(line: &'a str, other: &str) -> (&'a str, &'a str, &'a str) {
    let same = |(one, other): &(char, char)| one == other;
    let start: usize = line.chars().zip(other.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (rest, rest_of_other) = (&line[start..], &other[start..]);
    let end: usize =
        rest.chars().rev().zip(rest_of_other.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    (&line[..start], &rest[..rest.len() - end], &rest[rest.len() - end..])
}

/// Part of a text with two sides.
enum Piece<'a> {
    Same(&'a str),
    Changed(Vec<&'a str>, Vec<&'a str>),
}

/// The longest common subsequence of lines, and what lies between its members.
fn difference<'a>(left: &'a [String], right: &'a [String]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    for (next_i, next_j) in common(left, right).into_iter().chain([(left.len(), right.len())]) {
        gone.extend(left[i..next_i].iter().map(String::as_str));
        come.extend(right[j..next_j].iter().map(String::as_str));
        if !(gone.is_empty() && come.is_empty()) {
            pieces.push(Piece::Changed(std::mem::take(&mut gone), std::mem::take(&mut come)));
        }
        if let Some(line) = left.get(next_i) {
            pieces.push(Piece::Same(line));
        }
        (i, j) = (next_i + 1, next_j + 1);
    }
    pieces
}

/// The pairs of equal lines, by their places.
fn common(left: &[String], right: &[String]) -> Vec<(usize, usize)> {
    if left.len().max(right.len()) > COMPARED {
        let both = left.iter().zip(right).enumerate();
        return both.filter(|(_, (one, other))| one == other).map(|(index, _)| (index, index)).collect();
    }
    let width = right.len() + 1;
    let mut lengths = vec![0_u16; (left.len() + 1) * width];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            lengths[i * width + j] = if left[i] == right[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < left.len() && j < right.len() {
        if left[i] == right[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// JSON on lines of its own, so that two of them can be compared; anything else as it is.
fn laid_out(body: &str) -> String {
    let looks = body.starts_with(['{', '[']) && body.len() < 1 << 20;
    let parsed = looks.then(|| serde_json::from_str::<serde_json::Value>(body).ok()).flatten();
    parsed.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{compared, parted};
    use crate::tui::theme::{Palette, Theme};

    fn shown(source: &str, target: &str) -> Vec<String> {
        let theme = Theme::new(Palette::Plain, false);
        compared(source, target, 40, &theme).iter().map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn a_line_that_came_or_went_leaves_the_others_equal() {
        let lines = shown(r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"x":0,"b":2,"c":4}"#);
        assert_eq!(
            lines[2..],
            ["  {", "    \"a\": 1,", "+   \"x\": 0,", "    \"b\": 2,", "-   \"c\": 3", "+   \"c\": 4", "  }"]
        );
        assert!(shown("one", "one")[0].contains("equal"));
    }

    #[test]
    fn only_what_parts_two_lines_is_marked() {
        assert_eq!(parted("00:02:05", "00:12:05"), ("00:", "0", "2:05"));
        assert_eq!(parted("aa", "aaa"), ("aa", "", ""));
        assert_eq!(parted("größer", "größter"), ("größ", "", "er"));
    }
}
