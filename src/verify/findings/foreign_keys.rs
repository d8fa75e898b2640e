//! Every foreign key by anti-join. `convalidated` says only what somebody believed once: under
//! `session_replication_role = replica` orphans slip in behind it.

use super::{count, failed, oids, passed, unknown};
use crate::evidence::Finding;
use crate::schema::{Mapping, quote};
use tokio_postgres::{Client, Error, Row};

const FOREIGN_KEYS: &str = "
SELECT k.conname::text, cn.nspname::text, c.relname::text, pn.nspname::text, p.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place),
       k.confmatchtype = 'f', k.convalidated, coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND (k.conrelid = ANY ($1::oid[]) OR k.confrelid = ANY ($1::oid[]))
ORDER BY 2, 3, 1";

/// Orphans that are named as examples.
const EXAMPLES: usize = 5;

struct ForeignKey {
    name: String,
    child: (String, String),
    parent: (String, String),
    columns: Vec<String>,
    referenced: Vec<String>,
    match_full: bool,
    validated: bool,
    /// Whether the last column is a period that the parent's rows have to cover together (PostgreSQL 18).
    period: bool,
}

pub(super) async fn check(client: &Client, mapping: &Mapping) -> Vec<Finding> {
    let rows = match client.query(FOREIGN_KEYS, &[&oids(mapping)]).await {
        Ok(rows) => rows,
        Err(error) => return vec![unknown("foreign keys", &error)],
    };
    let mut findings = Vec::new();
    let (mut held, mut believed) = (0, 0);
    for key in rows.iter().filter_map(|row| read(row).ok()) {
        match orphans(client, &key).await {
            Ok(None) => {
                held += 1;
                believed += u32::from(!key.validated);
            }
            Ok(Some(finding)) => findings.push(finding),
            Err(error) => findings.push(unknown(&key.check(), &error)),
        }
    }
    if held > 0 {
        let marked = if believed > 0 { format!("; {believed} of them are marked NOT VALID") } else { String::new() };
        findings.push(passed("foreign keys", format!("{held} hold, each asked by anti-join{marked}")));
    }
    findings
}

fn read(row: &Row) -> Result<ForeignKey, Error> {
    Ok(ForeignKey {
        name: row.try_get(0)?,
        child: (row.try_get(1)?, row.try_get(2)?),
        parent: (row.try_get(3)?, row.try_get(4)?),
        columns: row.try_get(5)?,
        referenced: row.try_get(6)?,
        match_full: row.try_get(7)?,
        validated: row.try_get(8)?,
        period: row.try_get(9)?,
    })
}

impl ForeignKey {
    fn check(&self) -> String {
        format!("foreign key {} of {}.{}", self.name, self.child.0, self.child.1)
    }

    /// `FROM child WHERE it refers to something that is not there`.
    fn orphans(&self) -> String {
        let present: Vec<String> = self.columns.iter().map(|name| format!("c.{} IS NOT NULL", quote(name))).collect();
        let mut pairs: Vec<(&String, &String)> = self.columns.iter().zip(&self.referenced).collect();
        let period = if self.period { pairs.pop() } else { None };
        let equal: Vec<String> =
            pairs.iter().map(|(own, other)| format!("p.{} = c.{}", quote(other), quote(own))).collect();
        let parents =
            format!("FROM {}.{} p WHERE {}", quote(&self.parent.0), quote(&self.parent.1), equal.join(" AND "));
        let covered = match period {
            None => format!("EXISTS (SELECT {parents})"),
            Some((own, other)) => format!(
                "coalesce(c.{} <@ (SELECT pg_catalog.range_agg(p.{}) {parents}), false)",
                quote(own),
                quote(other)
            ),
        };
        let half = if self.match_full && self.columns.len() > 1 {
            format!(" OR (({}) AND NOT ({}))", present.join(" OR "), present.join(" AND "))
        } else {
            String::new()
        };
        format!(
            "FROM {}.{} c WHERE ({} AND NOT {covered}){half}",
            quote(&self.child.0),
            quote(&self.child.1),
            present.join(" AND "),
        )
    }
}

async fn orphans(client: &Client, key: &ForeignKey) -> Result<Option<Finding>, Error> {
    let orphans = key.orphans();
    let total = count(client, &format!("SELECT count(*) {orphans}")).await?;
    if total == 0 {
        return Ok(None);
    }
    let values: Vec<String> = key.columns.iter().map(|name| format!("c.{}::text", quote(name))).collect();
    let sql = format!("SELECT DISTINCT concat_ws(', ', {}) {orphans} ORDER BY 1 LIMIT {EXAMPLES}", values.join(", "));
    let examples: Vec<String> = client.query(&sql, &[]).await?.iter().filter_map(|row| row.try_get(0).ok()).collect();
    let detail = format!(
        "{total} rows of {}.{} refer by ({}) to rows of {}.{} that are not there: {}{}",
        key.child.0,
        key.child.1,
        key.columns.join(", "),
        key.parent.0,
        key.parent.1,
        examples.join("; "),
        if key.validated { ", although the constraint is marked valid" } else { "" }
    );
    let remedy = "load the missing parents, or remove these rows; then ALTER TABLE … VALIDATE CONSTRAINT".to_owned();
    Ok(Some(failed(key.check(), detail, remedy)))
}
