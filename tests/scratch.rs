//! The private PostgreSQL: comes up, answers, and is gone with its directory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use cutover::scratch::{Options, Server};
use support::{database, psql};

#[test]
fn answers_and_leaves_nothing() {
    let server = Server::start(&Options::default()).unwrap();
    let directory = server.directory().to_owned();
    assert_eq!(psql(&server.url("postgres"), "select 1"), "1");
    drop(server);
    assert!(!directory.exists());
}

#[test]
fn keeps_its_data_when_asked() {
    let keep = tempfile::tempdir().unwrap();
    let options = Options { keep: Some(keep.path().join("server")), ..Options::default() };
    let server = Server::start(&options).unwrap();
    psql(&server.url("postgres"), "create table kept as select 42 as answer");
    drop(server);
    let again = Server::start(&options).unwrap();
    assert_eq!(psql(&again.url("postgres"), "select answer from kept"), "42");
}

#[test]
fn every_test_has_its_own_database() {
    assert_ne!(database(), database());
}
