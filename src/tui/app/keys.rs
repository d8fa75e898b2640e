//! Where a key goes: to what lies over the view, else through the keymap to an act.

use super::palette::Deed;
use super::{App, Intent, Overlay, PaletteState, PlanEntry, View};
use crate::engine::command::Command;
use crate::engine::snapshot::RowPick;
use crate::tui::act::Act;
use crate::tui::dialog::{Answer, Typed};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::backend::crossterm::EventHandler;

impl App {
    /// What a key does. Releases and unknown keys do nothing.
    pub fn on_key(&mut self, event: KeyEvent) -> Vec<Intent> {
        if event.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if event.code == KeyCode::Char('z') && event.modifiers.contains(KeyModifiers::CONTROL) {
            return vec![Intent::Suspend];
        }
        // What nobody can see, nobody has confirmed.
        if self.limits.too_small {
            return Vec::new();
        }
        match self.overlay.take() {
            None => match self.keymap.find(self.view, &event) {
                Some(act) => self.perform(act),
                None => self.unknown(&event),
            },
            Some(Overlay::Help { scroll }) => self.help_key(event, scroll),
            Some(Overlay::Pager(pager)) => self.pager_key(event, pager),
            Some(Overlay::Filter { input, before }) => self.filter_key(event, input, before),
            Some(Overlay::Palette(state)) => self.palette_key(event, state),
            Some(Overlay::Dialog(mut dialog)) => match dialog.on_key(event) {
                Answer::Stay => {
                    self.overlay = Some(Overlay::Dialog(dialog));
                    Vec::new()
                }
                answer => self.answered(answer),
            },
        }
    }

    fn unknown(&mut self, event: &KeyEvent) -> Vec<Intent> {
        if let KeyCode::Char(character) = event.code {
            self.note = Some(format!("{character}: no such key here; ? shows the keys"));
        }
        Vec::new()
    }

    pub(super) fn answered(&mut self, answer: Answer) -> Vec<Intent> {
        match answer {
            Answer::Stay | Answer::Closed => Vec::new(),
            Answer::Ask(dialog) => {
                self.overlay = Some(Overlay::Dialog(dialog));
                Vec::new()
            }
            Answer::Leave => vec![Intent::Leave],
            Answer::TakeOver => vec![Intent::TakeOver],
            Answer::Taken(Typed::Key, text) => self.show_rows(RowPick::Key(text)),
            Answer::Taken(Typed::Seed, text) => {
                self.data.seed = text.parse().unwrap_or(self.data.seed);
                self.show_rows(RowPick::Sample(self.data.seed))
            }
            Answer::Send(command) => {
                if command == Command::Quit {
                    self.quitting = true;
                }
                self.run.chosen = None;
                vec![Intent::Command(command)]
            }
        }
    }

    fn help_key(&mut self, event: KeyEvent, scroll: usize) -> Vec<Intent> {
        if let Some(scroll) = scrolled(event, scroll) {
            self.overlay = Some(Overlay::Help { scroll });
        }
        Vec::new()
    }

    fn pager_key(&mut self, event: KeyEvent, mut pager: super::Pager) -> Vec<Intent> {
        if let KeyCode::Char('y') = event.code {
            let text = pager.sections.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n");
            self.overlay = Some(Overlay::Pager(pager));
            return vec![Intent::Copy(text)];
        }
        if let Some(scroll) = scrolled(event, pager.scroll) {
            pager.scroll = scroll;
            self.overlay = Some(Overlay::Pager(pager));
        }
        Vec::new()
    }

    fn filter_key(&mut self, event: KeyEvent, mut input: tui_input::Input, before: String) -> Vec<Intent> {
        match event.code {
            KeyCode::Enter => {}
            KeyCode::Esc => self.filter_by(before),
            _ => {
                input.handle_event(&Event::Key(event));
                self.filter_by(input.value().to_owned());
                self.overlay = Some(Overlay::Filter { input, before });
            }
        }
        Vec::new()
    }

    /// Filters the open view by these words.
    pub(super) fn filter_by(&mut self, words: String) {
        if self.filter() == words {
            return;
        }
        self.filters[self.view.index()] = words;
        self.log.back = 0;
        self.data.clamp(&self.snapshot, &self.filters[View::Data.index()]);
        self.list_plan();
        self.plan.entry = self.plan.entry.min(self.plan_entries().len().saturating_sub(1));
    }

    fn palette_key(&mut self, event: KeyEvent, mut state: PaletteState) -> Vec<Intent> {
        match event.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Enter => return self.take_offer(&state),
            KeyCode::Up | KeyCode::BackTab => state.chosen = state.chosen.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => {
                let last = self.offers(state.input.value()).len().saturating_sub(1);
                state.chosen = (state.chosen + 1).min(last);
            }
            _ => {
                state.input.handle_event(&Event::Key(event));
                state.chosen = 0;
            }
        }
        self.overlay = Some(Overlay::Palette(state));
        Vec::new()
    }

    pub(super) fn take_offer(&mut self, state: &PaletteState) -> Vec<Intent> {
        let Some(offer) = self.offers(state.input.value()).into_iter().nth(state.chosen) else { return Vec::new() };
        if let Some(reason) = offer.why_not {
            self.note = Some(format!("{}: {reason}", offer.words));
            return Vec::new();
        }
        match offer.deed {
            Deed::Act(view, act) => {
                let mut intents = if view == self.view { Vec::new() } else { self.perform(Act::View(view)) };
                intents.extend(self.perform(act));
                return intents;
            }
            Deed::Step(index) => {
                self.view = View::Run;
                self.run.chosen = Some(index);
            }
            Deed::RollBackTo(index) => self.ask(self.ask_rollback(index)),
            Deed::PlanTable(name) => self.open_plan_table(&name),
        }
        Vec::new()
    }

    fn open_plan_table(&mut self, name: &str) {
        self.view = View::Plan;
        self.filters[View::Plan.index()].clear();
        self.list_plan();
        let is_it = |entry: &PlanEntry<'_>| matches!(entry, PlanEntry::Table(table, _) if table.table == name);
        self.plan.entry = self.plan_entries().iter().position(is_it).unwrap_or(0);
        self.plan.column = None;
        self.plan.inside = false;
    }
}

/// Where a key scrolls to; none when it closes.
fn scrolled(event: KeyEvent, scroll: usize) -> Option<usize> {
    match event.code {
        KeyCode::Up | KeyCode::Char('k') => Some(scroll.saturating_sub(1)),
        KeyCode::Down | KeyCode::Char('j') => Some(scroll + 1),
        KeyCode::PageUp | KeyCode::Char('u') => Some(scroll.saturating_sub(10)),
        KeyCode::PageDown | KeyCode::Char(' ' | 'd') => Some(scroll + 10),
        KeyCode::Home | KeyCode::Char('g') => Some(0),
        KeyCode::End | KeyCode::Char('G') => Some(1 << 40),
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') | KeyCode::Left => None,
        _ => Some(scroll),
    }
}
