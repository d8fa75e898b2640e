//! Unique indexes that are no matter of equal cells (over expressions, over part of a table, without regard to case), asked of the
//! server in the plan's pass: it evaluates the index's own expressions and hashes what comes out, so that only what it holds equal
//! collides. Nothing is written.

use super::TransferError;
use super::checks::UniqueCheck;
use super::sending::{self, Cells, Elements, GIVEN, ROW, Sending};
use super::session::describe;
use super::surroundings::UniqueKey;
use crate::schema::{Mapping, TableMapping};
use tokio::runtime::Handle;
use tokio_postgres::{Client, Error};

/// The keys of one table.
#[derive(Clone, Debug)]
pub(super) struct ServerKeys {
    keys: Vec<ServerKey>,
}

#[derive(Clone, Debug)]
struct ServerKey {
    sending: Sending,
    sql: String,
    check: UniqueCheck,
}

/// The hash of a row's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyHash {
    /// Which of the rows that were asked about.
    pub(super) row: usize,
    /// The two halves.
    pub(super) halves: (i64, i64),
}

/// The keys of each table of the mapping, by its place. One that the server cannot hash, or that reads a column that is not loaded,
/// is left to the server at the load.
pub(super) async fn read(
    client: &Client,
    mapping: &Mapping,
    unique: &[UniqueKey],
    elements: &Elements,
) -> Vec<ServerKeys> {
    let mut all = Vec::with_capacity(mapping.tables.len());
    for (place, table) in mapping.tables.iter().enumerate() {
        let mut keys = Vec::new();
        for key in unique.iter().filter(|key| key.table == table.target.oid) {
            keys.extend(ServerKey::of(client, (place, table), key, elements).await);
        }
        all.push(ServerKeys { keys });
    }
    all
}

impl ServerKeys {
    pub(super) fn any(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What the keys are, for [`super::breaks`].
    pub(super) fn checks(&self) -> impl Iterator<Item = &UniqueCheck> {
        self.keys.iter().map(|key| &key.check)
    }

    /// The hashes of `rows`, by key. What the server cannot evaluate it will refuse at the load.
    pub(super) fn hashes(
        &self,
        client: &Client,
        runtime: &Handle,
        rows: &[Cells<'_>],
    ) -> Result<Vec<Vec<KeyHash>>, TransferError> {
        let ask = |key: &ServerKey| match runtime.block_on(key.hashes(client, rows)) {
            Err(error) if error.as_db_error().is_none() => {
                let message = format!("asking about the unique index {}: {}", key.check.name, describe(&error));
                Err(TransferError::Failed(message))
            }
            hashes => Ok(hashes.unwrap_or_default()),
        };
        if rows.is_empty() { Ok(Vec::new()) } else { self.keys.iter().map(ask).collect() }
    }
}

impl ServerKey {
    /// None where the server has to judge at the load.
    async fn of(
        client: &Client,
        (place, table): (usize, &TableMapping),
        key: &UniqueKey,
        elements: &Elements,
    ) -> Option<Self> {
        let by_server = key.by_server.as_ref()?;
        let columns = sending::columns(table, &key.columns, elements)?;
        let check = UniqueCheck {
            table: place,
            name: key.name.clone(),
            columns: columns.iter().map(|column| column.place).collect(),
            nulls_equal: key.nulls_equal,
            by_server: true,
        };
        let mut counts: Vec<String> = by_server.predicate.iter().map(|predicate| format!("({predicate})")).collect();
        if !key.nulls_equal {
            counts.extend(by_server.expressions.iter().map(|expression| format!("({expression}) IS NOT NULL")));
        }
        counts.push("true".to_owned());
        // Two seeds: 128 bits in all, as for the keys that are hashed here.
        let hash = |seed: u8| format!("hash_record_extended(ROW({}), {seed})", by_server.expressions.join(", "));
        let (first, second) = (hash(1), hash(2));
        let sql = format!("SELECT t.{ROW}, {first}, {second} FROM {GIVEN} WHERE {} ORDER BY 1", counts.join(" AND "));
        let key = Self { sending: Sending::new(table, columns), sql, check };
        let nulls = key.sending.nulls();
        key.sending.query(client, &format!("SELECT {first} FROM {GIVEN}"), &nulls).await.ok()?;
        let nulls_equal = !key.hashes(client, &nulls).await.ok()?.is_empty();
        Some(Self { check: UniqueCheck { nulls_equal, ..key.check }, ..key })
    }

    async fn hashes(&self, client: &Client, rows: &[Cells<'_>]) -> Result<Vec<KeyHash>, Error> {
        let found = self.sending.query(client, &self.sql, rows).await?;
        let read = |row: &tokio_postgres::Row| -> Result<KeyHash, Error> {
            let number: i64 = row.try_get(0)?;
            Ok(KeyHash {
                row: usize::try_from(number - 1).unwrap_or_default(),
                halves: (row.try_get(1)?, row.try_get(2)?),
            })
        };
        found.iter().map(read).collect()
    }
}
