//! The source's schema, by SQLite's own pragmas (<https://www.sqlite.org/pragma.html#pragma_table_list>).

use super::{SchemaError, SourceColumn, SourceTable};
use rusqlite::{Connection, OptionalExtension as _, Row};

const TABLES: &str = "
SELECT name, wr FROM pragma_table_list
WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY name";

/// Hidden columns of kind 1 belong to virtual tables; 2 and 3 are generated, virtual and stored.
const COLUMNS: &str = "
SELECT name, type, \"notnull\", pk, hidden IN (2, 3) FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid";

/// The ordinary tables of the source; views, virtual and shadow tables and SQLite's own are left out.
///
/// # Errors
/// When the schema cannot be read.
pub fn read_source(connection: &Connection) -> Result<Vec<SourceTable>, SchemaError> {
    let names = list(connection, "tables", TABLES, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    let counted = has_sequences(connection)?;
    names.into_iter().map(|(name, without_rowid)| table(connection, name, without_rowid, counted)).collect()
}

fn table(
    connection: &Connection,
    name: String,
    without_rowid: bool,
    counted: bool,
) -> Result<SourceTable, SchemaError> {
    let found = list(connection, &name, COLUMNS, [&name], |row| Ok((row.get::<_, i64>(3)?, column(row)?)))?;
    let mut key: Vec<(i64, String)> =
        found.iter().filter(|(place, _)| *place > 0).map(|(place, column)| (*place, column.name.clone())).collect();
    key.sort_unstable();
    let sequence = if counted { sequence(connection, &name)? } else { None };
    Ok(SourceTable {
        columns: found.into_iter().map(|(_, column)| column).collect(),
        primary_key: key.into_iter().map(|(_, name)| name).collect(),
        without_rowid,
        sequence,
        name,
    })
}

fn column(row: &Row<'_>) -> rusqlite::Result<SourceColumn> {
    Ok(SourceColumn { name: row.get(0)?, declared: row.get(1)?, not_null: row.get(2)?, generated: row.get(4)? })
}

fn has_sequences(connection: &Connection) -> Result<bool, SchemaError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')";
    connection.query_row(sql, [], |row| row.get(0)).map_err(|source| failed("sqlite_sequence", source))
}

/// Anybody may write anything into `sqlite_sequence`: what is no integer counts as none.
fn sequence(connection: &Connection, table: &str) -> Result<Option<i64>, SchemaError> {
    let sql = "SELECT max(seq) FROM sqlite_sequence WHERE name = ?1 AND typeof(seq) = 'integer'";
    let found = connection.query_row(sql, [table], |row| row.get::<_, Option<i64>>(0)).optional();
    Ok(found.map_err(|source| failed("sqlite_sequence", source))?.flatten())
}

fn list<T>(
    connection: &Connection,
    what: &str,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, SchemaError> {
    let found = connection.prepare(sql).and_then(|mut statement| statement.query_map(parameters, read)?.collect());
    found.map_err(|source| failed(what, source))
}

pub(super) fn failed(what: &str, source: rusqlite::Error) -> SchemaError {
    SchemaError::Source { what: what.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_that_hold_rows_are_read() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE \"odd \"\" na.me\" (b TEXT, a INT, v AS (a + 1), s AS (a + 2) STORED, PRIMARY KEY (a, b)) WITHOUT ROWID;
                 CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x VARCHAR(10) NOT NULL);
                 INSERT INTO counted VALUES (41, 'x'); DELETE FROM counted;
                 CREATE VIEW seen AS SELECT * FROM counted;
                 CREATE VIRTUAL TABLE found USING fts5(body);",
            )
            .unwrap();
        let tables = read_source(&connection).unwrap();
        assert_eq!(tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["counted", "odd \" na.me"]);
        assert_eq!(tables[0].sequence, Some(41));
        assert_eq!(tables[0].columns[1].declared, "VARCHAR(10)");
        assert!(tables[0].columns[1].not_null);
        assert_eq!(tables[1].primary_key, ["a", "b"]);
        assert!(tables[1].without_rowid);
        assert_eq!(tables[1].columns.iter().filter(|column| column.generated).count(), 2);
    }
}
