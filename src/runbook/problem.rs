//! What is wrong with a runbook, and where: all of it at once.

use std::fmt;

/// A position in the document's text; both count from one. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    /// The first character of the document.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file; none when it is about a value that was given from outside (`--set`).
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to write instead; empty when there is nothing to propose.
    pub suggestion: String,
}

/// Everything that is wrong with a runbook or with the values given for it, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    pub(crate) fn add(&mut self, place: Place, message: impl Into<String>, suggestion: impl Into<String>) {
        self.push(Some(place), message.into(), suggestion.into());
    }

    pub(super) fn add_outside(&mut self, message: impl Into<String>, suggestion: impl Into<String>) {
        self.push(None, message.into(), suggestion.into());
    }

    fn push(&mut self, place: Option<Place>, message: String, suggestion: String) {
        let problem = Problem { place, message, suggestion };
        if !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    /// `value` when nothing is wrong, else the problems, sorted by place.
    pub(crate) fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.list.is_empty() {
            return Ok(value);
        }
        self.list.sort_by_key(|problem| problem.place);
        Err(self)
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The problems, in the order of the text; those from outside first.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&self.file)?;
            if let Some(place) = problem.place {
                write!(f, ":{}:{}", place.line, place.column)?;
            }
            write!(f, ": {}", problem.message)?;
            if !problem.suggestion.is_empty() {
                write!(f, "; {}", problem.suggestion)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
