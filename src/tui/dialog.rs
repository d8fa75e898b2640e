//! Questions to the operator as data, so that one piece of code asks all of them: what, how many, reversible or not and how;
//! Cancel first. No command but pause and resume leaves the screen except through [`Dialog::on_key`].

use crate::engine::command::{Command, LateWrites};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::path::PathBuf;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// A question. The first choice is always Cancel, and it is the one chosen when the dialog opens.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    /// What is asked, in a few words.
    pub title: String,
    /// How serious it is.
    pub tone: Tone,
    /// What the operator needs to know: a label and its text each.
    pub facts: Vec<Fact>,
    /// Where something may or must be typed.
    pub field: Option<Field>,
    /// The ways out.
    pub choices: Vec<Choice>,
    /// Which choice enter takes.
    pub chosen: usize,
    /// How far the facts are scrolled.
    pub scroll: usize,
    /// Why the last enter did nothing.
    pub note: Option<String>,
}

/// How serious a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Everything can be taken back.
    Calm,
    /// Worth reading twice.
    Warn,
    /// Something cannot be taken back.
    Danger,
}

/// A line that the operator needs to know.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// What it is about; empty when it goes on with the one before.
    pub label: String,
    /// What there is to know.
    pub text: String,
    /// Whether it should not be overlooked.
    pub loud: bool,
}

/// Where something is typed.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// What is asked for.
    pub label: String,
    /// What has been typed.
    pub value: Input,
}

/// A way out of a dialog.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// Its words.
    pub label: String,
    /// What has to be typed first.
    pub needs: Needs,
    /// What it does.
    pub then: Then,
}

/// What has to be typed before a choice can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// Anything but blanks.
    Text,
    /// A whole number, not below zero.
    Number,
    /// This very name.
    Name(String),
}

/// What a choice does.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Closes the dialog.
    Close,
    /// Sends a command, with what was typed filled in.
    Send(Command),
    /// Asks the next question.
    Ask(Box<Dialog>),
    /// Leaves the screen at once.
    Leave,
    /// Leaves the screen, to take the run up in this process.
    TakeOver,
    /// Hands over what was typed.
    Take(Typed),
}

/// What something typed is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// The key of a row.
    Key,
    /// The seed of a sample.
    Seed,
}

/// What came of a key.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The dialog stays open.
    Stay,
    /// It is closed.
    Closed,
    /// It is closed and this is to be sent.
    Send(Command),
    /// It is replaced.
    Ask(Box<Dialog>),
    /// The screen is left.
    Leave,
    /// The screen is left, to take the run up.
    TakeOver,
    /// It is closed and this was typed.
    Taken(Typed, String),
}

impl Dialog {
    /// A dialog with only Cancel.
    pub(super) fn new(title: impl Into<String>, tone: Tone) -> Self {
        let cancel = Choice { label: "Cancel".to_owned(), needs: Needs::Nothing, then: Then::Close };
        Self {
            title: title.into(),
            tone,
            facts: Vec::new(),
            field: None,
            choices: vec![cancel],
            chosen: 0,
            scroll: 0,
            note: None,
        }
    }

    /// Adds something to know, unless there is nothing.
    pub(super) fn fact(mut self, label: &str, text: impl Into<String>) -> Self {
        self.push(label, text.into(), false);
        self
    }

    /// Adds something not to be overlooked.
    pub(super) fn loud(mut self, label: &str, text: impl Into<String>) -> Self {
        self.push(label, text.into(), true);
        self
    }

    /// Adds something to know for each text; the label stands at the first.
    pub(super) fn list(mut self, label: &str, texts: impl IntoIterator<Item = String>) -> Self {
        for (index, text) in texts.into_iter().enumerate() {
            self.push(if index == 0 { label } else { "" }, text, false);
        }
        self
    }

    /// Adds a way out.
    pub(super) fn choice(mut self, label: impl Into<String>, needs: Needs, then: Then) -> Self {
        self.choices.push(Choice { label: label.into(), needs, then });
        self
    }

    /// Adds a place to type.
    pub(super) fn field(mut self, label: impl Into<String>) -> Self {
        self.field = Some(Field { label: label.into(), value: Input::default() });
        self
    }

    /// Types something ahead that the operator may change.
    pub(super) fn prefilled(mut self, text: String) -> Self {
        if let Some(field) = &mut self.field {
            field.value = Input::new(text);
        }
        self
    }

    /// Lets enter take the last choice at once: for harmless questions, where typing is the whole point.
    pub(super) fn harmless(mut self) -> Self {
        self.chosen = self.choices.len() - 1;
        self
    }

    fn push(&mut self, label: &str, text: String, loud: bool) {
        if !text.is_empty() {
            self.facts.push(Fact { label: label.to_owned(), text, loud });
        }
    }

    /// What a key does here.
    pub(super) fn on_key(&mut self, event: KeyEvent) -> Answer {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        self.note = None;
        match event.code {
            KeyCode::Esc => return Answer::Closed,
            KeyCode::Char('c') if control => return Answer::Closed,
            KeyCode::Enter => return self.take(),
            KeyCode::Tab | KeyCode::Right => self.step(1),
            KeyCode::BackTab | KeyCode::Left => self.step(self.choices.len() - 1),
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down => self.scroll += 1,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(8),
            KeyCode::PageDown => self.scroll += 8,
            _ => self.type_key(event),
        }
        Answer::Stay
    }

    fn type_key(&mut self, event: KeyEvent) {
        match (&mut self.field, event.code) {
            (Some(field), _) => {
                field.value.handle_event(&Event::Key(event));
            }
            (None, KeyCode::Char('l')) => self.step(1),
            (None, KeyCode::Char('h')) => self.step(self.choices.len() - 1),
            (None, KeyCode::Char('j')) => self.scroll += 1,
            (None, KeyCode::Char('k')) => self.scroll = self.scroll.saturating_sub(1),
            (None, _) => {}
        }
    }

    fn step(&mut self, by: usize) {
        self.chosen = (self.chosen + by) % self.choices.len();
    }

    fn take(&mut self) -> Answer {
        let typed = self.typed();
        let choice = &self.choices[self.chosen];
        match &choice.needs {
            Needs::Text if typed.is_empty() => {
                self.note = Some(format!("{} needs something typed above", choice.label));
                return Answer::Stay;
            }
            Needs::Number if typed.parse::<u64>().is_err() => {
                self.note = Some(format!("{} needs a whole number typed above", choice.label));
                return Answer::Stay;
            }
            Needs::Name(name) if typed != *name => {
                self.note = Some(format!("{} needs `{name}` typed above", choice.label));
                return Answer::Stay;
            }
            _ => {}
        }
        match choice.then.clone() {
            Then::Close => Answer::Closed,
            Then::Send(command) => Answer::Send(filled(command, typed)),
            Then::Ask(dialog) => Answer::Ask(dialog),
            Then::Leave => Answer::Leave,
            Then::TakeOver => Answer::TakeOver,
            Then::Take(what) => Answer::Taken(what, typed),
        }
    }

    fn typed(&self) -> String {
        self.field.as_ref().map(|field| field.value.value().trim().to_owned()).unwrap_or_default()
    }
}

/// The command with what was typed where it belongs.
fn filled(command: Command, text: String) -> Command {
    let some = (!text.is_empty()).then(|| text.clone());
    match command {
        Command::Approve { step, typed: Some(_), remark } => Command::Approve { step, typed: some, remark },
        Command::Approve { step, typed: None, .. } => Command::Approve { step, typed: None, remark: some },
        Command::Refuse { step, .. } => Command::Refuse { step, remark: some },
        Command::Skip { step, .. } => Command::Skip { step, reason: text },
        Command::Rollback { to, writes: LateWrites::Export(_) } => {
            Command::Rollback { to, writes: LateWrites::Export(PathBuf::from(text)) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Dialog, Needs, Then, Tone};
    use crate::engine::command::Command;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn press(dialog: &mut Dialog, code: KeyCode) -> Answer {
        dialog.on_key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn typed_gate() -> Dialog {
        let approve = Command::Approve { step: "start".into(), typed: Some(String::new()), remark: None };
        Dialog::new("start", Tone::Danger).field("name").choice("Go", Needs::Name("oncall".into()), Then::Send(approve))
    }

    #[test]
    fn enter_at_once_is_cancel() {
        assert!(matches!(press(&mut typed_gate(), KeyCode::Enter), Answer::Closed));
    }

    #[test]
    fn a_typed_name_has_to_be_right() {
        let mut dialog = typed_gate();
        press(&mut dialog, KeyCode::Tab);
        assert!(matches!(press(&mut dialog, KeyCode::Enter), Answer::Stay));
        assert!(dialog.note.is_some());
        for character in "oncall".chars() {
            press(&mut dialog, KeyCode::Char(character));
        }
        let Answer::Send(Command::Approve { typed, remark, .. }) = press(&mut dialog, KeyCode::Enter) else {
            panic!("not sent")
        };
        assert_eq!((typed.as_deref(), remark), (Some("oncall"), None));
    }
}
