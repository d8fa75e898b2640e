//! The canonical form of a `jsonb`: a value that is compared as parsed, made in one pass over its text and without recursion.
//!
//! Each value is a tag and a body that says where it ends: `n`, `t`, `f`; `s` length UTF-8; `d` numeric 0; `a` values `]`;
//! `o` (length key value)… `}`. jsonb sends its keys sorted, so what comes from the server needs no sorting here.

use super::canonical::{BadWire, Sign, close_numeric};

/// A member of an object, as it lies in the output.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key: usize,
    end: usize,
}

struct Frame {
    members: usize,
    object: bool,
}

struct Reader<'a, 'o> {
    text: &'a [u8],
    at: usize,
    out: &'o mut Vec<u8>,
    frames: Vec<Frame>,
    members: Vec<Member>,
}

/// Appends the canonical form of a JSON text.
pub(super) fn canonical(text: &[u8], out: &mut Vec<u8>) -> Result<(), BadWire> {
    let bad = BadWire { kind: "jsonb", length: text.len() };
    let mut reader = Reader { text, at: 0, out, frames: Vec::new(), members: Vec::new() };
    reader.document().ok_or(bad)
}

/// How many bytes of a JSON string come before its next quote, backslash or control character; none where none of these follows.
/// Eight bytes at a time: in the word of each test the lowest byte that is set is exact
/// (<https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>).
#[must_use]
pub fn plain(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let (words, rest) = text.as_chunks::<8>();
    for (index, bytes) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        let is = |byte: u8| {
            let gone = word ^ (ONES * u64::from(byte));
            gone.wrapping_sub(ONES) & !gone
        };
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (is(b'"') | is(b'\\') | control) & HIGHS;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let tail = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    Some(words.len() * 8 + tail)
}

impl Reader<'_, '_> {
    fn document(&mut self) -> Option<()> {
        loop {
            self.begin_value()?;
            loop {
                self.blanks();
                let Some(frame) = self.frames.last() else {
                    return (self.at == self.text.len()).then_some(());
                };
                let object = frame.object;
                self.end_member();
                match self.next()? {
                    b',' if object => {
                        self.blanks();
                        self.key()?;
                        break;
                    }
                    b',' => break,
                    b'}' if object => self.close_object(),
                    b']' if !object => self.close_array(),
                    _ => return None,
                }
            }
        }
    }

    /// Reads a scalar whole, or opens containers until a scalar or an empty container has been read.
    fn begin_value(&mut self) -> Option<()> {
        loop {
            self.blanks();
            match *self.text.get(self.at)? {
                b'{' => {
                    self.open(b'o', true);
                    if self.closes(b'}') {
                        self.close_object();
                        return Some(());
                    }
                    self.key()?;
                }
                b'[' => {
                    self.open(b'a', false);
                    if self.closes(b']') {
                        self.close_array();
                        return Some(());
                    }
                }
                b'"' => {
                    self.out.push(b's');
                    return self.string();
                }
                b't' => return self.word(b"true", b't'),
                b'f' => return self.word(b"false", b'f'),
                b'n' => return self.word(b"null", b'n'),
                _ => return self.number(),
            }
        }
    }

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn word(&mut self, word: &[u8], tag: u8) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            self.out.push(tag);
        })
    }

    fn open(&mut self, tag: u8, object: bool) {
        self.at += 1;
        self.out.push(tag);
        self.frames.push(Frame { members: self.members.len(), object });
    }

    fn closes(&mut self, bracket: u8) -> bool {
        self.blanks();
        let closes = self.text.get(self.at) == Some(&bracket);
        self.at += usize::from(closes);
        closes
    }

    fn close_array(&mut self) {
        self.frames.pop();
        self.out.push(b']');
    }

    fn key(&mut self) -> Option<()> {
        let start = self.out.len();
        (self.text.get(self.at) == Some(&b'"')).then_some(())?;
        self.string()?;
        self.members.push(Member { start, key: self.out.len() - start - 4, end: start });
        self.blanks();
        (self.next()? == b':').then_some(())
    }

    fn end_member(&mut self) {
        if let (Some(Frame { object: true, .. }), Some(member)) = (self.frames.last(), self.members.last_mut()) {
            member.end = self.out.len();
        }
    }

    fn close_object(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.sort_members(frame.members);
            self.members.truncate(frame.members);
        }
        self.out.push(b'}');
    }

    fn sort_members(&mut self, first: usize) {
        let out = &*self.out;
        let key = |member: &Member| (member.key, &out[member.start + 4..member.start + 4 + member.key]);
        let members = &mut self.members[first..];
        if members.is_sorted_by(|a, b| key(a) < key(b)) {
            return;
        }
        let begin = members[0].start;
        members.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut sorted = Vec::with_capacity(out.len() - begin);
        for (index, member) in members.iter().enumerate() {
            if members.get(index + 1).is_none_or(|next| key(next) != key(member)) {
                sorted.extend_from_slice(&out[member.start..member.end]);
            }
        }
        self.out.truncate(begin);
        self.out.extend_from_slice(&sorted);
    }

    /// A string at its opening quote: length and UTF-8.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        self.out.extend_from_slice(&[0; 4]);
        let start = self.out.len();
        loop {
            let rest = &self.text[self.at..];
            let plain = plain(rest)?;
            self.out.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            match rest[plain] {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        let length = u32::try_from(self.out.len() - start).ok()?;
        self.out[start - 4..start].copy_from_slice(&length.to_be_bytes());
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let plain = match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(),
            _ => return None,
        };
        self.out.push(plain);
        Some(())
    }

    fn unicode(&mut self) -> Option<()> {
        let mut code = self.hex4()?;
        if (0xD800..0xDC00).contains(&code) {
            (self.next()? == b'\\' && self.next()? == b'u').then_some(())?;
            let low = self.hex4()?;
            (0xDC00..0xE000).contains(&low).then_some(())?;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        let character = char::from_u32(code).filter(|character| *character != '\0')?;
        self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(code)
    }

    fn number(&mut self) -> Option<()> {
        let negative = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        self.out.push(b'd');
        let start = self.out.len();
        self.out.push(if negative { Sign::Negative } else { Sign::Positive } as u8);
        self.out.extend_from_slice(&[0; 4]);
        let whole = self.digits(start)?;
        let zero_led = self.text[self.at - whole.0] == b'0';
        if zero_led && whole.0 > 1 {
            return None;
        }
        let mut exponent = whole.1;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            let before = self.out.len() - start - 5;
            let (read, kept) = self.digits(start)?;
            if before == 0 {
                exponent = kept - read as i64;
            }
        }
        exponent += self.exponent()?;
        let exponent = if self.out.len() == start + 5 { 0 } else { i32::try_from(exponent).ok()? };
        close_numeric(start, exponent, self.out);
        self.out.push(0);
        Some(())
    }

    /// Digits at the cursor, at least one; leading zeros of the number are read but not kept. How many were read and kept.
    fn digits(&mut self, start: usize) -> Option<(usize, i64)> {
        let rest = &self.text[self.at..];
        let read = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let skip =
            if self.out.len() == start + 5 { rest[..read].iter().take_while(|byte| **byte == b'0').count() } else { 0 };
        self.out.extend_from_slice(&rest[skip..read]);
        self.at += read;
        (read > 0).then_some((read, (read - skip) as i64))
    }

    fn exponent(&mut self) -> Option<i64> {
        if !matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            return Some(0);
        }
        self.at += 1;
        let negative = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(matches!(self.text.get(self.at), Some(b'-' | b'+')));
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = self.text[self.at..self.at + digits]
            .iter()
            .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 40));
        self.at += digits;
        (digits > 0).then_some(if negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::plain;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_bytes_are_counted_as_one_by_one(text in proptest::collection::vec(prop_oneof![
            4 => any::<u8>(), 8 => 0x20_u8..0x7f, 1 => Just(b'"'), 1 => Just(b'\\'), 1 => 0x1e_u8..0x22], 0..40)) {
            let expected = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain(&text), expected);
        }
    }
}
