//! A mark in the target that says that a step's transaction is in: written in the same transaction, so that after a crash nobody
//! has to guess. It lives in the schema of the run.

use super::{ActionError, Context};
use crate::schema::quote;
use crate::transfer::run_schema;
use tokio_postgres::Client;

fn table(context: &Context) -> String {
    format!("{}.steps", quote(&run_schema(&context.run)))
}

/// Which of a step's two transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Done,
    Undone,
}

impl Mark {
    fn name(self, context: &Context) -> String {
        match self {
            Self::Done => context.step.id.0.clone(),
            Self::Undone => format!("undo of {}", context.step.id),
        }
    }

    fn other(self) -> Self {
        if self == Self::Done { Self::Undone } else { Self::Done }
    }
}

/// Whether that transaction is the last that is in.
pub(super) async fn is_set(client: &Client, context: &Context, mark: Mark) -> Result<bool, ActionError> {
    let failed = |error| ActionError::sql("looking for the step's mark in the target", &error);
    let there = client.query_one("select pg_catalog.to_regclass($1) is not null", &[&table(context)]).await;
    if !there.map_err(failed)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let sql = format!("select pg_catalog.count(*) from {} where step = $1", table(context));
    let count: i64 = client.query_one(&sql, &[&mark.name(context)]).await.map_err(failed)?.get(0);
    Ok(count > 0)
}

/// Sets the mark in the transaction under way, and takes the other one away.
pub(super) async fn set(client: &Client, context: &Context, mark: Mark) -> Result<(), ActionError> {
    let schema = quote(&run_schema(&context.run));
    let table = table(context);
    // Asked first: `if not exists` wants the right to create one even where it is there.
    let there = client.query_one("select pg_catalog.to_regclass($1) is not null", &[&table]).await;
    let failed = |error| ActionError::sql(&format!("marking the step in schema {schema} of the target"), &error);
    if !there.map_err(failed)?.get::<_, bool>(0) {
        let sql =
            format!("create schema if not exists {schema}; create table {table} (step pg_catalog.text primary key)");
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    let sql = format!("insert into {table} values ($1) on conflict do nothing");
    client.execute(&sql, &[&mark.name(context)]).await.map_err(failed)?;
    let sql = format!("delete from {table} where step = $1");
    client.execute(&sql, &[&mark.other().name(context)]).await.map_err(failed)?;
    Ok(())
}

/// Takes the done mark away in the transaction under way, and the run's schema with it when nothing else is in it.
pub(super) async fn clear(client: &Client, context: &Context) -> Result<(), ActionError> {
    let failed = |error| ActionError::sql("taking the step's mark away", &error);
    let table = table(context);
    let there = client.query_one("select pg_catalog.to_regclass($1) is not null", &[&table]).await;
    if !there.map_err(failed)?.get::<_, bool>(0) {
        return Ok(());
    }
    let sql = format!("delete from {table} where step = $1");
    client.execute(&sql, &[&Mark::Done.name(context)]).await.map_err(failed)?;
    let sql = format!(
        "select not exists (select from {table}) and 1 = (select pg_catalog.count(*) from pg_catalog.pg_class
           where relnamespace = (select oid from pg_catalog.pg_namespace where nspname = $1) and relkind in ('r', 'p'))"
    );
    let schema = run_schema(&context.run);
    if client.query_one(&sql, &[&schema]).await.map_err(failed)?.get::<_, bool>(0) {
        let sql = format!("drop table {table}; drop schema {}", quote(&schema));
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    Ok(())
}
