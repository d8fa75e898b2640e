//! A runbook as checked, written out again.

use super::checked::{Gate, Gateway, GatewayKind, Runbook, SecretTarget, Service, Source, SourcePod, Step, Target};
use super::duration;
use super::template::escape;
use super::written::{
    Ordered, Written, WrittenGate, WrittenService, WrittenSource, WrittenStep, WrittenTarget, WrittenTransfer,
};
use serde_json::Value;

impl Runbook {
    /// The text of a document that resolves to this runbook. Values that are never shown are written as
    /// [`super::Hidden::SHOWN`]; parameters are not used any more and so are left out; a path that is no UTF-8 is written as near as it goes.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let written = Written {
            name: self.name.clone(),
            description: escape(&self.description),
            parameters: Ordered(Vec::new()),
            source: source(&self.source),
            target: target(&self.target),
            service: service(&self.service),
            transfer: transfer(self),
            downtime_budget: self.downtime_budget.map(duration::write),
            point_of_no_return: self.point_of_no_return.as_ref().map(|id| id.0.clone()),
            steps: self.steps.iter().map(step).collect(),
        };
        let mut value = serde_json::to_value(&written).unwrap_or_default();
        tidy(&mut value);
        serde_saphyr::to_string(&value).unwrap_or_else(|_| format!("{value:#}\n"))
    }
}

fn service(service: &Service) -> WrittenService {
    WrittenService {
        name: escape(&service.name),
        place: escape(&service.place),
        platform: service.platform,
        context: escape(&service.context),
        namespace: escape(&service.namespace),
    }
}

fn target(target: &Target) -> WrittenTarget {
    let written =
        WrittenTarget { url_from: target.url_from.clone(), schemas: all(&target.schemas), ..WrittenTarget::default() };
    let Some(SecretTarget { name, keys, gateway }) = &target.secret else { return written };
    let (gateway, forward_to) = match gateway {
        Gateway::Direct => (GatewayKind::Direct, String::new()),
        Gateway::Pod(name) => (GatewayKind::PortForward, format!("pod/{}", escape(name))),
        Gateway::Service(name) => (GatewayKind::PortForward, format!("service/{}", escape(name))),
        Gateway::TestPod(_) => (GatewayKind::Exec, String::new()),
    };
    WrittenTarget { secret: escape(name), keys: Some(keys.clone()), gateway, forward_to, ..written }
}

fn all(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| escape(text)).collect()
}

fn source(source: &Source) -> WrittenSource {
    let SourcePod { workload, selector, container, claim, image, user } = source.pod.clone().unwrap_or_default();
    let [workload, selector, container, claim, image] =
        [workload, selector, container, claim, image].map(|text| text.map(|text| escape(&text)));
    WrittenSource {
        sqlite: escape(&source.sqlite.to_string_lossy()),
        workload,
        selector,
        container,
        claim,
        image,
        user,
    }
}

fn transfer(runbook: &Runbook) -> WrittenTransfer {
    let options = runbook.transfer.clone();
    WrittenTransfer {
        interval_units: options.interval_units,
        zones: options.zones,
        on_reject: options.on_reject,
        columns: options.columns,
        include: all(&options.include),
        exclude: all(&options.exclude),
        migration_table: options.migration_table,
        accept_levels: options.accept_levels,
        jobs: options.jobs,
        chunk_rows: options.chunk_rows,
        atomic_within: options.atomic_within.map(duration::write),
    }
}

fn step(step: &Step) -> WrittenStep {
    let mut tagged = serde_json::to_value(&step.settings).unwrap_or_default();
    let mut with = tagged["with"].take();
    escape_all(&mut with);
    let action = tagged["action"].as_str().unwrap_or_default().to_owned();
    WrittenStep {
        id: (step.id.0 != action).then(|| step.id.0.clone()),
        action,
        with: with.as_object().cloned().unwrap_or_default(),
        note: escape(&step.note),
        gate: match &step.gate {
            Gate::None => WrittenGate::None,
            Gate::Confirm => WrittenGate::Confirm,
            Gate::Typed(name) => WrittenGate::Typed(escape(name)),
        },
        when: None,
        downtime: step.downtime,
    }
}

fn escape_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = escape(text),
        Value::Array(items) => items.iter_mut().for_each(escape_all),
        Value::Object(map) => map.values_mut().for_each(escape_all),
        _ => {}
    }
}

/// Leaves out what stands for itself when it is absent.
fn tidy(document: &mut Value) {
    for key in ["source", "target", "service", "transfer"] {
        drop_defaults(&mut document[key]);
    }
    // What a Secret calls its pieces belongs to a target that has one.
    if let Some(target) = document["target"].as_object_mut().filter(|target| !target.contains_key("secret")) {
        target.remove("keys");
    }
    for step in document["steps"].as_array_mut().into_iter().flatten() {
        drop_defaults(&mut step["with"]);
        drop_defaults(step);
    }
    drop_defaults(document);
}

fn drop_defaults(value: &mut Value) {
    let says_something = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty() && !matches!(text.as_str(), "none" | "local" | "direct"),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, value| says_something(value) || key == "steps");
    }
}
