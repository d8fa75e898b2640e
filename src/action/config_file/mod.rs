//! Edits configuration files and leaves alone what it was not asked about: comments, order, blank lines, quoting, line ends,
//! byte order mark and all.
//!
//! A file is a list of lines with their ends. A [`Dialect`] finds the settings in it and knows how a value is written; the editing
//! is the same for both. Lines that are no UTF-8 are carried along unread.

mod asked;
mod difference;
mod env;
mod ini;
mod lines;
mod yaml;

pub use difference::difference;

use crate::runbook::settings::ConfigFormat;
use lines::{Lines, Setting};

/// What to do with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Give it this value; add it where it is not there.
    Set(&'a str),
    /// Comment it out; nothing where it is not there.
    Unset,
}

/// One key and what to do with it. The section is empty for keys before the first section and in environment files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// The section.
    pub section: &'a str,
    /// The key.
    pub key: &'a str,
    /// What to do.
    pub change: Change<'a>,
}

/// Why a file cannot be edited.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EditError {
    /// Not a text file in an encoding whose lines can be told apart.
    #[error("the file is UTF-16; store it as UTF-8 first")]
    Utf16,
    /// The value goes over several lines.
    #[error("the value of {0} goes over several lines; put it on one line first")]
    SeveralLines(String),
    /// The new value cannot be written in this format.
    #[error("the new value of {key} cannot be written: {reason}")]
    Unwritable {
        /// Section and key.
        key: String,
        /// Why.
        reason: &'static str,
    },
    /// Not YAML that can be read, or several documents.
    #[error("it is not one YAML document: {0}")]
    NotYaml(String),
    /// A YAML document that means something else than its lines look like.
    #[error(
        "{0} would not come out as asked, or something else would change with it; edit the file by hand and leave the key out of the runbook"
    )]
    Unsure(String),
    /// An environment file has no sections.
    #[error("an environment file has no section [{0}]; put the key under the empty section")]
    NoSections(String),
}

/// How one format finds settings and writes values.
trait Dialect {
    /// Every setting, commented-out ones included, in order.
    fn settings(&self, lines: &Lines) -> Vec<Setting>;
    /// A value as it is meant, without its quotes.
    fn meaning(&self, raw: &str) -> String;
    /// How `value` is written in place of `former` (as it stood, with its quotes), or anew.
    fn written(&self, value: &str, former: Option<&str>) -> Result<String, &'static str>;
    /// A new line in the manner of `like`.
    fn line(&self, key: &str, written: &str, like: Option<&str>) -> String;
    /// What comments a line out.
    fn comment(&self) -> &'static str;
    /// The line that begins a section, where there are sections.
    fn header(&self, section: &str) -> Option<String>;
    /// Writes a key that is not there yet.
    fn add(&self, lines: &mut Lines, edit: &Edit<'_>, written: &str) -> Result<(), EditError>;
    /// Refuses an edit that changed more, or less, than it was to.
    fn proven(&self, _before: &Lines, _after: &Lines, _edits: &[Edit<'_>]) -> Result<(), EditError> {
        Ok(())
    }
}

/// The bytes of the file after the edits, made one after the other.
///
/// # Errors
/// When the file or a value does not allow it; nothing is edited then.
pub fn edit(format: ConfigFormat, bytes: &[u8], edits: &[Edit<'_>]) -> Result<Vec<u8>, EditError> {
    let mut lines = Lines::read(bytes)?;
    for edit in edits {
        change(dialect(format), &mut lines, edit)?;
    }
    dialect(format).proven(&Lines::read(bytes)?, &lines, edits)?;
    Ok(lines.bytes())
}

/// The value that counts for a key, none when it is not set. The last one counts where a key is there twice.
///
/// # Errors
/// When the file cannot be read as text.
pub fn value(format: ConfigFormat, bytes: &[u8], section: &str, key: &str) -> Result<Option<String>, EditError> {
    let lines = Lines::read(bytes)?;
    let dialect = dialect(format);
    let settings = dialect.settings(&lines);
    Ok(live(&settings, section, key).map(|setting| dialect.meaning(lines.slice(setting.line, &setting.value))))
}

fn dialect(format: ConfigFormat) -> &'static dyn Dialect {
    match format {
        ConfigFormat::Ini => &ini::Ini,
        ConfigFormat::Env => &env::Env,
        ConfigFormat::Yaml => &yaml::Yaml,
    }
}

fn change(dialect: &dyn Dialect, lines: &mut Lines, edit: &Edit<'_>) -> Result<(), EditError> {
    if !edit.section.is_empty() && dialect.header(edit.section).is_none() {
        return Err(EditError::NoSections(edit.section.to_owned()));
    }
    let settings = dialect.settings(lines);
    match (live(&settings, edit.section, edit.key), edit.change) {
        (None, Change::Unset) => Ok(()),
        (None, Change::Set(value)) => {
            let written = dialect.written(value, None).map_err(|reason| edit.unwritable(reason))?;
            dialect.add(lines, edit, &written)
        }
        (Some(found), _) if found.continued => Err(EditError::SeveralLines(edit.name())),
        (Some(found), Change::Unset) => {
            lines.replace(found.line, &(0..0), dialect.comment());
            // An earlier one of the same key would count now.
            change(dialect, lines, edit)
        }
        (Some(found), Change::Set(value)) => {
            let raw = lines.slice(found.line, &found.value);
            if dialect.meaning(raw) != value {
                let written = dialect.written(value, Some(raw)).map_err(|reason| edit.unwritable(reason))?;
                lines.replace(found.line, &found.value, &written);
            }
            Ok(())
        }
    }
}

fn live<'a>(settings: &'a [Setting], section: &str, key: &str) -> Option<&'a Setting> {
    let wanted = |setting: &&Setting| !setting.commented && setting.section == section;
    let last =
        |same: fn(&str, &str) -> bool| settings.iter().rev().filter(wanted).find(|setting| same(&setting.key, key));
    last(|a, b| a == b).or_else(|| last(str::eq_ignore_ascii_case))
}

/// Writes a key below its commented-out likeness, else at the end of its section, else in a new section.
fn add_line(dialect: &dyn Dialect, lines: &mut Lines, edit: &Edit<'_>, written: &str) {
    let settings = dialect.settings(lines);
    let here: Vec<&Setting> = settings.iter().filter(|setting| setting.section == edit.section).collect();
    let like = here.iter().rev().copied().chain(settings.iter().rev()).find(|setting| !setting.commented);
    let line = dialect.line(edit.key, written, like.map(|setting| lines.text(setting.line)));
    let commented = here.iter().rev().find(|setting| setting.commented && setting.key == edit.key);
    match (commented, lines.end_of_section(edit.section, dialect)) {
        (Some(setting), _) => lines.insert(setting.line + 1, &line),
        (None, Some(end)) => lines.insert(end, &line),
        (None, None) => {
            if !lines.is_empty() {
                lines.push("");
            }
            lines.push(&dialect.header(edit.section).unwrap_or_default());
            lines.push(&line);
        }
    }
}

impl Edit<'_> {
    fn name(&self) -> String {
        if self.section.is_empty() { self.key.to_owned() } else { format!("[{}] {}", self.section, self.key) }
    }

    fn unwritable(&self, reason: &'static str) -> EditError {
        EditError::Unwritable { key: self.name(), reason }
    }
}

#[cfg(test)]
mod tests;
