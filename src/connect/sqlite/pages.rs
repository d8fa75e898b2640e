//! Whether every page of a database file is where it belongs: the walk that SQLite's `integrity_check` makes over the b-trees and
//! the free list (`checkTreePage`, `checkList` in <https://sqlite.org/src/file/src/btree.c>), without its second and third reading of
//! every row and every index entry.
//!
//! It has no verdict of its own about damage: what it cannot call sound, SQLite itself is asked about. Sound means that each page is
//! reached exactly once from the roots, that cells lie within their page and over no other, that rowids ascend over the whole tree,
//! that overflow chains are as long as their cells say, and that no page is left over. The format is that of
//! <https://www.sqlite.org/fileformat2.html>.

mod blocks;
mod cell;

use blocks::Pages;
use cell::{Cell, Kind, u16_at, u32_at};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// As in `btree.h`: a tree that is deeper is none.
const DEEPEST: usize = 20;
/// The byte that SQLite locks; its page holds nothing.
const LOCK_BYTE: u64 = 0x4000_0000;

/// Whether the file is sound, with trees at `roots` besides the schema's own on page 1.
///
/// # Errors
/// When it cannot be read.
pub(super) fn sound(file: &File, roots: &[u32]) -> io::Result<bool> {
    let Some(mut walk) = Walk::new(file)? else { return Ok(false) };
    match walk.all(roots) {
        Ok(()) => Ok(true),
        Err(Stop::Unsound) => Ok(false),
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Why the walk ends early.
enum Stop {
    /// Something is not as expected, or not known here.
    Unsound,
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn expect(holds: bool) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Unsound) }
}

/// The rowids that a page may hold: above the first, up to the second.
type Range = (i128, i128);

struct Walk<'a> {
    pages: Pages<'a>,
    /// Bytes of a page that are used.
    usable: usize,
    count: u32,
    /// A bit per page.
    seen: Vec<u64>,
    trunk: u32,
    free: u32,
    /// A page for each level that is being walked.
    levels: Vec<Vec<u8>>,
    covered: Covered,
}

impl<'a> Walk<'a> {
    /// None where the header is not one that is understood here.
    fn new(file: &'a File) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        let mut header = [0; 100];
        if length < 512 {
            return Ok(None);
        }
        file.read_exact_at(&mut header, 0)?;
        let size = match u16_at(&header, 16) {
            1 => 65_536,
            size => usize::from(size),
        };
        let reserved = usize::from(header[20]);
        let pages = length / size.max(1) as u64;
        let counted = u32_at(&header, 28);
        let fits = size.is_power_of_two() && size >= 512 && size - reserved.min(size) >= 480;
        // With auto-vacuum there are pages that map pages: SQLite knows better.
        if !fits
            || counted == 0
            || u64::from(counted) > pages
            || u32_at(&header, 52) != 0
            || header[24..28] != header[92..96]
        {
            return Ok(None);
        }
        Ok(Some(Self {
            pages: Pages::new(file, size, length),
            usable: size - reserved,
            count: counted,
            seen: vec![0; counted as usize / 64 + 1],
            trunk: u32_at(&header, 32),
            free: u32_at(&header, 36),
            levels: vec![Vec::new(); DEEPEST],
            covered: Covered::new(size),
        }))
    }

    fn all(&mut self, roots: &[u32]) -> Result<(), Stop> {
        self.free_list()?;
        for root in std::iter::once(&1).chain(roots) {
            self.tree(*root, 0, None, (i128::MIN, i128::MAX))?;
        }
        let lock = u32::try_from(LOCK_BYTE / self.pages.size as u64 + 1).unwrap_or(u32::MAX);
        let left_over = (1..=self.count).find(|page| *page != lock && !self.was_seen(*page));
        expect(left_over.is_none() && (lock > self.count || !self.was_seen(lock)))
    }

    fn was_seen(&self, page: u32) -> bool {
        self.seen[page as usize / 64] >> (page % 64) & 1 == 1
    }

    /// Marks a page, which must be there and not marked yet.
    fn visit(&mut self, page: u32) -> Result<(), Stop> {
        expect(page > 0 && page <= self.count && !self.was_seen(page))?;
        self.seen[page as usize / 64] |= 1 << (page % 64);
        Ok(())
    }

    fn free_list(&mut self) -> Result<(), Stop> {
        let mut trunk = self.trunk;
        let mut left = u64::from(self.free);
        let mut page = Vec::new();
        while trunk != 0 {
            self.visit(trunk)?;
            self.pages.read(trunk, &mut page)?;
            let leaves = u32_at(&page, 4) as usize;
            expect(leaves <= self.usable / 4 - 2)?;
            for leaf in 0..leaves {
                self.visit(u32_at(&page, 8 + 4 * leaf))?;
            }
            left = left.checked_sub(1 + leaves as u64).ok_or(Stop::Unsound)?;
            trunk = u32_at(&page, 0);
        }
        expect(left == 0)
    }

    /// Walks a tree from one of its pages downwards; how deep it is below.
    fn tree(&mut self, number: u32, level: usize, rows: Option<bool>, range: Range) -> Result<usize, Stop> {
        expect(level < DEEPEST)?;
        self.visit(number)?;
        let mut page = std::mem::take(&mut self.levels[level]);
        self.pages.read(number, &mut page)?;
        let depth = self.page(&page, number, level, rows, range);
        self.levels[level] = page;
        depth
    }

    fn page(
        &mut self,
        page: &[u8],
        number: u32,
        level: usize,
        rows: Option<bool>,
        range: Range,
    ) -> Result<usize, Stop> {
        let head = if number == 1 { 100 } else { 0 };
        let kind = Kind::of(page[head])?;
        expect(rows.is_none_or(|rows| rows == kind.rows))?;
        let cells = usize::from(u16_at(page, head + 3));
        let pointers = head + if kind.leaf { 8 } else { 12 };
        let content = match u16_at(page, head + 5) {
            0 => 65_536,
            at => usize::from(at),
        };
        expect(pointers + 2 * cells <= content && content <= self.usable)?;
        self.covered.clear();
        let (mut low, high) = range;
        for cell in 0..cells {
            let at = usize::from(u16_at(page, pointers + 2 * cell));
            expect(at >= content && at + 4 <= self.usable)?;
            let cell = Cell::read(&page[at..self.usable], kind, self.usable)?;
            self.covered.add(at, cell.size)?;
            self.overflow(&cell)?;
            if kind.rows {
                expect(i128::from(cell.rowid) > low && i128::from(cell.rowid) <= high)?;
                low = i128::from(cell.rowid);
            }
        }
        self.rest_of(page, head, content)?;
        if kind.leaf { Ok(0) } else { self.children(page, head, cells, kind, level, range) }
    }

    /// What is no cell must be a free block, or counted as a fragment.
    fn rest_of(&mut self, page: &[u8], head: usize, content: usize) -> Result<(), Stop> {
        let mut block = usize::from(u16_at(page, head + 1));
        while block != 0 {
            expect(block >= content && block + 4 <= self.usable)?;
            let (next, size) = (usize::from(u16_at(page, block)), usize::from(u16_at(page, block + 2)));
            expect(size >= 4 && block + size <= self.usable && (next == 0 || next > block + size + 3))?;
            self.covered.add(block, size)?;
            block = next;
        }
        expect(self.usable - content - self.covered.bytes == usize::from(page[head + 7]))
    }

    fn children(
        &mut self,
        page: &[u8],
        head: usize,
        cells: usize,
        kind: Kind,
        level: usize,
        (mut low, high): Range,
    ) -> Result<usize, Stop> {
        let mut depth = None;
        for cell in 0..cells {
            let at = usize::from(u16_at(page, head + 12 + 2 * cell));
            let up_to =
                if kind.rows { i128::from(Cell::read(&page[at..self.usable], kind, self.usable)?.rowid) } else { high };
            let below = self.tree(u32_at(page, at), level + 1, Some(kind.rows), (low, up_to))?;
            expect(*depth.get_or_insert(below) == below)?;
            low = if kind.rows { up_to } else { low };
        }
        let below = self.tree(u32_at(page, head + 8), level + 1, Some(kind.rows), (low, high))?;
        expect(depth.is_none_or(|depth| depth == below))?;
        Ok(below + 1)
    }

    fn overflow(&mut self, cell: &Cell) -> Result<(), Stop> {
        let mut next = cell.overflow;
        for _ in 0..cell.beyond.div_ceil(self.usable as u64 - 4) {
            self.visit(next)?;
            next = self.pages.first_word(next)?;
        }
        expect(next == 0)
    }
}

/// Which bytes of a page are taken.
struct Covered {
    bits: Vec<u64>,
    bytes: usize,
}

impl Covered {
    fn new(size: usize) -> Self {
        Self { bits: vec![0; size / 64 + 1], bytes: 0 }
    }

    fn clear(&mut self) {
        self.bits.fill(0);
        self.bytes = 0;
    }

    /// Takes bytes that nothing else has taken.
    fn add(&mut self, at: usize, size: usize) -> Result<(), Stop> {
        let (end, mut from) = (at + size, at);
        expect(end <= self.bits.len() * 64)?;
        while from < end {
            let (word, bit) = (from / 64, from % 64);
            let count = (64 - bit).min(end - from);
            let mask = (u64::MAX >> (64 - count)) << bit;
            expect(self.bits[word] & mask == 0)?;
            self.bits[word] |= mask;
            from += count;
        }
        self.bytes += size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use rusqlite::Connection;
    use std::path::Path;

    fn is_sound(path: &Path) -> bool {
        let connection = Connection::open(path).unwrap();
        let mut statement = connection.prepare("select rootpage from sqlite_schema where rootpage > 0").unwrap();
        let roots: rusqlite::Result<Vec<u32>> = statement.query_map([], |row| row.get(0)).unwrap().collect();
        roots.is_ok_and(|roots| sound(&File::open(path).unwrap(), &roots).unwrap())
    }

    /// Deep trees, overflow chains, a table without rowid, free pages, free blocks and fragments within pages.
    fn database(path: &Path, page: u32) {
        let connection = Connection::open(path).unwrap();
        let schema = "create table t (id integer primary key, v text, b blob); create index t_v on t (v);
            create table w (k text primary key, n integer) without rowid; create table e (x); create table gone (x)";
        let pragmas = format!("pragma page_size = {page}; pragma secure_delete = on");
        connection.execute_batch(&format!("{pragmas}; begin; {schema}")).unwrap();
        for id in 0..1_500_i64 {
            let blob = vec![7_u8; if id % 97 == 0 { 9_000 } else { usize::try_from(id % 50).unwrap() }];
            let text = format!("{:x}-{id}", id.wrapping_mul(0x9E37_79B9));
            connection.execute("insert into t values (?1, ?2, ?3)", (id * 3, &text, blob)).unwrap();
            connection.execute("insert into w values (?1, ?2)", (text, id)).unwrap();
            connection.execute("insert into gone values (?1)", ["x".repeat(300)]).unwrap();
        }
        connection
            .execute_batch(
                "delete from t where id % 7 = 0; update t set v = 'short' where id % 11 = 0; drop table gone; commit",
            )
            .unwrap();
    }

    #[test]
    fn what_sqlite_wrote_is_sound_at_every_page_size() {
        let directory = tempfile::tempdir().unwrap();
        for page in [512, 1024, 4096, 65_536] {
            let path = directory.path().join(format!("{page}.db"));
            database(&path, page);
            assert!(is_sound(&path), "page size {page}");
        }
    }

    #[test]
    fn what_maps_pages_is_left_to_sqlite() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auto.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("pragma auto_vacuum = full; create table t (a)").unwrap();
        assert!(!is_sound(&path));
    }

    /// The contract: whatever bytes are damaged, a file that is called sound here either passes SQLite's own check down to what it says
    /// about declarations, or SQLite refuses to read its rows.
    #[test]
    fn damage_that_sqlite_finds_is_never_called_sound() {
        let directory = tempfile::tempdir().unwrap();
        let (whole, path) = (directory.path().join("whole.db"), directory.path().join("damaged.db"));
        database(&whole, 1024);
        let bytes = std::fs::read(&whole).unwrap();
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut next = |end: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % end as u64).unwrap()
        };
        let mut unsound = 0;
        let trees: Vec<usize> =
            (0..bytes.len()).step_by(1024).filter(|at| *at == 0 || matches!(bytes[*at], 2 | 5 | 10 | 13)).collect();
        for _ in 0..600 {
            let mut damaged = bytes.clone();
            // Mostly where the structure is: the head of a page and the pointers behind it.
            let at = trees[next(trees.len())] + if next(4) == 0 { next(1024) } else { next(40) };
            damaged[at] ^= 1 << next(8);
            std::fs::write(&path, &damaged).unwrap();
            let verdict = Connection::open(&path).and_then(|connection| findings(&connection));
            let called = is_sound_or_unreadable(&path);
            unsound += u32::from(!called);
            assert!(!called || verdict.is_ok(), "byte {at}: called sound, but SQLite says {verdict:?}");
        }
        assert!(unsound > 150, "only {unsound} of the damages were seen: the test damages nothing that matters");
    }

    fn is_sound_or_unreadable(path: &Path) -> bool {
        let readable = Connection::open(path).and_then(|connection| read_all(&connection));
        readable.is_ok() && is_sound(path)
    }

    fn read_all(connection: &Connection) -> rusqlite::Result<()> {
        for table in ["t", "w", "e"] {
            let mut statement = connection.prepare(&format!("select * from {table} not indexed"))?;
            let width = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                (0..width).try_for_each(|column| row.get_ref(column).map(|_| ()))?;
            }
        }
        Ok(())
    }

    /// An error for damage.
    fn findings(connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare("pragma quick_check(100)")?;
        let messages: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let damage = messages.into_iter().find(|message| message != "ok" && !message.contains(" value in "));
        damage.map_or(Ok(()), |damage| Err(rusqlite::Error::InvalidParameterName(damage)))
    }
}
