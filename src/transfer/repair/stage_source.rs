//! The source's keys and interval values in a temporary table: right, and as each wrong unit would have made them.
//!
//! The encoder of the copy makes all of them, so that a value is repaired to exactly what a copy would have loaded.

use super::staged_name;
use super::subject::{Staged, key_name, others};
use crate::evidence::IntervalUnit;
use crate::progress::{Control, PartProgress, ProgressSink, Wish};
use crate::schema::{ColumnMapping, Rules, TableMapping, TypeKind, quote};
use crate::transfer::encode::{Encoded, Encoder};
use crate::transfer::load::{Sent, pump};
use crate::transfer::produce::{CHUNK, Piece, reading};
use crate::transfer::rows::{HEADER, TRAILER};
use crate::transfer::session::{Fault, interrupted, run};
use crate::transfer::source::{Source, blocking};
use crate::transfer::{Job, TransferError};
use bytes::Bytes;
use rusqlite::{Connection, Row};
use tokio::sync::mpsc;
use tokio_postgres::Client;

/// Chunks that wait for the server at most.
const WAITING: usize = 4;
/// Rows between two looks at what the operator wants.
const LOOK_EVERY: u64 = 20_000;

/// Loads one table's keys and interval values; nobody else sees them.
pub(super) async fn stage(
    client: &Client,
    job: &Job<'_>,
    source: Source,
    number: usize,
    table: &TableMapping,
) -> Result<Source, Fault> {
    let reader = Reader::new(number, table)?;
    let name = staged_name(number);
    let what = format!("making a temporary table for {} (the role needs TEMPORARY on the database)", reader.label);
    run(client, &what, &format!("CREATE TEMPORARY TABLE {name} ({})", reader.definition)).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let sql = format!("COPY {name} FROM STDIN (FORMAT binary)");
    let label = reader.label.clone();
    let (progress, control) = (job.progress.clone(), job.control.clone());
    let thread = blocking(source, move |source| reader.run(&source.frozen, &sender, &progress, &control));
    let (thread, sent) = tokio::join!(thread, pump(client, &sql, receiver));
    let (source, read) = thread?;
    match (read, sent) {
        (_, Err(Sent::Refused(error))) => {
            return Err(Fault::Database { what: format!("staging the source's rows of {label}"), error });
        }
        (Err(error), _) => return Err(error.into()),
        (Ok(()), Ok(_)) => {}
        (Ok(()), Err(_)) => return Err(interrupted().into()),
    }
    run(client, &format!("analysing the staged rows of {label}"), &format!("ANALYZE {name}")).await?;
    Ok(source)
}

/// One interval column's encoders: the right unit's, and those of the wrong ones.
struct Value {
    right: Encoder,
    wrong: [Encoder; 3],
}

struct Reader {
    label: String,
    select: String,
    definition: String,
    keys: Vec<Encoder>,
    values: Vec<Value>,
    count: [u8; 2],
}

impl Reader {
    fn new(number: usize, table: &TableMapping) -> Result<Self, TransferError> {
        let label = table.target.label();
        let encoder = |column: &ColumnMapping, rules: &Rules| {
            Encoder::new(&column.target.ty, rules)
                .map_err(|unsupported| TransferError::Refused(format!("{label}.{}: {unsupported}", column.target.name)))
        };
        let key: Vec<&ColumnMapping> = table
            .target
            .key
            .iter()
            .filter_map(|name| table.columns.iter().find(|column| column.target.name == *name))
            .collect();
        let intervals: Vec<&ColumnMapping> = table
            .columns
            .iter()
            .filter(|column| matches!(column.target.ty.kind, TypeKind::Interval(_)))
            .filter(|column| !column.target.generated && !table.target.key.contains(&column.target.name))
            .collect();
        let mut fields: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(place, column)| format!("{} {}", key_name(place), column.target.ty.name))
            .collect();
        let mut values = Vec::new();
        for (place, column) in intervals.iter().enumerate() {
            let unit = column.rules.unit.unwrap_or(IntervalUnit::Us);
            let staged = Staged { table: staged_name(number), place };
            fields.push(format!("{} interval", staged.right()));
            fields.extend(others(unit).map(|other| format!("{} interval", staged.wrong(other))));
            let as_unit = |unit| encoder(column, &Rules { unit: Some(unit), ..column.rules });
            let [a, b, c] = others(unit);
            values.push(Value { right: as_unit(unit)?, wrong: [as_unit(a)?, as_unit(b)?, as_unit(c)?] });
        }
        let count = i16::try_from(fields.len())
            .map_err(|_| TransferError::Refused(format!("{label}: more interval columns than COPY takes")))?;
        let selected: Vec<String> = key.iter().chain(&intervals).map(|column| quote(&column.source.name)).collect();
        Ok(Self {
            select: format!("SELECT {} FROM {} NOT INDEXED", selected.join(", "), quote(&table.source.name)),
            definition: fields.join(", "),
            keys: key.iter().map(|column| encoder(column, &column.rules)).collect::<Result<_, _>>()?,
            values,
            count: count.to_be_bytes(),
            label,
        })
    }

    fn run(
        &self,
        frozen: &Connection,
        sender: &mpsc::Sender<Piece>,
        progress: &ProgressSink,
        control: &Control,
    ) -> Result<(), TransferError> {
        let failed = |error: rusqlite::Error| reading(&self.label, &error);
        let mut statement = frozen.prepare(&self.select).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut chunk = HEADER.to_vec();
        let (mut done, mut bytes) = (0, 0);
        while let Some(row) = rows.next().map_err(failed)? {
            done += 1;
            self.append(row, &mut chunk).map_err(failed)?;
            if done % LOOK_EVERY == 0 {
                self.tell(progress, done, bytes, false);
                if control.wish() == Wish::Stop {
                    return Err(interrupted());
                }
            }
            if chunk.len() >= CHUNK {
                bytes += chunk.len() as u64;
                pass(
                    sender,
                    Piece::Chunk(Bytes::from(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK + 256)))),
                )?;
            }
        }
        chunk.extend_from_slice(TRAILER);
        pass(sender, Piece::Chunk(Bytes::from(chunk)))?;
        pass(sender, Piece::End)?;
        self.tell(progress, done, bytes, true);
        Ok(())
    }

    fn tell(&self, progress: &ProgressSink, done: u64, bytes: u64, finished: bool) {
        progress.part(PartProgress {
            part: format!("source of {}", self.label),
            unit: "rows".to_owned(),
            done,
            total: finished.then_some(done),
            bytes,
            finished,
        });
    }

    /// A row whose key the target cannot hold has no row there, and is left out.
    fn append(&self, row: &Row<'_>, out: &mut Vec<u8>) -> rusqlite::Result<()> {
        let start = out.len();
        out.extend_from_slice(&self.count);
        for (place, encoder) in self.keys.iter().enumerate() {
            let stored = row.get_ref(place)?;
            if !cell(out, |out| matches!(encoder.encode(stored, out), Ok(Encoded::Value))) {
                out.truncate(start);
                return Ok(());
            }
        }
        for (place, value) in self.values.iter().enumerate() {
            let stored = row.get_ref(self.keys.len() + place)?;
            let at = out.len() + 4;
            cell(out, |out| matches!(value.right.encode(stored, out), Ok(Encoded::Value)));
            let right = at..out.len();
            for encoder in &value.wrong {
                cell(out, |out| {
                    let begin = out.len();
                    let made = matches!(encoder.encode(stored, out), Ok(Encoded::Value));
                    let payload = &out[begin..];
                    made && !right.is_empty() && payload != &out[right.clone()] && payload.iter().any(|byte| *byte != 0)
                });
            }
        }
        Ok(())
    }
}

/// Appends a cell with its length word; NULL where `write` says that there is no value.
fn cell(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    let at = out.len();
    out.extend_from_slice(&[0xff; 4]);
    let there = write(out);
    if there {
        let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    } else {
        out.truncate(at + 4);
    }
    there
}

fn pass(sender: &mpsc::Sender<Piece>, piece: Piece) -> Result<(), TransferError> {
    // The other end is gone when the server refused; it says why itself.
    sender.blocking_send(piece).map_err(|_| interrupted())
}
