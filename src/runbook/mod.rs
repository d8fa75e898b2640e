//! What a runbook says.
//!
//! A runbook has two types and one conversion between them:
//!
//! - [`Document`] is a runbook *as written*: YAML whose every field is known to be right as far as that can be seen without values,
//!   and whose templates stand as their author wrote them. [`Document::parse`] makes it, or says everything that is wrong at once,
//!   each with line, column and what to write instead ([`Problems`]).
//! - [`Runbook`] is a runbook *as checked*: names resolved, settings typed ([`Settings`], one type per kind of action), steps whose
//!   `when` says no left out. Nothing is left to doubt, so nobody downstream checks again.
//! - [`Document::resolve`] is the conversion. It takes the parameters' [`Values`], what is known of the target ([`TargetFacts`]), and what
//!   steps left behind so far ([`Outputs`]). The driver calls it before a run and again before each step: a template over an
//!   output that is not there yet stays as written until it is.
//!
//! A secret parameter's value can only reach settings of type [`Hidden`], which no one can print. A [`Document`] holds no values and may be
//! shown and kept.
//!
//! How it works inside, in reading order: `yaml` makes a tree that knows where everything stands; `written` has the serde types of
//! the YAML, `schema` makes the JSON schema from them and `shape` reads that schema, so that what editors offer and what is accepted
//! are the same; `walk` compares tree and shape; `template` says what a template names and fills it in; `check` has all other rules;
//! `resolve` converts; `write` goes the other way, for [`standalone`]. The table of action kinds is [`kinds`].

mod check;
mod checked;
mod document;
mod duration;
mod hidden;
pub mod kinds;
mod problem;
mod resolve;
mod schema;
pub mod settings;
mod shape;
pub mod standalone;
mod suggest;
mod template;
mod values;
mod walk;
mod write;
mod written;
mod yaml;

pub use checked::{
    Downtime, Gate, Gateway, GatewayKind, MigrationTable, Parameter, Platform, Runbook, SecretKeys, SecretTarget,
    Service, Source, SourcePod, Step, StepId, Target, TransferOptions, ZonePolicy,
};
pub use document::Document;
pub use hidden::Hidden;
pub use problem::{Place, Problem, Problems};
pub use schema::json_schema;
pub use settings::Settings;
pub(crate) use suggest::among;
pub use values::{Outputs, TargetFacts, Values};
pub(crate) use yaml::{Node, parse as parse_yaml};
