//! What stands in the way of a cutover on real servers, through the command line: thousands of tables, locks of others, time-outs of
//! the role, a pooler in between, row security, a second run, and an encoder that is wrong. Each ends done, or refused with the reason,
//! within a bounded time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../cli/binary.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod binary;
#[path = "../support/mod.rs"]
mod support;

mod desk;

mod broken;
mod locks;
mod owners;
mod pooler;
mod second_run;
mod tables;
mod timeouts;
