//! Values of parameters that no file and no command line keeps: asked of the environment, and of the operator where one is there.

use super::Stop;
use super::host::variable;
use crate::runbook::{Document, Parameter, Values};
use secrecy::SecretString;
use std::io::IsTerminal as _;

/// Values from `--set`, from the environment, from defaults, and from a prompt for a secret that is missing.
///
/// # Errors
/// Every value that is missing or wrong, by name.
pub(super) fn gather(document: &Document, set: &[(String, String)]) -> Result<Values, Stop> {
    Ok(document.gather_asking(set, &variable, &mut ask)?)
}

/// `NAME=VALUE` of `--set`.
///
/// # Errors
/// When there is no `=`.
pub(super) fn pairs(set: &[String]) -> Result<Vec<(String, String)>, Stop> {
    let pair = |text: &String| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Stop::wrong(format!("--set {text} lacks `=`: write --set NAME=VALUE")))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    set.iter().map(pair).collect()
}

fn ask(parameter: &Parameter) -> Option<SecretString> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let prompt = format!("{} ({}): ", parameter.name, parameter.description);
    let typed = rpassword::prompt_password(prompt).ok()?;
    (!typed.is_empty()).then(|| SecretString::from(typed))
}
