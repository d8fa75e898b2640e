//! The parameters' values and what is known about the target: what a runbook's templates are filled with.

use super::check::has_password;
use super::problem::Problems;
use super::suggest;
use super::template::variable;
use super::{Document, Parameter};
use minijinja::Value;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;

/// Values of all parameters that have one. Debug shows the names of secret ones only.
#[derive(Clone, Debug, Default)]
pub struct Values {
    plain: BTreeMap<String, String>,
    secret: BTreeMap<String, SecretString>,
}

/// What templates may say about the target (`target.host`, …). There is no password here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// Host name, or the directory of the server's socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database name.
    pub database: String,
    /// User name.
    pub user: String,
}

/// What steps left behind so far: step id → name → value.
pub type Outputs = BTreeMap<String, BTreeMap<String, String>>;

impl Values {
    /// Those that may be shown, journaled and given to `gather` again when a run is resumed.
    #[must_use]
    pub fn plain(&self) -> &BTreeMap<String, String> {
        &self.plain
    }

    /// Those that may not: for masking them in what commands print.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.secret.values()
    }

    /// Every declared parameter as text; one without a value is empty.
    pub(super) fn for_templates(&self, parameters: &[Parameter]) -> BTreeMap<String, String> {
        let value = |name: &str| {
            let secret = self.secret.get(name).map(|secret| secret.expose_secret().to_owned());
            secret.or_else(|| self.plain.get(name).cloned()).unwrap_or_default()
        };
        parameters.iter().map(|parameter| (parameter.name.clone(), value(&parameter.name))).collect()
    }
}

/// What a template sees.
pub(super) fn context(parameters: &BTreeMap<String, String>, target: &TargetFacts, outputs: &Outputs) -> Value {
    let target = Value::from_pairs([
        ("host", Value::from(target.host.as_str())),
        ("port", Value::from(target.port)),
        ("database", Value::from(target.database.as_str())),
        ("user", Value::from(target.user.as_str())),
    ]);
    let names = |names: &BTreeMap<String, String>| {
        Value::from_pairs(names.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    };
    let steps = Value::from_pairs(outputs.iter().map(|(id, outputs)| (variable(id), names(outputs))));
    let parameters = parameters.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
    Value::from_pairs(parameters.chain([("target", target), ("steps", steps)]))
}

/// One gathering of values.
struct Gathering<'a> {
    set: &'a [(String, String)],
    env: &'a dyn Fn(&str) -> Option<String>,
    ask: &'a mut dyn FnMut(&Parameter) -> Option<SecretString>,
    values: Values,
    problems: Problems,
}

/// See [`Document::gather_asking`].
pub(super) fn gather(
    document: &Document,
    set: &[(String, String)],
    env: &dyn Fn(&str) -> Option<String>,
    ask: &mut dyn FnMut(&Parameter) -> Option<SecretString>,
) -> Result<Values, Problems> {
    let mut gathering =
        Gathering { set, env, ask, values: Values::default(), problems: Problems::new(document.file()) };
    gathering.names(document.parameters());
    document.parameters().iter().for_each(|parameter| gathering.parameter(parameter));
    gathering.problems.or(gathering.values)
}

impl Gathering<'_> {
    fn names(&mut self, parameters: &[Parameter]) {
        for (index, (name, _)) in self.set.iter().enumerate() {
            if !parameters.iter().any(|parameter| parameter.name == *name) {
                let known = parameters.iter().map(|parameter| parameter.name.as_str());
                self.problems.add_outside(format!("there is no parameter `{name}`"), suggest::among(name, known));
            }
            if self.set[..index].iter().any(|(earlier, _)| earlier == name) {
                self.problems.add_outside(format!("`{name}` is set twice"), "give it once");
            }
        }
    }

    fn parameter(&mut self, parameter: &Parameter) {
        let given = self.set.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| value.as_str());
        if parameter.secret {
            self.secret(parameter, given.is_some());
            return;
        }
        let value = given.or(parameter.default.as_deref());
        if let Some(value) = value {
            self.check(parameter, value);
            self.values.plain.insert(parameter.name.clone(), value.to_owned());
        }
        if parameter.required && value.is_none_or(str::is_empty) {
            let name = &parameter.name;
            let advice = format!("give it with `--set {name}=…`{}", meaning(parameter));
            self.problems.add_outside(format!("the parameter `{name}` has no value"), advice);
        }
    }

    fn check(&mut self, parameter: &Parameter, value: &str) {
        let Parameter { name, choices, .. } = parameter;
        if has_password(value) {
            let advice = "what is not secret is journaled; leave the password out, or make the parameter `secret`";
            self.problems.add_outside(format!("the value of `{name}` holds a password"), advice);
        } else if !choices.is_empty() && !choices.iter().any(|choice| choice == value) {
            let advice = suggest::among(value, choices.iter().map(String::as_str));
            self.problems.add_outside(format!("`{value}` is not among the choices of `{name}`"), advice);
        }
    }

    fn secret(&mut self, parameter: &Parameter, on_command_line: bool) {
        let name = &parameter.name;
        let variable = format!("CUTOVER_SECRET_{}", name.to_uppercase());
        if on_command_line {
            let message = format!("`{name}` is secret, and a command line can be read by others");
            let advice = format!("put it into the variable {variable}, or into a file that {variable}_FILE names");
            self.problems.add_outside(message, advice);
            return;
        }
        let Some(found) = self.search_environment(&variable) else { return };
        let wanted = parameter.required && found.is_none();
        match found.or_else(|| if wanted { (self.ask)(parameter) } else { None }) {
            Some(secret)
                if parameter.choices.is_empty() || parameter.choices.iter().any(|c| c == secret.expose_secret()) =>
            {
                self.values.secret.insert(name.clone(), secret);
            }
            Some(_) => {
                let message = format!("the value of the secret `{name}` is not among its choices");
                self.problems.add_outside(message, "");
            }
            None if wanted => {
                let advice = format!("set the variable {variable}, or {variable}_FILE{}", meaning(parameter));
                self.problems.add_outside(format!("the secret `{name}` has no value"), advice);
            }
            None => {}
        }
    }

    /// The outer none: a file was named and cannot be read, and that has been said.
    fn search_environment(&mut self, variable: &str) -> Option<Option<SecretString>> {
        if let Some(value) = (self.env)(variable).filter(|value| !value.is_empty()) {
            return Some(Some(SecretString::from(value)));
        }
        let Some(file) = (self.env)(&format!("{variable}_FILE")) else {
            return Some(None);
        };
        match std::fs::read_to_string(&file) {
            Ok(text) => Some(Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))),
            Err(error) => {
                let message = format!("reading {file}, which {variable}_FILE names: {error}");
                self.problems.add_outside(message, "name a file that can be read");
                None
            }
        }
    }
}

fn meaning(parameter: &Parameter) -> String {
    match parameter.description.trim() {
        "" => String::new(),
        description => format!(" ({})", description.trim_end_matches('.')),
    }
}
