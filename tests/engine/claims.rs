//! One run at a time on a target, and the very target it began with: on a real server.

use crate::support;
use cutover::connect::postgres::Address;
use cutover::engine::{ClaimError, Claims as _, DatabaseClaims};

#[tokio::test]
async fn a_target_is_held_by_one_run_until_it_lets_go() {
    let target = Address::parse(&support::database()).unwrap();
    let first = DatabaseClaims.claim(&target, "run-a").await.unwrap();
    let refused = DatabaseClaims.claim(&target, "run-b").await;
    let Err(ClaimError::Held(why)) = refused else { panic!("the second claim was not refused") };
    assert!(why.starts_with("run run-a is at work on "), "{why}");
    let other = Address::parse(&support::database()).unwrap();
    let elsewhere = DatabaseClaims.claim(&other, "run-b").await.unwrap();
    assert_eq!(first.identity.system, elsewhere.identity.system);
    assert_ne!(first.identity, elsewhere.identity);
    let identity = first.identity.clone();
    drop(first);
    let again = DatabaseClaims.claim(&target, "run-a").await.expect("a lock dies with its session");
    assert_eq!(again.identity, identity);
}

#[tokio::test]
async fn an_ordinary_role_knows_its_target_too() {
    let url = support::database();
    support::psql(&url, "drop role if exists plain_claimer; create role plain_claimer login password 'a-password'");
    let (_, place) = url.split_once('@').unwrap();
    let target = Address::parse(&format!("postgres://plain_claimer:a-password@{place}")).unwrap();
    let claim = DatabaseClaims.claim(&target, "run-a").await.unwrap();
    assert!(!claim.identity.system.is_empty() && !claim.identity.database.is_empty());
}

#[tokio::test]
async fn a_target_that_is_not_there_is_no_refusal() {
    let nowhere = Address::parse("postgres://app@127.0.0.1:1/app").unwrap();
    let claimed = DatabaseClaims.claim(&nowhere, "run-a").await;
    assert!(matches!(claimed, Err(ClaimError::Unreachable(_))));
}
