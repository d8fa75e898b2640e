//! Two states of a configuration file side by side, without the secrets in them.

use crate::action::{MASK, Secrets};

/// Names of keys whose values are not shown.
const TELLING: [&str; 8] = ["pass", "secret", "token", "key", "url", "dsn", "credential", "auth"];

/// The lines in which `now` differs from `then`: `-` for those that stood there, `+` for those that stand there now.
#[must_use]
pub fn difference(then: &[u8], now: &[u8], secrets: &Secrets) -> String {
    let (then, now) = (String::from_utf8_lossy(then), String::from_utf8_lossy(now));
    let (then, now): (Vec<&str>, Vec<&str>) = (then.lines().collect(), now.lines().collect());
    let same_before = then.iter().zip(&now).take_while(|(a, b)| a == b).count();
    let rest = then.len().min(now.len()) - same_before;
    let same_after = then.iter().rev().zip(now.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let shown = |sign: &str, lines: &[&str]| {
        lines.iter().map(|line| format!("{sign} {}", masked(line, secrets))).collect::<Vec<_>>()
    };
    let mut all = shown("-", &then[same_before..then.len() - same_after]);
    all.extend(shown("+", &now[same_before..now.len() - same_after]));
    match all.is_empty() {
        true => "only line ends or bytes that are no text differ".to_owned(),
        false => format!("from line {}:\n{}", same_before + 1, all.join("\n")),
    }
}

fn masked(line: &str, secrets: &Secrets) -> String {
    let line = secrets.mask(line);
    let Some(at) = line.find(['=', ':']) else { return line.into_owned() };
    let (key, rest) = line.split_at(at + 1);
    let key_names = key.to_ascii_lowercase();
    let telling = TELLING.iter().any(|word| key_names.contains(word)) || rest.contains("://");
    if telling && !rest.trim().is_empty() { format!("{key} {MASK}") } else { line.into_owned() }
}
