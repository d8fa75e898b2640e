//! How objects of ours are called and marked, so that they are found again and never taken for another's.

use std::collections::BTreeMap;

/// The field manager of what we write, and the value of the label that says who made an object.
pub const MANAGER: &str = "cutover";
/// The label that says which run an object belongs to.
pub const RUN: &str = "cutover/run";
/// The label that says which step made an object.
pub const STEP: &str = "cutover/step";

/// What a label and most names may be long.
const LONGEST: usize = 63;

/// `cutover-<run>-<step>`, cut short with a fingerprint where that is too long for a name.
#[must_use]
pub fn object(run: &str, step: &str) -> String {
    fitting(&format!("cutover-{run}-{step}"))
}

/// `cutover-<run>`: the Secret with the former states of what the run changed.
#[must_use]
pub fn states(run: &str) -> String {
    fitting(&format!("cutover-{run}"))
}

/// The labels of an object of ours.
#[must_use]
pub fn labels(run: &str, step: &str) -> BTreeMap<String, String> {
    [("app.kubernetes.io/managed-by", MANAGER.to_owned()), (RUN, fitting(run)), (STEP, fitting(step))]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The selector of all objects of a run.
#[must_use]
pub fn of_run(run: &str) -> String {
    format!("app.kubernetes.io/managed-by={MANAGER},{RUN}={}", fitting(run))
}

/// Whether labels say that `step` of `run` made the object.
#[must_use]
pub fn is_of(found: Option<&BTreeMap<String, String>>, run: &str, step: &str) -> bool {
    let wanted = labels(run, step);
    found.is_some_and(|found| wanted.iter().all(|(name, value)| found.get(name) == Some(value)))
}

fn fitting(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let mark = format!("{:08x}", xxhash_rust::xxh3::xxh3_64(name.as_bytes()) as u32);
    let kept = name.get(..LONGEST - mark.len() - 1).unwrap_or_default().trim_end_matches('-');
    format!("{kept}-{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_different_and_fit() {
        let run = "grafana-oncall-kubernetes-20261124-0307-k3x";
        let (one, other) = (object(run, "generate-schema-of-the-engine"), object(run, "generate-schema-of-the-other"));
        assert!(one.len() <= 63 && other.len() <= 63 && one != other, "{one} {other}");
        assert_eq!(object("r-1", "test-pod"), "cutover-r-1-test-pod");
        assert!(is_of(Some(&labels("r", "s")), "r", "s") && !is_of(Some(&labels("r", "s")), "r", "t"));
    }
}
