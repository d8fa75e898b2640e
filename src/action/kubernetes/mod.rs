//! Steps that act on the workloads, configuration and objects of a Kubernetes namespace: one file per kind.
//!
//! Below them, in reading order: [`objects`] reads and patches objects as the JSON that they are, [`owners`] gives fields back to those who
//! owned them, [`workload`] counts and awaits pods, [`states`] keeps former values in the cluster, [`sync`] pauses GitOps, [`rivals`]
//! knows who would undo what a step does, [`volumes`] where a file of a pod lies.

mod applied;
mod apply;
mod cleanup;
mod forward;
mod guard;
mod helm;
mod inside;
mod job;
mod manifests;
mod objects;
mod owners;
mod program;
mod put_back;
mod quiesce;
mod rendered;
mod resume_sync;
mod rivals;
mod same;
mod scale;
mod start;
mod states;
mod switch;
mod switch_env;
mod switch_object;
mod sync;
mod volumes;
mod workload;

pub(super) use apply::Apply;
pub(super) use cleanup::Cleanup;
pub use cleanup::forget;
pub(super) use cleanup::permissions_to_forget;
pub(super) use forward::{Forwarded, health_permissions};
pub(super) use guard::require_writers_gone;
pub(super) use helm::Helm;
pub(super) use job::Job;
pub(super) use quiesce::Quiesce;
pub(super) use resume_sync::ResumeSync;
pub(super) use same::compare;
pub(super) use scale::Scale;
pub(super) use start::Start;
pub(super) use switch::Switch;
pub(super) use switch_env::SwitchEnv;
pub(super) use switch_object::SwitchObject;
