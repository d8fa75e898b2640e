//! What this host says: standard terminals, variables.

use std::io::IsTerminal as _;

/// Whether a person sits at both ends.
pub(super) fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// A variable of the environment; one that is empty or no text is not there.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// This terminal as others read of it: `anna@node-7 on pts/3`.
pub(super) fn this_terminal() -> String {
    let operator = crate::engine::Operator::here();
    match nix::unistd::ttyname(std::io::stdin()) {
        Ok(name) => format!("{operator} on {}", name.strip_prefix("/dev").unwrap_or(&name).display()),
        Err(_) => format!("{operator}, process {}", std::process::id()),
    }
}

/// Whether one of the places is production, by the patterns of `CUTOVER_PRODUCTION` (commas between them), else by those of the
/// configuration file, else by the word `prod`.
pub(super) fn is_production(places: &[String], configured: Option<&[String]>) -> bool {
    let patterns = match (std::env::var("CUTOVER_PRODUCTION"), configured) {
        (Ok(given), _) => given.split(',').map(str::to_owned).collect(),
        (Err(_), Some(configured)) => configured.to_vec(),
        (Err(_), None) => vec!["prod".to_owned()],
    };
    patterns
        .iter()
        .map(|pattern| pattern.trim().to_lowercase())
        .filter(|pattern| !pattern.is_empty())
        .any(|pattern| places.iter().any(|place| matches(&place.to_lowercase(), &pattern)))
}

/// Whether a place is as a pattern says: `*` stands for anything; a pattern without one may be anywhere in the place.
fn matches(place: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(last) = parts.next_back() else { return place.contains(pattern) };
    let Some(mut rest) = place.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_are_words_or_whole_places() {
        assert!(matches("gke-eu-prod-1", "prod") && matches("prod-eu", "prod-*") && matches("eu-prod-7", "eu-*-7"));
        assert!(matches("a-b-c", "*") && matches("a-b-c", "a*b*c") && matches("live", "*live*"));
        assert!(!matches("staging", "prod") && !matches("not-prod-eu", "prod-*") && !matches("a-c", "a*b*c"));
        assert!(!matches("aba", "ab*ba"), "what stands at both ends may not be the same letters");
    }
}
