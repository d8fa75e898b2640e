//! Runbooks as their authors write them: what is refused and where, and what is filled in.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cutover::evidence::Policy;
use cutover::runbook::settings::Settings;
use cutover::runbook::{Document, Downtime, Gate, Outputs, Problems, Runbook, TargetFacts, Values, json_schema};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn facts() -> TargetFacts {
    TargetFacts { host: "db.internal".into(), port: 5433, database: "app".into(), user: "owner".into() }
}

fn pairs(set: &[(&str, &str)]) -> Vec<(String, String)> {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn gather(document: &Document, set: &[(&str, &str)]) -> Result<Values, Problems> {
    document.gather(&pairs(set), &|_| None)
}

fn resolve(text: &str, set: &[(&str, &str)]) -> Result<Runbook, Problems> {
    let document = Document::parse(text, "runbook.yaml")?;
    let values = gather(&document, set)?;
    document.resolve(&values, &facts(), &Outputs::new())
}

/// `line:column message; suggestion` of each problem.
fn problems(text: &str) -> Vec<String> {
    described(&resolve(text, &[]).expect_err("the runbook is wrong"))
}

fn described(problems: &Problems) -> Vec<String> {
    problems.to_string().lines().map(|line| line.trim_start_matches("runbook.yaml:").trim_start().to_owned()).collect()
}

/// A runbook around some steps.
fn around(steps: &str) -> String {
    format!("name: test\nsource: {{sqlite: app.db}}\nsteps:\n{steps}")
}

/// Asserts that the only problem contains all of the words.
#[track_caller]
fn only_problem(text: &str, words: &[&str]) {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    for word in words {
        assert!(found[0].contains(word), "{word:?} is not in {found:?}");
    }
}

#[test]
fn ten_mistakes_are_ten_problems_in_one_go() {
    let file = "tests/runbook/ten-mistakes.yaml";
    let problems = Document::parse(&read(file), file).expect_err("ten mistakes");
    let lines: Vec<usize> = problems.list().iter().map(|problem| problem.place.unwrap().line).collect();
    assert_eq!(lines, [3, 7, 11, 14, 19, 20, 23, 27, 29, 34], "{problems}");
    assert_eq!(
        problems.to_string().lines().collect::<Vec<_>>(),
        [
            "tests/runbook/ten-mistakes.yaml:3:1: the runbook has no field `descripton`; did you mean `description`?",
            "tests/runbook/ten-mistakes.yaml:7:3: the parameter `colour` is not used; remove it, or use it as `{{ colour }}`",
            "tests/runbook/ten-mistakes.yaml:11:18: `five minutes` is no duration; write `5m`, `90s` or `1h30m`",
            "tests/runbook/ten-mistakes.yaml:14:13: there is no action `snapshto`; did you mean `snapshot`?",
            "tests/runbook/ten-mistakes.yaml:19:13: `jobs` must be a whole number, not `several`; write digits only",
            "tests/runbook/ten-mistakes.yaml:20:9: the id `copy` is taken by the step in line 16; give one of them an `id` of its own",
            "tests/runbook/ten-mistakes.yaml:23:7: `verify` changes nothing, so it cannot have an undo; remove `undo`",
            "tests/runbook/ten-mistakes.yaml:27:7: `generate-schema` has `command` and `sql`; keep one of them",
            "tests/runbook/ten-mistakes.yaml:29:11: `gate` must be one of none, confirm, or a map, not `typed`; \
             a typed gate says what has to be typed: `gate: {typed: NAME}`",
            "tests/runbook/ten-mistakes.yaml:34:17: `snapshot` never leaves `sha265`; did you mean `sha256`?",
        ]
    );
}

#[test]
fn text_that_is_no_yaml_is_refused_at_its_place() {
    for (text, line) in
        [("name: [a, b\nsteps: 1", 2), ("name: 'open\n", 2), ("a: b: c\n", 1), ("name: x\n\tsteps:\n", 2)]
    {
        let problems = Document::parse(text, "runbook.yaml").expect_err(text);
        assert_eq!(problems.list().len(), 1, "{problems}");
        assert!(problems.list()[0].place.unwrap().line <= line, "{problems}");
        assert!(problems.to_string().contains("this is no YAML"), "{problems}");
    }
    for text in ["", "# nothing\n", "---\n", "{}"] {
        assert!(Document::parse(text, "x").expect_err(text).to_string().starts_with("x:1:1: the runbook is empty"));
    }
}

#[test]
fn yaml_that_is_no_runbook_is_refused() {
    assert_eq!(problems("- a\n- b\n"), ["1:1: the runbook must be a map, not a list"]);
    let found = problems("name: x\n");
    assert_eq!(
        found,
        [
            "1:1: the runbook lacks `source`; add `source:` with a map",
            "1:1: the runbook lacks `steps`; add `steps:` with a list"
        ]
    );
    only_problem(
        "name: x\nname: y\nsource: {sqlite: a.db}\nsteps: [{action: preflight}]\n",
        &["2:1", "written twice", "line 1"],
    );
    only_problem("name: x\nsource: {sqlite: a.db}\nsteps: []\n", &["3:1", "no steps"]);
    only_problem("name: x\nsource: {sqlite: {{ f }}}\nsteps: [{action: preflight}]\n", &["2:19", "quotes"]);
    only_problem("name: x\nsource: {sqlite: a.db}\nsteps: [{action: preflight}]\n---\nb: c\n", &["4:1", "second YAML"]);
    only_problem("name: !secret x\nsource: {sqlite: a.db}\nsteps: [{action: preflight}]\n", &["tag `!secret`"]);
}

#[test]
fn wrong_types_and_words_are_named() {
    only_problem(&around("- action: [copy]\n"), &["4:11", "`action` must be text, not a list"]);
    only_problem(&around("- action: preflight\n  downtime: begin\n"), &["5:13", "did you mean `begins`?"]);
    only_problem(&around("- action: preflight\n  gate: confrim\n"), &["5:9", "did you mean `confirm`?"]);
    only_problem(&around("- action: preflight\n  gate: {}\n"), &["5:9", "`gate` lacks `typed`"]);
    only_problem(&around("- action: preflight\n  gate: {typed: ''}\n"), &["5:10", "the name to be typed is empty"]);
    only_problem(
        &around("- action: copy\n  with: {freeze: maybe}\n"),
        &["`freeze` must be `true` or `false`, not `maybe`"],
    );
    only_problem(&around("- action: copy\n  with: {freeze: true, jobs: -1}\n"), &["`jobs` must be a whole number"]);
    only_problem(&around("- action: copy\n  with: {freeze: true, jobs: 0}\n"), &["`jobs` must be at least 1"]);
    only_problem(&around("- action: wait\n  with: {seconds: 0}\n"), &["`seconds` must be more than zero"]);
    only_problem(&around("- action: shell\n"), &["4:3", "`with` lacks `apply`"]);
    only_problem(
        "name: x\nsource: {sqlite: a.db}\ntransfer: {on_reject: skip_row}\nsteps: [{action: preflight}]\n",
        &["3:23", "did you mean `skip-row`?"],
    );
    only_problem(
        "name: x\nsource: {sqlite: a.db}\ntransfer: {interval_units: {a.b: us, c: ms}}\nsteps: [{action: preflight}]\n",
        &["`c` under `interval_units` names no column"],
    );
    only_problem(
        "name: x\nsource: {sqlite: a.db}\ntarget: {url_from: 'postgres://h/d'}\nsteps: [{action: preflight}]\n",
        &["3:20", "environment variable"],
    );
}

#[test]
fn an_undo_stands_where_it_can_do_something() {
    only_problem(
        &around("- action: truncate\n  with: {undo: x}\n- {action: copy, with: {freeze: true}}\n"),
        &["takes itself back"],
    );
    only_problem(
        &around("- action: health\n  undo: x\n  with: {sql: [{query: select 1, expect: '1'}]}\n"),
        &["5:3", "changes nothing"],
    );
    only_problem(&around("- action: shell\n  undo: x\n  with: {apply: y}\n"), &["5:3", "write it under `with`"]);
    only_problem(&around("- action: quiesce\n  with: {start: x}\n"), &["5:10", "there is no `stop`"]);
}

#[test]
fn steps_that_cannot_work_together_are_refused() {
    only_problem(&around("- action: copy\n"), &["4:11", "no step before it takes one", "freeze: true"]);
    only_problem(&around("- action: truncate\n"), &["there is none"]);
    only_problem(&around("- action: preflight\n  downtime: ends\n"), &["5:3", "ends before it begins"]);
    only_problem(
        &around("- {action: preflight, downtime: begins}\n- {action: scan, downtime: begins}\n"),
        &["begins twice"],
    );
    only_problem(
        &around("- action: preflight\npoint_of_no_return: preflihgt\n"),
        &["5:21", "did you mean `preflight`?"],
    );
    only_problem(&around("- action: generate-schema\n"), &["nothing to do", "command or sql"]);
    only_problem(&around("- action: switch-config\n  with: {file: a.ini}\n"), &["changes nothing"]);
    only_problem(
        &around("- action: switch-config\n  with: {file: settings.py, set: {a: {b: c}}}\n"),
        &["5:16", "format: ini"],
    );
    only_problem(&around("- action: health\n  with: {http: [{url: 'localhost:3000'}]}\n"), &["http://"]);
    only_problem(&around("- action: health\n"), &["asks nothing"]);
    only_problem(&around("- id: Two Words\n  action: preflight\n"), &["4:7", "cannot be a step's id"]);
}

const SECRETIVE: &str = "\
name: test
parameters:
  token: {secret: true, required: true}
  place: {choices: [here, there], default: here}
source: {sqlite: app.db}
service: {place: '{{ place }}'}
steps:
- action: shell
  with: {apply: 'deploy', env: {TOKEN: 'Bearer {{ token }}'}}
";

#[test]
fn parameters_are_declared_used_and_right() {
    let around = |parameters: &str, sqlite: &str| {
        format!(
            "name: x\nparameters: {{{parameters}}}\nsource: {{sqlite: '{sqlite}'}}\nsteps: [{{action: preflight}}]\n"
        )
    };
    only_problem(&around("a: {}", "x"), &["2:14", "`a` is not used"]);
    only_problem(&around("a: {}", "{{ a }}{{ b }}"), &["3:18", "no parameter `b`", "declare it"]);
    only_problem(&around("sqlite: {}", "{{ sqlite }}{{ sqlit }}"), &["did you mean `sqlite`?"]);
    only_problem(&around("a: {choices: [x, y], default: z}", "{{ a }}"), &["not among its choices"]);
    only_problem(&around("a: {required: true, default: z}", "{{ a }}"), &["required and has a default"]);
    only_problem(&around("a: {required: yes}", "{{ a }}"), &["`required` must be `true` or `false`"]);
    assert!(problems(&around("A-b: {}", "x"))[0].contains("cannot be a parameter's name"));
    assert!(problems(&around("steps: {}", "x"))[0].contains("means something else"));
}

#[test]
fn templates_name_what_is_there_in_time() {
    let snapshot = |apply: &str| {
        around(&format!(
            "- action: snapshot\n- action: shell\n  with: {{apply: \"{apply}\"}}\n- {{id: after, action: shell, with: {{apply: x}}}}\n"
        ))
    };
    only_problem(&snapshot("{{ steps.snapshto.path }}"), &["6:17", "names no step", "did you mean `snapshot`?"]);
    only_problem(&snapshot("{{ steps.after.stdout }}"), &["`after` runs later"]);
    only_problem(&snapshot("{{ steps.shell.stdout }}"), &["cannot name what it leaves itself"]);
    only_problem(&snapshot("{{ steps }}"), &["`steps` names nothing", "steps.ID.NAME"]);
    only_problem(&snapshot("{{ target.password }}"), &["`target.password` names nothing", "there is `host`"]);
    only_problem(&snapshot("{{ target.host | lowre }}"), &["lowre"]);
    only_problem(&snapshot("{{ target.host"), &["cannot be read", "raw"]);
    only_problem(
        &around(
            "- {action: generate-schema, with: {sql: a.sql}}\n- action: shell\n  with: {apply: 'x {{ steps.generate-schema.level }}'}\n",
        ),
        &["subtraction", "steps.generate_schema.…"],
    );
    only_problem(
        &around("- action: snapshot\n- action: wait\n  with: {seconds: '{{ steps.snapshot.path }}'}\n"),
        &["known before the first step"],
    );
    only_problem(
        &around("- action: snapshot\n- action: preflight\n  when: '{{ steps.snapshot.path }}'\n"),
        &["before the first step runs"],
    );
    only_problem(
        &around("- action: preflight\n  id: '{{ target.host }}'\n").replace("id:", "downtime:"),
        &["cannot be a template"],
    );
}

#[test]
fn secrets_stay_where_they_are_not_shown() {
    let shown = SECRETIVE.replace("apply: 'deploy'", "apply: 'deploy {{ token }}'");
    let problems = Document::parse(&shown, "runbook.yaml").expect_err("a secret in a command line");
    assert!(problems.to_string().contains("`token` is secret, and what stands here is shown"), "{problems}");

    let document = Document::parse(SECRETIVE, "runbook.yaml").unwrap();
    let problems = document.gather(&pairs(&[("token", "hunter2")]), &|_| None).expect_err("on the command line");
    assert!(problems.to_string().contains("CUTOVER_SECRET_TOKEN"), "{problems}");
    assert!(!problems.to_string().contains("hunter2"));
    let problems = document.gather(&[], &|_| None).expect_err("no value");
    assert!(problems.to_string().contains("the secret `token` has no value"), "{problems}");

    let values = document.gather(&[], &|name| (name == "CUTOVER_SECRET_TOKEN").then(|| "hunter2".into())).unwrap();
    let runbook = document.resolve(&values, &facts(), &Outputs::new()).unwrap();
    let Settings::Shell(shell) = &runbook.steps[0].settings else { panic!("{runbook:?}") };
    assert_eq!(shell.env["TOKEN"].expose(), "Bearer hunter2");
    let shown = format!("{values:?}{runbook:?}{document:?}{}{:?}", runbook.to_yaml(), values.plain());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!serde_json::to_string(&runbook.steps[0].settings).unwrap().contains("hunter2"));
}

#[test]
fn a_secret_comes_from_a_file_or_from_somebody() {
    let document = Document::parse(SECRETIVE, "runbook.yaml").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2\n").unwrap();
    let named = file.path().to_str().unwrap().to_owned();
    let values = document.gather(&[], &|name| (name == "CUTOVER_SECRET_TOKEN_FILE").then(|| named.clone())).unwrap();
    assert_eq!(values.secrets().count(), 1);

    let mut asked = Vec::new();
    let mut ask = |parameter: &cutover::runbook::Parameter| {
        asked.push(parameter.name.clone());
        Some("hunter2".into())
    };
    document.gather_asking(&[], &|_| None, &mut ask).unwrap();
    assert_eq!(asked, ["token"]);

    let gone = |name: &str| (name == "CUTOVER_SECRET_TOKEN_FILE").then(|| "/nowhere/token".to_owned());
    let problems = document.gather(&[], &gone).expect_err("no such file");
    assert!(problems.to_string().contains("reading /nowhere/token"), "{problems}");
}

#[test]
fn values_from_outside_are_checked_all_at_once() {
    let document = Document::parse(SECRETIVE, "runbook.yaml").unwrap();
    let problems = gather(&document, &[("plcae", "here"), ("place", "nowhere")]).expect_err("three mistakes");
    assert_eq!(
        described(&problems),
        [
            "there is no parameter `plcae`; did you mean `place`?",
            "the secret `token` has no value; set the variable CUTOVER_SECRET_TOKEN, or CUTOVER_SECRET_TOKEN_FILE",
            "`nowhere` is not among the choices of `place`; there is `here` and `there`",
        ]
    );
}

#[test]
fn no_password_stands_in_a_runbook_or_reaches_the_journal() {
    let text = around("- action: shell\n  with: {apply: 'psql postgres://me:hunter2@db/app'}\n");
    let found = problems(&text);
    assert!(found.len() == 1 && found[0].contains("password") && !found[0].contains("hunter2"), "{found:?}");

    let text = "name: x\nparameters: {a: {}}\nsource: {sqlite: '{{ a }}'}\nsteps: [{action: preflight}]\n";
    let problems = resolve(text, &[("a", "postgres://me:hunter2@db/app")]).expect_err("a password");
    assert!(!problems.to_string().contains("hunter2"), "{problems}");
}

#[test]
fn templates_are_filled_in_as_far_as_they_can_be() {
    let text = "\
name: test
parameters: {sqlite: {required: true}, wait: {default: 30}, files: {}}
source: {sqlite: '{{ sqlite }}'}
steps:
- {action: generate-schema, when: '{{ files }}', with: {sql: '{{ files }}', timeout_seconds: '{{ wait }}'}}
- action: snapshot
- id: keep
  action: shell
  with: {apply: 'cp {{ steps.snapshot.path | quote }} {{ target.host }}:{{ target.port }}/${#x}'}
";
    let document = Document::parse(text, "runbook.yaml").unwrap();
    let values = gather(&document, &[("sqlite", "it's.db"), ("files", "a.sql, b.sql")]).unwrap();
    let before = document.resolve(&values, &facts(), &Outputs::new()).unwrap();
    assert_eq!(before.source.sqlite, PathBuf::from("it's.db"));
    let Settings::GenerateSchema(schema) = &before.steps[0].settings else { panic!("{before:?}") };
    assert_eq!((schema.sql.clone(), schema.timeout_seconds), (vec!["a.sql".into(), "b.sql".into()], Some(30)));
    let shell = |runbook: &Runbook| match &runbook.steps[2].settings {
        Settings::Shell(shell) => shell.apply.clone(),
        other => panic!("{other:?}"),
    };
    assert!(shell(&before).contains("{{ steps.snapshot.path | quote }}"));

    let left = BTreeMap::from([("path".to_owned(), "/run/o'copy.db".to_owned())]);
    let after = document.resolve(&values, &facts(), &Outputs::from([("snapshot".to_owned(), left)])).unwrap();
    assert_eq!(shell(&after), "cp '/run/o'\\''copy.db' db.internal:5433/${#x}");

    let without =
        document.resolve(&gather(&document, &[("sqlite", "a.db")]).unwrap(), &facts(), &Outputs::new()).unwrap();
    assert_eq!(without.steps.len(), 2);
    let wrong = gather(&document, &[("sqlite", "a.db"), ("files", "a.sql"), ("wait", "soon")]).unwrap();
    let problems = document.resolve(&wrong, &facts(), &Outputs::new()).expect_err("no number");
    assert_eq!(described(&problems), ["5:94: `timeout_seconds` must be a whole number, not `soon`; write digits only"]);
}

#[test]
fn what_is_left_out_hands_its_marks_over() {
    let text = "\
name: test
parameters: {config: {}}
source: {sqlite: a.db}
point_of_no_return: switch-config
steps:
- {action: preflight}
- {action: quiesce, when: '{{ config }}', downtime: begins}
- {action: snapshot}
- {action: switch-config, when: '{{ config }}', with: {file: '{{ config }}', set: {a: {b: '{{ steps.snapshot.path }}'}}}}
- {action: manual, with: {instructions: switch by hand}}
- {action: health, when: '{{ config }}', downtime: ends, with: {sql: [{query: select 1, expect: '1'}]}}
";
    let whole = resolve(text, &[("config", "app.ini")]).unwrap();
    assert_eq!(whole.point_of_no_return.unwrap().0, "switch-config");
    let part = resolve(text, &[]).unwrap();
    assert_eq!(part.point_of_no_return.unwrap().0, "manual");
    let marks: Vec<_> = part.steps.iter().map(|step| (step.id.0.as_str(), step.downtime)).collect();
    assert_eq!(marks, [("preflight", None), ("snapshot", Some(Downtime::Begins)), ("manual", Some(Downtime::Ends))]);
    assert_eq!(part.steps[2].gate, Gate::Confirm, "a person has to say that it is done");
}

#[test]
fn a_template_over_a_step_that_is_left_out_is_refused() {
    let text =
        around("- {action: snapshot, when: 'no'}\n- action: shell\n  with: {apply: 'x {{ steps.snapshot.path }}'}\n");
    only_problem(&text, &["6:17", "that step is left out"]);
}

#[test]
fn the_policy_null_needs_no_quotes() {
    let text = "name: x\nsource: {sqlite: a.db}\ntransfer: {on_reject: null, columns: {a.b: null}}\nsteps: [{action: preflight}]\n";
    let transfer = resolve(text, &[]).unwrap().transfer;
    assert_eq!((transfer.on_reject, transfer.columns["a.b"]), (Policy::Null, Policy::Null));
}

#[test]
fn line_ends_and_a_byte_order_mark_make_no_difference() {
    let text = "name: test\nsource: {sqlite: a.db}\nsteps:\n- action: shell\n  with:\n    apply: |\n      echo a\n      echo b\n";
    let runbook = resolve(text, &[]).unwrap();
    assert_eq!(resolve(&text.replace('\n', "\r\n"), &[]).unwrap(), runbook);
    assert_eq!(resolve(&format!("\u{feff}{text}"), &[]).unwrap(), runbook);
}

#[test]
fn an_alias_stands_for_its_value_and_cannot_fill_the_memory() {
    let text = around(
        "- {action: shell, with: {apply: a, env: &e {A: '1'}}}\n- {id: b, action: shell, with: {apply: b, env: *e}}\n",
    );
    let runbook = resolve(&text, &[]).unwrap();
    let Settings::Shell(shell) = &runbook.steps[1].settings else { panic!("{runbook:?}") };
    assert_eq!(shell.env["A"].expose(), "1");
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(Document::parse(&bomb, "x").expect_err("a bomb").to_string().contains("nested deeper"));
}

#[test]
fn the_schema_in_assets_is_the_one_that_is_checked_against() {
    let file = root().join("assets/runbook.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, json_schema()).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == json_schema(),
        "assets/runbook.schema.json is out of date; write it by `UPDATE=1 cargo test --test runbook`"
    );
}
