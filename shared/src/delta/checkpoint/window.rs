//! A checkpoint part as the Parquet decoder sees it: whole in memory, or as a sliding window over each column chunk with
//! the next pieces already on their way. Memory is bounded by columns times a few pieces, whatever the part's size.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::page_size::{HEADER_BYTES, is_bounded};
use super::pages::Places;
use super::stride::Stride;
use crate::delta::fetch::{Fetcher, Pending};
use crate::error::Error;
use crate::limits::FETCHES_IN_FLIGHT_MAX;
use crate::storage::LogEntry;

/// The bytes of a part.
pub(super) enum PartBytes {
    /// All of them.
    Whole(Bytes),
    /// Pieces, on demand.
    Windows(Arc<Windows>),
}

/// Sliding windows over the column chunks that are read.
pub(super) struct Windows {
    entry: LogEntry,
    /// Sorted by where they start.
    chunks: Vec<Mutex<Chunk>>,
    failed: Mutex<Option<Error>>,
}

struct Chunk {
    row_group: usize,
    fetcher: Fetcher,
    /// The whole column chunk in the object.
    range: Range<u64>,
    /// What of it is read, in order. Where that is told by where its pages lie, they are read whole, headers included.
    spans: Vec<Range<u64>>,
    by_page: bool,
    stride: Stride,
    /// Where `bytes` begins in the object.
    at: u64,
    bytes: Bytes,
    /// The pieces after `bytes`, each with where it begins, and where the last of them ends.
    next: VecDeque<(u64, Pending)>,
    asked: u64,
}

impl Windows {
    /// Over these columns of these row groups; `fetcher` tells who fetches a column.
    pub(super) fn new(
        entry: &LogEntry,
        metadata: &ParquetMetaData,
        (groups, leaves): (&[usize], &[usize]),
        places: &Places,
        fetcher: impl Fn(usize) -> Fetcher,
    ) -> Arc<Self> {
        let mut chunks = Vec::new();
        for &row_group in groups {
            let Some(group) = metadata.row_groups().get(row_group) else { continue };
            for &leaf in leaves {
                let Some(column) = group.columns().get(leaf) else { continue };
                let (start, length) = column.byte_range();
                let range = start..start.saturating_add(length).min(entry.size);
                let place = places.get(&(row_group, leaf));
                let spans = place.map_or_else(|| vec![range.clone()], |place| place.spans.clone());
                let (fetcher, by_page, bytes) = (fetcher(leaf), place.is_some(), Bytes::new());
                let (at, asked, next) = (range.start, range.start, VecDeque::new());
                let stride = Stride::of(range.end.saturating_sub(range.start), leaves.len());
                chunks.push(Chunk { row_group, fetcher, range, spans, by_page, stride, at, bytes, next, asked });
            }
        }
        chunks.sort_by_key(|chunk| chunk.range.start);
        let chunks = chunks.into_iter().map(Mutex::new).collect();
        Arc::new(Self { entry: entry.clone(), chunks, failed: Mutex::new(None) })
    }

    /// The storage failure behind a decoding error, if that is what it was.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A page. After the last one of a column chunk nothing of it is kept: it would stay in memory while all further row
    /// groups are read.
    fn page(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let page = self.bytes(start, length)?;
        let end = start.saturating_add(length as u64);
        if let Some(slot) = self.chunk_of(start).and_then(|index| self.chunks.get(index)) {
            let mut chunk = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if chunk.spans.last().is_some_and(|last| last.end <= end) {
                chunk.bytes = Bytes::new();
                chunk.at = end;
            }
        }
        Ok(page)
    }

    fn bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.saturating_add(length as u64);
        let index = self.chunk_of(start).ok_or_else(|| ParquetError::EOF("outside every column chunk".into()))?;
        let row_group = {
            let Some(slot) = self.chunks.get(index) else { return Err(ParquetError::EOF("no such chunk".into())) };
            let chunk = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if end > chunk.range.end {
                return Err(ParquetError::EOF("past the column chunk".into()));
            }
            (chunk.bytes.is_empty() && chunk.next.is_empty()).then_some(chunk.row_group)
        };
        if let Some(row_group) = row_group {
            self.start_row_group(row_group);
        }
        let Some(slot) = self.chunks.get(index) else { return Err(ParquetError::EOF("no such chunk".into())) };
        let mut chunk = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.slide(&mut chunk, start, end)?;
        if chunk.by_page && !is_bounded(bytes.get(..HEADER_BYTES.min(bytes.len())).unwrap_or_default()) {
            return Err(too_large());
        }
        Ok(bytes)
    }

    fn chunk_of(&self, start: u64) -> Option<usize> {
        let after = self
            .chunks
            .partition_point(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).range.start <= start);
        after.checked_sub(1)
    }

    /// Asks for the first pieces of every column of a row group at once, so that their round trips overlap.
    fn start_row_group(&self, row_group: usize) {
        for slot in &self.chunks {
            let mut chunk = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if chunk.row_group == row_group && chunk.bytes.is_empty() && chunk.next.is_empty() {
                self.ask(&mut chunk, 0);
            }
        }
    }

    /// Asks for the pieces after what was asked for, and for all pieces up to `end` at once.
    fn ask(&self, chunk: &mut Chunk, end: u64) {
        let end = end.min(chunk.range.end);
        while chunk.asked < end || chunk.next.len() < chunk.stride.ahead {
            let after = chunk.spans.partition_point(|span| span.end <= chunk.asked);
            let Some(span) = chunk.spans.get(after) else { return };
            let from = chunk.asked.max(span.start);
            // A page of very many pieces is fetched in few large ones.
            let step = chunk.stride.piece.max(end.saturating_sub(from) / FETCHES_IN_FLIGHT_MAX as u64);
            let to = (from + step).min(span.end);
            chunk.next.push_back((from, chunk.fetcher.range(&self.entry, from..to)));
            chunk.asked = to;
        }
    }

    /// Moves the window forward until it covers `start..end`, then cuts that out.
    fn slide(&self, chunk: &mut Chunk, start: u64, end: u64) -> Result<Bytes, ParquetError> {
        let span = chunk.spans.partition_point(|span| span.end < end);
        if chunk.spans.get(span).is_none_or(|span| start < span.start) {
            // Not foreseen, but it is there.
            let bytes = chunk.fetcher.range(&self.entry, start..end).wait().map_err(|error| self.failed(error))?;
            return if bytes.len() as u64 == end - start { Ok(bytes) } else { Err(too_short()) };
        }
        if start < chunk.at || start > chunk.asked {
            // The decoder passed over pages; it never goes back within a chunk, but if it should, begin again there.
            chunk.at = start;
            chunk.bytes = Bytes::new();
            chunk.next.clear();
            chunk.asked = start;
        }
        while chunk.at + (chunk.bytes.len() as u64) < end {
            self.ask(chunk, end);
            let Some((from, pending)) = chunk.next.pop_front() else {
                return Err(ParquetError::EOF("past the column chunk".into()));
            };
            let piece = pending.wait().map_err(|error| self.failed(error))?;
            let passed = usize::try_from(start.saturating_sub(chunk.at)).unwrap_or(usize::MAX).min(chunk.bytes.len());
            chunk.bytes.advance(passed);
            chunk.at += passed as u64;
            if chunk.bytes.is_empty() {
                chunk.at = from;
                chunk.bytes = piece;
            } else {
                let mut joined = BytesMut::with_capacity(chunk.bytes.len() + piece.len());
                joined.extend_from_slice(&chunk.bytes);
                joined.extend_from_slice(&piece);
                chunk.bytes = joined.freeze();
            }
        }
        self.ask(chunk, 0);
        let from = start.checked_sub(chunk.at).and_then(|from| usize::try_from(from).ok()).unwrap_or(usize::MAX);
        let to = usize::try_from(end.saturating_sub(chunk.at)).unwrap_or(usize::MAX);
        if to > chunk.bytes.len() || from > to {
            return Err(too_short());
        }
        Ok(chunk.bytes.slice(from..to))
    }

    fn failed(&self, error: Error) -> ParquetError {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        ParquetError::General("the storage failed".into())
    }

    /// How much can be read in one go from `start`.
    fn rest_of_chunk(&self, start: u64) -> u64 {
        self.chunk_of(start)
            .and_then(|index| self.chunks.get(index))
            .map_or(0, |slot| slot.lock().unwrap_or_else(PoisonError::into_inner).range.end.saturating_sub(start))
    }
}

impl Length for PartBytes {
    fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Windows(windows) => windows.entry.size,
        }
    }
}

impl ChunkReader for PartBytes {
    type T = PartRead;

    fn get_read(&self, start: u64) -> Result<PartRead, ParquetError> {
        match self {
            Self::Whole(bytes) => {
                let from = usize::try_from(start).unwrap_or(usize::MAX);
                if from > bytes.len() {
                    return Err(ParquetError::EOF("past the end".into()));
                }
                Ok(PartRead { piece: bytes.slice(from..), at: 0, windows: None, begun: false })
            }
            Self::Windows(windows) => {
                Ok(PartRead { piece: Bytes::new(), at: start, windows: Some(Arc::clone(windows)), begun: false })
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Self::Whole(bytes) => {
                let from = usize::try_from(start).unwrap_or(usize::MAX);
                let to = from.saturating_add(length);
                if to > bytes.len() {
                    return Err(ParquetError::EOF("past the end".into()));
                }
                Ok(bytes.slice(from..to))
            }
            Self::Windows(windows) => windows.page(start, length),
        }
    }
}

/// Reads on from a position; the decoder uses it for page headers only.
pub(super) struct PartRead {
    piece: Bytes,
    at: u64,
    windows: Option<Arc<Windows>>,
    /// Something was read from it.
    begun: bool,
}

impl PartRead {
    /// Reads on where everything was read.
    fn refill(&mut self) -> Result<(), ParquetError> {
        /// More than nearly every page header.
        const PIECE_BYTES: u64 = 512;
        if self.piece.is_empty()
            && let Some(windows) = &self.windows
        {
            let length = windows.rest_of_chunk(self.at).min(PIECE_BYTES);
            self.piece = windows.bytes(self.at, usize::try_from(length).unwrap_or(0))?;
            self.at += length;
        }
        Ok(())
    }

    /// Looks at what is read first, the header of a page. The decoder also makes readers that it then takes nothing from,
    /// where it has the header already: those begin anywhere.
    fn begin(&mut self) -> Result<(), ParquetError> {
        self.begun = true;
        let header = self.piece.get(..HEADER_BYTES.min(self.piece.len())).unwrap_or_default();
        match is_bounded(header) {
            true => Ok(()),
            false => Err(too_large()),
        }
    }
}

impl Read for PartRead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.refill().map_err(io::Error::other)?;
        if !self.begun {
            self.begin().map_err(io::Error::other)?;
        }
        let count = out.len().min(self.piece.len());
        if let (Some(target), Some(source)) = (out.get_mut(..count), self.piece.get(..count)) {
            target.copy_from_slice(source);
        }
        self.piece.advance(count);
        Ok(count)
    }
}

fn too_large() -> ParquetError {
    ParquetError::General("a page larger than is read".into())
}

fn too_short() -> ParquetError {
    ParquetError::EOF("the object is shorter than its footer says".into())
}
