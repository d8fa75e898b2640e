//! What it looks like when somebody has written into the target and verify finds it.

use crate::DIRECTORY;
use crate::terminal::Terminal;
use crate::walk::{agree, begin, press_until, waits_at};
use std::path::Path;
use std::time::Duration;

const CHANGE: &str = "update public.log_record set silence_delay = silence_delay * 1000000, reason = 'edited by hand'
    where id = (select min(id) from public.log_record where silence_delay > interval '1 min');
    delete from public.alert where id = 9";

pub fn play(terminal: &mut Terminal, draw: &dyn Fn(&Terminal, &str, &str)) {
    begin(terminal);
    agree(terminal, "quiesce");
    agree(terminal, "truncate");
    waits_at(terminal, "spot-check");
    change();
    terminal.keys(":roll back to verify\r");
    terminal.wait_for("Roll back to before verify?");
    terminal.keys("\t\r");
    terminal.wait_for("Rolled back in part");
    terminal.keys("\u{1b}");
    terminal.keys("\r");
    terminal.wait_for("Go on with this run?");
    terminal.keys("\t\r");
    terminal.wait_for("▲ enter: retry, skip or roll back");
    terminal.settle(Duration::from_millis(200));
    draw(terminal, "failed", "Verify has found rows that differ, and the run waits for a decision");

    terminal.keys("3");
    terminal.wait_for("≠ differs");
    press_until(terminal, "j", "╭ public.log_record");
    terminal.keys("\r");
    terminal.wait_for("cells differ");
    terminal.settle(Duration::from_millis(200));
    draw(terminal, "difference", "A row that differs: source beside target, the differing cells marked");
    terminal.keys("q\t\r");
    terminal.ended();
}

/// Writes into the target as somebody else would.
fn change() {
    let read = |name: &str| std::fs::read_to_string(Path::new(DIRECTORY).join("postgres").join(name)).unwrap();
    let (password, port) = (read("password"), read("port"));
    let url = format!("postgres://postgres:{}@127.0.0.1:{}/oncall", password.trim(), port.trim());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(CHANGE).await.unwrap();
    });
}
