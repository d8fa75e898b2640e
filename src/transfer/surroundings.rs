//! What stands around the tables to be loaded: foreign keys, triggers, indexes, row security, owners. Read from
//! `pg_constraint`, `pg_trigger`, `pg_index` and `pg_class` (<https://www.postgresql.org/docs/current/catalogs.html>), with the
//! definitions as the server writes them.

use super::TransferError;
use super::session::{Fault, get, rows};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

/// A foreign key of, or onto, the tables to be loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) child: u32,
    pub(super) parent: u32,
    /// Quoted, schema-qualified.
    pub(super) child_name: String,
    pub(super) parent_name: String,
    pub(super) child_columns: Vec<String>,
    pub(super) parent_columns: Vec<String>,
    pub(super) definition: String,
    pub(super) comment: Option<String>,
    pub(super) validated: bool,
    /// Whether its own triggers are as PostgreSQL makes them.
    pub(super) plain_triggers: bool,
    /// Whether a child's values have to stand in one row of the parent, cell by cell: not so where it is NOT ENFORCED or over a PERIOD,
    /// which PostgreSQL has since version 18, nor without regard to case.
    pub(super) by_value: bool,
}

const FOREIGN_KEYS: &str = "
SELECT k.conname::text, k.conrelid, k.confrelid, k.conrelid::regclass::text, k.confrelid::regclass::text,
  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, o)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o),
  pg_catalog.pg_get_constraintdef(k.oid), pg_catalog.obj_description(k.oid, 'pg_constraint'), k.convalidated,
  NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O'),
  coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
                    WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
                      AND (t.typname = 'citext' OR NOT l.collisdeterministic))
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = ANY ($1::oid[]) OR k.confrelid = ANY ($1::oid[]))
ORDER BY k.oid";

pub(super) async fn foreign_keys(client: &Client, tables: &[u32]) -> Result<Vec<ForeignKey>, Fault> {
    let found = rows(client, "reading foreign keys", FOREIGN_KEYS, &[&tables]).await?;
    let read = |row| -> Result<ForeignKey, TransferError> {
        Ok(ForeignKey {
            name: get(row, 0)?,
            child: get(row, 1)?,
            parent: get(row, 2)?,
            child_name: get(row, 3)?,
            parent_name: get(row, 4)?,
            child_columns: get(row, 5)?,
            parent_columns: get(row, 6)?,
            definition: get(row, 7)?,
            comment: get(row, 8)?,
            validated: get(row, 9)?,
            plain_triggers: get(row, 10)?,
            by_value: get(row, 11)?,
        })
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}

/// The keys that loaded rows have to hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Keys {
    pub(super) unique: Vec<UniqueKey>,
    pub(super) references: Vec<ForeignKey>,
}

impl Keys {
    pub(super) async fn read(client: &Client, tables: &[u32]) -> Result<Self, Fault> {
        Ok(Self { unique: unique_keys(client, tables).await?, references: foreign_keys(client, tables).await? })
    }
}

/// A unique constraint or index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UniqueKey {
    pub(super) table: u32,
    pub(super) name: String,
    /// All that it reads.
    pub(super) columns: Vec<String>,
    pub(super) nulls_equal: bool,
    /// Where only the server can say what is equal.
    pub(super) by_server: Option<ByServer>,
}

/// A key over expressions, over part of the table, or without regard to case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ByServer {
    pub(super) expressions: Vec<String>,
    pub(super) predicate: Option<String>,
}

/// `pg_get_indexdef` says a column's expression without its collation. What an expression or predicate reads is in `pg_depend`.
const UNIQUE_KEYS: &str = "
SELECT i.indrelid, c.relname::text,
  ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(n, o)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n
        WHERE u.o <= i.indnkeyatts ORDER BY u.o)
  || ARRAY(SELECT DISTINCT a.attname::text FROM pg_catalog.pg_depend d
           JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
             AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
             AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid
             AND d.refobjsubid > 0 AND a.attnum <> ALL (i.indkey::int2[])),
  coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
  i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    OR EXISTS (SELECT FROM unnest(i.indcollation::oid[]) u(n) JOIN pg_catalog.pg_collation l ON l.oid = u.n
               WHERE NOT l.collisdeterministic)
    OR EXISTS (SELECT FROM unnest(i.indclass::oid[]) u(n) JOIN pg_catalog.pg_opclass o ON o.oid = u.n
               JOIN pg_catalog.pg_type t ON t.oid = o.opcintype WHERE t.typname = 'citext'),
  ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, u.o::int, false)
               || coalesce(' COLLATE ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname), '')
        FROM unnest(i.indcollation::oid[]) WITH ORDINALITY u(n, o)
        LEFT JOIN pg_catalog.pg_collation l ON l.oid = u.n AND l.collname <> 'default'
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
        WHERE u.o <= i.indnkeyatts ORDER BY u.o),
  pg_catalog.pg_get_expr(i.indpred, i.indrelid)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indisvalid
ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid";

async fn unique_keys(client: &Client, tables: &[u32]) -> Result<Vec<UniqueKey>, Fault> {
    let found = rows(client, "reading unique indexes", UNIQUE_KEYS, &[&tables]).await?;
    let read = |row| -> Result<UniqueKey, TransferError> {
        let by_server = ByServer { expressions: get(row, 5)?, predicate: get(row, 6)? };
        Ok(UniqueKey {
            table: get(row, 0)?,
            name: get(row, 1)?,
            columns: get(row, 2)?,
            nulls_equal: get(row, 3)?,
            by_server: get::<bool>(row, 4)?.then_some(by_server),
        })
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}

/// A trigger that would fire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trigger {
    /// Quoted, schema-qualified.
    pub(super) table: String,
    pub(super) name: String,
    /// Whether it is `ENABLE ALWAYS` and not plainly enabled.
    pub(super) always: bool,
    /// The table's oid, or its root's where it is a partition.
    pub(super) root: u32,
    /// Whether it is a BEFORE INSERT trigger of a row in a table that has a `tsvector` column.
    pub(super) fills_search: bool,
}

/// `tgtype`: bit 0 row, bit 1 before, bit 2 insert (`pg_trigger.h`).
const TRIGGERS: &str = "
SELECT t.tgrelid::regclass::text, t.tgname::text, t.tgenabled = 'A',
  (t.tgtype & 7) = 7 AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = t.tgrelid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      AND a.atttypid = 'pg_catalog.tsvector'::regtype),
  coalesce(pg_catalog.pg_partition_root(t.tgrelid), t.tgrelid)::oid
FROM pg_catalog.pg_trigger t
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
  AND t.tgrelid IN (SELECT p.relid FROM unnest($1::oid[]) r(oid), LATERAL pg_catalog.pg_partition_tree(r.oid) p
                    UNION SELECT unnest($1::oid[]))
ORDER BY t.oid";

pub(super) async fn triggers(client: &Client, tables: &[u32]) -> Result<Vec<Trigger>, Fault> {
    let found = rows(client, "reading triggers", TRIGGERS, &[&tables]).await?;
    let read = |row| -> Result<Trigger, TransferError> {
        Ok(Trigger {
            table: get(row, 0)?,
            name: get(row, 1)?,
            always: get(row, 2)?,
            fills_search: get(row, 3)?,
            root: get(row, 4)?,
        })
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}

/// An index that can be put back exactly.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TableIndex {
    pub(super) table_oid: u32,
    /// Quoted, schema-qualified.
    pub(super) table: String,
    pub(super) name: String,
    pub(super) schema: String,
    pub(super) definition: String,
    /// The name and definition of the PRIMARY KEY or UNIQUE constraint that it serves.
    pub(super) constraint: Option<(String, String)>,
    pub(super) comment: Option<String>,
    pub(super) constraint_comment: Option<String>,
    pub(super) clustered: bool,
    pub(super) tablespace: Option<String>,
    /// Column number and statistics target.
    pub(super) statistics: Vec<(i16, i32)>,
}

/// Left on: replica identities, exclusion constraints, indexes that a foreign key or anything else depends on, that belong to an
/// extension, or that the role may not create again. Primary keys come off with the others: their columns stay NOT NULL, and of a
/// million rows in order 0.3 s build the key that takes 0.8 to 1.3 s when it is kept up row by row.
const INDEXES: &str = "
SELECT i.indrelid::regclass::text, c.relname::text, n.nspname::text, pg_catalog.pg_get_indexdef(i.indexrelid),
  k.conname::text, pg_catalog.pg_get_constraintdef(k.oid), pg_catalog.obj_description(i.indexrelid, 'pg_class'),
  pg_catalog.obj_description(k.oid, 'pg_constraint'), i.indisclustered, s.spcname::text,
  ARRAY(SELECT a.attnum FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum),
  ARRAY(SELECT a.attstattarget::int4 FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum), i.indrelid
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
WHERE i.indrelid = ANY ($1::oid[]) AND c.relkind = 'i' AND NOT c.relispartition
  AND i.indisvalid AND i.indisready AND NOT i.indisreplident AND NOT i.indisexclusion
  AND (k.oid IS NULL OR (k.contype IN ('p', 'u') AND c.reloptions IS NULL))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indexrelid)
       OR (d.refclassid = 'pg_catalog.pg_constraint'::regclass AND d.refobjid = k.oid AND d.objid <> i.indexrelid)
       OR (d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid AND d.deptype IN ('e', 'x')))
  AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')
  AND (c.reltablespace = 0 OR pg_catalog.has_tablespace_privilege(c.reltablespace, 'CREATE'))
ORDER BY i.indexrelid";

pub(super) async fn indexes(client: &Client, tables: &[u32]) -> Result<Vec<TableIndex>, Fault> {
    let found = rows(client, "reading indexes", INDEXES, &[&tables]).await?;
    let read = |row| -> Result<TableIndex, TransferError> {
        let numbers: Vec<i16> = get(row, 10)?;
        let targets: Vec<i32> = get(row, 11)?;
        Ok(TableIndex {
            table_oid: get(row, 12)?,
            table: get(row, 0)?,
            name: get(row, 1)?,
            schema: get(row, 2)?,
            definition: get(row, 3)?,
            constraint: get::<Option<String>>(row, 4)?.zip(get(row, 5)?),
            comment: get(row, 6)?,
            constraint_comment: get(row, 7)?,
            clustered: get(row, 8)?,
            tablespace: get(row, 9)?,
            statistics: numbers.into_iter().zip(targets).collect(),
        })
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}

/// What the role may do with a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) table: String,
    pub(super) owner: String,
    pub(super) owned: bool,
    /// Whether row security binds even the owner, and the role cannot pass it by.
    pub(super) forced_security: bool,
}

const STANDING: &str = "
SELECT c.oid::regclass::text, pg_catalog.pg_get_userbyid(c.relowner)::text, pg_catalog.pg_has_role(c.relowner, 'USAGE'),
  c.relrowsecurity AND c.relforcerowsecurity
    AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user)
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[]) ORDER BY 1";

pub(super) async fn standings(client: &Client, tables: &[u32]) -> Result<Vec<Standing>, Fault> {
    let found = rows(client, "reading owners", STANDING, &[&tables]).await?;
    let read = |row| -> Result<Standing, TransferError> {
        Ok(Standing { table: get(row, 0)?, owner: get(row, 1)?, owned: get(row, 2)?, forced_security: get(row, 3)? })
    };
    Ok(found.iter().map(read).collect::<Result<_, _>>()?)
}
