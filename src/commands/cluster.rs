//! Where a runbook's run takes place: which cluster, and how its target is reached from here.

use super::Stop;
use super::target::{self, Kept};
use crate::action;
use crate::connect::kubernetes::gateway::{Carrier, Destination, PortForward, ThroughPod};
use crate::connect::kubernetes::{Cluster, ClusterError, Place};
use crate::connect::postgres::{Address, Parts};
use crate::engine::runs::RunDir;
use crate::engine::snapshot::{Snapshot, StepView};
use crate::engine::status::Status;
use crate::runbook::{Gateway, Platform, Runbook, SecretTarget, StepId};
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
    way: Way,
}

/// How the target is reached from here.
enum Way {
    Direct,
    Forward(Destination),
    Through { step: StepId, runbook: Box<Runbook>, has_ca: bool },
}

/// The pod that carries a run's connections to its target.
pub(super) struct Carrying {
    pod: Arc<Carrier>,
    step: StepId,
    run: RunDir,
}

impl Reached {
    /// The target as the run of this directory reaches it, and what carries it there.
    ///
    /// # Errors
    /// When the pod that would carry it cannot be written down.
    pub(super) fn of_run(&self, run: &RunDir) -> Result<(Address, Option<Carrying>), Stop> {
        let (Way::Through { step, runbook, has_ca }, Some(cluster)) = (&self.way, &self.cluster) else {
            return Ok((self.without_a_pod(), None));
        };
        let carrying = Carrying::of(cluster, runbook, run, step, *has_ca)?;
        let gateway = ThroughPod::new(carrying.pod.clone(), &self.address.host(), self.address.port());
        Ok((self.address.clone().reached_by(Arc::new(gateway)), Some(carrying)))
    }

    /// The target before there is a run, for those who only look.
    ///
    /// # Errors
    /// When only a pod of a run sees it.
    pub(super) fn before_a_run(&self) -> Result<Address, Stop> {
        match &self.way {
            Way::Through { step, .. } => Err(Stop::refused(format!(
                "{} is reached through the pod that step {step} makes, so there is nothing to ask before that: \
                 `cutover run … --until scan` makes it, shows the plan and touches nothing else",
                self.address.label()
            ))),
            _ => Ok(self.without_a_pod()),
        }
    }

    fn without_a_pod(&self) -> Address {
        let address = self.address.clone();
        match (&self.way, self.cluster.as_deref().cloned()) {
            (Way::Forward(to), Some(cluster)) => {
                let port = address.port();
                address.reached_by(Arc::new(PortForward { cluster, to: to.clone(), port }))
            }
            _ => address,
        }
    }
}

impl Carrying {
    fn of(cluster: &Cluster, runbook: &Runbook, run: &RunDir, step: &StepId, has_ca: bool) -> Result<Self, Stop> {
        let manifest = action::carrier(runbook, run.id(), step, has_ca);
        let manifest = manifest.map_err(|error| Stop::failed(error.message))?.ok_or_else(|| {
            Stop::wrong(format!("the target is reached through the pod of step {step}, which the runbook lacks"))
        })?;
        // A run without a journal has not begun.
        let begun = run.snapshot().is_ok_and(|run| view(&run, step).is_some_and(|view| view.attempts > 0));
        let pod = Arc::new(Carrier::of_step(cluster.clone(), manifest, begun));
        Ok(Self { pod, step: step.clone(), run: run.clone() })
    }

    /// Removes a pod that only this process needed: its step has not run, was taken back, or a `cleanup` has removed what it left.
    /// What cannot be removed ends by itself, and goes with `cutover forget`.
    pub(super) async fn release(&self) {
        let needed = self.run.snapshot().is_ok_and(|run| is_needed(&run, &self.step));
        if let Err(error) = self.pod.settle(needed).await {
            tracing::warn!(%error, "the pod that carried the connections stays");
        }
    }
}

fn view<'a>(run: &'a Snapshot, step: &StepId) -> Option<&'a StepView> {
    run.steps.iter().find(|view| view.id == step.0)
}

/// Whether a later process of the run expects the pod.
fn is_needed(run: &Snapshot, step: &StepId) -> bool {
    let there = view(run, step).is_some_and(|view| !matches!(view.status, Status::Pending | Status::Undone));
    there && !run.steps.iter().any(|view| view.action == "cleanup" && view.status == Status::Done)
}

impl From<(Address, Kept)> for Reached {
    fn from((address, kept): (Address, Kept)) -> Self {
        Self { address, kept, cluster: None, way: Way::Direct }
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
        return of_secret(cluster, secret, runbook).await;
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
        return of_secret(cluster, secret, runbook).await;
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

async fn of_secret(cluster: &Arc<Cluster>, secret: &SecretTarget, runbook: &Runbook) -> Result<Reached, Stop> {
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
    let way = match &secret.gateway {
        Gateway::Direct => Way::Direct,
        Gateway::Pod(name) => Way::Forward(Destination::Pod(name.clone())),
        Gateway::Service(name) => Way::Forward(Destination::Service(name.clone())),
        Gateway::TestPod(step) => {
            let has_ca = held.contains_key(&secret.keys.ca);
            Way::Through { step: step.clone(), runbook: Box::new(runbook.clone()), has_ca }
        }
    };
    Ok(Reached { address, kept, cluster: Some(cluster.clone()), way }.placed())
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
