//! How fast each part goes, from the snapshots themselves: the engine tells the rate of a step, not of its tables.

use crate::engine::snapshot::Snapshot;
use jiff::Timestamp;
use std::collections::HashMap;

/// Seconds over which a rate is taken; shorter ones jump, longer ones lie.
const SPAN: f64 = 4.0;

/// Seconds between two looks; snapshots come more often than a rate changes.
const LOOK: f64 = 0.25;

/// Rates of the parts at work.
#[derive(Debug, Default)]
pub(in crate::tui) struct Rates {
    looked: Option<Timestamp>,
    parts: HashMap<(String, String), Part>,
}

#[derive(Debug)]
struct Part {
    since: Timestamp,
    done: u64,
    rate: Option<f64>,
}

impl Rates {
    /// Takes note of a snapshot. Parts that ended are forgotten.
    pub(super) fn observe(&mut self, snapshot: &Snapshot) {
        let Some(now) = snapshot.now else { return };
        if self.looked.is_some_and(|before| now.duration_since(before).as_secs_f64().abs() < LOOK) {
            return;
        }
        self.looked = Some(now);
        let mut before = std::mem::take(&mut self.parts);
        for step in snapshot.steps.iter().filter(|step| super::figures::is_busy(step.status)) {
            for part in step.parts.iter().filter(|part| !part.finished) {
                let key = (step.id.clone(), part.part.clone());
                let fresh = Part { since: now, done: part.done, rate: None };
                let known = before.remove(&key).filter(|known| known.done <= part.done).unwrap_or(fresh);
                self.parts.insert(key, known.moved(now, part.done));
            }
        }
    }

    /// Units per second of a part, once it has been seen for a while.
    pub(in crate::tui) fn of(&self, step: &str, part: &str) -> Option<f64> {
        self.parts.get(&(step.to_owned(), part.to_owned())).and_then(|known| known.rate)
    }
}

impl Part {
    fn moved(self, now: Timestamp, done: u64) -> Self {
        let seconds = now.duration_since(self.since).as_secs_f64();
        if seconds < 0.5 {
            return self;
        }
        let rate = Some((done - self.done) as f64 / seconds);
        if seconds < SPAN { Self { rate, ..self } } else { Self { since: now, done, rate } }
    }
}
