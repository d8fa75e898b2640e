//! Connections that a pod makes and its shell carries.

use super::gateway::{Carrier, DIALLING, told};
use super::{ClusterError, Exit, Permission};
use crate::connect::postgres::{Dial, DialError, Wire};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::{sleep, timeout};

/// The pod connects, and its shell carries the bytes.
pub struct ThroughPod {
    carrier: Arc<Carrier>,
    host: String,
    port: u16,
}

/// Why a try came to nothing.
enum Failed {
    /// The pod is there and could not connect.
    There(DialError),
    /// The pod could not be asked.
    Here(ClusterError),
}

/// How many carriers are started for one connection.
const TRIES: usize = 4;
/// After so long without a word a carrier gets company. On a node with much to do an exec takes seconds to begin: the slow one is not given
/// up, and whichever speaks first is taken.
const SILENT: Duration = Duration::from_secs(6);
/// What the carrier says when it is connected.
const OPEN: &[u8] = b"open\n";
/// Connects by bash's `/dev/tcp`, else by socat or nc, and carries bytes both ways until either side ends. dd, because some `cat`s
/// hold bytes of a socket back; the database's end of the connection is closed when ours is.
const CARRIER: &str = r#"
if command -v bash >/dev/null; then
  exec bash -c 'exec 3<>"/dev/tcp/$0/$1" 4<&0 || exit 97
printf "open\n"
dd bs=65536 <&3 2>/dev/null & from=$!
dd bs=65536 <&4 >&3 2>/dev/null & to=$!
exec 3>&- 4<&-
wait -n
kill $from $to 2>/dev/null' "$0" "$1"
fi
printf 'open\n'
if command -v socat >/dev/null; then exec socat - "TCP:$0:$1"; fi
exec nc "$0" "$1"
"#;

#[async_trait]
impl Dial for ThroughPod {
    fn label(&self) -> String {
        format!("through pod {}", self.carrier.name())
    }

    async fn dial(&self) -> Result<Wire, DialError> {
        for _ in 0..TRIES {
            let error = match timeout(DIALLING, self.first()).await {
                Ok(Ok(wire)) => {
                    self.carrier.worked();
                    return Ok(wire);
                }
                Ok(Err(Failed::There(error))) => return Err(error),
                Ok(Err(Failed::Here(error))) => told(error),
                Err(_) => {
                    let reason = format!("no connection within {} s", DIALLING.as_secs());
                    DialError { reason, passing: true }
                }
            };
            if !self.carrier.restore().await? {
                return Err(error);
            }
        }
        Err(DialError { reason: format!("pod {} is lost again and again", self.carrier.name()), passing: true })
    }
}

impl ThroughPod {
    /// To `host` and `port` as the pod knows them.
    #[must_use]
    pub fn new(carrier: Arc<Carrier>, host: &str, port: u16) -> Self {
        Self { carrier, host: host.to_owned(), port }
    }

    /// The first of several carriers that has reached the database.
    async fn first(&self) -> Result<Wire, Failed> {
        let mut carriers = FuturesUnordered::new();
        loop {
            carriers.push(self.attempt());
            tokio::select! {
                Some(came) = carriers.next() => return came,
                () = sleep(SILENT), if carriers.len() < TRIES => {}
            }
        }
    }

    /// A carrier in the pod that has reached the database.
    async fn attempt(&self) -> Result<Wire, Failed> {
        let port = self.port.to_string();
        let command = ["sh", "-c", CARRIER, &self.host, &port];
        let process = self.carrier.cluster().stream(self.carrier.name(), None, &command).await;
        let mut process = process.map_err(Failed::Here)?;
        let mut said = [0; OPEN.len()];
        match process.read_exact(&mut said).await {
            Ok(_) if said == OPEN => Ok(Wire::over(process)),
            _ => Err(self.refusal(process.exit().await)),
        }
    }

    fn refusal(&self, exit: Result<Exit, ClusterError>) -> Failed {
        match exit {
            Ok(exit) => {
                let reason = exit.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
                let reason = format!("{}:{} from there: {reason}", self.host, self.port);
                Failed::There(DialError { reason, passing: true })
            }
            Err(error) => Failed::Here(error),
        }
    }

    /// What a user has to be allowed to do for it.
    #[must_use]
    pub fn permissions() -> Vec<Permission> {
        Permission::several("", "pods/exec", &["get", "create"])
    }
}
