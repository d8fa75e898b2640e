//! The whole screen on a terminal made of memory: what is drawn, at several sizes, and what keys can do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod screens {
    pub mod any_key;
    pub mod cluster;
    pub mod fixture;
    pub mod keys;
    pub mod pictures;
}
