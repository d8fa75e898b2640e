//! SQLite to PostgreSQL: decides what each column needs, plans with the real encoder, moves the rows.
//!
//! Usable alone, with no runbook around it. [`decide`] pairs the tables, [`plan`] reads the whole source once and says
//! what would happen, [`copy`] does it in one transaction. [`saved`] keeps what the target held before.

mod copy;
pub mod encode;
mod job;
mod plan;
pub mod saved;
mod sequences;

pub use copy::copy;
pub use job::{Job, Planned, TransferError, run_schema};
pub use plan::{decide, plan};
pub use sequences::{Sequence, SequenceState, reset_sequences, restore_sequences, sequences};
