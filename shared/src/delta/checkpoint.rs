//! Parquet objects of a checkpoint, which are the parts of a classic one, the manifest of a v2 one and its sidecars:
//! opening one, reading what must be known before the first line (sidecars, protocol, metadata, exact totals), then the
//! `add` rows one by one. Only the columns needed are fetched, and only pieces of them are in memory at a time.

use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use super::FileSink;
use super::action::SidecarAction;
use super::fetch::Fetcher;
use super::problem::Problem;
use super::schema::SchemaFacts;
use crate::error::Error;
use crate::limits::{
    CHECKPOINT_BATCH_ROWS, CHECKPOINT_FOOTER_BYTES, CHECKPOINT_FOOTER_BYTES_MAX, NAME_CHARS_MAX,
    SIDECAR_BYTES_OF_WRONG_SIZE_MAX,
};
use crate::model::file::Mark;
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::model::version::TimestampMs;
use crate::model::weight::Weight;
use crate::storage::LogEntry;

mod ahead;
mod bounds;
mod choosing;
mod chunks;
mod columns;
mod file_columns;
mod file_row;
mod judge;
mod layout;
mod page_places;
mod page_size;
mod pages;
mod parsed;
mod rows;
mod selection;
mod stride;
mod weight;
mod window;

pub use choosing::Chosen;
pub use chunks::ChunkCache;

use choosing::Choosing;
use chunks::Recorder;
use layout::Layout;
use pages::Pages;
use rows::Out;
use selection::{Group, Selection};
use window::{PartBytes, Windows};

/// A part of a checkpoint with its footer read.
#[derive(Debug, Clone)]
pub struct Part {
    entry: LogEntry,
    footer: ArrowReaderMetadata,
    layout: Layout,
    bytes: Held,
    /// What came with the footer, until it is [looked through](Self::fetch_ahead).
    end: Bytes,
    fetcher: Fetcher,
}

/// How a part's bytes are at hand.
#[derive(Debug, Clone)]
enum Held {
    /// The object is small enough to keep: all of it.
    Whole(Bytes),
    /// It is small enough to be read whole.
    Small,
    /// It is read by pieces.
    Pieces,
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
    /// What their paths and vectors weigh.
    pub weight: Weight,
    /// Why one of them cannot be shared, if one cannot.
    pub problem: Option<Problem>,
    /// Whether any of its `add` rows has a deletion vector, void ones included: vectors tell which rows are void.
    pub vectors: bool,
}

/// What must be known to hand on a part's files.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Files that later commits speak of; what the part says of them is void.
    pub seen: &'a HashSet<String>,
    /// What the table's schema says.
    pub schema: &'a SchemaFacts,
    /// Whether the table has partition columns.
    pub partitioned: bool,
    /// Whether any `add` row of the checkpoint has a deletion vector.
    pub vectors: bool,
}

impl Part {
    /// What is fetched of an object first: with `keep` all of it, or else its end with the footer.
    pub fn first_bytes(entry: &LogEntry, keep: bool) -> Range<u64> {
        let first = if keep { entry.size } else { entry.size.min(CHECKPOINT_FOOTER_BYTES) };
        entry.size - first..entry.size
    }

    /// Reads the footer in the [first bytes](Self::first_bytes) of an object, or what is left of it. Waits: not for runtime
    /// threads.
    ///
    /// # Errors
    /// When the object is no Parquet file, or the storage fails.
    pub fn open(fetcher: Fetcher, entry: LogEntry, mut end: Bytes, keep: bool) -> Result<Self, Error> {
        let size = entry.size;
        let held = if keep { Held::Whole(end.clone()) } else { Held::Pieces };
        let footer_bytes = footer_length(&end)?;
        if footer_bytes > CHECKPOINT_FOOTER_BYTES_MAX || footer_bytes > size {
            return Err(not_parquet());
        }
        if footer_bytes > end.len() as u64 {
            end = fetcher.range(&entry, size - footer_bytes..size).wait()?;
        }
        Self::with_footer(fetcher, entry, held, end, footer_bytes)
    }

    /// Opens a sidecar, whose size only the manifest has told; `found` are its first bytes. Where that is not so, the object
    /// itself is read, whole.
    ///
    /// # Errors
    /// When the object is not there or no Parquet file, or the storage fails.
    pub fn open_sidecar(
        fetcher: Fetcher,
        name: &str,
        found: Result<(LogEntry, Bytes), Error>,
        keep: bool,
    ) -> Result<Self, Error> {
        match found.and_then(|(entry, end)| Self::open(fetcher.clone(), entry, end, keep)) {
            Err(Error::BadTable(_) | Error::TableFilesMissing(_)) => {}
            done => return done,
        }
        let missing = || {
            Error::BadTable(format!(
                "The table's log is damaged: its checkpoint names the sidecar {}, which is not there. Ask the share provider \
                 to repair the table.",
                name.trim_start_matches("_sidecars/").chars().take(NAME_CHARS_MAX).collect::<String>()
            ))
        };
        let whole = fetcher.at_most(name, SIDECAR_BYTES_OF_WRONG_SIZE_MAX).wait()?.ok_or_else(missing)?;
        let footer_bytes = footer_length(&whole)?;
        if footer_bytes > whole.len() as u64 {
            return Err(not_parquet());
        }
        let entry =
            LogEntry { name: name.to_owned(), size: whole.len() as u64, modified: TimestampMs::new(0), etag: None };
        Self::with_footer(fetcher, entry, Held::Whole(whole.clone()), whole, footer_bytes)
    }

    /// `end` are the object's last bytes, its footer and what follows it among them.
    fn with_footer(
        fetcher: Fetcher,
        entry: LogEntry,
        bytes: Held,
        end: Bytes,
        footer_bytes: u64,
    ) -> Result<Self, Error> {
        let start = end.len().saturating_sub(usize::try_from(footer_bytes).unwrap_or(usize::MAX));
        let thrift = end.get(start..end.len().saturating_sub(FOOTER_TAIL)).unwrap_or_default();
        let metadata: ParquetMetaData =
            decoding(|| ParquetMetaDataReader::decode_metadata(thrift))?.map_err(|_| not_parquet())?;
        if !metadata.row_groups().iter().all(is_sound) {
            return Err(not_parquet());
        }
        // The writer's own Arrow schema could ask for types that the columns below are not read in.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let arrow = |metadata, options| {
            decoding(|| ArrowReaderMetadata::try_new(metadata, options))?.map_err(|_| not_parquet())
        };
        let plain = arrow(Arc::new(metadata), options.clone())?;
        let footer = match layout::with_wide_timestamps(plain.schema(), plain.parquet_schema()) {
            None => plain,
            Some(schema) => arrow(Arc::clone(plain.metadata()), options.with_schema(schema))?,
        };
        let layout = Layout::of(footer.metadata());
        Ok(Self { entry, footer, layout, bytes, end, fetcher })
    }

    /// The part without bytes, to be kept, and about how many it takes then. Nothing where its bytes could not be told from
    /// another object's when they are read again.
    pub(super) fn light(&self) -> Option<(Self, u64)> {
        self.entry.etag.as_ref()?;
        let bytes = match &self.bytes {
            Held::Pieces => Held::Pieces,
            Held::Small | Held::Whole(_) => Held::Small,
        };
        // The decoder has its own view of the columns beside the footer's.
        let columns = self.footer.parquet_schema().num_columns() as u64;
        let taken = self.footer.metadata().memory_size() as u64 + columns * 512;
        Some((Self { bytes, end: Bytes::new(), ..self.clone() }, taken))
    }

    /// The sidecars that hold the file actions of this manifest; none in an object that is no manifest.
    ///
    /// # Errors
    /// When the part cannot be decoded or the storage fails.
    pub fn sidecars(&self) -> Result<Vec<SidecarAction>, Error> {
        let mut sidecars = Vec::new();
        if !self.layout.may_have_sidecars {
            return Ok(sidecars);
        }
        self.scan(rows::is_sidecar_column, &mut |batch| rows::read_sidecars(batch, &mut sidecars))?;
        Ok(sidecars)
    }

    /// Reads what must be known before the first line. `state` says whether protocol and metadata are still wanted.
    ///
    /// # Errors
    /// When the part cannot be decoded or the storage fails.
    pub fn head(&self, seen: &HashSet<String>, state: bool, totals: bool) -> Result<PartHead, Error> {
        let mut head = PartHead::default();
        if state {
            let groups = self.state_groups();
            let rows = selection::groups_of(self.footer.metadata()).filter(|group| groups.contains(&group.number));
            let (rows, leaves) = (Selection::all(rows, 0), self.leaves(rows::is_state_column));
            self.scan_leaves(&rows, (leaves, &[]), &mut |batch| rows::read_state(batch, &mut head))?;
        }
        if totals {
            self.scan(rows::is_totals_column, &mut |batch| {
                rows::read_totals(batch, self.fetcher.table(), seen, &mut head)
            })?;
        }
        Ok(head)
    }

    /// Fails when the part has files but no partition values of them in any form, though the table is partitioned.
    ///
    /// # Errors
    /// [`Error::BadTable`] then.
    pub fn check_partition_values(&self) -> Result<(), Error> {
        if self.layout.has_files && !self.layout.has_partition_values {
            return Err(Error::BadTable(
                "The table's log is damaged: its checkpoint holds no partition values. Ask the share provider to write a new \
                 checkpoint."
                    .into(),
            ));
        }
        Ok(())
    }

    /// Hands on the `add` rows that no later commit voids, in the part's order, from one of them on: `from` is a mark in
    /// this part. Row groups before it are not read. Of what is not `chosen`, some rows are handed on too: those that cannot
    /// be told before they are read.
    ///
    /// # Errors
    /// When the part cannot be decoded, the storage fails, or the sink stops.
    pub fn emit(
        &self,
        shown: &Shown<'_>,
        from: Mark,
        chosen: Option<Chosen<'_>>,
        sink: &mut dyn FileSink,
    ) -> Result<(), Error> {
        let by_pieces;
        let Some(chosen) = chosen else {
            let groups: Vec<Group> = self.groups().filter(|group| from.row < group.rows.end).collect();
            return match self.emit_chunked(&groups, shown, from, sink) {
                Some(ended) => ended,
                None => self.emit_groups(&groups, shown, from, None, sink),
            };
        };
        let part = match &self.bytes {
            Held::Small => {
                by_pieces = Self { bytes: Held::Pieces, ..self.clone() };
                &by_pieces
            }
            Held::Whole(_) | Held::Pieces => self,
        };
        let Some(choosing) = Choosing::over(part, shown, chosen, from.row) else {
            return self.emit(shown, from, None, sink);
        };
        let kept = choosing.kept();
        for rows in choosing {
            part.emit_rows(&rows?, shown, from, (&kept, None), sink)?;
        }
        Ok(())
    }

    /// Hands on the files of these row groups, which follow one another, from the log itself.
    fn emit_groups(
        &self,
        groups: &[Group],
        shown: &Shown<'_>,
        from: Mark,
        recorder: Option<Recorder>,
        sink: &mut dyn FileSink,
    ) -> Result<(), Error> {
        let first = recorder.as_ref().and_then(Recorder::first_row).map_or(from.row, |first| first.min(from.row));
        let rows = Selection::all(groups.iter().cloned(), first);
        self.emit_rows(&rows, shown, from, (&[], recorder), sink)
    }

    /// Hands on the files of some rows.
    fn emit_rows(
        &self,
        rows: &Selection,
        shown: &Shown<'_>,
        from: Mark,
        (kept, recorder): (&[usize], Option<Recorder>),
        sink: &mut dyn FileSink,
    ) -> Result<(), Error> {
        let mut marks = rows.places().map(|row| Mark { row, ..from });
        let leaves = self.leaves(|path| self.layout.is_file_column(path, shown.vectors));
        let mut out = Out::new(recorder, sink);
        let read = self.scan_leaves(rows, (leaves, kept), &mut |batch| {
            rows::emit_files(batch, self.fetcher.table(), shown, (&mut marks, from), &mut out)
        });
        out.ended(read)
    }

    /// The part's row groups, in their order.
    fn groups(&self) -> impl Iterator<Item = Group> {
        selection::groups_of(self.footer.metadata())
    }

    /// The row groups that may hold protocol or metadata.
    fn state_groups(&self) -> Vec<usize> {
        layout::groups_with(self.footer.metadata(), &["protocol.minReaderVersion", "metaData.id"])
    }

    /// The columns that `wanted` picks, by their places among all.
    fn leaves(&self, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        let columns = self.footer.parquet_schema().columns().iter().enumerate();
        columns.filter(|(_, column)| wanted(&column.path().string())).map(|(leaf, _)| leaf).collect()
    }

    /// Decodes the columns that `wanted` picks, batch by batch.
    fn scan(
        &self,
        wanted: impl Fn(&str) -> bool,
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let rows = Selection::all(self.groups(), 0);
        self.scan_leaves(&rows, (self.leaves(wanted), &[]), each)
    }

    /// Decodes columns of some rows. Those `kept` are fetched to be kept.
    fn scan_leaves(
        &self,
        rows: &Selection,
        (leaves, kept): (Vec<usize>, &[usize]),
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if leaves.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let schema = self.footer.parquet_schema();
        let (groups, keeping) = (rows.numbers(), self.fetcher.keeping());
        let places = Arc::new(self.places(rows, &leaves, if kept.is_empty() { &self.fetcher } else { &keeping })?);
        let fetcher = |leaf: usize| if kept.contains(&leaf) { keeping.clone() } else { self.fetcher.clone() };
        let windows = Windows::new(&self.entry, self.footer.metadata(), (&groups, &leaves), &places, fetcher);
        let bytes = match &self.bytes {
            Held::Whole(whole) => PartBytes::Whole(whole.clone()),
            Held::Small => PartBytes::Whole(self.fetcher.range(&self.entry, 0..self.entry.size).wait()?),
            Held::Pieces => PartBytes::Windows(Arc::clone(&windows)),
        };
        // The decoder takes columns that end too soon for the end of the rows.
        let told = rows.rows();
        let mask = ProjectionMask::leaves(schema, leaves);
        let pages = Pages { bytes: Arc::new(bytes), metadata: Arc::clone(self.footer.metadata()), groups, places };
        let failed = || windows.failure().unwrap_or_else(not_parquet);
        let mut reader = decoding(|| {
            let levels = parquet_to_arrow_field_levels(schema, mask, Some(self.footer.schema().fields()))?;
            let batch_rows = CHECKPOINT_BATCH_ROWS.min(pages.num_rows());
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &pages, batch_rows, rows.for_decoder())
        })?
        .map_err(|_| failed())?;
        let mut read = 0;
        while let Some(batch) = decoding(|| reader.next())? {
            let batch = batch.map_err(|_| failed())?;
            read += batch.num_rows() as u64;
            each(&batch)?;
        }
        if told == read { Ok(()) } else { Err(not_parquet()) }
    }
}

/// Whether a row group's numbers can be: the footer may tell negative ones, or other rows than its columns hold.
fn is_sound(group: &RowGroupMetaData) -> bool {
    let rows = group.num_rows();
    let can_be = |column: &ColumnChunkMetaData| {
        let has_a_place = column.data_page_offset() >= 0
            && column.dictionary_page_offset().is_none_or(|at| at >= 0)
            && column.compressed_size() >= 0;
        let repeated = column.column_descr().max_rep_level() > 0;
        has_a_place && column.num_values() >= 0 && (repeated || column.num_values() == rows)
    };
    rows >= 0 && group.columns().iter().all(can_be)
}

/// Runs the decoder. Over some damage it panics, which is damage like any other; it is not asked for more afterwards.
fn decoding<T>(decode: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|_| not_parquet())
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
