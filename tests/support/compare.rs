//! Two databases, compared from outside: rows by `psql`, structure by `pg_dump` and by the flags that it does not print.

use super::{program, psql, run};
use std::collections::BTreeMap;
use std::process::Command;

/// Table → row count and a digest of its rows as PostgreSQL writes them; order does not matter.
pub fn rows(url: &str) -> BTreeMap<String, String> {
    let tables = psql(
        url,
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' order by 1",
    );
    let queries: Vec<String> = tables
        .lines()
        .map(|table| {
            format!(
                "select '{}', count(*) || ' ' || coalesce(md5(string_agg(r, chr(10) order by r collate \"C\")), '') from (select t::text r from {table} t) x",
                table.replace('\'', "''")
            )
        })
        .collect();
    psql(url, &format!("set timezone = 'UTC'; {}", queries.join(" union all ")))
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(table, digest)| (table.to_owned(), digest.to_owned()))
        .collect()
}

/// `pg_dump --schema-only` without its per-run token, and the flags that a dump does not show.
pub fn structure(url: &str) -> String {
    let dump = run(Command::new(program("pg_dump")).args(["--schema-only", "-d", url]));
    let dump: Vec<&str> =
        dump.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect();
    let flags = psql(
        url,
        "select 'trigger', tgrelid::regclass, tgname, tgenabled::text from pg_trigger where not tgisinternal
         union all select 'constraint', conrelid::regclass, conname, convalidated::text from pg_constraint where conrelid <> 0
         union all select 'index', indexrelid::regclass, '', concat(indisclustered, indisreplident, indisvalid) from pg_index
           where indrelid >= 16384 and indrelid::regclass::text not like 'pg_toast%'
         union all select 'column', attrelid::regclass, attname, coalesce(attstattarget::text, '-1') from pg_attribute
           where attrelid >= 16384 and attnum > 0 and not attisdropped and attrelid::regclass::text not like 'pg_toast%'
         order by 1, 2, 3",
    );
    format!("{}\n{flags}", dump.join("\n"))
}

/// Every sequence with where it stands.
pub fn sequences(url: &str) -> String {
    psql(url, "select schemaname, sequencename, last_value from pg_sequences order by 1, 2")
}

/// Which tables differ, with both digests; empty when equal.
pub fn differing(one: &BTreeMap<String, String>, two: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = one.keys().chain(two.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != two.get(*name))
        .map(|name| format!("{name}: {:?} and {:?}", one.get(name), two.get(name)))
        .collect()
}

/// Where two texts part, with the lines around it; none when they are equal.
pub fn first_difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let parting = expected.lines().zip(found.lines()).position(|(one, two)| one != two);
    let line = parting.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
    let around = |text: &str| text.lines().skip(line.saturating_sub(3)).take(7).collect::<Vec<_>>().join("\n  ");
    Some(format!("line {line}, expected:\n  {}\nfound:\n  {}", around(expected), around(found)))
}
