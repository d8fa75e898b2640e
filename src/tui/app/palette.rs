//! The palette: everything that can be done, found by a few letters, with the reason where it cannot.

use super::{App, View};
use crate::tui::act::Act;
use crate::tui::keymap::Binding;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input;

/// What the palette remembers.
#[derive(Clone, Debug, Default)]
pub(in crate::tui) struct PaletteState {
    /// What was typed.
    pub input: Input,
    /// The chosen offer.
    pub chosen: usize,
}

/// One line of the palette.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tui) struct Offer {
    /// What it does.
    pub words: String,
    /// The key that does the same.
    pub keys: String,
    /// Why it cannot be done now.
    pub why_not: Option<String>,
    /// What to do.
    pub deed: Deed,
}

/// What an offer does.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tui) enum Deed {
    /// The same as a key.
    Act(View, Act),
    /// Chooses a step.
    Step(usize),
    /// Asks whether to take back steps to one.
    RollBackTo(usize),
    /// Opens a table of the plan.
    PlanTable(String),
}

impl App {
    /// The offers that match what was typed, the best first.
    pub(in crate::tui) fn offers(&self, typed: &str) -> Vec<Offer> {
        let all = self.all_offers();
        if typed.trim().is_empty() {
            return all;
        }
        let pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, Offer)> = all
            .into_iter()
            .filter_map(|offer| {
                let score = pattern.score(Utf32Str::new(&offer.words, &mut buffer), &mut matcher)?;
                Some((score, offer))
            })
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, offer)| offer).collect()
    }

    fn all_offers(&self) -> Vec<Offer> {
        let bindings = self.keymap.all().filter(|binding| binding.act.in_palette());
        let (here, elsewhere): (Vec<&Binding>, Vec<&Binding>) =
            bindings.partition(|binding| binding.view.is_none_or(|view| view == self.view));
        let acts = here.into_iter().chain(elsewhere).map(|binding| {
            let view = binding.view.unwrap_or(self.view);
            let place = if view == self.view { String::new() } else { format!("{}: ", view.name()) };
            Offer {
                words: format!("{place}{}", binding.act.long()),
                keys: binding.shown(),
                why_not: self.why_not_in(view, binding.act),
                deed: Deed::Act(view, binding.act),
            }
        });
        acts.chain(self.step_offers()).chain(self.table_offers()).collect()
    }

    fn step_offers(&self) -> impl Iterator<Item = Offer> {
        self.snapshot.steps.iter().enumerate().flat_map(|(index, step)| {
            let go = Offer {
                words: format!("Go to step {}", step.id),
                keys: String::new(),
                why_not: None,
                deed: Deed::Step(index),
            };
            let back = Offer {
                words: format!("Roll back to {}", step.id),
                keys: String::new(),
                why_not: self.why_not_rollback(index),
                deed: Deed::RollBackTo(index),
            };
            [go, back]
        })
    }

    fn table_offers(&self) -> impl Iterator<Item = Offer> {
        self.snapshot.plan.iter().flat_map(|plan| &plan.tables).map(|table| Offer {
            words: format!("Open the plan of {}", table.table),
            keys: String::new(),
            why_not: None,
            deed: Deed::PlanTable(table.table.clone()),
        })
    }
}
