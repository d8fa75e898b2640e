//! Sections, `key = value` or `key: value`, `;` and `#` comments: as Grafana (go-ini) and Python's configparser read them.
//!
//! The two disagree about `;` and `#` inside an unquoted value. A comment sign after white space ends a value here; a new
//! value that holds one is put into the quotes that Grafana's manual asks for (`"""…"""`).

use super::lines::{Lines, Setting};
use super::{Dialect, Edit, EditError, add_line};
use std::ops::Range;

pub(super) struct Ini;

const QUOTES: [&str; 4] = ["\"\"\"", "\"", "'", "`"];

impl Dialect for Ini {
    fn settings(&self, lines: &Lines) -> Vec<Setting> {
        let mut found: Vec<Setting> = Vec::new();
        let mut current = String::new();
        let mut open: Option<&str> = None;
        for (index, text) in lines.texts().enumerate() {
            if let Some(quote) = open {
                if text.contains(quote) {
                    open = None;
                }
                continue;
            }
            if let Some(name) = section(text.trim()) {
                name.clone_into(&mut current);
            } else if let Some((key, value, commented)) = pair(text) {
                open = if commented { None } else { left_open(&text[value.clone()]) };
                let continued = open.is_some() || text.ends_with('\\');
                found.push(Setting { line: index, section: current.clone(), key, value, commented, continued });
            } else if let Some(last) = found.last_mut()
                && text.starts_with([' ', '\t'])
                && !text.trim().is_empty()
                && !text.trim_start().starts_with([';', '#'])
                && last.line + 1 == index
            {
                last.continued = true;
            }
        }
        found
    }

    fn meaning(&self, raw: &str) -> String {
        let inside = quote_of(raw).map(|quote| &raw[quote.len()..raw.len() - quote.len()]);
        inside.unwrap_or(raw).to_owned()
    }

    fn written(&self, value: &str, former: Option<&str>) -> Result<String, &'static str> {
        if value.contains(['\n', '\r', '\0']) {
            return Err("it goes over several lines");
        }
        let former = former.and_then(quote_of);
        let plain = former.is_none() && !needs_quotes(value);
        if plain {
            return Ok(value.to_owned());
        }
        let quotes = former.into_iter().chain(["\"\"\"", "`", "'"]);
        let quote = quotes.into_iter().find(|quote| !value.contains(quote) && !value.ends_with(&quote[..1]));
        quote.map(|quote| format!("{quote}{value}{quote}")).ok_or("it holds every kind of quote")
    }

    fn line(&self, key: &str, written: &str, like: Option<&str>) -> String {
        let (indent, between) = like.and_then(manner).unwrap_or((String::new(), " = ".to_owned()));
        format!("{indent}{key}{between}{written}")
    }

    fn comment(&self) -> &'static str {
        ";"
    }

    fn header(&self, section: &str) -> Option<String> {
        Some(format!("[{section}]"))
    }

    fn add(&self, lines: &mut Lines, edit: &Edit<'_>, written: &str) -> Result<(), EditError> {
        add_line(self, lines, edit, written);
        Ok(())
    }
}

/// The name in `[name]`, of a trimmed line.
pub(super) fn section(trimmed: &str) -> Option<&str> {
    let inside = trimmed.strip_prefix('[')?;
    let end = inside.find(']')?;
    Some(inside[..end].trim())
}

/// Key, place of the value, and whether it is commented out.
fn pair(text: &str) -> Option<(String, Range<usize>, bool)> {
    let signs = text.len() - text.trim_start_matches([' ', '\t', ';', '#']).len();
    let commented = text[..signs].contains([';', '#']);
    let separator = signs + text[signs..].find(['=', ':'])?;
    let key = text[signs..separator].trim();
    // Prose in a comment may hold a colon; a key has no blanks in it.
    if key.is_empty() || (commented && key.contains(char::is_whitespace)) {
        return None;
    }
    let rest = &text[separator + 1..];
    let start = separator + 1 + (rest.len() - rest.trim_start().len());
    if start > separator + 1 && text[start..].starts_with([';', '#']) {
        return Some((key.to_owned(), separator + 1..separator + 1, commented));
    }
    Some((key.to_owned(), start..start + value_length(&text[start..]), commented))
}

/// Up to a comment after white space, or to the closing quote.
fn value_length(rest: &str) -> usize {
    if let Some(quote) = QUOTES.into_iter().find(|quote| rest.starts_with(quote))
        && let Some(end) = rest[quote.len()..].find(quote)
    {
        let end = quote.len() + end + quote.len();
        let after = rest[end..].trim();
        if after.is_empty() || after.starts_with([';', '#']) {
            return end;
        }
    }
    let comment = rest
        .char_indices()
        .zip(rest.chars().skip(1))
        .find_map(|((at, before), sign)| (before.is_whitespace() && matches!(sign, ';' | '#')).then_some(at));
    rest[..comment.unwrap_or(rest.len())].trim_end().len()
}

fn left_open(value: &str) -> Option<&'static str> {
    QUOTES
        .into_iter()
        .find(|quote| value.starts_with(quote))
        .filter(|quote| matches!(*quote, "\"\"\"" | "`") && !value[quote.len()..].contains(quote))
}

fn quote_of(raw: &str) -> Option<&'static str> {
    QUOTES
        .into_iter()
        .find(|quote| raw.len() >= 2 * quote.len() && raw.starts_with(quote) && raw.ends_with(quote))
        .filter(|quote| !raw[quote.len()..raw.len() - quote.len()].contains(quote))
}

fn needs_quotes(value: &str) -> bool {
    value.contains([';', '#']) || value.trim() != value || value.starts_with(['"', '\'', '`']) || value.ends_with('\\')
}

/// Indentation and separator of a line, white space included.
fn manner(line: &str) -> Option<(String, String)> {
    let (_, value, _) = pair(line)?;
    let body = line.trim_start();
    let indent = &line[..line.len() - body.len()];
    let separator = line.find(['=', ':'])?;
    let key_end = line[..separator].trim_end().len();
    // A separator without a value says nothing about the blank after it.
    let after = if value.is_empty() && line[key_end..separator].contains(' ') {
        " "
    } else {
        &line[separator + 1..value.start]
    };
    Some((indent.to_owned(), format!("{}{after}", &line[key_end..=separator])))
}
