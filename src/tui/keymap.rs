//! Which key does what, as data. Help, footer and palette are made from it, so that none of them can be out of date.

use super::act::Act;
use super::app::View;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key, with or without control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    code: KeyCode,
    control: bool,
}

/// An act and the keys for it.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// What it does.
    pub act: Act,
    /// The keys; the first one is named in the last line.
    pub keys: Vec<Key>,
    /// The view in which it holds; everywhere when none.
    pub view: Option<View>,
    /// Whether the last line names it, and how early: smaller first. Zero: never.
    pub footer: u8,
}

/// Keys that are called by a word.
const NAMES: [(&str, KeyCode); 13] = [
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("page-up", KeyCode::PageUp),
    ("page-down", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
];

const fn key(character: char) -> Key {
    Key { code: KeyCode::Char(character), control: false }
}

const fn control(character: char) -> Key {
    Key { code: KeyCode::Char(character), control: true }
}

const fn code(code: KeyCode) -> Key {
    Key { code, control: false }
}

fn everywhere(act: Act, keys: &[Key], footer: u8) -> Binding {
    Binding { act, keys: keys.to_vec(), view: None, footer }
}

fn only(view: View, act: Act, keys: &[Key], footer: u8) -> Binding {
    Binding { act, keys: keys.to_vec(), view: Some(view), footer }
}

/// Every binding, in the order of the help.
#[derive(Clone, Debug)]
pub(super) struct Keymap {
    bindings: Vec<Binding>,
}

impl Keymap {
    /// The keys as they are without a configuration file, the tabs numbered as they stand.
    pub(super) fn standard(tabs: &[View]) -> Self {
        let mut bindings = vec![
            everywhere(Act::Open, &[code(KeyCode::Enter)], 1),
            everywhere(Act::Decide, &[key('a')], 2),
            everywhere(Act::PauseResume, &[key(' ')], 2),
            everywhere(Act::Retry, &[key('r')], 20),
            everywhere(Act::Skip, &[key('s')], 21),
            everywhere(Act::Rollback, &[key('b')], 22),
            only(View::Run, Act::Summary, &[key('e')], 0),
            only(View::Run, Act::Wrap, &[key('w')], 0),
            only(View::Run, Act::Level, &[key('v')], 0),
            only(View::Plan, Act::Unit, &[key('u')], 10),
            only(View::Plan, Act::Policy, &[key('p')], 11),
            only(View::Data, Act::Riskiest, &[key('e')], 10),
            only(View::Data, Act::Sample, &[key('n')], 11),
            only(View::Data, Act::Seed, &[key('N')], 0),
            only(View::Data, Act::Differing, &[key('x')], 12),
            only(View::Data, Act::FindKey, &[key('f')], 13),
            only(View::Data, Act::Distribution, &[key('d')], 14),
            only(View::Data, Act::Reread, &[control('r')], 0),
            only(View::Cluster, Act::Psql, &[key('p')], 10),
            only(View::Cluster, Act::Container, &[key('c')], 11),
            only(View::Cluster, Act::Follow, &[key('f')], 12),
            only(View::Log, Act::Follow, &[key('f')], 10),
            only(View::Log, Act::Wrap, &[key('w')], 11),
            only(View::Log, Act::Level, &[key('v')], 12),
            everywhere(Act::Filter, &[key('/')], 6),
            everywhere(Act::Palette, &[key(':')], 5),
            everywhere(Act::Help, &[key('?')], 3),
            everywhere(Act::Copy, &[key('y')], 0),
            everywhere(Act::Up, &[code(KeyCode::Up), key('k')], 0),
            everywhere(Act::Down, &[code(KeyCode::Down), key('j')], 0),
            everywhere(Act::Left, &[code(KeyCode::Left), key('h')], 0),
            everywhere(Act::Right, &[code(KeyCode::Right), key('l')], 0),
            everywhere(Act::PageUp, &[code(KeyCode::PageUp), control('u')], 0),
            everywhere(Act::PageDown, &[code(KeyCode::PageDown), control('d')], 0),
            everywhere(Act::Top, &[code(KeyCode::Home), key('g')], 0),
            everywhere(Act::Bottom, &[code(KeyCode::End), key('G')], 0),
            everywhere(Act::NextView, &[code(KeyCode::Tab)], 0),
            everywhere(Act::PreviousView, &[code(KeyCode::BackTab)], 0),
        ];
        bindings.extend(tabs.iter().zip('1'..).map(|(tab, digit)| everywhere(Act::View(*tab), &[key(digit)], 0)));
        bindings.extend([
            everywhere(Act::TakeOver, &[key('t')], 4),
            everywhere(Act::Replay, &[key('R')], 0),
            everywhere(Act::Earlier, &[key('[')], 1),
            everywhere(Act::Later, &[key(']')], 1),
            everywhere(Act::EarlierEntry, &[key('{')], 3),
            everywhere(Act::LaterEntry, &[key('}')], 3),
            everywhere(Act::Back, &[code(KeyCode::Esc)], 0),
            everywhere(Act::Redraw, &[control('l')], 0),
            everywhere(Act::Suspend, &[control('z')], 0),
            everywhere(Act::Quit, &[key('q'), control('c')], 4),
        ]);
        Self { bindings }
    }

    /// The same with other keys for some acts, wherever they hold.
    #[must_use]
    pub(super) fn with(mut self, keys: &[(Act, Vec<Key>)]) -> Self {
        for (act, keys) in keys {
            for binding in self.bindings.iter_mut().filter(|binding| binding.act == *act) {
                binding.keys.clone_from(keys);
            }
        }
        self
    }

    /// What else a key of `act` does in one of its views.
    pub(super) fn conflict(&self, act: Act) -> Option<Act> {
        let meet = |one: &Binding, other: &Binding| {
            let views = one.view.is_none() || other.view.is_none() || one.view == other.view;
            views && one.act != other.act && one.keys.iter().any(|key| other.keys.contains(key))
        };
        let own = self.all().filter(|binding| binding.act == act);
        own.flat_map(|own| self.all().filter(move |other| meet(own, other))).map(|other| other.act).next()
    }

    /// The bindings, an act that holds in more than one view only once.
    pub(super) fn once_each(&self) -> impl Iterator<Item = &Binding> {
        let first = |index: usize| self.bindings[..index].iter().all(|other| other.act != self.bindings[index].act);
        self.bindings.iter().enumerate().filter(move |(index, _)| first(*index)).map(|(_, binding)| binding)
    }

    /// The keys for an act, as they are named in a sentence.
    pub(super) fn shown(&self, act: Act) -> String {
        let binding = self.all().find(|binding| binding.act == act);
        binding.and_then(|binding| binding.keys.first()).map(Key::shown).unwrap_or_default()
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter()
    }

    /// The bindings that hold in a view.
    pub(super) fn of(&self, view: View) -> impl Iterator<Item = &Binding> {
        self.all().filter(move |binding| binding.view.is_none_or(|only| only == view))
    }

    /// What a key does in a view.
    pub(super) fn find(&self, view: View, event: &KeyEvent) -> Option<Act> {
        self.of(view).find(|binding| binding.keys.iter().any(|key| key.matches(event))).map(|binding| binding.act)
    }
}

impl Binding {
    /// All keys, as help shows them.
    pub(super) fn shown(&self) -> String {
        self.keys.iter().map(|key| key.shown()).collect::<Vec<_>>().join(" ")
    }
}

impl Key {
    fn matches(&self, event: &KeyEvent) -> bool {
        let held = event.modifiers - KeyModifiers::SHIFT;
        let wanted = if self.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        event.code == self.code && held == wanted
    }

    /// The key with this name, as the configuration file has it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (control, name) = name.strip_prefix("ctrl-").map_or((false, name), |rest| (true, rest));
        let named = NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, code)| code);
        let function =
            || name.strip_prefix('f')?.parse().ok().filter(|number| (1..=12).contains(number)).map(KeyCode::F);
        let mut letters = name.chars();
        let only = letters.next().filter(|letter| letters.next().is_none() && !letter.is_control());
        let code = named.or_else(function).or(only.map(KeyCode::Char))?;
        Some(Self { code, control })
    }

    /// Its name in the configuration file.
    pub(super) fn name(&self) -> String {
        let named = NAMES.into_iter().find(|(_, code)| *code == self.code).map(|(name, _)| name.to_owned());
        let name = named.unwrap_or_else(|| match self.code {
            KeyCode::Char(letter) => letter.to_string(),
            KeyCode::F(number) => format!("f{number}"),
            other => format!("{other:?}").to_ascii_lowercase(),
        });
        if self.control { format!("ctrl-{name}") } else { name }
    }

    /// Its name.
    pub(super) fn shown(&self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(character) => character.to_string(),
            KeyCode::Enter => "enter".to_owned(),
            KeyCode::Esc => "esc".to_owned(),
            KeyCode::Tab => "tab".to_owned(),
            KeyCode::BackTab => "shift-tab".to_owned(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::PageUp => "pgup".to_owned(),
            KeyCode::PageDown => "pgdn".to_owned(),
            KeyCode::Home => "home".to_owned(),
            KeyCode::End => "end".to_owned(),
            KeyCode::F(number) => format!("f{number}"),
            other => format!("{other:?}").to_ascii_lowercase(),
        };
        if self.control { format!("ctrl-{name}") } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::Keymap;
    use crate::tui::act::Act;
    use crate::tui::app::View;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn standard() -> Keymap {
        Keymap::standard(&View::ALL)
    }

    fn press(character: char, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(character), modifiers)
    }

    #[test]
    fn no_key_does_two_things_in_one_view() {
        for view in View::ALL {
            let keymap = standard();
            let keys: Vec<String> = keymap.of(view).flat_map(|binding| &binding.keys).map(|key| key.shown()).collect();
            for key in &keys {
                assert_eq!(keys.iter().filter(|other| *other == key).count(), 1, "{key} in {view:?}");
            }
        }
    }

    #[test]
    fn every_act_has_words() {
        assert!(standard().all().all(|binding| !binding.act.short().is_empty() && binding.act.long().len() > 1));
    }

    #[test]
    fn control_is_part_of_a_key() {
        let find = |view, event| standard().find(view, &event);
        assert_eq!(find(View::Data, press('r', KeyModifiers::CONTROL)), Some(Act::Reread));
        assert_eq!(find(View::Data, press('r', KeyModifiers::NONE)), Some(Act::Retry));
        assert_eq!(find(View::Run, press('G', KeyModifiers::SHIFT)), Some(Act::Bottom));
        assert_eq!(find(View::Run, press('r', KeyModifiers::ALT)), None);
    }

    #[test]
    fn tabs_are_numbered_as_they_stand() {
        let fourth = |tabs: &[View]| Keymap::standard(tabs).find(View::Run, &press('4', KeyModifiers::NONE));
        assert_eq!(fourth(&View::ALL), Some(Act::View(View::Cluster)));
        assert_eq!(fourth(&[View::Run, View::Plan, View::Data, View::Log]), Some(Act::View(View::Log)));
    }
}
