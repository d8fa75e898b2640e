//! A fresh instance of the application makes its schema, or SQL files do, until the migration level equals the source's.

mod catalog;
mod files;
mod pod;

use super::job::Load;
use super::marker::{self, Mark};
use super::process::{self, Plan};
use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen, sql};
use crate::connect::kubernetes::{Permission, names};
use crate::evidence::{Evidence, Finding, LevelComparison, PlanReport};
use crate::figures;
use crate::runbook::settings;
use async_trait::async_trait;
use catalog::{Contents, Object};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// The action.
pub(super) struct GenerateSchema(pub settings::GenerateSchema);

/// What stood there before.
#[derive(Serialize, Deserialize)]
struct Before {
    objects: BTreeSet<Object>,
}

/// What the step left.
#[derive(Default, Serialize, Deserialize)]
struct Left {
    created: BTreeSet<Object>,
    contents: Vec<Contents>,
}

/// What the target's schema is like now.
struct Standing {
    tables: usize,
    objects: usize,
    level: Option<LevelComparison>,
}

const TIMEOUT: u64 = 600;
const BETWEEN: Duration = Duration::from_millis(700);
/// Looks at an equal level until it counts.
const STEADY: u32 = 3;
/// Looks at an unchanging catalog until it counts, where no level can be compared.
const STEADY_WITHOUT_LEVEL: u32 = 15;

#[async_trait]
impl Action for GenerateSchema {
    fn describe(&self, context: &Context) -> Description {
        let target = context.target.label();
        let effects = match (&self.0.command, &self.0.pod) {
            (Some(command), _) => vec![format!("runs `{command}` until its migrations are through, then ends it")],
            (None, Some(pod)) => vec![
                format!(
                    "starts pod {} like those of {}, with {} set",
                    names::object(&context.run, &context.step.id.0),
                    pod.workload.as_deref().or(pod.image.as_deref()).unwrap_or("nothing"),
                    pod.env.keys().chain(pod.from.keys()).cloned().collect::<Vec<_>>().join(", ")
                ),
                "removes it when the migrations are through".to_owned(),
            ],
            (None, None) => self.0.sql.iter().map(|file| format!("runs {}", file.display())).collect(),
        };
        Description {
            does: format!("Makes the application's schema in {target}, up to the source's migration level."),
            effects,
            way_back: "Drops exactly what it created, unless somebody put rows into it since.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, context: &Context) -> Vec<Finding> {
        let name = format!("{}: what makes the schema", context.step.id);
        if let Some(command) = &self.0.command {
            return vec![process::check(&name, command).await];
        }
        if let Some(settings) = &self.0.pod {
            return vec![pod::check(context, settings).await];
        }
        vec![match files::rehearse(&self.0.sql) {
            Ok(()) => failure::passed(name, figures::counted(self.0.sql.len() as u64, "SQL file")),
            Err(reason) => failure::bad(name, reason, "correct the path or the file"),
        }]
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        let mut wanted = super::source::permissions(context);
        wanted.extend(self.0.pod.iter().flat_map(pod::permissions));
        wanted
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        let client = context.session().await?;
        Checkpoint::of(&Before { objects: catalog::objects(&client).await? })
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        let client = context.session().await?;
        frozen::look(context).await?;
        let load = Load::new(context, frozen::scan_path(context));
        let standing = self.standing(context, &client, &load).await?;
        if !self.stands(context, &standing) && !marker::is_set(&client, context, Mark::Done).await? {
            self.make(context, &client, &load, &standing).await?;
        }
        let standing = self.standing(context, &client, &load).await?;
        require_level(context, &standing)?;
        let created: BTreeSet<Object> = catalog::objects(&client).await?.difference(&before.objects).cloned().collect();
        let contents = catalog::contents(&client, &created).await?;
        // By the checkpoint, not by what this attempt did: a killed one may have made it.
        let made = if created.is_empty() { "it stood there already" } else { "made" };
        let level = standing.level.as_ref().map(|level| level.target.clone());
        let tables = figures::counted(standing.tables as u64, "table");
        let at = level
            .as_ref()
            .map_or_else(|| "no migration table is recognised".to_owned(), |level| format!("level {level}"));
        let plan = PlanReport { levels: standing.level, ..PlanReport::default() };
        let finding = failure::passed("migration level", plan.levels.as_ref().map_or_else(|| at.clone(), words));
        Ok(Outcome {
            summary: format!("{tables}, {at}; {made}"),
            outputs: [("level".to_owned(), level.unwrap_or_default())].into(),
            left: failure::json(&Left { created, contents })?,
            evidence: Evidence { findings: vec![finding], ..Evidence::default() },
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        let before: Before = checkpoint.read()?;
        if self.0.pod.is_some() {
            pod::remove(context).await?;
        }
        let client = context.session().await?;
        let now = catalog::objects(&client).await?;
        let left = left.map(failure::read::<Left>).transpose()?;
        let created: BTreeSet<Object> = match &left {
            Some(left) => left.created.intersection(&now).cloned().collect(),
            None => now.difference(&before.objects).cloned().collect(),
        };
        if let Some(left) = &left
            && !context.lose_writes
        {
            require_own_rows(&left.contents, &catalog::contents(&client, &created).await?)?;
        }
        sql::begin(&client).await?;
        marker::clear(&client, context).await?;
        catalog::drop_all(&client, &created).await?;
        let summary = format!("dropped {}", figures::counted(created.len() as u64, "object"));
        Ok(Outcome { summary, ..Outcome::default() })
    }
}

impl GenerateSchema {
    async fn standing(&self, context: &Context, client: &Client, load: &Load) -> Result<Standing, ActionError> {
        let schemas = &context.runbook.transfer.schemas;
        let schemas = if schemas.is_empty() { &context.runbook.target.schemas } else { schemas };
        let tables = crate::schema::read_target(client, schemas).await?.len();
        let objects = catalog::objects(client).await?.len();
        let level = if tables == 0 { None } else { load.decide(context).await?.report.levels };
        Ok(Standing { tables, objects, level })
    }

    /// Whether there is nothing to make.
    fn stands(&self, context: &Context, standing: &Standing) -> bool {
        let accepted = context.runbook.transfer.accept_levels;
        let nothing_to_run = self.0.command.is_none() && self.0.pod.is_none() && self.0.sql.is_empty();
        match &standing.level {
            Some(level) => level.equal || accepted || nothing_to_run,
            None => standing.tables > 0 && nothing_to_run,
        }
    }

    async fn make(
        &self,
        context: &Context,
        client: &Client,
        load: &Load,
        standing: &Standing,
    ) -> Result<(), ActionError> {
        if let Some(command) = &self.0.command {
            return self.run_until_complete(context, command, client, load).await;
        }
        if let Some(settings) = &self.0.pod {
            return self.pod_until_complete(context, settings, client, load).await;
        }
        if self.0.sql.is_empty() {
            return Err(ActionError::refused(format!(
                "{} has no tables, and the runbook names neither a command nor SQL files that make them",
                context.target.label()
            )));
        }
        if standing.tables > 0 {
            let level = standing.level.as_ref().map_or_else(|| "no level is recognised".to_owned(), words);
            return Err(ActionError::refused(format!(
                "{} has {} already ({level}), and SQL files can only make a schema where none is; let the application migrate it, or use an empty database",
                context.target.label(),
                figures::counted(standing.tables as u64, "table")
            )));
        }
        // The files may change the session's settings, its search path above all.
        let own = context.session().await?;
        context.or_stopped("making the schema", files::run(&own, context, &self.0.sql)).await
    }

    async fn run_until_complete(
        &self,
        context: &Context,
        command: &str,
        client: &Client,
        load: &Load,
    ) -> Result<(), ActionError> {
        let plan = Plan { command, env: &self.0.env, with_target: true, lasting: false };
        let mut running = process::start(context, &plan).await?;
        let timeout = self.timeout();
        let watched = async {
            let mut steady = Steady::default();
            let begun = Instant::now();
            loop {
                if let Some(status) = running.try_ended() {
                    return Ok(Some(status));
                }
                if self.look(context, client, load, &mut steady, "").await {
                    return Ok(None);
                }
                out_of_time(begun, timeout)?;
                tokio::time::sleep(BETWEEN).await;
            }
        };
        let watched = context.or_stopped("making the schema", watched).await;
        context.progress.waiting("");
        match watched {
            Ok(Some(status)) if !status.success() => {
                let ended = running.ended(context, status).await;
                Err(ended.into_result(command).err().unwrap_or_else(|| ActionError::failed("it failed")))
            }
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                running.end().await;
                Ok(())
            }
            Err(error) => {
                running.end().await;
                Err(error)
            }
        }
    }

    /// The same with a pod. It is removed however it ends; a kill leaves it at work, and the next try or the undo finds it.
    async fn pod_until_complete(
        &self,
        context: &Context,
        settings: &settings::SchemaPod,
        client: &Client,
        load: &Load,
    ) -> Result<(), ActionError> {
        let running = pod::start(context, settings, self.timeout()).await?;
        let watched = async {
            let mut steady = Steady::default();
            let begun = Instant::now();
            loop {
                match running.try_ended().await? {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(why)) => {
                        let said = running.last_lines(context).await;
                        return Err(ActionError::failed(format!("making the schema: {why}{said}")));
                    }
                    None => {}
                }
                let words = running.words().await;
                if self.look(context, client, load, &mut steady, &words).await {
                    return Ok(());
                }
                out_of_time(begun, self.timeout())?;
                tokio::time::sleep(BETWEEN).await;
            }
        };
        let watched = context.or_stopped("making the schema", watched).await;
        context.progress.waiting("");
        let removed = running.end(context).await;
        watched.and(removed)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT))
    }

    /// Looks once; whether the schema is complete and stands still. The application may be in the middle of a change: then the look
    /// does not count.
    async fn look(&self, context: &Context, client: &Client, load: &Load, steady: &mut Steady, maker: &str) -> bool {
        let Ok(standing) = self.standing(context, client, load).await else { return false };
        let level = standing.level.as_ref();
        let still = standing.objects == steady.objects && standing.tables > 0 && level.is_none_or(|level| level.equal);
        steady.looks = if still { steady.looks + 1 } else { 0 };
        steady.objects = standing.objects;
        let words = level.map_or_else(|| figures::counted(standing.tables as u64, "table"), words);
        let maker = if maker.is_empty() { String::new() } else { format!(" ({maker})") };
        context.progress.waiting(format!("the application's migrations: {words}{maker}"));
        steady.looks >= if level.is_some() { STEADY } else { STEADY_WITHOUT_LEVEL }
    }
}

/// How long nothing has changed.
#[derive(Default)]
struct Steady {
    looks: u32,
    objects: usize,
}

fn out_of_time(begun: Instant, timeout: Duration) -> Result<(), ActionError> {
    if begun.elapsed() <= timeout {
        return Ok(());
    }
    Err(ActionError::failed(format!(
        "the schema was not complete after {} s; look at what the application said above, or raise timeout_seconds",
        timeout.as_secs()
    )))
}

fn words(level: &LevelComparison) -> String {
    format!("{}: source {}, target {}", level.table, level.source, level.target)
}

fn require_level(context: &Context, standing: &Standing) -> Result<(), ActionError> {
    let Some(level) = standing.level.as_ref().filter(|level| !level.equal && !context.runbook.transfer.accept_levels)
    else {
        return Ok(());
    };
    let listed = |names: &[String]| names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    Err(ActionError::refused(format!(
        "{}; only in the source: {}; only in the target: {}; use the application's version that the source has",
        words(level),
        listed(&level.source_only),
        listed(&level.target_only)
    )))
}

fn require_own_rows(left: &[Contents], now: &[Contents]) -> Result<(), ActionError> {
    let moved = now.iter().find(|table| left.iter().any(|before| before.name == table.name && before != *table));
    let Some(moved) = moved else { return Ok(()) };
    let rows = left.iter().find(|before| before.name == moved.name).map_or(0, |before| before.rows);
    Err(ActionError::refused(format!(
        "{} held {rows} rows when the schema was made and holds {} others now: somebody wrote them since, and dropping the table would lose them",
        moved.name, moved.rows
    )))
}
