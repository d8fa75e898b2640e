//! What makes two cells, two rows and two tables equal, whatever wrote them.
//!
//! [`canonical`] says which bytes stand for a cell's value; [`RowHash`] turns a row of them into 128 bits; [`TableDigest`] adds
//! the rows up so that neither their order nor the number of workers matters. `transfer` digests the wire bytes it sends, `verify`
//! the wire bytes it reads back and, by a decoder of its own, the source. [`show()`] is how a wire value is read by people.

pub mod canonical;
mod json;
mod numeric;
mod row;
mod show;
mod table;

pub use canonical::{BadWire, CanonicalKind, from_wire};
pub use json::plain;
pub use row::{RowHash, RowHasher};
pub use show::show;
pub use table::{BUCKETS, TableDigest};
