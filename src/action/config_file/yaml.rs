//! Block YAML as Helm values and application settings have it: a key is found by its path, its scalar is replaced where it stands, and
//! nothing else moves. What is written over several lines or in braces is left alone.
//!
//! Afterwards old and new text are read by a YAML parser, and only what was asked for may differ: so a document that this reader
//! sees otherwise than the parser does is refused, never damaged.

use super::lines::{Lines, Setting};
use super::{Change, Dialect, Edit, EditError};
use serde_json::Value;
use std::ops::Range;

pub(super) struct Yaml;

/// A `key:` of the document, with where it stands.
struct Entry {
    line: usize,
    /// Column of the key: its siblings begin there.
    column: usize,
    section: String,
    key: String,
    value: Range<usize>,
    /// Whether its value is anything but one scalar on its line.
    continued: bool,
    /// First line after everything that belongs to it.
    end: usize,
}

/// A mapping's key or a list's item that is still open.
struct Open {
    /// What stands in this column or left of it closes it.
    column: usize,
    /// Its part of the path.
    part: String,
    /// Its number in a list.
    item: Option<usize>,
}

impl Entry {
    fn path(&self) -> String {
        joined(&self.section, &self.key)
    }
}

impl Dialect for Yaml {
    fn settings(&self, lines: &Lines) -> Vec<Setting> {
        let setting = |entry: Entry| Setting {
            line: entry.line,
            section: entry.section,
            key: entry.key,
            value: entry.value,
            commented: false,
            continued: entry.continued,
        };
        entries(lines).into_iter().map(setting).collect()
    }

    fn meaning(&self, raw: &str) -> String {
        match quoted(raw) {
            Some('\'') => raw[1..raw.len() - 1].replace("''", "'"),
            Some(_) => serde_saphyr::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
            None => raw.to_owned(),
        }
    }

    fn written(&self, value: &str, former: Option<&str>) -> Result<String, &'static str> {
        if value.contains(['\n', '\r', '\0']) {
            return Err("it goes over several lines");
        }
        let written = match former.and_then(quoted) {
            Some('"') => double_quoted(value),
            None if is_plain(value) => value.to_owned(),
            _ => format!("'{}'", value.replace('\'', "''")),
        };
        // A value that was empty stood right behind its colon.
        Ok(if former == Some("") { format!(" {written}") } else { written })
    }

    fn line(&self, key: &str, written: &str, _like: Option<&str>) -> String {
        format!("{}: {written}", key_written(key))
    }

    fn comment(&self) -> &'static str {
        "#"
    }

    fn header(&self, section: &str) -> Option<String> {
        Some(section.to_owned())
    }

    fn add(&self, lines: &mut Lines, edit: &Edit<'_>, written: &str) -> Result<(), EditError> {
        let entries = entries(lines);
        let mut missing: Vec<&str> = Vec::new();
        let mut section = edit.section;
        // The longest part of the path that is there; what is missing is written below it.
        let (at, column) = loop {
            if let Some(place) = place_in(&entries, section, lines) {
                break place;
            }
            if entries.iter().any(|entry| entry.path() == section) {
                return Err(edit.unwritable("its mapping is written on one line, or holds no mapping"));
            }
            let (above, last) = section.rsplit_once('.').unwrap_or(("", section));
            missing.insert(0, last);
            section = above;
        };
        let parents = missing.iter().map(|key| format!("{}:", key_written(key)));
        let all = parents.chain([self.line(edit.key, written, None)]);
        for (depth, text) in all.enumerate() {
            lines.insert(at + depth, &format!("{}{text}", " ".repeat(column + 2 * depth)));
        }
        Ok(())
    }

    fn proven(&self, before: &Lines, after: &Lines, edits: &[Edit<'_>]) -> Result<(), EditError> {
        let (mut then, mut now) = (parsed(before)?, parsed(after)?);
        for edit in edits {
            let path = joined(edit.section, edit.key);
            let stands = take(&mut now, &path);
            take(&mut then, &path);
            let fits = match edit.change {
                Change::Unset => stands.is_none(),
                Change::Set(value) => stands.is_some_and(|stands| text_of(&stands) == value),
            };
            if !fits {
                return Err(EditError::Unsure(path));
            }
        }
        prune(&mut then);
        prune(&mut now);
        if then == now { Ok(()) } else { Err(EditError::Unsure("the document".to_owned())) }
    }
}

/// Where a new key of `section` goes and in which column; none when nothing holds keys there.
fn place_in(entries: &[Entry], section: &str, lines: &Lines) -> Option<(usize, usize)> {
    let siblings = entries.iter().filter(|entry| entry.section == section);
    if let Some(last) = siblings.max_by_key(|entry| entry.line) {
        return Some((last.end, last.column));
    }
    if section.is_empty() {
        return Some((lines.texts().count(), 0));
    }
    let empty = entries.iter().find(|entry| entry.path() == section && entry.value.is_empty() && !entry.continued)?;
    Some((empty.line + 1, empty.column + 2))
}

fn entries(lines: &Lines) -> Vec<Entry> {
    let texts: Vec<&str> = lines.texts().collect();
    let mut found: Vec<Entry> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut line = 0;
    while line < texts.len() {
        let text = texts[line];
        let mut column = indent(text);
        if says_nothing(text) || text.starts_with("---") || text.starts_with("...") {
            line += 1;
            continue;
        }
        while let Some(rest) = item(&text[column..]) {
            next_item(&mut open, column);
            column = text.len() - rest.len();
        }
        open.retain(|open| open.column < column);
        let end = end_of(&texts, line, column);
        let Some((key, value)) = pair(&text[column..]) else {
            line += 1;
            continue;
        };
        let value = column + value.start..column + value.end;
        let raw = &text[value.clone()];
        let has_more = end > line + 1;
        let continued = has_more || opens_more(raw);
        let section = open.iter().map(|open| open.part.as_str()).collect::<Vec<_>>().join(".");
        let holds_keys = raw.is_empty();
        found.push(Entry { line, column, section, key: key.clone(), value, continued, end });
        if holds_keys {
            open.push(Open { column, part: key, item: None });
            line += 1;
        } else {
            line = end;
        }
    }
    found
}

/// Counts the list items at `column`: `- ` begins one. Items may stand in the column of the key that holds them.
fn next_item(open: &mut Vec<Open>, column: usize) {
    let mut number = 0;
    while let Some(last) = open.last() {
        let sibling = last.column == column && last.item.is_some();
        if last.column <= column && !sibling {
            break;
        }
        number = if sibling { last.item.map_or(0, |item| item + 1) } else { number };
        open.pop();
    }
    open.push(Open { column, part: number.to_string(), item: Some(number) });
}

/// What follows `- `.
fn item(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('-')?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}

/// The first line after those that are indented deeper than `column`, blank lines and comments at the end left out. A list may
/// stand in its key's own column.
fn end_of(texts: &[&str], line: usize, column: usize) -> usize {
    let mut end = line + 1;
    for (index, text) in texts.iter().enumerate().skip(line + 1) {
        let blank = text.trim().is_empty();
        let at = indent(text);
        let own_item = at == column && indent(texts[line]) == column && item(&text[at..]).is_some();
        if !blank && at <= column && !own_item {
            break;
        }
        if !says_nothing(text) {
            end = index + 1;
        }
    }
    end
}

fn pair(text: &str) -> Option<(String, Range<usize>)> {
    let (key, after) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let close = closing(text, quote)?;
            (Yaml.meaning(&text[..=close]), close + 1)
        }
        '{' | '[' | '?' | '|' | '>' | '&' | '*' | '!' | '%' | '@' | '`' => return None,
        _ => {
            let colon = text
                .find(": ")
                .or_else(|| text.find(":\t"))
                .or_else(|| text.trim_end().strip_suffix(':').map(str::len))?;
            (text[..colon].trim_end().to_owned(), colon)
        }
    };
    let rest = text[after..].trim_start().strip_prefix(':')?;
    let start = text.len() - rest.trim_start().len();
    match value_length(&text[start..]) {
        0 => Some((key, text.len() - rest.len()..text.len() - rest.len())),
        length => Some((key, start..start + length)),
    }
}

/// Up to a comment after white space, or to the closing quote.
fn value_length(rest: &str) -> usize {
    if let Some(quote @ ('"' | '\'')) = rest.chars().next()
        && let Some(close) = closing(rest, quote)
    {
        return close + 1;
    }
    if rest.starts_with('#') {
        return 0;
    }
    let comment = rest.find(" #").or_else(|| rest.find("\t#")).unwrap_or(rest.len());
    rest[..comment].trim_end().len()
}

/// Where the quote that `text` begins with closes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if quote == '"' && character == '\\' {
            characters.next();
        } else if character == quote {
            let doubled = quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'');
            if !doubled {
                return Some(at);
            }
            characters.next();
        }
    }
    None
}

/// Whether a value is something else than a scalar of one line, or carries an anchor, an alias or a tag.
fn opens_more(raw: &str) -> bool {
    let open_quote =
        raw.chars().next().is_some_and(|first| matches!(first, '"' | '\'') && closing(raw, first).is_none());
    open_quote || raw.starts_with(['|', '>', '{', '[', '&', '*', '!'])
}

fn quoted(raw: &str) -> Option<char> {
    let first = raw.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    (raw.len() > 1 && closing(raw, first) == Some(raw.len() - 1)).then_some(first)
}

fn double_quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t"))
}

/// Whether a plain scalar means this very text, as text, number or truth value.
fn is_plain(value: &str) -> bool {
    let same = || serde_saphyr::from_str::<Value>(value).is_ok_and(|read| text_of(&read) == value);
    let first = value.chars().next();
    let leads = |sign: char| "-?:,[]{}#&*!|>'\"%@`~".contains(sign);
    first.is_some_and(|first| !leads(first))
        && value.trim() == value
        && !value.contains(": ")
        && !value.contains(" #")
        && !value.ends_with(':')
        && !value.contains(['\t', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'])
        && same()
}

fn key_written(key: &str) -> String {
    if is_plain(key) { key.to_owned() } else { double_quoted(key) }
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

fn says_nothing(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.starts_with('#')
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

fn parsed(lines: &Lines) -> Result<Value, EditError> {
    let bytes = lines.bytes();
    let text = String::from_utf8_lossy(&bytes);
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(&text).map_err(|error| EditError::NotYaml(error.to_string()))
}

/// Takes out what stands at a dotted path; a key may hold dots itself.
fn take(value: &mut Value, path: &str) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if let Some(found) = map.remove(path) {
                return Some(found);
            }
            map.iter_mut().find_map(|(key, value)| take(value, path.strip_prefix(key.as_str())?.strip_prefix('.')?))
        }
        Value::Array(items) => {
            let (index, rest) = path.split_once('.')?;
            take(items.get_mut(index.parse::<usize>().ok()?)?, rest)
        }
        _ => None,
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A mapping whose last key went says the same as none.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(prune);
            map.retain(|_, value| !value.is_null());
            if map.is_empty() {
                *value = Value::Null;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
