//! What is taken off the tables before they are loaded and put back afterwards, as data: the statements for both ways.
//! Pure, so that what comes back can be read beside what went.

use super::session::literal;
use super::surroundings::{ForeignKey, Standing, TableIndex, Trigger};
use crate::schema::quote;

/// A statement and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) what: String,
    pub(super) sql: String,
}

impl Statement {
    fn new(what: String, sql: String) -> Self {
        Self { what, sql }
    }
}

pub(super) fn drop_foreign_key(key: &ForeignKey) -> Statement {
    Statement::new(
        format!("taking foreign key {} off {}", key.name, key.child_name),
        format!("ALTER TABLE {} DROP CONSTRAINT {}", key.child_name, quote(&key.name)),
    )
}

/// With `check`, a key that was NOT VALID is checked like the others, since the rows are new, and is then NOT VALID again.
pub(super) fn add_foreign_key(key: &ForeignKey, check: bool) -> Vec<Statement> {
    let what = format!("putting foreign key {} back on {}", key.name, key.child_name);
    let add = |definition: &str| {
        let sql = format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", key.child_name, quote(&key.name));
        Statement::new(what.clone(), sql)
    };
    let mut statements = Vec::new();
    if check
        && !key.validated
        && let Some(checked) = key.definition.strip_suffix(" NOT VALID")
    {
        statements.push(add(checked));
        statements.push(drop_foreign_key(key));
    }
    statements.push(add(&key.definition));
    if let Some(comment) = &key.comment {
        let sql = format!("COMMENT ON CONSTRAINT {} ON {} IS {}", quote(&key.name), key.child_name, literal(comment));
        statements.push(Statement::new(what, sql));
    }
    statements
}

pub(super) fn silence(trigger: &Trigger) -> Statement {
    Statement::new(
        format!("silencing trigger {} of {}", trigger.name, trigger.table),
        format!("ALTER TABLE ONLY {} DISABLE TRIGGER {}", trigger.table, quote(&trigger.name)),
    )
}

pub(super) fn rouse(trigger: &Trigger) -> Statement {
    let how = if trigger.always { "ENABLE ALWAYS" } else { "ENABLE" };
    Statement::new(
        format!("enabling trigger {} of {}", trigger.name, trigger.table),
        format!("ALTER TABLE ONLY {} {how} TRIGGER {}", trigger.table, quote(&trigger.name)),
    )
}

pub(super) fn loosen_security(standing: &Standing) -> Statement {
    Statement::new(
        format!("letting the owner of {} pass its row security", standing.table),
        format!("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", standing.table),
    )
}

pub(super) fn force_security(standing: &Standing) -> Statement {
    Statement::new(
        format!("forcing row security of {} again", standing.table),
        format!("ALTER TABLE {} FORCE ROW LEVEL SECURITY", standing.table),
    )
}

impl TableIndex {
    fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}

pub(super) fn drop_index(index: &TableIndex) -> Statement {
    let what = format!("taking index {} off {}", index.name, index.table);
    match &index.constraint {
        Some((name, _)) => Statement::new(what, format!("ALTER TABLE {} DROP CONSTRAINT {}", index.table, quote(name))),
        None => Statement::new(what, format!("DROP INDEX {}", index.quoted())),
    }
}

/// The build first, then everything that stood about the index beside its definition.
pub(super) fn build_index(index: &TableIndex) -> Vec<Statement> {
    let what = format!("building index {} on {}", index.name, index.table);
    let place = index.tablespace.as_deref().unwrap_or_default();
    let build = match &index.constraint {
        Some((name, definition)) => format!("ALTER TABLE {} ADD CONSTRAINT {} {definition}", index.table, quote(name)),
        None => index.definition.clone(),
    };
    let mut sql = vec![format!("SET LOCAL default_tablespace = {}", literal(place)), build];
    if let Some(comment) = &index.comment {
        sql.push(format!("COMMENT ON INDEX {} IS {}", index.quoted(), literal(comment)));
    }
    if let (Some((name, _)), Some(comment)) = (&index.constraint, &index.constraint_comment) {
        sql.push(format!("COMMENT ON CONSTRAINT {} ON {} IS {}", quote(name), index.table, literal(comment)));
    }
    if index.clustered {
        sql.push(format!("ALTER TABLE {} CLUSTER ON {}", index.table, quote(&index.name)));
    }
    for (column, target) in &index.statistics {
        sql.push(format!("ALTER INDEX {} ALTER COLUMN {column} SET STATISTICS {target}", index.quoted()));
    }
    sql.into_iter().map(|sql| Statement::new(what.clone(), sql)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ForeignKey {
        ForeignKey {
            name: "a\"b".to_owned(),
            child: 1,
            parent: 2,
            child_name: "public.child".to_owned(),
            parent_name: "public.parent".to_owned(),
            child_columns: Vec::new(),
            parent_columns: Vec::new(),
            definition: "FOREIGN KEY (p) REFERENCES public.parent(id) DEFERRABLE NOT VALID".to_owned(),
            comment: Some("it's".to_owned()),
            validated: false,
            plain_triggers: true,
            by_value: true,
        }
    }

    #[test]
    fn a_key_that_was_not_valid_is_checked_and_then_not_valid_again() {
        let statements = add_foreign_key(&key(), true);
        let sql: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
        let add = "ALTER TABLE public.child ADD CONSTRAINT \"a\"\"b\" FOREIGN KEY (p) REFERENCES public.parent(id) DEFERRABLE";
        let drop = "ALTER TABLE public.child DROP CONSTRAINT \"a\"\"b\"";
        let comment = "COMMENT ON CONSTRAINT \"a\"\"b\" ON public.child IS 'it''s'";
        assert_eq!(sql, [add, drop, &format!("{add} NOT VALID"), comment]);
    }
}
