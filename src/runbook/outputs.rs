//! What each kind of action leaves behind for the templates of later steps (`{{ steps.ID.NAME }}`): one table, which the actions
//! keep to.

/// Action kind → names of its outputs.
pub const OUTPUTS: &[(&str, &[&str])] = &[
    ("preflight", &[]),
    ("generate-schema", &["level"]),
    ("scan", &[]),
    ("quiesce", &[]),
    ("snapshot", &["path", "sha256"]),
    ("truncate", &[]),
    ("copy", &["rows"]),
    ("reset-sequences", &[]),
    ("verify", &[]),
    ("spot-check", &[]),
    ("switch-config", &[]),
    ("start", &[]),
    ("health", &[]),
    ("sql", &[]),
    ("shell", &["stdout"]),
    ("wait", &[]),
    ("manual", &[]),
];

/// The outputs of an action kind; none for a kind that there is not.
#[must_use]
pub fn of(action: &str) -> &'static [&'static str] {
    OUTPUTS.iter().find(|(kind, _)| *kind == action).map_or(&[], |(_, names)| names)
}
