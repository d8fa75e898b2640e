//! Types that only the server understands: both sides are compared as the text that it makes of them.

use super::VerifyError;
use super::decode::{self, Misfit};
use super::row::{Row, View};
use super::target::failed;
use crate::connect::postgres::Address;
use crate::schema::{Rules, TableMapping, Type, TypeKind};
use rusqlite::types::ValueRef;
use tokio_postgres::Client;

/// Rows, or bytes of them, that are brought to the server at once.
pub(crate) const BATCH_ROWS: usize = 500;
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// The text that is given to the type's input function; a JSON array for an array is rewritten as an array literal.
pub(crate) fn text(value: ValueRef<'_>, ty: &Type, out: &mut Vec<u8>) -> Result<bool, Misfit> {
    let start = out.len();
    let plain = Type { kind: TypeKind::Other, ..ty.clone() };
    if !decode::decode(value, &plain, &Rules::default(), out)? {
        return Ok(false);
    }
    if let TypeKind::Array(_) = ty.kind
        && let Some(literal) = std::str::from_utf8(&out[start..]).ok().and_then(decode::array_literal)
    {
        out.truncate(start);
        out.extend_from_slice(literal.as_bytes());
    }
    Ok(true)
}

/// The columns of a table that only the server understands, and the session in which it is asked.
pub(crate) struct Foreign {
    client: Client,
    columns: Vec<(usize, Type)>,
}

impl Foreign {
    /// None where the table has no such column.
    pub(crate) async fn of(
        address: &Address,
        application: &str,
        table: &TableMapping,
    ) -> Result<Option<Self>, VerifyError> {
        let columns: Vec<(usize, Type)> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.target.ty.kind.is_for_server())
            .map(|(place, column)| (place, column.target.ty.clone()))
            .collect();
        if columns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { client: address.connect(application).await?, columns }))
    }

    /// Puts the server's form of each such cell into the rows.
    pub(crate) async fn settle(&self, rows: &mut [Row<'_>]) -> Result<(), VerifyError> {
        for (column, ty) in &self.columns {
            let texts: Vec<(usize, String)> = rows
                .iter()
                .enumerate()
                .filter_map(|(place, row)| match row.view(*column) {
                    View::Value(bytes) => Some((place, String::from_utf8_lossy(bytes).into_owned())),
                    _ => None,
                })
                .collect();
            let all: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
            match self.ask(ty, &all).await {
                Ok(made) => {
                    for ((place, _), text) in texts.iter().zip(made) {
                        rows[*place].replace(*column, Ok(&text));
                    }
                }
                Err(_) => self.one_by_one(ty, *column, &texts, rows).await?,
            }
        }
        Ok(())
    }

    /// One text that the type refuses fails the whole batch: which one is found out alone.
    async fn one_by_one(
        &self,
        ty: &Type,
        column: usize,
        texts: &[(usize, String)],
        rows: &mut [Row<'_>],
    ) -> Result<(), VerifyError> {
        for (place, text) in texts {
            match self.ask(ty, &[text]).await {
                Ok(made) => rows[*place].replace(column, made.first().map(String::as_str).ok_or("no answer came")),
                Err(error) => match error.as_db_error() {
                    Some(refused) => rows[*place].replace(column, Err(refused.message())),
                    None => return Err(failed(&ty.name, &error)),
                },
            }
        }
        Ok(())
    }

    async fn ask(&self, ty: &Type, texts: &[&str]) -> Result<Vec<String>, tokio_postgres::Error> {
        let sql = format!(
            "SELECT u.t::{}::text FROM unnest($1::text[]) WITH ORDINALITY AS u(t, place) ORDER BY u.place",
            ty.name
        );
        let rows = self.client.query(&sql, &[&texts]).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }
}
