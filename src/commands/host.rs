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

/// Whether a place is production: one of the words of `CUTOVER_PRODUCTION` (commas between them; `prod` unless set) is part of it.
pub(super) fn is_production(places: &[&str]) -> bool {
    let words = std::env::var("CUTOVER_PRODUCTION").unwrap_or_else(|_| "prod".to_owned());
    let mut words = words.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty());
    words.any(|word| places.iter().any(|place| place.to_lowercase().contains(&word)))
}
