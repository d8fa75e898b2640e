//! The terminal, taken and given back. Whatever ends the screen, the shell gets its terminal as it was.

use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use std::io::{self, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Holds raw mode and the alternate screen; gives both back when dropped.
pub(super) struct Guard {
    mouse: bool,
}

impl Guard {
    /// Takes the terminal.
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        let guard = Self { mouse };
        guard.again()?;
        Ok(guard)
    }

    /// Takes it once more, after the shell had it.
    pub(super) fn again(&self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, cursor::Hide)?;
        if self.mouse { execute!(stdout(), EnableMouseCapture) } else { Ok(()) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore_terminal();
    }
}

/// Whether the terminal is the screen's at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back to the shell: also what a panic hook calls first, so that its message can be read. A terminal that has been
/// given back is left alone: leaving the alternate screen twice puts the cursor back to where it was before, over that message.
pub fn restore_terminal() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // A terminal that is gone cannot be restored, and nobody is there to be told.
    let _ = execute!(stdout(), DisableMouseCapture, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}
