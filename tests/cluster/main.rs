//! Everything that needs a real Kubernetes: `make test-cluster` runs it on one of its own, or on the cluster of
//! `CUTOVER_TEST_KUBECONFIG`. Each test has a namespace to itself; without a cluster each says that it is skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod client;
mod cut;
mod gateway;
mod keys;
mod stage;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/terminal.rs"]
mod terminal;
mod tls;
mod walk;
mod workloads;
