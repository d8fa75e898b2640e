//! What steps do, with real files and a real PostgreSQL: done, done twice, taken back, taken back twice, and refused where somebody
//! else changed something since.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod api;
mod cluster;
mod commands;
mod connect;
mod data;
mod freeze;
mod preflight;
mod rbac;
mod schema;
#[path = "../support/mod.rs"]
mod support;
mod switch_config;
mod world;
