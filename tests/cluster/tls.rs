//! TLS from this host to the database's own server, whatever carries the stream in between: verified against the host that the Secret
//! names, never against where the stream ends.

use crate::gateway::{address, runbook, through_psql, told};
use crate::stage::{Stage, stage};
use cutover::connect::kubernetes::gateway::{Destination, PortForward};
use std::process::Command;
use std::sync::Arc;

/// A database that lets nobody in without TLS, under its service's whole name.
fn encrypted(stage: &Stage) {
    stage.database();
    let name = format!("db.{}.svc", stage.namespace);
    let file = |name: &str| stage.directory.path().join(name);
    crate::support::run(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=authority-of-the-test", "-addext", &format!("subjectAltName=DNS:{name}")])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(file("tls.key"))
            .arg("-out")
            .arg(file("tls.crt")),
    );
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    let script = format!(
        "cd /data/pg && umask 077 && cat >server.crt <<'X'\n{}X\ncat >server.key <<'X'\n{}X\nsed -i '1i hostnossl all all all reject' pg_hba.conf",
        read("tls.crt"),
        read("tls.key")
    );
    stage.kubectl(&["exec", "db", "--", "bash", "-c", &script]);
    stage.sql("alter system set ssl = on");
    stage.sql("select pg_reload_conf()");
    stage.soon(20, "the server to speak TLS", || stage.sql("show ssl") == "on");
    let secret =
        serde_json::json!({ "stringData": { "host": name, "sslmode": "verify-full", "ca.crt": read("tls.crt") } });
    stage.kubectl(&["patch", "secret", "database", "-p", &secret.to_string()]);
}

/// The same server by another name, which its certificate does not have.
fn another_name(stage: &Stage) -> String {
    stage.apply(
        "{apiVersion: v1, kind: Service, metadata: {name: other}, spec: {selector: {app: db}, ports: [{port: 5432, targetPort: pg, protocol: TCP}]}}",
    );
    format!("other.{}.svc", stage.namespace)
}

#[test]
fn a_certificate_is_verified_for_the_secrets_host_on_each_way() {
    let Some(stage) = stage() else { return };
    encrypted(&stage);
    stage.psql_pod("psql");
    let other = another_name(&stage);
    let right = format!("db.{}.svc", stage.namespace);
    for (host, service) in [(&right, "db"), (&other, "other")] {
        let (cluster, host) = (stage.cluster.clone(), host.clone());
        let through = through_psql(&stage, &host);
        let forward = PortForward { cluster, to: Destination::Service(service.to_owned()), port: 5432 };
        let address = address(&stage, Some(&host));
        for (way, address) in [
            ("exec", address.clone().reached_by(Arc::new(through))),
            ("port-forward", address.clone().reached_by(Arc::new(forward))),
        ] {
            let connected = stage.block_on(address.connect("tls"));
            if service == "other" {
                let Err(error) = connected else { panic!("{way}: {host} is not in the certificate") };
                assert!(error.to_string().contains("certificate"), "{way}: {error}");
                continue;
            }
            let client = connected.unwrap_or_else(|error| panic!("{way}: {error}"));
            let asked = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
            assert!(stage.block_on(client.query_one(asked, &[])).unwrap().get::<_, bool>(0), "{way}");
        }
    }
}

/// The test pod's psql, the copy and the proof, on a server that speaks nothing else.
#[test]
fn a_whole_copy_goes_encrypted_through_the_test_pod() {
    let Some(stage) = stage() else { return };
    encrypted(&stage);
    let runbook = runbook(&stage, "gateway: exec", 500);
    let run = ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes"];
    let output = stage.cutover(&run).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

#[test]
fn a_wrong_name_is_refused_before_anything_is_touched() {
    let Some(stage) = stage() else { return };
    encrypted(&stage);
    let other = another_name(&stage);
    let secret = serde_json::json!({ "stringData": { "host": other } });
    stage.kubectl(&["patch", "secret", "database", "-p", &secret.to_string()]);
    let runbook = runbook(&stage, "gateway: port-forward, forward_to: service/other", 50);
    let run = ["run", runbook.to_str().unwrap(), "--context", &stage.context, "--headless", "--yes"];
    let refused = stage.cutover(&run).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    assert!(told(&refused).contains("certificate") && told(&refused).contains(&other), "{}", told(&refused));
    assert_eq!(stage.nothing_of_ours(), "");
}
