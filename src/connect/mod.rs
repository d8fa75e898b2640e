//! Clients for the databases. `Debug` of anything here never shows a secret.

pub mod postgres;
pub mod sqlite;
