//! One run at a time on a target, and the very target it began with: on a real server.

use crate::support;
use cutover::connect::postgres::Address;
use cutover::engine::{ClaimError, Claims as _, DatabaseClaims, Operator};

fn operator(user: &str) -> Operator {
    Operator { user: user.to_owned(), host: "laptop".to_owned() }
}

#[tokio::test]
async fn a_target_is_held_by_one_run_until_it_lets_go() {
    let target = Address::parse(&support::database()).unwrap();
    let first = DatabaseClaims.claim(&target, "run-a", &operator("ann")).await.unwrap();
    let refused = DatabaseClaims.claim(&target, "run-b", &operator("bob")).await;
    let Err(ClaimError::Held { holder }) = refused else { panic!("the second claim was not refused") };
    assert!(holder.starts_with("cutover/run-a/lock ann@laptop, session "), "{holder}");
    let other = Address::parse(&support::database()).unwrap();
    let elsewhere = DatabaseClaims.claim(&other, "run-b", &operator("bob")).await.unwrap();
    assert_eq!(first.identity.system, elsewhere.identity.system);
    assert_ne!(first.identity, elsewhere.identity);
    let identity = first.identity.clone();
    drop(first);
    let again = DatabaseClaims.claim(&target, "run-a", &operator("ann")).await.expect("a lock dies with its session");
    assert_eq!(again.identity, identity);
}

#[tokio::test]
async fn a_target_that_is_not_there_is_no_refusal() {
    let nowhere = Address::parse("postgres://app@127.0.0.1:1/app").unwrap();
    let claimed = DatabaseClaims.claim(&nowhere, "run-a", &operator("ann")).await;
    assert!(matches!(claimed, Err(ClaimError::Unreachable(_))));
}
