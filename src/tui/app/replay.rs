//! The run as it was: moments of its journal walked through by keys, or played in the pace they had.

use super::App;
use crate::engine::recording::Recording;
use crate::engine::snapshot::Snapshot;
use jiff::Timestamp;
use std::sync::Arc;

/// The longest wait between two moments that is played, in seconds: nobody watches a gate for ten minutes.
const LONGEST_WAIT: f64 = 2.0;

/// A replay that is open.
#[derive(Debug)]
pub(in crate::tui) struct Replay {
    recording: Arc<Recording>,
    /// The moment that is shown.
    pub moment: usize,
    /// The run as it is, to come back to.
    live: Arc<Snapshot>,
    /// Since when it plays, and how many seconds of the tape had been played before.
    playing: Option<(Timestamp, f64)>,
    /// Seconds into the tape at which each moment is played.
    marks: Vec<f64>,
}

impl Replay {
    fn new(recording: Arc<Recording>, live: Arc<Snapshot>) -> Self {
        let mut played = 0.0;
        let mut before = None;
        let marks = (0..recording.len()).map(|moment| {
            let at = recording.at(moment);
            let gap = at
                .zip(before)
                .map_or(0.0, |(at, before): (Timestamp, Timestamp)| at.duration_since(before).as_secs_f64());
            played += gap.clamp(0.0, LONGEST_WAIT);
            before = at;
            played
        });
        let marks = marks.collect();
        let moment = recording.len().saturating_sub(1);
        Self { recording, moment, live, playing: None, marks }
    }

    /// How many moments there are.
    pub(in crate::tui) fn len(&self) -> usize {
        self.recording.len()
    }

    /// When the shown moment was.
    pub(in crate::tui) fn at(&self) -> Option<Timestamp> {
        self.recording.at(self.moment)
    }

    /// What happened at it.
    pub(in crate::tui) fn words(&self) -> String {
        self.recording.words(self.moment)
    }

    /// Whether it plays.
    pub(in crate::tui) const fn plays(&self) -> bool {
        self.playing.is_some()
    }

    /// The next moment in a direction that an entry of the journal made.
    fn entry(&self, forward: bool) -> usize {
        let found = if forward {
            (self.moment + 1..self.len()).find(|moment| self.recording.is_entry(*moment))
        } else {
            (0..self.moment).rev().find(|moment| self.recording.is_entry(*moment))
        };
        found.unwrap_or(if forward { self.len().saturating_sub(1) } else { 0 })
    }

    fn mark(&self) -> f64 {
        self.marks.get(self.moment).copied().unwrap_or_default()
    }

    /// The moment that is to be shown by now; the end stops it.
    fn play(&mut self, now: Timestamp) -> usize {
        let Some((since, before)) = self.playing else { return self.moment };
        let played = before + now.duration_since(since).as_secs_f64().max(0.0);
        let moment = self.marks.partition_point(|mark| *mark <= played).saturating_sub(1);
        if moment + 1 >= self.len() {
            self.playing = None;
        }
        moment.max(self.moment)
    }
}

impl App {
    /// Opens a recording at its end.
    pub fn replay(&mut self, recording: Arc<Recording>) {
        if recording.is_empty() {
            self.note = Some("the journal has nothing to be replayed yet".to_owned());
            return;
        }
        let live = self.replay.take().map_or_else(|| self.snapshot.clone(), |before| before.live);
        self.replay = Some(Replay::new(recording, live));
        self.overlay = None;
        self.run.summary = false;
        self.show_moment(self.replay.as_ref().map_or(0, |replay| replay.moment));
    }

    /// Comes back to the run as it is.
    pub(super) fn leave_replay(&mut self) {
        if let Some(replay) = self.replay.take() {
            self.update(replay.live);
        }
    }

    /// A newer snapshot while the past is shown: it is kept for later.
    pub(super) fn keep_for_later(&mut self, snapshot: &Arc<Snapshot>) -> bool {
        match &mut self.replay {
            Some(replay) => {
                replay.live = snapshot.clone();
                true
            }
            None => false,
        }
    }

    /// Goes so many moments on or back.
    pub(super) fn step_replay(&mut self, by: isize) {
        if let Some(replay) = &mut self.replay {
            replay.playing = None;
            let moment = replay.moment.saturating_add_signed(by).min(replay.len().saturating_sub(1));
            self.show_moment(moment);
        }
    }

    /// Goes to the next entry of the journal, or the one before.
    pub(super) fn step_replay_entry(&mut self, forward: bool) {
        if let Some(replay) = &mut self.replay {
            replay.playing = None;
            let moment = replay.entry(forward);
            self.show_moment(moment);
        }
    }

    /// Plays from here, or from the beginning where the end is shown; or stops.
    pub(super) fn toggle_play(&mut self) {
        let now = self.clock;
        let Some(replay) = &mut self.replay else { return };
        if replay.playing.take().is_some() {
            return;
        }
        let again = replay.moment + 1 >= replay.len();
        if again {
            replay.moment = 0;
        }
        replay.playing = now.map(|now| (now, replay.mark()));
        let moment = replay.moment;
        self.show_moment(moment);
    }

    /// Moves a replay that plays on to `now`.
    pub(super) fn play_on(&mut self, now: Timestamp) {
        let Some(replay) = &mut self.replay else { return };
        let moment = replay.play(now);
        if moment != replay.moment {
            self.show_moment(moment);
        }
    }

    fn show_moment(&mut self, moment: usize) {
        let Some(replay) = &mut self.replay else { return };
        replay.moment = moment;
        match replay.recording.snapshot(moment) {
            Ok(past) => {
                self.now = past.now;
                self.snapshot = Arc::new(Snapshot { cluster: replay.live.cluster.clone(), ..past });
                self.note = None;
                self.data.clamp(&self.snapshot, "");
                self.list_plan();
            }
            Err(error) => self.note = Some(error.to_string()),
        }
    }
}
