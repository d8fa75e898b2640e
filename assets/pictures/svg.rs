//! A terminal screen as SVG: text as text, colours as the terminal has them, so that it can be read, searched and scaled.

use std::fmt::Write as _;
use vt100::{Cell, Color, Screen};

const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: f64 = 18.0;
const MARGIN: f64 = 16.0;
const BACKGROUND: &str = "#11151c";
const FOREGROUND: &str = "#d8dee9";
/// The sixteen colours, in the order of ECMA-48.
const PALETTE: [&str; 16] = [
    "#2b303b", "#e06c75", "#8fbf7f", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c0c8d4", "#5c6370", "#ff7b86",
    "#a5d694", "#f2d391", "#7cc0ff", "#d78bea", "#6fd0dc", "#ffffff",
];

/// The whole picture.
pub fn draw(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (width, height) =
        (f64::from(columns) * CELL_WIDTH + 2.0 * MARGIN, f64::from(rows) * CELL_HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\" aria-label=\"{title}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    for row in 0..rows {
        let runs = runs(screen, row, columns);
        runs.iter().for_each(|run| background(&mut svg, run, row));
        for run in &runs {
            if !shape(&mut svg, run, row) {
                text(&mut svg, run, row);
            }
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Neighbouring cells that look alike.
struct Run {
    column: u16,
    width: u16,
    text: String,
    look: Look,
}

impl Run {
    fn goes_on_with(&self, symbol: &str) -> bool {
        let same_line = matches!(symbol, "─" | "━" | "█") && self.text.ends_with(symbol);
        same_line && self.text.chars().all(|own| symbol.starts_with(own)) || symbol.is_ascii() && self.text.is_ascii()
    }
}

#[derive(Clone, PartialEq)]
struct Look {
    foreground: String,
    background: Option<String>,
    bold: bool,
    italic: bool,
    underline: bool,
    dim: bool,
}

fn runs(screen: &Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else { continue };
        if cell.is_wide_continuation() {
            continue;
        }
        let (look, width) = (look(cell), if cell.is_wide() { 2 } else { 1 });
        let symbol = if cell.contents().is_empty() { " " } else { cell.contents() };
        match runs.last_mut() {
            // A wide or odd symbol stands alone, so that what follows stays in its column; the same line or block goes on.
            Some(run)
                if run.look == look && run.column + run.width == column && width == 1 && run.goes_on_with(symbol) =>
            {
                run.text.push_str(symbol);
                run.width += 1;
            }
            _ => runs.push(Run { column, width, text: symbol.to_owned(), look }),
        }
    }
    runs
}

fn look(cell: &Cell) -> Look {
    let (mut foreground, mut background) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
    if cell.inverse() {
        (foreground, background) = (
            Some(background.unwrap_or_else(|| BACKGROUND.to_owned())),
            Some(foreground.unwrap_or_else(|| FOREGROUND.to_owned())),
        );
    }
    Look {
        foreground: foreground.unwrap_or_else(|| FOREGROUND.to_owned()),
        background,
        bold: cell.bold(),
        italic: cell.italic(),
        underline: cell.underline(),
        dim: cell.dim(),
    }
}

/// Indexed colours above 15 by xterm's cube and grey ramp.
fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Idx(index @ 0..=15) => Some(PALETTE[usize::from(index)].to_owned()),
        Color::Idx(index @ 16..=231) => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + n * 40 };
            let n = index - 16;
            Some(format!("#{:02x}{:02x}{:02x}", level(n / 36), level(n / 6 % 6), level(n % 6)))
        }
        Color::Idx(index) => {
            let grey = 8 + (index - 232) * 10;
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
    }
}

fn background(svg: &mut String, run: &Run, row: u16) {
    if let Some(fill) = &run.look.background {
        let (x, y) = place(run.column, row);
        let width = f64::from(run.width) * CELL_WIDTH;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{fill}\"/>"
        );
    }
}

/// Lines and blocks meet their neighbours only when they are drawn: glyphs are as high as the font, not as the cell.
fn shape(svg: &mut String, run: &Run, row: u16) -> bool {
    let (left, top) = place(run.column, row);
    let (right, bottom) = (left + f64::from(run.width) * CELL_WIDTH, top + CELL_HEIGHT);
    let (x, y) = (left + CELL_WIDTH / 2.0, top + CELL_HEIGHT / 2.0);
    let bend = CELL_WIDTH / 2.0;
    let symbol = run.text.chars().next().unwrap_or(' ');
    let (path, width) = match symbol {
        '─' => (format!("M{left:.1} {y:.1}H{right:.1}"), 1.0),
        '━' => (format!("M{left:.1} {y:.1}H{right:.1}"), 2.0),
        '│' => (format!("M{x:.1} {top:.1}V{bottom:.1}"), 1.0),
        '╭' => (format!("M{x:.1} {bottom:.1}V{:.1}Q{x:.1} {y:.1} {right:.1} {y:.1}", y + bend), 1.0),
        '╮' => (format!("M{x:.1} {bottom:.1}V{:.1}Q{x:.1} {y:.1} {left:.1} {y:.1}", y + bend), 1.0),
        '╰' => (format!("M{x:.1} {top:.1}V{:.1}Q{x:.1} {y:.1} {right:.1} {y:.1}", y - bend), 1.0),
        '╯' => (format!("M{x:.1} {top:.1}V{:.1}Q{x:.1} {y:.1} {left:.1} {y:.1}", y - bend), 1.0),
        '█'..='▏' => {
            // U+2588 is the whole cell, each of the next seven an eighth less.
            let cells = f64::from(run.width) - f64::from(u32::from(symbol) - u32::from('█')) / 8.0;
            let (length, height) = (cells * CELL_WIDTH, CELL_HEIGHT - 3.0);
            let (y, fill, opacity) = (top + 1.5, &run.look.foreground, opacity(&run.look));
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{height}\" fill=\"{fill}\"{opacity}/>"
            );
            return true;
        }
        _ => return false,
    };
    let (stroke, opacity) = (&run.look.foreground, opacity(&run.look));
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{width}\"{opacity}/>");
    true
}

fn opacity(look: &Look) -> &'static str {
    if look.dim { " opacity=\"0.6\"" } else { "" }
}

fn text(svg: &mut String, run: &Run, row: u16) {
    if run.text.trim().is_empty() {
        return;
    }
    let (x, y) = place(run.column, row);
    let look = &run.look;
    let mut style = String::new();
    for (wanted, attribute) in [
        (look.bold, " font-weight=\"bold\""),
        (look.italic, " font-style=\"italic\""),
        (look.underline, " text-decoration=\"underline\""),
    ] {
        style.push_str(if wanted { attribute } else { "" });
    }
    style.push_str(opacity(look));
    let length = f64::from(run.width) * CELL_WIDTH;
    let escaped = run.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{style}>{escaped}</text>",
        y + 13.5,
        look.foreground
    );
}

fn place(column: u16, row: u16) -> (f64, f64) {
    (f64::from(column) * CELL_WIDTH + MARGIN, f64::from(row) * CELL_HEIGHT + MARGIN)
}
