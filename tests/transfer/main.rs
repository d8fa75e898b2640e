//! The transfer against a real PostgreSQL: what arrives, what is refused, and what the target looks like afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod chunked;
mod conditions;
mod fixture;
mod losses;
mod mismatch;
mod mismatch_set;
mod real_data;
mod target_as_before;
mod told;
mod unique;
mod unusual;
