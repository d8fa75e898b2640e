//! Makes the schema from SQL files: all of them in one transaction.

use super::super::marker::{self, Mark};
use super::super::sql_text::{Piece, split};
use super::super::{ActionError, Context, failure, sql};
use crate::progress::{LogLevel, PartProgress};
use futures_util::SinkExt as _;
use std::path::{Path, PathBuf};
use tokio_postgres::Client;

/// Why the files cannot be run; none when they can be read and told apart.
pub(super) fn rehearse(files: &[PathBuf]) -> Result<(), String> {
    files.iter().try_for_each(|file| {
        let text = read(file).map_err(|error| error.message)?;
        split(&text).map(|_| ()).map_err(|error| format!("{}: {error}", file.display()))
    })
}

/// Runs them. The mark in the same transaction says afterwards that they are in.
pub(super) async fn run(client: &Client, context: &Context, files: &[PathBuf]) -> Result<(), ActionError> {
    sql::begin(client).await?;
    marker::set(client, context, Mark::Done).await?;
    for file in files {
        let text = read(file)?;
        let refused = |error: &dyn std::fmt::Display| ActionError::refused(format!("{}: {error}", file.display()));
        let pieces = split(&text).map_err(|error| refused(&error))?;
        let total = pieces.len() as u64;
        let part = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        for (index, piece) in pieces.into_iter().enumerate() {
            execute(client, context, &piece).await.map_err(|error| refused(&error.message))?;
            let done = index as u64 + 1;
            if done.is_multiple_of(50) || done == total {
                let unit = "statements".to_owned();
                let finished = done == total;
                context.progress.part(PartProgress {
                    part: part.clone(),
                    unit,
                    done,
                    total: Some(total),
                    bytes: 0,
                    finished,
                });
            }
        }
    }
    sql::commit(client).await
}

fn read(file: &Path) -> Result<String, ActionError> {
    std::fs::read_to_string(file).map_err(|error| ActionError::file("reading", file, &error))
}

async fn execute(client: &Client, context: &Context, piece: &Piece<'_>) -> Result<(), ActionError> {
    match piece {
        Piece::CopyIn(statement, data) => copy_in(client, statement, data).await,
        Piece::Statement(statement) if is_left_out(statement) => Ok(()),
        Piece::Statement(statement) if may_fail(statement) => {
            let attempt = format!("savepoint may_fail; {statement}");
            match client.batch_execute(&attempt).await {
                Ok(()) => Ok(()),
                Err(error) => {
                    let line = format!("left out `{}`: {}", first_line(statement), failure::sql_reason(&error));
                    context.progress.log(LogLevel::Warn, line);
                    let back = client.batch_execute("rollback to savepoint may_fail").await;
                    back.map_err(|error| ActionError::sql("going back to the savepoint", &error))
                }
            }
        }
        Piece::Statement(statement) => {
            let done = client.batch_execute(statement).await;
            done.map_err(|error| ActionError::sql(&format!("`{}`", first_line(statement)), &error))
        }
    }
}

async fn copy_in(client: &Client, statement: &str, data: &str) -> Result<(), ActionError> {
    let failed = |error| ActionError::sql(&format!("`{}`", first_line(statement)), &error);
    let sink = client.copy_in::<_, bytes::Bytes>(statement).await.map_err(failed)?;
    let mut sink = std::pin::pin!(sink);
    sink.send(bytes::Bytes::copy_from_slice(data.as_bytes())).await.map_err(failed)?;
    sink.finish().await.map_err(failed)?;
    Ok(())
}

/// Time-outs are ours to set; a transaction is under way already.
fn is_left_out(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    matches!(words.as_slice(), ["begin" | "commit" | "end", ..] | ["start", "transaction", ..])
        || matches!(words.as_slice(), ["set", name, ..] if name.ends_with("_timeout"))
}

/// Owners and rights of the database that was dumped, which need not be there in this one.
fn may_fail(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    let is_owner = lower.starts_with("alter ") && lower.contains(" owner to ");
    is_owner
        || ["grant ", "revoke ", "alter default privileges", "comment on extension"]
            .iter()
            .any(|word| lower.starts_with(word))
}

fn first_line(statement: &str) -> &str {
    statement.lines().next().unwrap_or_default()
}
