//! What an operator prefers: keys, colours, which places are production. Read from a file by whoever opens the screen; every mistake in it
//! is told with its line.

use super::act::Act;
use super::app::View;
use super::keymap::{Key, Keymap};
use super::theme::Palette;
use crate::runbook::{Node, Problems, among, parse_yaml};
use std::fmt::Write as _;

/// What the file says; what it does not say is as it is without one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preferences {
    /// The colours; chosen by the terminal when none.
    pub(super) theme: Option<Palette>,
    /// Whether everything is drawn in ASCII; chosen by the locale when none.
    pub(super) ascii: Option<bool>,
    /// Whether the screen reacts to the mouse.
    pub mouse: bool,
    /// Places (context, namespace, host, database) that are production: `*` stands for anything, a word without it may be anywhere in
    /// the place. `CUTOVER_PRODUCTION`, else `prod`, when none.
    pub production: Option<Vec<String>>,
    /// Keys for acts, instead of those that they have.
    pub(super) keys: Vec<(Act, Vec<Key>)>,
}

const FIELDS: [&str; 5] = ["theme", "ascii", "mouse", "production", "keys"];

impl Preferences {
    /// Reads the text of a file, named `file` in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let mut problems = Problems::new(file);
        let mut read = Self::default();
        if let Some(node) = parse_yaml(text, &mut problems).filter(|node| !node.is_empty()) {
            if node.entries().is_empty() {
                problems.add(node.place, "the configuration is a map", format!("write {}", FIELDS.join(":, ")));
            }
            for entry in node.entries() {
                read.field(&entry.key, &entry.value, entry.place, &mut problems);
            }
        }
        problems.or(read)
    }

    fn field(&mut self, name: &str, value: &Node, place: crate::runbook::Place, problems: &mut Problems) {
        if value.is_null() {
            return;
        }
        match name {
            "theme" => self.theme = theme(value, problems),
            "ascii" => self.ascii = truth(value, problems),
            "mouse" => self.mouse = truth(value, problems).unwrap_or(false),
            "production" => self.production = Some(words(value, problems)),
            "keys" => self.keys(value, problems),
            _ => problems.add(place, format!("there is no setting `{name}`"), among(name, FIELDS)),
        }
    }

    fn keys(&mut self, value: &Node, problems: &mut Problems) {
        let standard = Keymap::standard(&View::ALL);
        let mut places = Vec::new();
        if value.entries().is_empty() {
            problems.add(value.place, "`keys` is a map of what a key does to its keys", "write `pause: space`");
        }
        for entry in value.entries() {
            let Some(act) = standard.all().map(|binding| binding.act).find(|act| act.name() == entry.key) else {
                let known: Vec<&str> = standard.all().map(|binding| binding.act.name()).collect();
                let advice = match among(&entry.key, known) {
                    advice if advice.is_empty() => "`cutover config` lists all of them".to_owned(),
                    advice => advice,
                };
                problems.add(entry.place, format!("no key does `{}`", entry.key), advice);
                continue;
            };
            self.keys.push((act, keys(&entry.value, problems)));
            places.push(entry.value.place);
        }
        let keymap = standard.with(&self.keys);
        for ((act, _), place) in self.keys.iter().zip(places) {
            if let Some(other) = keymap.conflict(*act) {
                problems.add(place, format!("this key does `{}` already", other.name()), "choose another");
            }
        }
    }

    /// The file with everything that can be set, as it is without one, all of it commented out.
    #[must_use]
    pub fn example() -> String {
        let mut text = String::from(
            "# cutover: colours, keys, places that are production. What is left out is as it is here.\n\n\
             # dark, light, high-contrast, 16, plain; chosen by the terminal unless set. CUTOVER_THEME and NO_COLOR come first.\n\
             # theme: dark\n\n\
             # Draw in ASCII only; chosen by the locale unless set. CUTOVER_ASCII comes first.\n\
             # ascii: false\n\n\
             # React to the mouse, as --mouse does.\n\
             # mouse: false\n\n\
             # Places that are production, by context, namespace, host or database: `*` stands for anything, a word without it\n\
             # may be anywhere. CUTOVER_PRODUCTION comes first.\n\
             # production: [prod]\n\n\
             # Keys: a name, a character, ctrl- with a letter, or a list of them. What is not listed keeps its keys.\n\
             # keys:\n",
        );
        for binding in Keymap::standard(&View::ALL).once_each() {
            let keys: Vec<String> = binding.keys.iter().map(|key| quoted(&key.name())).collect();
            let place = binding.view.map(|view| format!(" ({})", view.name())).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "#   {:<16} [{}]{:<width$} # {}{place}",
                format!("{}:", binding.act.name()),
                keys.join(", "),
                "",
                binding.act.long(),
                width = 24_usize.saturating_sub(keys.join(", ").chars().count()),
            );
        }
        text
    }
}

fn quoted(name: &str) -> String {
    let plain =
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !name.chars().all(|c| c.is_ascii_digit());
    let truth = matches!(name, "y" | "n" | "Y" | "N");
    if plain && !truth { name.to_owned() } else { format!("'{name}'") }
}

fn theme(value: &Node, problems: &mut Problems) -> Option<Palette> {
    let names = Palette::NAMES.map(|(name, _)| name);
    let found = value.text().and_then(|text| Palette::NAMES.into_iter().find(|(name, _)| *name == text));
    if found.is_none() {
        let given = value.text().unwrap_or_else(|| value.noun());
        problems.add(value.place, format!("`{given}` is no theme"), among(given, names));
    }
    found.map(|(_, palette)| palette)
}

fn truth(value: &Node, problems: &mut Problems) -> Option<bool> {
    let read = match value.text() {
        Some("true" | "yes" | "on") => Some(true),
        Some("false" | "no" | "off") => Some(false),
        _ => None,
    };
    if read.is_none() {
        problems.add(value.place, "this is neither true nor false", "write `true` or `false`");
    }
    read
}

/// A text, or a list of texts.
fn words(value: &Node, problems: &mut Problems) -> Vec<String> {
    let items = if value.items().is_empty() { std::slice::from_ref(value) } else { value.items() };
    let mut read = Vec::new();
    for item in items {
        match item.text().map(str::trim) {
            Some(text) if !text.is_empty() => read.push(text.to_owned()),
            _ => problems.add(item.place, format!("a text is wanted here, not {}", item.noun()), ""),
        }
    }
    read
}

fn keys(value: &Node, problems: &mut Problems) -> Vec<Key> {
    let items = if value.items().is_empty() { std::slice::from_ref(value) } else { value.items() };
    let mut read = Vec::new();
    for item in items {
        match item.text().and_then(Key::named) {
            Some(key) => read.push(key),
            None => {
                let given = item.text().unwrap_or_else(|| item.noun());
                let advice = "write a character, ctrl- with a letter, or space, enter, esc, tab, shift-tab, up, down, left, right, \
                              page-up, page-down, home, end, f1 to f12";
                problems.add(item.place, format!("`{given}` is no key"), advice);
            }
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::Preferences;
    use crate::tui::act::Act;
    use crate::tui::app::View;
    use crate::tui::keymap::{Key, Keymap};
    use crate::tui::theme::Palette;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn read(text: &str) -> Preferences {
        Preferences::parse(text, "config.yaml").unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn wrong(text: &str) -> String {
        Preferences::parse(text, "config.yaml").err().map(|problems| problems.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_file_says_what_it_wants_and_nothing_else() {
        let read = read("theme: light\nproduction: ['eu-*', live]\nkeys:\n  pause: [z, ctrl-p]\n  quit: Q\n");
        assert_eq!((read.theme, read.ascii, read.mouse), (Some(Palette::Light), None, false));
        assert_eq!(read.production, Some(vec!["eu-*".to_owned(), "live".to_owned()]));
        let keymap = Keymap::standard(&View::ALL).with(&read.keys);
        let find = |view, code, held| keymap.find(view, &KeyEvent::new(code, held));
        assert_eq!(find(View::Run, KeyCode::Char('p'), KeyModifiers::CONTROL), Some(Act::PauseResume));
        assert_eq!(find(View::Run, KeyCode::Char(' '), KeyModifiers::NONE), None);
        assert_eq!(find(View::Run, KeyCode::Char('q'), KeyModifiers::NONE), None);
        assert_eq!(find(View::Log, KeyCode::Char('Q'), KeyModifiers::SHIFT), Some(Act::Quit));
    }

    #[test]
    fn every_mistake_is_told_at_its_line() {
        let told = wrong("theme: drak\nmouse: maybe\nkeyz: {}\nkeys:\n  pause: hyper-x\n  pausse: p\n  retry: s\n");
        for part in [
            "config.yaml:1:8: `drak` is no theme; did you mean `dark`?",
            "config.yaml:2:8: this is neither true nor false",
            "config.yaml:3:1: there is no setting `keyz`; did you mean `keys`?",
            "config.yaml:5:10: `hyper-x` is no key",
            "config.yaml:6:3: no key does `pausse`; did you mean `pause`?",
            "config.yaml:7:10: this key does `skip` already",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }

    #[test]
    fn the_example_can_be_read_as_it_is_and_with_all_of_it_taken_in() {
        let example = Preferences::example();
        assert_eq!(read(&example), Preferences::default());
        let settings = example.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| {
            let word = line.split(':').next().unwrap_or_default();
            line.starts_with("  ") || super::FIELDS.contains(&word)
        });
        let taken: Vec<&str> = settings.collect();
        let all = read(&taken.join("\n"));
        let keymap = Keymap::standard(&View::ALL).with(&all.keys);
        for (before, after) in Keymap::standard(&View::ALL).all().zip(keymap.all()) {
            assert_eq!((before.act, &before.keys), (after.act, &after.keys));
        }
        assert_eq!(all.keys.len(), Keymap::standard(&View::ALL).once_each().count());
    }

    #[test]
    fn a_key_is_read_as_it_is_named() {
        for binding in Keymap::standard(&View::ALL).all() {
            for key in &binding.keys {
                assert_eq!(Key::named(&key.name()), Some(*key));
            }
        }
    }
}
