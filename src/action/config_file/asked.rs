//! What a `switch-config` step asks of a configuration file: its edits, and how they are shown.

use super::{Change, Edit};
use crate::action::MASK;
use crate::runbook::settings::{ConfigFormat, SwitchConfig};

impl SwitchConfig {
    /// The bytes of the file `name` after the step's edits.
    pub(in crate::action) fn edited(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let format = self.format.unwrap_or_else(|| format_of(name));
        super::edit(format, bytes, &self.edits()).map_err(|error| error.to_string())
    }

    /// What is done, key by key. A secret is set like everything else.
    pub(in crate::action) fn edits(&self) -> Vec<Edit<'_>> {
        let set = self.set.iter().flat_map(|(section, keys)| {
            keys.iter().map(move |(key, value)| Edit { section, key, change: Change::Set(value) })
        });
        let secret = self.secret.iter().flat_map(|(section, keys)| {
            keys.iter().map(move |(key, value)| Edit { section, key, change: Change::Set(value.expose()) })
        });
        let unset = self
            .unset
            .iter()
            .flat_map(|(section, keys)| keys.iter().map(move |key| Edit { section, key, change: Change::Unset }));
        unset.chain(set).chain(secret).collect()
    }

    /// The same as lines to be shown, without the secrets.
    pub(in crate::action) fn effects(&self) -> Vec<String> {
        let named = |(section, key): (&String, &String)| {
            if section.is_empty() { key.clone() } else { format!("[{section}] {key}") }
        };
        let set = self.set.iter().flat_map(|(section, keys)| {
            keys.iter().map(move |(key, value)| format!("{} = {value}", named((section, key))))
        });
        let secret = self
            .secret
            .iter()
            .flat_map(|(section, keys)| keys.keys().map(move |key| format!("{} = {MASK}", named((section, key)))));
        let unset = self
            .unset
            .iter()
            .flat_map(|(section, keys)| keys.iter().map(move |key| format!("{} commented out", named((section, key)))));
        set.chain(secret).chain(unset).collect()
    }
}

/// What a file of that name is written in.
fn format_of(path: &str) -> ConfigFormat {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        return ConfigFormat::Yaml;
    }
    let is_env = name.ends_with(".env") || name.starts_with(".env") || name == "env" || name == "environment";
    if is_env { ConfigFormat::Env } else { ConfigFormat::Ini }
}
