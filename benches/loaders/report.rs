//! The tables, as they are printed and as README quotes them: no figure gets there by hand.

use std::fs;

/// README's part between these two lines is what the last run with `--readme` measured.
const BEGIN: &str = "<!-- measured by `make bench` -->\n";
const END: &str = "<!-- end of what was measured -->\n";

/// What is told of a whole run.
pub struct Report {
    text: String,
    load: String,
}

impl Report {
    /// With date, machine and server.
    pub fn begin(server: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut report = Self { text: String::new(), load: load() };
        report.line(&format!(
            "Measured {} on {cores} cores ({}), {server} with fsync on and max_wal_size 4 GB; medians, each loader in alternation.",
            jiff::Timestamp::now().strftime("%Y-%m-%d"),
            processor()
        ));
        report
    }

    /// Prints a line, and keeps it.
    pub fn line(&mut self, line: &str) {
        println!("{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Says how quiet the machine was, and puts all of it into README where that is wanted.
    pub fn end(mut self, into_readme: bool) {
        let before = std::mem::take(&mut self.load);
        self.line(&format!(
            "\nLoad of the machine before: {before}; after, with what was measured itself: {}.",
            load()
        ));
        if !into_readme {
            return;
        }
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let old = fs::read_to_string(readme).unwrap();
        let (head, rest) = old.split_once(BEGIN).expect("README says where the tables begin");
        let (_, tail) = rest.split_once(END).expect("README says where the tables end");
        fs::write(readme, format!("{head}{BEGIN}{}{END}{tail}", self.text)).unwrap();
    }
}

/// Of the last minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
