//! The secrets of a run, so that whatever a child process or a file says can be shown without them.

use secrecy::{ExposeSecret as _, SecretString};
use std::borrow::Cow;
use std::sync::Arc;

/// Values that no log line, message, report or difference may contain. `Debug` shows how many there are.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Arc<Vec<SecretString>>,
}

/// What stands where a secret stood.
pub const MASK: &str = "••••••";

impl Secrets {
    /// Secrets shorter than this would mask half of every log; they are left alone.
    const SHORTEST: usize = 4;

    /// Keeps `values`, the longest first, so that one that contains another is masked whole.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = SecretString>) -> Self {
        let mut values: Vec<SecretString> =
            values.into_iter().filter(|value| value.expose_secret().len() >= Self::SHORTEST).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.expose_secret().len()));
        Self { values: Arc::new(values) }
    }

    /// `text` with every secret replaced by [`MASK`].
    #[must_use]
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut shown = Cow::Borrowed(text);
        for value in self.values.iter().map(|value| value.expose_secret()).filter(|value| text.contains(*value)) {
            shown = Cow::Owned(shown.replace(value, MASK));
        }
        shown
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_within_another_does_not_show_the_rest() {
        let secrets = Secrets::new(["hunter2".to_owned().into(), "hunter2-and-more".to_owned().into()]);
        assert_eq!(secrets.mask("x hunter2-and-more y hunter2 z"), format!("x {MASK} y {MASK} z"));
        assert!(!format!("{secrets:?}").contains("hunter"));
    }
}
