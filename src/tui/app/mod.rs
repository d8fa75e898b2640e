//! The state of the screen: which view, what is chosen, what is typed. Keys go in, [`Intent`]s come out; nothing here reads
//! or writes anything outside, and drawing reads only this.

mod allowed;
mod ask;
mod cluster;
mod data;
mod figures;
mod keys;
mod mouse;
mod palette;
mod perform;
mod plan;
mod rates;
mod replay;

pub(super) use ask::{failure_words, unit_words};
pub(super) use cluster::ClusterState;
pub(super) use data::{DataFocus, DataState};
pub(super) use figures::{Figures, Totals, is_busy};
pub(super) use palette::{Offer, PaletteState};
pub(super) use plan::{Loudness, PlanEntry, PlanState, column_loudness};
pub(super) use rates::Rates;
pub(super) use replay::Replay;

use super::act::Act;
use super::dialog::Dialog;
use super::hits::Hits;
use super::keymap::Keymap;
use super::preferences::Preferences;
use super::theme::Theme;
use super::view;
use crate::engine::command::Command;
use crate::engine::snapshot::{Helm, LogLevel, Query, RunState, Snapshot};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Frame;
use std::sync::Arc;
use tui_input::Input;

/// What the screen wants to happen. The loop does it; the app never does.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Tell the engine.
    Command(Command),
    /// Ask the databases.
    Query(Query),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Draw everything anew.
    Redraw,
    /// Give the terminal to the shell until `fg`.
    Suspend,
    /// Give the terminal to psql in the test pod until it ends.
    Psql,
    /// Ask to answer the run's questions.
    TakeHelm,
    /// Leave the screen, to take the run up in this process.
    TakeOver,
    /// Read the run's journal and open it as a replay.
    Replay,
    /// Leave the screen.
    Leave,
}

/// The tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// The steps.
    #[default]
    Run,
    /// Tables, columns, conversions.
    Plan,
    /// Both sides next to each other.
    Data,
    /// Pods, rollout, events: of runs on a cluster only.
    Cluster,
    /// The log.
    Log,
}

impl View {
    /// In the order of the tabs.
    pub const ALL: [Self; 5] = [Self::Run, Self::Plan, Self::Data, Self::Cluster, Self::Log];

    /// The tab's words.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Run => "Run",
            Self::Plan => "Plan",
            Self::Data => "Data",
            Self::Cluster => "Cluster",
            Self::Log => "Log",
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Run => 0,
            Self::Plan => 1,
            Self::Data => 2,
            Self::Cluster => 3,
            Self::Log => 4,
        }
    }
}

/// What lies over the view.
#[derive(Clone, Debug)]
pub(super) enum Overlay {
    /// The keys.
    Help { scroll: usize },
    /// Everything that can be done.
    Palette(PaletteState),
    /// The filter being typed, and what it was before.
    Filter { input: Input, before: String },
    /// A question.
    Dialog(Box<Dialog>),
    /// A long text.
    Pager(Pager),
}

/// A long text to read: lines with a title, cut or wrapped by the view.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    /// What it is.
    pub title: String,
    /// Sections: a heading (may be empty) and a text each.
    pub sections: Vec<(String, String)>,
    /// Whether the two sections are the two sides of a cell, to be marked where they part.
    pub compare: bool,
    /// How far it is scrolled.
    pub scroll: usize,
}

/// What the Run view remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct RunViewState {
    /// The chosen step; the active one when none.
    pub chosen: Option<usize>,
    /// How far the step's text is scrolled.
    pub scroll: usize,
    /// Whether the summary of the ended run is shown.
    pub summary: bool,
}

/// What the log remembers, here and under the steps.
#[derive(Clone, Debug)]
pub(super) struct LogState {
    /// Lines between what is shown last and the end; none follows the end.
    pub back: usize,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    /// The quietest level shown.
    pub level: LogLevel,
}

/// How far the last frame could be scrolled, so that keys cannot run away from what is drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// What can be clicked, and where.
    pub hits: Hits,
    /// The text of the Run view's chosen step.
    pub detail: usize,
    /// Of whatever lies over the view.
    pub overlay: usize,
    /// The log.
    pub log: usize,
    /// The Cluster view.
    pub cluster: usize,
    /// A column's distribution.
    pub distribution: usize,
    /// The right side of the Plan view.
    pub plan: usize,
    /// A page, in lines.
    pub page: usize,
    /// The columns of a text that fills the screen.
    pub columns: usize,
    /// Whether the terminal is too small to show what a key would do.
    pub too_small: bool,
}

/// The screen without a terminal.
#[derive(Debug)]
pub struct App {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) now: Option<Timestamp>,
    pub(super) theme: Theme,
    pub(super) view: View,
    pub(super) overlay: Option<Overlay>,
    pub(super) run: RunViewState,
    pub(super) plan: PlanState,
    pub(super) data: DataState,
    pub(super) cluster: ClusterState,
    pub(super) log: LogState,
    pub(super) filters: [String; 5],
    pub(super) keymap: Keymap,
    preferences: Preferences,
    pub(super) rates: Rates,
    /// Why the last key did nothing, or what it did where that cannot be seen.
    pub(super) note: Option<String>,
    pub(super) quitting: bool,
    pub(super) replay: Option<Replay>,
    /// The time by this host's clock, as last told; `now` is the time of what is shown.
    pub(super) clock: Option<Timestamp>,
    pub(super) engine_gone: bool,
    pub(super) zone: TimeZone,
    limits: Limits,
}

impl App {
    /// A screen that shows `snapshot`.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, theme: Theme) -> Self {
        let now = snapshot.now;
        let mut app = Self {
            snapshot: Arc::default(),
            now,
            theme,
            view: View::Run,
            overlay: None,
            run: RunViewState::default(),
            plan: PlanState::default(),
            data: DataState::default(),
            cluster: ClusterState::default(),
            log: LogState { back: 0, wrap: false, level: LogLevel::Info },
            filters: Default::default(),
            keymap: Keymap::standard(&[]),
            preferences: Preferences::default(),
            rates: Rates::default(),
            note: None,
            quitting: false,
            replay: None,
            clock: now,
            engine_gone: false,
            zone: TimeZone::UTC,
            limits: Limits { page: 10, columns: 76, ..Limits::default() },
        };
        app.update(snapshot);
        app
    }

    /// A screen with the operator's own keys.
    #[must_use]
    pub fn preferring(mut self, preferences: &Preferences) -> Self {
        self.preferences = preferences.clone();
        self.keymap = Keymap::standard(&self.tabs()).with(&self.preferences.keys);
        self
    }

    /// A screen that shows times as the clock on this wall; UTC without.
    #[must_use]
    pub fn at_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// Whether the operator asked to leave and the engine has come to its safe place: nothing is left to be shown.
    #[must_use]
    pub fn is_left_behind(&self) -> bool {
        let at_work = matches!(self.snapshot.state, RunState::Running | RunState::Pausing | RunState::RollingBack);
        self.quitting && (self.engine_gone || !at_work)
    }

    /// The engine has ended and obeys nothing any more; `broken` is what stopped it, if it did not end of itself.
    pub fn engine_ended(&mut self, broken: Option<String>) {
        self.engine_gone = true;
        let over = matches!(self.snapshot.state, RunState::Done | RunState::RolledBack);
        let left = (self.snapshot.helm == Helm::Past && !over).then(|| {
            format!("the process that drove the run is gone; {} takes it up here", self.keymap.shown(Act::TakeOver))
        });
        self.note = broken.map(|why| format!("the engine stopped: {why}")).or(left);
    }

    /// Takes a newer snapshot.
    pub fn update(&mut self, snapshot: Arc<Snapshot>) {
        if self.keep_for_later(&snapshot) {
            return;
        }
        let before = std::mem::replace(&mut self.snapshot, snapshot);
        self.now = self.snapshot.now.or(self.now);
        if before.cluster.is_some() != self.snapshot.cluster.is_some() || before.run.is_empty() {
            self.keymap = Keymap::standard(&self.tabs()).with(&self.preferences.keys);
        }
        self.rates.observe(&self.snapshot);
        if !Arc::ptr_eq(&before.data, &self.snapshot.data) {
            self.data.answered();
        }
        if before.refusal != self.snapshot.refusal && self.snapshot.refusal.is_some() {
            self.note = None;
        }
        let ended = |state| matches!(state, RunState::Done | RunState::RolledBack);
        if ended(self.snapshot.state) && (before.state != self.snapshot.state || before.run.is_empty()) {
            self.run.summary = true;
        }
        if !ended(self.snapshot.state) {
            self.run.summary = false;
        }
        self.data.clamp(&self.snapshot, &self.filters[View::Data.index()]);
        self.list_plan();
    }

    /// Moves the clock on between snapshots, so that elapsed times are right while nothing else changes.
    pub fn tick(&mut self, now: Timestamp) {
        self.clock = Some(now);
        if self.replay.is_some() {
            self.play_on(now);
        } else if self.snapshot.helm != Helm::Past {
            self.now = Some(now);
        }
    }

    /// Whether a replay plays, which wants the clock often.
    #[must_use]
    pub fn plays(&self) -> bool {
        self.replay.as_ref().is_some_and(Replay::plays)
    }

    /// Whether something on the screen changes with the clock alone.
    #[must_use]
    pub fn wants_clock(&self) -> bool {
        let service_down = self.snapshot.down_since.is_some() && self.snapshot.up_since.is_none();
        if self.cluster_query().is_some() {
            return true;
        }
        let still = self.snapshot.ended.is_some() && !service_down || self.snapshot.helm == Helm::Past;
        !still && (service_down || !matches!(self.snapshot.state, RunState::Ready | RunState::Paused))
    }

    /// The tabs that this run has, in order.
    pub(super) fn tabs(&self) -> Vec<View> {
        let has_cluster = self.snapshot.cluster.is_some();
        View::ALL.into_iter().filter(|view| *view != View::Cluster || has_cluster).collect()
    }

    /// Draws the whole screen.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let limits = view::draw(self, frame);
        self.run.scroll = self.run.scroll.min(limits.detail);
        self.plan.scroll = self.plan.scroll.min(limits.plan);
        self.log.back = self.log.back.min(limits.log);
        self.cluster.back = self.cluster.back.min(limits.cluster);
        self.data.scroll = self.data.scroll.min(limits.distribution);
        match &mut self.overlay {
            Some(Overlay::Help { scroll }) => *scroll = (*scroll).min(limits.overlay),
            Some(Overlay::Dialog(dialog)) => dialog.scroll = dialog.scroll.min(limits.overlay),
            Some(Overlay::Pager(pager)) => pager.scroll = pager.scroll.min(limits.overlay),
            _ => {}
        }
        self.limits = limits;
    }

    /// Whether a question is open, and whether enter would now say anything but Cancel. For tests of what keys can do.
    #[must_use]
    pub fn dialog(&self) -> Option<bool> {
        match &self.overlay {
            Some(Overlay::Dialog(dialog)) => Some(dialog.chosen > 0),
            _ => None,
        }
    }

    /// Says something in the last line.
    pub fn say(&mut self, words: String) {
        self.note = Some(words);
    }

    /// Says something in the last line until the next key.
    pub fn tell(&mut self, words: &str) {
        self.note = Some(words.to_owned());
    }

    /// The view that is open.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    /// Why the last key did nothing.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The filter of the open view.
    pub(super) fn filter(&self) -> &str {
        &self.filters[self.view.index()]
    }

    /// The index of the chosen step: the operator's choice, else the one that matters now.
    pub(super) fn chosen_step(&self) -> Option<usize> {
        let last = self.snapshot.steps.len().checked_sub(1)?;
        Some(self.run.chosen.unwrap_or_else(|| Figures::active(&self.snapshot)).min(last))
    }
}
