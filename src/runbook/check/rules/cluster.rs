//! Rules for settings of steps that act on a cluster.

use super::Look;
use crate::runbook::check::StepView;
use crate::runbook::problem::Place;
use crate::runbook::yaml::Node;

impl Look<'_> {
    /// Every workload is written with its kind.
    pub(super) fn workloads(&mut self, step: &StepView<'_>) {
        let listed = step.setting("workloads").map(Node::items).unwrap_or_default();
        let of = |setting: &str| step.setting(setting).and_then(|setting| setting.get("workload"));
        for node in listed.iter().chain(of("env")).chain(of("pod")) {
            self.workload(node);
        }
        for probe in step.setting("same").map(Node::items).unwrap_or_default() {
            for side in ["one", "other"].iter().filter_map(|side| probe.get(side)) {
                self.value_place(side);
            }
        }
    }

    fn workload(&mut self, node: &Node) {
        let Some(text) = self.known(node).map(str::to_owned) else { return };
        let fits = text.split_once('/').is_some_and(|(kind, name)| {
            matches!(kind, "deployment" | "statefulset") && !name.is_empty() && !name.contains('/')
        });
        if !(fits || self.filled && text.is_empty()) {
            let message = format!("`{text}` is no workload");
            self.problems.add(node.place, message, "write `deployment/NAME` or `statefulset/NAME`");
        }
    }

    pub(super) fn quiesce(&mut self, step: &StepView<'_>) {
        self.undo_without(step, "start", "stop");
        self.undo_without(step, "inside", "workloads");
        if step.setting("stop").is_some_and(|node| !node.is_empty())
            && step.setting("workloads").is_some_and(|node| !node.is_empty())
        {
            let message = "`quiesce` has `stop` and `workloads`: a command on this host, and workloads on a cluster";
            self.problems.add(step.setting_place("workloads"), message, "keep one of them, or write two steps");
        }
    }

    /// Variables are written under `env` and nowhere else in the step.
    pub(super) fn switched_variables(&mut self, step: &StepView<'_>) {
        let Some(env) = step.setting("env") else { return };
        for name in ["set", "secret", "unset", "key", "format"] {
            if step.setting(name).is_some_and(|node| !node.is_empty()) {
                let message = format!("`{name}` stands beside `env`, which has its own");
                self.problems.add(step.setting_place(name), message, "write it under `env`, or in a step of its own");
            }
        }
        if !["set", "from", "unset"].iter().any(|name| env.get(name).is_some_and(|node| !node.is_empty())) {
            let advice = "add `set`: variable and value, or `from`";
            self.problems.add(step.setting_place("env"), "`switch-config` changes nothing", advice);
        }
        for entry in env.get("from").map(Node::entries).unwrap_or_default() {
            self.exactly_one(&entry.value, entry.place, &["secret", "configmap"]);
        }
    }

    fn value_place(&mut self, node: &Node) {
        self.exactly_one(node, node.place, &["file", "configmap", "secret_name", "workload"]);
        if let Some(workload) = node.get("workload") {
            self.workload(workload);
        }
    }

    fn exactly_one(&mut self, node: &Node, place: Place, names: &[&str]) {
        let there = names.iter().filter(|name| node.get(name).is_some_and(|node| !node.is_empty())).count();
        if there != 1 {
            let message = format!("this names {there} of {}", names.join(", "));
            self.problems.add(place, message, "name exactly one");
        }
    }
}
