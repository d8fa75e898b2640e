//! `cutover` walks a service off a SQLite file and onto PostgreSQL, step by step, and at every moment can say what
//! has happened, what comes next, how to get back, and how it knows that the data is right.
//!
//! The modules in reading order, each importing only from those above it in the list of
//! `tests/layers.rs`, which fails when an import points the wrong way:
//!
//! 1. [`evidence`]: plain data about what was planned, moved, refused and proved. The JSON contract.
//! 2. [`runbook`]: what a runbook says, as written and as checked.
//! 3. [`connect`]: clients for PostgreSQL and SQLite that never show a secret.
//! 4. [`schema`]: what stands on both sides, and which table and column goes where.
//! 5. [`digest`]: the canonical form of a cell and the order-independent fingerprint of a table.
//! 6. [`transfer`]: plans, and moves the rows.
//! 7. [`verify`]: proves that they arrived, with code of its own.
//! 8. [`action`]: what a step can do.
//! 9. [`inspect`]: answers what the screen asks.
//! 10. [`journal`]: the append-only record of a run.
//! 11. [`engine`]: the pure machine, and the driver that does what it says.
//! 12. [`report`], [`headless`], [`tui`]: three ways to look at the same run.
//! 13. [`scratch`], [`demo`]: a private PostgreSQL and a cutover to try.
//! 14. [`commands`]: one file per command of [`cli`]; puts the rooms together.
//!
//! Below all of them stand [`progress`] (how work speaks and listens), [`crash`] (where tests kill the process) and
//! [`figures`] (counts, times and sizes as people read them).

pub mod action;
pub mod cli;
pub mod commands;
pub mod connect;
pub mod crash;
pub mod demo;
pub mod digest;
pub mod engine;
pub mod evidence;
pub mod figures;
pub mod headless;
pub mod inspect;
pub mod journal;
pub mod progress;
pub mod report;
pub mod runbook;
pub mod schema;
pub mod scratch;
pub mod transfer;
pub mod tui;
pub mod verify;
