//! The owner of the tables, who is no superuser: also under row security that binds owners, and where superuser is not let in at all.

use crate::desk::Place;
use crate::support::{compare, database, psql, server};

const SOURCE: &str = "create table parent (id integer primary key autoincrement, s text); insert into parent values (1, 'a'), (2, 'b');
    create table child (id integer primary key, parent_id integer references parent (id), s text); insert into child values (10, 1, 'x'), (20, 2, 'y')";
const TARGET: &str = "create table parent (id serial primary key, s text);
    create table child (id serial primary key, parent_id integer references parent, s text);
    insert into parent (s) values ('former');
    alter table parent enable row level security; alter table parent force row level security;
    alter table child enable row level security; alter table child force row level security;
    create policy nobody on parent using (false); create policy nobody on child using (false)";

/// The database handed to an owner of its own; their URL.
fn owned(url: &str) -> String {
    let database = url.rsplit('/').next().unwrap();
    let role = format!("plain_{database}");
    psql(
        url,
        &format!("create role {role} login password 'plain' nosuperuser; alter database {database} owner to {role}"),
    );
    psql(url, &format!("alter schema public owner to {role}"));
    url.replacen("postgres://postgres:", &format!("postgres://{role}:"), 1).replacen(server().password(), "plain", 1)
}

#[test]
fn an_owner_bound_by_forced_row_security_copies_verifies_and_goes_back() {
    let superuser = database();
    let url = owned(&superuser);
    psql(&url, TARGET);
    let structure = compare::structure(&url);
    let before = psql(&superuser, "select * from parent");
    let place = Place::at(SOURCE, &url);
    let (ran, _) = place.run("copy", &["--keep-undo"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(psql(&superuser, "select string_agg(s, ',' order by id) from child"), "x,y");
    let (proof, _) = place.run("verify", &[]);
    assert_eq!(proof.code, 0, "{}", proof.all());
    assert!(!proof.all().contains("row-level security"), "every question was answered: {}", proof.all());
    psql(&superuser, "update child set s = 'changed' where id = 20");
    let (found, _) = place.run("verify", &[]);
    assert_eq!((found.code, found.finished()["differences_total"].as_u64()), (4, Some(1)), "{}", found.all());
    psql(&superuser, "update child set s = 'y' where id = 20");
    assert_eq!(compare::structure(&url).replace("\n", " ").matches("FORCE ROW LEVEL SECURITY").count(), 2);
    let finished = ran.finished();
    let (back, _) = place.any(&["rollback", finished["run"].as_str().unwrap(), "--output", "json"]);
    assert_eq!(back.code, 0, "{}", back.all());
    assert_eq!(psql(&superuser, "select * from parent"), before);
    let (forgotten, _) = place.any(&["forget", finished["run"].as_str().unwrap(), "--yes"]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.all());
    assert_eq!(compare::first_difference(&structure, &compare::structure(&url)), None);
}

#[test]
fn sequences_are_reset_under_forced_row_security() {
    let superuser = database();
    let url = owned(&superuser);
    psql(&url, TARGET);
    let place = Place::at(SOURCE, &url);
    let (ran, _) = place.run("copy", &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    psql(&url, "select setval('child_id_seq', 1, false)");
    let runbook = place.desk.file(
        "sequences.yaml",
        &format!("name: sequences\nsource: {{sqlite: {}}}\ntarget: {{url_from: DATABASE_URL}}\nsteps:\n- action: snapshot\n- action: reset-sequences\n", place.source),
    );
    let (reset, _) = place.any(&["run", &runbook, "--headless", "--yes", "--output", "json"]);
    assert_eq!(reset.code, 0, "{}", reset.all());
    assert_eq!(psql(&url, "select last_value, is_called from child_id_seq"), "20|t");
    assert_eq!(
        psql(&superuser, "select bool_and(relforcerowsecurity) from pg_class where relname in ('parent', 'child')"),
        "t"
    );
}
