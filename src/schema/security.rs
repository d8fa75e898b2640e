//! Row security that binds even the owner of a table (`FORCE ROW LEVEL SECURITY`). Our sessions have `row_security = off`, so that a
//! policy is an error and never fewer rows; the owner may lift the force for the length of a transaction.

use super::SchemaError;
use super::target::{get, rows};
use tokio_postgres::Client;

/// Quoted, schema-qualified names with their oids.
const BOUND: &str = "
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[]) AND c.relrowsecurity AND c.relforcerowsecurity AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
  AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user)
ORDER BY c.oid";

/// Those of `tables` that the role owns and whose policies bind it all the same.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn bound(client: &Client, tables: &[u32]) -> Result<Vec<(u32, String)>, SchemaError> {
    let found = rows(client, "row security", BOUND, &[&tables]).await?;
    found.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

/// The statements that lift the force of `names` until the transaction is rolled back; they lock these tables until then.
#[must_use]
pub fn lift(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let lift = |name| format!("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY;", AsRef::<str>::as_ref(&name));
    names.into_iter().map(lift).collect()
}
