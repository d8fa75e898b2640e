//! The source that is loaded: rows of Grafana and OnCall in the proportions of a large installation, drawn from a fixed seed.
//!
//! Nothing in it is too much for the other loaders: they may change values on the way, but load every row. What they lose of a
//! source with awkward values is the demo's subject (`cutover demo`), not a matter of speed.

use cutover::demo::source::{Random, moment};
use rusqlite::{Connection, Transaction, params};
use std::path::Path;

const SCHEMA: &str = include_str!("sqlite.sql");

/// 2023-01-01T00:00:00Z in seconds since 1970; moments spread over the 463 days from then on.
const START: i64 = 1_672_531_200;
const SPAN: i64 = 40_000_000;

/// Writes the source. At scale 1 it has 3 million rows in 600 MB.
pub fn generate(path: &Path, scale: f64) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("pragma journal_mode = off; pragma synchronous = off")?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    let mut generator = Generator { random: Random::new(0x2024_0607), counts: Counts::of(scale) };
    generator.grafana(&transaction)?;
    generator.oncall(&transaction)?;
    transaction.commit()
}

/// Rows of each table.
struct Counts {
    users: i64,
    tags: i64,
    dashboards: i64,
    annotations: i64,
    groups: i64,
    alerts: i64,
    records: i64,
}

impl Counts {
    fn of(scale: f64) -> Self {
        let rows = |at_one: f64, least: i64| ((at_one * scale) as i64).max(least);
        Self {
            users: rows(4e3, 50),
            tags: rows(2e4, 50),
            dashboards: rows(1e3, 60),
            annotations: rows(1.5e6, 60),
            groups: rows(1.5e5, 60),
            alerts: rows(2.7e5, 60),
            records: rows(1.08e6, 60),
        }
    }
}

struct Generator {
    random: Random,
    counts: Counts,
}

impl Generator {
    fn grafana(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.users(transaction)?;
        let mut insert = transaction.prepare("INSERT INTO tag VALUES (?, ?, ?)")?;
        for id in 1..=self.counts.tags {
            let word = self.random.words(1, 1);
            insert.execute(params![id, format!("key{}", id % 97), format!("value-{id}-{word}")])?;
        }
        self.dashboards(transaction)?;
        self.annotations(transaction)
    }

    fn oncall(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.groups(transaction)?;
        self.alerts(transaction)?;
        self.records(transaction)
    }

    fn users(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let r = &mut self.random;
        let mut insert =
            transaction.prepare("INSERT INTO user VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'dark', ?, ?, ?)")?;
        for id in 1..=self.counts.users {
            let verified = (!r.one_in(8)).then(|| r.below(2));
            let avatar = r.one_in(4).then(|| r.hex(512).into_bytes());
            insert.execute(params![
                id,
                format!("login{id}"),
                format!("u{id}@example.org"),
                r.words(1, 3),
                r.hex(100),
                r.hex(10),
                r.hex(10),
                1 + r.below(4),
                r.one_in(32),
                verified,
                r.second(),
                r.second(),
                avatar
            ])?;
        }
        Ok(())
    }

    fn dashboards(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let r = &mut self.random;
        let mut insert = transaction.prepare("INSERT INTO dashboard VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for id in 1..=self.counts.dashboards {
            let title = format!("Dashboard {id} {}", r.words(1, 3));
            insert.execute(params![
                id,
                1 + r.below(64),
                format!("dash-{id}"),
                title,
                r.dashboard(id),
                1 + r.below(4),
                r.second(),
                r.second(),
                id % 20 == 0,
                r.one_in(8),
                format!("d{id:08}")
            ])?;
        }
        Ok(())
    }

    fn annotations(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let r = &mut self.random;
        let mut insert = transaction.prepare("INSERT INTO annotation VALUES (?, ?, ?, ?, ?, 'alert', ?, ?, ?)")?;
        for id in 1..=self.counts.annotations {
            let alert = r.one_in(2).then(|| 1 + r.below(20_000));
            let user = r.one_in(4).then(|| 1 + r.below(self.counts.users));
            let begun = START * 1_000 + r.below(SPAN * 1_000);
            let ended = begun + if r.one_in(2) { 0 } else { r.below(1 << 20) };
            let dashboard = 1 + r.below(self.counts.dashboards);
            insert.execute(params![id, 1 + r.below(4), alert, user, dashboard, r.words(1, 3), begun, ended])?;
        }
        Ok(())
    }

    fn groups(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let r = &mut self.random;
        let mut insert =
            transaction.prepare("INSERT INTO alerts_alertgroup VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for id in 1..=self.counts.groups {
            let resolved = !r.one_in(4);
            let begun = id * SPAN / self.counts.groups * 1_000_000 + r.below(1_000_000);
            let resolved_at = resolved.then(|| moment(begun + (1 + r.below(65_536)) * 1_000_000));
            let response = r.one_in(2).then(|| 1 + r.below(86_400_000_000));
            let title = (!r.one_in(8)).then(|| r.words(2, 8));
            let labels = r.one_in(2).then(|| r.labels());
            let snapshot = r.one_in(2).then(|| r.escalation());
            let by = (resolved && r.one_in(2)).then(|| 1 + r.below(self.counts.users));
            insert.execute(params![
                id,
                public_key('I', id),
                r.hex(32),
                moment(begun),
                resolved_at,
                response,
                resolved,
                r.one_in(2),
                r.one_in(16),
                title,
                labels,
                snapshot,
                by
            ])?;
        }
        Ok(())
    }

    fn alerts(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let r = &mut self.random;
        let mut insert = transaction.prepare("INSERT INTO alerts_alert VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        for id in 1..=self.counts.alerts {
            let message = r.one_in(2).then(|| r.words(3, 12));
            let group = 1 + r.below(self.counts.groups);
            let key = public_key('A', id);
            insert.execute(params![id, key, r.one_in(2), r.words(2, 6), message, r.payload(), r.moment(), group])?;
        }
        Ok(())
    }

    fn records(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let r = &mut self.random;
        let mut insert =
            transaction.prepare("INSERT INTO alerts_alertgrouplogrecord VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
        for id in 1..=self.counts.records {
            let author = r.one_in(2).then(|| 1 + r.below(self.counts.users));
            let silence = r.one_in(16).then(|| (1 + r.below(86_400)) * 1_000_000);
            let reason = r.one_in(2).then(|| r.words(1, 4));
            let eta = r.one_in(4).then(|| r.moment());
            let info = r.one_in(4).then(|| format!(r#"{{"step": {}, "x": "y"}}"#, r.below(64)));
            let group = 1 + r.below(self.counts.groups);
            insert.execute(params![id, r.moment(), r.below(24), group, author, silence, reason, eta, info])?;
        }
        Ok(())
    }
}

/// What the rows hold, drawn from the demo's numbers and words.
trait Draws {
    /// As Grafana writes it.
    fn second(&mut self) -> String;
    fn labels(&mut self) -> String;
    fn escalation(&mut self) -> String;
    /// An alert as Alertmanager sends it.
    fn payload(&mut self) -> String;
    /// From 20 to 180 kB, some 100 in the mean.
    fn dashboard(&mut self, id: i64) -> String;
    fn panel(&mut self, number: usize) -> String;
}

impl Draws for Random {
    fn second(&mut self) -> String {
        moment(self.below(SPAN) * 1_000_000)
    }

    fn labels(&mut self) -> String {
        let severity = self.pick(&["critical", "warning", "info"]);
        format!(r#"{{"severity": "{severity}", "team": "t{}", "env": "prod"}}"#, self.below(32))
    }

    fn escalation(&mut self) -> String {
        let policies: Vec<String> = (0..1 + self.below(2))
            .map(|order| {
                format!(
                    r#"{{"id": {}, "order": {order}, "step": {}, "wait_delay": "00:15:00"}}"#,
                    self.below(1 << 20),
                    self.below(16)
                )
            })
            .collect();
        format!(
            r#"{{"channel_filter_snapshot": {{"id": {}, "str_for_clients": "default", "notification_backends": null}}, "escalation_chain_snapshot": {{"id": {}, "name": {}}}, "last_active_escalation_policy_order": {}, "escalation_policies_snapshots": [{}], "next_step_eta": "2024-01-01T00:00:00.000000Z"}}"#,
            self.below(1 << 20),
            self.below(1 << 16),
            quoted(&self.words(1, 2)),
            self.below(4),
            policies.join(", ")
        )
    }

    fn payload(&mut self) -> String {
        let status = self.pick(&["firing", "resolved"]);
        format!(
            r#"{{"status": "{status}", "labels": {{"alertname": {}, "instance": "10.{}.{}.{}:9100", "job": "node", "severity": "critical", "namespace": "ns-{}"}}, "annotations": {{"summary": {}, "description": {}, "runbook_url": "https://runbooks.example.org/{}"}}, "startsAt": "2024-02-03T04:05:06.{:03}Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom.example.org/graph?g0.expr=up%3D%3D0&g0.tab=1", "fingerprint": "{}", "values": {{"A": {}.{:013}, "B": {}}}}}"#,
            quoted(&self.words(1, 2)),
            self.below(256),
            self.below(256),
            self.below(256),
            self.below(64),
            quoted(&self.words(3, 8)),
            quoted(&self.words(6, 14)),
            self.hex(32),
            self.below(1_000),
            self.hex(16),
            self.below(100),
            self.below(10_000_000_000_000),
            self.below(65_536)
        )
    }

    fn dashboard(&mut self, id: i64) -> String {
        let size = 20_000 + self.below(160_000) as usize;
        let mut panels = Vec::new();
        let mut written = 0;
        while written < size {
            let panel = self.panel(panels.len());
            written += panel.len();
            panels.push(panel);
        }
        format!(
            r#"{{"schemaVersion": 39, "uid": "d{id:08}", "title": "dash {id}", "tags": ["a", "b"], "panels": [{}], "time": {{"from": "now-6h", "to": "now"}}}}"#,
            panels.join(", ")
        )
    }

    fn panel(&mut self, number: usize) -> String {
        let kind = self.pick(&["timeseries", "stat", "table", "gauge"]);
        let title = quoted(&self.words(1, 5));
        let target = format!(
            r#"{{"refId": "A", "expr": {}, "legendFormat": "{{{{instance}}}}", "interval": "", "hash": "{}"}}"#,
            quoted(self.pick(EXPRESSIONS)),
            self.hex(32)
        );
        format!(
            r#"{{"id": {number}, "type": "{kind}", "title": {title}, "gridPos": {{"h": 8, "w": 12, "x": {}, "y": {}}}, "datasource": {{"type": "prometheus", "uid": "{}"}}, "fieldConfig": {{"defaults": {{"unit": "short", "thresholds": {{"mode": "absolute", "steps": [{{"color": "green", "value": null}}, {{"color": "red", "value": {}}}]}}, "custom": {{"lineWidth": 1, "fillOpacity": {}, "showPoints": "never", "spanNulls": false}}}}, "overrides": []}}, "targets": [{target}], "options": {{"legend": {{"calcs": ["mean", "max"], "displayMode": "table", "placement": "bottom"}}, "tooltip": {{"mode": "multi", "sort": "none"}}}}}}"#,
            self.below(16),
            self.below(512),
            self.hex(16),
            self.below(1_024),
            self.below(32)
        )
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// No two are alike, and neighbours are not next to each other in an index.
fn public_key(prefix: char, number: i64) -> String {
    format!("{prefix}{:013X}", number.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12)
}

const EXPRESSIONS: &[&str] = &[
    "sum(rate(http_requests_total{job=\"api\",code=~\"5..\"}[5m])) by (instance)",
    "histogram_quantile(0.99, sum(rate(latency_bucket[5m])) by (le))",
    "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    "kube_pod_container_status_restarts_total{namespace=\"$ns\"}",
];
