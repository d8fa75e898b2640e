//! The application's own record of its schema's level: which table it is, and whether both sides agree.

use super::source::failed;
use super::target::get;
use super::{Mapping, SchemaError, TableMapping, quote};
use crate::evidence::{LevelComparison, Problem, Severity, Warning};
use crate::runbook::TransferOptions;
use rusqlite::Connection;
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// A migration table that is known by name, and what makes a row of it an applied migration.
struct Known {
    table: &'static str,
    columns: &'static [&'static str],
    applied: Applied,
}

enum Applied {
    Always,
    WhereTrue(&'static str),
    WhereFinished { finished: &'static str, undone: &'static str },
}

/// Django, Grafana (xorm), Alembic, Rails and golang-migrate, Prisma, Flyway, Knex.
const KNOWN: &[Known] = &[
    Known { table: "django_migrations", columns: &["app", "name"], applied: Applied::Always },
    Known { table: "migration_log", columns: &["migration_id"], applied: Applied::WhereTrue("success") },
    Known { table: "alembic_version", columns: &["version_num"], applied: Applied::Always },
    Known { table: "schema_migrations", columns: &["version"], applied: Applied::Always },
    Known {
        table: "_prisma_migrations",
        columns: &["migration_name"],
        applied: Applied::WhereFinished { finished: "finished_at", undone: "rolled_back_at" },
    },
    Known { table: "flyway_schema_history", columns: &["script"], applied: Applied::WhereTrue("success") },
    Known { table: "knex_migrations", columns: &["name"], applied: Applied::Always },
];

/// How many names of migrations a message lists.
const SHOWN: usize = 5;

/// A migration table in a mapping, and how its level is read on either side.
#[derive(Clone, Debug)]
pub struct MigrationMarker {
    label: String,
    source_sql: String,
    target_sql: String,
}

/// What the levels say.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// The comparison; none where no migration table is on both sides or the target's is empty.
    pub comparison: Option<LevelComparison>,
    /// Levels that differ.
    pub problems: Vec<Problem>,
    /// What happens to the migration table.
    pub warnings: Vec<Warning>,
}

/// The migration tables among the pairs: the known ones, and the one that the runbook names.
#[must_use]
pub fn migration_markers(mapping: &Mapping, options: &TransferOptions) -> Vec<MigrationMarker> {
    mapping.tables.iter().filter_map(|table| marker(table, options)).collect()
}

fn marker(table: &TableMapping, options: &TransferOptions) -> Option<MigrationMarker> {
    let own =
        options.migration_table.as_ref().filter(|own| own.table == table.source.name || own.table == table.target.name);
    if let Some(own) = own {
        let columns: Vec<&str> = own.columns.iter().map(String::as_str).collect();
        return MigrationMarker::new(table, &columns, &Applied::Always);
    }
    let known = KNOWN.iter().find(|known| known.table == table.target.name)?;
    MigrationMarker::new(table, known.columns, &known.applied)
}

impl MigrationMarker {
    fn new(table: &TableMapping, columns: &[&str], applied: &Applied) -> Option<Self> {
        let pair = |name: &str| table.columns.iter().find(|column| column.target.name == name);
        let pairs = columns.iter().map(|name| pair(name)).collect::<Option<Vec<_>>>()?;
        let source: Vec<String> =
            pairs.iter().map(|pair| format!("CAST({} AS TEXT)", quote(&pair.source.name))).collect();
        let target: Vec<String> = pairs.iter().map(|pair| format!("{}::text", quote(&pair.target.name))).collect();
        let order = pair("id").map_or_else(String::new, |_| " ORDER BY \"id\"".to_owned());
        let (source_where, target_where) = conditions(applied, &|name| pair(name).is_some());
        Some(Self {
            label: table.target.label(),
            source_sql: format!(
                "SELECT {} FROM {}{source_where}{order}",
                source.join(" || '.' || "),
                quote(&table.source.name)
            ),
            target_sql: format!(
                "SELECT {} FROM {}{target_where}{order}",
                target.join(" || '.' || "),
                table.target.quoted()
            ),
        })
    }

    /// The table, schema-qualified, unquoted.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The source's applied migrations.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn source_level(&self, frozen: &Connection) -> Result<Vec<String>, SchemaError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            frozen.prepare(&self.source_sql)?.query_map([], |row| row.get(0))?.collect()
        };
        read().map_err(|source| failed(&self.label, source))
    }

    /// The target's applied migrations.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn target_level(&self, client: &Client) -> Result<Vec<String>, SchemaError> {
        super::target::rows(client, "migration level", &self.target_sql, &[])
            .await?
            .iter()
            .map(|row| get(row, 0))
            .collect()
    }
}

/// The conditions for either side; a column that is not there is not asked.
fn conditions(applied: &Applied, has: &dyn Fn(&str) -> bool) -> (String, String) {
    match applied {
        Applied::WhereTrue(column) if has(column) => {
            let name = quote(column);
            let source = format!(" WHERE {name} NOT IN (0, '0', 'f', 'false', 'FALSE')");
            (source, format!(" WHERE {name}::text IN ('true', 't', '1')"))
        }
        Applied::WhereFinished { finished, undone } if has(finished) && has(undone) => {
            let condition = format!(" WHERE {} IS NOT NULL AND {} IS NULL", quote(finished), quote(undone));
            (condition.clone(), condition)
        }
        _ => (String::new(), String::new()),
    }
}

/// Compares the levels of both sides as sets and takes each migration table out of `mapping`, unless it is empty on the
/// target: then it is loaded like any other.
#[must_use]
pub fn compare_levels(
    mapping: &mut Mapping,
    found: Vec<(MigrationMarker, Vec<String>, Vec<String>)>,
    options: &TransferOptions,
) -> Levels {
    let mut levels = Levels::default();
    for (marker, source, target) in found {
        if target.is_empty() {
            continue;
        }
        mapping.tables.retain(|table| table.target.label() != marker.label);
        levels.add(compare(&marker.label, &source, &target), options.accept_levels);
    }
    levels
}

fn compare(table: &str, source: &[String], target: &[String]) -> LevelComparison {
    let of = |level: &[String]| level.iter().cloned().collect::<BTreeSet<_>>();
    let (here, there) = (of(source), of(target));
    LevelComparison {
        table: table.to_owned(),
        source: describe(source),
        target: describe(target),
        source_only: here.difference(&there).cloned().collect(),
        target_only: there.difference(&here).cloned().collect(),
        equal: here == there,
    }
}

fn describe(level: &[String]) -> String {
    level.last().map_or_else(|| "none applied".to_owned(), |last| format!("{} applied, the last `{last}`", level.len()))
}

impl Levels {
    fn add(&mut self, comparison: LevelComparison, accepted: bool) {
        let table = &comparison.table;
        if comparison.equal {
            let message = format!("{table} is left alone: both sides are at the same level ({})", comparison.source);
            self.warnings.push(Warning { severity: Severity::Note, message });
        } else if accepted {
            let message =
                format!("{table} is left alone although the levels differ, as accepted: {}", both(&comparison));
            self.warnings.push(Warning { severity: Severity::Change, message });
        } else {
            self.problems.push(Problem {
                subject: table.clone(),
                message: format!("the application's levels differ: {}", both(&comparison)),
                remedy:
                    "bring both sides to the same version of the application, or accept the difference (accept_levels)"
                        .to_owned(),
                undecided: false,
            });
        }
        if self.comparison.as_ref().is_none_or(|known| known.equal) {
            self.comparison = Some(comparison);
        }
    }
}

fn both(comparison: &LevelComparison) -> String {
    let side = |name: &str, level: &str, only: &[String]| {
        let more = only.len().saturating_sub(SHOWN);
        let mut names = only.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            names.push_str(&format!(" and {more} more"));
        }
        if only.is_empty() { format!("{name}: {level}") } else { format!("{name}: {level}, only there {names}") }
    };
    let source = side("source", &comparison.source, &comparison.source_only);
    format!("{source}; {}", side("target", &comparison.target, &comparison.target_only))
}
