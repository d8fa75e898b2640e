//! A world that actions change, and actions that change it; both count, and fail when told to.

use async_trait::async_trait;
use cutover::action::{Action, ActionError, Actions, Context};
use cutover::engine::snapshot::{DataView, Query};
use cutover::engine::{Claim, ClaimError, Claims, Identity, Origin, Resolve};
use cutover::evidence::{Checkpoint, Description, FailureKind, Finding, Outcome};
use cutover::inspect::Inspect;
use cutover::progress::{PartProgress, Wish};
use cutover::runbook::settings::{Preflight, Shell};
use cutover::runbook::{
    Downtime, Gate, Outputs, Problems, Runbook, Service, Settings, Source, Step, StepId, Target, TransferOptions,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What steps do to the world, and how often they were called.
#[derive(Debug, Default)]
pub struct World {
    /// Step → what stands there now.
    pub state: BTreeMap<String, String>,
    /// `prepare copy`, `apply copy`, `undo copy`, in order.
    pub calls: Vec<String>,
    /// `apply copy` → how the next calls go.
    pub scripts: BTreeMap<String, Vec<Way>>,
    /// Rows that came after the switch.
    pub late_writes: u64,
    /// Rows that come before the first undo has ended.
    pub late_writes_after_undo: u64,
    /// Checkpoints that `apply` and `undo` were given, in order.
    pub checkpoints: Vec<serde_json::Value>,
    /// What templates were filled with, at each resolution.
    pub outputs: Vec<Outputs>,
    /// Steps that the runbook leaves out.
    pub left_out: Vec<String>,
    /// Where the state is kept for a process that will be killed.
    pub file: Option<PathBuf>,
}

/// How a call goes when it does not simply succeed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Fails before it changed anything.
    Fails(FailureKind),
    /// Fails after it changed everything.
    FailsLate,
    /// Waits until it is asked to pause or stop, then returns.
    Waits,
    /// Waits; holds still on a pause, and goes on to its end after it.
    Holds,
    /// Does not listen.
    Deaf,
    /// Breaks.
    Panics,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    pub fn shared() -> Shared {
        Arc::default()
    }

    pub fn calls_of(&self, call: &str) -> usize {
        self.calls.iter().filter(|made| *made == call).count()
    }

    fn enter(&mut self, call: &str) -> Option<Way> {
        self.calls.push(call.to_owned());
        let script = self.scripts.get_mut(call)?;
        if script.is_empty() { None } else { Some(script.remove(0)) }
    }

    fn set(&mut self, step: &str, value: Option<&str>) {
        match value {
            Some(value) => self.state.insert(step.to_owned(), value.to_owned()),
            None => self.state.remove(step),
        };
        if let Some(file) = &self.file {
            std::fs::write(file, serde_json::to_vec(&self.state).unwrap()).unwrap();
        }
    }
}

/// Says how the next calls of `call` go.
pub fn script(world: &Shared, call: &str, ways: &[Way]) {
    world.lock().unwrap().scripts.insert(call.to_owned(), ways.to_vec());
}

/// Actions over a world.
pub struct FakeActions(pub Shared);

impl Actions for FakeActions {
    fn for_step(&self, step: &Step) -> Arc<dyn Action> {
        Arc::new(FakeAction { world: self.0.clone(), id: step.id.0.clone(), changes: step.settings.clone() })
    }
}

struct FakeAction {
    world: Shared,
    id: String,
    changes: Settings,
}

impl FakeAction {
    async fn call(&self, what: &str, context: &Context) -> Result<(), (ActionError, bool)> {
        let call = format!("{what} {}", self.id);
        let way = self.world.lock().unwrap().enter(&call);
        let error = |kind| ActionError::new(kind, format!("{call} was told to fail"));
        match way {
            None => Ok(()),
            Some(Way::Fails(kind)) => Err((error(kind), false)),
            Some(Way::FailsLate) => Err((error(FailureKind::Failed), true)),
            Some(Way::Waits) => {
                while context.control.wish() == Wish::Run {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err((ActionError::new(FailureKind::Interrupted, "stopped as asked"), true))
            }
            Some(Way::Holds) => {
                while context.control.wish() == Wish::Run {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                context.progress.holding();
                match context.control.unpaused().await {
                    Wish::Stop => Err((ActionError::new(FailureKind::Interrupted, "stopped as asked"), true)),
                    _ => Ok(()),
                }
            }
            Some(Way::Deaf) => std::future::pending().await,
            Some(Way::Panics) => panic!("told to break"),
        }
    }
}

#[async_trait]
impl Action for FakeAction {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!("pretends, with {} outputs known", context.outcomes.len()),
            changes: self.changes != Settings::Preflight(Preflight {}),
            reversible: !context.step.note.contains("irreversible"),
            ..Description::default()
        }
    }

    async fn check(&self, _context: &Context) -> Vec<Finding> {
        Vec::new()
    }

    async fn prepare(&self, context: &Context) -> Result<Checkpoint, ActionError> {
        self.call("prepare", context).await.map_err(|(error, _)| error)?;
        let world = self.world.lock().unwrap();
        Ok(Checkpoint(json!({ "former": world.state.get(&self.id) })))
    }

    async fn apply(&self, context: &Context, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        self.world.lock().unwrap().checkpoints.push(checkpoint.0.clone());
        context.progress.part(PartProgress {
            part: "all".to_owned(),
            unit: "rows".to_owned(),
            done: 1,
            total: Some(1),
            ..PartProgress::default()
        });
        let called = self.call("apply", context).await;
        let changed = called.as_ref().err().is_none_or(|(_, changed)| *changed);
        if changed && self.changes != Settings::Preflight(Preflight {}) {
            self.world.lock().unwrap().set(&self.id, Some("changed"));
        }
        called.map_err(|(error, _)| error)?;
        Ok(Outcome {
            summary: format!("{} is done", self.id),
            outputs: [("out".to_owned(), format!("of {}", self.id))].into(),
            left: json!("changed"),
            ..Outcome::default()
        })
    }

    async fn undo(
        &self,
        context: &Context,
        checkpoint: &Checkpoint,
        _left: Option<&serde_json::Value>,
    ) -> Result<Outcome, ActionError> {
        self.world.lock().unwrap().checkpoints.push(checkpoint.0.clone());
        self.call("undo", context).await.map_err(|(error, _)| error)?;
        let mut world = self.world.lock().unwrap();
        world.late_writes += std::mem::take(&mut world.late_writes_after_undo);
        world.set(&self.id, checkpoint.0["former"].as_str());
        Ok(Outcome { summary: format!("{} is taken back", self.id), ..Outcome::default() })
    }

    async fn late_writes(&self, _context: &Context) -> Result<u64, ActionError> {
        Ok(self.world.lock().unwrap().late_writes)
    }

    async fn export_writes(&self, _context: &Context, file: &Path) -> Result<u64, ActionError> {
        std::fs::write(file, "exported").unwrap();
        Ok(self.world.lock().unwrap().late_writes)
    }
}

/// A runbook that needs no document.
pub struct FakeRunbook {
    pub world: Shared,
    pub runbook: Runbook,
    pub text: String,
}

impl Resolve for FakeRunbook {
    fn resolve(&self, outputs: &Outputs) -> Result<Runbook, Problems> {
        let mut world = self.world.lock().unwrap();
        world.outputs.push(outputs.clone());
        let mut runbook = self.runbook.clone();
        if !outputs.is_empty() {
            runbook.steps.retain(|step| !world.left_out.contains(&step.id.0));
        }
        Ok(runbook)
    }

    fn origin(&self) -> Origin {
        Origin { file: "fake.yaml".to_owned(), text: self.text.clone(), values: BTreeMap::new() }
    }
}

/// A step that changes the world.
pub fn step(id: &str) -> Step {
    let settings =
        Settings::Shell(Shell { apply: String::new(), undo: None, env: BTreeMap::new(), timeout_seconds: None });
    Step { id: id.into(), settings, note: String::new(), gate: Gate::None, downtime: None }
}

/// A step that only looks.
pub fn look(id: &str) -> Step {
    Step { settings: Settings::Preflight(Preflight {}), ..step(id) }
}

/// check, stop, copy, switch, start: the shape of every cutover. Nothing asks; `switch` is the point of no return.
pub fn cutover_steps() -> Vec<Step> {
    vec![
        look("check"),
        Step { downtime: Some(Downtime::Begins), ..step("stop") },
        step("copy"),
        step("switch"),
        Step { downtime: Some(Downtime::Ends), ..step("start") },
    ]
}

pub fn runbook(steps: Vec<Step>) -> Runbook {
    let has_switch = steps.iter().any(|step| step.id.0 == "switch");
    Runbook {
        name: "fake".to_owned(),
        description: String::new(),
        parameters: Vec::new(),
        source: Source::on_host("app.db"),
        target: Target::default(),
        service: Service::default(),
        transfer: TransferOptions::default(),
        downtime_budget: None,
        steps,
        point_of_no_return: has_switch.then(|| StepId::from("switch")),
    }
}

/// Answers no query.
pub struct NoInspect;

#[async_trait]
impl Inspect for NoInspect {
    async fn answer(&self, _context: &Context, query: &Query, view: &mut DataView) {
        view.error = Some(format!("asked for {query:?}"));
    }
}

/// A target of this system identifier, or one that somebody else holds.
pub struct FakeClaims {
    pub system: &'static str,
    pub held_by: Option<&'static str>,
}

#[async_trait]
impl Claims for FakeClaims {
    async fn claim(&self, _target: &cutover::connect::postgres::Address, _run: &str) -> Result<Claim, ClaimError> {
        if let Some(holder) = self.held_by {
            return Err(ClaimError::Held(holder.to_owned()));
        }
        let identity =
            Identity { system: self.system.to_owned(), database: "5".to_owned(), name: format!("db{}", self.system) };
        Ok(Claim { identity, hold: None })
    }
}
