//! What the readers of numbers share.

use std::fmt::Write as _;

/// Whether C's `isspace` says so in the C locale: what PostgreSQL's inputs skip.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Without the blanks at both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(*byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// A finite real as its shortest decimal that reads back as the same real: DIGITS × 10^`exponent`, without zeros at either end
/// (zero is one digit).
pub(super) struct Shortest {
    pub negative: bool,
    digits: [u8; 20],
    length: usize,
    /// The power of ten of the *first* digit: 1234.5 has 3.
    pub exponent: i32,
}

impl Shortest {
    pub(super) fn of(number: f64) -> Self {
        let mut text = Line { bytes: [0; 40], length: 0 };
        let _ = write!(text, "{:e}", number.abs());
        let (mantissa, exponent) = text.split_exponent();
        let mut shortest = Self { negative: number.is_sign_negative(), digits: [0; 20], length: 0, exponent };
        for digit in mantissa.iter().filter(|byte| **byte != b'.') {
            shortest.digits[shortest.length] = *digit;
            shortest.length += 1;
        }
        shortest
    }

    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

/// A line on the stack.
struct Line {
    bytes: [u8; 40],
    length: usize,
}

impl Line {
    fn split_exponent(&self) -> (&[u8], i32) {
        let text = &self.bytes[..self.length];
        let at = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
        let power = text.get(at + 1..).unwrap_or_default();
        let (negative, power) = power.strip_prefix(b"-").map_or((false, power), |power| (true, power));
        let size = power.iter().fold(0i32, |size, digit| size * 10 + i32::from(digit - b'0'));
        (&text[..at], if negative { -size } else { size })
    }
}

impl std::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// Appends a decimal integer.
pub(super) fn put_integer(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a real as SQLite prints it (`%!.17g` since 3.54): always with a point, an exponent below 1e-4 and from 1e17 on. The digits
/// are the shortest that read back as the same real, where SQLite's own versions differ in the 16th and 17th digit.
pub(super) fn put_real(number: f64, out: &mut Vec<u8>) {
    if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"Inf" } else { b"-Inf" });
        return;
    }
    let shortest = Shortest::of(number);
    let (digits, exponent) = (shortest.digits(), shortest.exponent);
    if shortest.negative && number != 0.0 {
        out.push(b'-');
    }
    if (-4..=16).contains(&exponent) {
        put_plain(digits, exponent, out);
    } else {
        put_plain(digits, 0, out);
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        put_integer(i64::from(exponent.abs()), out);
    }
}

fn put_plain(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
        out.extend_from_slice(digits);
        return;
    }
    let whole = exponent as usize + 1;
    out.extend_from_slice(&digits[..whole.min(digits.len())]);
    out.extend(std::iter::repeat_n(b'0', whole.saturating_sub(digits.len())));
    out.push(b'.');
    match digits.get(whole..) {
        Some(fraction @ [_, ..]) => out.extend_from_slice(fraction),
        _ => out.push(b'0'),
    }
}
