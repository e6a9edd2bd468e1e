//! Keeps rows for others while they are handed on: a chunk is written as soon as its last row is decoded, beside the answer.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::super::Group;
use super::super::file_row::FileRow;
use super::ChunkCache;
use super::chunk::{ChunkWriter, Extent, Facts};
use super::name::Names;
use crate::limits::{CHUNKS_BEYOND_PAGE_MAX, CHUNKS_WRITTEN_WITHIN};

/// The chunks of one object that an answer writes.
pub(super) struct Writing {
    pub(super) cache: ChunkCache,
    pub(super) names: Names,
    pub(super) facts: Facts,
    pub(super) runtime: Handle,
    under_way: Mutex<Vec<JoinHandle<bool>>>,
}

impl Writing {
    pub(super) fn new(cache: ChunkCache, names: Names, facts: Facts, runtime: Handle) -> Self {
        Self { cache, names, facts, runtime, under_way: Mutex::default() }
    }

    fn write(&self, group: usize, number: u64, chunk: Vec<u8>) {
        if let Some(task) = self.cache.write(&self.runtime, self.names.name(group, number), chunk) {
            self.under_way.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        }
    }

    /// Waits for what is being written, a bounded time; tells how many chunks surely were. Must not be called on a thread that
    /// drives the async runtime.
    pub(super) fn finish(&self) -> u64 {
        let tasks = std::mem::take(&mut *self.under_way.lock().unwrap_or_else(PoisonError::into_inner));
        if tasks.is_empty() {
            return 0;
        }
        let all = async { tokio::time::timeout(CHUNKS_WRITTEN_WITHIN, join_all(tasks)).await };
        let written = self.runtime.block_on(all).unwrap_or_default();
        written.iter().filter(|written| matches!(written, Ok(true))).count() as u64
    }
}

/// Takes the rows of one row group from a chunk's first row on.
pub(in super::super) struct Recorder {
    writing: Arc<Writing>,
    group: Group,
    number: u64,
    /// The chunk's rows; nothing when all chunks of the group are done.
    extent: Option<Extent>,
    /// Nothing when the chunk cannot be written.
    writer: Option<ChunkWriter>,
}

impl Recorder {
    /// Takes the rows of a group from the chunk of this number on.
    pub(super) fn new(writing: &Arc<Writing>, group: &Group, number: u64) -> Self {
        let (writing, group) = (Arc::clone(writing), group.clone());
        let mut recorder = Self { writing, group, number, extent: None, writer: None };
        recorder.begin();
        recorder
    }

    /// The first row of the part that is kept; nothing when none is.
    pub(in super::super) fn first_row(&self) -> Option<u64> {
        self.extent.map(|extent| self.group.rows.start + extent.first)
    }

    /// Whether a row, by its number in the part, is one that is kept.
    pub(in super::super) fn wants(&self, row: u64) -> bool {
        self.extent.is_some_and(|extent| row >= self.group.rows.start + extent.first)
    }

    /// Takes the file of a row; nothing where it cannot be told.
    pub(in super::super) fn file(&mut self, row: u64, file: Option<&FileRow<'_>>) {
        self.reached(row);
        let Some(extent) = self.extent else { return };
        let Some(in_chunk) = row.checked_sub(self.group.rows.start + extent.first) else { return };
        let taken = match (&mut self.writer, file) {
            (Some(writer), Some(file)) => writer.file(in_chunk, file).is_ok(),
            _ => false,
        };
        if !taken {
            self.writer = None;
        }
    }

    /// All rows before this one are decoded.
    pub(in super::super) fn reached(&mut self, row: u64) {
        while let Some(extent) = self.extent
            && row >= self.group.rows.start + extent.end()
        {
            let chunk = self.writer.take().and_then(|writer| writer.finish(extent, &self.writing.facts).ok());
            if let Some(chunk) = chunk {
                self.writing.write(self.group.number, self.number, chunk);
            }
            self.number += 1;
            self.begin();
        }
    }

    /// The row up to which rows are worth keeping when none after this one is handed on.
    pub(in super::super) fn until(&self, row: u64) -> u64 {
        let rows = self.writing.cache.rows;
        let chunk = row.saturating_sub(self.group.rows.start) / rows;
        let until = chunk.saturating_add(1 + CHUNKS_BEYOND_PAGE_MAX).saturating_mul(rows).min(self.group.count());
        self.group.rows.start + until
    }

    fn begin(&mut self) {
        self.extent = Extent::of(self.group.count(), self.writing.cache.rows, self.number);
        self.writer = self.extent.and_then(|_| ChunkWriter::new().ok());
    }
}
