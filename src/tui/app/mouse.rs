//! The mouse, where it was asked for: a click chooses what lies under it, a click on what is chosen opens it, the wheel moves. As with
//! keys, no click does anything that cannot be taken back: a dialog's choice is first chosen, then taken.

use super::{App, DataFocus, Intent, Overlay, View};
use crate::tui::act::Act;
use crate::tui::dialog::Answer;
use crate::tui::hits::Hit;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

impl App {
    /// What the mouse does.
    pub fn on_mouse(&mut self, event: MouseEvent) -> Vec<Intent> {
        if self.limits.too_small {
            return Vec::new();
        }
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(-1),
            MouseEventKind::ScrollDown => self.wheel(1),
            MouseEventKind::Down(MouseButton::Left) => {
                return match self.limits.hits.at(event.column, event.row) {
                    Some(hit) => self.click(hit),
                    None => Vec::new(),
                };
            }
            _ => {}
        }
        Vec::new()
    }

    fn wheel(&mut self, by: isize) {
        match &mut self.overlay {
            None => self.move_by(by),
            Some(Overlay::Help { scroll }) => *scroll = scroll.saturating_add_signed(by),
            Some(Overlay::Pager(pager)) => pager.scroll = pager.scroll.saturating_add_signed(by),
            Some(Overlay::Dialog(dialog)) => dialog.scroll = dialog.scroll.saturating_add_signed(by),
            Some(_) => {}
        }
    }

    fn click(&mut self, hit: Hit) -> Vec<Intent> {
        match hit {
            Hit::Choice(index) => return self.click_choice(index),
            Hit::Offer(index) => return self.click_offer(index),
            Hit::Overlay => {}
            Hit::Tab(view) => return self.perform(Act::View(view)),
            Hit::Key(act) => return self.perform(act),
            Hit::Step(index) if self.chosen_step() == Some(index) => return self.perform(Act::Open),
            Hit::Step(index) => {
                self.run.chosen = Some(index);
                self.run.scroll = 0;
            }
            Hit::PlanEntry(index) if self.plan.entry == index && !self.plan.inside => return self.perform(Act::Open),
            Hit::PlanEntry(index) => {
                (self.plan.entry, self.plan.column, self.plan.scroll, self.plan.inside) = (index, None, 0, false);
            }
            Hit::PlanColumn(index) => {
                (self.plan.column, self.plan.scroll, self.plan.inside) = (Some(index), 0, true);
            }
            Hit::Table(index) => return self.click_data(DataFocus::Tables, index),
            Hit::Row(index) => return self.click_data(DataFocus::Rows, index),
            Hit::Cell(index) => return self.click_data(DataFocus::Cells, index),
        }
        Vec::new()
    }

    fn click_data(&mut self, focus: DataFocus, index: usize) -> Vec<Intent> {
        let chosen = match focus {
            DataFocus::Tables => &mut self.data.table,
            DataFocus::Rows => &mut self.data.row,
            DataFocus::Cells => &mut self.data.cell,
        };
        let again = *chosen == index && self.data.focus == focus;
        *chosen = index;
        self.data.focus = focus;
        self.data.clamp(&self.snapshot, &self.filters[View::Data.index()]);
        if again { self.perform(Act::Open) } else { Vec::new() }
    }

    /// The first click chooses a way out, the second takes it.
    fn click_choice(&mut self, index: usize) -> Vec<Intent> {
        let Some(Overlay::Dialog(mut dialog)) = self.overlay.take() else { return Vec::new() };
        let again = dialog.chosen == index;
        dialog.chosen = index.min(dialog.choices.len().saturating_sub(1));
        let answer =
            if again { dialog.on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)) } else { Answer::Stay };
        match answer {
            Answer::Stay => {
                self.overlay = Some(Overlay::Dialog(dialog));
                Vec::new()
            }
            answer => self.answered(answer),
        }
    }

    fn click_offer(&mut self, index: usize) -> Vec<Intent> {
        let Some(Overlay::Palette(mut state)) = self.overlay.take() else { return Vec::new() };
        let again = state.chosen == index;
        state.chosen = index;
        if again {
            return self.take_offer(&state);
        }
        self.overlay = Some(Overlay::Palette(state));
        Vec::new()
    }
}
