//! What an act does. Every command but pause and resume goes through a dialog.

use super::{App, DataFocus, Intent, LogState, Overlay, Pager, View};
use crate::engine::command::Command;
use crate::engine::snapshot::{Helm, LogLevel, RowPick, RunState};
use crate::tui::act::Act;
use crate::tui::dialog::Dialog;
use crate::tui::view;
use tui_input::Input;

impl App {
    /// Does an act, or says why not.
    pub(super) fn perform(&mut self, act: Act) -> Vec<Intent> {
        self.note = None;
        if let Some(reason) = self.why_not(act) {
            self.note = Some(format!("{}: {reason}", act.short()));
            return Vec::new();
        }
        match act {
            Act::Up => self.move_by(-1),
            Act::Down => self.move_by(1),
            Act::PageUp => self.page(-1),
            Act::PageDown => self.page(1),
            Act::Top => self.jump(-1),
            Act::Bottom => self.jump(1),
            Act::Right => return self.go_in(),
            Act::Open => return self.open(),
            Act::Decide => self.decide(),
            Act::NextView => return self.show(self.tab_beside(1)),
            Act::PreviousView => return self.show(self.tab_beside(-1)),
            Act::View(view) => return self.show(view),
            Act::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Act::Palette => self.overlay = Some(Overlay::Palette(super::PaletteState::default())),
            Act::Filter => self.open_filter(),
            Act::Summary => self.run.summary = !self.run.summary,
            Act::Wrap => self.log.wrap = !self.log.wrap,
            Act::Level => self.next_level(),
            Act::Follow if self.view == View::Cluster => self.cluster.back = 0,
            Act::Follow => self.log.back = 0,
            Act::Psql => return vec![Intent::Psql],
            Act::Container => return self.next_container(),
            Act::Back if self.replay.is_some() => self.leave_replay(),
            Act::Left | Act::Back => self.go_out(act),
            Act::Redraw => return vec![Intent::Redraw],
            Act::Suspend => return vec![Intent::Suspend],
            Act::Copy => return self.copy(),
            Act::PauseResume if self.replay.is_some() => self.toggle_play(),
            Act::Earlier => self.step_replay(-1),
            Act::Later => self.step_replay(1),
            Act::EarlierEntry => self.step_replay_entry(false),
            Act::LaterEntry => self.step_replay_entry(true),
            Act::Replay => return vec![Intent::Replay],
            Act::TakeOver => return self.take_over(),
            Act::PauseResume => return vec![Intent::Command(self.pause_or_resume())],
            Act::Quit => return self.quit(),
            Act::Retry | Act::Skip | Act::Rollback | Act::Unit | Act::Policy => self.ask_for(act),
            Act::Riskiest | Act::Sample | Act::Seed | Act::Differing | Act::FindKey => return self.pick(act),
            Act::Distribution => return self.toggle_distribution(),
            Act::Reread => return vec![Intent::Query(self.ask_tables())],
        }
        Vec::new()
    }

    fn pause_or_resume(&self) -> Command {
        match self.snapshot.state {
            RunState::Paused | RunState::Pausing => Command::Resume,
            _ => Command::Pause,
        }
    }

    fn quit(&mut self) -> Vec<Intent> {
        let over = matches!(
            self.snapshot.state,
            RunState::Ready | RunState::Done | RunState::RolledBack | RunState::Interrupted
        );
        match self.snapshot.helm {
            Helm::Here if !over && !self.engine_gone => self.ask(self.ask_quit()),
            Helm::Attached if !over && !self.engine_gone => self.ask(self.ask_leave()),
            _ => return vec![Intent::Leave],
        }
        Vec::new()
    }

    /// At a run that goes on by itself the helm is only asked for; one that nobody drives is taken up by this process.
    fn take_over(&mut self) -> Vec<Intent> {
        if self.snapshot.helm == Helm::Free {
            return vec![Intent::TakeHelm];
        }
        self.ask(self.ask_take_over());
        Vec::new()
    }

    fn ask_for(&mut self, act: Act) {
        let dialog = match act {
            Act::Retry => self.failed_step().map(|index| self.ask_retry(index)),
            Act::Skip => self.waiting_step().map(|index| self.ask_skip(&self.snapshot.steps[index])),
            Act::Rollback => self.chosen_step().map(|index| self.ask_rollback(index)),
            Act::Unit => self.ask_unit(),
            Act::Policy => self.ask_policy(),
            _ => None,
        };
        if let Some(dialog) = dialog {
            self.ask(dialog);
        }
    }

    /// Opens a dialog.
    pub(super) fn ask(&mut self, dialog: Dialog) {
        self.overlay = Some(Overlay::Dialog(Box::new(dialog)));
    }

    /// The tab so many places to the right of the open one, round about.
    fn tab_beside(&self, by: isize) -> View {
        let tabs = self.tabs();
        let here = tabs.iter().position(|tab| *tab == self.view).unwrap_or(0);
        tabs[(here + tabs.len()).saturating_add_signed(by) % tabs.len()]
    }

    fn show(&mut self, view: View) -> Vec<Intent> {
        self.view = view;
        self.run.summary = false;
        let may_ask = self.why_no_query().is_none();
        if view == View::Data && may_ask && self.data.asked.is_none() && self.tables_are_stale() {
            return vec![Intent::Query(self.ask_tables())];
        }
        self.ask_cluster()
    }

    fn open(&mut self) -> Vec<Intent> {
        let question = if self.why_no_command().is_some() { None } else { self.question() };
        match (self.view, question) {
            (View::Run, _) if self.run.summary => self.run.summary = false,
            (View::Run, Some(question)) => self.ask(question),
            (View::Run, None) => self.open_step(),
            _ => return self.go_in(),
        }
        Vec::new()
    }

    fn decide(&mut self) {
        if let Some(question) = self.question() {
            self.ask(question);
        }
    }

    fn open_step(&mut self) {
        if let Some(step) = self.chosen_step().map(|index| &self.snapshot.steps[index]) {
            let text = view::step_text(self, step, self.limits.columns.max(36));
            self.overlay = Some(Overlay::Pager(Pager {
                title: step.id.clone(),
                sections: vec![(String::new(), text)],
                compare: false,
                scroll: 0,
            }));
        }
    }

    fn go_in(&mut self) -> Vec<Intent> {
        match self.view {
            View::Run => self.open_step(),
            View::Plan if self.plan_table().is_some() => self.plan.inside = true,
            View::Data => return self.go_into_data(),
            View::Cluster => return self.go_into_cluster(),
            _ => {}
        }
        Vec::new()
    }

    fn go_into_data(&mut self) -> Vec<Intent> {
        match self.data.focus {
            DataFocus::Tables => {
                let shown = self.snapshot.data.rows.as_ref().map(|rows| rows.table.clone());
                self.data.focus = DataFocus::Rows;
                if shown == self.data_table() || self.why_no_query().is_some() {
                    return Vec::new();
                }
                let differs = self.data_tables().get(self.data.table).is_some_and(|table| table.equal == Some(false));
                let pick = if differs { RowPick::Differing } else { RowPick::Riskiest };
                return self.ask_rows(pick).map(Intent::Query).into_iter().collect();
            }
            DataFocus::Rows => self.data.focus = DataFocus::Cells,
            DataFocus::Cells => self.open_cell(),
        }
        Vec::new()
    }

    fn open_cell(&mut self) {
        let Some(((table, column), row)) = self.data_column().zip(self.data_row()) else { return };
        let side = |values: &Option<Vec<Option<String>>>| match values {
            None => "(the row is not there)".to_owned(),
            Some(values) => values.get(self.data.cell).cloned().flatten().unwrap_or_else(|| "NULL".to_owned()),
        };
        self.overlay = Some(Overlay::Pager(Pager {
            title: format!("{table}.{column} · {}", view::key_text(&row.key)),
            sections: vec![("source".to_owned(), side(&row.source)), ("target".to_owned(), side(&row.target))],
            compare: true,
            scroll: 0,
        }));
    }

    fn go_out(&mut self, act: Act) {
        if act == Act::Back && self.nothing_is_open() {
            self.filter_by(String::new());
        }
        match self.view {
            View::Run if act == Act::Back => {
                self.run.chosen = None;
                self.run.scroll = 0;
                self.run.summary = false;
            }
            View::Plan => self.plan.inside = false,
            View::Cluster => (self.cluster.inside, self.cluster.back) = (false, 0),
            View::Data if self.data.distribution => self.data.distribution = false,
            View::Data => {
                self.data.focus = match self.data.focus {
                    DataFocus::Cells => DataFocus::Rows,
                    _ => DataFocus::Tables,
                };
            }
            View::Log if act == Act::Back => self.log.back = 0,
            _ => {}
        }
    }

    /// Whether nothing is left to close in the open view but its filter.
    fn nothing_is_open(&self) -> bool {
        match self.view {
            View::Run => !self.run.summary && self.run.chosen.is_none(),
            View::Plan => !self.plan.inside,
            View::Data => !self.data.distribution && self.data.focus == DataFocus::Tables,
            View::Cluster => !self.cluster.inside,
            View::Log => self.log.back == 0,
        }
    }

    fn pick(&mut self, act: Act) -> Vec<Intent> {
        let pick = match act {
            Act::FindKey | Act::Seed => {
                if let Some(table) = self.data_table() {
                    self.ask(if act == Act::Seed { self.ask_seed(&table) } else { self.ask_key(&table) });
                }
                return Vec::new();
            }
            Act::Sample => {
                self.data.seed = self.data.seed.wrapping_add(1);
                RowPick::Sample(self.data.seed)
            }
            Act::Differing => RowPick::Differing,
            _ => RowPick::Riskiest,
        };
        self.show_rows(pick)
    }

    /// Asks for rows of the chosen table and goes to them.
    pub(super) fn show_rows(&mut self, pick: RowPick) -> Vec<Intent> {
        self.data.focus = self.data.focus.max(DataFocus::Rows);
        self.ask_rows(pick).map(Intent::Query).into_iter().collect()
    }

    fn toggle_distribution(&mut self) -> Vec<Intent> {
        self.data.distribution = !self.data.distribution;
        self.data.scroll = 0;
        if !self.data.distribution {
            return Vec::new();
        }
        self.ask_column().map(Intent::Query).into_iter().collect()
    }

    fn open_filter(&mut self) {
        let before = self.filter().to_owned();
        self.overlay = Some(Overlay::Filter { input: Input::new(before.clone()), before });
    }

    fn next_level(&mut self) {
        self.log.level = match self.log.level {
            LogLevel::Debug => LogLevel::Info,
            LogLevel::Info => LogLevel::Warn,
            LogLevel::Warn => LogLevel::Error,
            LogLevel::Error => LogLevel::Debug,
        };
        self.log.back = 0;
    }

    fn copy(&mut self) -> Vec<Intent> {
        let text = match self.view {
            View::Run => self.chosen_step().map(|index| view::step_text(self, &self.snapshot.steps[index], 100)),
            View::Log => Some(view::log_text(self)),
            View::Cluster => view::cluster_text(self),
            View::Plan => view::plan_text(self),
            View::Data => self.data_row().map(|row| view::row_text(self, row)),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            self.note = Some("copy: nothing is shown that could be copied".to_owned());
            return Vec::new();
        };
        self.note = Some(format!("sent {} to the terminal's clipboard", crate::tui::format::bytes(text.len() as u64)));
        vec![Intent::Copy(text)]
    }

    fn page(&mut self, direction: isize) {
        let by = direction * self.limits.page.max(2).cast_signed();
        match self.view {
            View::Run => self.run.scroll = self.run.scroll.saturating_add_signed(by / 2),
            View::Plan if !self.plan.inside => self.plan.scroll = self.plan.scroll.saturating_add_signed(by / 2),
            _ => self.move_by(by),
        }
    }

    fn jump(&mut self, direction: isize) {
        const FAR: isize = 1 << 40;
        self.move_by(direction * FAR);
    }

    /// Moves what is chosen in the open view.
    pub(super) fn move_by(&mut self, by: isize) {
        match self.view {
            View::Run if self.run.summary => self.run.scroll = self.run.scroll.saturating_add_signed(by),
            View::Run => {
                let last = self.snapshot.steps.len().saturating_sub(1);
                self.run.chosen = self.chosen_step().map(|index| index.saturating_add_signed(by).min(last));
                self.run.scroll = 0;
            }
            View::Plan => self.move_in_plan(by),
            View::Data => self.move_in_data(by),
            View::Cluster => self.move_in_cluster(by),
            View::Log => self.log = LogState { back: self.log.back.saturating_add_signed(-by), ..self.log.clone() },
        }
    }

    fn move_in_plan(&mut self, by: isize) {
        self.plan.scroll = 0;
        if self.plan.inside {
            let last = self.plan_table().map_or(0, |table| table.columns.len().saturating_sub(1));
            self.plan.column = Some(self.chosen_column().saturating_add_signed(by).min(last));
        } else {
            let last = self.plan_entries().len().saturating_sub(1);
            self.plan.entry = self.plan.entry.saturating_add_signed(by).min(last);
            self.plan.column = None;
        }
    }

    fn move_in_data(&mut self, by: isize) {
        let state = &mut self.data;
        if state.distribution {
            state.scroll = state.scroll.saturating_add_signed(by);
            return;
        }
        match state.focus {
            DataFocus::Tables => state.table = state.table.saturating_add_signed(by),
            DataFocus::Rows => state.row = state.row.saturating_add_signed(by),
            DataFocus::Cells => state.cell = state.cell.saturating_add_signed(by),
        }
        self.data.clamp(&self.snapshot, &self.filters[View::Data.index()]);
    }
}
