//! `json` and `jsonb`: the text as it is, checked as PostgreSQL checks it, in one pass without recursion.
//!
//! `json` keeps its bytes, so `\u0000` and lone surrogates pass; `jsonb` keeps the parsed value, which cannot hold them, nor numbers
//! beyond `numeric`.

use super::reason::misfit;
use super::text::put_printed;
use super::{Encoded, Misfit, numeric};
use crate::digest::plain;
use rusqlite::types::ValueRef;

/// Containers within containers. PostgreSQL's parser recurses and gives up by `max_stack_depth`; at its default of 2 MB that is
/// beyond 6,000 levels.
const DEEPEST: usize = 6000;
/// `JENTRY_OFFLENMASK`: bytes of one string of a `jsonb`.
const LONGEST_STRING: usize = 0x0FFF_FFFF;

pub(super) fn encode(binary: bool, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    if binary {
        out.push(1);
    }
    let start = out.len();
    put_printed(value, out)?;
    match Scanner::new(&out[start..], binary).run() {
        Ok(()) => Ok(Encoded::Value),
        Err(Fault { at, what }) => misfit(format!("not JSON that PostgreSQL holds: {what} at byte {at}")),
    }
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub what: &'static str,
}

/// Walks over a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    pub(super) at: usize,
    binary: bool,
    depth: usize,
    /// A bit per open container: whether it is an object.
    objects: [u64; DEEPEST.div_ceil(64)],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8], binary: bool) -> Self {
        Self { text, at: 0, binary, depth: 0, objects: [0; DEEPEST.div_ceil(64)] }
    }

    fn run(&mut self) -> Result<(), Fault> {
        self.value()?;
        self.blanks();
        if self.at == self.text.len() { Ok(()) } else { self.fault("more after the value") }
    }

    /// Steps over one value, with the blanks before it.
    pub(super) fn value(&mut self) -> Result<(), Fault> {
        let floor = self.depth;
        loop {
            self.blanks();
            if self.begin()? {
                continue;
            }
            loop {
                if self.depth == floor {
                    return Ok(());
                }
                self.blanks();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if self.in_object() {
                            self.blanks();
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if self.in_object() => self.close(),
                    Some(b']') if !self.in_object() => self.close(),
                    _ => return self.fault("neither a comma nor an end"),
                }
            }
        }
    }

    /// A scalar or an empty container whole, or the opening of a container with something in it (true).
    fn begin(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            Some(b'{') => {
                self.open(true)?;
                if self.peek() == Some(b'}') {
                    self.close();
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            Some(b'[') => {
                self.open(false)?;
                if self.peek() == Some(b']') {
                    self.close();
                    return Ok(false);
                }
                Ok(true)
            }
            Some(b'"') => self.string().map(|()| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| false),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(_) => self.fault("no value"),
            None => self.fault("the text ends"),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// What has been stepped over from `start` on.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.text[start..self.at]
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, what })
    }

    fn in_object(&self) -> bool {
        self.objects[(self.depth - 1) / 64] >> ((self.depth - 1) % 64) & 1 == 1
    }

    fn open(&mut self, object: bool) -> Result<(), Fault> {
        if self.depth == DEEPEST {
            return self.fault("more than 6000 levels");
        }
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.objects[word] = self.objects[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        self.at += 1;
        self.blanks();
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return self.fault("no name of a member");
        }
        self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return self.fault("no colon");
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<bool, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return self.fault("no value");
        }
        self.at += word.len();
        Ok(false)
    }

    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = plain(rest) else {
                self.at = self.text.len();
                return self.fault("a string without end");
            };
            self.at += plain;
            match rest[plain] {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return self.fault("a control character in a string"),
            }
        }
        self.at += 1;
        if self.binary && self.at - start > LONGEST_STRING {
            return self.fault("a string longer than 256 MB");
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => self.unicode()?,
            _ => return self.fault("an escape that JSON does not have"),
        }
        Ok(())
    }

    fn unicode(&mut self) -> Result<(), Fault> {
        let Some(code) = hex4(self.text, self.at) else { return self.fault("\\u without four hex digits") };
        if self.binary {
            match code {
                0 => return self.fault("\\u0000"),
                0xDC00..0xE000 => return self.fault("half a surrogate pair"),
                0xD800..0xDC00 => match hex4(self.text, self.at + 6) {
                    Some(0xDC00..0xE000) => self.at += 6,
                    _ => return self.fault("half a surrogate pair"),
                },
                _ => {}
            }
        }
        self.at += 6;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if self.binary && !numeric::holds(&self.text[start..self.at]) {
            return self.fault("a number beyond numeric");
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { self.fault("a number without digits") } else { Ok(()) }
    }
}

/// The code of `\uXXXX` at this place.
pub(super) fn hex4(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0u16, |code, digit| Some(code << 4 | u16::from(super::uuid::hex(*digit)?)))
}
