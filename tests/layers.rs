//! The house's one structural rule: a room imports only from the rooms that `MAY_IMPORT` names for it (design: layers import
//! only downwards). Reads `crate::ROOM` in every source file, comments left out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms it may import. Finer rooms (`engine/machine`) come before coarser ones.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("crash", &[]),
    ("figures", &[]),
    ("progress", &[]),
    ("evidence", &[]),
    ("cli", &["evidence", "runbook"]),
    ("runbook", &["evidence"]),
    ("connect", &["crash", "progress"]),
    ("schema", &["connect", "evidence", "runbook"]),
    ("digest", &["schema"]),
    ("transfer", &["connect", "crash", "digest", "evidence", "figures", "progress", "runbook", "schema"]),
    ("verify", &["connect", "digest", "evidence", "progress", "runbook", "schema"]),
    ("action", &["connect", "crash", "evidence", "figures", "progress", "runbook", "schema", "transfer", "verify"]),
    ("inspect", &["action", "connect", "digest", "evidence", "progress", "runbook", "schema", "transfer", "verify"]),
    ("journal", &["crash"]),
    ("engine/machine", &["evidence", "runbook"]),
    ("engine/status", &["evidence", "runbook"]),
    ("engine/recover", &["evidence", "runbook"]),
    ("engine/event", &["evidence", "runbook"]),
    ("engine/effect", &["evidence", "runbook"]),
    ("engine", &["action", "connect", "crash", "evidence", "inspect", "journal", "progress", "runbook"]),
    ("report", &["engine", "evidence", "figures", "runbook"]),
    ("headless", &["engine", "evidence", "figures", "report", "runbook"]),
    ("tui", &["engine", "evidence", "figures", "runbook"]),
    ("scratch", &["connect"]),
    ("demo", &["engine", "evidence", "runbook", "scratch"]),
    (
        "commands",
        &[
            "action", "cli", "connect", "demo", "engine", "evidence", "figures", "headless", "inspect", "journal",
            "progress", "report", "runbook", "schema", "scratch", "transfer", "tui", "verify",
        ],
    ),
];

/// Words that a pure room may not contain at all: no runtime, no clock, no file, no network.
const PURE: &[&str] = &["engine/machine", "engine/status", "engine/recover", "engine/event", "engine/effect"];
const IMPURE_WORDS: &[&str] =
    &["tokio", "std::fs", "std::net", "std::time::Instant", "SystemTime", "Timestamp::now", "rusqlite"];

#[test]
fn rooms_import_only_downwards() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let room = room_of(&file);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| is_in(&room, name)) else {
            continue; // lib.rs and main.rs: the composition root imports everything
        };
        for (line, imported) in imports(&text) {
            let own = room.split('/').next().unwrap();
            if imported != own && !allowed.contains(&imported.as_str()) {
                wrong.push(format!("{}:{line}: {room} imports {imported}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point the wrong way:\n{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_know_no_world() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let room = room_of(&file);
        if PURE.iter().any(|name| is_in(&room, name)) {
            let code = without_comments(&text);
            wrong.extend(
                IMPURE_WORDS
                    .iter()
                    .filter(|word| code.contains(*word))
                    .map(|word| format!("{}: {word}", file.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "pure rooms that touch the world:\n{}", wrong.join("\n"));
}

#[test]
fn the_rules_name_every_room_and_form_no_circle() {
    let rooms: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().filter(|(name, _)| !name.contains('/')).copied().collect();
    let unknown: Vec<_> = sources()
        .into_iter()
        .map(|(file, _)| room_of(&file).split('/').next().unwrap().to_owned())
        .filter(|room| room != "lib" && room != "main" && !rooms.contains_key(room.as_str()))
        .collect();
    assert!(unknown.is_empty(), "rooms without a rule: {unknown:?}");
    for room in rooms.keys() {
        assert!(!reaches(&rooms, room, room), "{room} can reach itself");
    }
}

fn reaches(rooms: &BTreeMap<&str, &[&str]>, from: &str, to: &str) -> bool {
    rooms[from].iter().any(|next| *next == to || reaches(rooms, next, to))
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10, "the sources were not found");
    found
}

fn collect(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// `src/engine/machine.rs` → `engine/machine`; `src/engine/mod.rs` → `engine`.
fn room_of(file: &Path) -> String {
    let relative = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    relative.with_extension("").to_string_lossy().trim_end_matches("/mod").to_owned()
}

fn is_in(room: &str, name: &str) -> bool {
    room == name || room.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every `crate::ROOM`, also inside `use crate::{a, b}`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in without_comments(text).lines().enumerate() {
        for rest in line.split("crate::").skip(1) {
            let names: Vec<&str> = rest.strip_prefix('{').map_or_else(|| vec![rest], |list| list.split(',').collect());
            for name in names {
                let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !word.is_empty() {
                    found.push((number + 1, word));
                }
            }
        }
    }
    found
}
