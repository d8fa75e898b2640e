//! One connection of a copy in chunks: carries tasks out, each in a transaction with its entry in the ledger, and comes back from a
//! lost connection by asking the ledger what is done.

use super::board::Board;
use super::cut::Chunk;
use super::desk::{Counted, Desk};
use super::item::Item;
use super::record::{self, Loaded};
use super::tables::Tables;
use super::task::{Sign, Task};
use crate::crash;
use crate::evidence::Evidence;
use crate::progress::LogLevel;
use crate::schema::{Mapping, TableMapping};
use crate::transfer::load::{Load, Loader, Skips, freeze};
use crate::transfer::produce::Produced;
use crate::transfer::session::{self, Fault, run};
use crate::transfer::source::Source;
use crate::transfer::stage::{Given, cancelled, change, only};
use crate::transfer::takeoff::Statement;
use crate::transfer::{TransferError, ledger, locks, preconditions, sequences};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// How often a task is begun anew after its connection was lost.
const LOSSES: u32 = 5;

/// How long a lost server is looked for, in seconds.
const LOOK_FOR: u32 = 60;

/// The worker.
pub(super) struct Worker<'a> {
    desk: &'a Desk<'a>,
    name: String,
    client: Arc<Client>,
    /// For the server's input functions, once a table needed it.
    types: Option<Arc<Client>>,
    /// Opened once it is needed. A mutex, since SQLite's handles cannot be looked at from two threads.
    source: Mutex<Option<Source>>,
    /// What the attempt at work has told of its rows.
    counted: Option<Arc<Counted>>,
}

impl<'a> Worker<'a> {
    /// Connects. Workers are numbered from 1.
    pub(super) async fn open(desk: &'a Desk<'a>, number: usize) -> Result<Self, TransferError> {
        let name = format!("copy-{number}");
        let client = Arc::new(connect(desk, &name).await?);
        Ok(Self { desk, name, client, types: None, source: Mutex::default(), counted: None })
    }

    /// Loads until nothing is left to load.
    pub(super) async fn load_all(&mut self, tables: &Tables<'_>) -> Result<(), Fault> {
        let _present = self.desk.pace.present();
        let ended = self.load_each(tables).await;
        self.or_end_all(ended)
    }

    async fn load_each(&mut self, tables: &Tables<'_>) -> Result<(), Fault> {
        loop {
            let source = self.source()?;
            let (source, task) = tables.take(self.desk.pace, source).await?;
            self.keep(source);
            let Some(task) = task else { return Ok(()) };
            self.carry_out(&task).await?;
            if tables.done(&task)
                && let Task::Load(chunk) = &task
            {
                self.desk.tell_whole(chunk.table);
            }
        }
    }

    /// Takes tasks from the board until none is left.
    pub(super) async fn do_all(&mut self, board: &Board<'_>) -> Result<(), Fault> {
        let _present = self.desk.pace.present();
        let ended = self.do_each(board).await;
        self.or_end_all(ended)
    }

    async fn do_each(&mut self, board: &Board<'_>) -> Result<(), Fault> {
        while let Some(taken) = board.take(self.desk.pace).await? {
            self.carry_out(&taken.task).await?;
            board.done(&taken);
        }
        Ok(())
    }

    /// Whoever fails ends the others.
    fn or_end_all(&self, ended: Result<(), Fault>) -> Result<(), Fault> {
        if ended.is_err() {
            self.desk.pace.end();
        }
        ended
    }

    /// One task on its own.
    pub(super) async fn alone(&mut self, task: &Task) -> Result<(), Fault> {
        let _present = self.desk.pace.present();
        self.carry_out(task).await
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn source(&self) -> Result<Source, TransferError> {
        let kept = self.source.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.map_or_else(|| Source::open(self.desk.job.source), Ok)
    }

    fn keep(&self, source: Source) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    /// Until it is done: again after a pause that broke it off, and some times after a lost connection.
    async fn carry_out(&mut self, task: &Task) -> Result<(), Fault> {
        let mut losses = 0;
        loop {
            self.desk.pace.pass().await?;
            self.counted = None;
            let Err(fault) = self.attempt(task).await else { return Ok(()) };
            if self.is_lost(&fault) {
                losses += 1;
                if losses > LOSSES {
                    return Err(fault);
                }
                self.reconnect(fault).await?;
                if self.is_done(task).await? {
                    return Ok(());
                }
                self.forget();
                continue;
            }
            self.forget();
            let _ = self.client.batch_execute("ROLLBACK").await; // a session that is gone has rolled back already
            if matches!(fault, Fault::Known(TransferError::Interrupted(_))) && self.desk.pace.goes_on() {
                continue;
            }
            return Err(self.explain(fault, task).await);
        }
    }

    /// The row that the server refused, by name, where the fault is the source's.
    async fn explain(&self, fault: Fault, task: &Task) -> Fault {
        match task {
            Task::Load(chunk) if fault.is_by_data() => self.desk.blame(fault, chunk).await,
            _ => fault,
        }
    }

    fn is_lost(&self, fault: &Fault) -> bool {
        let by_code = fault.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"));
        let unspoken = matches!(fault, Fault::Database { error, .. } if error.as_db_error().is_none());
        by_code || unspoken || self.client.is_closed() || self.types.as_ref().is_some_and(|types| types.is_closed())
    }

    /// Looks for the server, and makes sure that the lost session is gone: it may still be committing.
    async fn reconnect(&mut self, fault: Fault) -> Result<(), Fault> {
        let progress = self.desk.job.progress;
        let why = fault.into_error();
        progress.log(
            LogLevel::Warn,
            format!("connection {} was lost ({why}); reconnecting and asking the ledger", self.name),
        );
        self.types = None;
        let mut last = why;
        for _ in 0..LOOK_FOR {
            match connect(self.desk, &self.name).await {
                Ok(client) => {
                    preconditions::end_named(&client, &self.desk.job, &self.name).await?;
                    self.client = Arc::new(client);
                    progress.waiting("");
                    return Ok(());
                }
                Err(error) => last = error,
            }
            progress.waiting(format!("the server to come back: {last}"));
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = self.desk.job.control.stopped() => self.desk.pace.pass().await?,
            }
        }
        Err(last.into())
    }

    async fn is_done(&self, task: &Task) -> Result<bool, Fault> {
        let job = &self.desk.job;
        match task.sign(|table| self.desk.label(table)) {
            Sign::Entry(entry) => record::has(&self.client, job, &entry).await,
            Sign::Copy => Ok(ledger::recorded(&self.client, job, self.desk.plan()).await?.is_some()),
            Sign::None => Ok(false),
        }
    }

    async fn attempt(&mut self, task: &Task) -> Result<(), Fault> {
        let (before, after) = task.points();
        match task {
            Task::Off(item) => self.off(item).await?,
            Task::Empty(table) => self.empty(*table).await?,
            Task::Load(chunk) => self.load(chunk).await?,
            Task::Back(item) => self.back(item).await?,
            Task::Analyze(table) => return self.analyze(*table).await,
            Task::Sequences(tables) => self.sequences(tables).await?,
            Task::Finish(evidence) => self.finish(evidence).await?,
        }
        crash::point(before);
        run(&self.client, "committing", "COMMIT").await?;
        crash::point(after);
        Ok(())
    }

    async fn off(&self, item: &Item) -> Result<(), Fault> {
        let job = &self.desk.job;
        locks::begin_with(&self.client, job, &item.tables()).await?;
        change(&self.client, &item.off()).await?;
        self.desk.refuse_outside(&self.client, item).await?;
        record::strike(&self.client, job, &record::back(&item.name())).await?;
        self.entry(&record::off(&item.name()), "").await
    }

    async fn empty(&self, table: usize) -> Result<(), Fault> {
        let table = self.table(table);
        locks::begin_with(&self.client, &self.desk.job, &[only(&table.target)]).await?;
        self.truncate(table).await?;
        self.entry(&record::emptied(&table.target.label()), "").await
    }

    async fn truncate(&self, table: &TableMapping) -> Result<(), Fault> {
        let what = format!("emptying {}", table.target.label());
        change(&self.client, &Statement { what, sql: format!("TRUNCATE {}", only(&table.target)) }).await
    }

    /// The chunk's rows and its entry. A table that is one chunk is emptied in the same transaction, so that its rows may be frozen.
    async fn load(&mut self, chunk: &Chunk) -> Result<(), Fault> {
        let (desk, began) = (self.desk, Instant::now());
        let table = &desk.planned.mapping.tables[chunk.table];
        let mode = if chunk.whole { "ACCESS EXCLUSIVE" } else { "ROW EXCLUSIVE" };
        locks::begin_in_mode(&self.client, &desk.job, &[only(&table.target)], mode).await?;
        if chunk.whole {
            self.truncate(table).await?;
        }
        let produced = self.send(chunk, table).await?;
        let loaded = Loaded {
            rows_source: produced.rows_source,
            rows: produced.rows,
            bytes: produced.bytes,
            digest: produced.digest.hex(),
            seconds: began.elapsed().as_secs_f64(),
            through: chunk.through.clone(),
        };
        self.entry(&record::chunk(&table.target.label(), chunk.number), &record::json(&loaded)?).await
    }

    async fn send(&mut self, chunk: &Chunk, table: &TableMapping) -> Result<Produced, Fault> {
        let desk = self.desk;
        if chunk.whole && desk.rows(chunk.table) == 0 {
            return Ok(Produced::default());
        }
        let source = self.source()?;
        let name = format!("{}-types", self.name);
        let mut loader = Loader::of_worker(&self.client, &desk.job, name, self.types.clone());
        self.types = loader.helper(table).await?;
        let (meter, counted) = desk.meter(chunk.table);
        self.counted = Some(counted);
        let skips = Skips::Listed(desk.refused(chunk)?);
        let part = Some(chunk.part.clone());
        let load = Load { table, part, skips, meter, freeze: chunk.whole && freeze(table) };
        let (source, produced) = loader.load(source, load).await?;
        self.keep(source);
        Ok(produced)
    }

    fn forget(&self) {
        if let Some(counted) = &self.counted {
            counted.forget();
        }
    }

    async fn back(&self, item: &Item) -> Result<(), Fault> {
        let job = &self.desk.job;
        locks::begin_in_mode(&self.client, job, &item.tables(), item.lock_for_back().mode).await?;
        for statement in item.back(Given::New) {
            self.unless_stopped(change(&self.client, &statement)).await?;
        }
        record::strike(&self.client, job, &record::off(&item.name())).await?;
        self.entry(&record::back(&item.name()), "").await
    }

    /// It cannot make the copy undone, so that a failure is told and not raised.
    async fn analyze(&self, table: usize) -> Result<(), Fault> {
        let table = &self.table(table).target;
        let sql = format!("ANALYZE {}", table.quoted());
        let analyzing = run(&self.client, "analyzing", &sql);
        match self.unless_stopped(analyzing).await {
            Err(fault) if fault.code().is_some() && !self.is_lost(&fault) => {
                let line = format!("the rows are in, but {}: {}", table.label(), fault.into_error());
                self.desk.job.progress.log(LogLevel::Warn, line);
                Ok(())
            }
            done => done,
        }
    }

    async fn sequences(&self, tables: &[u32]) -> Result<(), Fault> {
        run(&self.client, "beginning the transaction", "BEGIN").await?;
        let mapping: &Mapping = &self.desk.planned.mapping;
        let findings = sequences::advance_some(&self.client, mapping, tables).await?;
        self.desk.found(findings);
        Ok(())
    }

    async fn finish(&self, evidence: &Evidence) -> Result<(), Fault> {
        let job = &self.desk.job;
        run(&self.client, "beginning the transaction", "BEGIN").await?;
        for item in self.desk.securities() {
            for statement in item.back(Given::New) {
                change(&self.client, &statement).await?;
            }
        }
        record::strike_all(&self.client, &job.run_schema()).await?;
        ledger::write(&self.client, job, self.desk.plan(), evidence).await
    }

    async fn entry(&self, entry: &str, evidence: &str) -> Result<(), Fault> {
        record::write(&self.client, &self.desk.job, entry, self.desk.plan(), evidence).await
    }

    async fn unless_stopped(&self, work: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
        tokio::select! {
            done = work => done,
            () = self.desk.job.control.stopped() => Err(cancelled(&self.client, &self.desk.job).await),
        }
    }

    fn table(&self, place: usize) -> &'a TableMapping {
        &self.desk.planned.mapping.tables[place]
    }
}

async fn connect(desk: &Desk<'_>, name: &str) -> Result<Client, TransferError> {
    let client = session::open(&desk.job, name).await?;
    // What was answered is counted as done here, so that a crash of the server must not take it away, whatever the database's default.
    let settings = format!("SET synchronous_commit = on; SET maintenance_work_mem = '{}MB'", desk.build_memory());
    run(&client, "setting the session", &settings).await.map_err(Fault::into_error)?;
    Ok(client)
}
