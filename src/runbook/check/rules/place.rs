//! What a runbook says about its cluster: the service's place, and a target whose address is in a Secret.

use super::Look;
use crate::runbook::check::StepView;
use crate::runbook::yaml::Node;

impl Look<'_> {
    pub(super) fn cluster(&mut self, root: &Node, steps: &[StepView<'_>]) {
        let service = root.get("service");
        let text = |key: &str| service.and_then(|service| service.get(key)).and_then(Node::text);
        let on_cluster = text("platform") == Some("kubernetes");
        if let Some(node) = service.filter(|_| on_cluster && text("namespace").is_none_or(str::is_empty)) {
            self.problems.add(
                node.place,
                "`service` runs on a cluster and names no namespace",
                "add `namespace: NAME`",
            );
        }
        if let Some(entry) = service.and_then(|service| service.entry("context")).filter(|_| !on_cluster) {
            let message = "`context` names a cluster, and the service runs on this host";
            self.problems.add(entry.place, message, "add `platform: kubernetes`");
        }
        let target = root.get("target");
        let secret = target.and_then(|target| target.entry("secret"));
        match (target, secret) {
            (Some(target), Some(secret)) => {
                if !on_cluster {
                    let message = "the address is in a Secret of a cluster, and the service runs on none";
                    self.problems.add(secret.place, message, "add `platform: kubernetes` to `service`");
                }
                self.not_empty(secret.place, Some(&secret.value), "`secret`");
                self.secret_target(target, steps);
            }
            (Some(target), None) => self.without_secret(target),
            (None, _) => {}
        }
        if let Some(step) = steps.iter().find(|step| step.action == "test-pod").filter(|_| secret.is_none()) {
            let message = "`test-pod` takes the database's address from a Secret, and `target` names none";
            self.problems.add(step.place, message, "add `secret: NAME` to `target`");
        }
    }

    fn secret_target(&mut self, target: &Node, steps: &[StepView<'_>]) {
        if let Some(url_from) = target.entry("url_from") {
            self.problems.add(url_from.place, "`target` has both `url_from` and `secret`", "keep one of them");
        }
        let gateway = target.get("gateway").and_then(|node| Some((node, self.known(node)?)));
        let to = target.get("forward_to");
        match gateway.map(|(node, text)| (node.place, text)) {
            Some((place, "port-forward")) if to.is_none_or(Node::is_empty) => {
                let message = "nothing says what is forwarded to";
                self.problems.add(place, message, "add `forward_to: service/NAME`, or `pod/NAME`");
            }
            Some((place, "exec")) if !steps.iter().any(|step| step.action == "test-pod") => {
                let message = "the database is reached through the test pod, and no step makes one";
                self.problems.add(place, message, "add a step `action: test-pod`");
            }
            _ => {}
        }
        let to = to.and_then(|node| Some((node, self.known(node)?)));
        // Empty text is a parameter without a value.
        let Some((node, text)) = to.filter(|(_, text)| !text.is_empty()) else { return };
        if gateway.is_none_or(|(_, text)| text != "port-forward") {
            let message = "`forward_to` is for `gateway: port-forward`";
            self.problems.add(node.place, message, "add that, or remove `forward_to`");
        } else if !matches!(text.split_once('/'), Some(("pod" | "service", name)) if !name.is_empty()) {
            let message = format!("`{text}` is neither a pod nor a service");
            self.problems.add(node.place, message, "write `service/NAME`, or `pod/NAME`");
        }
    }

    fn without_secret(&mut self, target: &Node) {
        for key in ["keys", "gateway", "forward_to"] {
            if let Some(entry) = target.entry(key) {
                let message = format!("`{key}` belongs to a target whose address is in a Secret");
                self.problems.add(entry.place, message, "add `secret: NAME`");
            }
        }
    }
}
