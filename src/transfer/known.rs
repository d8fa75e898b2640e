//! What the ledger knows of how this run's copy found the target: once it has begun, the target no longer shows it.

use super::TransferError;
use super::chunked::{Begun, begun};
use super::ledger;
use super::session::Fault;
use super::surroundings::Keys;
use crate::schema::Mapping;
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// It.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Of a copy in chunks that is under way: the hash of its plan, and how it began.
    pub(super) begun: Option<(String, Begun)>,
    /// Tables that the copy loads, or has loaded.
    loads: BTreeSet<String>,
}

impl Known {
    /// Reads the ledger of a run's schema.
    pub(super) async fn of(client: &Client, schema: &str) -> Result<Self, TransferError> {
        let begun = begun(client, schema).await.map_err(Fault::into_error)?;
        let loads = match &begun {
            Some((_, begun)) => begun.tables.iter().map(|table| table.label.clone()).collect(),
            None => ledger::tables(client, schema).await?,
        };
        Ok(Self { begun, loads })
    }

    /// Whether the copy loads this table, by label.
    pub(super) fn loads(&self, label: &str) -> bool {
        self.loads.contains(label)
    }

    /// The keys that the rows have to hold, and into `mapping` those by which the tables are known.
    pub(super) async fn keys(&self, client: &Client, mapping: &mut Mapping) -> Result<Keys, TransferError> {
        let Some((_, begun)) = &self.begun else {
            let tables: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
            return Keys::read(client, &tables).await.map_err(Fault::into_error);
        };
        for table in &mut mapping.tables {
            let label = table.target.label();
            if let Some(known) = begun.tables.iter().find(|known| known.label == label) {
                table.target.key.clone_from(&known.key);
            }
        }
        Ok(begun.keys.clone())
    }
}
