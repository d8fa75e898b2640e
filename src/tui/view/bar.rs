//! Bars of block characters, in eighths of a column.

use super::Theme;
use ratatui::text::Span;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// How far something is, in `columns`. Full only when nothing is left.
pub(super) fn progress(done: u64, total: u64, columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let eighths = if total == 0 {
        columns * 8
    } else {
        let all = columns as u128 * 8;
        usize::try_from(u128::from(done.min(total)) * all / u128::from(total)).unwrap_or(0)
    };
    let mut filled = "█".repeat(eighths / 8);
    filled.push_str(EIGHTHS[eighths % 8]);
    let rest = columns - eighths.div_ceil(8);
    vec![Span::styled(filled, theme.busy), Span::styled("░".repeat(rest), theme.faint)]
}

/// One bar of a histogram: at least a sliver where there is anything at all.
pub(super) fn histogram(count: u64, most: u64, columns: usize) -> String {
    if count == 0 || most == 0 {
        return " ".repeat(columns);
    }
    let eighths = usize::try_from(u128::from(count) * (columns as u128 * 8) / u128::from(most)).unwrap_or(0).max(1);
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    bar.extend(std::iter::repeat_n(' ', columns - eighths.div_ceil(8)));
    bar
}

#[cfg(test)]
mod tests {
    use super::{histogram, progress};
    use crate::tui::text::width;
    use crate::tui::theme::{Palette, Theme};

    #[test]
    fn bars_keep_their_width_and_are_full_only_at_the_end() {
        let theme = Theme::new(Palette::Plain, false);
        for (done, total) in
            [(0, 0), (0, 7), (3, 7), (7, 7), (9, 7), (u64::MAX - 1, u64::MAX), (999_999_999, 1_000_000_000)]
        {
            let bar: String =
                progress(done, total, 9, &theme).into_iter().map(|span| span.content.into_owned()).collect();
            assert_eq!(width(&bar), 9, "{bar}");
            assert_eq!(bar == "█".repeat(9), total == 0 || done >= total, "{done} of {total}: {bar}");
        }
        assert_eq!(
            (histogram(0, 9, 4), histogram(1, 900, 4), histogram(9, 9, 4)),
            ("    ".into(), "▏   ".into(), "████".into())
        );
    }
}
