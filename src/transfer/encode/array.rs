//! Arrays from JSON text (`[[1,2],[3,4]]`) and from PostgreSQL's own (`{{1,2},{3,4}}`), of every element that has an encoder.
//!
//! Nested JSON arrays become dimensions, and have to be rectangular as PostgreSQL's are; only for elements of `json` and `jsonb` an
//! inner array is an element. JSON null is NULL.

use super::json::{Fault, Scanner, hex4};
use super::number::is_space;
use super::reason::{misfit, quoted};
use super::text::checked;
use super::{Encoded, Encoder, Misfit};
use rusqlite::types::ValueRef;

/// `MAXDIM`.
const DIMENSIONS: usize = 6;

/// What is known about the elements.
#[derive(Clone, Debug)]
pub(super) struct Elements {
    /// Of one element.
    pub encoder: Encoder,
    /// `pg_type.oid` of the element.
    pub oid: u32,
    /// Whether an element is JSON itself.
    pub json: bool,
}

pub(super) fn encode(elements: &Elements, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<Encoded, Misfit> {
    let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else {
        return super::reason::no_conversion(value, "array (JSON or {…})");
    };
    checked(bytes)?;
    let text = super::number::trim(bytes);
    let (open, binary) = (text.first().copied(), !elements.encoder.makes_text());
    if open == Some(b'{') && !binary {
        out.extend_from_slice(text);
        return Ok(Encoded::Text);
    }
    if !matches!(open, Some(b'[' | b'{')) {
        return super::reason::unreadable(bytes, "array (JSON or {…})");
    }
    let json = open == Some(b'[');
    let depth = if json && elements.json { 1 } else { depth(text, text[0]) };
    if depth > DIMENSIONS {
        return misfit(format!("an array of {depth} dimensions, but PostgreSQL has no more than {DIMENSIONS}"));
    }
    let mut writer = Writer { elements, out, lengths: [None; DIMENSIONS], depth, nulls: false, binary };
    writer.whole(text, json)
}

/// How many brackets open before the first element.
fn depth(text: &[u8], bracket: u8) -> usize {
    text.iter().filter(|byte| !is_space(**byte)).take_while(|byte| **byte == bracket).count()
}

struct Writer<'a> {
    elements: &'a Elements,
    out: &'a mut Vec<u8>,
    lengths: [Option<i32>; DIMENSIONS],
    depth: usize,
    nulls: bool,
    binary: bool,
}

impl Writer<'_> {
    fn whole(&mut self, text: &[u8], json: bool) -> Result<Encoded, Misfit> {
        let start = self.out.len();
        if self.binary {
            self.out.extend(std::iter::repeat_n(0, 12 + 8 * self.depth));
        }
        let end = if json {
            let mut scanner = Scanner::new(text, false);
            self.json_level(&mut scanner, 0)?;
            scanner.at
        } else {
            let mut reader = Literal { text, at: 0 };
            self.literal_level(&mut reader, 0)?;
            reader.at
        };
        if end != text.len() {
            return misfit(format!("{}: more after the array's end", quoted(text)));
        }
        if self.binary {
            self.head(start);
            return Ok(Encoded::Value);
        }
        Ok(Encoded::Text)
    }

    fn head(&mut self, start: usize) {
        let empty = self.lengths[0] == Some(0);
        if empty {
            self.out.truncate(start + 12);
        }
        let count = if empty { 0 } else { self.depth };
        let words = [count as u32, u32::from(self.nulls), self.elements.oid];
        let dimensions = self.lengths[..count].iter().flat_map(|length| [length.unwrap_or(0) as u32, 1]);
        for (at, word) in words.into_iter().chain(dimensions).enumerate() {
            self.out[start + 4 * at..start + 4 * at + 4].copy_from_slice(&word.to_be_bytes());
        }
    }

    /// Every inner array of a level has the same length, and only the outermost may be empty.
    fn close(&mut self, level: usize, count: i32) -> Result<(), Misfit> {
        let known = self.lengths[level].get_or_insert(count);
        if *known != count || (count == 0 && (level > 0 || self.depth > 1)) {
            return misfit("inner arrays of different lengths, which PostgreSQL's arrays cannot have");
        }
        if !self.binary {
            self.out.push(b'}');
        }
        Ok(())
    }

    fn before(&mut self, count: i32) {
        if !self.binary {
            self.out.push(if count == 0 { b'{' } else { b',' });
        }
    }

    fn element(&mut self, text: Option<&[u8]>) -> Result<(), Misfit> {
        if !self.binary {
            put_quoted(text, self.out);
            return Ok(());
        }
        let start = self.out.len();
        self.out.extend_from_slice(&(-1i32).to_be_bytes());
        let Some(text) = text else {
            self.nulls = true;
            return Ok(());
        };
        self.elements.encoder.append(ValueRef::Text(text), self.out)?;
        let length = (self.out.len() - start - 4) as u32;
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn json_level(&mut self, scanner: &mut Scanner<'_>, level: usize) -> Result<(), Misfit> {
        let ragged = || misfit("values and arrays side by side, which PostgreSQL's arrays cannot have");
        if scanner.peek() != Some(b'[') {
            return ragged();
        }
        scanner.at += 1;
        scanner.blanks();
        let mut count = 0;
        while scanner.peek() != Some(b']') || count > 0 {
            self.before(count);
            if level + 1 < self.depth {
                self.json_level(scanner, level + 1)?;
            } else {
                self.json_element(scanner)?;
            }
            count += 1;
            scanner.blanks();
            match scanner.peek() {
                Some(b',') => {
                    scanner.at += 1;
                    scanner.blanks();
                }
                Some(b']') => break,
                _ => return misfit(format!("not JSON: neither a comma nor an end at byte {}", scanner.at)),
            }
        }
        if count == 0 && !self.binary {
            self.out.push(b'{');
        }
        scanner.at += 1;
        self.close(level, count)
    }

    fn json_element(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Misfit> {
        let start = scanner.at;
        let first = scanner.peek();
        scanner.value().or_else(|Fault { at, what }| misfit(format!("not JSON: {what} at byte {at}")))?;
        let text = scanner.since(start);
        match first {
            Some(b'n') => self.element(None),
            Some(_) if self.elements.json => self.element(Some(text)),
            Some(b'{') => misfit("an object in an array whose elements are not JSON"),
            Some(b'[') => misfit("values and arrays side by side, which PostgreSQL's arrays cannot have"),
            Some(b'"') if text.contains(&b'\\') => self.element(Some(&unescape(&text[1..text.len() - 1])?)),
            Some(b'"') => self.element(Some(&text[1..text.len() - 1])),
            _ => self.element(Some(text)),
        }
    }

    fn literal_level(&mut self, reader: &mut Literal<'_>, level: usize) -> Result<(), Misfit> {
        reader.open()?;
        let mut count = 0;
        while reader.peek() != Some(b'}') || count > 0 {
            self.before(count);
            if level + 1 < self.depth {
                self.literal_level(reader, level + 1)?;
            } else {
                let element = reader.element()?;
                self.element(element.as_deref())?;
            }
            count += 1;
            match reader.peek() {
                Some(b',') => reader.at += 1,
                Some(b'}') => break,
                _ => return reader.malformed(),
            }
        }
        reader.at += 1;
        self.close(level, count)
    }
}

/// An element in quotes, for the type's own input.
fn put_quoted(text: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.extend_from_slice(b"NULL") };
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// A JSON string's content whose form is known to be right.
fn unescape(mut text: &[u8]) -> Result<Vec<u8>, Misfit> {
    let mut plain = Vec::with_capacity(text.len());
    while let [byte, rest @ ..] = text {
        if *byte != b'\\' {
            plain.push(*byte);
            text = rest;
            continue;
        }
        let letter = rest.first().copied().unwrap_or_default();
        if letter == b'u' {
            let (character, length) = surrogates(text)?;
            plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            text = &text[length..];
        } else {
            plain.push(match letter {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => other,
            });
            text = &rest[1..];
        }
    }
    Ok(plain)
}

fn surrogates(text: &[u8]) -> Result<(char, usize), Misfit> {
    let one = hex4(text, 0).map(u32::from);
    let two = hex4(text, 6).map(u32::from);
    let (code, length) = match (one, two) {
        (Some(high @ 0xD800..0xDC00), Some(low @ 0xDC00..0xE000)) => {
            (Some(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
        }
        _ => (one, 6),
    };
    match code.and_then(char::from_u32).filter(|character| *character != '\0') {
        Some(character) => Ok((character, length)),
        None => misfit("\\u0000 or half a surrogate pair, which PostgreSQL's text cannot hold"),
    }
}

/// PostgreSQL's array text.
struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn malformed<T>(&self) -> Result<T, Misfit> {
        misfit(format!("{} is no array: malformed at byte {}", quoted(self.text), self.at))
    }

    fn open(&mut self) -> Result<(), Misfit> {
        if self.peek() != Some(b'{') {
            return self.malformed();
        }
        self.at += 1;
        Ok(())
    }

    fn element(&mut self) -> Result<Option<std::borrow::Cow<'a, [u8]>>, Misfit> {
        match self.peek() {
            Some(b'"') => self.quoted().map(|text| Some(text.into())),
            Some(b'{' | b'}' | b',') | None => self.malformed(),
            Some(_) => self.plain(),
        }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, Misfit> {
        let mut plain = Vec::new();
        self.at += 1;
        loop {
            let byte = self.text.get(self.at).copied();
            self.at += 1;
            match byte {
                Some(b'"') => return Ok(plain),
                Some(b'\\') if self.at < self.text.len() => {
                    plain.push(self.text[self.at]);
                    self.at += 1;
                }
                Some(b'\\') | None => return self.malformed(),
                Some(byte) => plain.push(byte),
            }
        }
    }

    fn plain(&mut self) -> Result<Option<std::borrow::Cow<'a, [u8]>>, Misfit> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(rest.len());
        let text = super::number::trim(&rest[..length]);
        if text.iter().any(|byte| matches!(byte, b'"' | b'{' | b'\\')) {
            return self.malformed();
        }
        self.at += length;
        Ok(if text.eq_ignore_ascii_case(b"null") { None } else { Some(text.into()) })
    }
}
