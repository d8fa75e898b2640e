//! What somebody may have meant.

/// `did you mean …?` where one of the candidates is near, else all of them where they are few.
pub(crate) fn among<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(word, &candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() || candidates.len() > 24 => String::new(),
        None => format!("there is {}", listed(&candidates)),
    }
}

/// `a`, `b` and `c`, each in backquotes.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let similarity = |candidate: &str| strsim::jaro_winkler(&word, candidate);
    let typing_errors = |candidate: &str| strsim::damerau_levenshtein(&word, candidate);
    candidates
        .iter()
        .copied()
        .filter(|candidate| similarity(candidate) > 0.85 || typing_errors(candidate) <= word.chars().count() / 4)
        .max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
}

#[cfg(test)]
mod tests {
    use super::{among, listed};

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(among("snapshto", ["snapshot", "scan"]), "did you mean `snapshot`?");
        assert_eq!(among("switch_config", ["switch-config", "scan"]), "did you mean `switch-config`?");
        assert_eq!(among("xyz", ["snapshot", "scan"]), "there is `snapshot` and `scan`");
        assert_eq!(among("xyz", []), "");
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(listed(&["a"]), "`a`");
    }
}
