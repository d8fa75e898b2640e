//! Compares a value of two places without showing it: an application that encrypts what it stores reads nothing any more when its key
//! differs.

use super::objects::{Kind, Target};
use super::workload::Workload;
use crate::action::failure::{bad, passed};
use crate::action::{ActionError, Context, config_file};
use crate::connect::kubernetes::Permission;
use crate::evidence::Finding;
use crate::runbook::settings::{ConfigFormat, ConfigValue, Same};
use k8s_openapi::ByteString;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// What reading a place needs; where a variable leads is asked of the workload.
pub(super) async fn permissions(context: &Context, place: &ConfigValue) -> Vec<Permission> {
    let Ok(cluster) = context.cluster() else { return Vec::new() };
    let namespace = cluster.namespace();
    let get = |kind: Kind, name: &str| Target::new(kind, namespace, name).may(&["get"]);
    let mut wanted = Vec::new();
    wanted.extend(place.configmap.iter().flat_map(|name| get(Kind::config_map(), name)));
    wanted.extend(place.secret_name.iter().flat_map(|name| get(Kind::secret(), name)));
    if let Some(label) = &place.workload {
        let workload = Workload::new(label, namespace);
        wanted.extend(workload.map(|workload| workload.target.may(&["get"])).unwrap_or_default());
        let led = variable(context, label, place).await.ok().flatten().and_then(|variable| reference(&variable));
        wanted.extend(led.into_iter().flat_map(|led| get(led.kind, &led.name)));
    }
    wanted
}

/// Whether both places hold the same.
pub(in crate::action) async fn compare(context: &Context, same: &Same) -> Finding {
    let check = format!("{} is the same", same.name);
    let (one, other) = match (read(context, &same.one).await, read(context, &same.other).await) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(error), _) | (_, Err(error)) => return bad(check, error.message, "correct the place in the runbook"),
    };
    let places = format!("{} and {}", label(&same.one), label(&same.other));
    let or_default = |value: &Option<SecretString>| {
        let default = same.default.as_ref().map(|default| default.expose().to_owned());
        value.as_ref().map(|value| value.expose_secret().to_owned()).or(default)
    };
    match (or_default(&one), or_default(&other)) {
        (Some(one), Some(other)) if one == other => passed(check, places),
        (Some(_), Some(_)) => bad(
            check,
            format!("{places} hold different values"),
            "make them the same before the switch: what one encrypted the other cannot read",
        ),
        (None, None) => {
            passed(check, format!("neither {places} says it: the application's own default counts on both"))
        }
        (None, Some(_)) => bad(
            check,
            format!("{} does not say it, {} does", label(&same.one), label(&same.other)),
            "write it in both, or name the application's `default`",
        ),
        (Some(_), None) => bad(
            check,
            format!("{} does not say it, {} does", label(&same.other), label(&same.one)),
            "write it in both, or name the application's `default`",
        ),
    }
}

fn label(place: &ConfigValue) -> String {
    let whole = match (&place.file, &place.configmap, &place.secret_name, &place.workload) {
        (Some(file), ..) => file.display().to_string(),
        (_, Some(name), ..) => format!("ConfigMap {name}"),
        (_, _, Some(name), _) => format!("Secret {name}"),
        (.., workload) => workload.clone().unwrap_or_default(),
    };
    [&place.key, &place.env, &place.name].into_iter().flatten().fold(whole, |whole, part| format!("{whole} {part}"))
}

async fn read(context: &Context, place: &ConfigValue) -> Result<Option<SecretString>, ActionError> {
    if let Some(file) = &place.file {
        let bytes = std::fs::read(file).map_err(|error| ActionError::file("reading", file, &error))?;
        return within(place, bytes);
    }
    if let Some(workload) = &place.workload {
        return of_variable(context, workload, place).await;
    }
    let kind = if place.configmap.is_some() { Kind::config_map() } else { Kind::secret() };
    let name = place.configmap.as_ref().or(place.secret_name.as_ref()).map(String::as_str).unwrap_or_default();
    match key(context, kind, name, place.key.as_deref().unwrap_or_default()).await? {
        Some(bytes) => within(place, bytes),
        None => Ok(None),
    }
}

/// The value inside a configuration file, or the whole of it.
fn within(place: &ConfigValue, bytes: Vec<u8>) -> Result<Option<SecretString>, ActionError> {
    let Some(name) = &place.name else {
        return Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned().into()));
    };
    let format = place.format.unwrap_or(ConfigFormat::Ini);
    let value = config_file::value(format, &bytes, &place.section, name);
    let value = value.map_err(|error| ActionError::refused(format!("reading {}: {error}", label(place))))?;
    Ok(value.map(SecretString::from))
}

async fn key(context: &Context, kind: Kind, name: &str, key: &str) -> Result<Option<Vec<u8>>, ActionError> {
    let cluster = context.cluster()?;
    let is_secret = kind == Kind::secret();
    let found = Target::new(kind, cluster.namespace(), name).get(cluster).await?;
    let value = &found["data"][key];
    Ok(match is_secret {
        true => serde_json::from_value::<ByteString>(value.clone()).ok().map(|bytes| bytes.0),
        false => value.as_str().map(|text| text.as_bytes().to_vec()),
    })
}

/// Where a variable gets its value from.
struct Reference {
    kind: Kind,
    name: String,
    key: String,
}

fn reference(variable: &Value) -> Option<Reference> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kinds = [("secretKeyRef", Kind::secret()), ("configMapKeyRef", Kind::config_map())];
    kinds.into_iter().find_map(|(field, kind)| {
        let reference = &variable["valueFrom"][field];
        (!reference.is_null()).then(|| Reference { kind, name: text(&reference["name"]), key: text(&reference["key"]) })
    })
}

/// A container's variable as the workload has it.
async fn variable(context: &Context, label: &str, place: &ConfigValue) -> Result<Option<Value>, ActionError> {
    let cluster = context.cluster()?;
    let found = Workload::new(label, cluster.namespace())?.target.get(cluster).await?;
    let containers = found["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let container =
        containers.iter().find(|one| place.container.as_ref().is_none_or(|name| one["name"] == name.as_str()));
    let wanted = place.env.as_deref().unwrap_or_default();
    let variables = container.and_then(|container| container["env"].as_array()).into_iter().flatten();
    Ok(variables.into_iter().rfind(|variable| variable["name"] == wanted).cloned())
}

/// Its value, the reference followed.
async fn of_variable(context: &Context, label: &str, place: &ConfigValue) -> Result<Option<SecretString>, ActionError> {
    let Some(variable) = variable(context, label, place).await? else { return Ok(None) };
    match reference(&variable) {
        Some(led) => {
            let bytes = key(context, led.kind, &led.name, &led.key).await?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned().into()))
        }
        None => Ok(Some(variable["value"].as_str().unwrap_or_default().to_owned().into())),
    }
}
