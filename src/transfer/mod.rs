//! SQLite to PostgreSQL: decides what each column needs, plans with the real encoder, moves the rows.
//!
//! Usable alone, with no runbook around it. [`decide()`] pairs the tables, [`plan()`] reads the whole source once and says
//! what would happen, [`copy()`] does it, in one transaction or in chunks. [`saved`] keeps what the target held before.

mod blame;
mod breaks;
mod checks;
mod chunked;
mod conditions;
mod copy;
mod decide;
pub mod encode;
mod intervals;
mod job;
mod known;
mod ledger;
mod load;
mod locks;
mod mode;
mod others;
mod part;
mod plan;
mod preconditions;
mod produce;
mod rejects;
pub mod repair;
mod rows;
pub mod saved;
mod scan;
mod sending;
mod sequences;
mod server_keys;
mod server_types;
mod session;
mod skips;
mod source;
mod stage;
mod surroundings;
mod takeoff;
mod xml;

pub use copy::copy;
pub use decide::decide;
pub use job::{Gate, Job, Planned, Rejected, TransferError, Verdict, run_schema};
pub use others::{Other, others};
pub use plan::plan;
pub use sequences::{Sequence, SequenceState, reset_sequences, restore_sequences, sequences};
