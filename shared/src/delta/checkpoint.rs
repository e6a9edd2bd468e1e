//! Classic Parquet checkpoints: opening a part, reading what must be known before the first line (protocol, metadata,
//! exact totals), then the `add` rows one by one. Only the columns needed are fetched, and only pieces of them are in
//! memory at a time.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::FileSink;
use super::fetch::Fetcher;
use crate::error::Error;
use crate::limits::{CHECKPOINT_BATCH_ROWS, CHECKPOINT_FOOTER_BYTES, CHECKPOINT_FOOTER_BYTES_MAX};
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::storage::LogEntry;

mod columns;
mod rows;
mod window;

use window::{PartBytes, Windows};

/// A part of a checkpoint with its footer read.
#[derive(Debug)]
pub struct Part {
    entry: LogEntry,
    footer: ArrowReaderMetadata,
    /// The whole object, when it is small enough to keep.
    whole: Option<Bytes>,
    fetcher: Fetcher,
}

/// What a part says before its files.
#[derive(Debug, Default)]
pub struct PartHead {
    /// Its protocol row.
    pub protocol: Option<Protocol>,
    /// Its metadata row.
    pub metadata: Option<Metadata>,
    /// Its `add` rows that no later commit voids.
    pub totals: Totals,
}

impl Part {
    /// Fetches and reads the footer; with `keep`, the whole object in the same request. Waits: not for runtime threads.
    ///
    /// # Errors
    /// When the object is no Parquet file, or the storage fails.
    pub fn open(fetcher: Fetcher, entry: LogEntry, keep: bool) -> Result<Self, Error> {
        let size = entry.size;
        let first = if keep { size } else { size.min(CHECKPOINT_FOOTER_BYTES) };
        let mut end = fetcher.range(&entry.name, size - first..size).wait()?;
        let whole = keep.then(|| end.clone());
        let footer_bytes = footer_length(&end)?;
        if footer_bytes > CHECKPOINT_FOOTER_BYTES_MAX || footer_bytes > size {
            return Err(not_parquet());
        }
        if footer_bytes > end.len() as u64 {
            end = fetcher.range(&entry.name, size - footer_bytes..size).wait()?;
        }
        let start = end.len().saturating_sub(usize::try_from(footer_bytes).unwrap_or(usize::MAX));
        let thrift = end.get(start..end.len().saturating_sub(FOOTER_TAIL)).unwrap_or_default();
        let metadata: ParquetMetaData = ParquetMetaDataReader::decode_metadata(thrift).map_err(|_| not_parquet())?;
        // The writer's own Arrow schema could ask for types that the columns below are not read in.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let footer = ArrowReaderMetadata::try_new(Arc::new(metadata), options).map_err(|_| not_parquet())?;
        Ok(Self { entry, footer, whole, fetcher })
    }

    /// Reads what must be known before the first line. `state` says whether protocol and metadata are still wanted.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the part is of a v2 checkpoint, or a file cannot be shared; otherwise when the part
    /// cannot be decoded or the storage fails.
    pub fn head(&self, seen: &HashSet<String>, state: bool, totals: bool) -> Result<PartHead, Error> {
        let mut head = PartHead::default();
        let v2 = ["sidecar.path", "checkpointMetadata.version"];
        if state || v2.iter().any(|name| self.has_column(name)) {
            let wanted = |path: &str| v2.contains(&path) || (state && rows::is_state_column(path));
            self.scan(wanted, &mut |batch| rows::read_state(batch, &mut head))?;
        }
        if totals {
            self.refuse_struct_only_partitions()?;
            self.scan(rows::is_totals_column, &mut |batch| rows::read_totals(batch, seen, &mut head.totals))?;
        }
        Ok(head)
    }

    /// Hands on the `add` rows that no later commit voids, in the part's order.
    ///
    /// # Errors
    /// When the part cannot be decoded, the storage fails, or the sink stops.
    pub fn emit(&self, seen: &HashSet<String>, sink: &mut dyn FileSink) -> Result<(), Error> {
        let mut scratch = rows::Scratch::default();
        self.scan(rows::is_file_column, &mut |batch| rows::emit_files(batch, seen, &mut scratch, sink))
    }

    /// Partition values that stand only in typed form would have to be turned back into the log's texts.
    fn refuse_struct_only_partitions(&self) -> Result<(), Error> {
        let columns = self.footer.parquet_schema().columns();
        let has = |prefix: &str| columns.iter().any(|column| column.path().string().starts_with(prefix));
        if has("add.") && !has("add.partitionValues.") {
            return Err(Error::Unsupported(
                "The table's checkpoint holds partition values in struct form only, which this server does not read yet. \
                 Ask the share provider to write a classic checkpoint."
                    .into(),
            ));
        }
        Ok(())
    }

    fn has_column(&self, path: &str) -> bool {
        self.footer.parquet_schema().columns().iter().any(|column| column.path().string() == path)
    }

    /// Decodes the columns that `wanted` picks, batch by batch.
    fn scan(
        &self,
        wanted: impl Fn(&str) -> bool,
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let schema = self.footer.parquet_schema();
        let leaves: Vec<usize> = schema
            .columns()
            .iter()
            .enumerate()
            .filter(|(_, column)| wanted(&column.path().string()))
            .map(|(index, _)| index)
            .collect();
        if leaves.is_empty() {
            return Ok(());
        }
        let windows = Windows::new(self.fetcher.clone(), &self.entry, self.footer.metadata(), &leaves);
        let bytes = match &self.whole {
            Some(whole) => PartBytes::Whole(whole.clone()),
            None => PartBytes::Windows(Arc::clone(&windows)),
        };
        let mask = ProjectionMask::leaves(schema, leaves);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, self.footer.clone())
            .with_projection(mask)
            .with_batch_size(CHECKPOINT_BATCH_ROWS)
            .build()
            .map_err(|_| windows.failure().unwrap_or_else(not_parquet))?;
        for batch in reader {
            let batch = batch.map_err(|_| windows.failure().unwrap_or_else(not_parquet))?;
            each(&batch)?;
        }
        Ok(())
    }
}

/// Bytes after the footer's own: its length and the magic.
const FOOTER_TAIL: usize = 8;

/// The length of the footer with its tail, from the end of the object.
fn footer_length(end: &[u8]) -> Result<u64, Error> {
    let tail = end.len().checked_sub(FOOTER_TAIL).and_then(|at| end.get(at..)).ok_or_else(not_parquet)?;
    let (length, magic) = tail.split_first_chunk::<4>().ok_or_else(not_parquet)?;
    if magic != b"PAR1" {
        return Err(not_parquet());
    }
    Ok(u64::from(u32::from_le_bytes(*length)) + FOOTER_TAIL as u64)
}

fn not_parquet() -> Error {
    Error::BadTable(
        "The table's checkpoint cannot be decoded: it is no Parquet file with a checkpoint's columns. Ask the share \
         provider to repair the table."
            .into(),
    )
}
