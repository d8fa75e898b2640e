//! Everything that can be done on the screen, as data: keymap, help, footer and palette all speak of these.

use super::app::View;

/// Something that a key or a line of the palette does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Open,
    Decide,
    PauseResume,
    Retry,
    Skip,
    Rollback,
    Unit,
    Policy,
    Riskiest,
    Sample,
    Seed,
    FindKey,
    Differing,
    Distribution,
    Reread,
    Psql,
    Container,
    Follow,
    Wrap,
    Level,
    Summary,
    Copy,
    Filter,
    Palette,
    Help,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextView,
    PreviousView,
    View(View),
    Back,
    Redraw,
    Suspend,
    TakeOver,
    Replay,
    Earlier,
    Later,
    EarlierEntry,
    LaterEntry,
    Quit,
}

impl Act {
    /// The name in the configuration file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Decide => "decide",
            Self::PauseResume => "pause",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Rollback => "roll-back",
            Self::Unit => "unit",
            Self::Policy => "policy",
            Self::Riskiest => "riskiest",
            Self::Sample => "sample",
            Self::Seed => "seed",
            Self::FindKey => "find-key",
            Self::Differing => "differing",
            Self::Distribution => "distribution",
            Self::Reread => "read-again",
            Self::Psql => "psql",
            Self::Container => "container",
            Self::Follow => "follow",
            Self::Wrap => "wrap",
            Self::Level => "level",
            Self::Summary => "summary",
            Self::Copy => "copy",
            Self::Filter => "filter",
            Self::Palette => "commands",
            Self::Help => "help",
            Self::Up => "up",
            Self::Down => "down",
            Self::Left => "left",
            Self::Right => "right",
            Self::PageUp => "page-up",
            Self::PageDown => "page-down",
            Self::Top => "top",
            Self::Bottom => "bottom",
            Self::NextView => "next-view",
            Self::PreviousView => "previous-view",
            Self::View(View::Run) => "view-run",
            Self::View(View::Plan) => "view-plan",
            Self::View(View::Data) => "view-data",
            Self::View(View::Cluster) => "view-cluster",
            Self::View(View::Log) => "view-log",
            Self::Back => "back",
            Self::Redraw => "redraw",
            Self::Suspend => "suspend",
            Self::Quit => "quit",
            Self::TakeOver => "take-over",
            Self::Replay => "replay",
            Self::Earlier => "earlier",
            Self::Later => "later",
            Self::EarlierEntry => "earlier-entry",
            Self::LaterEntry => "later-entry",
        }
    }

    /// A word or two for the last line.
    pub(super) const fn short(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Decide => "decide",
            Self::PauseResume => "pause",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Rollback => "roll back",
            Self::Unit => "unit",
            Self::Policy => "policy",
            Self::Riskiest => "riskiest",
            Self::Sample => "sample",
            Self::Seed => "seed",
            Self::FindKey => "find",
            Self::Differing => "differing",
            Self::Distribution => "values",
            Self::Reread => "read again",
            Self::Psql => "psql",
            Self::Container => "container",
            Self::Follow => "follow",
            Self::Wrap => "wrap",
            Self::Level => "level",
            Self::Summary => "summary",
            Self::Copy => "copy",
            Self::Filter => "filter",
            Self::Palette => "commands",
            Self::Help => "help",
            Self::Up | Self::Down | Self::Left | Self::Right => "move",
            Self::PageUp | Self::PageDown => "page",
            Self::Top | Self::Bottom => "ends",
            Self::NextView | Self::PreviousView | Self::View(_) => "views",
            Self::Back => "back",
            Self::Redraw => "redraw",
            Self::Suspend => "suspend",
            Self::TakeOver => "take over",
            Self::Replay => "replay",
            Self::Earlier => "earlier",
            Self::Later => "later",
            Self::EarlierEntry => "entry before",
            Self::LaterEntry => "next entry",
            Self::Quit => "quit",
        }
    }

    /// A line for help and palette.
    pub(super) const fn long(self) -> &'static str {
        match self {
            Self::Open => "Open what is chosen; decide, where the run waits for you",
            Self::Decide => "Decide what the run waits for",
            Self::PauseResume => "Pause at the next safe place; go on after a pause",
            Self::Retry => "Run the failed step again",
            Self::Skip => "Go on without the failed or waiting step, with a reason",
            Self::Rollback => "Take back steps, down to and with the chosen one",
            Self::Unit => "Choose the unit of the chosen interval column",
            Self::Policy => "Choose what happens to cells of the chosen column that do not fit",
            Self::Riskiest => "Show the riskiest rows: extremes, nulls, longest, non-ASCII, boundaries",
            Self::Sample => "Show a random sample, another one each time",
            Self::Seed => "Show the random sample of a seed, which others can repeat",
            Self::FindKey => "Show the row with a key",
            Self::Differing => "Show the rows that differ",
            Self::Distribution => "Draw the chosen column's values of both sides over each other",
            Self::Reread => "Read the counts of both sides again",
            Self::Psql => "Open psql in the test pod; \\q comes back",
            Self::Container => "The log of the pod's next container",
            Self::Follow => "Follow the end of the log",
            Self::Wrap => "Wrap long lines, or cut them",
            Self::Level => "Choose how loud a log line has to be to be shown",
            Self::Summary => "Show or leave the summary of the ended run",
            Self::Copy => "Copy what is shown to the terminal's clipboard (OSC 52)",
            Self::Filter => "Show only what holds these words; remembered for each view",
            Self::Palette => "All that can be done, and why not where not",
            Self::Help => "The keys of this view",
            Self::Up => "Up",
            Self::Down => "Down",
            Self::Left => "Left; out of what is open",
            Self::Right => "Right; into what is chosen",
            Self::PageUp => "A page up",
            Self::PageDown => "A page down",
            Self::Top => "To the beginning",
            Self::Bottom => "To the end",
            Self::NextView => "Next view",
            Self::PreviousView => "Previous view",
            Self::View(View::Run) => "The steps: what has happened, what comes next",
            Self::View(View::Plan) => "The plan: tables, columns, conversions, warnings",
            Self::View(View::Data) => "The data: both sides next to each other",
            Self::View(View::Cluster) => "The cluster: pods, rollout, events, pod logs",
            Self::View(View::Log) => "The whole log",
            Self::Back => "Close what is open, then drop the filter; never destroys anything",
            Self::Redraw => "Draw everything anew",
            Self::Suspend => "Go to the shell; `fg` comes back",
            Self::TakeOver => "Answer for the run from this terminal, when the one that did is gone",
            Self::Replay => "Replay the run as it was, from its journal; esc comes back",
            Self::Earlier => "In a replay: a moment back",
            Self::Later => "In a replay: a moment on",
            Self::EarlierEntry => "In a replay: to the journal's entry before",
            Self::LaterEntry => "In a replay: to the journal's next entry",
            Self::Quit => "Leave; asks while the run is under way",
        }
    }

    /// Whether the palette offers it: moving about is left to keys.
    pub(super) const fn in_palette(self) -> bool {
        !matches!(
            self,
            Self::Up
                | Self::Down
                | Self::Left
                | Self::Right
                | Self::PageUp
                | Self::PageDown
                | Self::Top
                | Self::Bottom
                | Self::NextView
                | Self::PreviousView
                | Self::Back
                | Self::Palette
        )
    }
}
