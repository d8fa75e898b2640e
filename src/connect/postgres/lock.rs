//! One operator at a time, wherever they sit: an advisory lock on the target, and an end to what our own dead process left there.

use super::{Address, ConnectError, is_pooled};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error};

/// The lock of a run, held for as long as this is alive.
pub struct RunLock {
    client: Client,
}

/// A session on the target that belongs to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `pg_stat_activity.pid`.
    pub pid: i32,
    /// The run that it belongs to.
    pub run: String,
    /// `HOST:PID` of the operator's process, where the name holds it.
    pub operator: Option<String>,
    /// Where it comes from, as the server sees it.
    pub address: String,
    /// What it does, where the role may see it.
    pub query: String,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else is at work on this database.
    #[error(
        "run {run} is at work on {place} from {operator}: wait for it to end, or end it there; then `cutover resume` goes on here"
    )]
    Held {
        /// The other run, or this one from another host.
        run: String,
        /// `user@host:port/database`.
        place: String,
        /// `HOST:PID`, or the address that the server sees.
        operator: String,
    },
    /// Session locks do not hold there.
    #[error(
        "{place} is a pooler in transaction mode: its sessions do not keep their backend, so that locks, settings and transactions of cutover would go astray; connect to the server itself, or to the pooler in session mode; nothing was touched"
    )]
    Pooled {
        /// `user@host:port/database`.
        place: String,
    },
    /// What this run's dead process left does not end.
    #[error(
        "session {pid} of this run on {place} still does `{query}` and would not end within {seconds} s; end it with `select pg_terminate_backend({pid})`"
    )]
    Lingers {
        /// Its pid.
        pid: i32,
        /// `user@host:port/database`.
        place: String,
        /// What it does.
        query: String,
        /// How long was waited.
        seconds: u64,
    },
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session failed.
    #[error("asking {place} for the lock of the run: {source}")]
    Session {
        /// `user@host:port/database`.
        place: String,
        /// What came back.
        source: Error,
    },
}

/// `cuto`, 1: nobody else's advisory lock.
const LOCK: &str = "1668641903, 1";
const PATIENCE: Duration = Duration::from_secs(20);

impl RunLock {
    /// Takes the lock for `run` and ends what this run's former, dead process left on the target; `on_wait` hears what is
    /// waited for. Call it only while holding the local lock of the run's directory.
    ///
    /// # Errors
    /// When another operator holds it, or an old session does not end.
    pub async fn take(address: &Address, run: &str, on_wait: &(dyn Fn(&str) + Sync)) -> Result<Self, LockError> {
        let place = address.label();
        let failed = |source| LockError::Session { place: place.clone(), source };
        let client = address.connect(&name(run)).await?;
        if is_pooled(address, &format!("cutover/{run}/probe"), &client).await? {
            return Err(LockError::Pooled { place });
        }
        let end = Instant::now() + PATIENCE;
        while !try_lock(&client).await.map_err(failed)? {
            let Some(holder) = holder(&client).await.map_err(failed)? else { continue };
            if holder.run == run && holder.is_dead_and_ours() {
                terminate(&client, &holder).await.map_err(failed)?;
            } else if holder.run != run || Instant::now() > end {
                let operator = holder.operator.unwrap_or(holder.address);
                return Err(LockError::Held { run: holder.run, place, operator });
            }
            on_wait(&format!("session {} of run {} to give up the lock", holder.pid, holder.run));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let lock = Self { client };
        lock.end_old_sessions(address, run, on_wait).await?;
        Ok(lock)
    }

    /// Whether the lock is still ours: it goes with its session.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.client.is_closed()
    }

    /// A killed client's `CREATE INDEX` goes on and appears later: whoever goes on with a run must see it end first.
    async fn end_old_sessions(
        &self,
        address: &Address,
        run: &str,
        on_wait: &(dyn Fn(&str) + Sync),
    ) -> Result<(), LockError> {
        let failed = |source| LockError::Session { place: address.label(), source };
        let end = Instant::now() + PATIENCE;
        loop {
            let left = backends(&self.client, run).await.map_err(failed)?;
            let Some(first) = left.first() else { return Ok(()) };
            if Instant::now() > end {
                return Err(LockError::Lingers {
                    pid: first.pid,
                    place: address.label(),
                    query: first.query.clone(),
                    seconds: PATIENCE.as_secs(),
                });
            }
            on_wait(&format!("session {} of this run's former process to end", first.pid));
            for backend in &left {
                terminate(&self.client, backend).await.map_err(failed)?;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl std::fmt::Debug for RunLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunLock").field("held", &self.is_held()).finish()
    }
}

impl Backend {
    /// Only a process of this very host can be seen to be gone.
    fn is_dead_and_ours(&self) -> bool {
        let Some((host, pid)) = self.operator.as_deref().and_then(|operator| operator.rsplit_once(':')) else {
            return false;
        };
        let gone =
            |pid: i32| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH);
        host == cut(&host_name(), host.len()) && pid.parse().is_ok_and(gone)
    }
}

/// `cutover/<run>/lock@HOST:PID`, in the 63 bytes that PostgreSQL keeps of it. Every role may read it in `pg_stat_activity`.
fn name(run: &str) -> String {
    let pid = std::process::id();
    let fixed = format!("cutover/{run}/lock@:{pid}").len();
    format!("cutover/{run}/lock@{}:{pid}", cut(&host_name(), 63_usize.saturating_sub(fixed)))
}

/// `HOST:PID` of this process.
#[must_use]
pub fn operator() -> String {
    format!("{}:{}", host_name(), std::process::id())
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..bytes).unwrap_or(text)
}

fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

async fn try_lock(client: &Client) -> Result<bool, Error> {
    client.query_one(&format!("select pg_catalog.pg_try_advisory_lock({LOCK})"), &[]).await?.try_get(0)
}

async fn terminate(client: &Client, backend: &Backend) -> Result<(), Error> {
    client.execute("select pg_catalog.pg_terminate_backend($1)", &[&backend.pid]).await.map(|_| ())
}

const ACTIVITY: &str = "select a.pid, a.application_name, coalesce(a.client_addr::text, 'the server''s own host'),
        pg_catalog.left(coalesce(a.query, ''), 200)
     from pg_catalog.pg_stat_activity a where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()";

async fn holder(client: &Client) -> Result<Option<Backend>, Error> {
    let sql = format!(
        "{ACTIVITY} and a.pid in (select pid from pg_catalog.pg_locks where locktype = 'advisory' and granted
            and (classid, objid) = ({LOCK}) and objsubid = 2
            and database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))"
    );
    client.query_opt(&sql, &[]).await?.as_ref().map(backend).transpose()
}

/// The sessions of `run` on the target, without the one that asks.
async fn backends(client: &Client, run: &str) -> Result<Vec<Backend>, Error> {
    let sql = format!("{ACTIVITY} and pg_catalog.starts_with(a.application_name, $1)");
    client.query(&sql, &[&format!("cutover/{run}/")]).await?.iter().map(backend).collect()
}

fn backend(row: &tokio_postgres::Row) -> Result<Backend, Error> {
    let name: String = row.try_get(1)?;
    let mut parts = name.splitn(3, '/').skip(1);
    let run = parts.next().unwrap_or(&name).to_owned();
    let operator = parts.next().and_then(|last| last.strip_prefix("lock@")).map(ToOwned::to_owned);
    Ok(Backend { pid: row.try_get(0)?, run, operator, address: row.try_get(2)?, query: row.try_get(3)? })
}
