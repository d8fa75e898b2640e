//! A run with one step at a time, without an engine around it.

use crate::support::database;
use cutover::action::{Action, ActionError, Actions, Checkpoint, Context, Outcome, Registry, Secrets};
use cutover::connect::postgres::Address;
use cutover::progress::{Control, ProgressSink, Report, Wish};
use cutover::runbook::{Gate, Runbook, Service, Settings, Source, Step, StepId, Target, TransferOptions};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{mpsc, watch};

pub struct World {
    pub directory: tempfile::TempDir,
    pub url: String,
    pub context: Context,
    pub wish: watch::Sender<Wish>,
    reports: mpsc::UnboundedReceiver<Report>,
}

/// Settings as a runbook's author writes them, as JSON.
pub fn settings(action: &str, with: Value) -> Settings {
    serde_json::from_value(serde_json::json!({ "action": action, "with": with })).unwrap()
}

impl World {
    /// A fresh database and a source file that is not there yet.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let run_dir = directory.path().join("run");
        std::fs::create_dir(&run_dir).unwrap();
        std::fs::set_permissions(&run_dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        let source = directory.path().join("source");
        std::fs::create_dir(&source).unwrap();
        let url = database();
        let (progress, reports) = ProgressSink::new();
        let (wish, control) = Control::new();
        let context = Context {
            run: format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            run_dir,
            runbook: Arc::new(runbook(source.join("app.db"))),
            step: step("nothing", settings("manual", serde_json::json!({ "instructions": "" }))),
            outcomes: Arc::default(),
            found: Arc::default(),
            target: Arc::new(Address::parse(&url).unwrap()),
            cluster: None,
            secrets: Secrets::default(),
            lose_writes: false,
            progress,
            control,
        };
        Self { directory, url, context, wish, reports }
    }

    pub fn source(&self) -> PathBuf {
        self.context.runbook.source.sqlite.clone()
    }

    pub fn change(&mut self, change: impl FnOnce(&mut Runbook)) {
        change(Arc::make_mut(&mut self.context.runbook));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Puts a step at the end of the runbook and its action to work.
    pub fn step(&mut self, id: &str, action: &str, with: Value) -> Deed {
        let step = step(id, settings(action, with));
        self.change(|runbook| runbook.steps.push(step.clone()));
        Deed { id: id.to_owned(), action: Registry.for_step(&step) }
    }

    pub fn context(&self, deed: &Deed) -> Context {
        let step = self.context.runbook.steps.iter().find(|step| step.id.0 == deed.id).unwrap();
        Context { step: step.clone(), ..self.context.clone() }
    }

    pub async fn prepare(&self, deed: &Deed) -> Result<Checkpoint, ActionError> {
        deed.action.prepare(&self.context(deed)).await
    }

    /// Applies, and remembers the outcome for later steps as the engine does.
    pub async fn apply(&mut self, deed: &Deed, checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let outcome = deed.action.apply(&self.context(deed), checkpoint).await?;
        Arc::make_mut(&mut self.context.outcomes).insert(deed.id.clone(), outcome.clone());
        Ok(outcome)
    }

    pub async fn undo(
        &mut self,
        deed: &Deed,
        checkpoint: &Checkpoint,
        left: Option<&Value>,
    ) -> Result<Outcome, ActionError> {
        deed.action.undo(&self.context(deed), checkpoint, left).await
    }

    /// Prepares and applies a step that has to end well.
    pub async fn done(&mut self, deed: &Deed) -> (Checkpoint, Outcome) {
        let checkpoint = self.prepare(deed).await.unwrap();
        let outcome = self.apply(deed, &checkpoint).await.unwrap();
        (checkpoint, outcome)
    }

    /// The log's lines so far.
    pub fn log(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            if let Report::Log(_, line) = report {
                lines.push(line);
            }
        }
        lines
    }

    /// What is in the run's directory.
    pub fn run_files(&self) -> Vec<String> {
        names(&self.context.run_dir)
    }
}

pub struct Deed {
    pub id: String,
    pub action: Arc<dyn Action>,
}

pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn step(id: &str, settings: Settings) -> Step {
    let (note, gate, downtime) = (String::new(), Gate::None, None);
    Step { id: StepId::from(id), settings, note, gate, downtime }
}

fn runbook(sqlite: PathBuf) -> Runbook {
    Runbook {
        name: "test".to_owned(),
        description: String::new(),
        parameters: Vec::new(),
        source: Source::on_host(sqlite),
        target: Target::default(),
        service: Service::default(),
        transfer: TransferOptions::default(),
        downtime_budget: None,
        steps: Vec::new(),
        point_of_no_return: None,
    }
}
