//! An engine for the screen to show: real but for its actions, which wait and tell of rows, and its target, which is nowhere.

use async_trait::async_trait;
use cutover::action::{Action, ActionError, Actions, Checkpoint, Context, Description, FailureKind, Outcome};
use cutover::connect::postgres::Address;
use cutover::engine::runs::Runs;
use cutover::engine::{Claim, ClaimError, Claims, Driver, Identity, Options, Origin, Resolve, Setup};
use cutover::evidence::Finding;
use cutover::inspect::{DataView, Inspect, Query};
use cutover::progress::{LogLevel, PartProgress, Wish};
use cutover::runbook::settings::{Copy, Scan, Start};
use cutover::runbook::{
    Downtime, Gate, Outputs, Problems, Runbook, Service, Settings, Source, Step, StepId, Target, TransferOptions,
};
use std::sync::Arc;
use std::time::Duration;

struct Book;

impl Resolve for Book {
    fn resolve(&self, _: &Outputs) -> Result<Runbook, Problems> {
        let step =
            |id: &str, settings, gate| Step { id: id.into(), settings, note: String::new(), gate, downtime: None };
        let mut steps = vec![
            step("scan", Settings::Scan(Scan::default()), Gate::None),
            step("copy", Settings::Copy(Copy::default()), Gate::None),
            step("start", Settings::Start(Start::default()), Gate::Typed("oncall".to_owned())),
        ];
        steps[1].downtime = Some(Downtime::Begins);
        steps[2].downtime = Some(Downtime::Ends);
        Ok(Runbook {
            name: "screen-test".to_owned(),
            description: String::new(),
            parameters: Vec::new(),
            source: Source::on_host("/nowhere/app.db"),
            target: Target::default(),
            service: Service { name: "oncall".to_owned(), place: "here".to_owned(), ..Service::default() },
            transfer: TransferOptions::default(),
            downtime_budget: Some(Duration::from_secs(300)),
            steps,
            point_of_no_return: Some(StepId::from("start")),
        })
    }

    fn origin(&self) -> Origin {
        Origin { file: "screen-test.yaml".to_owned(), ..Origin::default() }
    }
}

struct Waiting;

impl Actions for Waiting {
    fn for_step(&self, _: &Step) -> Arc<dyn Action> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Action for Waiting {
    fn describe(&self, context: &Context) -> Description {
        Description {
            does: format!("Does what {} does, which is to wait.", context.step.id),
            effects: vec!["changes nothing that is real".to_owned()],
            way_back: "Waits once more.".to_owned(),
            reversible: true,
            changes: true,
        }
    }

    async fn check(&self, _: &Context) -> Vec<Finding> {
        Vec::new()
    }

    async fn prepare(&self, _: &Context) -> Result<Checkpoint, ActionError> {
        Ok(Checkpoint::default())
    }

    async fn apply(&self, context: &Context, _: &Checkpoint) -> Result<Outcome, ActionError> {
        let slow = std::env::var_os("CUTOVER_SCREEN_SLOW").is_some();
        let (ticks, tables) = if slow { (2_000, 500) } else { (15, 3) };
        for tick in 1..=ticks {
            if context.control.wish() == Wish::Stop {
                return Err(ActionError::new(FailureKind::Interrupted, "stopped because it was asked to"));
            }
            for table in 0..tables {
                context.progress.part(PartProgress {
                    part: if table == 0 { "public.alerts_alert".to_owned() } else { format!("public.table_{table}") },
                    unit: "rows".to_owned(),
                    done: tick * 100,
                    total: Some(ticks * 100),
                    bytes: tick * 20_000,
                    finished: tick == ticks,
                });
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        context.progress.log(LogLevel::Info, format!("{} is through", context.step.id));
        Ok(Outcome { summary: "waited".to_owned(), ..Outcome::default() })
    }

    async fn undo(&self, _: &Context, _: &Checkpoint, _: Option<&serde_json::Value>) -> Result<Outcome, ActionError> {
        Ok(Outcome { summary: "waited no more".to_owned(), ..Outcome::default() })
    }
}

#[async_trait]
impl Inspect for Waiting {
    async fn answer(&self, _: &Context, _: &Query, view: &mut DataView) {
        view.error = Some("there is no database here".to_owned());
    }
}

#[async_trait]
impl Claims for Waiting {
    async fn claim(&self, _: &Address, _: &str) -> Result<Claim, ClaimError> {
        Ok(Claim { identity: Identity::default(), hold: None })
    }
}

/// Panics, as the program would, once there is a file that asks for it. Looks for it only where a test is going to ask: looking costs
/// time of the processor, which another test counts.
async fn panic_when_asked() {
    if std::env::var_os("CUTOVER_SCREEN_PANICS").is_none() {
        std::future::pending::<()>().await;
    }
    while !std::path::Path::new("panic").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        cutover::tui::restore_terminal();
        report(panic);
    }));
    panic!("asked to panic");
}

/// Shows the screen on the terminal that this process has, as the program would.
pub fn show() {
    std::fs::write("pid", std::process::id().to_string()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let left = runtime.block_on(async {
        let dir = Runs::from_environment().unwrap().create("screen", jiff::Timestamp::now()).unwrap();
        let target = Address::parse("postgres://oncall@127.0.0.1:1/oncall").unwrap();
        let options = Options { attended: true, grace: Duration::from_secs(2), ..Options::default() };
        let setup = Setup::of(dir, Arc::new(Book), target, Arc::new(Waiting), Arc::new(Waiting), options);
        let (driver, handle) = Driver::new(setup.with_claims(Arc::new(Waiting))).unwrap();
        let driving = tokio::spawn(driver.run());
        let left = tokio::select! {
            left = cutover::tui::run(handle, cutover::tui::Options::default()) => left,
            () = panic_when_asked() => unreachable!("it never ends"),
        };
        match &left {
            Ok(_) => drop(driving.await),
            Err(_) => driving.abort(),
        }
        left
    });
    match left {
        Ok(left) => println!("LEFT BY {left:?}"),
        Err(error) => println!("{error}"),
    }
}
