//! The command line over the real binary and a real PostgreSQL: what it prints, where, with which exit code, and what it leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod binary;
mod memory;
mod runs;
mod transfer;
mod words;
