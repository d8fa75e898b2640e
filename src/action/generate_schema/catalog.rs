//! What stands in the target's catalog, so that what a step created can be told from what was there.

use super::super::{ActionError, sql};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name as SQL says it, quoted, with schema and arguments.
    pub name: String,
}

/// Kinds of objects, in the order in which they are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A table, partitioned or not.
    Table,
    /// A foreign table.
    ForeignTable,
    /// A sequence that no column owns.
    Sequence,
    /// A function, procedure or aggregate.
    Routine,
    /// An enum, range or composite type.
    Type,
    /// A domain.
    Domain,
    /// An extension with all that is in it.
    Extension,
    /// A schema.
    Schema,
}

/// A table and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// The table, as SQL says it.
    pub name: String,
    /// Rows.
    pub rows: i64,
    /// Sum of the hashes of its rows' texts: the same for the same rows in any order.
    pub digest: String,
}

/// Members of extensions come and go with them; the schemas of runs are ours.
const OBJECTS: &str = "
    with ours as (
        select oid, nspname from pg_catalog.pg_namespace
        where nspname !~ '^pg_' and nspname <> 'information_schema' and nspname !~ '^cutover_'),
    member as (select classid, objid from pg_catalog.pg_depend where deptype = 'e')
    select case c.relkind when 'v' then 'view' when 'm' then 'materialized-view' when 'S' then 'sequence'
                when 'f' then 'foreign-table' else 'table' end, pg_catalog.format('%I.%I', n.nspname, c.relname)
    from pg_catalog.pg_class c join ours n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
      and not exists (select from member m where m.classid = 'pg_catalog.pg_class'::regclass and m.objid = c.oid)
      and not (c.relkind = 'S' and exists (select from pg_catalog.pg_depend d
           where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))
    union all
    select 'routine', pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
    from pg_catalog.pg_proc p join ours n on n.oid = p.pronamespace
    where not exists (select from member m where m.classid = 'pg_catalog.pg_proc'::regclass and m.objid = p.oid)
      and not exists (select from pg_catalog.pg_depend d
           where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')
    union all
    select case t.typtype when 'd' then 'domain' else 'type' end, pg_catalog.format('%I.%I', n.nspname, t.typname)
    from pg_catalog.pg_type t join ours n on n.oid = t.typnamespace
    where (t.typtype in ('e', 'd', 'r')
           or t.typtype = 'c' and exists (select from pg_catalog.pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
      and not exists (select from member m where m.classid = 'pg_catalog.pg_type'::regclass and m.objid = t.oid)
    union all
    select 'extension', pg_catalog.quote_ident(extname) from pg_catalog.pg_extension
    union all
    select 'schema', pg_catalog.quote_ident(nspname) from ours n
    where not exists (select from member m where m.classid = 'pg_catalog.pg_namespace'::regclass and m.objid = n.oid)";

/// Everything that stands in the target.
pub(super) async fn objects(client: &Client) -> Result<BTreeSet<Object>, ActionError> {
    let failed = |error| ActionError::sql("reading the target's catalog", &error);
    let rows = client.query(OBJECTS, &[]).await.map_err(failed)?;
    rows.iter()
        .map(|row| {
            let kind: String = row.try_get(0).map_err(failed)?;
            let name: String = row.try_get(1).map_err(failed)?;
            let kind = serde_json::from_value(kind.into()).map_err(|error| ActionError::failed(error.to_string()))?;
            Ok(Object { kind, name })
        })
        .collect()
}

/// What the tables among `objects` hold.
pub(super) async fn contents(client: &Client, objects: &BTreeSet<Object>) -> Result<Vec<Contents>, ActionError> {
    let mut all = Vec::new();
    for object in objects.iter().filter(|object| object.kind == Kind::Table) {
        let sql = format!(
            "select pg_catalog.count(*), coalesce(pg_catalog.sum(pg_catalog.hashtextextended(t::pg_catalog.text, 0)::numeric), 0)::pg_catalog.text from {} t",
            object.name
        );
        let row = client.query_one(&sql, &[]).await;
        let row = row.map_err(|error| ActionError::sql(&format!("reading {}", object.name), &error))?;
        all.push(Contents { name: object.name.clone(), rows: row.get(0), digest: row.get(1) });
    }
    Ok(all)
}

/// Drops exactly these objects in one transaction, and nothing that somebody else hung on them.
pub(super) async fn drop_all(client: &Client, objects: &BTreeSet<Object>) -> Result<(), ActionError> {
    let mut left = drops(objects);
    while !left.is_empty() {
        let before = left.len();
        let mut reasons = Vec::new();
        let mut kept = Vec::new();
        for statement in left {
            savepoint(client, "savepoint one").await?;
            match client.batch_execute(&statement).await {
                Ok(()) => savepoint(client, "release savepoint one").await?,
                Err(error) => {
                    savepoint(client, "rollback to savepoint one").await?;
                    reasons.push(format!("{statement}: {}", super::super::failure::sql_reason(&error)));
                    kept.push(statement);
                }
            }
        }
        if kept.len() == before {
            return Err(ActionError::refused(format!(
                "what this step created cannot be dropped, nothing was: {}; drop by hand what depends on it, then try again",
                reasons.first().map_or("", String::as_str)
            )));
        }
        left = kept;
    }
    sql::commit(client).await
}

async fn savepoint(client: &Client, statement: &str) -> Result<(), ActionError> {
    client.batch_execute(statement).await.map_err(|error| ActionError::sql(statement, &error))
}

/// A statement for all tables, since foreign keys may go in circles, and one for each other object.
fn drops(objects: &BTreeSet<Object>) -> Vec<String> {
    let tables: Vec<&str> =
        objects.iter().filter(|object| object.kind == Kind::Table).map(|object| object.name.as_str()).collect();
    let mut statements: Vec<String> = Vec::new();
    for object in objects {
        let word = match object.kind {
            Kind::Table => continue,
            Kind::View => "view",
            Kind::MaterializedView => "materialized view",
            Kind::ForeignTable => "foreign table",
            Kind::Sequence => "sequence",
            Kind::Routine => "routine",
            Kind::Type => "type",
            Kind::Domain => "domain",
            Kind::Extension => "extension",
            Kind::Schema => "schema",
        };
        statements.push(format!("drop {word} if exists {}", object.name));
    }
    let views = objects.iter().filter(|object| object.kind < Kind::Table).count();
    if !tables.is_empty() {
        statements.insert(views, format!("drop table if exists {}", tables.join(", ")));
    }
    statements
}
