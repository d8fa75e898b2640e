//! An API server of the tests' own, behind kube's client: it holds objects, applies patches as the real one does, and goes wrong on demand. For what
//! the test cluster is too old for, and for races that no real server can be brought to.

use cutover::connect::kubernetes::{Cluster, Place};
use http::{Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

/// What happens to the next patch.
pub enum Fault {
    /// Somebody else wrote in between, this: our patch does not hold any more.
    Overtaken(fn(&mut Value)),
    /// It is done, and nobody hears of it.
    AnswerLost,
}

#[derive(Default)]
struct Held {
    /// Objects by their path.
    objects: BTreeMap<String, Value>,
    faults: VecDeque<Fault>,
    /// Paths that this user may not see.
    forbidden: Vec<String>,
    /// Looks after each patch, as controllers do.
    controller: Option<fn(&mut Value)>,
    patches: usize,
}

#[derive(Clone, Default)]
pub struct Api {
    held: Arc<Mutex<Held>>,
}

impl Api {
    pub fn put(&self, path: &str, mut object: Value) {
        object["metadata"]["uid"] = json!(format!("uid-of-{path}"));
        object["metadata"]["resourceVersion"] = json!("1");
        object["metadata"]["name"] = json!(path.rsplit('/').next());
        self.held.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    pub fn get(&self, path: &str) -> Value {
        self.held.lock().unwrap().objects[path].clone()
    }

    pub fn fault(&self, fault: Fault) {
        self.held.lock().unwrap().faults.push_back(fault);
    }

    pub fn forbid(&self, path: &str) {
        self.held.lock().unwrap().forbidden.push(path.to_owned());
    }

    pub fn controller(&self, controller: fn(&mut Value)) {
        self.held.lock().unwrap().controller = Some(controller);
    }

    /// Patches that held.
    pub fn patches(&self) -> usize {
        self.held.lock().unwrap().patches
    }

    /// A client of it, in namespace `apps`.
    pub fn cluster(&self) -> Arc<Cluster> {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let held = self.held.clone();
        tokio::spawn(async move {
            while let Some((request, send)) = handle.next_request().await {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap_or_default();
                let (code, answer) = answer(&mut held.lock().unwrap(), &head, &body);
                let body = if answer.is_null() { Vec::new() } else { answer.to_string().into_bytes() };
                let response = Response::builder().status(code).header("content-type", "application/json");
                send.send_response(response.body(Body::from(body)).unwrap());
            }
        });
        let place = Place { context: "mock".to_owned(), namespace: "apps".to_owned() };
        Arc::new(Cluster::with_client(kube::Client::new(service, "apps"), place))
    }
}

fn status(code: StatusCode, reason: &str) -> (StatusCode, Value) {
    let text = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason,
        "reason": reason, "code": code.as_u16() });
    (code, text)
}

fn answer(held: &mut Held, head: &http::request::Parts, body: &[u8]) -> (StatusCode, Value) {
    let path = head.uri.path();
    if held.forbidden.iter().any(|forbidden| path.starts_with(forbidden.as_str())) {
        return status(StatusCode::FORBIDDEN, "Forbidden");
    }
    match (head.method.as_str(), held.objects.contains_key(path)) {
        // Nothing more happens: the watch ends and the list is asked for again.
        ("GET", _) if head.uri.query().is_some_and(|query| query.contains("watch=")) => (StatusCode::OK, Value::Null),
        ("GET", true) => (StatusCode::OK, held.objects[path].clone()),
        ("GET", false) => listed(held, path),
        ("PATCH", true) => patched(held, path, body),
        _ => status(StatusCode::NOT_FOUND, "NotFound"),
    }
}

/// Kinds of the core and of `apps` are always served, others where an object of theirs is there.
fn listed(held: &Held, path: &str) -> (StatusCode, Value) {
    let below = |object: &&String| object.strip_prefix(path).is_some_and(|name| name.starts_with('/'));
    let mut items: Vec<Value> = held.objects.keys().filter(below).map(|path| held.objects[path].clone()).collect();
    if path.ends_with("/pods") {
        items.extend(held.objects.values().flat_map(pods));
    }
    let always = ["pods", "horizontalpodautoscalers", "events"].iter().any(|kind| path.ends_with(kind));
    match items.is_empty() && !always {
        true => status(StatusCode::NOT_FOUND, "NotFound"),
        false => (StatusCode::OK, json!({ "metadata": { "resourceVersion": "9" }, "items": items })),
    }
}

/// As many ready pods as a Deployment wants.
fn pods(workload: &Value) -> Vec<Value> {
    let wanted = if workload["kind"] == "Deployment" { workload["spec"]["replicas"].as_u64().unwrap() } else { 0 };
    let status = json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] });
    let pod = |number| json!({ "metadata": { "name": format!("app-{number}"), "uid": format!("pod-{number}") }, "status": status });
    (0..wanted).map(pod).collect()
}

fn patched(held: &mut Held, path: &str, body: &[u8]) -> (StatusCode, Value) {
    let fault = held.faults.pop_front();
    let object = held.objects.get_mut(path).unwrap();
    if let Some(Fault::Overtaken(change)) = &fault {
        change(object);
        moved_on(object);
    }
    let patch: json_patch::Patch = serde_json::from_slice(body).unwrap();
    let mut after = object.clone();
    if json_patch::patch(&mut after, &patch).is_err() {
        return status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid");
    }
    if let Some(controller) = held.controller {
        controller(&mut after);
    }
    if after["kind"] == "Deployment" {
        let count = after["spec"]["replicas"].clone();
        after["status"] = json!({ "observedGeneration": after["metadata"]["generation"], "replicas": count,
            "updatedReplicas": count, "readyReplicas": count, "availableReplicas": count });
    }
    moved_on(&mut after);
    *object = after.clone();
    held.patches += 1;
    match fault {
        Some(Fault::AnswerLost) => status(StatusCode::GATEWAY_TIMEOUT, "Timeout"),
        _ => (StatusCode::OK, after),
    }
}

fn moved_on(object: &mut Value) {
    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}
