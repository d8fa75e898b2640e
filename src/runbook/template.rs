//! Templates: what they name, and what they come out as.
//!
//! minijinja in its strict form over three things: parameters (`{{ sqlite }}`), the target (`{{ target.host }}`) and what earlier steps left
//! (`{{ steps.snapshot.path }}`; an id's hyphens are written as underscores). Text without `{{` and `{%` is no template.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use std::sync::LazyLock;

/// What templates may say about the target.
pub(super) const TARGET: &[&str] = &["host", "port", "database", "user"];
/// Names that no parameter can have.
pub(super) const RESERVED: &[&str] = &["target", "steps", "range", "dict", "debug", "loop", "self"];

/// Begins the delimiters of comments, so that there are none: YAML has its own, and `{#` is shell.
const COMMENT: char = '\u{1}';

/// Something that a template names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    /// A parameter.
    Parameter(String),
    /// A fact about the target.
    Target(String),
    /// What a step left: id with underscores, name.
    Output(String, String),
    /// A path that can be none of these.
    Nothing(String),
}

impl Reference {
    fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('.').collect();
        match parts[..] {
            ["steps", step, name] => Self::Output(step.to_owned(), name.to_owned()),
            ["target", fact] if TARGET.contains(&fact) => Self::Target(fact.to_owned()),
            [name] if !RESERVED.contains(&name) => Self::Parameter(name.to_owned()),
            _ => Self::Nothing(path.to_owned()),
        }
    }

    /// As it stands in the text.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Parameter(path) | Self::Nothing(path) => path.clone(),
            Self::Target(fact) => format!("target.{fact}"),
            Self::Output(step, name) => format!("steps.{step}.{name}"),
        }
    }
}

pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// An id as templates write it.
pub(super) fn variable(id: &str) -> String {
    id.replace('-', "_")
}

/// What `text` names, sorted.
///
/// # Errors
/// What is wrong with the template itself, and in which of its lines (from zero).
pub(super) fn references(text: &str) -> Result<Vec<Reference>, (String, usize)> {
    if !is_template(text) {
        return Ok(Vec::new());
    }
    let template = ENVIRONMENT.template_from_str(text).map_err(|error| {
        let line = error.line().unwrap_or(1).saturating_sub(1);
        (detail(&error), line)
    })?;
    let globals = ["range", "dict"];
    let mut found: Vec<Reference> = template
        .undeclared_variables(true)
        .iter()
        .filter(|path| !globals.contains(&path.as_str()))
        .map(|path| Reference::of(path))
        .collect();
    found.sort();
    Ok(found)
}

/// What `text` comes out as.
///
/// # Errors
/// Why it does not. The reason may repeat a value.
pub(super) fn render(text: &str, context: &Value) -> Result<String, String> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    ENVIRONMENT.render_str(text, context).map_err(|error| detail(&error))
}

/// Whether every filter, test and function in `text` is known, as far as a trial with stand-in values shows.
pub(super) fn trial(text: &str, stand_ins: &Value) -> Result<(), String> {
    use ErrorKind::{MissingArgument, TooManyArguments, UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    match ENVIRONMENT.render_str(text, stand_ins) {
        Err(error)
            if matches!(
                error.kind(),
                UnknownFilter | UnknownTest | UnknownFunction | UnknownMethod | TooManyArguments | MissingArgument
            ) =>
        {
            Err(detail(&error))
        }
        _ => Ok(()),
    }
}

/// `text` such that rendering gives it back, whatever stands in it.
pub(super) fn escape(text: &str) -> String {
    if !is_template(text) {
        return text.to_owned();
    }
    let mut escaped = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let opens = character == '{' && matches!(characters.peek().copied(), Some('{' | '%' | COMMENT));
        if opens || character == COMMENT {
            escaped.push_str(&format!("{{{{ '{character}' }}}}"));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn detail(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true).comment_delimiters(format!("{COMMENT}("), format!("{COMMENT})"));
    if let Ok(syntax) = syntax.build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.remove_global("debug");
    environment.remove_global("namespace"); // a parameter of every runbook that works on a cluster
    environment.add_filter("quote", |text: String| format!("'{}'", text.replace('\'', r"'\''")));
    environment
});

#[cfg(test)]
mod tests {
    use super::{Reference, escape, references, render};
    use minijinja::context;

    #[test]
    fn a_template_says_what_it_names() {
        let found =
            references("{{ sqlite }} {{ steps.generate_schema.level }} {{ target.host }} {{ target.password }}");
        let expected = vec![
            Reference::Parameter("sqlite".into()),
            Reference::Target("host".into()),
            Reference::Output("generate_schema".into(), "level".into()),
            Reference::Nothing("target.password".into()),
        ];
        assert_eq!(found.unwrap(), expected);
        assert_eq!(references("${#array} and {no template}").unwrap(), []);
        assert!(references("{{ sqlite").is_err());
    }

    #[test]
    fn values_are_put_in_as_they_are() {
        let context = context! { file => "it's <here>\n" };
        assert_eq!(render("cat {{ file | quote }}", &context).unwrap(), "cat 'it'\\''s <here>\n'");
        assert_eq!(render("{{ file }}", &context).unwrap(), "it's <here>\n");
        assert!(render("{{ other }}", &context).is_err());
        assert!(render("{{ debug() }}", &context).is_err());
    }

    #[test]
    fn escaped_text_comes_out_as_it_was() {
        for text in [
            "{{ x }}",
            "{% raw %}",
            "{{{",
            "{{{\u{1}",
            "a {{ '{' }} b",
            "{#{{",
            "\u{1}( {{ \u{1})",
            "docker ps --format '{{.Names}}'\n\n",
        ] {
            assert_eq!(render(&escape(text), &context! {}).unwrap(), text);
        }
    }
}
