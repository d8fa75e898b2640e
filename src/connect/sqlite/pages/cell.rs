//! The cells of a b-tree's pages, and how numbers are written there.

use super::{Stop, expect};

/// What a page of a b-tree is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) leaf: bool,
    /// A tree of rows by rowid; otherwise of index entries.
    pub(super) rows: bool,
}

impl Kind {
    pub(super) fn of(flag: u8) -> Result<Self, Stop> {
        match flag {
            2 => Ok(Self { leaf: false, rows: false }),
            5 => Ok(Self { leaf: false, rows: true }),
            10 => Ok(Self { leaf: true, rows: false }),
            13 => Ok(Self { leaf: true, rows: true }),
            _ => Err(Stop::Unsound),
        }
    }
}

/// A cell, as far as it bears on the structure.
pub(super) struct Cell {
    /// Bytes in the page.
    pub(super) size: usize,
    /// Zero in an index.
    pub(super) rowid: i64,
    /// Bytes of the payload that lie on other pages, and the first of them.
    pub(super) beyond: u64,
    pub(super) overflow: u32,
}

impl Cell {
    /// `rest` is the page from the cell on.
    pub(super) fn read(rest: &[u8], kind: Kind, usable: usize) -> Result<Self, Stop> {
        let mut at = if kind.leaf { 0 } else { 4 };
        if kind.rows && !kind.leaf {
            let rowid = varint(rest, &mut at)?;
            return Ok(Self { size: at.max(4), rowid, beyond: 0, overflow: 0 });
        }
        // SQLite keeps 32 bits of it.
        let payload = u64::from(varint(rest, &mut at)?.cast_unsigned() as u32);
        let rowid = if kind.rows { varint(rest, &mut at)? } else { 0 };
        let local = local(payload, kind, usable);
        let (beyond, word) = (payload - local, if payload > local { 4 } else { 0 });
        let end = at + usize::try_from(local).map_err(|_| Stop::Unsound)?;
        expect(end + word <= rest.len())?;
        let overflow = if word > 0 { u32_at(rest, end) } else { 0 };
        Ok(Self { size: (end + word).max(4), rowid, beyond, overflow })
    }
}

/// How much of a payload stays in its page (<https://www.sqlite.org/fileformat2.html#b_tree_pages>).
fn local(payload: u64, kind: Kind, usable: usize) -> u64 {
    let usable = usable as u64;
    let most = if kind.rows { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    if payload <= most {
        return payload;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (payload - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Seven bits a byte, most significant first; the ninth byte counts whole.
fn varint(bytes: &[u8], at: &mut usize) -> Result<i64, Stop> {
    let mut value = 0_u64;
    for count in 0..9 {
        let byte = *bytes.get(*at).ok_or(Stop::Unsound)?;
        *at += 1;
        if count == 8 {
            value = value << 8 | u64::from(byte);
            break;
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Ok(value.cast_signed())
}
