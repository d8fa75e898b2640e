//! No password stands in a runbook: it would be journaled, shown and copied.

use crate::runbook::problem::Problems;
use crate::runbook::template;
use crate::runbook::yaml::{Kind, Node};

pub(super) fn check(node: &Node, problems: &mut Problems) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| check(item, problems)),
        Kind::Map(entries) => entries.iter().for_each(|entry| check(&entry.value, problems)),
        Kind::Scalar(scalar) if has_password(&scalar.text) => {
            let advice = "take it from a secret parameter or from the environment";
            problems.add(node.place, "an address with a password stands here", advice);
        }
        Kind::Scalar(_) | Kind::Broken => {}
    }
}

/// Whether `text` holds an address such as `postgres://user:password@host`, with a real password in it.
pub(in crate::runbook) fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '\n', '"', '\'']).next().unwrap_or_default();
        let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| {
            !password.is_empty() && !template::is_template(password) && !password.starts_with('$')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn passwords_in_addresses_are_seen() {
        assert!(has_password("psql postgres://app:secret@db/app"));
        assert!(has_password("https://user:p@ss@host"));
        assert!(!has_password("postgres://app@db:5432/app"));
        assert!(!has_password("postgres://app:${PASSWORD}@db/app"));
        assert!(!has_password("postgres://app:{{secret}}@db/app"));
        assert!(!has_password("http://localhost:3000/a@b"));
    }
}
