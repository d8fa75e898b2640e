//! Where the target is: from the command line or the environment, and again when a run is resumed.
//!
//! A run's directory keeps the address without its password ([`Kept`]), so that a colleague can go on with a copy of it.

use super::Stop;
use super::host::variable;
use crate::connect::postgres::Address;
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The variable that holds the URL unless a runbook names another.
pub(super) const URL: &str = "DATABASE_URL";
const FILE: &str = "target.json";

/// What a run's directory says about its target; never a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The URL without its password; none where a URL cannot say it.
    pub url: Option<String>,
    /// `user@host:port/database`.
    pub label: String,
    /// The variable that it came from; none where it was on the command line.
    pub variable: Option<String>,
    /// Whether there was a password.
    pub password: bool,
    /// The context of the cluster that the service runs on; none where it runs on a host.
    #[serde(default)]
    pub context: Option<String>,
    /// The demo's directory, whose server has to be started first.
    pub demo: Option<PathBuf>,
}

/// The target named on the command line, else by `DATABASE_URL`.
///
/// # Errors
/// When neither is there, or it cannot be read.
pub(super) fn given(option: Option<&str>) -> Result<(Address, Kept), Stop> {
    let Some(url) = option else { return named(URL) };
    let address = Address::parse(url)?;
    if address.password_from() == "from the URL" {
        eprintln_warning(
            "a password on the command line can be read by every user of this host; put it into PGPASSWORD",
        );
    }
    let kept = Kept::of(&address, None);
    Ok((address, kept))
}

/// The target named by a variable.
///
/// # Errors
/// When it is not set, or cannot be read.
pub(super) fn named(name: &str) -> Result<(Address, Kept), Stop> {
    let url = variable(name).ok_or_else(|| {
        Stop::wrong(format!("{name} is not set: set it to the target, postgres://USER@HOST:PORT/DATABASE, and PGPASSWORD to the password"))
    })?;
    let address = Address::parse(&url)?;
    let kept = Kept::of(&address, Some(name.to_owned()));
    Ok((address, kept))
}

/// The target of a run that goes on: the environment's word where it speaks of the same place, else what the run's directory keeps.
///
/// # Errors
/// When neither says it, or the password that there once was is missing.
pub(super) fn again(directory: &Path, run: &str) -> Result<(Address, Kept), Stop> {
    let Some(kept) = Kept::read(directory) else { return named(URL) };
    let name = kept.variable.as_deref().unwrap_or(URL);
    if let Some(address) = variable(name).map(|url| Address::parse(&url)).transpose()?
        && (kept.variable.is_some() || address.label() == kept.label)
    {
        return Ok((address, kept));
    }
    let missing = || {
        Stop::wrong(format!(
            "run {run} goes to {}, whose password is not kept: set {name} to its URL, or PGPASSWORD to its password, and try again",
            kept.label
        ))
    };
    let address = Address::parse(kept.url.as_deref().ok_or_else(missing)?)?;
    if kept.password && address.secrets().is_empty() {
        return Err(missing());
    }
    Ok((address, kept))
}

impl Kept {
    /// What may be kept of an address.
    pub(super) fn of(address: &Address, variable: Option<String>) -> Self {
        Self {
            url: address.public_url(),
            label: address.label(),
            variable,
            password: !address.secrets().is_empty(),
            context: None,
            demo: None,
        }
    }

    /// Reads it out of a run's directory.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(directory.join(FILE)).ok()?).ok()
    }

    /// Writes it into a run's directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, directory: &Path) -> Result<(), Stop> {
        let path = directory.join(FILE);
        let text = serde_json::to_string_pretty(self).map_err(|error| Stop::failed(error.to_string()))?;
        private(&path, &text).map_err(|error| Stop::failed(format!("writing {}: {error}", path.display())))
    }
}

/// Writes a file that only its owner reads.
pub(super) fn private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn eprintln_warning(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "cutover: warning: {text}");
}
