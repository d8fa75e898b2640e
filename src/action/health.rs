//! Asks the application and the database whether they are well, until all answers are good or the time is over.

use super::kubernetes::{self, Forwarded};
use super::{Action, ActionError, Checkpoint, Context, Description, FailureKind, Outcome, failure, frozen, wait};
use crate::connect::kubernetes::Permission;
use crate::evidence::{Evidence, Finding, Verdict};
use crate::figures;
use crate::runbook::settings::{self, HttpProbe, SqlProbe};
use async_trait::async_trait;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::DefaultConnector;

/// The action.
pub(super) struct Health(pub settings::Health);

const TIMEOUT: u64 = 120;
const BETWEEN: Duration = Duration::from_millis(500);
const ONE_REQUEST: Duration = Duration::from_secs(10);

#[async_trait]
impl Action for Health {
    fn describe(&self, _context: &Context) -> Description {
        let http = self.0.http.iter().map(named);
        let same =
            self.0.same.iter().map(|same| format!("{} is the same in both places, without being shown", same.name));
        let sql = self.0.sql.iter().map(|probe| format!("{} = {}", probe.query, probe.expect));
        Description {
            does: "Asks the application and the database whether they are well.".to_owned(),
            effects: http.chain(sql).chain(same).collect(),
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
    }

    /// A key that differs makes what was encrypted unreadable: better known before anything is moved.
    async fn check(&self, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        for same in &self.0.same {
            findings.push(kubernetes::compare(context, same).await);
        }
        findings
    }

    async fn permissions(&self, context: &Context) -> Vec<Permission> {
        kubernetes::health_permissions(&self.0, context).await
    }

    async fn apply(&self, context: &Context, _checkpoint: &Checkpoint) -> Result<Outcome, ActionError> {
        let begun = Instant::now();
        let findings = context.or_stopped("health", self.until_well(context, begun)).await?;
        context.progress.waiting("");
        let ill: Vec<String> = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Failed)
            .map(|finding| format!("{}: {}", finding.check, finding.detail))
            .collect();
        let evidence = Evidence { findings, ..Evidence::default() };
        if !ill.is_empty() {
            let message = format!(
                "not well after {}: {}; look at the application's log, then retry or roll back",
                figures::seconds(begun.elapsed().as_secs_f64()),
                ill.join("; ")
            );
            return Err(ActionError::failed(message).with_evidence(evidence));
        }
        let probes = figures::counted(evidence.findings.len() as u64, "probe");
        let summary = format!("{probes} well after {}", figures::seconds(begun.elapsed().as_secs_f64()));
        Ok(Outcome { summary, evidence, ..Outcome::default() })
    }
}

impl Health {
    async fn until_well(&self, context: &Context, begun: Instant) -> Result<Vec<Finding>, ActionError> {
        let timeout = Duration::from_secs(self.0.timeout_seconds.unwrap_or(TIMEOUT));
        loop {
            let findings = self.ask(context).await?;
            let ill = findings.iter().find(|finding| finding.verdict == Verdict::Failed);
            let Some(ill) = ill.filter(|_| begun.elapsed() + BETWEEN < timeout) else { return Ok(findings) };
            context.progress.waiting(format!("{} ({})", ill.check, ill.detail));
            tokio::time::sleep(BETWEEN).await;
        }
    }

    async fn ask(&self, context: &Context) -> Result<Vec<Finding>, ActionError> {
        let mut findings = Vec::new();
        for probe in &self.0.http {
            let answer = asked(context, probe).await?;
            findings.push(finding(named(probe), answer, context));
        }
        for same in &self.0.same {
            findings.push(kubernetes::compare(context, same).await);
        }
        for probe in &self.0.sql {
            findings.push(finding(probe.query.clone(), query(context, probe).await, context));
        }
        Ok(findings)
    }
}

fn named(probe: &HttpProbe) -> String {
    let through = probe.through.as_ref().map(|through| format!(" through {through}")).unwrap_or_default();
    format!("GET {}{through}", probe.url)
}

/// One request, over the network or by a port-forward.
async fn asked(context: &Context, probe: &HttpProbe) -> Result<Result<String, String>, ActionError> {
    let forwarded = match &probe.through {
        None => None,
        Some(through) => match Forwarded::open(context, through, port_of(&probe.url)).await {
            Ok(forwarded) => Some(forwarded),
            Err(error) if error.kind == FailureKind::Failed => return Ok(Err(error.message)),
            Err(error) => return Err(error),
        },
    };
    let (probe, address) = (probe.clone(), forwarded.as_ref().map(|forwarded| forwarded.address));
    frozen::blocking("asking the application", move || request(&probe, address)).await
}

/// The port that an address names, or its scheme's.
fn port_of(url: &str) -> u16 {
    let usual = if url.starts_with("https:") { 443 } else { 80 };
    let authority = url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(usual)
}

fn finding(check: String, answer: Result<String, String>, context: &Context) -> Finding {
    match answer {
        Ok(detail) => failure::passed(check, context.secrets.mask(&detail)),
        Err(detail) => failure::bad(check, context.secrets.mask(&detail), ""),
    }
}

async fn query(context: &Context, probe: &SqlProbe) -> Result<String, String> {
    match wait::ask(context, &probe.query).await {
        Ok(answer) if answer == probe.expect => Ok(format!("answers {answer}")),
        Ok(answer) => Err(format!("answers {answer}, expected {}", probe.expect)),
        Err(error) => Err(error.message),
    }
}

/// Leads every name to one address, so that the request and its TLS still name the application's own host.
#[derive(Debug)]
struct Only(SocketAddr);

impl Resolver for Only {
    fn resolve(
        &self,
        _uri: &ureq::http::Uri,
        _config: &ureq::config::Config,
        _timeout: ureq::unversioned::transport::NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut all = self.empty();
        all.push(self.0);
        Ok(all)
    }
}

fn request(probe: &HttpProbe, address: Option<SocketAddr>) -> Result<String, String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ONE_REQUEST))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build();
    let agent = match address {
        None => config.new_agent(),
        Some(address) => ureq::Agent::with_parts(config, DefaultConnector::default(), Only(address)),
    };
    let mut response = agent.get(&probe.url).call().map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let expected = probe.status.unwrap_or(200);
    if status != expected {
        return Err(format!("status {status}, expected {expected}: {}", shortened(&body)));
    }
    if let Some(text) = &probe.body_contains
        && !body.contains(text.as_str())
    {
        return Err(format!("the answer does not contain `{text}`: {}", shortened(&body)));
    }
    if !probe.json.is_empty() {
        let answer: Value =
            serde_json::from_str(&body).map_err(|error| format!("no JSON: {error}: {}", shortened(&body)))?;
        for (pointer, expected) in &probe.json {
            match answer.pointer(pointer) {
                Some(value) if value == expected => {}
                found => return Err(format!("{pointer} is {}, expected {expected}", found.unwrap_or(&Value::Null))),
            }
        }
    }
    Ok(format!("status {status}"))
}

fn shortened(body: &str) -> String {
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(200).collect()
}
