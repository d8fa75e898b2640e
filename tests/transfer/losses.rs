//! Connections that are lost: at COMMIT, before and after the server heard it, and in the middle.

use crate::fixture::World;
use cutover::connect::postgres::Address;
use cutover::transfer::TransferError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A relay to the server that cuts the first connection that says COMMIT; with `heard`, after passing it on and having the answer.
async fn relay(port: u16, heard: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let cut = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(pass(client, server, heard, Arc::clone(&cut)));
        }
    });
    own
}

async fn pass(client: TcpStream, server: TcpStream, heard: bool, cut: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if bytes.windows(7).any(|part| part == b"COMMIT\0") && !cut.swap(true, Ordering::Relaxed) {
            back.abort();
            if heard {
                to_server.write_all(bytes).await.unwrap();
            }
            return;
        }
        if to_server.write_all(bytes).await.is_err() {
            return;
        }
    }
}

fn world() -> World {
    let source =
        "create table t (id integer primary key autoincrement, s text); insert into t values (1, 'a'), (2, 'b')";
    World::of(source, "create table t (id serial primary key, s text); insert into t (s) values ('former')")
}

async fn through(world: World, heard: bool) -> World {
    let port = crate::support::server().port();
    let own = relay(port, heard).await;
    let url = world.url.replace(&format!(":{port}/"), &format!(":{own}/"));
    World { address: Address::parse(&url).unwrap(), ..world }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_heard_is_found_in_the_ledger() {
    let world = through(world(), true).await;
    let evidence = world.copy().await;
    assert_eq!(evidence.tables[0].rows_loaded, 2);
    assert_eq!(world.sql("select string_agg(s, ',' order by id) from t"), "a,b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_not_heard_left_the_target_as_it_was() {
    let world = through(world(), false).await;
    let before = (world.tables(), world.schema());
    let Err(TransferError::Failed(message)) = world.try_copy().await else { panic!("not failed") };
    assert!(message.contains("the ledger says that nothing was committed"), "{message}");
    assert_eq!((world.tables(), world.schema()), before);
    world.copy().await;
    assert_eq!(world.sql("select string_agg(s, ',' order by id) from t"), "a,b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_ended_leaves_the_target_as_it_was_and_the_next_copy_is_whole() {
    let source = "create table t (id integer primary key, s text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 150000) insert into t select i, 'row ' || i from n";
    let world = World::of(
        source,
        "create table t (id integer primary key, s text); create index on t (s); insert into t values (0, 'former')",
    );
    let before = (world.tables(), world.schema());
    let end = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'cutover/{}/copy' and xact_start is not null",
        world.run
    );
    let (copied, ()) = tokio::join!(world.try_copy(), async {
        while tokio::task::block_in_place(|| world.sql(&end)) == "0" {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    assert!(matches!(copied, Err(TransferError::Failed(_))), "{copied:?}");
    assert_eq!((world.tables(), world.schema()), before);
    world.copy().await;
    assert_eq!(world.sql("select count(*) from t"), "150000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_ended_while_it_builds_an_index_leaves_the_target_as_it_was() {
    let source = "create table t (id integer primary key, s text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) insert into t select i, 'row ' || i from n";
    let target = "create function slow(s text) returns text language plpgsql immutable as $$
        begin for i in 1..60 loop end loop; return s; end $$;
      create table t (id integer primary key, s text); create index on t (slow(s)); insert into t values (0, 'former')";
    let world = World::of(source, target);
    let before = (world.tables(), world.schema());
    let end = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'cutover/{}/copy' and query ilike 'create index%'",
        world.run
    );
    let (copied, ended) = tokio::join!(world.try_copy(), async {
        let since = std::time::Instant::now();
        while since.elapsed() < std::time::Duration::from_secs(60) {
            if tokio::task::block_in_place(|| world.sql(&end)) != "0" {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        false
    });
    assert!(ended && matches!(copied, Err(TransferError::Failed(_))), "{copied:?}");
    assert_eq!((world.tables(), world.schema()), before);
    world.copy().await;
    assert_eq!(world.sql("select count(*) from t"), "100000");
}
