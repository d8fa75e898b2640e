//! Where a runbook's run takes place: which cluster, and how its target is reached from here.

use super::Stop;
use super::target::{self, Kept};
use crate::connect::kubernetes::gateway::{Destination, PortForward, ThroughPod};
use crate::connect::kubernetes::{Cluster, ClusterError, Place, names};
use crate::connect::postgres::{Address, Parts};
use crate::runbook::{Gateway, Platform, Runbook, SecretTarget};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A target and, where the service runs on one, its cluster.
pub(super) struct Reached {
    /// The target, as it is reached without a gateway.
    address: Address,
    /// What is kept of it.
    pub kept: Kept,
    /// The cluster.
    pub cluster: Option<Arc<Cluster>>,
    gateway: Gateway,
}

impl Reached {
    /// The target as a run of this id reaches it.
    pub(super) fn address(&self, run: &str) -> Address {
        let address = self.address.clone();
        let Some(cluster) = self.cluster.as_deref().cloned() else { return address };
        let (host, port) = (address.host(), address.port());
        match &self.gateway {
            Gateway::Direct => address,
            Gateway::Pod(name) => {
                address.reached_by(Arc::new(PortForward { cluster, to: Destination::Pod(name.clone()), port }))
            }
            Gateway::Service(name) => {
                address.reached_by(Arc::new(PortForward { cluster, to: Destination::Service(name.clone()), port }))
            }
            Gateway::TestPod(step) => {
                let pod = names::object(run, &step.0);
                address.reached_by(Arc::new(ThroughPod { cluster, pod, host, port }))
            }
        }
    }

    /// The target before there is a run, for those who only look.
    ///
    /// # Errors
    /// When only a pod of a run sees it.
    pub(super) fn before_a_run(&self) -> Result<Address, Stop> {
        match &self.gateway {
            Gateway::TestPod(step) => Err(Stop::refused(format!(
                "{} is reached through the pod that step {step} makes, so there is nothing to ask before that: \
                 `cutover run … --until scan` makes it, shows the plan and touches nothing else",
                self.address.label()
            ))),
            _ => Ok(self.address("plan")),
        }
    }
}

impl From<(Address, Kept)> for Reached {
    fn from((address, kept): (Address, Kept)) -> Self {
        Self { address, kept, cluster: None, gateway: Gateway::Direct }
    }
}

impl From<ClusterError> for Stop {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Config(_) => Self::wrong(error.to_string()),
            _ => Self::refused(error.to_string()),
        }
    }
}

/// The place of a new run.
///
/// # Errors
/// When no context is named, the cluster does not answer, or the target's address is not there.
pub(super) async fn reach(runbook: &Runbook, context: Option<&str>) -> Result<Reached, Stop> {
    let cluster = open(runbook, context).await?;
    if let (Some(secret), Some(cluster)) = (&runbook.target.secret, &cluster) {
        return of_secret(cluster, secret).await;
    }
    let (address, kept) = target::named(&runbook.target.url_from)?;
    Ok(Reached { cluster, ..Reached::from((address, kept)) }.placed())
}

/// The place of a run that goes on: the same as before, or the context that the operator calls it by.
///
/// # Errors
/// As [`reach`].
pub(super) async fn again(
    runbook: &Runbook,
    dir: &crate::engine::runs::RunDir,
    context: Option<&str>,
) -> Result<Reached, Stop> {
    let kept = Kept::read(dir.path());
    let before = kept.and_then(|kept| kept.context);
    let cluster = open(runbook, context.or(before.as_deref())).await?;
    if let (Some(secret), Some(cluster)) = (&runbook.target.secret, &cluster) {
        return of_secret(cluster, secret).await;
    }
    let (address, kept) = target::again(dir.path(), dir.id())?;
    Ok(Reached { cluster, ..Reached::from((address, kept)) }.placed())
}

impl Reached {
    fn placed(mut self) -> Self {
        self.kept.context = self.cluster.as_ref().map(|cluster| cluster.place().context.clone());
        self
    }
}

async fn open(runbook: &Runbook, context: Option<&str>) -> Result<Option<Arc<Cluster>>, Stop> {
    let service = &runbook.service;
    if service.platform != Platform::Kubernetes {
        return match context {
            None => Ok(None),
            Some(context) => Err(Stop::wrong(format!(
                "--context {context}: the service of {} runs on this host; leave it out, or say `platform: kubernetes` in the runbook",
                runbook.name
            ))),
        };
    }
    let context = context.unwrap_or(&service.context);
    if context.is_empty() {
        return Err(Stop::wrong(format!(
            "{} runs on a cluster and names no context; the kubeconfig's current one is never taken by itself: give --context NAME",
            service.name
        )));
    }
    let place = Place { context: context.to_owned(), namespace: service.namespace.clone() };
    Ok(Some(Arc::new(Cluster::open(place).await?)))
}

async fn of_secret(cluster: &Arc<Cluster>, secret: &SecretTarget) -> Result<Reached, Stop> {
    let held = cluster.secret(&secret.name).await?.ok_or_else(|| {
        let place = cluster.place();
        Stop::refused(format!(
            "there is no Secret {} on {place}: make it, or name another in `target.secret`",
            secret.name
        ))
    })?;
    let address = Address::of_parts(parts(secret, &held).map_err(|missing| {
        let there: Vec<&str> = held.keys().map(String::as_str).collect();
        Stop::refused(format!(
            "Secret {} on {} has no key `{missing}`; it has {}: name its keys in `target.keys`",
            secret.name,
            cluster.place(),
            there.join(", ")
        ))
    })?)?;
    let kept = Kept { url: None, ..Kept::of(&address, None) };
    Ok(Reached { address, kept, cluster: Some(cluster.clone()), gateway: secret.gateway.clone() }.placed())
}

/// The pieces of the address; else the key that is missing.
fn parts<'a>(secret: &'a SecretTarget, held: &BTreeMap<String, SecretString>) -> Result<Parts, &'a str> {
    let keys = &secret.keys;
    let text = |key: &str| held.get(key).map(|value| value.expose_secret().trim().to_owned());
    let needed = |key: &'a String| text(key).filter(|text| !text.is_empty()).ok_or(key.as_str());
    Ok(Parts {
        host: needed(&keys.host)?,
        port: text(&keys.port),
        database: text(&keys.name),
        user: needed(&keys.user)?,
        password: held.get(&keys.password).cloned(),
        sslmode: text(&keys.sslmode),
        trusted: text(&keys.ca),
    })
}
