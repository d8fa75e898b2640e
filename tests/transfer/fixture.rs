//! A source, a target, and one transfer between them.

use crate::support;
use cutover::connect::postgres::Address;
use cutover::evidence::Evidence;
use cutover::progress::{Control, ProgressSink, Wish};
use cutover::runbook::TransferOptions;
use cutover::transfer::{self, Job, Planned, TransferError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Everything that a [`Job`] borrows.
#[allow(dead_code, reason = "the folder and the wish are held for as long as the world stands")]
pub struct World {
    pub source: PathBuf,
    pub url: String,
    pub address: Address,
    pub options: TransferOptions,
    pub run: String,
    pub progress: ProgressSink,
    pub control: Control,
    pub wish: tokio::sync::watch::Sender<Wish>,
    pub folder: tempfile::TempDir,
}

impl World {
    /// `url` is the target; the source is copied into a folder of the test's own.
    pub fn new(source: &Path, url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().unwrap();
        let frozen = folder.path().join("frozen.sqlite");
        std::fs::copy(source, &frozen).unwrap();
        let (wish, control) = Control::new();
        let (progress, _) = ProgressSink::new();
        Self {
            source: frozen,
            url: url.to_owned(),
            address: Address::parse(url).unwrap(),
            options: TransferOptions::default(),
            run: format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            progress,
            control,
            wish,
            folder,
        }
    }

    /// A source and a target made by SQL.
    pub fn of(sqlite: &str, postgres: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source.sqlite");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(&format!("pragma foreign_keys = off; {sqlite}"))
            .unwrap();
        let url = support::database();
        support::psql(&url, postgres);
        Self::new(&path, &url)
    }

    pub fn job(&self) -> Job<'_> {
        Job {
            source: &self.source,
            address: &self.address,
            run: &self.run,
            options: &self.options,
            progress: &self.progress,
            control: &self.control,
            rejects_file: None,
            gate: None,
        }
    }

    pub async fn decide(&self) -> Planned {
        transfer::decide(&self.job()).await.unwrap()
    }

    pub async fn plan(&self) -> Planned {
        transfer::plan(&self.job()).await.unwrap()
    }

    pub async fn try_copy(&self) -> Result<Evidence, TransferError> {
        let planned = self.decide().await;
        transfer::copy(&self.job(), &planned).await
    }

    pub async fn copy(&self) -> Evidence {
        self.try_copy().await.unwrap()
    }

    pub fn sql(&self, sql: &str) -> String {
        support::psql(&self.url, sql)
    }

    /// The rows of every table of `public`, as one fingerprint each.
    pub fn tables(&self) -> BTreeMap<String, String> {
        fingerprints(&self.url)
    }

    /// Schema dump with the flags that pg_dump leaves out.
    pub fn schema(&self) -> String {
        schema_dump(&self.url)
    }
}

/// Count and order-independent content of every table, by the server itself; columns by name, since their order may differ.
pub fn fingerprints(url: &str) -> BTreeMap<String, String> {
    let list = support::psql(
        url,
        "select format('select %L, count(*), md5(coalesce(string_agg(r, chr(10) order by r), '''')) from (select to_jsonb(t)::text as r from %s t) q',
           c.oid::regclass::text, c.oid::regclass::text)
         from pg_class c where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace order by 1",
    );
    let all = list.lines().collect::<Vec<_>>().join(" union all ");
    if all.is_empty() {
        return BTreeMap::new();
    }
    let rows = support::psql(url, &all);
    rows.lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

pub fn schema_dump(url: &str) -> String {
    let dump = support::run(std::process::Command::new(support::program("pg_dump")).args(["--schema-only", "-d", url]));
    let dump: Vec<&str> =
        dump.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect();
    let flags = support::psql(
        url,
        "select 'trigger', tgrelid::regclass::text, tgname::text, tgenabled::text, '' from pg_trigger where not tgisinternal
         union all select 'ri', tgrelid::regclass::text, tgfoid::regproc::text, tgenabled::text, count(*)::text from pg_trigger where tgisinternal group by 2, 3, 4
         union all select 'constraint', conrelid::regclass::text, conname::text, convalidated::text,
                          concat(obj_description(oid, 'pg_constraint'), condeferrable, condeferred) from pg_constraint where conrelid <> 0
         union all select 'index', indrelid::regclass::text, indexrelid::regclass::text,
                          concat(indisclustered, indisreplident, indisvalid, indimmediate, indnullsnotdistinct),
                          concat(obj_description(indexrelid, 'pg_class'), reltablespace, reloptions)
                   from pg_index join pg_class c on c.oid = indexrelid where c.relnamespace = 'public'::regnamespace
         union all select 'column', attrelid::regclass::text, attname::text, attstattarget::text, '' from pg_attribute
                   join pg_class c on c.oid = attrelid where c.relnamespace = 'public'::regnamespace and attnum > 0
         union all select 'table', oid::regclass::text, relreplident::text, relforcerowsecurity::text, relrowsecurity::text from pg_class
                   where relnamespace = 'public'::regnamespace order by 1, 2, 3, 4, 5",
    );
    format!("{}\n{flags}", dump.join("\n"))
}

/// Fails with the lines that were lost and the lines that are new.
pub fn similar(now: &str, before: &str) {
    let (now, before): (Vec<_>, Vec<_>) = (now.lines().collect(), before.lines().collect());
    let lost: Vec<_> = before.iter().filter(|line| !now.contains(line)).collect();
    let new: Vec<_> = now.iter().filter(|line| !before.contains(line)).collect();
    assert!(now == before, "lost: {lost:#?}\nnew: {new:#?}");
}
