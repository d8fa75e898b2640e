//! Who, when, what, and what was proved: a run as a page to keep.
//!
//! Everything is read from one [`Snapshot`], the fold over a run's journal, so that a report can be written at any time, on
//! any machine that has the run's directory, without a database. [`model`] is the report as data; [`markdown()`], [`json`] and
//! [`html()`] write it; [`plan()`] writes a plan for the terminal.

mod html;
mod markdown;
pub mod model;
mod plan;
pub mod proof;
#[cfg(test)]
pub(crate) mod sample;
mod words;

pub use html::html;
pub use markdown::markdown;
pub use plan::plan;
pub use words::{aligned, cell, key, state_name, status_name};

use crate::engine::snapshot::Snapshot;

/// The report as one JSON document.
///
/// # Errors
/// When a value has no JSON form.
pub fn json(snapshot: &Snapshot) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&model::Report::of(snapshot))
}
