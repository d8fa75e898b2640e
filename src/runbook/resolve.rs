//! The one conversion: a document as written becomes a runbook as checked.

use super::check::{self, Region, region};
use super::problem::Problems;
use super::settings::Settings;
use super::template::{self, Reference, variable};
use super::written::{
    Written, WrittenGate, WrittenService, WrittenSource, WrittenStep, WrittenTarget, WrittenTransfer,
};
use super::yaml::{Kind, Node};
use super::{
    Document, Gate, Gateway, GatewayKind, Outputs, Parameter, Platform, Runbook, SecretTarget, Service, Source,
    SourcePod, Step, StepId, Target, TransferOptions, duration,
};
use minijinja::Value;
use std::collections::BTreeMap;

/// See [`Document::resolve`].
pub(super) fn resolve(
    document: &Document,
    root: &Node,
    context: &Value,
    outputs: &Outputs,
) -> Result<Runbook, Problems> {
    let mut problems = Problems::new(document.file());
    let mut filled = root.clone();
    let left_out = leave_out(&mut filled, context, &mut problems);
    let known: BTreeMap<String, &BTreeMap<String, String>> =
        outputs.iter().map(|(id, names)| (variable(id), names)).collect();
    let mut filling = Filling {
        parameters: document.parameters(),
        context,
        outputs: &known,
        left_out: &left_out,
        problems: &mut problems,
        path: Vec::new(),
    };
    filling.node(&mut filled);
    let values = check::filled(&filled, &mut problems);
    let values = problems.or(values)?;
    build(document, values, &left_out).map_err(|error| {
        let mut problems = Problems::new(document.file());
        problems.add(root.place, format!("the runbook cannot be read: {error}"), "");
        problems
    })
}

/// A step that is not part of this run.
struct LeftOut {
    id: String,
    /// How many steps stand before it, those left out not counted.
    position: usize,
    downtime: Option<String>,
}

/// Removes the steps whose `when` says so.
fn leave_out(root: &mut Node, context: &Value, problems: &mut Problems) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    let Kind::Map(entries) = &mut root.kind else { return left_out };
    let Some(steps) = entries.iter_mut().find(|entry| entry.key == "steps") else { return left_out };
    let Kind::List(nodes) = &mut steps.value.kind else { return left_out };
    let mut kept = Vec::new();
    for node in nodes.drain(..) {
        if stays(&node, context, problems) {
            kept.push(node);
            continue;
        }
        let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let id = text("id").or_else(|| text("action")).unwrap_or_default();
        left_out.push(LeftOut { id, position: kept.len(), downtime: text("downtime") });
    }
    *nodes = kept;
    left_out
}

fn stays(step: &Node, context: &Value, problems: &mut Problems) -> bool {
    let Some(node) = step.get("when") else { return true };
    match template::render(node.text().unwrap_or_default(), context) {
        Ok(text) => !matches!(text.trim().to_lowercase().as_str(), "" | "false" | "no" | "0" | "none"),
        Err(reason) => {
            problems.add(node.place, format!("`when` cannot be filled in: {reason}"), "");
            true
        }
    }
}

/// Fills in templates where they stand.
struct Filling<'a> {
    parameters: &'a [Parameter],
    context: &'a Value,
    outputs: &'a BTreeMap<String, &'a BTreeMap<String, String>>,
    left_out: &'a [LeftOut],
    problems: &'a mut Problems,
    path: Vec<String>,
}

impl Filling<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.kind {
            Kind::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.at(&index.to_string(), item);
                }
            }
            Kind::Map(entries) => entries.iter_mut().for_each(|entry| self.at(&entry.key, &mut entry.value)),
            Kind::Scalar(scalar) if template::is_template(&scalar.text) => self.scalar(node),
            Kind::Scalar(_) | Kind::Broken => {}
        }
    }

    fn at(&mut self, key: &str, node: &mut Node) {
        self.path.push(key.to_owned());
        self.node(node);
        self.path.pop();
    }

    fn scalar(&mut self, node: &mut Node) {
        let text = node.text().unwrap_or_default().to_owned();
        if matches!(region(&self.path), Region::Fixed) || self.waits(node, &text) {
            return;
        }
        match template::render(&text, self.context) {
            Ok(rendered) => {
                if let Kind::Scalar(scalar) = &mut node.kind {
                    scalar.text = rendered;
                    scalar.plain = false;
                }
            }
            Err(reason) => {
                let reason = if self.is_secret(&text) {
                    "the reason may hold a secret and is not shown"
                } else {
                    reason.as_str()
                };
                self.problems.add(node.place, format!("this template cannot be filled in: {reason}"), "");
            }
        }
    }

    fn is_secret(&self, text: &str) -> bool {
        let references = template::references(text).unwrap_or_default();
        let named = |parameter: &Parameter| references.contains(&Reference::Parameter(parameter.name.clone()));
        self.parameters.iter().any(|parameter| parameter.secret && named(parameter))
    }

    /// Whether the template names what is not there yet. One that names a step that is left out would wait for ever.
    fn waits(&mut self, node: &Node, text: &str) -> bool {
        let mut waits = false;
        for reference in template::references(text).unwrap_or_default() {
            let Reference::Output(step, name) = &reference else { continue };
            if self.outputs.get(step).is_some_and(|names| names.contains_key(name)) {
                continue;
            }
            waits = true;
            if let Some(left_out) = self.left_out.iter().find(|left_out| variable(&left_out.id) == *step) {
                let message =
                    format!("`{}` names what `{}` leaves, and that step is left out", reference.path(), left_out.id);
                self.problems.add(check::place(node, &reference), message, "give both steps the same `when`");
            }
        }
        waits
    }
}

fn build(
    document: &Document,
    values: Vec<serde_json::Value>,
    left_out: &[LeftOut],
) -> Result<Runbook, serde_json::Error> {
    let mut values = values.into_iter();
    let written: Written = serde_json::from_value(values.next().unwrap_or_default())?;
    let steps: Vec<Step> = written
        .steps
        .into_iter()
        .zip(values)
        .map(|(step, settings)| self::step(step, settings))
        .collect::<Result<_, _>>()?;
    let name = written.name;
    let service_name = if written.service.name.is_empty() { name.clone() } else { written.service.name.clone() };
    let mut runbook = Runbook {
        description: written.description,
        parameters: document.parameters().to_vec(),
        source: source(written.source),
        transfer: transfer(written.transfer, written.target.schemas.clone()),
        target: target(written.target, &steps),
        service: service(written.service, service_name),
        downtime_budget: written.downtime_budget.as_deref().and_then(duration::parse),
        point_of_no_return: written.point_of_no_return.map(StepId),
        name,
        steps,
    };
    left_out.iter().for_each(|step| hand_over(step, &mut runbook));
    Ok(runbook)
}

fn service(written: WrittenService, name: String) -> Service {
    let WrittenService { place, platform, context, namespace, .. } = written;
    let place = match platform {
        Platform::Kubernetes if place.is_empty() && !context.is_empty() => format!("{context} · {namespace}"),
        _ => place,
    };
    Service { name, place, platform, context, namespace }
}

fn target(written: WrittenTarget, steps: &[Step]) -> Target {
    let WrittenTarget { url_from, secret, keys, gateway, forward_to, schemas } = written;
    let (kind, to) = forward_to.split_once('/').unwrap_or(("pod", &forward_to));
    let pod = steps.iter().find(|step| matches!(step.settings, Settings::TestPod(_)));
    let gateway = match (gateway, kind) {
        (GatewayKind::Direct, _) => Gateway::Direct,
        (GatewayKind::PortForward, "service") => Gateway::Service(to.to_owned()),
        (GatewayKind::PortForward, _) => Gateway::Pod(to.to_owned()),
        // That there is such a step was checked.
        (GatewayKind::Exec, _) => {
            Gateway::TestPod(pod.map_or_else(|| StepId::from("test-pod"), |step| step.id.clone()))
        }
    };
    let secret = (!secret.is_empty()).then_some(SecretTarget { name: secret, keys: keys.unwrap_or_default(), gateway });
    Target { url_from, secret, schemas }
}

fn step(written: WrittenStep, settings: serde_json::Value) -> Result<Step, serde_json::Error> {
    let tagged = serde_json::json!({ "action": written.action, "with": settings });
    let mut settings: Settings = serde_json::from_value(tagged)?;
    drop_empty(&mut settings);
    let gate = match written.gate {
        // A person has to say that it is done.
        WrittenGate::None if matches!(settings, Settings::Manual(_)) => Gate::Confirm,
        WrittenGate::None => Gate::None,
        WrittenGate::Confirm => Gate::Confirm,
        WrittenGate::Typed(name) => Gate::Typed(name),
    };
    let id = StepId(written.id.unwrap_or(written.action));
    Ok(Step { id, settings, note: written.note, gate, downtime: written.downtime })
}

/// Leaves out what depends on a parameter that has no value: a probe without an address, a secret without text.
fn drop_empty(settings: &mut Settings) {
    match settings {
        Settings::Health(health) => health.http.retain(|probe| !probe.url.is_empty()),
        Settings::SwitchConfig(switch) => {
            switch.secret.values_mut().for_each(|keys| keys.retain(|_, value| !value.expose().is_empty()));
            switch.secret.retain(|_, keys| !keys.is_empty());
        }
        _ => {}
    }
}

fn source(written: WrittenSource) -> Source {
    let WrittenSource { sqlite, workload, selector, container, claim, image, user } = written;
    let there = |text: Option<String>| text.filter(|text| !text.is_empty());
    let [workload, selector, container, claim, image] = [workload, selector, container, claim, image].map(there);
    let on_cluster = workload.is_some() || selector.is_some() || claim.is_some();
    let pod = on_cluster.then_some(SourcePod { workload, selector, container, claim, image, user });
    Source { sqlite: sqlite.into(), pod }
}

fn transfer(written: WrittenTransfer, schemas: Vec<String>) -> TransferOptions {
    TransferOptions {
        interval_units: written.interval_units,
        zones: written.zones,
        on_reject: written.on_reject,
        columns: written.columns,
        include: written.include,
        exclude: written.exclude,
        schemas,
        migration_table: written.migration_table,
        accept_levels: written.accept_levels,
        jobs: written.jobs,
        chunk_rows: written.chunk_rows,
        atomic_within: written.atomic_within.as_deref().and_then(duration::parse),
    }
}

/// What a step that is left out would have marked goes to its neighbour: the outage begins with the next step and ends with the one
/// before, and the point of no return is the next step.
fn hand_over(step: &LeftOut, runbook: &mut Runbook) {
    use super::Downtime::{Begins, Ends};
    let position = step.position;
    let (heir, mark) = match step.downtime.as_deref() {
        Some("begins") => (runbook.steps.get_mut(position), Begins),
        Some("ends") => (position.checked_sub(1).and_then(|before| runbook.steps.get_mut(before)), Ends),
        _ => (None, Begins),
    };
    if let Some(heir) = heir.filter(|heir| heir.downtime.is_none()) {
        heir.downtime = Some(mark);
    }
    if runbook.point_of_no_return.as_ref().is_some_and(|id| id.0 == step.id) {
        runbook.point_of_no_return = runbook.steps.get(position).map(|next| next.id.clone());
    }
}
