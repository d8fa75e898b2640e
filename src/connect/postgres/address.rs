//! Where the target is and who we are there.

mod written;

use super::error::Attempt;
use super::tls_options::TlsOptions;
use super::{ConnectError, Dial, DialError, TlsMode, Wire, session, tls};
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use written::{assemble, complete, find_password, host_in_url, percent_encoded, why_unreadable};

/// Where the target is and who we are there. Built from a URL, which is kept nowhere else.
#[derive(Clone)]
pub struct Address {
    config: Config,
    url: SecretString,
    mode: TlsMode,
    root: Option<PathBuf>,
    /// Certificates of authorities that are trusted, as PEM: where they come from the cluster and lie in no file.
    trusted: Option<Arc<[u8]>>,
    password_from: &'static str,
    tls: Arc<OnceLock<ClientConfig>>,
    dialer: Option<Arc<dyn Dial>>,
}

/// An address in pieces, as a Secret has them.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Host name, as the server's certificate has it.
    pub host: String,
    /// Port; 5432 when absent.
    pub port: Option<String>,
    /// Database; the role's name when absent.
    pub database: Option<String>,
    /// Role.
    pub user: String,
    /// Password.
    pub password: Option<SecretString>,
    /// As in `sslmode=…`; verified in full when absent and the host is not this one.
    pub sslmode: Option<String>,
    /// Certificates of the authorities that are trusted, as PEM; this host's own store when absent.
    pub trusted: Option<String>,
}

/// TLS over a stream that somebody else dialled.
type Handshake = <MakeRustlsConnect as MakeTlsConnect<Wire>>::TlsConnect;

/// How a variable of the environment is looked up; a parameter so that tests need not change the process.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Address {
    /// Reads a `postgres://` URL or a key=value string; what it leaves out comes from the environment, as in libpq (`PGHOST`,
    /// `PGPORT`, `PGUSER`, `PGDATABASE`, `PGPASSWORD`, `PGPASSFILE`, `PGSSLMODE`, `PGSSLROOTCERT`, `~/.pgpass`).
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        Self::from_environment(url, &|name| std::env::var(name).ok())
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// When `url` is neither.
    pub fn from_environment(url: &str, environment: Lookup<'_>) -> Result<Self, ConnectError> {
        let (ours, options) = TlsOptions::take_from(url.trim())?;
        let mut config: Config = ours
            .parse()
            .map_err(|error: tokio_postgres::Error| ConnectError::Address { reason: why_unreadable(&error) })?;
        complete(&mut config, environment)?;
        let lookup = |name: &str| environment(name).filter(|value| !value.is_empty());
        let said = match (options.mode, lookup("PGSSLMODE")) {
            (None, Some(text)) => TlsOptions::take_from(&format!("sslmode={text}"))?.1.mode,
            (mode, _) => mode,
        };
        let root = options.root.or_else(|| lookup("PGSSLROOTCERT").map(PathBuf::from));
        let mode = match said {
            // libpq: a root certificate makes `require` verify it.
            Some(TlsMode::Require) if root.is_some() => TlsMode::VerifyCa,
            Some(mode) => mode,
            None => TlsMode::default_for(config.get_hosts()),
        };
        config.ssl_mode(mode.on_the_wire());
        let password_from = find_password(&mut config, options.passfile, environment);
        let whole = assemble(&config, config.get_password(), mode, root.as_deref());
        let url = SecretString::from(whole.unwrap_or_else(|| url.to_owned()));
        Ok(Self { config, url, mode, root, trusted: None, password_from, tls: Arc::default(), dialer: None })
    }

    /// Puts an address together. The environment is not asked: what a Secret leaves out has a default of its own.
    ///
    /// # Errors
    /// When a piece cannot be read; the message repeats no secret.
    pub fn of_parts(parts: Parts) -> Result<Self, ConnectError> {
        let mut url = format!("postgres://{}@{}", percent_encoded(&parts.user), host_in_url(&parts.host));
        let pieces = [
            parts.port.map(|port| format!(":{}", port.trim())),
            Some(format!("/{}", percent_encoded(parts.database.as_deref().unwrap_or_default()))),
            parts.sslmode.map(|mode| format!("?sslmode={}", mode.trim())),
        ];
        url.extend(pieces.into_iter().flatten());
        let mut address = Self::from_environment(&url, &|_| None)?;
        if let Some(password) = &parts.password {
            address.config.password(password.expose_secret());
            address.password_from = "from the Secret";
            let whole = assemble(&address.config, address.config.get_password(), address.mode, None);
            address.url = SecretString::from(whole.unwrap_or(url));
        }
        address.trusted = parts.trusted.map(|pem| Arc::from(pem.into_bytes()));
        Ok(address)
    }

    /// The same place, reached by `dialer`. TLS still verifies the host that the address names.
    #[must_use]
    pub fn reached_by(self, dialer: Arc<dyn Dial>) -> Self {
        Self { dialer: Some(dialer), ..self }
    }

    /// How it is reached where this host does not connect by itself: `through pod cutover-…`.
    #[must_use]
    pub fn route(&self) -> Option<String> {
        self.dialer.as_ref().map(|dialer| dialer.label())
    }

    /// `user@host:port/database`, for the screen: everything but the password.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}:{}/{}", self.user(), self.host(), self.port(), self.database())
    }

    /// The host: a name, an address, or the directory of a socket.
    #[must_use]
    pub fn host(&self) -> String {
        self.config.get_hosts().first().map_or_else(String::new, |host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// The role.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// How far the server is verified.
    #[must_use]
    pub fn tls_mode(&self) -> TlsMode {
        self.mode
    }

    /// Where the password comes from, in words; never the password.
    #[must_use]
    pub fn password_from(&self) -> &'static str {
        self.password_from
    }

    /// The URL with its secret, for the environment of a child process (never for its arguments).
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    /// The URL without the password, to be kept where a run is resumed from; none when a URL cannot say it (several hosts).
    #[must_use]
    pub fn public_url(&self) -> Option<String> {
        assemble(&self.config, None, self.mode, self.root.as_deref())
    }

    /// The secrets in it: the password as it is and as it stands in a URL.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let Some(password) = self.config.get_password() else { return Vec::new() };
        let plain = String::from_utf8_lossy(password).into_owned();
        let encoded = percent_encoded(&plain);
        vec![SecretString::from(plain), SecretString::from(encoded)]
    }

    /// libpq's variables for a child process, so that `psql` and applications need no arguments.
    #[must_use]
    pub fn child_environment(&self) -> Vec<(&'static str, SecretString)> {
        let mut variables = vec![
            ("PGHOST", self.host()),
            ("PGPORT", self.port().to_string()),
            ("PGUSER", self.user().to_owned()),
            ("PGDATABASE", self.database().to_owned()),
            ("PGSSLMODE", self.mode.name().to_owned()),
        ];
        if let Some(root) = &self.root {
            variables.push(("PGSSLROOTCERT", root.display().to_string()));
        }
        if let Some(password) = self.config.get_password() {
            variables.push(("PGPASSWORD", String::from_utf8_lossy(password).into_owned()));
        }
        variables.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect()
    }

    /// Opens a session named `application` (`cutover/<run>/<n>`), with the settings that every session of ours has: no
    /// statement, idle or transaction time-outs, `lock_timeout` 5 s, row security off (an error rather than fewer rows), a server
    /// that notices when we are gone.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn connect(&self, application: &str) -> Result<Client, ConnectError> {
        let mut config = self.config.clone();
        config.application_name(application);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let client = match &self.dialer {
            Some(dialer) => self.open_over(&config, dialer).await?,
            None => self.open(&config).await?,
        };
        session::settle(&client).await.map_err(|error| self.explain(&error))?;
        Ok(client)
    }

    async fn open(&self, config: &Config) -> Result<Client, ConnectError> {
        match self.tls()? {
            Some(connector) => {
                let (client, connection) = config.connect(connector).await.map_err(|error| self.explain(&error))?;
                tokio::spawn(watch(connection));
                Ok(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(|error| self.explain(&error))?;
                tokio::spawn(watch(connection));
                Ok(client)
            }
        }
    }

    async fn open_over(&self, config: &Config, dialer: &Arc<dyn Dial>) -> Result<Client, ConnectError> {
        let patience = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(10));
        let wire = dialer.dial().await.map_err(|error| self.not_dialled(dialer, error))?;
        let opened = tokio::time::timeout(patience, self.open_on(config, wire)).await;
        opened.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", patience.as_secs());
            Err(self.not_dialled(dialer, DialError { reason, passing: true }))
        })
    }

    async fn open_on(&self, config: &Config, wire: Wire) -> Result<Client, ConnectError> {
        let Some(connector) = self.tls()? else {
            let opened = config.connect_raw(wire, NoTls).await;
            let (client, connection) = opened.map_err(|error| self.explain(&error))?;
            tokio::spawn(watch(connection));
            return Ok(client);
        };
        let opened = config.connect_raw(wire, self.handshake(connector)?).await;
        let (client, connection) = opened.map_err(|error| self.explain(&error))?;
        tokio::spawn(watch(connection));
        Ok(client)
    }

    fn not_dialled(&self, dialer: &Arc<dyn Dial>, error: DialError) -> ConnectError {
        ConnectError::Gateway {
            place: self.label(),
            gateway: dialer.label(),
            reason: error.reason,
            passing: error.passing,
        }
    }

    fn handshake(&self, mut connector: MakeRustlsConnect) -> Result<Handshake, ConnectError> {
        MakeTlsConnect::<Wire>::make_tls_connect(&mut connector, &self.host()).map_err(|error| ConnectError::Tls {
            place: self.label(),
            mode: self.mode.name(),
            reason: error.to_string(),
            remedy: "name the server by the name that its certificate holds",
        })
    }

    /// Asks the server to cancel what a session does now.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn cancel(&self, token: &tokio_postgres::CancelToken) -> Result<(), ConnectError> {
        let Some(dialer) = &self.dialer else {
            let done = match self.tls()? {
                Some(connector) => token.cancel_query(connector).await,
                None => token.cancel_query(NoTls).await,
            };
            return done.map_err(|error| self.explain(&error));
        };
        let wire = dialer.dial().await.map_err(|error| self.not_dialled(dialer, error))?;
        let done = match self.tls()? {
            Some(connector) => token.cancel_query_raw(wire, self.handshake(connector)?).await,
            None => token.cancel_query_raw(wire, NoTls).await,
        };
        done.map_err(|error| self.explain(&error))
    }

    fn tls(&self) -> Result<Option<MakeRustlsConnect>, ConnectError> {
        if self.mode == TlsMode::Disable || self.host().starts_with('/') {
            return Ok(None);
        }
        if let Some(config) = self.tls.get() {
            return Ok(Some(MakeRustlsConnect::new(config.clone())));
        }
        let made = tls::config(self.mode, self.root.as_deref(), self.trusted.as_deref()).map_err(|reason| {
            ConnectError::Tls {
                place: self.label(),
                mode: self.mode.name(),
                reason,
                remedy: "give the server's certificate authority as sslrootcert=FILE",
            }
        })?;
        Ok(Some(MakeRustlsConnect::new(self.tls.get_or_init(|| made).clone())))
    }

    fn explain(&self, error: &tokio_postgres::Error) -> ConnectError {
        let attempt = Attempt { place: self.label(), mode: self.mode.name(), password: self.password_from };
        ConnectError::explain(error, attempt)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.label()).finish()
    }
}

async fn watch(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::warn!(%error, "a session with the target ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, variables: &[(&str, &str)]) -> Address {
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Address::from_environment(url, &environment).unwrap()
    }

    #[test]
    fn nothing_secret_is_shown() {
        let address = read("postgres://u:p%40ss%2Fword@pg-main/d", &[]);
        assert_eq!(format!("{address:?}"), "Address(\"u@pg-main:5432/d\")");
        assert_eq!(address.expose(), "postgres://u:p%40ss%2Fword@pg-main:5432/d?sslmode=verify-full");
        assert_eq!(address.public_url().unwrap(), "postgres://u@pg-main:5432/d?sslmode=verify-full");
        let secrets = address.secrets();
        assert_eq!(secrets[0].expose_secret(), "p@ss/word");
        assert_eq!(secrets[1].expose_secret(), "p%40ss%2Fword");
        let broken = Address::parse("postgres://u:hunter2@h:port/d").unwrap_err();
        assert!(!broken.to_string().contains("hunter2"), "{broken}");
    }

    #[test]
    fn pieces_of_a_secret_make_an_address() {
        let parts = Parts {
            host: "db.monitoring.svc".to_owned(),
            port: Some("6432\n".to_owned()),
            database: Some("grafana db".to_owned()),
            user: "grafana".to_owned(),
            password: Some(SecretString::from("p:@ss".to_owned())),
            ..Parts::default()
        };
        let address = Address::of_parts(parts.clone()).unwrap();
        assert_eq!(address.label(), "grafana@db.monitoring.svc:6432/grafana db");
        assert_eq!((address.tls_mode(), address.password_from()), (TlsMode::VerifyFull, "from the Secret"));
        assert_eq!(address.secrets()[0].expose_secret(), "p:@ss");
        assert!(!format!("{address:?} {parts:?}").contains("p:@ss"));
        let wrong = Address::of_parts(Parts { sslmode: Some("tls".to_owned()), ..parts });
        assert!(wrong.is_err());
    }

    #[test]
    fn the_environment_fills_what_the_url_leaves_out() {
        let address =
            read("postgres://", &[("PGHOST", "h"), ("PGUSER", "u"), ("PGPORT", "6"), ("PGSSLMODE", "require")]);
        assert_eq!(address.label(), "u@h:6/u");
        assert_eq!(address.tls_mode(), TlsMode::Require);
        let address = read("postgres://u@h/d?sslmode=require&sslrootcert=/ca.pem", &[("PGPASSWORD", "s3cret")]);
        assert_eq!(address.tls_mode(), TlsMode::VerifyCa);
        assert_eq!(address.password_from(), "from PGPASSWORD");
        assert_eq!(address.expose(), "postgres://u:s3cret@h:5432/d?sslmode=verify-ca&sslrootcert=%2Fca.pem");
    }

    #[test]
    fn a_round_trip_through_the_assembled_url_changes_nothing() {
        let address = read("host=/run/pg user=u password='it\\'s' dbname=d", &[]);
        let again = read(address.expose(), &[]);
        assert_eq!(again.label(), "u@/run/pg:5432/d");
        assert_eq!(again.expose(), address.expose());
    }
}
