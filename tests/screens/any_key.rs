//! Random keys, those that do something more often than others.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample;

pub fn any_key() -> impl Strategy<Value = KeyEvent> {
    let named = sample::select(vec![
        KeyCode::Enter,
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::F(5),
    ]);
    let letters =
        sample::select("123456 rsbaupenxfdyvwjkhlgG:/?qtR[]{}".chars().map(KeyCode::Char).collect::<Vec<_>>());
    let any_char = any::<char>().prop_map(KeyCode::Char);
    let code = prop_oneof![6 => named, 6 => letters, 1 => any_char];
    let held = prop_oneof![9 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    (code, held).prop_map(|(code, held)| KeyEvent::new(code, held))
}
