//! The file, read in blocks.

use super::cell::u32_at;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes read at once, and how many such blocks are held: neighbouring leaves mostly stand side by side, and all of it stays in the
/// core's own cache. A multiple of the largest page.
const BLOCK: u64 = 64 * 1024;
const BLOCKS: usize = 4;

/// The file, in blocks.
pub(super) struct Pages<'a> {
    file: &'a File,
    pub(super) size: usize,
    length: u64,
    blocks: Vec<(u64, Vec<u8>)>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(file: &'a File, size: usize, length: u64) -> Self {
        Self { file, size, length, blocks: vec![(u64::MAX, Vec::new()); BLOCKS] }
    }

    pub(super) fn read(&mut self, number: u32, into: &mut Vec<u8>) -> io::Result<()> {
        let size = self.size;
        let page = self.page(number)?;
        into.clear();
        into.extend_from_slice(&page[..size]);
        Ok(())
    }

    pub(super) fn first_word(&mut self, number: u32) -> io::Result<u32> {
        self.page(number).map(|page| u32_at(page, 0))
    }

    fn page(&mut self, number: u32) -> io::Result<&[u8]> {
        let at = u64::from(number - 1) * self.size as u64;
        let block = at / BLOCK;
        let (held, bytes) = &mut self.blocks[block as usize % BLOCKS];
        if *held != block {
            let length = BLOCK.min(self.length - block * BLOCK) as usize;
            *held = u64::MAX;
            bytes.resize(length, 0);
            self.file.read_exact_at(bytes, block * BLOCK)?;
            *held = block;
        }
        let within = (at % BLOCK) as usize;
        bytes.get(within..within + self.size).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
