//! Where lines and objects go. A reader that has gone away ends the telling, never the run.

use super::finished::Finished;
use super::notice::Notice;
use super::text;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Write};

/// In which form things are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per event, a line each, the last one `finished`.
    Json,
}

/// Tells what happens.
pub struct Voice {
    form: Form,
    out: Option<Box<dyn Write + Send>>,
}

#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    notice: &'a Notice,
    at: Option<Timestamp>,
}

impl Voice {
    /// Tells on standard output.
    #[must_use]
    pub fn stdout(form: Form) -> Self {
        Self::new(form, Box::new(io::stdout()))
    }

    /// Tells on `out`.
    #[must_use]
    pub fn new(form: Form, out: Box<dyn Write + Send>) -> Self {
        Self { form, out: Some(out) }
    }

    /// In which form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// One thing that happened in a run.
    pub fn tell(&mut self, notice: &Notice, at: Option<Timestamp>) {
        match self.form {
            Form::Text => text::lines(notice, at).iter().for_each(|line| self.line(line)),
            // Decisions have a time of their own, at which they were made.
            Form::Json if matches!(notice, Notice::Decided(_)) => self.object(notice),
            Form::Json => self.object(&Timed { notice, at }),
        }
    }

    /// The last word.
    pub fn end(&mut self, finished: &Finished) {
        match self.form {
            Form::Text => text::end(finished).iter().for_each(|line| self.line(line)),
            Form::Json => self.object(finished),
        }
    }

    /// A line as it stands.
    pub fn line(&mut self, line: &str) {
        if let Some(out) = &mut self.out
            && out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).is_err()
        {
            self.out = None;
        }
    }

    /// A word to the operator that is no event of the run: on standard error.
    pub fn aside(&self, text: &str) {
        let _ = writeln!(io::stderr(), "cutover: {text}");
    }

    /// One object of the JSON output, on a line of its own.
    pub fn object(&mut self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(line) => self.line(&line),
            Err(error) => self.aside(&format!("an event has no JSON form: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Voice};
    use crate::headless::{Finished, Teller, Verdict};
    use crate::report::sample;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn every_line_is_an_object_with_event_first() {
        let shared = Shared::default();
        let mut voice = Voice::new(Form::Json, Box::new(shared.clone()));
        let mut teller = Teller::default();
        for snapshot in [sample::ready(), sample::at_gate(), sample::finished()] {
            teller.news(&snapshot).iter().for_each(|notice| voice.tell(notice, snapshot.now));
        }
        voice.end(&Finished::before_a_run(Verdict::WRONG, "no"));
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        for line in text.lines() {
            assert!(line.starts_with("{\"event\":\""), "{line}");
            assert_eq!(line.matches("\"at\":").count(), usize::from(!line.contains("finished")), "{line}");
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let mut voice = Voice::new(Form::Text, Box::new(Gone));
        voice.line("a");
        voice.line("b");
    }
}
