//! The target made ready for the load, inside the transaction, and put back as it was.

use super::session::{Fault, check_wish, hold, interrupted, run};
use super::surroundings::{ForeignKey, Standing, TableIndex, Trigger};
use super::surroundings::{foreign_keys, indexes, standings, triggers};
use super::takeoff::{self, Statement};
use super::{Job, TransferError, locks};
use crate::crash;
use crate::progress::PartProgress;
use crate::schema::TargetTable;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

/// Below this many rows taking indexes off gains nothing.
const LARGE: u64 = 100_000;

/// For index builds and the checks of foreign keys; a session's own, so any role may set it.
const MEMORY: &str = "SET LOCAL maintenance_work_mem = '256MB'";

/// Whose rows stand in the tables when their keys are put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Loaded ones: keys that were NOT VALID are checked all the same.
    New,
    /// The former ones, which may be why a key was NOT VALID.
    Former,
}

/// A table that is to be emptied and filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled<'a> {
    pub(super) table: &'a TargetTable,
    /// How many rows will come.
    pub(super) rows: u64,
    /// Whether a `tsvector` column is left to its trigger, since no rows bring it along.
    pub(super) search_by_trigger: bool,
}

/// What stands around the loaded tables and goes before they are filled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Around {
    pub(super) secured: Vec<Standing>,
    pub(super) keys: Vec<ForeignKey>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) indexes: Vec<TableIndex>,
}

impl Around {
    /// Reads it, inside a transaction.
    pub(super) async fn read(client: &Client, filled: &[Filled<'_>]) -> Result<Self, Fault> {
        let tables: Vec<u32> = filled.iter().map(|one| one.table.oid).collect();
        let large = |one: &&Filled<'_>| one.rows >= LARGE && !one.table.partitioned;
        let large: Vec<u32> = filled.iter().filter(large).map(|one| one.table.oid).collect();
        let searching = |root: u32| filled.iter().any(|one| one.table.oid == root && one.search_by_trigger);
        // With an empty search path the server writes every name with its schema.
        run(client, "fixing the search path", SAVE_PATH).await?;
        let keys = foreign_keys(client, &tables).await?;
        let triggers = triggers(client, &tables).await?;
        let indexes = indexes(client, &large).await?;
        let secured = standings(client, &tables).await?;
        run(client, "giving the search path back", RESTORE_PATH).await?;
        Ok(Self {
            secured: secured.into_iter().filter(|standing| standing.forced_security).collect(),
            // A parent that is not loaded stays as it is, and its children are checked row by row.
            keys: keys.into_iter().filter(|key| tables.contains(&key.parent)).collect(),
            triggers: triggers.into_iter().filter(|one| !(one.fills_search && searching(one.root))).collect(),
            indexes,
        })
    }

    /// A table that is not loaded and refers to loaded rows would refer to nothing, or to other rows.
    pub(super) async fn refuse_outside(&self, client: &Client, tables: &[u32]) -> Result<(), Fault> {
        for key in self.keys.iter().filter(|key| !tables.contains(&key.child)) {
            let sql = format!("SELECT FROM {} LIMIT 1", key.child_name);
            if !super::session::rows(client, "looking into a referring table", &sql, &[]).await?.is_empty() {
                return Err(TransferError::Refused(format!(
                    "{} is not loaded, holds rows, and refers to {} by foreign key {}: load it too, or empty it; nothing was touched",
                    key.child_name, key.parent_name, key.name
                ))
                .into());
            }
        }
        if let Some(key) = self.keys.iter().find(|key| !key.plain_triggers) {
            return Err(TransferError::Refused(format!(
                "the triggers of foreign key {} of {} were disabled or changed by hand, which cannot be put back by the owner: enable them (ALTER TABLE … ENABLE TRIGGER ALL) first; nothing was touched",
                key.name, key.child_name
            ))
            .into());
        }
        Ok(())
    }
}

/// The target's tables, locked, with what stands around them.
pub(super) struct Stage {
    truncate: String,
    around: Around,
    /// What a copy in chunks took off and did not put back: it comes back with the rest.
    missing: Around,
}

impl Stage {
    /// Begins the transaction with all tables locked, and reads what stands there; nobody can change it any more.
    pub(super) async fn begin(client: &Client, job: &Job<'_>, filled: &[Filled<'_>]) -> Result<Self, Fault> {
        let tables: Vec<u32> = filled.iter().map(|one| one.table.oid).collect();
        let known = foreign_keys(client, &tables).await?;
        let outside = known.iter().filter(|key| !tables.contains(&key.child)).map(|key| key.child_name.clone());
        let locked: Vec<String> = filled.iter().map(|one| only(one.table)).chain(outside).collect();
        locks::begin_with(client, job, &locked).await?;
        let around = Around::read(client, filled).await?;
        around.refuse_outside(client, &tables).await?;
        let truncate = filled.iter().map(|one| only(one.table)).collect::<Vec<_>>().join(", ");
        Ok(Self { truncate, around, missing: Around::default() })
    }

    /// With what is off already.
    #[must_use]
    pub(super) fn with_missing(self, missing: Around) -> Self {
        Self { missing, ..self }
    }

    /// Takes off what is in the way and empties all tables at once.
    pub(super) async fn clear(&self, client: &Client, job: &Job<'_>) -> Result<(), Fault> {
        run(client, "setting the session", &format!("{MEMORY}; SET CONSTRAINTS ALL IMMEDIATE")).await?;
        let mut statements: Vec<Statement> = self.around.secured.iter().map(takeoff::loosen_security).collect();
        statements.extend(self.around.keys.iter().map(takeoff::drop_foreign_key));
        statements.extend(self.around.triggers.iter().map(takeoff::silence));
        statements.extend(self.around.indexes.iter().map(takeoff::drop_index));
        for statement in &statements {
            change(client, statement).await?;
        }
        if self.truncate.is_empty() {
            return Ok(());
        }
        check_wish(job)?;
        let what = "emptying the tables".to_owned();
        change(client, &Statement { what, sql: format!("TRUNCATE {}", self.truncate) }).await
    }

    /// Lets row security bind the owner again; after the last read of the tables.
    pub(super) async fn secure(&self, client: &Client) -> Result<(), Fault> {
        for standing in self.around.secured.iter().chain(&self.missing.secured) {
            change(client, &takeoff::force_security(standing)).await?;
        }
        Ok(())
    }

    /// Builds and puts back, in the order in which each needs the other.
    pub(super) async fn put_back(&self, client: &Client, job: &Job<'_>, given: Given) -> Result<(), Fault> {
        let indexes = self.around.indexes.iter().chain(&self.missing.indexes);
        let groups: Vec<Vec<Statement>> = indexes.map(takeoff::build_index).collect();
        work(client, job, "indexes", &groups).await?;
        let keys = self.around.keys.iter().chain(&self.missing.keys);
        let groups: Vec<Vec<Statement>> = keys.map(|key| takeoff::add_foreign_key(key, given == Given::New)).collect();
        work(client, job, "foreign keys", &groups).await?;
        for trigger in self.around.triggers.iter().chain(&self.missing.triggers) {
            change(client, &takeoff::rouse(trigger)).await?;
        }
        Ok(())
    }
}

/// For names in full, whatever the session's search path.
pub(super) const SAVE_PATH: &str =
    "SELECT pg_catalog.set_config('cutover.search_path', pg_catalog.current_setting('search_path'), true),
  pg_catalog.set_config('search_path', '', true)";
pub(super) const RESTORE_PATH: &str =
    "SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('cutover.search_path'), true)";

/// `ONLY`, so that nothing beside the named table is touched; a partitioned table is its partitions.
pub(super) fn only(table: &TargetTable) -> String {
    let name = table.quoted();
    if table.partitioned { name } else { format!("ONLY {name}") }
}

/// One change of the schema.
pub(super) async fn change(client: &Client, statement: &Statement) -> Result<(), Fault> {
    crash::point("transfer.ddl.before");
    run(client, &statement.what, &statement.sql).await?;
    crash::point("transfer.ddl.after");
    Ok(())
}

/// Long statements: progress between them, and a stop ends the one at work.
async fn work(client: &Client, job: &Job<'_>, part: &str, groups: &[Vec<Statement>]) -> Result<(), Fault> {
    let tell = |done: usize| {
        job.progress.part(PartProgress {
            part: part.to_owned(),
            unit: part.to_owned(),
            done: done as u64,
            total: Some(groups.len() as u64),
            bytes: 0,
            finished: done == groups.len(),
        });
    };
    if groups.is_empty() {
        return Ok(());
    }
    for (done, group) in groups.iter().enumerate() {
        tell(done);
        hold(job).await?;
        for statement in group {
            tokio::select! {
                result = change(client, statement) => result?,
                () = job.control.stopped() => return Err(cancelled(client, job).await),
            }
        }
    }
    tell(groups.len());
    Ok(())
}

/// Tells the server to end the statement at work, whose transaction is then rolled back.
pub(super) async fn cancelled(client: &Client, job: &Job<'_>) -> Fault {
    match job.address.cancel(&client.cancel_token()).await {
        Ok(()) => interrupted().into(),
        Err(error) => TransferError::Interrupted(format!(
            "stopped as asked; the server could not be told to cancel ({error}) and rolls back when it notices"
        ))
        .into(),
    }
}
