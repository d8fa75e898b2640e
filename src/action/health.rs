//! Asks the application and the database whether they are well, until all answers are good or the time is over.

use super::{Action, ActionError, Checkpoint, Context, Description, Outcome, failure, frozen, wait};
use crate::evidence::{Evidence, Finding, Verdict};
use crate::figures;
use crate::runbook::settings::{self, HttpProbe, SqlProbe};
use async_trait::async_trait;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The action.
pub(super) struct Health(pub settings::Health);

const TIMEOUT: u64 = 120;
const BETWEEN: Duration = Duration::from_millis(500);
const ONE_REQUEST: Duration = Duration::from_secs(10);

#[async_trait]
impl Action for Health {
    fn describe(&self, _context: &Context) -> Description {
        let http = self.0.http.iter().map(|probe| format!("GET {}", probe.url));
        let sql = self.0.sql.iter().map(|probe| format!("{} = {}", probe.query, probe.expect));
        Description {
            does: "Asks the application and the database whether they are well.".to_owned(),
            effects: http.chain(sql).collect(),
            way_back: "Changes nothing.".to_owned(),
            reversible: true,
            changes: false,
        }
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
            let asked = probe.clone();
            let answer = frozen::blocking("asking the application", move || request(&asked)).await?;
            findings.push(finding(format!("GET {}", probe.url), answer, context));
        }
        for probe in &self.0.sql {
            findings.push(finding(probe.query.clone(), query(context, probe).await, context));
        }
        Ok(findings)
    }
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

fn request(probe: &HttpProbe) -> Result<String, String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ONE_REQUEST))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build();
    let mut response = config.new_agent().get(&probe.url).call().map_err(|error| error.to_string())?;
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
