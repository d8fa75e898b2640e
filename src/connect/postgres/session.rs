//! What every session of ours is like, and which database it is in.

use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Error};

/// Settings of every session, as name and value. Names that a server version does not know are passed over; so are those that
/// its platform cannot have.
const SETTINGS: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("lock_timeout", "5s"),
    ("row_security", "off"),
    ("client_connection_check_interval", "2s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "6"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "3"),
    ("standard_conforming_strings", "on"),
    ("client_min_messages", "warning"),
];

/// Makes a fresh session ours.
pub(super) async fn settle(client: &Client) -> Result<(), Error> {
    if client.batch_execute(&in_one(SETTINGS)).await.is_ok() {
        return Ok(());
    }
    for setting in SETTINGS {
        if let Err(error) = client.batch_execute(&in_one(std::slice::from_ref(setting))).await
            && error.code().is_none()
        {
            return Err(error);
        }
    }
    Ok(())
}

/// `set_config` over `pg_settings` asks for what is there only.
fn in_one(settings: &[(&str, &str)]) -> String {
    let wanted: Vec<String> = settings.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
    format!(
        "select pg_catalog.set_config(s.name, w.value, false) from (values {}) w(name, value) \
         join pg_catalog.pg_settings s on pg_catalog.lower(s.name) = pg_catalog.lower(w.name)",
        wanted.join(", ")
    )
}

/// Which database this is, wherever and under whatever name it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `system_identifier` of the cluster; none where the role may not ask or a pooler hides it.
    pub system: Option<String>,
    /// `pg_database.oid`.
    pub database_oid: u32,
    /// Its name.
    pub database: String,
    /// `server_version_num`.
    pub version: i32,
}

impl Identity {
    /// Whether both are the same database: oid and name, and the cluster where both know it. A fail-over keeps all three.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let cluster = match (&self.system, &other.system) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        cluster && self.database_oid == other.database_oid && self.database == other.database
    }
}

/// Asks the session which database it is in.
///
/// # Errors
/// When the session is gone.
pub async fn identity(client: &Client) -> Result<Identity, Error> {
    let row = client
        .query_one(
            "select d.oid, d.datname::text, pg_catalog.current_setting('server_version_num')::int4
             from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()",
            &[],
        )
        .await?;
    let system = client.query_one("select system_identifier::text from pg_catalog.pg_control_system()", &[]).await;
    let system = system.and_then(|row| row.try_get(0)).ok();
    Ok(Identity { system, database_oid: row.try_get(0)?, database: row.try_get(1)?, version: row.try_get(2)? })
}
