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

/// What reading a place needs. Where a variable leads is known only to the workload.
pub(super) fn permissions(place: &ConfigValue, namespace: &str) -> Vec<Permission> {
    let named =
        |kind: Kind, name: &Option<String>| name.as_ref().map(|name| Target::new(kind, namespace, name).may(&["get"]));
    let workload = place.workload.as_ref().and_then(|label| Workload::new(label, namespace).ok());
    [
        named(Kind::config_map(), &place.configmap),
        named(Kind::secret(), &place.secret_name),
        workload.map(|workload| workload.target.may(&["get"])),
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect()
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
        return variable(context, workload, place).await;
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

/// A container's variable, its reference followed.
async fn variable(context: &Context, label: &str, place: &ConfigValue) -> Result<Option<SecretString>, ActionError> {
    let cluster = context.cluster()?;
    let found = Workload::new(label, cluster.namespace())?.target.get(cluster).await?;
    let containers = found["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let container =
        containers.iter().find(|one| place.container.as_ref().is_none_or(|name| one["name"] == name.as_str()));
    let wanted = place.env.as_deref().unwrap_or_default();
    let variables = container.and_then(|container| container["env"].as_array()).into_iter().flatten();
    let Some(variable) = variables.into_iter().rfind(|variable| variable["name"] == wanted) else { return Ok(None) };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for (field, kind) in [("secretKeyRef", Kind::secret()), ("configMapKeyRef", Kind::config_map())] {
        let reference = &variable["valueFrom"][field];
        if !reference.is_null() {
            let bytes = key(context, kind, &text(&reference["name"]), &text(&reference["key"])).await?;
            return Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned().into()));
        }
    }
    Ok(Some(text(&variable["value"]).into()))
}
