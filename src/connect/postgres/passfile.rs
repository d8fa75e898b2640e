//! libpq's password file (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The session that a password is looked up for.
pub(super) struct Wanted<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The password for `wanted`; none when the file is not there, is readable by others (libpq ignores it then too) or has no
/// matching line.
pub(super) fn find(file: &Path, wanted: &Wanted<'_>) -> Option<String> {
    let metadata = std::fs::metadata(file).ok()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "the password file is not read: it must be a file of mode 0600");
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| password(line, wanted))
}

fn password(line: &str, wanted: &Wanted<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [host, port, database, user, password] = fields.as_slice() else { return None };
    let port_text = wanted.port.to_string();
    let pairs = [(host, wanted.host), (port, port_text.as_str()), (database, wanted.database), (user, wanted.user)];
    pairs.iter().all(|(field, value)| *field == "*" || field == value).then(|| password.clone())
}

/// Colons separate, a backslash takes the next character as it is; the password is all that follows the fourth colon.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut escaped = false;
    for character in line.chars() {
        if !escaped && character == '\\' {
            escaped = true;
            continue;
        }
        if !escaped && character == ':' && fields.len() < 5 {
            fields.push(String::new());
        } else if let Some(last) = fields.last_mut() {
            last.push(character);
        }
        escaped = false;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> = Wanted { host: "h", port: 5432, database: "d", user: "u" };

    #[test]
    fn reads_what_libpq_reads() {
        assert_eq!(password("h:5432:d:u:secret", &WANTED).as_deref(), Some("secret"));
        assert_eq!(password("*:*:*:*:a:b\\:c\\\\", &WANTED).as_deref(), Some("a:b:c\\"));
        assert_eq!(password("h:5433:d:u:secret", &WANTED), None);
        assert_eq!(password("#h:5432:d:u:secret", &WANTED), None);
        assert_eq!(password("h:5432:d:u", &WANTED), None);
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        std::fs::write(&file, "x:1:d:u:no\n*:*:*:u:yes\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(find(&file, &WANTED), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find(&file, &WANTED).as_deref(), Some("yes"));
    }
}
