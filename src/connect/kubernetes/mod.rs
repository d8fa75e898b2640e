//! How a Kubernetes cluster is reached: the place, calls that outlast an API server that is away for a while, streams into pods,
//! waits that say what they wait for, and what a user has to be allowed to do.
//!
//! `action` and `inspect` talk to [`Cluster`]; [`gateway`] lends its streams to the PostgreSQL client, so that nobody above needs
//! to know how a target is reached.

mod call;
mod carrier;
mod channels;
mod cluster;
mod error;
mod exec;
mod forward;
pub mod gateway;
pub mod names;
mod permission;
pub mod pods;
mod proxy;
mod secret;
mod story;
mod through_pod;
mod wait;

pub use cluster::{Cluster, Place};
pub use error::ClusterError;
pub use exec::{ExecOutput, Exit, Process, Size, Terminal};
pub use permission::{Permission, role};
pub use story::Followed;
pub use wait::{Patience, Seen};
