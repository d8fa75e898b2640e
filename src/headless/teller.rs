//! What happened between two snapshots.
//!
//! Snapshots may be skipped (only the newest is kept), but nothing of a run is lost by that: a step that was pending and is done
//! was also started, and is told so.

use super::notice::Notice;
use crate::engine::driver::log_line;
use crate::engine::event::Event;
use crate::engine::snapshot::{
    Description, LogLevel, LogLine, PartProgress, Question, RunState, Snapshot, Status, StepView,
};
use crate::evidence::{Finding, Verdict};
use crate::figures;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Progress is told at most this often, in seconds.
const EVERY: f64 = 1.0;

/// Tells what is new in each snapshot.
#[derive(Debug, Default)]
pub struct Teller {
    before: Option<Snapshot>,
    told: Option<Timestamp>,
    parts: BTreeMap<(String, String), PartProgress>,
    repeated: Vec<(Option<String>, String)>,
}

impl Teller {
    /// An event that the log has a line for; the step's own notice tells it better.
    pub fn recorded(&mut self, event: &Event) {
        if let Some((_, text)) = log_line(event) {
            self.repeated.push((event.step().map(|step| step.0.clone()), text));
        }
    }

    /// What is new since the last snapshot.
    pub fn news(&mut self, now: &Snapshot) -> Vec<Notice> {
        let first = self.before.is_none();
        let before = self.before.take().unwrap_or_else(|| as_found(now));
        let mut news = Vec::new();
        if first {
            news.push(introduction(now));
        }
        news.extend(self.log(&before, now));
        news.extend(now.decisions.iter().skip(before.decisions.len()).cloned().map(Notice::Decided));
        for (index, step) in now.steps.iter().enumerate() {
            news.extend(before.steps.get(index).map(|old| of_step(old, step)).unwrap_or_default());
        }
        news.extend(outage(&before, now));
        news.extend(self.progress(now));
        news.extend(question(&before, now));
        self.before = Some(now.clone());
        news
    }

    /// The lines that came after the last one known. The log is bounded, so they are found from its end.
    fn log(&mut self, before: &Snapshot, now: &Snapshot) -> Vec<Notice> {
        let last = before.log.back();
        let fresh: Vec<&LogLine> = now.log.iter().rev().take_while(|line| Some(*line) != last).collect();
        fresh.into_iter().rev().filter(|line| self.is_news(line, now)).map(said).collect()
    }

    fn is_news(&mut self, line: &LogLine, now: &Snapshot) -> bool {
        let told = self.repeated.iter().position(|(step, text)| *step == line.step && *text == line.text);
        if let Some(place) = told {
            self.repeated.remove(place);
        }
        told.is_none() && line.level > LogLevel::Debug && now.refusal.as_ref() != Some(&line.text)
    }

    fn progress(&mut self, now: &Snapshot) -> Vec<Notice> {
        let Some(at) = now.now else { return Vec::new() };
        if *self.told.get_or_insert(at) > at || self.told.is_some_and(|told| figures::between(told, at) < EVERY) {
            return Vec::new();
        }
        self.told = Some(at);
        let running = now.steps.iter().filter(|step| matches!(step.status, Status::Running | Status::Undoing));
        running
            .flat_map(|step| step.parts.iter().map(move |part| (step, part)))
            .filter_map(|(s, p)| self.part(s, p))
            .collect()
    }

    /// A part is told of when it moved; one that came and went between two tellings is left to the step's own summary.
    fn part(&mut self, step: &StepView, part: &PartProgress) -> Option<Notice> {
        let place = (step.id.clone(), part.part.clone());
        let known = self.parts.get(&place);
        if known == Some(part) || known.is_none() && part.finished {
            return None;
        }
        self.parts.insert(place, part.clone());
        Some(Notice::Progress { step: step.id.clone(), progress: part.clone() })
    }
}

/// What a run held before this process looked at it is not news; what is at work is.
fn as_found(now: &Snapshot) -> Snapshot {
    let mut found = now.clone();
    found.question = None;
    for step in &mut found.steps {
        if matches!(step.status, Status::Running | Status::AtGate | Status::Undoing) {
            step.status = Status::Pending;
            step.attempts = step.attempts.saturating_sub(1);
        }
        step.waiting.clear();
    }
    found
}

fn introduction(now: &Snapshot) -> Notice {
    Notice::Run {
        run: now.run.clone(),
        runbook: now.runbook.clone(),
        source: now.source.clone(),
        target: now.target.clone(),
        directory: now.run_dir.clone(),
    }
}

fn said(line: &LogLine) -> Notice {
    Notice::Log { step: line.step.clone(), level: line.level, text: line.text.clone() }
}

fn of_step(old: &StepView, new: &StepView) -> Vec<Notice> {
    let mut news = Vec::new();
    if new.attempts > old.attempts {
        news.push(started(new));
    }
    if !new.waiting.is_empty() && new.waiting != old.waiting {
        news.push(Notice::Waiting { step: new.id.clone(), waits_for: new.waiting.clone() });
    }
    if new.status != old.status || new.attempts > old.attempts {
        news.extend(arrived(new));
    }
    news
}

fn started(step: &StepView) -> Notice {
    Notice::StepStarted {
        step: step.id.clone(),
        action: step.action.clone(),
        attempt: step.attempts,
        does: step.description.does.clone(),
    }
}

/// What to say of a step that has come to its status.
fn arrived(new: &StepView) -> Option<Notice> {
    let step = new.id.clone();
    let seconds = new.seconds.unwrap_or_default();
    let error = new.error.clone().unwrap_or_default();
    Some(match new.status {
        Status::Done => {
            Notice::StepDone { step, seconds, summary: new.summary.clone(), findings: new.evidence.findings.clone() }
        }
        Status::Failed => {
            Notice::StepFailed { step, seconds, kind: new.failure, error, findings: failed_findings(new) }
        }
        Status::Paused => Notice::StepPaused { step },
        Status::Skipped => Notice::StepSkipped { step, reason: new.skip_reason.clone().unwrap_or_default() },
        Status::Undoing => Notice::UndoStarted { step, way_back: new.description.way_back.clone() },
        Status::Undone => Notice::UndoDone { step, summary: new.summary.clone() },
        Status::UndoFailed => Notice::UndoFailed { step, error },
        Status::Pending | Status::AtGate | Status::Running | Status::Pausing | Status::Unknown => return None,
    })
}

fn failed_findings(step: &StepView) -> Vec<Finding> {
    step.evidence.findings.iter().filter(|finding| finding.verdict == Verdict::Failed).cloned().collect()
}

fn outage(before: &Snapshot, now: &Snapshot) -> Vec<Notice> {
    let mut news = Vec::new();
    if let (None, Some(since)) = (before.down_since, now.down_since) {
        news.push(Notice::ServiceDown { since });
    }
    if let (None, Some(up), Some(down)) = (before.up_since, now.up_since, now.down_since) {
        news.push(Notice::ServiceUp { down_seconds: figures::between(down, up) });
    }
    news
}

fn question(before: &Snapshot, now: &Snapshot) -> Vec<Notice> {
    let mut news = Vec::new();
    if now.refusal.is_some() && now.refusal != before.refusal {
        news.extend(now.refusal.clone().map(|reason| Notice::Refusal { reason }));
    }
    if now.question != before.question && now.state != RunState::Running {
        news.extend(now.question.as_ref().and_then(|question| asked(question, now)));
    }
    news
}

fn asked(question: &Question, now: &Snapshot) -> Option<Notice> {
    match question {
        Question::Gate { step, typed } => {
            let view = now.steps.iter().find(|view| view.id == step.0)?;
            let Description { does, effects, way_back, .. } = view.description.clone();
            Some(Notice::Gate { step: step.0.clone(), typed: typed.clone(), does, effects, way_back })
        }
        Question::LateWrites { rows, .. } => Some(Notice::LateWrites { rows: *rows }),
        Question::Failure { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Notice, Teller};
    use crate::engine::snapshot::{LogLevel, LogLine, PartProgress, Snapshot, Status};
    use crate::report::sample;

    fn names(news: &[Notice]) -> Vec<String> {
        let name = |notice| serde_json::to_value(notice).map(|value| value["event"].as_str().unwrap_or("?").to_owned());
        news.iter().map(|notice| name(notice).unwrap()).collect()
    }

    fn copying(second: i64, done: u64, finished: bool) -> Snapshot {
        let mut snapshot = sample::at_gate();
        snapshot.state = crate::engine::snapshot::RunState::Running;
        snapshot.question = None;
        snapshot.now = Some(sample::at(second));
        let step = &mut snapshot.steps[1];
        step.status = Status::Running;
        step.attempts = 1;
        let part = |name: &str, done, finished| PartProgress {
            part: name.to_owned(),
            unit: "rows".to_owned(),
            done,
            total: Some(10),
            bytes: 100,
            finished,
        };
        step.parts = vec![part("public.tag", done, finished), part("public.small", 1, true)];
        snapshot
    }

    #[test]
    fn a_step_is_told_whole_even_where_snapshots_were_skipped() {
        let mut teller = Teller::default();
        assert_eq!(names(&teller.news(&sample::ready())), ["run"]);
        assert_eq!(names(&teller.news(&sample::at_gate())), ["step-started", "step-done", "gate"]);
        let rest = names(&teller.news(&sample::finished()));
        let steps = ["step-started", "step-done", "step-started", "step-done"];
        assert_eq!(rest, [&["decided"], steps.as_slice(), &["service-down", "service-up"]].concat());
    }

    #[test]
    fn what_an_earlier_process_did_is_not_news() {
        let mut teller = Teller::default();
        assert_eq!(names(&teller.news(&sample::finished())), ["run"]);
        let mut teller = Teller::default();
        assert_eq!(names(&teller.news(&sample::at_gate())), ["run", "gate"], "but a question is");
    }

    #[test]
    fn a_second_attempt_that_fails_alike_is_told() {
        let mut teller = Teller::default();
        let mut snapshot = sample::rejected();
        teller.news(&snapshot);
        snapshot.steps[1].attempts = 2;
        assert_eq!(names(&teller.news(&snapshot)), ["step-started", "step-failed"]);
    }

    #[test]
    fn progress_is_told_once_a_second_and_only_of_what_moved() {
        let mut teller = Teller::default();
        teller.news(&copying(10, 0, false));
        assert_eq!(names(&teller.news(&copying(10, 1, false))), [""; 0]);
        let news = teller.news(&copying(11, 2, false));
        let [Notice::Progress { progress, .. }] = news.as_slice() else { panic!("{news:?}") };
        assert_eq!((progress.part.as_str(), progress.done), ("public.tag", 2));
        assert_eq!(names(&teller.news(&copying(12, 2, false))), [""; 0]);
        assert_eq!(names(&teller.news(&copying(13, 10, true))), ["progress"]);
    }

    #[test]
    fn each_line_of_the_log_is_told_once() {
        let mut teller = Teller::default();
        let mut snapshot = sample::ready();
        teller.news(&snapshot);
        for (second, level) in [(1, LogLevel::Info), (2, LogLevel::Debug), (3, LogLevel::Warn)] {
            let text = format!("line {second}");
            snapshot.log.push_back(LogLine { at: sample::at(second), level, step: None, text });
        }
        let event = Event::StepResumed { step: "copy".into() };
        teller.recorded(&event);
        let (level, text) = super::log_line(&event).unwrap();
        snapshot.log.push_back(LogLine { at: sample::at(4), level, step: Some("copy".to_owned()), text });
        assert_eq!(names(&teller.news(&snapshot)), ["log", "log"], "what an event is told for is not told again");
        assert_eq!(names(&teller.news(&snapshot)), [""; 0]);
    }
}
