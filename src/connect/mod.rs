//! Clients for the databases and for the cluster they may stand in. `Debug` of anything here never shows a secret.

pub mod kubernetes;
pub mod postgres;
pub mod sqlite;
