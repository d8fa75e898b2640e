//! Runs the binary with an environment of its own.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A state directory, and what the environment says.
pub struct Desk {
    pub directory: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The objects of the JSON output.
    pub fn objects(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The last object of the JSON output, which is `finished`, and nothing else is.
    pub fn finished(&self) -> Value {
        let mut objects = self.objects();
        let last = objects.pop().unwrap_or_else(|| panic!("no output; stderr: {}", self.err));
        assert_eq!(last["event"], "finished", "{last}");
        assert!(objects.iter().all(|object| object["event"] != "finished"));
        last
    }

    /// Both outputs, for messages.
    pub fn all(&self) -> String {
        format!("exit {}\n{}\n{}", self.code, self.out, self.err)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Desk {
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), variables: Vec::new() }
    }

    /// With a variable set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.env_clear().env("CUTOVER_STATE_DIR", self.state()).env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.variables.iter().cloned()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn cutover(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Writes a file beside the state directory.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A SQLite database made by `sql`.
    pub fn sqlite(&self, name: &str, sql: &str) -> String {
        let path = self.directory.path().join(name);
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The only run there is.
    pub fn only_run(&self) -> String {
        let mut names = std::fs::read_dir(self.state().join("runs")).unwrap();
        let name = names.next().expect("a run").unwrap().file_name().into_string().unwrap();
        assert!(names.next().is_none(), "more than one run");
        name
    }
}

/// Every file below `directory` that contains `needle`, journals and other binary files included.
pub fn files_containing(directory: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_containing(&path, needle));
        } else if contains(&std::fs::read(&path).unwrap_or_default(), needle.as_bytes()) {
            found.push(path);
        }
    }
    found
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
