//! The engine from outside: the machine's rules, what a journal gives back, and the driver with actions that only pretend.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod claims;
mod cut;
mod driver;
mod failures;
mod fakes;
mod journal;
mod kills;
mod machine;
mod properties;
mod rig;
mod runs;
mod simulation;
