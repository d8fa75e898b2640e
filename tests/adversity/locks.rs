//! Somebody else holds a lock on one of the tables.

use crate::desk::{Place, refusal};
use crate::support::{program, psql};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SOURCE: &str = "create table held (id integer primary key, s text); insert into held values (1, 'new');
    create table free (id integer primary key, s text); insert into free values (1, 'new');";
const TARGET: &str = "create table held (id integer primary key, s text); insert into held values (7, 'former');
    create table free (id integer primary key, s text)";

/// A reader that holds its lock for so many seconds; ends when dropped.
struct Reader(Child);

impl Reader {
    fn new(place: &Place, seconds: u32) -> Self {
        let sql = format!("begin; lock table held in access share mode; select pg_sleep({seconds})");
        let mut psql_command = Command::new(program("psql"));
        psql_command.args(["-Xq", "-d", &place.url, "-c", &sql]).env("PGAPPNAME", "nightly report");
        let reader = Self(psql_command.stdout(Stdio::null()).spawn().unwrap());
        let there =
            "select count(*) from pg_locks where relation = 'held'::regclass and mode = 'AccessShareLock' and granted";
        let end = Instant::now() + Duration::from_secs(30);
        while psql(&place.url, there) == "0" {
            assert!(Instant::now() < end, "the reader never got its lock");
            std::thread::sleep(Duration::from_millis(50));
        }
        reader
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_reader_that_ends_is_waited_for_and_named_meanwhile() {
    let place = Place::new(SOURCE, TARGET);
    let reader = Reader::new(&place, 9);
    let (ran, took) = place.run("copy", &[]);
    drop(reader);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(took > Duration::from_secs(5), "one try ends after 5 s: {took:?}");
    let told = ran.objects().into_iter().filter(|object| object["event"] == "waiting");
    let told: Vec<String> = told.map(|object| object["waits_for"].as_str().unwrap().to_owned()).collect();
    assert!(told.iter().any(|what| what.contains("nightly report")), "{told:?}");
    assert_eq!(place.sql("select s from held"), "new");
}

#[test]
fn a_reader_that_does_not_end_is_refused_by_name_after_a_minute() {
    let place = Place::new(SOURCE, TARGET);
    let structure = crate::support::compare::structure(&place.url);
    let reader = Reader::new(&place, 600);
    let (ran, took) = place.run("copy", &[]);
    let reason = refusal(&ran);
    assert!(reason.contains("nightly report") && reason.contains("pid "), "{reason}");
    assert!(took > Duration::from_secs(50) && took < Duration::from_secs(120), "{took:?}");
    assert_eq!(place.sql("select s from held"), "former");
    assert_eq!(place.sql("select count(*) from free"), "0");
    drop(reader);
    assert_eq!(crate::support::compare::structure(&place.url), structure);
}
