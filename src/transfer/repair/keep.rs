//! The repair itself: former values kept, triggers silent meanwhile, and the ledger's entry in the same transaction.

use super::measure::{Measured, watched};
use super::subject::Subject;
use super::{Repaired, Wanted};
use crate::crash;
use crate::progress::LogLevel;
use crate::schema::quote;
use crate::transfer::session::{self, Fault, describe, get, literal, rows, run};
use crate::transfer::stage::{RESTORE_PATH, SAVE_PATH, change};
use crate::transfer::surroundings::{Standing, Trigger, standings, triggers};
use crate::transfer::{Job, TransferError, ledger, preconditions, takeoff};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio_postgres::Client;

/// The ledger's entry of a repair.
const ENTRY: &str = "repair";
/// How long a lost server is looked for after a COMMIT that was not answered.
const LOOK_FOR: u32 = 60;

/// Where the former values of a column are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptColumn {
    /// Schema of the application's table.
    pub schema: String,
    /// Name of the application's table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The key's columns, in the order of the kept table's `k0`, `k1`, ….
    pub key: Vec<String>,
    /// The table that holds `k0`, …, `before` and `after`, quoted.
    pub kept: String,
    /// How many.
    pub rows: u64,
}

/// Name of a column's kept table.
pub(super) fn kept_name(job: &Job<'_>, number: usize) -> String {
    format!("{}.repaired_{number}", quote(&job.run_schema()))
}

/// Makes the run's schema, in the transaction under way.
pub(super) async fn prepare(client: &Client, job: &Job<'_>) -> Result<(), Fault> {
    let sql = "SELECT pg_catalog.has_database_privilege(current_database(), 'CREATE'), current_database()::text, current_user::text";
    let found = rows(client, "asking what the role may do", sql, &[]).await?;
    if let Some(row) = found.first()
        && !get::<bool>(row, 0)?
    {
        return Err(TransferError::Refused(format!(
            "the former values are kept in a schema of the target, which this role may not make: GRANT CREATE ON DATABASE {} TO {}; nothing was touched",
            quote(&get::<String>(row, 1)?),
            quote(&get::<String>(row, 2)?)
        ))
        .into());
    }
    ledger::create(client, job).await
}

/// What a finished repair of this run recorded.
pub(super) async fn recorded(
    client: &Client,
    job: &Job<'_>,
    wanted: &Wanted<'_>,
) -> Result<Option<Repaired>, TransferError> {
    let Some((plan, repaired)) = entry(client, &job.run_schema()).await? else { return Ok(None) };
    if plan != plan_of(job, wanted) {
        return Err(TransferError::Refused(format!(
            "run {} has repaired already, by other settings: take its repair back first, or start a new run",
            job.run
        )));
    }
    Ok(Some(repaired))
}

/// The entry of a run's repair: by which settings, and what was done.
pub(super) async fn entry(client: &Client, schema: &str) -> Result<Option<(String, Repaired)>, TransferError> {
    if !ledger::exists(client, schema).await.map_err(Fault::into_error)? {
        return Ok(None);
    }
    let sql = format!("SELECT plan, evidence FROM {}.ledger WHERE entry = $1", quote(schema));
    let found = rows(client, "reading the ledger", &sql, &[&ENTRY]).await.map_err(Fault::into_error)?;
    let Some(row) = found.first() else { return Ok(None) };
    let repaired = serde_json::from_str(&get::<String>(row, 1)?)
        .map_err(|error| TransferError::Failed(format!("reading the ledger's repair: {error}")))?;
    Ok(Some((get(row, 0)?, repaired)))
}

fn plan_of(job: &Job<'_>, wanted: &Wanted<'_>) -> String {
    let options = job.options;
    format!(
        "{} {:?} {:?} {:?} {:?} {:?}",
        wanted.source, wanted.between, wanted.wrong, options.interval_units, options.include, options.exclude
    )
}

const LEDGERS: &str = "
SELECT n.nspname::text, pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = 'ledger' AND n.nspname LIKE 'cutover\\_%' ORDER BY 1";

/// Tells each column which rows earlier repairs wrote.
pub(super) async fn find_earlier(
    client: &Client,
    subjects: &mut [Subject],
    wanted: &Wanted<'_>,
) -> Result<(), TransferError> {
    for row in rows(client, "looking for earlier repairs", LEDGERS, &[]).await.map_err(Fault::into_error)? {
        let (schema, readable): (String, bool) = (get(&row, 0)?, get(&row, 1)?);
        if !readable {
            if wanted.source {
                continue;
            }
            return Err(TransferError::Refused(format!(
                "schema {schema} of the target may hold an earlier repair and this role may not read it: connect as the role that made it, or GRANT USAGE ON SCHEMA {0} and SELECT on its tables",
                quote(&schema)
            )));
        }
        let Some((_, repaired)) = entry(client, &schema).await? else { continue };
        for subject in subjects.iter_mut() {
            let key: Vec<&str> = subject.key.iter().map(|column| column.name.as_str()).collect();
            let same = |kept: &&KeptColumn| {
                (&kept.schema, &kept.table, &kept.column)
                    == (&subject.table.schema, &subject.table.name, &subject.column.name)
                    && kept.key == key
            };
            subject.earlier.extend(repaired.kept.iter().filter(same).map(|kept| kept.kept.clone()));
        }
    }
    Ok(())
}

/// What is put aside around the updates.
pub(super) struct Aside {
    triggers: Vec<Trigger>,
    secured: Vec<Standing>,
}

impl Aside {
    /// Silences user triggers and lets the owner pass forced row security.
    pub(super) async fn put(client: &Client, tables: &[u32]) -> Result<Self, Fault> {
        run(client, "fixing the search path", SAVE_PATH).await?;
        let standings = standings(client, tables).await?;
        let triggers = triggers(client, tables).await?;
        run(client, "giving the search path back", RESTORE_PATH).await?;
        let foreign: Vec<String> = standings
            .iter()
            .filter(|standing| !standing.owned)
            .map(|standing| format!("{} is owned by {}", standing.table, standing.owner))
            .collect();
        if !foreign.is_empty() {
            return Err(TransferError::Refused(format!(
                "triggers can be silenced by a table's owner only, and {}: connect as the owner; nothing was touched",
                foreign.join(", ")
            ))
            .into());
        }
        let secured: Vec<Standing> = standings.into_iter().filter(|standing| standing.forced_security).collect();
        for statement in secured.iter().map(takeoff::loosen_security).chain(triggers.iter().map(takeoff::silence)) {
            change(client, &statement).await?;
        }
        Ok(Self { triggers, secured })
    }

    /// Each trigger as it was. What is deferred comes first: a table with pending events cannot be altered.
    pub(super) async fn put_back(&self, client: &Client) -> Result<(), Fault> {
        run(client, "checking what is deferred", "SET CONSTRAINTS ALL IMMEDIATE").await?;
        let back = self.triggers.iter().map(takeoff::rouse).chain(self.secured.iter().map(takeoff::force_security));
        for statement in back {
            change(client, &statement).await?;
        }
        Ok(())
    }
}

/// Writes the right values, the ledger's entry, and commits.
pub(super) async fn execute(
    client: &Client,
    job: &Job<'_>,
    wanted: &Wanted<'_>,
    subjects: &[Subject],
    found: Vec<Measured>,
    mut repaired: Repaired,
) -> Result<Repaired, Fault> {
    let mut tables: Vec<u32> = subjects
        .iter()
        .zip(&found)
        .filter(|(_, measured)| measured.wrong.is_some())
        .map(|(subject, _)| subject.table.oid)
        .collect();
    tables.dedup();
    let aside = Aside::put(client, &tables).await?;
    for (number, (subject, Measured { mut repair, wrong })) in subjects.iter().zip(found).enumerate() {
        let kept = kept_name(job, number);
        if wrong.is_some() {
            write(client, job, subject, &kept, "after", repair.rows).await?;
            repair.repaired = true;
            repaired.kept.push(KeptColumn {
                schema: subject.table.schema.clone(),
                table: subject.table.name.clone(),
                column: subject.column.name.clone(),
                key: subject.key.iter().map(|column| column.name.clone()).collect(),
                rows: repair.rows,
                kept,
            });
        } else {
            run(client, "removing what was not needed", &format!("DROP TABLE IF EXISTS {kept}")).await?;
        }
        repaired.columns.push(repair);
    }
    aside.put_back(client).await?;
    record(client, job, wanted, &repaired).await?;
    commit(client, job, wanted).await?;
    Ok(repaired)
}

/// One column's values out of its kept table, each exactly once.
pub(super) async fn write(
    client: &Client,
    job: &Job<'_>,
    subject: &Subject,
    kept: &str,
    value: &str,
    expected: u64,
) -> Result<(), Fault> {
    let what = format!("writing {}", subject.label());
    let sql = subject.update(kept, value);
    crash::point("transfer.repair.write.before");
    let done = tokio::select! {
        done = client.execute(&sql, &[]) => {
            done.map_err(|error| Fault::Database { what: what.clone(), error })?
        }
        () = job.control.stopped() => return Err(crate::transfer::stage::cancelled(client, job).await),
    };
    crash::point("transfer.repair.write.after");
    if done != expected {
        return Err(TransferError::Failed(format!(
            "{what}: {expected} values were to be written and the server wrote {done}: a rule changes the statement, or the source holds a key twice; everything was rolled back"
        ))
        .into());
    }
    Ok(())
}

async fn record(client: &Client, job: &Job<'_>, wanted: &Wanted<'_>, repaired: &Repaired) -> Result<(), Fault> {
    let text = serde_json::to_string(repaired)
        .map_err(|error| TransferError::Failed(format!("writing the ledger's repair: {error}")))?;
    let sql = format!(
        "INSERT INTO {}.ledger (entry, plan, evidence) VALUES ({}, {}, {})",
        quote(&job.run_schema()),
        literal(ENTRY),
        literal(&plan_of(job, wanted)),
        literal(&text)
    );
    crash::point("transfer.repair.ledger.before");
    watched(client, job, "writing the ledger", &sql).await?;
    crash::point("transfer.repair.ledger.after");
    Ok(())
}

/// After a COMMIT without an answer, the ledger says which it was.
async fn commit(client: &Client, job: &Job<'_>, wanted: &Wanted<'_>) -> Result<(), Fault> {
    let pid = preconditions::backend(client).await?;
    crash::point("transfer.repair.commit.before");
    let committed = client.batch_execute("COMMIT").await;
    crash::point("transfer.repair.commit.after");
    match committed {
        Ok(()) => Ok(()),
        Err(error) if error.as_db_error().is_some() && !error.is_closed() => {
            Err(Fault::Database { what: "committing".to_owned(), error })
        }
        Err(error) => {
            let why = describe(&error);
            job.progress.log(LogLevel::Warn, format!("the connection was lost at COMMIT ({why}); asking the ledger"));
            Ok(ask(job, wanted, pid, &why).await?)
        }
    }
}

async fn ask(job: &Job<'_>, wanted: &Wanted<'_>, pid: i32, why: &str) -> Result<(), TransferError> {
    let mut last = why.to_owned();
    for _ in 0..LOOK_FOR {
        job.progress.waiting("the connection was lost at COMMIT; reconnecting to read the ledger");
        match is_in(job, wanted, pid).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                return Err(TransferError::Failed(format!(
                    "the connection was lost at COMMIT ({why}), and the ledger says that nothing was committed; the target is as it was"
                )));
            }
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(TransferError::Failed(format!(
        "the connection was lost at COMMIT ({why}) and the server could not be asked again ({last}): whether the repair is in is unknown; resume the run, which reads the ledger first"
    )))
}

/// The old backend has to be gone first: it may still be committing.
async fn is_in(job: &Job<'_>, wanted: &Wanted<'_>, pid: i32) -> Result<bool, TransferError> {
    let client = session::open(job, "ledger").await?;
    preconditions::await_end(&client, pid).await?;
    Ok(recorded(&client, job, wanted).await?.is_some())
}
