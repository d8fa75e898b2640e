//! What lies where on the screen, for the mouse: written down while drawing, asked when a button is pressed.

use super::act::Act;
use super::app::View;
use ratatui::layout::{Position, Rect};
use std::ops::Range;

/// Something that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// A tab.
    Tab(View),
    /// A step of the path.
    Step(usize),
    /// A line of the plan's tables.
    PlanEntry(usize),
    /// A column of the plan's chosen table.
    PlanColumn(usize),
    /// A table of the Data view.
    Table(usize),
    /// A row of its chosen table.
    Row(usize),
    /// A cell of the chosen row.
    Cell(usize),
    /// A way out of the open dialog.
    Choice(usize),
    /// A line of the palette.
    Offer(usize),
    /// A key named in the last line.
    Key(Act),
    /// What lies over the view, where there is nothing to click.
    Overlay,
}

/// Everything that the last frame has to click; what was drawn later lies over what was drawn before.
#[derive(Clone, Debug, Default)]
pub(super) struct Hits(Vec<(Rect, Hit)>);

impl Hits {
    pub(super) fn add(&mut self, area: Rect, hit: Hit) {
        self.0.push((area, hit));
    }

    /// The lines of a list: one each from the top of `area`, `shown` by their numbers.
    pub(super) fn add_lines(&mut self, area: Rect, shown: Range<usize>, hit: impl Fn(usize) -> Hit) {
        for (index, y) in shown.zip(area.y..area.bottom()) {
            self.add(Rect { y, height: 1, ..area }, hit(index));
        }
    }

    /// What lies at a place.
    pub(super) fn at(&self, column: u16, line: u16) -> Option<Hit> {
        let place = Position { x: column, y: line };
        self.0.iter().rev().find(|(area, _)| area.contains(place)).map(|(_, hit)| *hit)
    }
}
