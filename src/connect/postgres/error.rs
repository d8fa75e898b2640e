//! Why the target could not be reached, in words that say what to do.

use std::error::Error as _;
use tokio_postgres::error::SqlState;

/// Why the target could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read. Its text is not repeated: it may hold a password.
    #[error(
        "the PostgreSQL address cannot be read: {reason}; write postgres://USER@HOST:PORT/DATABASE and give the password as PGPASSWORD"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there.
    #[error("connecting to {place}: {reason}; check host, port, firewall, and that the server runs")]
    Unreachable {
        /// `user@host:port/database`.
        place: String,
        /// What came back.
        reason: String,
    },
    /// The server does not let this role in.
    #[error("connecting to {place}: {reason}; check the role, its password ({password}) and pg_hba.conf")]
    Authentication {
        /// `user@host:port/database`.
        place: String,
        /// What came back.
        reason: String,
        /// Where the password came from, never the password.
        password: &'static str,
    },
    /// The database is not there.
    #[error("connecting to {place}: {reason}; create the database, or correct its name")]
    NoDatabase {
        /// `user@host:port/database`.
        place: String,
        /// What came back.
        reason: String,
    },
    /// No encrypted session that can be trusted.
    #[error("connecting to {place} with sslmode={mode}: {reason}; {remedy}")]
    Tls {
        /// `user@host:port/database`.
        place: String,
        /// The mode asked for.
        mode: &'static str,
        /// What came back.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The way to the server is not there.
    #[error("connecting to {place} {gateway}: {reason}; check that the way there is open, then retry")]
    Gateway {
        /// `user@host:port/database`.
        place: String,
        /// The way, in words.
        gateway: String,
        /// What came back.
        reason: String,
        /// Whether trying again may help.
        passing: bool,
    },
    /// The server answered and said no for another reason.
    #[error("connecting to {place}: {reason}")]
    Refused {
        /// `user@host:port/database`.
        place: String,
        /// What came back.
        reason: String,
    },
}

/// What is known about an attempt, to explain its failure.
pub(super) struct Attempt {
    pub place: String,
    pub mode: &'static str,
    pub password: &'static str,
}

impl ConnectError {
    /// Whether trying again later may help: nobody answered, or the server starts or has no slot free.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { .. } | Self::Gateway { passing: true, .. })
    }

    pub(super) fn explain(error: &tokio_postgres::Error, attempt: Attempt) -> Self {
        let Attempt { place, mode, password } = attempt;
        let reason = reason(error);
        match error.code() {
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { place, reason },
            Some(code)
                if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                Self::Authentication { place, reason, password }
            }
            Some(_) => Self::Refused { place, reason },
            None if error.to_string().starts_with("error performing TLS handshake") => {
                Self::Tls { place, mode, remedy: tls_remedy(&reason), reason }
            }
            None if reason.contains("password missing") => Self::Authentication { place, reason, password },
            None => Self::Unreachable { place, reason },
        }
    }
}

/// The whole chain in one line: tokio-postgres says only `db error` at the top.
fn reason(error: &tokio_postgres::Error) -> String {
    let Some(source) = error.source() else { return error.to_string() };
    match source.source() {
        Some(deeper) if !source.to_string().contains(&deeper.to_string()) => format!("{source}: {deeper}"),
        _ => source.to_string(),
    }
}

fn tls_remedy(reason: &str) -> &'static str {
    if reason.contains("does not support TLS") {
        "turn TLS on at the server, or say sslmode=disable if the network in between is trusted"
    } else if reason.contains("NotValidForName") || reason.contains("not valid for name") {
        "connect by a name that the certificate holds, or say sslmode=verify-ca"
    } else {
        "give the server's certificate authority as sslrootcert=FILE, or say sslmode=require to go without verification"
    }
}
