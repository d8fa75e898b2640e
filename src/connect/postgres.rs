//! How PostgreSQL is reached.

use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

/// Where the target is and who we are there. Built from a URL, which is kept nowhere else.
#[derive(Clone)]
pub struct Address {
    config: Config,
    url: SecretString,
}

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
    /// No connection.
    #[error("connecting to {place}: {reason}")]
    Refused {
        /// `user@host:port/database`.
        place: String,
        /// What came back.
        reason: String,
    },
}

impl Address {
    /// Reads a `postgres://` URL or a key=value string.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        let config: Config =
            url.parse().map_err(|error: tokio_postgres::Error| ConnectError::Address { reason: error.to_string() })?;
        Ok(Self { config, url: SecretString::from(url.to_owned()) })
    }

    /// `user@host:port/database`, for the screen: everything but the password.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}:{}/{}", self.user(), self.host(), self.port(), self.database())
    }

    /// The first host's name, or the directory of its socket.
    #[must_use]
    pub fn host(&self) -> String {
        self.config.get_hosts().first().map_or_else(String::new, |host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        })
    }

    /// The first host's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// The role that connects.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The database; PostgreSQL takes the user's name where none is given.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or(self.user())
    }

    /// The URL with its secret, for the environment of a child process (never for its arguments).
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    /// Opens a session named `application` (`cutover/<run>/<n>`).
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn connect(&self, application: &str) -> Result<Client, ConnectError> {
        let mut config = self.config.clone();
        config.application_name(application).connect_timeout(Duration::from_secs(10));
        let refused = |error: tokio_postgres::Error| ConnectError::Refused {
            place: self.label(),
            reason: std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
        };
        let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a session with the target ended");
            }
        });
        Ok(client)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.label()).finish()
    }
}
