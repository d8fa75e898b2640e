//! The format of `COPY … TO STDOUT (FORMAT binary)`, read as it arrives
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").

use bytes::{Bytes, BytesMut};

/// Puts the messages of a COPY together and gives out whole rows. The server sends a row a message, so that nothing is copied;
/// where something in between cuts otherwise, a row is put together first.
#[derive(Debug, Default)]
pub(crate) struct CopyStream {
    waiting: BytesMut,
    current: Bytes,
    begun: bool,
    ended: bool,
}

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadStream {
    /// It does not begin as it must.
    #[error("the stream does not begin with PostgreSQL's binary COPY signature")]
    Signature,
    /// A count or length is not possible.
    #[error("a length of {0} in the stream is not possible")]
    Length(i32),
    /// It stopped within a row or before its end mark.
    #[error("the stream ended before its end mark")]
    Short,
}

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the extension.
const HEAD: usize = 19;

impl CopyStream {
    /// Takes the next message.
    pub(crate) fn feed(&mut self, message: Bytes) {
        if self.current.is_empty() && self.waiting.is_empty() {
            self.current = message;
            return;
        }
        self.waiting.extend_from_slice(&std::mem::take(&mut self.current));
        self.waiting.extend_from_slice(&message);
    }

    /// The next whole row, if it has arrived: the bytes of its cells, each with its length in front.
    pub(crate) fn row(&mut self) -> Result<Option<Bytes>, BadStream> {
        if self.current.is_empty() && !self.waiting.is_empty() {
            self.current = self.waiting.split().freeze();
        }
        if !self.begun && !self.begin()? {
            return Ok(None);
        }
        let Some(fields) = self.current.first_chunk::<2>().map(|bytes| i16::from_be_bytes(*bytes)) else {
            return Ok(None);
        };
        if fields == -1 {
            self.ended = true;
            self.current = Bytes::new();
            return Ok(None);
        }
        let mut at = 2;
        for _ in 0..fields {
            let Some(length) = self.current.get(at..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
            at += 4;
            match i32::from_be_bytes(*length) {
                -1 => {}
                length => at += usize::try_from(length).map_err(|_| BadStream::Length(length))?,
            }
            if at > self.current.len() {
                return Ok(None);
            }
        }
        let row = self.current.split_to(at);
        Ok(Some(row.slice(2..)))
    }

    /// Whether all that was promised came.
    pub(crate) fn end(&self) -> Result<(), BadStream> {
        if self.ended { Ok(()) } else { Err(BadStream::Short) }
    }

    fn begin(&mut self) -> Result<bool, BadStream> {
        if self.current.len() < HEAD {
            return Ok(false);
        }
        if !self.current.starts_with(SIGNATURE) {
            return Err(BadStream::Signature);
        }
        let extension =
            self.current.get(15..HEAD).and_then(<[u8]>::first_chunk::<4>).map_or(0, |b| i32::from_be_bytes(*b));
        let skip = HEAD + usize::try_from(extension).map_err(|_| BadStream::Length(extension))?;
        if self.current.len() < skip {
            return Ok(false);
        }
        let _ = self.current.split_to(skip);
        self.begun = true;
        Ok(true)
    }
}

/// The cells of a row; none for NULL.
pub(crate) fn cells(row: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = row;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        let (cell, after) = after.split_at_checked(usize::try_from(length).unwrap_or(0))?;
        rest = after;
        Some((length >= 0).then_some(cell))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut stream = [SIGNATURE, &[0; 8]].concat();
        stream.extend_from_slice(&[0, 2, 0, 0, 0, 1, b'x', 255, 255, 255, 255]);
        stream.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
        stream.extend_from_slice(&[255, 255]);
        stream
    }

    fn read(pieces: impl Iterator<Item = Vec<u8>>) -> Result<Vec<Vec<Option<Vec<u8>>>>, BadStream> {
        let mut reader = CopyStream::default();
        let mut rows = Vec::new();
        for piece in pieces {
            reader.feed(Bytes::from(piece));
            while let Some(row) = reader.row()? {
                rows.push(cells(&row).map(|cell| cell.map(<[u8]>::to_vec)).collect());
            }
        }
        reader.end().map(|()| rows)
    }

    #[test]
    fn rows_are_the_same_however_the_stream_is_cut() {
        let expected = Ok(vec![vec![Some(b"x".to_vec()), None], vec![Some(Vec::new())]]);
        for size in 1..=stream().len() {
            assert_eq!(read(stream().chunks(size).map(<[u8]>::to_vec)), expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_is_cut_short_or_no_copy_is_refused() {
        for length in 0..stream().len() {
            assert_eq!(read([stream()[..length].to_vec()].into_iter()), Err(BadStream::Short), "{length} bytes");
        }
        assert_eq!(read([b"no binary COPY at all".to_vec()].into_iter()), Err(BadStream::Signature));
    }
}
