//! From a SQLite value to the canonical bytes that its target column must hold: plain, one file per family of types.
