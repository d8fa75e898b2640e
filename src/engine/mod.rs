//! The engine: a pure machine that decides, and a driver that does what it says.
//!
//! In reading order:
//!
//! 1. [`event`]: what is journaled. A run is the list of its events.
//! 2. [`status`]: the whole protocol of one step, as a table.
//! 3. [`effect`], [`command`]: what the machine wants done, and what the operator wants.
//! 4. [`machine`]: every rule of start, gates, pause, resume, retry, skip, failure and going back. Pure.
//! 5. [`recover`]: a machine out of a journal.
//! 6. [`mod@fold`], [`snapshot`]: the run as plain data to draw, live and of ended runs.
//! 7. [`recording`]: a run's journal as moments that can be walked through.
//! 8. [`driver`], [`handle`]: journals first, does what the machine wants, feeds back what came of it.
//! 9. [`attach`]: the same run on other terminals, through a socket in its directory.
//! 10. [`runs`]: the state directory.

pub mod attach;
pub mod command;
pub mod driver;
pub mod effect;
pub mod event;
pub mod fold;
pub mod handle;
pub mod machine;
pub mod recording;
pub mod recover;
pub mod runs;
pub mod snapshot;
pub mod status;

pub use command::{Command, LateWrites};
pub use driver::{
    Claim, ClaimError, Claims, Closing, DatabaseClaims, Driver, DriverError, Options, Origin, Resolve, Setup,
};
pub use event::{Ended, Event, Failure, Identity, Labels, Operator, Recorded, RunCreated, StepPlan};
pub use fold::{Fold, fold};
pub use handle::{Ending, Handle};
pub use snapshot::Snapshot;
pub use status::{IllegalEvent, Status, next_status};
