//! What must hold for every runbook: written out it reads back as itself, and no text makes the reader panic.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use cutover::evidence::{IntervalUnit, Policy};
use cutover::runbook::settings::{
    ConfigFormat, Copy, GenerateSchema, Health, HttpProbe, Manual, Quiesce, Settings, Shell, Snapshot, SqlProbe,
    SwitchConfig, Wait,
};
use cutover::runbook::{
    Document, Downtime, Gate, MigrationTable, Outputs, Runbook, Service, Source, Step, StepId, Target, TargetFacts,
    TransferOptions, ZonePolicy, standalone,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::time::Duration;

fn read(text: &str) -> Runbook {
    let document = Document::parse(text, "written.yaml").unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let values = document.gather(&[], &|_| None).unwrap();
    let resolved = document.resolve(&values, &TargetFacts::default(), &Outputs::new());
    resolved.unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Text with everything in it that YAML, templates or shells care about; not empty, since empty is the same as not written.
fn text() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("null"),
        Just("~"),
        Just("yes"),
        Just("1.10"),
        Just("0x1f"),
        Just("- a"),
        Just("a: b"),
        Just("# c"),
        Just("{{ x }}"),
        Just("{% raw %}"),
        Just("{{{"),
        Just("${#a[@]}"),
        Just("'"),
        Just("\""),
        Just("\\"),
        Just("*a"),
        Just("&a"),
        Just("!t"),
        Just("|"),
        Just(" lead"),
        Just("trail "),
        Just("a\nb\n"),
        Just("\n\n"),
        Just("\ttab"),
        Just("é漢🦀"),
        Just("%"),
        Just("@"),
        Just("`"),
        Just("?"),
        Just("---"),
        Just("..."),
        Just("\u{85}"),
        Just("\u{2028}"),
        Just("\u{feff}x"),
        Just("\u{7f}"),
        Just("\r\n"),
        Just("\u{1}")
    ];
    let piece = prop_oneof![odd.prop_map(str::to_owned), "[ -~]{1,12}"];
    vec(piece, 1..4).prop_map(|pieces| pieces.concat()).prop_filter("not only white", |text| !text.trim().is_empty())
}

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,8}"
}

fn column() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), (word(), word()).prop_map(|(table, column)| format!("{table}.{column}"))]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Stop), Just(Policy::Null), Just(Policy::Replace), Just(Policy::SkipRow)]
}

fn transfer() -> impl Strategy<Value = TransferOptions> {
    let unit = prop_oneof![Just(IntervalUnit::Us), Just(IntervalUnit::S)];
    let zone = prop_oneof![Just(ZonePolicy::Utc), Just(ZonePolicy::AsWritten), Just(ZonePolicy::Refuse)];
    let table = (word(), vec(word(), 1..3)).prop_map(|(table, columns)| MigrationTable { table, columns });
    (
        btree_map(column(), unit, 0..3),
        btree_map(column(), zone, 0..3),
        policy(),
        btree_map(column(), policy(), 0..3),
        (vec(text(), 0..3), vec(text(), 0..3), vec(word(), 0..3)),
        option::of(table),
        any::<bool>(),
        (option::of(1_usize..9), option::of(1_u64..9), option::of((1_u64..9_999).prop_map(Duration::from_secs))),
    )
        .prop_map(
            |(
                interval_units,
                zones,
                on_reject,
                columns,
                (include, exclude, schemas),
                migration_table,
                accept_levels,
                (jobs, chunk_rows, atomic_within),
            )| {
                TransferOptions {
                    interval_units,
                    zones,
                    on_reject,
                    columns,
                    include,
                    exclude,
                    schemas,
                    migration_table,
                    accept_levels,
                    jobs,
                    chunk_rows,
                    atomic_within,
                }
            },
        )
}

fn settings() -> impl Strategy<Value = Settings> {
    prop_oneof![
        (text(), option::of(text()), option::of(1_u64..99)).prop_map(|(apply, undo, timeout_seconds)| {
            Settings::Shell(Shell { apply, undo, timeout_seconds, env: [].into() })
        }),
        (text(), option::of(text())).prop_map(|(instructions, undo)| Settings::Manual(Manual { instructions, undo })),
        (text(), text(), option::of(0.5_f64..9.0)).prop_map(|(stop, start, quiet_seconds)| {
            Settings::Quiesce(Quiesce { stop: Some(stop), start: Some(start), quiet_seconds, ..Quiesce::default() })
        }),
        vec(text(), 1..3).prop_map(|files| {
            let sql = files.into_iter().map(Into::into).collect();
            Settings::GenerateSchema(GenerateSchema { sql, ..GenerateSchema::default() })
        }),
        text().prop_map(|query| Settings::Wait(Wait { query: Some(query), ..Wait::default() })),
        (text(), text(), word()).prop_map(|(query, expect, path)| {
            let json = [(format!("/{path}"), serde_json::json!(["1.10", 1, 1.5, true, null, "null"]))].into();
            let probe = HttpProbe {
                url: "http://localhost/".into(),
                through: None,
                status: Some(204),
                json,
                body_contains: None,
            };
            Settings::Health(Health { http: vec![probe], sql: vec![SqlProbe { query, expect }], ..Health::default() })
        }),
        (
            text(),
            btree_map(
                prop_oneof![Just(String::new()), word()],
                btree_map(word(), prop_oneof![Just(String::new()), text()], 1..3),
                1..3
            )
        )
            .prop_map(|(file, set)| {
                let format = Some(ConfigFormat::Ini);
                let unset = [("a".to_owned(), vec!["b".to_owned()])].into();
                Settings::SwitchConfig(SwitchConfig {
                    file: Some(file.into()),
                    format,
                    set,
                    unset,
                    ..SwitchConfig::default()
                })
            }),
        (option::of(1_usize..9), any::<bool>()).prop_map(|(jobs, keep_undo)| Settings::Copy(Copy {
            jobs,
            keep_undo,
            freeze: true
        })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let gate = prop_oneof![Just(Gate::None), Just(Gate::Confirm), text().prop_map(Gate::Typed)];
    (settings(), prop_oneof![Just(String::new()), text()], gate).prop_map(|(settings, note, gate)| {
        let gate = match (gate, &settings) {
            // A person has to say that it is done.
            (Gate::None, Settings::Manual(_)) => Gate::Confirm,
            (gate, _) => gate,
        };
        Step { id: StepId::from("later"), settings, note, gate, downtime: None }
    })
}

fn runbook() -> impl Strategy<Value = Runbook> {
    let name = text().prop_filter("no template", |text| !text.contains("{{") && !text.contains("{%"));
    (name, text(), text(), text(), transfer(), vec(step(), 1..5), option::of(1_u64..200_000)).prop_map(
        |(name, description, sqlite, place, transfer, mut steps, budget)| {
            for (index, step) in steps.iter_mut().enumerate() {
                step.id = StepId(format!("step-{index}"));
            }
            let snapshot = Settings::Snapshot(Snapshot::default());
            let first = Step {
                id: "snapshot".into(),
                settings: snapshot,
                note: String::new(),
                gate: Gate::None,
                downtime: None,
            };
            steps.insert(0, Step { downtime: Some(Downtime::Begins), ..first });
            Runbook {
                service: Service { name: name.clone(), place, ..Service::default() },
                name,
                description,
                parameters: Vec::new(),
                source: Source::on_host(sqlite),
                target: Target { schemas: transfer.schemas.clone(), ..Target::default() },
                transfer,
                downtime_budget: budget.map(Duration::from_secs),
                point_of_no_return: Some("step-0".into()),
                steps,
            }
        },
    )
}

/// The shipped runbooks and the fixtures: what mutations begin with.
fn documents() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    ["runbooks/demo.yaml", "runbooks/django.yaml", "tests/runbook/ten-mistakes.yaml"]
        .iter()
        .map(|file| std::fs::read_to_string(root.join(file)).unwrap())
        .collect()
}

fn mutation() -> impl Strategy<Value = (usize, usize, String)> {
    let piece = prop_oneof![
        text(),
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("{{".to_owned()),
        Just("[".to_owned()),
        Just(": ".to_owned())
    ];
    (any::<usize>(), 0_usize..20, piece)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_runbook_that_is_written_out_reads_as_itself(runbook in runbook()) {
        let text = runbook.to_yaml();
        prop_assert_eq!(read(&text), runbook, "{}", text);
    }

    #[test]
    fn the_stand_alone_commands_say_what_they_were_given(sqlite in text(), options in transfer(), keep_undo in any::<bool>()) {
        let copy = read(&standalone::copy(std::path::Path::new(&sqlite), &options, keep_undo));
        prop_assert_eq!(&copy.transfer, &options);
        prop_assert_eq!(copy.source.sqlite.to_str(), Some(sqlite.as_str()));
        prop_assert_eq!(&copy.steps[0].settings, &Settings::Copy(Copy { jobs: options.jobs, keep_undo, freeze: true }));
        let verify = read(&standalone::verify(std::path::Path::new(&sqlite), &options));
        prop_assert_eq!((verify.transfer, verify.target.schemas), (options.clone(), options.schemas));
    }

    #[test]
    fn no_text_makes_the_reader_panic(which in 0_usize..3, mutations in vec(mutation(), 1..6)) {
        let mut text: Vec<char> = documents().swap_remove(which).chars().collect();
        for (at, removed, inserted) in mutations {
            let at = at % (text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        match Document::parse(&text, "mutated.yaml") {
            Err(problems) => prop_assert!(!problems.list().is_empty()),
            Ok(document) => {
                let set = [("sqlite", "a"), ("config", "b.ini"), ("schema_sql", "c")].map(|(name, value)| (name.to_owned(), value.to_owned()));
                if let Ok(values) = document.gather(&set, &|_| None) {
                    let _ = document.resolve(&values, &TargetFacts::default(), &Outputs::new());
                }
            }
        }
    }

    #[test]
    fn no_characters_make_the_reader_panic(text in "\\PC{0,60}|[-:\\[\\]{}#&*!|>'\"%@` \n\tax0]{0,60}") {
        if let Err(problems) = Document::parse(&text, "random.yaml") {
            prop_assert!(!problems.list().is_empty());
        }
    }
}
