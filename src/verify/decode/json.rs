//! A JSON text as its parsed value: an own reader, without recursion, so that depth costs heap and not stack.

use super::number::Numeric;
use std::collections::BTreeMap;

/// A parsed JSON value in which what `jsonb` holds equal is equal: the last of equal members counts, order does not, numbers are
/// compared as numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Any number.
    Number(Numeric),
    /// A string with its escapes resolved.
    Text(String),
    /// Elements in order.
    Array(Vec<Json>),
    /// Members by name.
    Object(BTreeMap<String, Json>),
}

/// How deep values may be nested; PostgreSQL's own limit (its stack) lies below.
const DEEPEST: usize = 6_000;

/// A container whose end is not reached yet.
enum Open {
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>, String),
}

/// What `jsonb` takes, and `json` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// `json` keeps escapes as they are written: `\u0000` and lone surrogates pass.
    Written,
    /// `jsonb` resolves them, and PostgreSQL's text has neither.
    Parsed,
}

/// Reads a whole JSON text.
///
/// # Errors
/// Where and why it is none.
pub fn parse(text: &str, strictness: Strictness) -> Result<Json, String> {
    let mut reader = Reader { text, at: 0, strictness };
    let value = reader.value()?;
    reader.blank();
    if reader.at < text.len() { Err(reader.unexpected()) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    strictness: Strictness,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Json, String> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.begin(&mut open)? {
                Some(value) => value,
                None => continue,
            };
            // A finished value goes into its container, which may be finished by it in turn.
            loop {
                match open.pop() {
                    None => return Ok(value),
                    Some(container) => match self.put(container, value)? {
                        (container, false) => {
                            open.push(container);
                            break;
                        }
                        (container, true) => value = container.close(),
                    },
                }
            }
        }
    }

    /// Reads a scalar or an empty container, or opens one that is not empty.
    fn begin(&mut self, open: &mut Vec<Open>) -> Result<Option<Json>, String> {
        self.blank();
        if open.len() >= DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                if self.takes(b'}') {
                    return Ok(Some(Json::Object(BTreeMap::new())));
                }
                let name = self.name()?;
                open.push(Open::Object(BTreeMap::new(), name));
                Ok(None)
            }
            Some(b'[') => {
                self.at += 1;
                if self.takes(b']') {
                    return Ok(Some(Json::Array(Vec::new())));
                }
                open.push(Open::Array(Vec::new()));
                Ok(None)
            }
            _ => self.scalar().map(Some),
        }
    }

    /// Puts a value into its container and says whether the container ends after it.
    fn put(&mut self, container: Open, value: Json) -> Result<(Open, bool), String> {
        match container {
            Open::Array(mut elements) => {
                elements.push(value);
                let ends = self.ends(b']')?;
                Ok((Open::Array(elements), ends))
            }
            Open::Object(mut members, name) => {
                members.insert(name, value);
                let ends = self.ends(b'}')?;
                let next = if ends { String::new() } else { self.name()? };
                Ok((Open::Object(members, next), ends))
            }
        }
    }

    fn ends(&mut self, mark: u8) -> Result<bool, String> {
        if self.takes(b',') {
            return Ok(false);
        }
        if self.takes(mark) { Ok(true) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String, String> {
        self.blank();
        let name = self.string()?;
        if self.takes(b':') { Ok(name) } else { Err(self.unexpected()) }
    }

    fn scalar(&mut self) -> Result<Json, String> {
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json, String> {
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.unexpected())
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).count();
        let written = &rest[..length];
        if !is_json_number(written) {
            return Err(self.unexpected());
        }
        self.at += length;
        match self.strictness {
            Strictness::Written => Ok(Json::Null),
            Strictness::Parsed => Numeric::parse(written).map(Json::Number),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        self.at += 1;
        let mut read = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').ok_or("a string does not end")?;
            read.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Ok(read),
                b'\\' => self.escape(&mut read)?,
                control => return Err(format!("a string holds the control character 0x{control:02x} unescaped")),
            }
        }
    }

    fn escape(&mut self, read: &mut String) -> Result<(), String> {
        let mark = self.peek().ok_or("a string does not end")?;
        self.at += 1;
        let meant = match mark {
            b'"' | b'\\' | b'/' => char::from(mark),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(read),
            _ => return Err("a string holds an escape that JSON does not have".to_owned()),
        };
        read.push(meant);
        Ok(())
    }

    fn unicode(&mut self, read: &mut String) -> Result<(), String> {
        let first = self.hex4()?;
        if self.strictness == Strictness::Written {
            return Ok(());
        }
        let code = match first {
            0 => return Err("\\u0000 cannot be converted to text".to_owned()),
            0xD800..=0xDBFF => {
                let low = self.text[self.at..].starts_with("\\u").then(|| {
                    self.at += 2;
                    self.hex4()
                });
                match low {
                    Some(Ok(low @ 0xDC00..=0xDFFF)) => 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00),
                    _ => return Err(lone(first)),
                }
            }
            _ => first,
        };
        read.push(char::from_u32(code).ok_or_else(|| lone(code))?);
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        self.at += 4;
        code.ok_or_else(|| "\\u is not followed by four hexadecimal digits".to_owned())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, mark: u8) -> bool {
        self.blank();
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => format!("it is no JSON: `{}` at byte {}", found.escape_debug(), self.at),
            None => "it is no JSON: it ends too early".to_owned(),
        }
    }
}

impl Open {
    fn close(self) -> Json {
        match self {
            Self::Array(elements) => Json::Array(elements),
            Self::Object(members, _) => Json::Object(members),
        }
    }
}

impl Json {
    /// The elements or members, taken out: what is nested deep is dropped without recursion.
    fn take_children(&mut self) -> Vec<Self> {
        match self {
            Self::Array(elements) => std::mem::take(elements),
            Self::Object(members) => std::mem::take(members).into_values().collect(),
            _ => Vec::new(),
        }
    }
}

/// Drops a value level by level; the derived drop would recurse as deep as the text is nested.
pub fn discard(value: Json) {
    let mut left = vec![value];
    while let Some(mut value) = left.pop() {
        left.extend(value.take_children());
    }
}

fn lone(code: u32) -> String {
    format!("\\u{code:04x} is half of a surrogate pair")
}

/// JSON's number grammar: `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`.
fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole_ok = whole == "0" || (digits(whole) && !whole.starts_with('0'));
    whole_ok && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}
