//! One operator at a time, wherever they sit: a run holds an advisory lock on its target, and goes on only with the very
//! database it began with.

use super::context::Workshop;
use crate::action::ActionError;
use crate::connect::postgres::{Address, LockError, RunLock};
use crate::engine::command::Command;
use crate::engine::event::Identity;
use crate::evidence::FailureKind;
use crate::progress::{Control, LogLevel, ProgressSink};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;
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

impl Beforehand {
    /// Claims the target and hands the claim over; without an answer the work goes on, and says in its own words what it lacks.
    pub(super) async fn take(
        self,
        over: oneshot::Sender<Claim>,
        progress: &ProgressSink,
        control: &Control,
    ) -> Result<(), ActionError> {
        let claimed = tokio::select! {
            claimed = self.claims.claim(&self.target, &self.run) => claimed,
            () = control.stopped() => {
                let why = "asking for the lock of the run was stopped as asked";
                return Err(ActionError::new(FailureKind::Interrupted, why));
            }
        };
        match (claimed, &self.known) {
            (Ok(claim), Some(known)) if *known != claim.identity => {
                Err(ActionError::new(FailureKind::Refused, other_target(&known.name, &claim.identity.name)))
            }
            (Ok(claim), _) => {
                // A driver that is gone holds nothing.
                let _ = over.send(claim);
                Ok(())
            }
            (Err(ClaimError::Held(why)), _) => Err(ActionError::new(FailureKind::Refused, why)),
            (Err(ClaimError::Unreachable(why)), _) => {
                progress.log(LogLevel::Warn, why);
                Ok(())
            }
        }
    }
}

/// Why a run does not go on with another database than it began with.
pub(super) fn other_target(known: &str, given: &str) -> String {
    format!(
        "this run began with another database than the address given now leads to ({known} then, {given} now, on another server or \
         made anew since); nothing was touched: give the former address, or begin another run"
    )
}

/// The driver's side of it.
pub(super) struct Claiming {
    claims: Arc<dyn Claims>,
    held: Option<Claim>,
    /// The command that waits for the claim, and the claim on its way.
    pub(super) asked: Option<(Command, JoinHandle<Result<Claim, ClaimError>>)>,
    /// Commands that came meanwhile.
    pub(super) queue: VecDeque<Command>,
    /// Whether asking again may help: something has been done since nobody answered.
    due: bool,
}

/// A claim that a step's work takes first: when the run began, or went on, nobody could be asked, or the lock went with its session.
pub(super) struct Beforehand {
    claims: Arc<dyn Claims>,
    target: Arc<Address>,
    run: String,
    known: Option<Identity>,
}

impl Claiming {
    pub(super) fn new(claims: Arc<dyn Claims>) -> Self {
        Self { claims, held: None, asked: None, queue: VecDeque::new(), due: true }
    }

    /// Whether the target is still this run's: a lock dies with its session.
    pub(super) fn stands(&self) -> bool {
        self.held.as_ref().is_some_and(|claim| claim.hold.as_ref().is_none_or(RunLock::is_held))
    }

    pub(super) fn hold(&mut self, claim: Claim) {
        (self.held, self.due) = (Some(claim), true);
    }

    /// Nobody answered.
    pub(super) fn missed(&mut self) {
        self.due = false;
    }

    /// A step has ended well, or is taken back: who could not be reached before may be now.
    pub(super) fn moved_on(&mut self) {
        self.due = true;
    }

    /// What the next work has to do first; nothing while the target is this run's, or where nobody would answer again.
    pub(super) fn beforehand(&mut self, workshop: &Workshop, known: Option<&Identity>) -> Option<Beforehand> {
        if !self.due || self.stands() {
            return None;
        }
        self.due = false;
        let (claims, target) = (self.claims.clone(), workshop.target.clone());
        Some(Beforehand { claims, target, run: workshop.dir.id().to_owned(), known: known.cloned() })
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
