//! Every kind of action in one table: what its settings look like, what it leaves for later steps, and how it is taken back.

use super::settings as with;
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// One kind of action.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The `action:` of the YAML.
    pub name: &'static str,
    /// Names that the templates of later steps may use: `{{ steps.ID.NAME }}`. The action keeps to them.
    pub outputs: &'static [&'static str],
    /// How a step of this kind is taken back.
    pub undo: Undo,
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

/// How a step is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// There is nothing to take back.
    ChangesNothing,
    /// The action knows by itself.
    BuiltIn,
    /// By what the step's own `undo` says; without one not at all.
    Written,
}

const fn kind<T: JsonSchema>(name: &'static str, outputs: &'static [&'static str], undo: Undo) -> Kind {
    Kind { name, outputs, undo, schema: SchemaGenerator::subschema_for::<T> }
}

/// The kinds, in the order in which a cutover uses them.
pub const KINDS: &[Kind] = &[
    kind::<with::Preflight>("preflight", &[], Undo::ChangesNothing),
    kind::<with::TestPod>("test-pod", &["pod"], Undo::BuiltIn),
    kind::<with::GenerateSchema>("generate-schema", &["level"], Undo::BuiltIn),
    kind::<with::Scan>("scan", &[], Undo::ChangesNothing),
    kind::<with::Quiesce>("quiesce", &[], Undo::BuiltIn),
    kind::<with::Snapshot>("snapshot", &["path", "sha256"], Undo::BuiltIn),
    kind::<with::Truncate>("truncate", &[], Undo::BuiltIn),
    kind::<with::Copy>("copy", &["rows"], Undo::BuiltIn),
    kind::<with::ResetSequences>("reset-sequences", &[], Undo::BuiltIn),
    kind::<with::RepairIntervals>("repair-intervals", &[], Undo::BuiltIn),
    kind::<with::Verify>("verify", &[], Undo::ChangesNothing),
    kind::<with::SpotCheck>("spot-check", &[], Undo::ChangesNothing),
    kind::<with::SwitchConfig>("switch-config", &[], Undo::BuiltIn),
    kind::<with::Start>("start", &[], Undo::BuiltIn),
    kind::<with::Health>("health", &[], Undo::ChangesNothing),
    kind::<with::ResumeSync>("resume-sync", &[], Undo::BuiltIn),
    kind::<with::Scale>("scale", &[], Undo::BuiltIn),
    kind::<with::Apply>("apply", &[], Undo::BuiltIn),
    kind::<with::Helm>("helm", &["revision"], Undo::BuiltIn),
    kind::<with::Job>("job", &[], Undo::Written),
    kind::<with::Sql>("sql", &[], Undo::Written),
    kind::<with::Shell>("shell", &["stdout"], Undo::Written),
    kind::<with::Wait>("wait", &[], Undo::ChangesNothing),
    kind::<with::Manual>("manual", &[], Undo::Written),
    kind::<with::Cleanup>("cleanup", &[], Undo::ChangesNothing),
];

/// The kind of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Undo};
    use crate::runbook::Settings;

    #[test]
    fn the_table_has_the_kinds_that_there_are_settings_for() {
        let unknown = serde_json::json!({ "action": "?", "with": {} });
        let message = serde_json::from_value::<Settings>(unknown).unwrap_err().to_string();
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        assert_eq!(KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>(), known, "{message}");
    }

    #[test]
    fn only_kinds_with_a_written_undo_have_the_setting() {
        for kind in KINDS {
            let mut generator = schemars::SchemaGenerator::default();
            (kind.schema)(&mut generator);
            let definitions = generator.take_definitions(true);
            let has_undo = definitions.values().any(|schema| !schema["properties"]["undo"].is_null());
            assert_eq!(has_undo, kind.undo == Undo::Written, "{}", kind.name);
        }
    }
}
