//! A row that only the server could judge (a check, a domain), found again in the source by the line that its error names.

use super::TransferError;
use super::produce::reading;
use super::rows::{Selected, show_value, storage};
use super::session::{Fault, describe};
use super::source::{Source, blocking};
use crate::evidence::{Policy, Reject, StorageClass};
use crate::schema::{Mapping, TableMapping};
use std::path::Path;

/// Where a refused COPY stood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: u64,
    column: Option<String>,
}

/// The refused row as a reject; none where the error names no line of a COPY. `first` is the place of the COPY's first row in its table.
pub(super) async fn find(
    fault: &Fault,
    mapping: &Mapping,
    frozen: &Path,
    first: u64,
) -> Result<Option<Reject>, TransferError> {
    let Fault::Database { what, error } = fault else { return Ok(None) };
    let place = error.as_db_error().and_then(|error| place(error.where_()?));
    let table = mapping.tables.iter().find(|table| *what == format!("loading {}", table.target.label()));
    let (Some(place), Some(table)) = (place, table) else { return Ok(None) };
    let place = Place { line: place.line + first, ..place };
    let reason = describe(error);
    let table = table.clone();
    let (_, reject) = blocking(Source::open(frozen)?, move |source| read(source, &table, &place, reason)).await?;
    reject
}

/// `COPY alerts_alert, line 950, column title: …`
fn place(context: &str) -> Option<Place> {
    let (_, after) = context.strip_prefix("COPY ")?.split_once(", line ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let column =
        after.split_once(", column ").map(|(_, name)| name.split([':', '\n']).next().unwrap_or(name).to_owned());
    Some(Place { line: digits.parse().ok()?, column })
}

fn read(source: &Source, table: &TableMapping, place: &Place, reason: String) -> Result<Option<Reject>, TransferError> {
    let selected = Selected::new(table);
    let sql = format!("{} LIMIT 1 OFFSET {}", selected.sql, place.line.saturating_sub(1));
    let read = || -> rusqlite::Result<Option<Reject>> {
        let mut statement = source.frozen.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let number = table.columns.iter().position(|column| Some(&column.target.name) == place.column.as_ref());
        let value = number.map(|number| row.get_ref(number)).transpose()?;
        Ok(Some(Reject {
            table: table.target.label(),
            key: selected.key(row),
            column: place.column.clone(),
            storage: value.map_or(StorageClass::Null, storage),
            value: value.and_then(show_value),
            reason: reason.clone(),
            action: Policy::Stop,
        }))
    };
    read().map_err(|error| reading(&table.target.label(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_read_from_the_context() {
        let named = |column: Option<&str>| Some(Place { line: 950, column: column.map(str::to_owned) });
        assert_eq!(place("COPY alerts_alert, line 950"), named(None));
        assert_eq!(place("COPY alerts_alert, line 950, column title"), named(Some("title")));
        assert_eq!(place("COPY t, line 950, column d: \"-1\""), named(Some("d")));
        assert_eq!(place("SQL statement"), None);
    }
}
