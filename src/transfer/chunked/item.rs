//! One thing that stands around the tables, goes before they are filled and comes back afterwards.

use crate::transfer::stage::{Around, Given};
use crate::transfer::surroundings::{ForeignKey, Standing, TableIndex, Trigger};
use crate::transfer::takeoff::{self, Statement};

/// The thing.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Security(Standing),
    Key(ForeignKey),
    Trigger(Trigger),
    Index(TableIndex),
}

/// All of them, in the order in which they go.
pub(super) fn items(around: &Around) -> Vec<Item> {
    let mut items: Vec<Item> = around.secured.iter().cloned().map(Item::Security).collect();
    items.extend(around.keys.iter().cloned().map(Item::Key));
    items.extend(around.triggers.iter().cloned().map(Item::Trigger));
    items.extend(around.indexes.iter().cloned().map(Item::Index));
    items
}

/// Those of `around` that are off.
pub(super) fn missing(around: &Around, off: impl Fn(&str) -> bool) -> Around {
    let mut missing = Around::default();
    for item in items(around).into_iter().filter(|item| off(&item.name())) {
        match item {
            Item::Security(one) => missing.secured.push(one),
            Item::Key(one) => missing.keys.push(one),
            Item::Trigger(one) => missing.triggers.push(one),
            Item::Index(one) => missing.indexes.push(one),
        }
    }
    missing
}

impl Item {
    /// Its name in the ledger.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Security(one) => format!("security/{}", one.table),
            Self::Key(one) => format!("key/{}/{}", one.child_name, one.name),
            Self::Trigger(one) => format!("trigger/{}/{}", one.table, one.name),
            Self::Index(one) => format!("index/{}/{}", one.schema, one.name),
        }
    }

    /// What takes it off.
    pub(super) fn off(&self) -> Statement {
        match self {
            Self::Security(one) => takeoff::loosen_security(one),
            Self::Key(one) => takeoff::drop_foreign_key(one),
            Self::Trigger(one) => takeoff::silence(one),
            Self::Index(one) => takeoff::drop_index(one),
        }
    }

    /// What puts it back.
    pub(super) fn back(&self, given: Given) -> Vec<Statement> {
        match self {
            Self::Security(one) => vec![takeoff::force_security(one)],
            Self::Key(one) => takeoff::add_foreign_key(one, given == Given::New),
            Self::Trigger(one) => vec![takeoff::rouse(one)],
            Self::Index(one) => takeoff::build_index(one),
        }
    }

    /// The tables that it is about, as SQL names.
    pub(super) fn tables(&self) -> Vec<String> {
        let mut tables = match self {
            Self::Security(one) => vec![one.table.clone()],
            Self::Key(one) => vec![one.child_name.clone(), one.parent_name.clone()],
            Self::Trigger(one) => vec![one.table.clone()],
            Self::Index(one) => vec![one.table.clone()],
        };
        tables.dedup();
        tables
    }

    /// The lock that putting it back needs, and whether others of ours may be at work on the table meanwhile. Taken beforehand,
    /// so that whoever is in the way is named.
    pub(super) fn lock_for_back(&self) -> Lock {
        match self {
            Self::Index(one) if one.constraint.is_none() && !one.clustered => Lock { mode: "SHARE", alone: false },
            Self::Key(one) if one.validated => Lock { mode: "SHARE ROW EXCLUSIVE", alone: true },
            Self::Trigger(_) => Lock { mode: "SHARE ROW EXCLUSIVE", alone: true },
            _ => Lock { mode: "ACCESS EXCLUSIVE", alone: true },
        }
    }
}

/// A table lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) mode: &'static str,
    /// Whether it keeps other workers of the same copy out.
    pub(super) alone: bool,
}
