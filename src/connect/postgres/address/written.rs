//! An address as it is written: what a URL leaves out and the environment fills in, and the URL that says all of it.

use super::Lookup;
use crate::connect::postgres::passfile::{self, Wanted};
use crate::connect::postgres::{ConnectError, TlsMode};
use std::path::{Path, PathBuf};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// tokio-postgres repeats no value in these messages, only the key.
pub(super) fn why_unreadable(error: &tokio_postgres::Error) -> String {
    let told = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    match told.as_str() {
        // What a word without `=` comes to.
        "unexpected EOF" => "it is neither a URL nor a list of key=value".to_owned(),
        _ => told,
    }
}

pub(super) fn complete(config: &mut Config, environment: Lookup<'_>) -> Result<(), ConnectError> {
    let lookup = |name: &str| environment(name).filter(|value| !value.is_empty());
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host(lookup("PGHOST").unwrap_or_else(|| "localhost".to_owned()));
    }
    if config.get_ports().is_empty() {
        let port = lookup("PGPORT").unwrap_or_else(|| "5432".to_owned());
        config.port(port.parse().map_err(|_| ConnectError::Address { reason: "PGPORT is no port number".to_owned() })?);
    }
    if config.get_user().is_none() {
        let user = lookup("PGUSER").or_else(|| lookup("USER")).unwrap_or_else(|| "postgres".to_owned());
        config.user(user);
    }
    if config.get_dbname().is_none() {
        let name = lookup("PGDATABASE").or_else(|| config.get_user().map(ToOwned::to_owned));
        config.dbname(name.unwrap_or_default());
    }
    Ok(())
}

pub(super) fn find_password(config: &mut Config, passfile: Option<PathBuf>, environment: Lookup<'_>) -> &'static str {
    if config.get_password().is_some() {
        return "from the URL";
    }
    let lookup = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(password) = lookup("PGPASSWORD") {
        config.password(password);
        return "from PGPASSWORD";
    }
    let file = passfile
        .or_else(|| lookup("PGPASSFILE").map(PathBuf::from))
        .or_else(|| lookup("HOME").map(|home| Path::new(&home).join(".pgpass")));
    let found = file.filter(|file| file.exists()).and_then(|file| {
        let host = match config.get_hosts().first()? {
            Host::Tcp(name) => name.clone(),
            Host::Unix(_) => "localhost".to_owned(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let wanted = Wanted {
            host: &host,
            port,
            database: config.get_dbname().unwrap_or_default(),
            user: config.get_user().unwrap_or_default(),
        };
        passfile::find(&file, &wanted)
    });
    match found {
        Some(password) => {
            config.password(password);
            "from the password file"
        }
        None => "none was given: set PGPASSWORD or use a password file",
    }
}

/// One URL with everything in it, whatever came from where; none when a URL cannot say it (several hosts).
pub(super) fn assemble(config: &Config, password: Option<&[u8]>, mode: TlsMode, root: Option<&Path>) -> Option<String> {
    let [host] = config.get_hosts() else { return None };
    let place = match host {
        Host::Tcp(name) => host_in_url(name),
        Host::Unix(path) => percent_encoded(&path.to_string_lossy()),
    };
    let password = password.map(|bytes| percent_encoded(&String::from_utf8_lossy(bytes)));
    let user = percent_encoded(config.get_user().unwrap_or_default());
    let login = password.map_or_else(|| user.clone(), |password| format!("{user}:{password}"));
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = percent_encoded(config.get_dbname().unwrap_or_default());
    let mut url = format!("postgres://{login}@{place}:{port}/{database}?sslmode={}", mode.name());
    if let Some(root) = root {
        url.push_str(&format!("&sslrootcert={}", percent_encoded(&root.to_string_lossy())));
    }
    if let Some(options) = config.get_options() {
        url.push_str(&format!("&options={}", percent_encoded(options)));
    }
    Some(url)
}

pub(super) fn host_in_url(name: &str) -> String {
    if name.contains(':') { format!("[{name}]") } else { percent_encoded(name) }
}

pub(super) fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
