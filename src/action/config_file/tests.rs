use super::*;
use crate::action::Secrets;
use proptest::prelude::*;

fn set<'a>(section: &'a str, key: &'a str, value: &'a str) -> Edit<'a> {
    Edit { section, key, change: Change::Set(value) }
}

fn ini(text: &str, edits: &[Edit<'_>]) -> String {
    String::from_utf8(edit(ConfigFormat::Ini, text.as_bytes(), edits).unwrap()).unwrap()
}

fn env(text: &str, edits: &[Edit<'_>]) -> String {
    String::from_utf8(edit(ConfigFormat::Env, text.as_bytes(), edits).unwrap()).unwrap()
}

const GRAFANA: &str = "\u{feff}; Grafana\r\n\r\n[database]\r\n# Either \"mysql\", \"postgres\" or \"sqlite3\": your choice\r\ntype = sqlite3\r\n;host = 127.0.0.1:3306\r\n;password =\r\npath=\"grafana.db\" ; where it is\r\n\r\n[server]\r\n;protocol = http";

#[test]
fn only_the_touched_lines_change() {
    let edits =
        [set("database", "type", "postgres"), set("database", "host", "pg:5432"), set("database", "path", "x.db")];
    let after = ini(GRAFANA, &edits);
    let expected = GRAFANA
        .replace("type = sqlite3", "type = postgres")
        .replace(";host = 127.0.0.1:3306\r\n", ";host = 127.0.0.1:3306\r\nhost=pg:5432\r\n")
        .replace("\"grafana.db\"", "\"x.db\"");
    assert_eq!(after, expected);
}

#[test]
fn a_missing_section_comes_last_and_keeps_the_end_as_it_was() {
    assert_eq!(ini("a = 1", &[set("new", "k", "v")]), "a = 1\n\n[new]\nk = v");
    assert_eq!(ini("a=1\r\n", &[set("new", "k", "v")]), "a=1\r\n\r\n[new]\r\nk=v\r\n");
    assert_eq!(ini("", &[set("new", "k", "v")]), "[new]\nk = v\n");
    assert_eq!(ini("", &[set("", "k", "v")]), "k = v\n");
    assert_eq!(ini("; licence\n\n[s]\nx=1\n", &[set("", "k", "v")]), "; licence\nk=v\n\n[s]\nx=1\n");
}

#[test]
fn a_new_key_goes_to_the_end_of_its_section() {
    assert_eq!(ini("[a]\nx = 1\n\n[b]\ny = 2\n", &[set("a", "z", "3")]), "[a]\nx = 1\nz = 3\n\n[b]\ny = 2\n");
}

#[test]
fn the_last_of_several_counts() {
    let text = "[a]\nx = 1\n[b]\n[a]\nx = 2\n";
    assert_eq!(ini(text, &[set("a", "x", "3")]), "[a]\nx = 1\n[b]\n[a]\nx = 3\n");
    assert_eq!(value(ConfigFormat::Ini, text.as_bytes(), "a", "x").unwrap().as_deref(), Some("2"));
    let unset = Edit { section: "a", key: "x", change: Change::Unset };
    assert_eq!(ini(text, &[unset]), "[a]\n;x = 1\n[b]\n[a]\n;x = 2\n");
}

#[test]
fn values_are_quoted_where_they_must_be() {
    assert_eq!(
        ini("[d]\npassword =\n", &[set("d", "password", "a#b;c")]),
        "[d]\npassword =".to_owned() + "\"\"\"a#b;c\"\"\"\n"
    );
    assert_eq!(ini("[d]\np = 'x'  # why\n", &[set("d", "p", "y z")]), "[d]\np = 'y z'  # why\n");
    assert_eq!(ini("[d]\np = \"x\"\n", &[set("d", "p", "say \"y\" ")]), "[d]\np = \"\"\"say \"y\" \"\"\"\n");
    assert_eq!(ini("[d]\nurl = a=b\n", &[set("d", "url", "c=d")]), "[d]\nurl = c=d\n");
    assert_eq!(ini("[d]\nk: v\n", &[set("d", "k", "w"), set("d", "l", "m")]), "[d]\nk: w\nl: m\n");
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let ini = |text: &str, value| edit(ConfigFormat::Ini, text.as_bytes(), &[set("d", "k", value)]).unwrap_err();
    assert_eq!(ini("[d]\nk = a\n  b\n", "x"), EditError::SeveralLines("[d] k".to_owned()));
    assert_eq!(ini("[d]\nk = \"\"\"a\n[x]\n\"\"\"\n", "x"), EditError::SeveralLines("[d] k".to_owned()));
    assert!(matches!(ini("[d]\nk = a\n", "x\ny"), EditError::Unwritable { .. }));
    assert_eq!(edit(ConfigFormat::Ini, b"\xff\xfe[\0", &[]).unwrap_err(), EditError::Utf16);
    let env = edit(ConfigFormat::Env, b"A=1\n", &[set("d", "A", "2")]).unwrap_err();
    assert_eq!(env, EditError::NoSections("d".to_owned()));
}

#[test]
fn lines_that_are_no_text_are_carried_along() {
    let after = edit(ConfigFormat::Ini, b"# caf\xe9\n[a]\nx = 1\n", &[set("a", "x", "2")]).unwrap();
    assert_eq!(after, b"# caf\xe9\n[a]\nx = 2\n");
}

#[test]
fn environment_files_keep_export_quotes_and_comments() {
    let text = "# app\nexport DB=sqlite:///x.db # old\nNAME='a b'\nQ=\"x\"\n#HOST=old\n";
    let edits =
        [set("", "DB", "postgres://u:p%40@h:5432/d?sslmode=require"), set("", "NAME", "c d"), set("", "Q", "$1")];
    assert_eq!(
        env(text, &edits),
        "# app\nexport DB=postgres://u:p%40@h:5432/d?sslmode=require # old\nNAME='c d'\nQ=\"\\$1\"\n#HOST=old\n"
    );
    assert_eq!(env(text, &[set("", "HOST", "new")]), text.to_owned() + "HOST=new\n");
    assert_eq!(env("export A=1", &[set("", "B", "it's")]), "export A=1\nexport B=\"it's\"");
    assert_eq!(env("A=1\nA=2\n", &[set("", "A", "3")]), "A=1\nA=3\n");
    assert_eq!(env("A=\"x\nB=1\n\"\nB=2\n", &[set("", "B", "3")]), "A=\"x\nB=1\n\"\nB=3\n");
    assert_eq!(env("A=1\n", &[Edit { section: "", key: "A", change: Change::Unset }]), "#A=1\n");
}

#[test]
fn a_difference_shows_no_secret() {
    let secrets = Secrets::new(["hunter2".to_owned().into()]);
    let shown = difference(
        b"[d]\nhost = a\npassword = s3same\nx = 1\n",
        b"[d]\nhost = b hunter2\npassword = other1\nx = 1\n",
        &secrets,
    );
    assert_eq!(
        shown,
        format!(
            "from line 2:\n- host = a\n- password = {MASK}\n+ host = b {MASK}\n+ password = {MASK}",
            MASK = crate::action::MASK
        )
    );
}

fn yaml(text: &str, edits: &[Edit<'_>]) -> String {
    String::from_utf8(edit(ConfigFormat::Yaml, text.as_bytes(), edits).unwrap()).unwrap()
}

const VALUES: &str = "# values\nreplicas: 1\ngrafana.ini:\n  database:   # here\n    type: sqlite3 # old\n    path: \"/var/a b.db\"\n  server: {http_port: 3000}\n\nenv:\n- name: A\n  value: 'x'\n- name: B\n  value: y\ntext: |\n  type: not this one\nlast:\n";

#[test]
fn yaml_keys_are_found_by_their_path() {
    let edits = [
        set("grafana.ini.database", "type", "postgres"),
        set("grafana.ini.database", "path", "it's"),
        set("env.0", "value", "it's"),
        set("env.1", "value", "#z"),
        set("", "replicas", "2"),
        Edit { section: "env.1", key: "name", change: Change::Set("C") },
    ];
    let expected = VALUES
        .replace("sqlite3", "postgres")
        .replace("/var/a b.db", "it's")
        .replace("'x'", "'it''s'")
        .replace("value: y", "value: '#z'")
        .replace("replicas: 1", "replicas: 2")
        .replace("name: B", "name: C");
    assert_eq!(yaml(VALUES, &edits), expected);
    let unset = Edit { section: "grafana.ini.database", key: "path", change: Change::Unset };
    assert_eq!(yaml(VALUES, &[unset]), VALUES.replace("    path:", "#    path:"));
}

#[test]
fn new_yaml_keys_stand_among_their_siblings() {
    let after = yaml(VALUES, &[set("grafana.ini.database", "host", "db:5432")]);
    assert_eq!(after, VALUES.replace("a b.db\"\n", "a b.db\"\n    host: db:5432\n"));
    assert_eq!(yaml(VALUES, &[set("last", "on", "true")]), format!("{VALUES}  \"on\": true\n"));
    assert_eq!(yaml("", &[set("a.b", "c", "d: e")]), "a:\n  b:\n    c: 'd: e'\n");
    assert_eq!(yaml("a:\n  x: 1\nz: 2", &[set("a.b", "c", "")]), "a:\n  x: 1\n  b:\n    c: ''\nz: 2");
    assert_eq!(yaml("l:\n  - a: 1\n", &[set("l.0", "b", "2")]), "l:\n  - a: 1\n    b: 2\n");
}

#[test]
fn yaml_that_cannot_be_edited_line_by_line_is_refused() {
    let refused =
        |text: &str, edit: Edit<'_>| super::edit(ConfigFormat::Yaml, text.as_bytes(), &[edit]).expect_err(text);
    let several = |path: &str| EditError::SeveralLines(path.to_owned());
    assert_eq!(refused(VALUES, set("", "text", "x")), several("text"));
    assert_eq!(refused(VALUES, set("grafana.ini", "server", "x")), several("[grafana.ini] server"));
    assert!(matches!(refused(VALUES, set("grafana.ini.server", "x", "1")), EditError::Unwritable { .. }));
    assert_eq!(refused("a: &x 1\nb: *x\n", set("", "a", "2")), several("a"));
    assert!(matches!(refused("a: 1\n---\na: 2\n", set("", "a", "3")), EditError::NotYaml(_)));
    assert!(matches!(
        refused("a: {b: 1}\nc: [\nd: 1,\n]\n", set("", "d", "3")),
        EditError::Unsure(_) | EditError::NotYaml(_)
    ));
    let unset = Edit { section: "l.0", key: "a", change: Change::Unset };
    assert!(matches!(refused("l:\n  - a: 1\n    b: 2\n", unset), EditError::Unsure(_) | EditError::NotYaml(_)));
}

fn ini_file() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "password", "Host"]);
    let value = "[a-z0-9/:=]{0,8}( [a-z]{1,4})?";
    let quote = prop::sample::select(vec!["", "\"", "'", "`", "\"\"\""]);
    let setting = (
        prop::sample::select(vec!["", " ", "\t"]),
        key,
        prop::sample::select(vec!["=", " = ", ": ", " ="]),
        quote,
        value,
        prop::sample::select(vec!["", " ; why", "  # so", " "]),
    )
        .prop_map(|(indent, key, between, quote, value, tail)| {
            format!("{indent}{key}{between}{quote}{value}{quote}{tail}")
        });
    let line = prop_oneof![
        6 => setting,
        1 => Just(String::new()),
        1 => "[;#] ?[a-z]{1,5} ?=? ?[a-z]{0,5}",
        2 => prop::sample::select(vec!["[s]", "[t]", " [s] "]).prop_map(str::to_owned),
    ];
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    (prop::bool::ANY, prop::collection::vec((line, end), 0..12), prop::bool::ANY).prop_map(|(bom, lines, cut)| {
        let mut text: String = lines.into_iter().map(|(line, end)| line + end).collect();
        if cut {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

fn env_file() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        3 => "[a-z0-9/:=@%]{0,8}",
        1 => "'[a-z $\\\\]{0,6}'",
        1 => "\"[a-z $']{0,6}\"",
    ];
    let setting = (
        prop::sample::select(vec!["", "export ", " ", "#", "# "]),
        prop::sample::select(vec!["A", "B", "DATABASE_URL", "app.name"]),
        value,
        prop::sample::select(vec!["", " # why", " "]),
    )
        .prop_map(|(lead, key, value, tail)| format!("{lead}{key}={value}{tail}"));
    let line = prop_oneof![5 => setting, 1 => Just(String::new()), 1 => "# ?[a-z ]{1,9}"];
    let end = prop::sample::select(vec!["\n", "\r\n"]);
    (prop::collection::vec((line, end), 0..10), prop::bool::ANY).prop_map(|(lines, cut)| {
        let mut text: String = lines.into_iter().map(|(line, end)| line + end).collect();
        if cut {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        text
    })
}

proptest! {
    #[test]
    fn an_environment_file_is_edited_and_edited_back_to_the_same_bytes(
        text in env_file(),
        key in prop::sample::select(vec!["A", "B", "DATABASE_URL", "app.name"]),
        new in "[ -~é]{0,12}",
    ) {
        let read = |bytes: &[u8]| value(ConfigFormat::Env, bytes, "", key).unwrap();
        let write = |bytes: &[u8], to: &str| edit(ConfigFormat::Env, bytes, &[set("", key, to)]).unwrap();
        let former = read(text.as_bytes());
        let edited = write(text.as_bytes(), &new);
        let there = read(&edited);
        prop_assert_eq!(there.as_deref(), Some(new.as_str()), "{:?}", String::from_utf8_lossy(&edited));
        prop_assert_eq!(&write(&edited, &new), &edited, "setting what is set changes nothing");
        let now = String::from_utf8(edited.clone()).unwrap();
        if let Some(former) = former {
            let changed = text.lines().zip(now.lines()).filter(|(a, b)| a != b).count();
            prop_assert!(changed <= 1 && text.lines().count() == now.lines().count(), "{text:?} {now:?}");
            let back = write(&edited, &former);
            prop_assert_eq!(read(&back), Some(former));
        } else {
            let kept = |line: &&str| now.lines().any(|other| other == *line);
            prop_assert!(text.lines().all(|line| kept(&line)), "{text:?} {now:?}");
        }
    }

    #[test]
    fn nothing_asked_of_an_environment_file_nothing_changed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(same) = edit(ConfigFormat::Env, &bytes, &[]) {
            prop_assert_eq!(same, bytes);
        }
    }

    #[test]
    fn editing_and_editing_back_gives_the_same_bytes(
        text in ini_file(),
        section in prop::sample::select(vec!["", "s", "t"]),
        key in prop::sample::select(vec!["a", "b", "password", "Host"]),
        new in "[a-z0-9;#\" ]{1,10}",
    ) {
        let former = value(ConfigFormat::Ini, text.as_bytes(), section, key).unwrap();
        let edited = edit(ConfigFormat::Ini, text.as_bytes(), &[set(section, key, &new)]).unwrap();
        let now = value(ConfigFormat::Ini, &edited, section, key).unwrap();
        prop_assert_eq!(now.as_deref(), Some(new.as_str()));
        if let Some(former) = former {
            let same = edit(ConfigFormat::Ini, text.as_bytes(), &[set(section, key, &former)]).unwrap();
            prop_assert_eq!(&same, text.as_bytes(), "setting what is set changes nothing");
            let changed = text.lines().zip(String::from_utf8(edited.clone()).unwrap().lines()).filter(|(a, b)| a != b).count();
            prop_assert!(changed <= 1);
            let plain = edit(ConfigFormat::Ini, text.as_bytes(), &[set(section, key, "plain")]).unwrap();
            let back = edit(ConfigFormat::Ini, &plain, &[set(section, key, &former)]).unwrap();
            prop_assert_eq!(String::from_utf8(back).unwrap(), text);
        }
    }

    #[test]
    fn nothing_asked_nothing_changed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(same) = edit(ConfigFormat::Ini, &bytes, &[]) {
            prop_assert_eq!(same, bytes);
        }
    }

    #[test]
    fn a_yaml_value_comes_out_as_it_went_in(value in "[ -~\u{e9}]{0,12}", former in prop::sample::select(vec!["plain", "'s'", "\"d\"", ""])) {
        let text = format!("# c\na:\n  k: {former} # why\n  l: 1\nb: 2\n");
        let edited = edit(ConfigFormat::Yaml, text.as_bytes(), &[set("a", "k", &value)]).unwrap();
        prop_assert_eq!(super::value(ConfigFormat::Yaml, &edited, "a", "k").unwrap(), Some(value));
        let back = edit(ConfigFormat::Yaml, &edited, &[set("a", "k", "plain")]).unwrap();
        prop_assert!(back.starts_with(b"# c\na:\n  k: ") && back.ends_with(b" # why\n  l: 1\nb: 2\n"));
    }
}
