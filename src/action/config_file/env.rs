//! `KEY=value` lines, with or without `export`: as shells, systemd's `EnvironmentFile` and Docker read them.

use super::lines::{Lines, Setting};
use super::{Dialect, Edit, EditError, add_line};

pub(super) struct Env;

impl Dialect for Env {
    fn settings(&self, lines: &Lines) -> Vec<Setting> {
        let mut found: Vec<Setting> = Vec::new();
        let mut open: Option<char> = None;
        for (index, text) in lines.texts().enumerate() {
            if let Some(quote) = open {
                if closing(text, quote).is_some() {
                    open = None;
                }
                continue;
            }
            let Some(setting) = setting(index, text) else { continue };
            if setting.continued && !setting.commented {
                open = text[setting.value.clone()].chars().next();
            }
            found.push(setting);
        }
        found
    }

    fn meaning(&self, raw: &str) -> String {
        let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        match raw.chars().next() {
            Some('\'') if raw.len() > 1 && raw.ends_with('\'') => inside.to_owned(),
            Some('"') if raw.len() > 1 && raw.ends_with('"') => unescaped(inside),
            _ => raw.to_owned(),
        }
    }

    fn written(&self, value: &str, former: Option<&str>) -> Result<String, &'static str> {
        if value.contains(['\n', '\r', '\0']) {
            return Err("it goes over several lines");
        }
        match former.and_then(|raw| raw.chars().next()) {
            Some('\'') if !value.contains('\'') => Ok(format!("'{value}'")),
            Some('"') => Ok(format!("\"{}\"", escaped(value))),
            _ if value.chars().all(is_plain) => Ok(value.to_owned()),
            _ if !value.contains('\'') => Ok(format!("'{value}'")),
            _ => Ok(format!("\"{}\"", escaped(value))),
        }
    }

    fn line(&self, key: &str, written: &str, like: Option<&str>) -> String {
        let export = like.is_some_and(|line| line.trim_start().starts_with("export "));
        format!("{}{key}={written}", if export { "export " } else { "" })
    }

    fn comment(&self) -> &'static str {
        "#"
    }

    fn header(&self, _section: &str) -> Option<String> {
        None
    }

    fn add(&self, lines: &mut Lines, edit: &Edit<'_>, written: &str) -> Result<(), EditError> {
        add_line(self, lines, edit, written);
        Ok(())
    }
}

fn setting(line: usize, text: &str) -> Option<Setting> {
    let signs = text.len() - text.trim_start_matches([' ', '\t', '#']).len();
    let commented = text[..signs].contains('#');
    let exported = text[signs..].strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let key_start = exported.map_or(signs, |rest| text.len() - rest.trim_start().len());
    let separator = key_start + text[key_start..].find('=')?;
    let key = &text[key_start..separator];
    let is_name = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !is_name {
        return None;
    }
    let start = separator + 1;
    let rest = &text[start..];
    let (length, continued) = match rest.chars().next() {
        Some(quote @ ('\'' | '"')) => match closing(&rest[1..], quote) {
            Some(end) => (end + 2, false),
            None => (rest.len(), true),
        },
        _ => (unquoted_length(rest), rest.ends_with('\\')),
    };
    Some(Setting {
        line,
        section: String::new(),
        key: key.to_owned(),
        value: start..start + length,
        commented,
        continued,
    })
}

/// Where the quote closes, counted from after the opening one.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, character)| {
        if escaped {
            escaped = false;
            return None;
        }
        escaped = quote == '"' && character == '\\';
        (character == quote).then_some(at)
    })
}

fn unquoted_length(rest: &str) -> usize {
    let comment = rest.find(" #").or_else(|| rest.find("\t#")).unwrap_or(rest.len());
    rest[..comment].trim_end().len()
}

/// What no shell changes; `%` and `=` stand in every database URL.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_./:@%+,=-?^~".contains(character) || !character.is_ascii()
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '\\' | '"' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next @ ('\\' | '"' | '$' | '`')) if character == '\\' => {
                text.push(*next);
                characters.next();
            }
            _ => text.push(character),
        }
    }
    text
}
