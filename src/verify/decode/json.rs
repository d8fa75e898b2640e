//! JSON: an own reader, without recursion, so that depth costs heap and not stack.

use super::Misfit;
use super::number::Numeric;
use rusqlite::types::ValueRef;
use std::borrow::Cow;
use std::ops::Range;

/// `json`: the bytes as they are; that they are JSON the server has checked.
pub(super) fn kept(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    out.extend_from_slice(super::text_of(value)?.as_bytes());
    Ok(())
}

/// `jsonb`: the parsed value in its canonical form (`digest::canonical` has the layout).
pub(super) fn parsed(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = super::text_of(value)?;
    let mut writer = Writer { out, open: Vec::new() };
    let mut reader = Reader::new(&text);
    while let Some(event) = reader.next()? {
        writer.take(event)?;
    }
    Ok(())
}

/// The texts of the elements of a JSON array, each as it is written.
pub(super) fn elements(text: &str) -> Result<Vec<&str>, Misfit> {
    let mut reader = Reader::new(text);
    let mut found = Vec::new();
    let mut begun = 0;
    let no_array = || Misfit::new("it is no JSON array");
    if !matches!(reader.next()?, Some(Event::OpenArray)) {
        return Err(no_array());
    }
    loop {
        let depth = reader.open.len();
        if depth == 1 {
            reader.skip_to_element();
            begun = reader.at;
        }
        if reader.next()?.is_none() {
            return Ok(found);
        }
        if reader.open.len() == 1 {
            found.push(&text[begun..reader.at]);
        }
    }
}

/// The content of a JSON string that is written in quotes.
pub(super) fn unquoted(text: &str) -> Result<String, Misfit> {
    match Reader::new(text).next()? {
        Some(Event::Text(text)) => Ok(text.into_owned()),
        _ => Err(Misfit::new("it is no JSON string")),
    }
}

/// What a JSON text is made of, in order.
enum Event<'a> {
    OpenArray,
    CloseArray,
    OpenObject,
    CloseObject,
    Name(Cow<'a, str>),
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
}

/// Turns events into canonical bytes; objects are put in order when they close.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    open: Vec<Vec<Member>>,
}

/// A member of an open object, as it lies in the output: its name without the length, and all of it.
struct Member {
    name: Range<usize>,
    start: usize,
}

impl Writer<'_> {
    fn take(&mut self, event: Event<'_>) -> Result<(), Misfit> {
        match event {
            Event::Null => self.out.push(b'n'),
            Event::Bool(true) => self.out.push(b't'),
            Event::Bool(false) => self.out.push(b'f'),
            Event::OpenArray => self.out.push(b'a'),
            Event::CloseArray => self.out.push(b']'),
            Event::Text(text) => {
                self.out.push(b's');
                self.text(&text);
            }
            Event::Number(text) => {
                self.out.push(b'd');
                Numeric::parse(text)?.put(self.out)?;
                self.out.push(0);
            }
            Event::OpenObject => {
                self.out.push(b'o');
                self.open.push(Vec::new());
            }
            Event::Name(name) => {
                let start = self.out.len();
                self.text(&name);
                let name = start + 4..self.out.len();
                if let Some(members) = self.open.last_mut() {
                    members.push(Member { name, start });
                }
            }
            Event::CloseObject => {
                let members = self.open.pop().unwrap_or_default();
                self.order(&members);
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Shorter names first, then by bytes; of equal names the last one stays.
    fn order(&mut self, members: &[Member]) {
        let Some(first) = members.first() else { return };
        let end = self.out.len();
        let written = self.out[first.start..].to_vec();
        let slice = |range: Range<usize>| &written[range.start - first.start..range.end - first.start];
        let ends = members.iter().skip(1).map(|next| next.start).chain([end]);
        let mut parts: Vec<(&[u8], &[u8])> = members
            .iter()
            .zip(ends)
            .map(|(member, end)| (slice(member.name.clone()), slice(member.start..end)))
            .collect();
        parts.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        self.out.truncate(first.start);
        for (place, (name, part)) in parts.iter().enumerate() {
            if parts.get(place + 1).is_none_or(|(next, _)| next != name) {
                self.out.extend_from_slice(part);
            }
        }
    }
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// A value.
    Value,
    /// A value, or the end of an array that has just begun.
    FirstElement,
    /// A name.
    Name,
    /// A name, or the end of an object that has just begun.
    FirstName,
    /// A comma or the end of the container; the end of the text outside of any.
    Rest,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The open containers: whether each is an object.
    open: Vec<bool>,
    expects: Expects,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), expects: Expects::Value }
    }

    /// The next event; none at the end of a whole text.
    fn next(&mut self) -> Result<Option<Event<'a>>, Misfit> {
        loop {
            self.blank();
            match (self.expects, self.peek()) {
                (Expects::Rest, None) if self.open.is_empty() => return Ok(None),
                (Expects::Rest, Some(b',')) if !self.open.is_empty() => {
                    self.at += 1;
                    self.expects = if self.open.last() == Some(&true) { Expects::Name } else { Expects::Value };
                }
                (Expects::Rest | Expects::FirstElement, Some(b']')) if self.open.last() == Some(&false) => {
                    return Ok(Some(self.close(Event::CloseArray)));
                }
                (Expects::Rest | Expects::FirstName, Some(b'}')) if self.open.last() == Some(&true) => {
                    return Ok(Some(self.close(Event::CloseObject)));
                }
                (Expects::Name | Expects::FirstName, Some(b'"')) => return self.name().map(Some),
                (Expects::Value | Expects::FirstElement, Some(mark)) => return self.value(mark).map(Some),
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Steps over the comma and the blanks before the next element, so that `at` is where it begins.
    fn skip_to_element(&mut self) {
        self.blank();
        if self.expects == Expects::Rest && self.peek() == Some(b',') {
            self.at += 1;
            self.expects = Expects::Value;
            self.blank();
        }
    }

    fn close(&mut self, event: Event<'a>) -> Event<'a> {
        self.at += 1;
        self.open.pop();
        self.expects = Expects::Rest;
        event
    }

    fn name(&mut self) -> Result<Event<'a>, Misfit> {
        let name = self.string()?;
        self.blank();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.expects = Expects::Value;
        Ok(Event::Name(name))
    }

    fn value(&mut self, mark: u8) -> Result<Event<'a>, Misfit> {
        if let b'[' | b'{' = mark {
            self.at += 1;
            self.open.push(mark == b'{');
            self.expects = if mark == b'{' { Expects::FirstName } else { Expects::FirstElement };
            return Ok(if mark == b'{' { Event::OpenObject } else { Event::OpenArray });
        }
        self.expects = Expects::Rest;
        match mark {
            b'"' => self.string().map(Event::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Event<'a>, Misfit> {
        let rest = &self.text[self.at..];
        for (word, event) in [("null", Event::Null), ("true", Event::Bool(true)), ("false", Event::Bool(false))] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(event);
            }
        }
        Err(self.unexpected())
    }

    fn number(&mut self) -> Result<Event<'a>, Misfit> {
        let rest = &self.text[self.at..];
        let part_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let written = &rest[..rest.bytes().take_while(part_of_number).count()];
        if !is_number(written) {
            return Err(self.unexpected());
        }
        self.at += written.len();
        Ok(Event::Number(written))
    }

    /// Borrowed where it is written as it is meant.
    fn string(&mut self) -> Result<Cow<'a, str>, Misfit> {
        self.at += 1;
        let mut read = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let plain = plain.ok_or_else(|| Misfit::new("it is no JSON: a string does not end"))?;
            let written = &self.text[self.at..self.at + plain];
            self.at += plain + 1;
            match rest[plain] {
                b'"' if read.is_empty() => return Ok(Cow::Borrowed(written)),
                b'"' => return Ok(Cow::Owned(read + written)),
                b'\\' => {
                    read.push_str(written);
                    read.push(self.escape()?);
                }
                _ => return Err(Misfit::new("it is no JSON: a string holds a control character unescaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Misfit> {
        let mark = self.peek();
        self.at += 1;
        Ok(match mark {
            Some(mark @ (b'"' | b'\\' | b'/')) => char::from(mark),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(Misfit::new("it is no JSON: a string holds an unknown escape")),
        })
    }

    fn unicode(&mut self) -> Result<char, Misfit> {
        let mut code = self.hex4()?;
        if (0xD800..0xDC00).contains(&code) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex4()?;
            if (0xDC00..0xE000).contains(&low) {
                code = 0x1_0000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
            }
        }
        match char::from_u32(code) {
            Some('\0') => Err(Misfit::new("\\u0000 cannot be converted to text")),
            Some(meant) => Ok(meant),
            None => Err(Misfit::new(format!("\\u{code:04x} is half of a surrogate pair"))),
        }
    }

    fn hex4(&mut self) -> Result<u32, Misfit> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        self.at += 4;
        code.ok_or_else(|| Misfit::new("it is no JSON: \\u needs four hexadecimal digits"))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> Misfit {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        Misfit::new(match found {
            Some(found) => format!("it is no JSON: `{}` at byte {}", found.escape_debug(), self.at),
            None => "it is no JSON: it ends too early".to_owned(),
        })
    }
}

/// JSON's own number grammar: `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && digits(fraction) && digits(exponent)
}
