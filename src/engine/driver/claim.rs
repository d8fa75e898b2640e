//! One operator at a time, wherever they sit: a run holds an advisory lock on its target, and goes on only with the very
//! database it began with.

use super::context::Workshop;
use crate::connect::postgres::Address;
use crate::engine::command::Command;
use crate::engine::event::{Identity, Operator};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// How a target is claimed. A port, so that tests need no database.
#[async_trait]
pub trait Claims: Send + Sync {
    /// Claims the target for a run, for as long as the claim lives.
    ///
    /// # Errors
    /// When another run holds it, or when nobody can tell.
    async fn claim(&self, target: &Address, run: &str, operator: &Operator) -> Result<Claim, ClaimError>;
}

/// A claim, with what the target is.
pub struct Claim {
    /// Which database it is, whatever its address.
    pub identity: Identity,
    /// What holds it; let go when dropped.
    pub hold: Option<Client>,
}

/// Why there is no claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another run is at work on this target.
    #[error("the target is held by another run: {holder}; wait for it to end, or stop it there")]
    Held {
        /// `cutover/RUN/lock user@host, session 4711`.
        holder: String,
    },
    /// The target could not be asked. Steps that need it will say so in their own words.
    #[error("{0}")]
    Unreachable(String),
}

/// Claims by an advisory lock of a session.
pub struct DatabaseClaims;

/// `cutover` as a number: the first half of the advisory lock's key; the second is the database's own.
const CLASS: i32 = 0x6375_746f;

const IDENTITY: &str = "select (select system_identifier::text from pg_control_system()), oid::text, datname \
                        from pg_database where datname = current_database()";

const HOLDER: &str = "select format('%s, session %s from %s', application_name, pid, coalesce(host(client_addr), 'the server itself')) \
                      from pg_locks join pg_stat_activity using (pid) \
                      where locktype = 'advisory' and classid = $1::int4::oid and objid = 0 and granted \
                      and database = (select oid from pg_database where datname = current_database())";

/// How often, and how long apart, a lock is tried that a former process of the same run still seems to hold: the server takes a
/// moment to notice that a killed client is gone.
const TRIES: u32 = 20;
const APART: Duration = Duration::from_millis(250);

#[async_trait]
impl Claims for DatabaseClaims {
    async fn claim(&self, target: &Address, run: &str, operator: &Operator) -> Result<Claim, ClaimError> {
        let application = format!("cutover/{run}/lock {operator}");
        let client = target.connect(&application).await.map_err(|error| ClaimError::Unreachable(error.to_string()))?;
        let identity = identify(&client).await.map_err(|error| unreachable(target, &error))?;
        let mut holder = String::new();
        for _ in 0..TRIES {
            match lock(&client).await.map_err(|error| unreachable(target, &error))? {
                None => return Ok(Claim { identity, hold: Some(client) }),
                Some(other) => holder = other,
            }
            if !holder.starts_with(&format!("cutover/{run}/")) {
                break;
            }
            tokio::time::sleep(APART).await;
        }
        Err(ClaimError::Held { holder })
    }
}

/// None when the lock is ours, else who has it.
async fn lock(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    if client.query_one("select pg_try_advisory_lock($1, 0)", &[&CLASS]).await?.get(0) {
        return Ok(None);
    }
    let holder = client.query_opt(HOLDER, &[&CLASS]).await?;
    Ok(Some(holder.map_or_else(|| "one that has just ended".to_owned(), |row| row.get(0))))
}

async fn identify(client: &Client) -> Result<Identity, tokio_postgres::Error> {
    let row = client.query_one(IDENTITY, &[]).await?;
    Ok(Identity { system: row.get(0), database: row.get(1), name: row.get(2) })
}

fn unreachable(target: &Address, error: &tokio_postgres::Error) -> ClaimError {
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    ClaimError::Unreachable(format!("asking {} who it is: {reason}", target.label()))
}

/// The driver's side of it.
pub(super) struct Claiming {
    claims: Arc<dyn Claims>,
    held: Option<Claim>,
    /// The command that waits for the claim, and the claim on its way.
    pub(super) asked: Option<(Command, JoinHandle<Result<Claim, ClaimError>>)>,
    /// Commands that came meanwhile.
    pub(super) queue: VecDeque<Command>,
}

impl Claiming {
    pub(super) fn new(claims: Arc<dyn Claims>) -> Self {
        Self { claims, held: None, asked: None, queue: VecDeque::new() }
    }

    /// Whether the target is still this run's: a lock dies with its session.
    pub(super) fn stands(&self) -> bool {
        self.held.as_ref().is_some_and(|claim| claim.hold.as_ref().is_none_or(|client| !client.is_closed()))
    }

    pub(super) fn hold(&mut self, claim: Claim) {
        self.held = Some(claim);
    }

    /// Claims the target on a task of its own; `command` waits for it.
    pub(super) fn ask(&mut self, workshop: &Workshop, operator: &Operator, command: Command) {
        let (claims, target) = (self.claims.clone(), workshop.target.clone());
        let (run, operator) = (workshop.dir.id().to_owned(), operator.clone());
        let task = tokio::spawn(async move { claims.claim(&target, &run, &operator).await });
        self.asked = Some((command, task));
    }

    /// Waits for nothing any more, and drops what waited.
    pub(super) fn give_up(&mut self) {
        if let Some((_, task)) = self.asked.take() {
            task.abort();
        }
        self.queue.clear();
    }
}
