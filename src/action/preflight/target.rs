//! Questions about the PostgreSQL side.

use super::super::failure::{bad, passed, put_off, sql_reason, unknown};
use super::super::{Context, frozen, job::Load};
use crate::connect::kubernetes::names;
use crate::connect::postgres::{TlsMode, is_pooled};
use crate::evidence::{Finding, LevelComparison};
use crate::figures;
use crate::runbook::{Gateway, Settings, StepId};
use crate::schema::{TargetTable, read_target};
use crate::transfer::{self, Other};
use k8s_openapi::api::core::v1::Pod;
use tokio_postgres::Client;

/// The oldest server that the rest of the program knows.
const OLDEST: i32 = 120_000;

/// Reachable, recent, writable, with the rights that the later steps need, and nobody in the way.
pub(super) async fn check(context: &Context, bytes: u64) -> Vec<Finding> {
    if let Some(step) = carrier_to_come(context).await {
        let detail = format!("{} is reached through the pod that this step makes", context.target.label());
        return vec![put_off("target reachable", &step.0, detail), space(bytes)];
    }
    let client = match context.session().await {
        Ok(client) => client,
        Err(error) => return vec![bad("target reachable", error.message, "")],
    };
    match questions(context, &client, bytes).await {
        Ok(findings) => findings,
        Err(error) => vec![bad("target reachable", sql_reason(&error), "")],
    }
}

/// The step that makes the pod through which the target is reached, while that is not there.
async fn carrier_to_come(context: &Context) -> Option<&StepId> {
    let Some(Gateway::TestPod(step)) = context.runbook.target.secret.as_ref().map(|secret| &secret.gateway) else {
        return None;
    };
    let pod = names::object(&context.run, &step.0);
    let found = context.cluster.as_deref()?.find::<Pod>(&pod).await;
    matches!(found, Ok(None)).then_some(step)
}

async fn questions(context: &Context, client: &Client, bytes: u64) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let mut findings = vec![passed("target reachable", context.target.label()), tls(context, client).await?];
    findings.extend(server(client).await?);
    findings.push(pooler(context, client).await);
    findings.extend(schema_rights(context, client).await?);
    findings.push(other_runs(context, client).await);
    let schemas = &context.runbook.target.schemas;
    match read_target(client, schemas).await {
        Err(error) => findings.push(bad("target tables", error.to_string(), "")),
        Ok(tables) if tables.is_empty() => findings.push(no_tables(context)),
        Ok(tables) => {
            findings.push(ownership(client, &tables).await?);
            findings.extend(blockers(client, &tables).await?);
            findings.extend(levels(context).await);
        }
    }
    findings.push(space(bytes));
    Ok(findings)
}

async fn tls(context: &Context, client: &Client) -> Result<Finding, tokio_postgres::Error> {
    let row = client
        .query_opt(
            "select version, cipher from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid() and ssl",
            &[],
        )
        .await?;
    let mode = context.target.tls_mode();
    let how = match mode {
        TlsMode::VerifyFull => "authority and name verified",
        TlsMode::VerifyCa => "authority verified, name not",
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => "not verified",
    };
    Ok(match row {
        Some(row) => passed("encryption", format!("{} ({}), {how}", row.get::<_, &str>(0), row.get::<_, &str>(1))),
        None => passed("encryption", format!("none (sslmode={})", mode.name())),
    })
}

async fn server(client: &Client) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let row = client
        .query_one(
            "select current_setting('server_version_num')::int4, current_setting('server_version'),
                current_setting('server_encoding'), pg_catalog.pg_is_in_recovery(),
                current_setting('transaction_read_only') = 'on', current_user::text",
            &[],
        )
        .await?;
    let (number, version, encoding): (i32, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (standby, read_only): (bool, bool) = (row.try_get(3)?, row.try_get(4)?);
    let mut findings = vec![
        match number >= OLDEST {
            true => passed("server version", version),
            false => bad("server version", format!("{version} is older than 12"), "upgrade the server first"),
        },
        match encoding.as_str() {
            "UTF8" => passed("server encoding", encoding),
            _ => bad(
                "server encoding",
                format!("{encoding} cannot hold every character of SQLite's UTF-8"),
                "create the database with ENCODING 'UTF8' TEMPLATE template0",
            ),
        },
    ];
    if standby || read_only {
        let what = if standby { "it is a standby" } else { "its transactions are read-only" };
        findings.push(bad("target writable", what, "connect to the primary, or set default_transaction_read_only off"));
    } else {
        findings.push(passed("target writable", format!("as {}", row.try_get::<_, String>(5)?)));
    }
    Ok(findings)
}

async fn pooler(context: &Context, client: &Client) -> Finding {
    let name = "no transaction pooler in between";
    let application = format!("cutover/{}/{}", context.run, context.step.id);
    match is_pooled(&context.target, &application, client).await {
        Ok(false) => passed(name, "a session keeps its backend"),
        Ok(true) => bad(
            name,
            "sessions share backends: a pooler in transaction mode answers",
            "connect to the server itself, or to the pooler in session mode",
        ),
        Err(error) => {
            bad(name, format!("a second session could not be opened: {error}"), "free a connection of the role")
        }
    }
}

/// A half loaded target of another run is refused; saved rows of a finished one may stand there until it is forgotten.
async fn other_runs(context: &Context, client: &Client) -> Finding {
    let name = "no other run half way on the target";
    let others = match transfer::others(client, &context.run).await {
        Ok(others) => others,
        Err(error) => return unknown(name, error.to_string(), "look for schemas cutover_… on the target"),
    };
    let told = |wanted: fn(&Other) -> bool| {
        let named: Vec<String> = others.iter().filter(|other| wanted(other)).map(Other::name).collect();
        named.join("; ")
    };
    let (half, hidden, finished) = (
        told(|other| !other.half.is_empty()),
        told(|other| !other.readable),
        told(|other| other.readable && other.half.is_empty()),
    );
    if !half.is_empty() {
        bad(name, format!("{half} has tables half loaded"), "go on with it or take it back, where it was begun")
    } else if !hidden.is_empty() {
        unknown(name, format!("this role may not read what {hidden} keeps there"), "ask whoever began it")
    } else if finished.is_empty() {
        passed(name, "none has left anything")
    } else {
        passed(name, format!("{finished} keeps what its way back needs until it is forgotten"))
    }
}

async fn schema_rights(context: &Context, client: &Client) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let writes = |settings: &Settings| {
        matches!(settings, Settings::Truncate(_) | Settings::Copy(_) | Settings::GenerateSchema(_) | Settings::Sql(_))
    };
    if !context.runbook.steps.iter().any(|step| writes(&step.settings)) {
        return Ok(Vec::new());
    }
    let row = client
        .query_one(
            "select pg_catalog.has_database_privilege(current_database(), 'CREATE'), current_user::text, current_database()::text,
                current_schema()::text, coalesce(pg_catalog.has_schema_privilege(current_schema(), 'CREATE'), false)",
            &[],
        )
        .await?;
    let (user, database): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let run_schema = crate::transfer::run_schema(&context.run);
    let mut findings = vec![match row.try_get(0)? {
        true => passed("may create the run's schema", run_schema),
        false => bad(
            "may create the run's schema",
            format!("{user} may not create schema {run_schema}, which keeps the ledger and the saved rows"),
            format!("grant create on database \"{database}\" to \"{user}\""),
        ),
    }];
    if context.runbook.steps.iter().any(|step| matches!(step.settings, Settings::GenerateSchema(_))) {
        let schema: Option<String> = row.try_get(3)?;
        findings.push(match (schema, row.try_get::<_, bool>(4)?) {
            (Some(schema), true) => passed("may create tables", format!("in schema {schema}")),
            (Some(schema), false) => bad(
                "may create tables",
                format!("{user} may not create anything in schema {schema}"),
                format!("grant create on schema \"{schema}\" to \"{user}\""),
            ),
            (None, _) => bad("may create tables", format!("no schema of {user}'s search_path is there"), "create it"),
        });
    }
    Ok(findings)
}

fn no_tables(context: &Context) -> Finding {
    let makes = context.runbook.steps.iter().find(|step| matches!(step.settings, Settings::GenerateSchema(_)));
    match makes {
        Some(step) => put_off(
            "target tables",
            &step.id.0,
            "there are none yet; ownership, locks and levels are asked again by later steps",
        ),
        None => bad(
            "target tables",
            "there are none",
            "let the application make its schema first, or add a generate-schema step",
        ),
    }
}

/// Foreign keys, indexes and triggers come off and go back: only an owner may do that.
async fn ownership(client: &Client, tables: &[TargetTable]) -> Result<Finding, tokio_postgres::Error> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let rows = client
        .query(
            "select c.oid::regclass::text, pg_catalog.pg_get_userbyid(c.relowner)::text from pg_catalog.pg_class c
             where c.oid = any($1) and not pg_catalog.pg_has_role(c.relowner, 'USAGE') order by 1",
            &[&oids],
        )
        .await?;
    let total = figures::counted(oids.len() as u64, "table");
    let Some(first) = rows.first() else { return Ok(passed("owner of the tables", total)) };
    let owner: String = first.try_get(1)?;
    let names: Vec<String> = rows.iter().take(5).filter_map(|row| row.try_get(0).ok()).collect();
    Ok(bad(
        "owner of the tables",
        format!("{} of {total} belong to others: {}", rows.len(), names.join(", ")),
        format!("connect as {owner}, or `grant \"{owner}\"` to the role"),
    ))
}

/// Sessions and prepared transactions that hold locks on the tables and do nothing would make the copy wait.
async fn blockers(client: &Client, tables: &[TargetTable]) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let rows = client
        .query(
            "select coalesce(a.pid, 0), coalesce(a.application_name, 'a prepared transaction'), coalesce(a.state, 'prepared'),
                pg_catalog.min(l.relation::regclass::text), coalesce(extract(epoch from now() - pg_catalog.min(a.xact_start)), 0)::float8
             from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a on a.pid = l.pid
             where l.locktype = 'relation' and l.relation = any($1) and l.granted and l.pid is distinct from pg_catalog.pg_backend_pid()
               and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
             group by 1, 2, 3",
            &[&oids],
        )
        .await?;
    let mut findings = Vec::new();
    for row in rows {
        let (pid, who, state): (i32, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (table, seconds): (String, f64) = (row.try_get(3)?, row.try_get(4)?);
        let detail = format!("session {pid} ({who}, {state}) holds a lock on {table} for {seconds:.0} s");
        let passing = !state.starts_with("idle in transaction") && state != "prepared" && seconds < 30.0;
        findings.push(match passing {
            true => passed("locks on the tables", detail),
            false => bad("locks on the tables", detail, format!("end it: select pg_terminate_backend({pid})")),
        });
    }
    if findings.is_empty() {
        findings.push(passed("locks on the tables", "nobody holds any"));
    }
    Ok(findings)
}

async fn levels(context: &Context) -> Vec<Finding> {
    let path = frozen::scan_path(context);
    if frozen::recorded(&path).is_none() {
        return Vec::new();
    }
    let makes = context.runbook.steps.iter().find(|step| matches!(step.settings, Settings::GenerateSchema(_)));
    match Load::new(context, path).decide(context).await {
        Err(error) => vec![bad("migration level", error.message, "")],
        Ok(planned) => planned.report.levels.as_ref().map(|levels| level(context, levels, makes)).into_iter().collect(),
    }
}

fn level(context: &Context, levels: &LevelComparison, makes: Option<&crate::runbook::Step>) -> Finding {
    let name = "migration level";
    let detail = format!("{}: source {}, target {}", levels.table, levels.source, levels.target);
    match makes {
        _ if levels.equal => passed(name, detail),
        _ if context.runbook.transfer.accept_levels => passed(name, format!("{detail}; accepted by the runbook")),
        Some(step) => put_off(name, &step.id.0, detail),
        None => bad(name, detail, "bring the target to the source's level with the application's own version"),
    }
}

/// Rows, their indexes and the write-ahead log; what is free there, SQL does not know.
fn space(bytes: u64) -> Finding {
    unknown(
        "room on the server",
        format!("needs about {} for rows, indexes and the write-ahead log", figures::bytes(bytes.saturating_mul(3))),
        "make sure that the server's disk has it",
    )
}
