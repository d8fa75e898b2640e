//! One operator at a time, wherever they sit: a run holds an advisory lock on its target, and goes on only with the very
//! database it began with.

use super::context::Workshop;
use crate::connect::postgres::{Address, LockError, RunLock};
use crate::engine::command::Command;
use crate::engine::event::Identity;
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// How a target is claimed. A port, so that tests need no database.
#[async_trait]
pub trait Claims: Send + Sync {
    /// Claims the target for a run, for as long as the claim lives.
    ///
    /// # Errors
    /// When another run holds it, or when nobody can tell.
    async fn claim(&self, target: &Address, run: &str) -> Result<Claim, ClaimError>;
}

/// A claim, with what the target is.
pub struct Claim {
    /// Which database it is, whatever its address.
    pub identity: Identity,
    /// What holds it; let go when dropped.
    pub hold: Option<RunLock>,
}

/// Why there is no claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another run is at work on this target, or something of this one that does not end.
    #[error("{0}")]
    Held(String),
    /// The target could not be asked. Steps that need it will say so in their own words.
    #[error("{0}")]
    Unreachable(String),
}

/// Claims by the run's advisory lock.
pub struct DatabaseClaims;

#[async_trait]
impl Claims for DatabaseClaims {
    async fn claim(&self, target: &Address, run: &str) -> Result<Claim, ClaimError> {
        let hear = |what: &str| tracing::info!("waiting for {what}");
        let lock = RunLock::take(target, run, &hear).await.map_err(|error| match error {
            LockError::Held { .. } | LockError::Lingers { .. } | LockError::Pooled { .. } => {
                ClaimError::Held(error.to_string())
            }
            LockError::Connect(_) | LockError::Session { .. } => ClaimError::Unreachable(error.to_string()),
        })?;
        let client = target.connect(&format!("cutover/{run}/identity")).await;
        let client = client.map_err(|error| ClaimError::Unreachable(error.to_string()))?;
        let identity = identify(&client).await.map_err(|error| unreachable(target, &error))?;
        Ok(Claim { identity, hold: Some(lock) })
    }
}

/// The server's system identifier is what its control file says; a role that may not read that knows the database by oid and name.
async fn identify(client: &Client) -> Result<Identity, tokio_postgres::Error> {
    const MAY: &str = "select pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute')";
    const SYSTEM: &str = "select system_identifier::text from pg_catalog.pg_control_system()";
    const DATABASE: &str = "select oid::text, datname::text from pg_catalog.pg_database \
                            where datname = pg_catalog.current_database()";
    let may: bool = client.query_one(MAY, &[]).await?.try_get(0)?;
    let system = if may { client.query_one(SYSTEM, &[]).await?.try_get(0)? } else { String::new() };
    let row = client.query_one(DATABASE, &[]).await?;
    Ok(Identity { system, database: row.try_get(0)?, name: row.try_get(1)? })
}

fn unreachable(target: &Address, error: &tokio_postgres::Error) -> ClaimError {
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    ClaimError::Unreachable(format!("asking {} which database it is: {reason}", target.label()))
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
        self.held.as_ref().is_some_and(|claim| claim.hold.as_ref().is_none_or(RunLock::is_held))
    }

    pub(super) fn hold(&mut self, claim: Claim) {
        self.held = Some(claim);
    }

    /// Claims the target on a task of its own; `command` waits for it.
    pub(super) fn ask(&mut self, workshop: &Workshop, command: Command) {
        let (claims, target) = (self.claims.clone(), workshop.target.clone());
        let run = workshop.dir.id().to_owned();
        let task = tokio::spawn(async move { claims.claim(&target, &run).await });
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
