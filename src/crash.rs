//! Named places at which a test may kill the process, so that the promises about `kill -9` are tested where they are
//! made and not only at random moments; and conversions that a test may break, to see that verification finds it.
//!
//! Debug builds only; a release build compiles [`point`] to nothing. The environment chooses:
//!
//! | variable | effect |
//! |---|---|
//! | `CUTOVER_CRASH_AT=NAME:N` | the process kills itself with SIGKILL when it reaches `NAME` for the N-th time (from 1) |
//! | `CUTOVER_STOP_AT=NAME:N` | it stops itself there with SIGSTOP, so that a test can kill something else, and send SIGCONT |
//! | `CUTOVER_CRASH_TRACE=FILE` | appends each name reached to `FILE`, a line each: a test learns from it what there is to hit |
//! | `CUTOVER_BREAK_ENCODER=TYPE` | every cell of columns of this PostgreSQL type is encoded with one bit wrong |

/// Marks a place where a crash must be survivable. Names are `room.thing.before` and `room.thing.after`.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    armed::reach(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// Whether columns of this type are to be encoded wrongly: debug builds, and only where a test asked for it.
#[must_use]
pub fn breaks(type_name: &str) -> bool {
    cfg!(debug_assertions) && std::env::var("CUTOVER_BREAK_ENCODER").is_ok_and(|wanted| wanted == type_name)
}

/// Flips a bit: of the last digit where the cell is text that has one, else of the last byte.
pub fn spoil(cell: &mut [u8], is_text: bool) {
    let digit = cell.iter().rposition(u8::is_ascii_digit).filter(|_| is_text);
    if let Some(place) = digit.or(cell.len().checked_sub(1)) {
        cell[place] ^= 1;
    }
}

#[cfg(debug_assertions)]
mod armed {
    use nix::sys::signal::{Signal, raise};
    use std::collections::HashMap;
    use std::io::Write as _;
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// A name, for the N-th time.
    type Place = (String, u64);

    struct Setup {
        crash: Option<Place>,
        stop: Option<Place>,
        trace: Option<Mutex<std::fs::File>>,
        seen: Mutex<HashMap<&'static str, u64>>,
    }

    pub(super) fn reach(name: &'static str) {
        static SETUP: OnceLock<Setup> = OnceLock::new();
        let setup = SETUP.get_or_init(Setup::from_environment);
        setup.note(name);
        let count = setup.count(name);
        let is_here =
            |place: &Option<Place>| place.as_ref().is_some_and(|(wanted, nth)| wanted == name && *nth == count);
        for (place, signal) in [(&setup.stop, Signal::SIGSTOP), (&setup.crash, Signal::SIGKILL)] {
            if is_here(place) {
                let _ = raise(signal);
            }
        }
    }

    fn place(variable: &str) -> Option<Place> {
        let text = std::env::var(variable).ok()?;
        let (name, count) = text.rsplit_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    }

    impl Setup {
        fn from_environment() -> Self {
            let trace = std::env::var_os("CUTOVER_CRASH_TRACE")
                .and_then(|path| std::fs::OpenOptions::new().append(true).create(true).open(path).ok())
                .map(Mutex::new);
            Self { crash: place("CUTOVER_CRASH_AT"), stop: place("CUTOVER_STOP_AT"), trace, seen: Mutex::default() }
        }

        fn count(&self, name: &'static str) -> u64 {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let count = seen.entry(name).or_default();
            *count += 1;
            *count
        }

        fn note(&self, name: &'static str) {
            if let Some(file) = &self.trace {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = writeln!(file, "{name}");
            }
        }
    }
}
