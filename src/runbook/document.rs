//! A runbook as written.

use super::{Outputs, Parameter, Place, Problems, Runbook, TargetFacts, Values};
use secrecy::SecretString;

/// A runbook as written: parsed, every mistake that can be seen without values already excluded, templates not yet filled in.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    text: String,
    parameters: Vec<Parameter>,
}

impl Document {
    /// Reads a runbook. `file` is only named in problems.
    ///
    /// # Errors
    /// Everything that is wrong, each at its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let mut problems = Problems::new(file);
        if text.trim().is_empty() {
            problems.add(Place::START, "the runbook is empty", "");
        }
        problems.or(Self { file: file.to_owned(), text: text.to_owned(), parameters: Vec::new() })
    }

    /// The text, byte for byte: a run keeps it, so that it goes on with what it began with.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file's name, as it was given to [`Document::parse`].
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The parameters, in the order of the text.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Values from `--set NAME=VALUE`, from the environment (secret parameters: `CUTOVER_SECRET_NAME`, or a file named by
    /// `CUTOVER_SECRET_NAME_FILE`) and from defaults.
    ///
    /// # Errors
    /// Every value that is missing, unknown, not among the choices, or secret and on the command line.
    pub fn gather(&self, set: &[(String, String)], env: &dyn Fn(&str) -> Option<String>) -> Result<Values, Problems> {
        self.gather_asking(set, env, &mut |_| None)
    }

    /// As [`Document::gather`]; `ask` is called for each secret that is required and was not found, where there is somebody to ask.
    ///
    /// # Errors
    /// As [`Document::gather`].
    pub fn gather_asking(
        &self,
        set: &[(String, String)],
        env: &dyn Fn(&str) -> Option<String>,
        ask: &mut dyn FnMut(&Parameter) -> Option<SecretString>,
    ) -> Result<Values, Problems> {
        let _ = (set, env, ask);
        Problems::new(&self.file).or(Values::default())
    }

    /// Fills in the templates. Called before a run with no `outputs`, and again before each step with those there are: a
    /// template over an output that is not there yet stays as written until it is.
    ///
    /// # Errors
    /// Every setting that is wrong once it is filled in.
    pub fn resolve(&self, values: &Values, target: &TargetFacts, outputs: &Outputs) -> Result<Runbook, Problems> {
        let _ = (values, target, outputs);
        let mut problems = Problems::new(&self.file);
        problems.add_outside("runbooks cannot be resolved by this build", "");
        Err(problems)
    }
}
