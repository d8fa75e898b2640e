//! The questions: built from the snapshot alone, so that each says what would be done, to how much, and how to get back.

use super::App;
use super::figures::{Figures, stands};
use crate::engine::command::{Command, LateWrites};
use crate::engine::snapshot::{FailureKind, Question, RunState, Status, StepView};
use crate::evidence::{IntervalUnit, Policy};
use crate::runbook::{Gate, StepId};
use crate::tui::dialog::{Dialog, Needs, Then, Tone, Typed};
use crate::tui::format;

impl App {
    /// The question that the run waits with, or the one that starts it; none when nothing is to be decided.
    pub(super) fn question(&self) -> Option<Dialog> {
        match (&self.snapshot.question, self.snapshot.state) {
            (Some(Question::Gate { step, typed }), _) => Some(self.ask_gate(self.step(step)?, typed.as_deref())),
            (Some(Question::Failure { step }), _) => Some(self.ask_failure(self.step(step)?)),
            (Some(Question::LateWrites { rows, to }), _) => Some(self.ask_late_writes(*rows, to.as_ref())),
            (None, RunState::Ready | RunState::Interrupted | RunState::Failed) => Some(self.ask_start(Command::Start)),
            (None, RunState::RolledBack) => Some(self.ask_start(Command::Resume)),
            _ => None,
        }
    }

    fn step(&self, id: &StepId) -> Option<&StepView> {
        self.snapshot.steps.iter().find(|step| step.id == id.0)
    }

    fn figures(&self) -> Figures<'_> {
        Figures::new(&self.snapshot, self.now)
    }

    fn ask_start(&self, command: Command) -> Dialog {
        let run = &self.snapshot;
        let again = run.state != RunState::Ready;
        let to_come = || run.steps.iter().filter(|step| !matches!(step.status, Status::Done | Status::Skipped));
        let gates: Vec<String> = to_come().filter(|step| step.gate != Gate::None).map(|step| step.id.clone()).collect();
        let stops = if gates.is_empty() { "nowhere; it runs to its end".to_owned() } else { gates.join(", ") };
        Dialog::new(if again { "Go on with this run?" } else { "Start this run?" }, Tone::Calm)
            .fact("runbook", &run.runbook)
            .fact("source", &run.source)
            .fact("target", &run.target)
            .loud("where", if run.production { format!("{} (production)", run.place) } else { String::new() })
            .fact("where", if run.production { "" } else { &run.place })
            .fact("steps", format!("{} to come", to_come().count()))
            .fact("stops at", stops)
            .fact(
                "no return",
                run.point_of_no_return.as_ref().map_or("nowhere".to_owned(), |step| format!("from {step} on")),
            )
            .choice(if again { "Go on" } else { "Start" }, Needs::Nothing, Then::Send(command))
    }

    fn ask_gate(&self, step: &StepView, typed: Option<&str>) -> Dialog {
        let no_return = self.snapshot.point_of_no_return.as_ref().is_some_and(|point| point.0 == step.id);
        let final_ = step.description.changes && !step.description.reversible;
        let tone = match (no_return || final_, step.description.changes) {
            (true, _) => Tone::Danger,
            (false, true) => Tone::Warn,
            (false, false) => Tone::Calm,
        };
        let id = StepId(step.id.clone());
        let approve = Command::Approve { step: id.clone(), typed: typed.map(|_| String::new()), remark: None };
        let dialog = describe(Dialog::new(format!("{}: go on?", step.id), tone), step)
            .loud("no return", if no_return { "from here on, going back loses what the service writes" } else { "" })
            .fact("service", if step.downtime_begins { "is down from here on" } else { "" })
            .fact("look", if step.action == "spot-check" { "the Data view shows both sides row by row" } else { "" });
        let (field, needs) = match typed {
            Some(name) => (format!("type {name} to go on"), Needs::Name(name.to_owned())),
            None => ("remark for the report".to_owned(), Needs::Nothing),
        };
        dialog
            .field(field)
            .choice("Refuse", Needs::Nothing, Then::Send(Command::Refuse { step: id, remark: None }))
            .choice("Go on", needs, Then::Send(approve))
    }

    fn ask_failure(&self, step: &StepView) -> Dialog {
        let undo = step.status == Status::UndoFailed;
        let title = if undo { format!("{} could not be taken back", step.id) } else { format!("{} failed", step.id) };
        let mut dialog = Dialog::new(title, Tone::Warn)
            .loud("what", step.error.clone().unwrap_or_else(|| "no reason was given".to_owned()))
            .fact("kind", step.failure.map_or("", failure_words))
            .fact("attempts", if step.attempts > 1 { step.attempts.to_string() } else { String::new() })
            .fact("way back", &step.description.way_back)
            .choice("Retry", Needs::Nothing, Then::Send(Command::Retry { step: StepId(step.id.clone()) }))
            .choice("Skip…", Needs::Nothing, Then::Ask(Box::new(self.ask_skip(step))));
        if step.would_lose_writes() {
            let to = self.snapshot.rollback_goal();
            let rows = Some(step.evidence.differences_total).filter(|rows| *rows > 0);
            return dialog
                .fact("choose", "Export… writes them to a file first, Lose… gives them up; then the way back goes on")
                .choice("Export…", Needs::Nothing, Then::Ask(Box::new(self.ask_export(rows, to.as_ref()))))
                .choice("Lose…", Needs::Nothing, Then::Ask(Box::new(self.ask_lose(rows, to.as_ref()))));
        }
        if let Some(index) = self.snapshot.steps.iter().position(|view| view.id == step.id) {
            dialog = dialog.choice("Roll back…", Needs::Nothing, Then::Ask(Box::new(self.ask_rollback(index))));
        }
        dialog
    }

    /// Whether to run a failed step again.
    pub(super) fn ask_retry(&self, index: usize) -> Dialog {
        let step = &self.snapshot.steps[index];
        describe(Dialog::new(format!("Run {} again?", step.id), Tone::Calm), step)
            .fact("failed with", step.error.clone().unwrap_or_default())
            .fact("attempts", step.attempts.to_string())
            .choice("Retry", Needs::Nothing, Then::Send(Command::Retry { step: StepId(step.id.clone()) }))
    }

    /// Whether to go on without a step.
    pub(super) fn ask_skip(&self, step: &StepView) -> Dialog {
        let skip = Command::Skip { step: StepId(step.id.clone()), reason: String::new() };
        Dialog::new(format!("Go on without {}?", step.id), Tone::Warn)
            .loud("left out", &step.description.does)
            .list("", step.description.effects.iter().cloned())
            .fact("later", "the report says that it was skipped, by whom and why")
            .field("reason (needed)")
            .choice("Skip", Needs::Text, Then::Send(skip))
    }

    /// Whether to take back steps, down to and with the one at `index`.
    pub(super) fn ask_rollback(&self, index: usize) -> Dialog {
        let steps = &self.snapshot.steps;
        let Some(to) = steps.get(index) else { return Dialog::new("Nothing to take back", Tone::Calm) };
        let back: Vec<&StepView> =
            steps[index..].iter().rev().filter(|step| stands(step.status) && step.description.changes).collect();
        let lost: Vec<&StepView> = back.iter().copied().filter(|step| !step.description.reversible).collect();
        let past = self.figures().past_no_return();
        let tone = if past || !lost.is_empty() { Tone::Danger } else { Tone::Warn };
        let rollback = Command::Rollback { to: Some(StepId(to.id.clone())), writes: LateWrites::Keep };
        let busy = steps.iter().find(|step| super::figures::is_busy(step.status));
        let time =
            self.figures().time_back_to(index).map_or(String::new(), |time| format!(", {}", format::guess(time)));
        let mut dialog = Dialog::new(format!("Roll back to before {}?", to.id), tone)
            .fact("stops", busy.map_or(String::new(), |step| format!("{}, at its next safe place", step.id)))
            .fact(
                "takes back",
                match back.len() as u64 {
                    0 => "nothing: no step from there on has changed anything; they are run again".to_owned(),
                    steps => format!("{}{time}", format::plural(steps, "step", "steps")),
                },
            )
            .list("", back.iter().map(|step| format!("{}: {}", step.id, way_back(step))))
            .loud("cannot", lost.iter().map(|step| step.id.as_str()).collect::<Vec<_>>().join(", "))
            .loud(
                "no return",
                if past { "crossed; rows written since are counted first, and you are asked again" } else { "" },
            )
            .fact(
                "first",
                "each step compares what stands there with what it left, and stops where somebody changed it",
            );
        let needs = if tone == Tone::Danger {
            let name = self.figures().name_to_type();
            dialog = dialog.field(format!("type {name} to roll back"));
            Needs::Name(name)
        } else {
            Needs::Nothing
        };
        dialog.choice("Roll back", needs, Then::Send(rollback))
    }

    fn ask_late_writes(&self, rows: u64, to: Option<&StepId>) -> Dialog {
        let first = self.snapshot.steps.first().map(|step| StepId(step.id.clone()));
        let stay = Command::Refuse { step: to.cloned().or(first).unwrap_or_else(|| StepId::from("")), remark: None };
        Dialog::new("Going back would lose writes", Tone::Danger)
            .loud("written", format!("{} since the point of no return", format::plural(rows, "row", "rows")))
            .fact("choose", "stay as it is, export them to a file first, or lose them; nothing has been taken back yet")
            .choice("Stay", Needs::Nothing, Then::Send(stay))
            .choice("Export…", Needs::Nothing, Then::Ask(Box::new(self.ask_export(Some(rows), to))))
            .choice("Lose…", Needs::Nothing, Then::Ask(Box::new(self.ask_lose(Some(rows), to))))
    }

    /// Whether to keep what was written late in a file and go back; `rows` where they are counted already.
    fn ask_export(&self, rows: Option<u64>, to: Option<&StepId>) -> Dialog {
        let writes = LateWrites::Export(std::path::PathBuf::new());
        Dialog::new("Export the late writes, then roll back?", Tone::Warn)
            .fact("rows", rows.map_or(String::new(), format::exact))
            .fact("then", words_for_target(to))
            .field("file to write them to")
            .prefilled(format!("{}/late-writes.jsonl", self.snapshot.run_dir))
            .choice("Export and roll back", Needs::Text, Then::Send(Command::Rollback { to: to.cloned(), writes }))
    }

    /// Whether to give up what was written late and go back.
    fn ask_lose(&self, rows: Option<u64>, to: Option<&StepId>) -> Dialog {
        let name = self.figures().name_to_type();
        let lost = rows.map_or("what somebody wrote since".to_owned(), |rows| format::plural(rows, "row", "rows"));
        let rollback = Command::Rollback { to: to.cloned(), writes: LateWrites::Lose };
        Dialog::new("Lose the late writes?", Tone::Danger)
            .loud("lost", format!("{lost}, for good"))
            .fact("then", words_for_target(to))
            .field(format!("type {name} to lose them"))
            .choice("Lose them and roll back", Needs::Name(name), Then::Send(rollback))
    }

    /// Whether to leave, while the run is under way.
    pub(super) fn ask_quit(&self) -> Dialog {
        let busy = self.snapshot.steps.iter().find(|step| super::figures::is_busy(step.status));
        if self.quitting {
            return Dialog::new("Leave without waiting?", Tone::Warn)
                .fact(
                    "waits for",
                    busy.map_or("the engine".to_owned(), |step| format!("{} to reach a safe place", step.id)),
                )
                .fact("then", "`cutover resume` runs that step again; the journal is on disk")
                .choice("Leave now", Needs::Nothing, Then::Leave);
        }
        let down = self.figures().service_is_down();
        Dialog::new("Leave this run?", if down { Tone::Warn } else { Tone::Calm })
            .fact(
                "stops",
                busy.map_or("nothing is at work".to_owned(), |step| format!("{} at its next safe place", step.id)),
            )
            .loud("service", if down { "is down, and stays down until you resume or roll back" } else { "" })
            .fact("later", format!("cutover resume {}", self.snapshot.run))
            .choice("Leave", Needs::Nothing, Then::Send(Command::Quit))
    }

    /// Whether to leave a run that goes on without this terminal.
    pub(super) fn ask_leave(&self) -> Dialog {
        Dialog::new("Leave this terminal?", Tone::Calm)
            .fact("goes on", "the run goes on by itself, and waits where it needs an answer")
            .fact("later", format!("cutover attach {}", self.snapshot.run))
            .fact("stop", "instead, the run stops at its next safe place; `cutover resume` goes on with it")
            .choice("Leave", Needs::Nothing, Then::Leave)
            .choice("Stop the run", Needs::Nothing, Then::Send(Command::Quit))
    }

    /// Whether to take up a run that no process drives.
    pub(super) fn ask_take_over(&self) -> Dialog {
        let state = self.snapshot.state;
        Dialog::new("Take this run up here?", Tone::Calm)
            .fact("run", &self.snapshot.run)
            .fact("target", &self.snapshot.target)
            .fact("before", "the process that drove it is gone; its journal says where it stands")
            .fact(
                "then",
                if state == RunState::Done {
                    "it is done: it can be rolled back"
                } else {
                    "nothing begins before you say so"
                },
            )
            .choice("Take it up", Needs::Nothing, Then::TakeOver)
    }

    /// Which unit an interval column has.
    pub(super) fn ask_unit(&self) -> Option<Dialog> {
        let (table, column) = self.plan_column()?;
        let evidence = column.interval.as_ref()?;
        let subject = format!("{}.{}", table.table, column.column);
        let dialog = Dialog::new(format!("Unit of {subject}"), Tone::Calm)
            .fact("now", evidence.unit.map_or("undecided".to_owned(), |unit| unit_words(unit).to_owned()))
            .fact("because", &evidence.because)
            .list(
                "if it is",
                evidence
                    .histograms
                    .iter()
                    .map(|histogram| format!("{}: {} to {}", unit_words(histogram.unit), histogram.min, histogram.max)),
            );
        Some(IntervalUnit::ALL.into_iter().fold(dialog, |dialog, unit| {
            let command = Command::SetUnit { column: subject.clone(), unit };
            dialog.choice(unit.name(), Needs::Nothing, Then::Send(command))
        }))
    }

    /// What to do with cells of a column that do not fit.
    pub(super) fn ask_policy(&self) -> Option<Dialog> {
        let (table, column) = self.plan_column()?;
        let subject = format!("{}.{}", table.table, column.column);
        let dialog = Dialog::new(format!("Cells of {subject} that do not fit"), Tone::Warn)
            .fact("now", policy_words(column.policy))
            .fact("cells", format::exact(column.misfits_total))
            .list("means", POLICIES.map(|policy| format!("{}: {}", policy.name(), policy_words(policy))));
        Some(POLICIES.into_iter().fold(dialog, |dialog, policy| {
            let command = Command::SetPolicy { column: subject.clone(), policy };
            dialog.choice(policy.name(), Needs::Nothing, Then::Send(command))
        }))
    }

    /// Which key to look for.
    pub(super) fn ask_key(&self, table: &str) -> Dialog {
        Dialog::new(format!("Find a row of {table}"), Tone::Calm)
            .field("key")
            .choice("Find", Needs::Text, Then::Take(Typed::Key))
            .harmless()
    }

    /// Which sample to show.
    pub(super) fn ask_seed(&self, table: &str) -> Dialog {
        Dialog::new(format!("A sample of {table}"), Tone::Calm)
            .fact("seed", "the same number shows the same rows again, here and on any other terminal")
            .field("seed, a whole number")
            .choice("Show", Needs::Number, Then::Take(Typed::Seed))
            .harmless()
    }
}

const POLICIES: [Policy; 4] = [Policy::Stop, Policy::Null, Policy::Replace, Policy::SkipRow];

fn words_for_target(to: Option<&StepId>) -> String {
    to.map_or("every step is taken back".to_owned(), |step| format!("{step} and all after it are taken back"))
}

fn policy_words(policy: Policy) -> &'static str {
    match policy {
        Policy::Stop => "stop the copy; nothing stays loaded",
        Policy::Null => "load NULL instead, and report it",
        Policy::Replace => "load the nearest value, and report it",
        Policy::SkipRow => "leave the row out, and what refers to it, and report both",
    }
}

/// A unit in words.
pub(in crate::tui) fn unit_words(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::S => "seconds",
        IntervalUnit::Ms => "milliseconds",
        IntervalUnit::Us => "microseconds",
        IntervalUnit::Ns => "nanoseconds",
    }
}

/// What follows from a kind of failure, in words.
pub(in crate::tui) fn failure_words(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Failed => "tried, and failed",
        FailureKind::Refused => "refused: nothing was touched",
        FailureKind::Undecided => "something has to be decided first, in the Plan view",
        FailureKind::Differences => "both sides differ; the Data view shows where",
        FailureKind::Waiting => "a person has to act",
        FailureKind::Interrupted => "stopped because it was asked to",
    }
}

fn way_back(step: &StepView) -> String {
    match (&step.description.way_back, step.description.reversible) {
        (_, false) => "cannot be taken back".to_owned(),
        (words, true) if words.is_empty() => "taken back from its checkpoint".to_owned(),
        (words, true) => words.clone(),
    }
}

fn describe(dialog: Dialog, step: &StepView) -> Dialog {
    let description = &step.description;
    let effects = if description.changes { "changes" } else { "looks at" };
    let dialog = dialog.fact("does", &description.does).list(effects, description.effects.iter().cloned());
    match (description.changes, description.reversible) {
        (false, _) => dialog.fact("way back", "not needed: it changes nothing"),
        (true, true) => dialog.fact("way back", &description.way_back),
        (true, false) => dialog.loud("way back", no_way_back(&description.way_back)),
    }
}

fn no_way_back(words: &str) -> String {
    if words.is_empty() { "none".to_owned() } else { words.to_owned() }
}
