//! Settings that contradict each other, and values that no type excludes.

mod cluster;
mod place;

use super::StepView;
use crate::runbook::duration;
use crate::runbook::problem::{Place, Problems};
use crate::runbook::suggest;
use crate::runbook::template;
use crate::runbook::yaml::Node;

/// One look at the document; `filled` when its templates have been filled in.
struct Look<'p> {
    filled: bool,
    problems: &'p mut Problems,
}

/// Whether a setting is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Absent,
    /// A template that may come out as nothing.
    Perhaps,
    There,
}

pub(super) fn check(root: &Node, steps: &[StepView<'_>], filled: bool, problems: &mut Problems) {
    let mut look = Look { filled, problems };
    look.document(root);
    look.cluster(root, steps);
    for step in steps {
        look.gate(step);
        look.settings(step);
    }
}

impl Look<'_> {
    fn document(&mut self, root: &Node) {
        self.duration(root.get("downtime_budget"));
        if let Some(node) = root.get("target").and_then(|target| target.get("url_from")) {
            self.variable(node);
        }
        self.source(root);
        let transfer = root.get("transfer");
        self.duration(transfer.and_then(|transfer| transfer.get("atomic_within")));
        self.at_least_one(transfer.and_then(|transfer| transfer.get("jobs")), "`jobs`");
        self.at_least_one(transfer.and_then(|transfer| transfer.get("chunk_rows")), "`chunk_rows`");
        for key in ["interval_units", "zones", "columns"] {
            let entries = transfer.and_then(|transfer| transfer.get(key)).map(Node::entries).unwrap_or_default();
            for entry in entries.iter().filter(|entry| entry.key != "*" && !entry.key.contains('.')) {
                let message = format!("`{}` under `{key}` names no column", entry.key);
                self.problems.add(entry.place, message, "write `TABLE.COLUMN`, or `*` for all");
            }
        }
    }

    fn source(&mut self, root: &Node) {
        let Some(entry) = root.entry("source") else { return };
        let setting = |name: &str| entry.value.get(name);
        let presence = |name: &str| self.presence(setting(name));
        let places = ["workload", "selector", "claim"].map(presence);
        if places.iter().all(|place| *place == Presence::Absent) && presence("sqlite") == Presence::Absent {
            let place = setting("sqlite").map_or(entry.place, |node| node.place);
            self.problems.add(
                place,
                "`source` names no database",
                "add `sqlite: PATH`, and on the cluster `workload` or `claim`",
            );
        }
        if let (Some(selector), Presence::There, Presence::There) = (setting("selector"), places[0], places[1]) {
            let message = "`source` has `workload` and `selector`, which name the same thing";
            self.problems.add(selector.place, message, "keep one of them");
        }
        if let Some((node, workload)) = setting("workload").and_then(|node| Some((node, self.known(node)?)))
            && !workload.is_empty()
            && !is_workload(workload)
        {
            let message = format!("`{workload}` names no workload that has pods of its own");
            self.problems.add(node.place, message, "write `deployment/NAME` or `statefulset/NAME`");
        }
    }

    fn duration(&mut self, node: Option<&Node>) {
        if let Some((node, text)) = node.and_then(|node| Some((node, self.known(node)?)))
            && duration::parse(text).is_none()
        {
            self.problems.add(node.place, format!("`{text}` is no duration"), "write `5m`, `90s` or `1h30m`");
        }
    }

    fn variable(&mut self, node: &Node) {
        let Some(text) = node.text() else { return };
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() || !text.chars().all(fits) || text.starts_with(|c: char| c.is_ascii_digit()) {
            let message = "`url_from` must name an environment variable";
            self.problems.add(node.place, message, "put the address into `DATABASE_URL` and write that name");
        }
    }

    fn gate(&mut self, step: &StepView<'_>) {
        let name = step.node.get("gate").and_then(|gate| gate.entry("typed"));
        if let Some(name) = name {
            self.not_empty(name.place, Some(&name.value), "the name to be typed");
        }
    }

    fn settings(&mut self, step: &StepView<'_>) {
        match step.action {
            "generate-schema" => self.one_of(step, &["command", "sql", "pod"]),
            "wait" => self.one_of(step, &["command", "query", "seconds"]),
            "quiesce" => self.quiesce(step),
            "start" => {
                self.one_of(step, &["command", "workloads"]);
                self.undo_without(step, "stop", "command");
            }
            "apply" => self.one_of(step, &["manifests", "manifest"]),
            "job" => self.one_of(step, &["file", "manifest"]),
            "scale" => self.one_of(step, &["workloads"]),
            "switch-config" => self.switch(step),
            "health" => self.health(step),
            "copy" => self.at_least_one(step.setting("jobs"), "`jobs`"),
            "spot-check" => self.at_least_one(step.setting("rows"), "`rows`"),
            "sql" | "shell" => self.not_empty(step.setting_place("apply"), step.setting("apply"), "`apply`"),
            "manual" => {
                self.not_empty(step.setting_place("instructions"), step.setting("instructions"), "`instructions`");
            }
            _ => {}
        }
        self.workloads(step);
        for name in ["quiet_seconds", "seconds", "timeout_seconds", "lifetime_seconds"] {
            self.positive(step.setting(name), name);
        }
    }

    /// Exactly one of the settings has to be there.
    fn one_of(&mut self, step: &StepView<'_>, names: &[&str]) {
        let presence = |name: &&str| self.presence(step.setting(name));
        let there: Vec<&str> = names.iter().copied().filter(|name| presence(name) == Presence::There).collect();
        let perhaps = names.iter().any(|name| presence(name) == Presence::Perhaps);
        let action = step.action;
        if let [_, second, ..] = there[..] {
            let message = format!("`{action}` has {}", suggest::listed(&there));
            self.problems.add(step.setting_place(second), message, "keep one of them");
        } else if there.is_empty() && !perhaps {
            let message = format!("`{action}` has nothing to do: it lacks {}", names.join(" or "));
            self.problems.add(step.place, message, format!("add `{}` under `with`", names[0]));
        }
    }

    /// `undo` takes back `done`: without that there is nothing to take back.
    fn undo_without(&mut self, step: &StepView<'_>, undo: &str, done: &str) {
        let there = self.presence(step.setting(undo)) == Presence::There;
        if there && self.presence(step.setting(done)) == Presence::Absent {
            let action = step.action;
            let message = format!("`{undo}` of `{action}` takes back what `{done}` did, and there is no `{done}`");
            self.problems.add(step.setting_place(undo), message, format!("add `{done}`, or remove `{undo}`"));
        }
    }

    fn switch(&mut self, step: &StepView<'_>) {
        self.one_of(step, &["file", "configmap", "secret_name", "env"]);
        for name in ["file", "configmap", "secret_name", "key"] {
            self.not_empty(step.setting_place(name), step.setting(name), &format!("`{name}`"));
        }
        if step.setting("env").is_some() {
            return self.switched_variables(step);
        }
        let sets =
            ["set", "secret", "unset"].iter().any(|name| step.setting(name).is_some_and(|node| !node.is_empty()));
        if !sets {
            let advice = "add `set`: section, key and value";
            self.problems.add(step.place, "`switch-config` changes nothing", advice);
        }
        self.format(step, step.setting("file").or(step.setting("key")));
    }

    /// A file's ending says what it is written in, or the runbook does.
    fn format(&mut self, step: &StepView<'_>, file: Option<&Node>) {
        let known = ["ini", "cnf", "conf", "cfg", "env", "yaml", "yml"];
        if let Some((node, path)) = file.and_then(|node| Some((node, self.known(node)?)))
            && step.setting("format").is_none()
            && !path.is_empty()
            && !path.rsplit(['.', '/']).next().is_some_and(|ending| known.contains(&ending))
        {
            let message = format!("nothing says whether `{path}` is an ini, an environment or a YAML file");
            self.problems.add(node.place, message, "add `format: ini`, `format: env` or `format: yaml`");
        }
    }

    fn health(&mut self, step: &StepView<'_>) {
        let probes =
            ["http", "sql", "same"].iter().flat_map(|name| step.setting(name).map(Node::items).unwrap_or_default());
        if probes.count() == 0 {
            self.problems.add(step.place, "`health` asks nothing", "add a probe under `http`, `sql` or `same`");
        }
        for probe in step.setting("http").map(Node::items).unwrap_or_default() {
            let Some(url) = probe.get("url") else { continue };
            let fits = |text: &str| {
                text.starts_with("http://") || text.starts_with("https://") || self.filled && text.is_empty()
            };
            if self.known(url).is_some_and(|text| !fits(text)) {
                self.problems.add(url.place, "`url` must begin with `http://` or `https://`", "");
            }
            let status = probe.get("status").and_then(|node| Some((node, node.text()?.parse::<u16>().ok()?)));
            if let Some((node, status)) = status.filter(|(_, status)| !(100..600).contains(status)) {
                self.problems.add(node.place, format!("{status} is no HTTP status"), "write 100 to 599");
            }
        }
        for query in step.setting("sql").map(Node::items).unwrap_or_default() {
            self.not_empty(query.place, query.get("query"), "`query`");
        }
    }

    fn positive(&mut self, node: Option<&Node>, name: &str) {
        let number = node.and_then(|node| Some((node, node.text()?.parse::<f64>().ok()?)));
        if let Some((node, number)) = number.filter(|(_, number)| *number <= 0.0) {
            self.problems.add(node.place, format!("`{name}` must be more than zero, not {number}"), "");
        }
    }

    fn at_least_one(&mut self, node: Option<&Node>, what: &str) {
        if let Some(node) = node.filter(|node| node.text() == Some("0")) {
            self.problems.add(node.place, format!("{what} must be at least 1"), "");
        }
    }

    fn not_empty(&mut self, place: Place, node: Option<&Node>, what: &str) {
        if node.is_some_and(|node| node.text().is_some_and(|text| text.trim().is_empty())) {
            self.problems.add(place, format!("{what} is empty"), "");
        }
    }

    fn presence(&self, node: Option<&Node>) -> Presence {
        match node {
            Some(node) if node.is_empty() => Presence::Absent,
            Some(node) if !self.filled && node.text().is_some_and(template::is_template) => Presence::Perhaps,
            Some(_) => Presence::There,
            None => Presence::Absent,
        }
    }

    /// The text of a scalar that is no open template.
    fn known<'n>(&self, node: &'n Node) -> Option<&'n str> {
        node.text().filter(|text| self.filled || !template::is_template(text))
    }
}

fn is_workload(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, name)| {
        let kind = kind.trim_end_matches('s');
        ["deployment", "statefulset"].contains(&kind) && !name.is_empty() && !name.contains('/')
    })
}
