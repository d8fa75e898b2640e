//! The data tests once more, on the newest PostgreSQL: `support::server` knows this binary by its name. What only a new server
//! has is tested in the modules of this folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::duplicate_mod, reason = "test files that bring their own fixtures along are taken in as they are")]

#[path = "../support/mod.rs"]
mod support;

mod eighteen;

#[path = "../cli/binary.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod binary;
#[path = "../adversity/desk.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod desk;
#[path = "../adversity/owners.rs"]
mod owners;
#[path = "../adversity/timeouts.rs"]
mod timeouts;

#[path = "../transfer/conditions.rs"]
mod conditions;
#[path = "../transfer/fixture.rs"]
mod fixture;
#[path = "../transfer/losses.rs"]
mod losses;
#[path = "../transfer/mismatch.rs"]
mod mismatch;
#[path = "../transfer/mismatch_set.rs"]
mod mismatch_set;
#[path = "../transfer/real_data.rs"]
mod real_data;
#[path = "../transfer/target_as_before.rs"]
mod target_as_before;
#[path = "../transfer/told.rs"]
mod told;
#[path = "../transfer/unusual.rs"]
mod unusual;

#[path = "../encode.rs"]
mod encode;
#[path = "../realdata.rs"]
mod realdata;
#[path = "../repair.rs"]
mod repair;
#[path = "../verify.rs"]
mod verify;
