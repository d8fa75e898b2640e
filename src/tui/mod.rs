//! The screen. One `select!` and a draw: keys become intents, the newest snapshot is drawn, and nothing here waits for a
//! database or decides about a run; that is the engine's.

mod act;
mod app;
mod ascii;
mod clipboard;
mod dialog;
mod format;
mod guard;
mod hand_over;
mod hits;
mod keymap;
mod preferences;
mod screen;
mod text;
mod theme;
mod view;

pub use app::{App, Intent, View};
pub use guard::restore_terminal;
pub use preferences::Preferences;
pub use theme::{Palette, Theme};

use crate::engine::Handle;
use std::io::IsTerminal;

/// How the screen is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Take the mouse from the terminal: clicks choose, the wheel scrolls, and selecting text needs shift.
    pub mouse: bool,
    /// Keys and colours.
    pub preferences: Preferences,
}

/// Why the screen was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The operator left it, or the run ended and the operator saw it.
    Operator,
    /// The operator wants to take up the run, which no process drives, in this one.
    TakeOver,
    /// SIGTERM, SIGHUP or SIGINT, or a terminal that is gone: the engine was told to stop at a safe place.
    Signal,
}

/// Why the screen cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Output or input is a pipe or a file.
    #[error("the screen needs a terminal for input and output; use --headless in scripts")]
    NoTerminal,
    /// A terminal that cannot place text.
    #[error("this terminal (TERM={0}) cannot draw a screen; use --headless, or set TERM")]
    Dumb(String),
    /// The terminal failed.
    #[error("the terminal failed while {0}: {1}; the run is safe on disk: go on with `cutover resume`")]
    Io(&'static str, #[source] std::io::Error),
}

/// Shows a run until the operator leaves, a signal comes or the terminal is gone. Where the run has not ended by then and this
/// is not a watcher, the engine has been told to stop; the caller awaits [`Handle::finished`].
///
/// # Errors
/// When there is no terminal that can draw, or it fails.
pub async fn run(handle: Handle, options: Options) -> Result<Left, TuiError> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(TuiError::NoTerminal);
    }
    let term = std::env::var("TERM").unwrap_or_default();
    if term == "dumb" {
        return Err(TuiError::Dumb(term));
    }
    let theme = Theme::chosen(&|name| std::env::var(name).ok(), &options.preferences);
    let app = App::new(handle.snapshot(), theme).at_zone(jiff::tz::TimeZone::system()).preferring(&options.preferences);
    screen::Screen::open(app, handle, &options)?.show().await
}
