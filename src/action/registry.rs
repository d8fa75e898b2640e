//! Which code carries out which settings.

use super::{Action, Actions, kubernetes};
use crate::runbook::settings::SwitchConfig;
use crate::runbook::{Settings, Step};
use std::sync::Arc;

/// The actions of this program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registry;

impl Actions for Registry {
    fn for_step(&self, step: &Step) -> Arc<dyn Action> {
        match step.settings.clone() {
            Settings::Preflight(_) => Arc::new(super::preflight::Preflight),
            Settings::TestPod(settings) => Arc::new(super::test_pod::TestPod(settings)),
            Settings::GenerateSchema(settings) => Arc::new(super::generate_schema::GenerateSchema(settings)),
            Settings::Scan(_) => Arc::new(super::scan::Scan),
            Settings::Quiesce(with) if !with.workloads.is_empty() => Arc::new(kubernetes::Quiesce(with)),
            Settings::Quiesce(settings) => Arc::new(super::quiesce::Quiesce(settings)),
            Settings::Snapshot(_) => Arc::new(super::snapshot::Snapshot),
            Settings::Truncate(_) => Arc::new(super::truncate::Truncate),
            Settings::Copy(settings) => Arc::new(super::copy::Copy(settings)),
            Settings::ResetSequences(_) => Arc::new(super::reset_sequences::ResetSequences),
            Settings::RepairIntervals(settings) => Arc::new(super::repair_intervals::RepairIntervals(settings)),
            Settings::Verify(settings) => Arc::new(super::verify::Verify(settings)),
            Settings::SpotCheck(settings) => Arc::new(super::spot_check::SpotCheck(settings)),
            Settings::SwitchConfig(with) => switch_config(with),
            Settings::Start(with) if !with.workloads.is_empty() => Arc::new(kubernetes::Start(with)),
            Settings::Start(settings) => Arc::new(super::start::Start(settings)),
            Settings::Health(settings) => Arc::new(super::health::Health(settings)),
            Settings::ResumeSync(settings) => Arc::new(kubernetes::ResumeSync(settings)),
            Settings::Scale(settings) => Arc::new(kubernetes::Scale(settings)),
            Settings::Apply(settings) => Arc::new(kubernetes::Apply(settings)),
            Settings::Helm(settings) => Arc::new(kubernetes::Helm(settings)),
            Settings::Job(settings) => Arc::new(kubernetes::Job(settings)),
            Settings::Cleanup(settings) => Arc::new(kubernetes::Cleanup(settings)),
            Settings::Sql(settings) => Arc::new(super::sql::Sql(settings)),
            Settings::Shell(settings) => Arc::new(super::shell::Shell(settings)),
            Settings::Wait(settings) => Arc::new(super::wait::Wait(settings)),
            Settings::Manual(settings) => Arc::new(super::manual::Manual(settings)),
        }
    }
}

/// A file of this host, or what a cluster holds.
fn switch_config(with: SwitchConfig) -> Arc<dyn Action> {
    match with.env {
        Some(env) => Arc::new(kubernetes::Switch(kubernetes::SwitchEnv(env))),
        None if with.file.is_none() => Arc::new(kubernetes::Switch(kubernetes::SwitchObject(with))),
        None => Arc::new(super::switch_config::SwitchConfig(with)),
    }
}
