//! What things look like. Views name a role (`good`, `dim`, `selected`) and never a colour; no role is told by colour alone.

use super::preferences::Preferences;
use ratatui::style::{Color, Modifier, Style};

/// Colours and signs, chosen once from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Figures and names that answer the question at hand.
    pub(super) strong: Style,
    /// Labels and what is over.
    pub(super) dim: Style,
    /// Borders, empty parts of bars, keys that cannot be used.
    pub(super) faint: Style,
    /// Keys, titles, the chosen tab.
    pub(super) accent: Style,
    /// True, done, equal.
    pub(super) good: Style,
    /// Waits for the operator, worth a look.
    pub(super) warn: Style,
    /// Failed, differs, is lost.
    pub(super) bad: Style,
    /// At work.
    pub(super) busy: Style,
    /// The line under the cursor.
    pub(super) selected: Style,
    /// The same in a pane that has not the focus.
    pub(super) chosen: Style,
    /// The first line.
    pub(super) banner: Style,
    /// The first line in production.
    pub(super) production: Style,
    /// Whether everything has to be drawn in ASCII.
    pub(super) ascii: bool,
}

/// The families of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// For dark backgrounds, 256 colours.
    Dark,
    /// For light backgrounds, 256 colours.
    Light,
    /// Few colours, far apart.
    HighContrast,
    /// The terminal's own sixteen.
    Sixteen,
    /// `NO_COLOR`: weight and inversion only.
    Plain,
}

impl Palette {
    /// The names for `CUTOVER_THEME`.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("dark", Self::Dark),
        ("light", Self::Light),
        ("high-contrast", Self::HighContrast),
        ("16", Self::Sixteen),
        ("plain", Self::Plain),
    ];
}

impl Theme {
    /// The theme of a palette.
    #[must_use]
    pub fn new(palette: Palette, ascii: bool) -> Self {
        let theme = match palette {
            Palette::Dark => Self::from_colours([252, 245, 239, 110, 79, 215, 203, 117], 236, 235),
            Palette::Light => Self::from_colours([16, 241, 250, 25, 29, 130, 160, 26], 254, 255),
            Palette::HighContrast => Self::high_contrast(),
            Palette::Sixteen => Self::sixteen(),
            Palette::Plain => Self::plain(),
        };
        Self { ascii, ..theme }
    }

    /// Chooses by the environment, then by what the operator prefers, then by what the terminal can do.
    #[must_use]
    pub fn chosen(env: &dyn Fn(&str) -> Option<String>, preferences: &Preferences) -> Self {
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let theme = Self::from_environment(env);
        let ascii = if set("CUTOVER_ASCII") { theme.ascii } else { preferences.ascii.unwrap_or(theme.ascii) };
        match preferences.theme {
            Some(palette) if !set("CUTOVER_THEME") && !set("NO_COLOR") => Self::new(palette, ascii),
            _ => Self { ascii, ..theme },
        }
    }

    /// Chooses by `CUTOVER_THEME`, `NO_COLOR`, `CUTOVER_ASCII`, `TERM`, `COLORTERM` and the locale. An unknown theme name is
    /// taken as not given: a screen in other colours is better than none.
    #[must_use]
    pub fn from_environment(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let many = term.contains("256color") || term.contains("kitty") || set("COLORTERM").is_some();
        let named = set("CUTOVER_THEME")
            .and_then(|name| Palette::NAMES.into_iter().find(|(known, _)| *known == name))
            .map(|(_, palette)| palette);
        let palette = match named {
            _ if set("NO_COLOR").is_some() => Palette::Plain,
            Some(palette) => palette,
            None if many => Palette::Dark,
            None => Palette::Sixteen,
        };
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        let utf8 = locale.map(|name| name.to_ascii_lowercase().replace('-', "").contains("utf8"));
        let ascii = set("CUTOVER_ASCII").is_some() || !utf8.unwrap_or(term != "linux" && term != "vt100");
        Self::new(palette, ascii)
    }

    fn from_colours(roles: [u8; 8], selected: u8, chosen: u8) -> Self {
        let [strong, dim, faint, accent, good, warn, bad, busy] =
            roles.map(|index| Style::new().fg(Color::Indexed(index)));
        Self {
            strong: strong.add_modifier(Modifier::BOLD),
            dim,
            faint,
            accent,
            good,
            warn: warn.add_modifier(Modifier::BOLD),
            bad: bad.add_modifier(Modifier::BOLD),
            busy,
            selected: Style::new().bg(Color::Indexed(selected)).add_modifier(Modifier::BOLD),
            chosen: Style::new().bg(Color::Indexed(chosen)),
            banner: Style::new().bg(Color::Indexed(chosen)),
            production: white_on(Color::Indexed(160)),
            ascii: false,
        }
    }

    fn high_contrast() -> Self {
        let bold = |colour| Style::new().fg(colour).add_modifier(Modifier::BOLD);
        Self {
            strong: bold(Color::White),
            dim: Style::new().fg(Color::White),
            faint: Style::new().fg(Color::Gray),
            accent: bold(Color::LightCyan),
            good: bold(Color::LightGreen),
            warn: bold(Color::LightYellow),
            bad: white_on(Color::Red),
            busy: bold(Color::LightCyan),
            selected: Style::new().fg(Color::Black).bg(Color::White),
            chosen: Style::new().add_modifier(Modifier::UNDERLINED),
            banner: Style::new().fg(Color::Black).bg(Color::White),
            production: white_on(Color::Red),
            ascii: false,
        }
    }

    fn sixteen() -> Self {
        let fg = |colour| Style::new().fg(colour);
        Self {
            strong: Style::new().add_modifier(Modifier::BOLD),
            dim: fg(Color::Gray),
            faint: fg(Color::DarkGray),
            accent: fg(Color::Cyan),
            good: fg(Color::Green),
            warn: fg(Color::Yellow).add_modifier(Modifier::BOLD),
            bad: fg(Color::Red).add_modifier(Modifier::BOLD),
            busy: fg(Color::Cyan),
            selected: Style::new().add_modifier(Modifier::REVERSED),
            chosen: Style::new().add_modifier(Modifier::UNDERLINED),
            banner: Style::new().add_modifier(Modifier::REVERSED),
            production: white_on(Color::Red),
            ascii: false,
        }
    }

    fn plain() -> Self {
        let with = |modifier| Style::new().add_modifier(modifier);
        Self {
            strong: with(Modifier::BOLD),
            dim: Style::new(),
            faint: with(Modifier::DIM),
            accent: with(Modifier::BOLD),
            good: Style::new(),
            warn: with(Modifier::BOLD),
            bad: with(Modifier::BOLD | Modifier::UNDERLINED),
            busy: with(Modifier::BOLD),
            selected: with(Modifier::REVERSED),
            chosen: with(Modifier::UNDERLINED),
            banner: with(Modifier::REVERSED),
            production: with(Modifier::REVERSED | Modifier::BOLD),
            ascii: false,
        }
    }
}

fn white_on(background: Color) -> Style {
    Style::new().fg(Color::White).bg(background).add_modifier(Modifier::BOLD)
}

#[cfg(test)]
mod tests {
    use super::{Palette, Theme};

    fn theme(env: &[(&str, &str)]) -> Theme {
        Theme::from_environment(&|name| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_chooses() {
        assert_eq!(theme(&[("TERM", "xterm-256color")]), Theme::new(Palette::Dark, false));
        assert_eq!(theme(&[("TERM", "xterm"), ("LANG", "C")]), Theme::new(Palette::Sixteen, true));
        assert_eq!(theme(&[("CUTOVER_THEME", "light"), ("LANG", "de_DE.UTF-8")]), Theme::new(Palette::Light, false));
        assert_eq!(theme(&[("CUTOVER_THEME", "light"), ("NO_COLOR", "1")]), Theme::new(Palette::Plain, false));
        assert_eq!(theme(&[("NO_COLOR", ""), ("CUTOVER_THEME", "nonsense")]), Theme::new(Palette::Sixteen, false));
        assert_eq!(theme(&[("LC_ALL", "POSIX"), ("LANG", "en_US.UTF-8")]), Theme::new(Palette::Sixteen, true));
        assert_eq!(theme(&[("TERM", "linux")]), Theme::new(Palette::Sixteen, true));
        assert_eq!(theme(&[("CUTOVER_ASCII", "1"), ("LANG", "C.UTF-8")]), Theme::new(Palette::Sixteen, true));
    }
}
