//! Whether a pooler that hands out server sessions by transaction stands in between: session locks, settings and prepared
//! statements go astray there, and work would hang or fail half way.

use super::{Address, ConnectError};
use std::time::Duration;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// A pooler that has no second server session to give lets one wait for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a session does not keep its backend, seen by `client` changing it while a second session keeps one busy. Asked in the
/// simple protocol, since poolers of that mode lose prepared statements. Settings that ours left on the pooler's sessions are
/// taken back.
///
/// # Errors
/// When no second session can be had.
pub async fn is_pooled(address: &Address, application: &str, client: &Client) -> Result<bool, ConnectError> {
    let other = address.connect(application).await?;
    let pooled = !matches!(tokio::time::timeout(PATIENCE, keep_backends(client, &other)).await, Ok(Ok(true)));
    if pooled {
        // Nobody is told when this fails: the pooler has then ended the sessions itself.
        let _ = tokio::time::timeout(PATIENCE, hand_back(client, &other)).await;
    }
    Ok(pooled && !client.is_closed())
}

async fn keep_backends(client: &Client, other: &Client) -> Result<bool, Error> {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        mine.push(backend(client).await?);
        other.batch_execute("BEGIN").await?;
        theirs.push(backend(other).await?);
        mine.push(backend(client).await?);
        other.batch_execute("COMMIT").await?;
    }
    let one = |seen: &[String]| seen.iter().all(|pid| *pid == seen[0]);
    Ok(one(&mine) && one(&theirs) && mine[0] != theirs[0])
}

async fn backend(client: &Client) -> Result<String, Error> {
    let answer = client.simple_query("SELECT pg_catalog.pg_backend_pid()").await?;
    let pid = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    });
    Ok(pid.unwrap_or_default())
}

/// Both at once, so that they are two backends.
async fn hand_back(client: &Client, other: &Client) -> Result<(), Error> {
    let _ = other.batch_execute("ROLLBACK").await;
    client.batch_execute("BEGIN; RESET ALL").await?;
    other.batch_execute("BEGIN; RESET ALL; COMMIT").await?;
    client.batch_execute("COMMIT").await
}
