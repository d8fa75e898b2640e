//! The engine: a pure machine that decides, and a driver that does what it says.

pub mod command;
pub mod snapshot;
