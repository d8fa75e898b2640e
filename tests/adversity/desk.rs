//! A source, a target, and commands that have to end.

use crate::binary::{Desk, Ran};
use crate::support::{database, psql};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Nothing here may take longer, whatever stands in the way.
pub const BOUND: Duration = Duration::from_secs(180);

/// A source and a target with a desk to work at.
pub struct Place {
    pub desk: Desk,
    pub source: String,
    pub url: String,
}

impl Place {
    /// On the binary's server.
    pub fn new(source: &str, target: &str) -> Self {
        let url = database();
        psql(&url, target);
        Self::at(source, &url)
    }

    /// At a target that stands already.
    pub fn at(source: &str, url: &str) -> Self {
        let desk = Desk::new().with("DATABASE_URL", url);
        let source = desk.sqlite("app.db", source);
        Self { desk, source, url: url.to_owned() }
    }

    /// `cutover COMMAND --sqlite … --output json`, and how long it took.
    pub fn run(&self, command: &str, more: &[&str]) -> (Ran, Duration) {
        self.any(&[&[command, "--sqlite", &self.source, "--output", "json"], more].concat())
    }

    pub fn any(&self, arguments: &[&str]) -> (Ran, Duration) {
        let began = Instant::now();
        let mut child = self.desk.command(arguments);
        child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = child.spawn().unwrap();
        let pid = child.id().to_string();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let output = receiver.recv_timeout(BOUND).unwrap_or_else(|_| {
            let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
            panic!("{arguments:?} does not end within {BOUND:?}")
        });
        (output.unwrap().into(), began.elapsed())
    }

    pub fn sql(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }
}

/// A series of integers from 1, as SQLite's bundled version can make one.
pub fn series(up_to: u64) -> String {
    format!("with recursive n(i) as (select 1 union all select i + 1 from n where i < {up_to})")
}

/// Refused, with the reason, and nothing touched.
pub fn refusal(ran: &Ran) -> String {
    let finished: Value = ran.finished();
    assert_eq!((ran.code, &finished["refused"]), (1, &Value::Bool(true)), "{}", ran.all());
    finished["error"].as_str().unwrap().to_owned()
}
