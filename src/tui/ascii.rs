//! The finished frame in ASCII, for terminals that draw nothing else. Done on cells, so that views need not know.

use ratatui::buffer::Buffer;

/// What stands for a sign that is not ASCII. Anything else that is not ASCII becomes `?`.
const SIGNS: &[(char, char)] = &[
    ('─', '-'),
    ('│', '|'),
    ('╭', '+'),
    ('╮', '+'),
    ('╰', '+'),
    ('╯', '+'),
    ('├', '+'),
    ('┤', '+'),
    ('━', '='),
    ('┄', '-'),
    ('✓', 'v'),
    ('✗', 'x'),
    ('●', '*'),
    ('○', 'o'),
    ('◐', '*'),
    ('▲', '!'),
    ('►', '>'),
    ('▸', '>'),
    ('◇', 'o'),
    ('◆', '*'),
    ('‖', '='),
    ('↶', '<'),
    ('↺', '<'),
    ('–', '-'),
    ('·', '.'),
    ('…', '~'),
    ('≠', '#'),
    ('≥', '>'),
    ('µ', 'u'),
    ('∅', '0'),
    ('█', '#'),
    ('▓', '#'),
    ('▒', '%'),
    ('░', '.'),
    ('▉', '#'),
    ('▊', '#'),
    ('▋', '#'),
    ('▌', '#'),
    ('▍', ' '),
    ('▎', ' '),
    ('▏', ' '),
    ('▁', '_'),
    ('▂', '_'),
    ('▃', '-'),
    ('▄', '-'),
    ('▅', '='),
    ('▆', '='),
    ('▇', '#'),
    ('←', '<'),
    ('→', '>'),
    ('↑', '^'),
    ('↓', 'v'),
    ('×', 'x'),
];

/// Replaces every sign that is not ASCII, cell by cell; widths stay.
pub(super) fn fold(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() {
            continue;
        }
        let mut chars = symbol.chars();
        let first = chars.next().unwrap_or(' ');
        let folded = SIGNS.iter().find(|(sign, _)| *sign == first).map_or('?', |(_, ascii)| *ascii);
        cell.set_char(folded);
    }
}

#[cfg(test)]
mod tests {
    use super::fold;
    use ratatui::buffer::Buffer;

    #[test]
    fn a_folded_frame_has_only_ascii_and_its_shape() {
        let mut buffer = Buffer::with_lines(["╭─ ✓ 日本 e\u{301}│", "▲ …"]);
        fold(&mut buffer);
        let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
        assert!(text.is_ascii(), "{text}");
        assert!(text.starts_with("+- v ? ?  ?|") || text.starts_with("+- v ? ? ?|"), "{text}");
    }
}
