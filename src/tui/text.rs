//! Text measured in terminal columns, not in characters: CJK takes two, combining marks none, an emoji with its joiners is one
//! piece. Everything that is cut says so with `…`.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// How many columns the terminal needs for `text`. Control characters are not drawn and take none.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) {
        return text.len();
    }
    pieces(text).iter().map(|piece| piece.width()).sum()
}

/// What the operator sees for control characters: `\n`, `\t`, `\0` and so on, so that no value can steer the terminal.
pub(super) fn visible(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 8), |mut shown, c| {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    })
}

/// At most `columns` of `text`, its end replaced by `…` where something is missing.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut kept = take(pieces(text).into_iter(), columns - 1);
    kept.push('…');
    kept
}

/// At most `columns` of `text`, its beginning replaced by `…`: for paths, whose end tells.
pub(super) fn cut_start(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for piece in pieces(text).into_iter().rev() {
        used += piece.width();
        if used > columns {
            break;
        }
        kept.push(piece);
    }
    std::iter::once("…").chain(kept.into_iter().rev()).collect()
}

/// At most `columns` of `text`, its middle replaced by `…`: for names, whose beginning and end both tell.
pub(super) fn cut_middle(text: &str, columns: usize) -> String {
    const LEAST: usize = 9;
    if width(text) <= columns || columns < LEAST {
        return cut(text, columns);
    }
    let end = cut_start(text, (columns - 1) / 2 + 1);
    format!("{}{end}", take(pieces(text).into_iter(), columns - width(&end)))
}

/// `text` in exactly `columns`: cut, or filled with blanks at its end.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let mut padded = cut(text, columns);
    let missing = columns.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

/// `text` in exactly `columns`, blanks first: for figures.
pub(super) fn pad_start(text: &str, columns: usize) -> String {
    let shown = cut(text, columns);
    let missing = columns.saturating_sub(width(&shown));
    format!("{}{shown}", " ".repeat(missing))
}

/// `text` in lines of at most `columns`, broken at blanks where there are any. Line ends in `text` are kept.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    text.split('\n').flat_map(|line| wrap_line(&visible(line.trim_end_matches('\r')), columns)).collect()
}

fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    if width(line) <= columns {
        return vec![line.to_owned()];
    }
    let indent: String = line.chars().take_while(|c| *c == ' ').take(columns / 2).collect();
    let mut lines = Vec::new();
    let mut current = indent.clone();
    let mut used = indent.len();
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let gap = usize::from(used > indent.len());
        let needs = width(word);
        if used + gap + needs <= columns {
            current.extend(std::iter::repeat_n(' ', gap));
            current.push_str(word);
            used += gap + needs;
            continue;
        }
        if used > indent.len() {
            lines.push(std::mem::replace(&mut current, indent.clone()));
        }
        current = break_word(word, columns, current, &mut lines);
        used = width(&current);
    }
    lines.push(current);
    lines
}

/// Puts a word behind `current`, in pieces where it is longer than a line; gives what stands on the last line.
fn break_word(word: &str, columns: usize, mut current: String, lines: &mut Vec<String>) -> String {
    let mut used = width(&current);
    for piece in pieces(word) {
        let piece = if piece.width() > columns { "…" } else { piece };
        if used + piece.width() > columns && used > 0 {
            lines.push(std::mem::take(&mut current));
            used = 0;
        }
        current.push_str(piece);
        used += piece.width();
    }
    current
}

/// A line of at most `columns`, cut with `…` in the style of the span that is cut.
pub(super) fn cut_line(line: Line<'_>, columns: usize) -> Line<'static> {
    let mut left = columns;
    let mut spans = Vec::with_capacity(line.spans.len());
    let total: usize = line.spans.iter().map(|span| width(&span.content)).sum();
    for span in line.spans {
        let needs = width(&span.content);
        let last = needs >= left && total > columns;
        let text = if last { cut_marked(&span.content, left) } else { span.content.into_owned() };
        left = left.saturating_sub(needs);
        spans.push(Span::styled(text, span.style));
        if last {
            break;
        }
    }
    Line::from(spans).style(line.style)
}

fn cut_marked(text: &str, columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    let mut kept = take(pieces(text).into_iter(), columns - 1);
    kept.push('…');
    kept
}

/// One line of exactly `columns`: `left` from its beginning, `right` at its end; `left` gives way.
pub(super) fn spread(left: Vec<Span<'static>>, right: Vec<Span<'static>>, columns: usize) -> Line<'static> {
    let right_width: usize = right.iter().map(|span| width(&span.content)).sum();
    let gap = usize::from(right_width > 0);
    let mut line = cut_line(Line::from(left), columns.saturating_sub(right_width + gap));
    let used: usize = line.spans.iter().map(|span| width(&span.content)).sum();
    let blanks = columns.saturating_sub(used + right_width);
    line.spans.push(Span::raw(" ".repeat(blanks)));
    line.spans.extend(right);
    cut_line(line, columns)
}

fn take<'a>(pieces: impl Iterator<Item = &'a str>, columns: usize) -> String {
    let mut used = 0;
    pieces
        .take_while(|piece| {
            used += piece.width();
            used <= columns
        })
        .collect()
}

/// The text's grapheme clusters, control characters left out, as the terminal buffer will hold them.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let whole = Span::raw(text);
    let lengths: Vec<(usize, usize)> = whole
        .styled_graphemes(Style::default())
        .map(|piece| (piece.symbol.as_ptr().addr() - whole.content.as_ptr().addr(), piece.symbol.len()))
        .collect();
    lengths.into_iter().map(|(start, length)| &text[start..start + length]).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, cut_line, cut_middle, cut_start, pad, pad_start, spread, visible, width, wrap};
    use proptest::prelude::{any, prop_assert, proptest};
    use ratatui::text::{Line, Span};

    #[test]
    fn columns_are_counted_as_the_terminal_counts_them() {
        assert_eq!(["abc", "日本", "e\u{301}", "👩‍👩‍👧", "\u{7}a"].map(width), [3, 4, 1, 2, 1]);
        assert_eq!(cut("日本語テーブル", 6), "日本…");
        assert_eq!(cut("日本語テーブル", 7), "日本語…");
        assert_eq!((cut("abc", 3), cut("abcd", 3), cut("abcd", 0)), ("abc".into(), "ab…".into(), String::new()));
        assert_eq!(cut_start("/var/lib/grafana/grafana.db", 12), "…/grafana.db");
        assert_eq!(cut_middle("base_table_096", 12), "base_t…e_096");
        assert_eq!((pad("日本", 5), pad_start("7", 3)), ("日本 ".into(), "  7".into()));
    }

    #[test]
    fn nothing_in_a_value_steers_the_terminal() {
        assert_eq!(visible("a\u{1b}[2J\nb\0"), "a\\u{1b}[2J\\nb\\u{0}");
    }

    #[test]
    fn wrapping_keeps_words_indent_and_line_ends() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("  - a list that goes on", 12), ["  - a list", "  that goes", "  on"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a\n\nb", 4), ["a", "", "b"]);
    }

    #[test]
    fn a_line_with_two_ends_gives_way_at_the_left() {
        let line = spread(vec![Span::raw("long name")], vec![Span::raw("9.8 s")], 12);
        assert_eq!(line.to_string(), "long … 9.8 s");
        assert_eq!(cut_line(Line::from(vec![Span::raw("ab"), Span::raw("cd")]), 3).to_string(), "ab…");
    }

    proptest! {
        #[test]
        fn no_text_is_ever_wider_than_allowed(text in any::<String>(), columns in 0usize..40) {
            prop_assert!(width(&cut(&text, columns)) <= columns);
            prop_assert!(width(&cut_start(&text, columns)) <= columns);
            prop_assert!(width(&cut_middle(&text, columns)) <= columns);
            prop_assert!(width(&pad(&text, columns)) == columns);
            let two = columns.max(2);
            prop_assert!(wrap(&text, two).iter().all(|line| width(line) <= two), "{:?}", wrap(&text, two));
        }
    }
}
