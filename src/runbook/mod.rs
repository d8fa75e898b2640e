//! What a runbook says.
//!
//! A document goes through two types: *as written* (serde, everything optional and a string) and *as checked*
//! ([`Runbook`], [`Settings`]: nothing left to doubt). The one conversion between them reports every problem at once, each at
//! its line. The settings types of every action live here, so that a runbook can be checked without the code that
//! carries it out.

mod checked;
mod document;
mod hidden;
pub mod outputs;
mod problem;
pub mod settings;
pub mod standalone;
mod values;

pub use checked::{
    Downtime, Gate, MigrationTable, Parameter, Runbook, Service, Source, Step, StepId, Target, TransferOptions,
    ZonePolicy,
};
pub use document::Document;
pub use hidden::Hidden;
pub use problem::{Place, Problem, Problems};
pub use settings::Settings;
pub use values::{Outputs, TargetFacts, Values};
