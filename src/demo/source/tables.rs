//! The bulk of the rows, table by table.

use super::Scale;
use super::random::Random;
use rusqlite::{Transaction, params};

const MIGRATIONS: &[(&str, &str, &str)] = &[
    ("organization", "0001_initial", "2024-01-02 08:00:00.123456"),
    ("oncall", "0001_initial", "2024-01-02 08:00:01"),
    ("oncall", "0002_response_time", "2024-02-03 08:00:02.5"),
    ("oncall", "0003_silence_delay", "2024-03-04 08:00:03.000001"),
];

/// The Django half.
pub(super) fn paging(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    migrations(transaction)?;
    organizations(transaction, scale, random)?;
    users(transaction, scale, random)?;
    integrations(transaction, scale, random)?;
    alert_groups(transaction, scale, random)?;
    alerts(transaction, scale, random)?;
    log_records(transaction, scale, random)?;
    shifts(transaction, scale, random)
}

/// The Grafana half.
pub(super) fn dashboards(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    accounts(transaction, scale, random)?;
    dashboard_rows(transaction, scale, random)?;
    annotations(transaction, scale, random)
}

fn organization_count(scale: Scale) -> i64 {
    scale.share(1, 3)
}

fn user_count(scale: Scale) -> i64 {
    scale.share(4, 10)
}

fn integration_count(scale: Scale) -> i64 {
    scale.share(3, 5)
}

fn group_count(scale: Scale) -> i64 {
    scale.share(140, 20)
}

fn dashboard_count(scale: Scale) -> i64 {
    scale.share(1, 6)
}

fn public_key(prefix: char, number: i64) -> String {
    format!("{prefix}{:013X}", number.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12)
}

fn migrations(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO django_migrations VALUES (?, ?, ?, ?)")?;
    // The ids differ from those of a fresh instance; the set is what counts.
    for (id, (app, name, applied)) in (11..).zip(MIGRATIONS) {
        insert.execute(params![id, app, name, applied])?;
    }
    Ok(())
}

fn organizations(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO organization VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=organization_count(scale) {
        let maintenance = random.one_in(3).then(|| 3_600_000_000_i64 * random.id(24));
        let deleted = random.one_in(9).then(|| random.moment());
        let owner = random.id(user_count(scale));
        insert.execute(params![
            id,
            public_key('O', id),
            random.words(1, 3),
            random.hex(32),
            maintenance,
            random.one_in(2),
            deleted,
            owner
        ])?;
    }
    Ok(())
}

fn users(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO oncall_user VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=user_count(scale) {
        let active = (!random.one_in(10)).then(|| !random.one_in(8));
        let permissions = format!(r#"[{{"action": "alerts:read", "n": {}}}]"#, random.below(100));
        let organization = random.id(organization_count(scale));
        insert.execute(params![
            id,
            public_key('U', id),
            random.words(1, 2),
            format!("user{id}@example.org"),
            random.below(4),
            active,
            permissions,
            organization
        ])?;
    }
    Ok(())
}

fn integrations(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO integration VALUES (?, ?, ?, ?, ?)")?;
    for id in 1..=integration_count(scale) {
        let rate = format!("{}.{:04}", random.below(10_000), random.below(10_000));
        insert.execute(params![id, random.words(1, 4), random.moment(), rate, random.id(organization_count(scale))])?;
    }
    Ok(())
}

fn alert_groups(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO alert_group VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=group_count(scale) {
        let resolved = !random.one_in(4);
        let resolved_at = resolved.then(|| random.moment());
        let response = random.one_in(2).then(|| random.id(86_400_000_000));
        let title = (!random.one_in(8)).then(|| random.words(2, 8));
        let labels = random
            .one_in(2)
            .then(|| format!(r#"{{"severity": "critical", "team": "t{}", "größe": 1.50}}"#, random.below(32)));
        let root = random.one_in(20).then(|| random.id(id));
        insert.execute(params![
            id,
            public_key('I', id),
            random.hex(32),
            random.moment(),
            resolved_at,
            response,
            resolved,
            random.one_in(16),
            title,
            labels,
            root,
            random.id(integration_count(scale))
        ])?;
    }
    Ok(())
}

fn alerts(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO alert VALUES (?, ?, ?, ?, ?, ?)")?;
    for id in 1..=scale.share(250, 30) {
        let message = random.one_in(2).then(|| random.words(3, 12));
        insert.execute(params![
            id,
            public_key('A', id),
            message,
            payload(random),
            random.moment(),
            random.id(group_count(scale))
        ])?;
    }
    Ok(())
}

fn payload(random: &mut Random) -> String {
    let summary = serde_json::Value::String(random.words(3, 8));
    let description = serde_json::Value::String(random.words(6, 14));
    format!(
        r#"{{"status": "firing", "labels": {{"instance": "10.{}.{}.{}:9100", "job": "node"}}, "annotations": {{"summary": {summary}, "description": {description}}}, "startsAt": "2024-02-03T04:05:06.{:03}Z", "fingerprint": "{}", "values": {{"A": {}.{}, "B": 1e{}}}}}"#,
        random.below(256),
        random.below(256),
        random.below(256),
        random.below(1_000),
        random.hex(16),
        random.below(100),
        random.below(1_000_000),
        random.below(20)
    )
}

fn log_records(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO log_record VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=scale.log_records {
        let delay = random.one_in(16).then(|| random.id(86_400) * 1_000_000);
        let reason = random.one_in(2).then(|| random.words(1, 4));
        let eta = random.one_in(4).then(|| random.moment());
        let author = random.one_in(2).then(|| random.id(user_count(scale)));
        insert.execute(params![
            id,
            random.moment(),
            random.below(24),
            delay,
            reason,
            eta,
            random.id(group_count(scale)),
            author
        ])?;
    }
    Ok(())
}

fn shifts(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO on_call_shift VALUES (?, ?, ?, ?, ?, ?)")?;
    for id in 1..=scale.share(2, 8) {
        let until = random.one_in(2).then(|| random.moment()[..10].to_owned());
        let hours = random.pick(&[1_i64, 8, 12, 24, 168]);
        insert.execute(params![
            id,
            random.words(1, 3),
            random.moment(),
            hours * 3_600_000_000,
            until,
            r#"["MO", "TU"]"#
        ])?;
    }
    Ok(())
}

fn accounts(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO user VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=user_count(scale) {
        let avatar = random.one_in(4).then(|| random.bytes(256));
        let admin = i64::from(id == 1);
        let (created, updated) = (random.moment()[..19].to_owned(), random.moment()[..19].to_owned());
        insert.execute(params![
            id,
            format!("login{id}"),
            format!("u{id}@example.org"),
            admin,
            created,
            updated,
            avatar
        ])?;
    }
    Ok(())
}

fn dashboard_rows(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO dashboard VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=dashboard_count(scale) {
        let document = dashboard(id, random);
        // Grafana binds []byte: the value is a BLOB although the column says TEXT.
        let title = format!("Dashboard {id} {}", random.words(1, 3));
        let created = random.moment()[..19].to_owned();
        let order = random.one_in(2).then(|| f64::from(u32::try_from(random.below(1_000)).unwrap_or_default()) / 7.0);
        insert.execute(params![
            id,
            format!("d{id:08}"),
            title,
            document.into_bytes(),
            i64::from(id % 20 == 0),
            created,
            order
        ])?;
    }
    Ok(())
}

fn dashboard(id: i64, random: &mut Random) -> String {
    let panels: Vec<String> = (0..20 + random.below(200)).map(|number| panel(number, random)).collect();
    format!(r#"{{"schemaVersion": 39, "uid": "d{id:08}", "panels": [{}]}}"#, panels.join(", "))
}

fn panel(number: i64, random: &mut Random) -> String {
    let title = serde_json::Value::String(random.words(1, 5));
    format!(
        r#"{{"id": {number}, "type": "timeseries", "title": {title}, "gridPos": {{"h": 8, "w": 12, "x": {}, "y": {}}}, "targets": [{{"refId": "A", "expr": "sum(rate(http_requests_total{{code=~\"5..\"}}[5m])) by (instance)", "hash": "{}"}}]}}"#,
        random.below(24),
        random.below(500),
        random.hex(32)
    )
}

fn annotations(transaction: &Transaction<'_>, scale: Scale, random: &mut Random) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO annotation VALUES (?, ?, ?, ?, ?)")?;
    for id in 1..=scale.share(1_000, 40) {
        let epoch = 1_672_531_200_000 + random.id(63_000_000_000);
        let end = epoch + if random.one_in(2) { 0 } else { random.id(1 << 20) };
        insert.execute(params![id, random.id(dashboard_count(scale)), random.words(1, 3), epoch, end])?;
    }
    Ok(())
}
