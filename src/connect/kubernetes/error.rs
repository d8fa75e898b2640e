//! Why something on the cluster did not work, so that a caller can tell whether to try again, to ask somebody, or to give up.

use super::Place;
use std::sync::Arc;
use std::time::Duration;

/// Why something on the cluster did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig or the names in it: wrong before anything was asked.
    #[error("{0}")]
    Config(String),
    /// Nobody answers, or the server says that it cannot now. Trying again may help.
    #[error("{doing} on {place}: {reason}; the API server is away, try again when it answers")]
    Away {
        /// What was being done, to what.
        doing: String,
        /// Context and namespace.
        place: Arc<Place>,
        /// What came back.
        reason: String,
    },
    /// The server understood and said no.
    #[error("{doing} on {place}: {reason}{}", remedy(*code))]
    Refused {
        /// What was being done, to what.
        doing: String,
        /// Context and namespace.
        place: Arc<Place>,
        /// What came back.
        reason: String,
        /// The HTTP status.
        code: u16,
        /// Whether an object of that name is there already.
        exists: bool,
    },
    /// A stream into a pod ended before its time. Trying again may help.
    #[error("{doing} on {place}: the stream was cut: {reason}; try again")]
    Cut {
        /// What was being done, to what.
        doing: String,
        /// Context and namespace.
        place: Arc<Place>,
        /// What came back.
        reason: String,
    },
    /// An answer that makes no sense, or a request that cannot be made.
    #[error("{doing} on {place}: {reason}")]
    Broken {
        /// What was being done, to what.
        doing: String,
        /// Context and namespace.
        place: Arc<Place>,
        /// What came back.
        reason: String,
    },
    /// What was waited for did not come in time.
    #[error("waited {} s for {what} on {place}; last seen: {seen}{story}", waited.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// Context and namespace.
        place: Arc<Place>,
        /// For how long.
        waited: Duration,
        /// The last state that was seen.
        seen: String,
        /// Events and log lines, each on a line of its own; empty when there are none.
        story: String,
    },
    /// What was waited for will not come.
    #[error("{what} on {place} will not come: {reason}{story}")]
    Hopeless {
        /// What was waited for.
        what: String,
        /// Context and namespace.
        place: Arc<Place>,
        /// Why not, and what to do.
        reason: String,
        /// Events and log lines, each on a line of its own; empty when there are none.
        story: String,
    },
}

fn remedy(code: u16) -> &'static str {
    match code {
        401 => "; log in to the cluster again: the token or certificate of this context is not accepted",
        403 => "; ask for the right, or use a context that has it",
        _ => "",
    }
}

impl ClusterError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Cut { .. })
    }

    /// Whether the user may not do it, or is not known.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { code: 401 | 403, .. })
    }

    /// Whether what was asked for is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether an object of that name is there already.
    #[must_use]
    pub fn exists_already(&self) -> bool {
        matches!(self, Self::Refused { exists: true, .. })
    }

    /// Whether the object has moved on since it was read, or a `test` of a patch did not hold.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409 | 422, exists: false, .. })
    }

    /// What kube said, as `doing` at `place`.
    pub(super) fn from_kube(doing: &str, place: &Arc<Place>, error: kube::Error) -> Self {
        let (doing, place) = (doing.to_owned(), Arc::clone(place));
        match error {
            kube::Error::Api(status) => {
                let exists = status.reason == "AlreadyExists";
                let reason = if status.message.is_empty() { status.reason.clone() } else { status.message.clone() };
                match status.code {
                    408 | 429 | 500..=599 => Self::Away { doing, place, reason },
                    code => Self::Refused { doing, place, reason, code, exists },
                }
            }
            kube::Error::HyperError(error) => Self::Away { doing, place, reason: chain(&error) },
            kube::Error::Service(error) => Self::Away { doing, place, reason: chain(error.as_ref()) },
            kube::Error::ReadEvents(error) => Self::Away { doing, place, reason: chain(&error) },
            kube::Error::UpgradeConnection(error) => Self::Away { doing, place, reason: chain(&error) },
            // The plugin's output may hold a token: only what it is called and how it ended is repeated.
            kube::Error::Auth(kube::client::AuthError::AuthExecRun { cmd, out }) => {
                let reason =
                    format!("the login plugin {cmd} of this context ended with {}; run it by hand", out.status);
                Self::Broken { doing, place, reason }
            }
            error => Self::Broken { doing, place, reason: chain(&error) },
        }
    }
}

/// The whole chain in one line, each part once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = source.source();
    }
    text
}
