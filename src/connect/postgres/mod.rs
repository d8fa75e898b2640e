//! How PostgreSQL is reached: the address, TLS, passwords, the session's settings, and the lock that keeps a second operator out.

mod address;
mod dial;
mod error;
mod lock;
mod passfile;
mod pooler;
mod session;
mod tls;
mod tls_options;

pub use address::{Address, Parts};
pub use dial::{Dial, DialError, Wire};
pub use error::ConnectError;
pub use lock::{Backend, LockError, RunLock, operator};
pub use pooler::is_pooled;
pub use session::{Identity, identity};
pub use tls_options::TlsMode;
