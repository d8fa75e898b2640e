//! A file as lines with their ends: reading and writing it changes no byte.

use super::{Dialect, EditError};
use std::ops::Range;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The file.
pub(super) struct Lines {
    bom: bool,
    lines: Vec<Line>,
}

struct Line {
    bytes: Vec<u8>,
    /// `\n`, `\r\n`, or nothing at the end of a file that does not end in one.
    end: &'static str,
}

/// One setting in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Index of its line.
    pub line: usize,
    /// Its section; empty before the first.
    pub section: String,
    /// Its key.
    pub key: String,
    /// Where the value stands in the line, quotes included.
    pub value: Range<usize>,
    /// Whether a comment sign stands before it.
    pub commented: bool,
    /// Whether the value goes on in the next line.
    pub continued: bool,
}

impl Lines {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, EditError> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(EditError::Utf16);
        }
        let bom = bytes.starts_with(BOM);
        let text = if bom { &bytes[BOM.len()..] } else { bytes };
        let lines = text.split_inclusive(|byte| *byte == b'\n').map(Line::read).collect();
        Ok(Self { bom, lines })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = if self.bom { BOM.to_vec() } else { Vec::new() };
        for line in &self.lines {
            bytes.extend_from_slice(&line.bytes);
            bytes.extend_from_slice(line.end.as_bytes());
        }
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines' texts; those that are no UTF-8 look empty.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| std::str::from_utf8(&line.bytes).unwrap_or_default())
    }

    pub(super) fn text(&self, line: usize) -> &str {
        self.lines.get(line).and_then(|line| std::str::from_utf8(&line.bytes).ok()).unwrap_or_default()
    }

    pub(super) fn slice(&self, line: usize, range: &Range<usize>) -> &str {
        self.text(line).get(range.clone()).unwrap_or_default()
    }

    pub(super) fn replace(&mut self, line: usize, range: &Range<usize>, with: &str) {
        if let Some(line) = self.lines.get_mut(line) {
            line.bytes.splice(range.clone(), with.bytes());
        }
    }

    /// Puts a line before the one at `at`; it ends as its neighbours do.
    pub(super) fn insert(&mut self, at: usize, text: &str) {
        let end = self.usual_end();
        if at < self.lines.len() {
            self.lines.insert(at, Line { bytes: text.as_bytes().to_vec(), end });
        } else {
            self.push(text);
        }
    }

    /// Puts a line last. A file that did not end in a line end does not afterwards.
    pub(super) fn push(&mut self, text: &str) {
        let usual = self.usual_end();
        let end = match self.lines.last_mut() {
            Some(last) => std::mem::replace(&mut last.end, usual),
            None => usual,
        };
        self.lines.push(Line { bytes: text.as_bytes().to_vec(), end });
    }

    /// Where a new line of `section` goes: after the last line of it that says anything. None when there is no such section.
    pub(super) fn end_of_section(&self, section: &str, dialect: &dyn Dialect) -> Option<usize> {
        let mut current = String::new();
        let mut end = section.is_empty().then_some(0);
        for (index, text) in self.texts().enumerate() {
            let trimmed = text.trim();
            if dialect.header("").is_some()
                && let Some(name) = super::ini::section(trimmed)
            {
                name.clone_into(&mut current);
            }
            if current == section && !trimmed.is_empty() {
                end = Some(index + 1);
            }
        }
        // Before the first section stand licences and introductions; a key goes below them but above the section.
        end
    }

    fn usual_end(&self) -> &'static str {
        let windows = self.lines.iter().filter(|line| line.end == "\r\n").count();
        if windows * 2 > self.lines.len() { "\r\n" } else { "\n" }
    }
}

impl Line {
    fn read(bytes: &[u8]) -> Self {
        let (text, end) = match bytes {
            [text @ .., b'\r', b'\n'] => (text, "\r\n"),
            [text @ .., b'\n'] => (text, "\n"),
            text => (text, ""),
        };
        Self { bytes: text.to_vec(), end }
    }
}
