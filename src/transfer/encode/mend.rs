//! The nearest text that a column holds, for policy `replace`. The copy path comes here only with a cell that does not fit.

use super::json::hex4;
use super::text::offset_of;

/// What kind of text the column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Any length.
    Free,
    /// At most so many characters.
    Characters(usize),
    /// At most so many bytes.
    Bytes(usize),
    /// JSON whose escapes have to be text, too.
    Json,
}

/// Without NUL, with U+FFFD where the bytes are no UTF-8, and cut to length.
pub(super) fn mend(shape: Shape, bytes: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(bytes).replace('\0', "").into_bytes();
    match shape {
        Shape::Free => {}
        Shape::Characters(most) => text.truncate(offset_of(&text, most).unwrap_or(text.len())),
        Shape::Bytes(most) => {
            let mut end = most.min(text.len());
            while end > 0 && text.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
                end -= 1;
            }
            text.truncate(end);
        }
        Shape::Json => text = mend_escapes(&text),
    }
    text
}

/// Takes `\u0000` out and puts `\ufffd` for halves of surrogate pairs.
fn mend_escapes(text: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (piece, length): (&[u8], usize) = match (text[at], hex4(text, at)) {
            (b'\\', Some(0)) => (b"", 6),
            (b'\\', Some(0xD800..0xDC00)) if matches!(hex4(text, at + 6), Some(0xDC00..0xE000)) => {
                (&text[at..at + 12], 12)
            }
            (b'\\', Some(0xD800..0xE000)) => (b"\\ufffd", 6),
            (b'\\', None) => (&text[at..text.len().min(at + 2)], 2),
            _ => (&text[at..=at], 1),
        };
        mended.extend_from_slice(piece);
        at += length;
    }
    mended
}
