//! What has to be true before a copy touches anything.

use super::mode::Locks;
use super::session::{Fault, get, literal, rows};
use super::surroundings::standings;
use super::{Job, Planned, TransferError};
use crate::evidence::Problem;
use crate::schema::Mapping;
use std::time::Duration;
use tokio_postgres::Client;

/// How long a backend that was told to end is waited for.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// The plan's problems, all of them; what the operator has to say comes first.
pub(super) fn of_plan(planned: &Planned) -> Result<(), TransferError> {
    let problems = &planned.report.problems;
    let told = |problems: Vec<&Problem>| {
        let lines: Vec<String> = problems.iter().map(|problem| line(problem)).collect();
        format!("the copy is refused, nothing was touched:\n{}", lines.join("\n"))
    };
    let (undecided, refused): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.undecided);
    match (refused.is_empty(), undecided.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(TransferError::Undecided(told(undecided))),
        (false, _) => Err(TransferError::Refused(told(problems.iter().collect()))),
    }
}

fn line(problem: &Problem) -> String {
    if problem.subject.is_empty() {
        return format!("  {}; {}", problem.message, problem.remedy);
    }
    format!("  {}: {}; {}", problem.subject, problem.message, problem.remedy)
}

const ROLE: &str = "
SELECT pg_catalog.has_database_privilege(current_database(), 'CREATE'), current_user::text, current_database()::text";

/// The role owns the tables, may keep a ledger, and where all is to be one transaction the server has locks enough for it.
pub(super) async fn of_role(client: &Client, mapping: &Mapping, in_one: bool) -> Result<(), TransferError> {
    let tables: Vec<u32> = mapping.tables.iter().map(|table| table.target.oid).collect();
    let standings = standings(client, &tables).await.map_err(Fault::into_error)?;
    let found = rows(client, "asking what the role may do", ROLE, &[]).await.map_err(Fault::into_error)?;
    let Some(row) = found.first() else { return Ok(()) };
    let (may_create, role, database): (bool, String, String) = (get(row, 0)?, get(row, 1)?, get(row, 2)?);
    let mut reasons: Vec<String> = standings
        .iter()
        .filter(|standing| !standing.owned)
        .map(|standing| {
            format!(
                "{} is owned by {}: connect as its owner, or GRANT {} TO {role}",
                standing.table, standing.owner, standing.owner
            )
        })
        .collect();
    if !may_create {
        reasons.push(format!("the run's ledger needs a schema: GRANT CREATE ON DATABASE {database} TO {role}"));
    }
    let locks = Locks::of(client, mapping.tables.len()).await?;
    if in_one && !locks.fit() {
        reasons.push(format!(
            "one transaction over {} tables needs some {} locks and the server has {}: raise max_locks_per_transaction, load in chunks with --jobs, or in parts with --include",
            mapping.tables.len(), locks.needed, locks.room
        ));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(TransferError::Refused(format!("the copy is refused, nothing was touched:\n  {}", reasons.join("\n  "))))
}

/// Ends what a killed process of this run left at work in the server, and waits until it is gone: a CREATE INDEX goes on without its
/// client, and would appear later.
pub(super) async fn end_earlier(client: &Client, job: &Job<'_>) -> Result<(), TransferError> {
    let name = literal(&format!("cutover/{}/copy", job.run));
    end(client, &format!("pg_catalog.starts_with(application_name, {name})")).await
}

/// The same for one session's predecessor, by the session's part.
pub(super) async fn end_named(client: &Client, job: &Job<'_>, part: &str) -> Result<(), TransferError> {
    end(client, &format!("application_name = {}", literal(&format!("cutover/{}/{part}", job.run)))).await
}

async fn end(client: &Client, whose: &str) -> Result<(), TransferError> {
    let sql = format!(
        "SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
         WHERE {whose} AND datname = current_database() AND usename = current_user AND pid <> pg_catalog.pg_backend_pid()"
    );
    for row in rows(client, "ending an earlier copy of this run", &sql, &[]).await.map_err(Fault::into_error)? {
        await_end(client, get(&row, 0)?).await?;
    }
    Ok(())
}

/// The session's process on the server.
pub(super) async fn backend(client: &Client) -> Result<i32, Fault> {
    let found = rows(client, "asking for our own pid", "SELECT pg_catalog.pg_backend_pid()", &[]).await?;
    Ok(found.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default())
}

/// Waits until a backend is gone, telling it to end.
pub(super) async fn await_end(client: &Client, pid: i32) -> Result<(), TransferError> {
    let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = $1";
    let since = std::time::Instant::now();
    while !rows(client, "waiting for a backend to end", sql, &[&pid]).await.map_err(Fault::into_error)?.is_empty() {
        if since.elapsed() > ENDS_WITHIN {
            return Err(TransferError::Refused(format!(
                "an earlier session of this run (pid {pid}) does not end; end it on the server and try again"
            )));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
