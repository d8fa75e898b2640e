//! The pod itself: restricted, limited, and ending by itself.

use crate::action::ActionError;
use crate::connect::kubernetes::names;
use crate::runbook::{SecretTarget, settings};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// Does nothing until it is told to end; a shell and `sleep` are all it needs.
const IDLE: &str = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done";
/// Where the certificates of the database's authority are mounted.
const CERTIFICATES: &str = "/etc/cutover";
const NOBODY: u32 = 65534;

pub(super) fn pod(
    settings: &settings::TestPod,
    run: &str,
    step: &str,
    secret: &SecretTarget,
    has_ca: bool,
) -> Result<Pod, ActionError> {
    let mut labels = settings.labels.clone();
    labels.extend(names::labels(run, step));
    let (mut mounts, mut volumes) = (Vec::new(), Vec::new());
    let mut env = environment(run, secret);
    if has_ca {
        env.push(json!({ "name": "PGSSLROOTCERT", "value": format!("{CERTIFICATES}/ca.crt") }));
        mounts.push(json!({ "name": "ca", "mountPath": CERTIFICATES, "readOnly": true }));
        let items = json!([{ "key": secret.keys.ca, "path": "ca.crt" }]);
        volumes.push(json!({ "name": "ca", "secret": { "secretName": secret.name, "items": items } }));
    }
    let pod = json!({
        "metadata": { "name": names::object(run, step), "labels": labels, "annotations": settings.annotations },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": lifetime(settings),
            "terminationGracePeriodSeconds": 2,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "serviceAccountName": settings.service_account,
            "imagePullSecrets": settings.image_pull_secrets.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "nodeSelector": settings.node_selector,
            "tolerations": settings.tolerations.iter().map(toleration).collect::<Vec<_>>(),
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": settings.run_as_user.unwrap_or(NOBODY),
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "volumes": volumes,
            "containers": [{
                "name": "psql",
                "image": settings.image,
                "command": ["sh", "-c", IDLE],
                "env": env,
                "volumeMounts": mounts,
                "resources": { "requests": settings.requests, "limits": settings.limits },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    });
    serde_json::from_value(pod).map_err(|error| ActionError::failed(format!("writing the test pod: {error}")))
}

/// Seconds; longer than any cutover.
pub(super) fn lifetime(settings: &settings::TestPod) -> u64 {
    settings.lifetime_seconds.unwrap_or(6 * 3600)
}

/// libpq's variables, so that `psql` needs no arguments.
fn environment(run: &str, secret: &SecretTarget) -> Vec<Value> {
    let keys = &secret.keys;
    let from = |name: &str, key: &str, optional: bool| {
        let reference = json!({ "name": secret.name, "key": key, "optional": optional });
        json!({ "name": name, "valueFrom": { "secretKeyRef": reference } })
    };
    vec![
        from("PGHOST", &keys.host, false),
        from("PGPORT", &keys.port, true),
        from("PGDATABASE", &keys.name, true),
        from("PGUSER", &keys.user, false),
        from("PGPASSWORD", &keys.password, false),
        from("PGSSLMODE", &keys.sslmode, true),
        json!({ "name": "PGAPPNAME", "value": format!("cutover/{run}/test-pod") }),
        json!({ "name": "PGCONNECT_TIMEOUT", "value": "10" }),
        json!({ "name": "PSQL_HISTORY", "value": "/dev/null" }),
        json!({ "name": "HOME", "value": "/tmp" }),
    ]
}

fn toleration(toleration: &settings::Toleration) -> Value {
    let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let operator = if toleration.value.is_empty() { "Exists" } else { "Equal" };
    json!({
        "key": set(&toleration.key),
        "operator": operator,
        "value": set(&toleration.value),
        "effect": set(&toleration.effect),
    })
}
