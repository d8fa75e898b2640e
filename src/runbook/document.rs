//! A runbook as written.

use super::yaml::{self, Node};
use super::{Outputs, Parameter, Place, Problems, Runbook, TargetFacts, Values, check, resolve, values};
use secrecy::SecretString;

/// A runbook as written: parsed, every mistake that can be seen without values already excluded, templates not yet filled in.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    text: String,
    root: Node,
    parameters: Vec<Parameter>,
}

impl Document {
    /// Reads a runbook. `file` is only named in problems.
    ///
    /// # Errors
    /// Everything that is wrong, each at its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let mut problems = Problems::new(file);
        let Some(root) = yaml::parse(text, &mut problems).filter(|root| !root.is_empty()) else {
            if problems.list().is_empty() {
                problems.add(Place::START, "the runbook is empty", "begin with `name:`, `source:` and `steps:`");
            }
            return Err(problems);
        };
        check::written(&root, &mut problems);
        let parameters = check::declared(&root);
        problems.or(Self { file: file.to_owned(), text: text.to_owned(), root, parameters })
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

    /// Name of the environment variable that holds the target's address: known before there are values.
    #[must_use]
    pub fn url_from(&self) -> &str {
        let written = self.root.get("target").and_then(|target| target.get("url_from")).and_then(Node::text);
        written.unwrap_or("DATABASE_URL")
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
        values::gather(self, set, env, ask)
    }

    /// Fills in the templates. Called before a run with no `outputs`, and again before each step with those there are: a
    /// template over an output that is not there yet stays as written until it is.
    ///
    /// # Errors
    /// Every setting that is wrong once it is filled in.
    pub fn resolve(&self, values: &Values, target: &TargetFacts, outputs: &Outputs) -> Result<Runbook, Problems> {
        let context = values::context(&values.for_templates(&self.parameters), target, outputs);
        resolve::resolve(self, &self.root, &context, outputs)
    }
}
