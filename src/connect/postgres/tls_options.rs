//! `sslmode` and its company, taken out of an address before tokio-postgres reads it: it knows neither `verify-ca` nor
//! `verify-full` nor `sslrootcert`.

use super::ConnectError;
use std::path::PathBuf;
use tokio_postgres::config::{Host, SslMode};

/// How far the server's identity is verified, as in libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// No encryption.
    Disable,
    /// Encrypted when the server can, verified never.
    Prefer,
    /// Encrypted, not verified.
    Require,
    /// Encrypted, the certificate comes from a trusted authority.
    VerifyCa,
    /// The same, and it names the host that we connect to.
    VerifyFull,
}

impl TlsMode {
    /// As in `sslmode=…`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// What tokio-postgres does about a server without TLS; the grades of verification are [`super::tls`]'s.
    pub(super) fn on_the_wire(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }

    fn parse(text: &str) -> Result<Self, ConnectError> {
        let known = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
        // libpq's `allow` tries without TLS first; nobody who has a choice wants that.
        if text == "allow" {
            return Ok(Self::Prefer);
        }
        known.into_iter().find(|mode| mode.name() == text).ok_or_else(|| ConnectError::Address {
            reason: format!("sslmode={text} is none of disable, prefer, require, verify-ca, verify-full"),
        })
    }

    /// Without a word from anybody: verified wherever the wire leaves this host.
    pub(super) fn default_for(hosts: &[Host]) -> Self {
        let stays = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
        };
        if hosts.iter().all(stays) { Self::Prefer } else { Self::VerifyFull }
    }
}

/// What an address says about TLS and password files; empty where it is silent.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsOptions {
    pub mode: Option<TlsMode>,
    pub root: Option<PathBuf>,
    pub passfile: Option<PathBuf>,
}

impl TlsOptions {
    /// Splits `text` into what tokio-postgres understands and what is ours.
    pub fn take_from(text: &str) -> Result<(String, Self), ConnectError> {
        if !text.contains("://") {
            return Self::take_from_pairs(text);
        }
        let Some((before, query)) = text.split_once('?') else { return Ok((text.to_owned(), Self::default())) };
        let mut options = Self::default();
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !options.take(key, &percent_decoded(value))? {
                rest.push(pair);
            }
        }
        let glue = if rest.is_empty() { "" } else { "?" };
        Ok((format!("{before}{glue}{}", rest.join("&")), options))
    }

    /// `key=value` strings: only unquoted values of our own keys are looked for, everything else goes on untouched.
    fn take_from_pairs(text: &str) -> Result<(String, Self), ConnectError> {
        let mut options = Self::default();
        let mut rest = Vec::new();
        let mut quoted = false;
        for word in text.split(' ') {
            let pair = if quoted { None } else { word.split_once('=') };
            let ours = match pair {
                Some((key, value)) => options.take(key, value.trim_matches('\''))?,
                None => false,
            };
            if !ours {
                quoted ^= word.replace("\\'", "").matches('\'').count() % 2 == 1;
                rest.push(word);
            }
        }
        Ok((rest.join(" "), options))
    }

    fn take(&mut self, key: &str, value: &str) -> Result<bool, ConnectError> {
        match key {
            "sslmode" => self.mode = Some(TlsMode::parse(value)?),
            "sslrootcert" => self.root = Some(PathBuf::from(value)),
            "passfile" => self.passfile = Some(PathBuf::from(value)),
            "sslcert" | "sslkey" | "sslpassword" | "sslcrl" | "sslcrldir" => {
                return Err(ConnectError::Address {
                    reason: format!("{key} (client certificates, revocation lists) is not understood"),
                });
            }
            "gssencmode" | "krbsrvname" | "gsslib" | "sslsni" | "sslcompression" | "requiressl" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_taken_out_of_urls_and_pairs() {
        let (rest, options) = TlsOptions::take_from(
            "postgres://u@h/d?sslmode=verify-ca&application_name=x&sslrootcert=%2Fetc%2Fca%20dir%2Fca.pem",
        )
        .unwrap();
        assert_eq!(rest, "postgres://u@h/d?application_name=x");
        assert_eq!(options.mode, Some(TlsMode::VerifyCa));
        assert_eq!(options.root, Some(PathBuf::from("/etc/ca dir/ca.pem")));
        let (rest, options) =
            TlsOptions::take_from("host=h sslmode=verify-full password='a sslmode=disable b'").unwrap();
        assert_eq!(rest, "host=h password='a sslmode=disable b'");
        assert_eq!(options.mode, Some(TlsMode::VerifyFull));
        assert!(TlsOptions::take_from("postgres://h/d?sslmode=verify").is_err());
    }

    #[test]
    fn verified_unless_the_wire_stays_here() {
        let tcp = |name: &str| Host::Tcp(name.to_owned());
        assert_eq!(TlsMode::default_for(&[tcp("127.0.0.1"), tcp("::1"), tcp("localhost")]), TlsMode::Prefer);
        assert_eq!(TlsMode::default_for(&[Host::Unix("/run/postgresql".into())]), TlsMode::Prefer);
        assert_eq!(TlsMode::default_for(&[tcp("127.0.0.1"), tcp("pg-main")]), TlsMode::VerifyFull);
    }
}
