//! The files of a part, from chunks where they are there, from the log where they are not.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::super::file_row::is_void;
use super::super::{Group, Held, Part, Shown};
use super::ahead::Ahead;
use super::chunk::{ChunkReader, Extent, Facts, Unfit};
use super::name::Names;
use super::recorder::{Recorder, Writing};
use super::{ChunkCache, Found};
use crate::audit;
use crate::delta::FileSink;
use crate::error::Error;
use crate::model::file::Mark;

/// What became of a chunk.
enum Read {
    /// All of its files were handed on, or were not wanted.
    Whole,
    /// Those of rows before this one in the group; the rest of it is none.
    Until(u64),
}

/// The files of one part on their way to a sink.
struct Walk<'a> {
    part: &'a Part,
    cache: &'a ChunkCache,
    shown: &'a Shown<'a>,
    writing: Arc<Writing>,
    counts: audit::Chunks,
    vector_key: String,
    sink: &'a mut dyn FileSink,
}

impl Part {
    /// As [`Part::emit`] with a cache; nothing where chunks of these row groups are not worth it.
    pub(in super::super) fn emit_chunked(
        &self,
        groups: &[Group],
        shown: &Shown<'_>,
        from: Mark,
        sink: &mut dyn FileSink,
    ) -> Option<Result<(), Error>> {
        let cache = self.fetcher.chunks().filter(|_| !self.is_kept())?;
        if !groups.iter().any(|group| self.is_worth(cache, group, shown.vectors)) {
            return None;
        }
        let names = Names::of(self.fetcher.table(), &self.entry, cache.rows)?;
        let runtime = self.fetcher.runtime().clone();
        let writing = Arc::new(Writing::new(cache.clone(), names, self.facts(shown), runtime));
        let counts = audit::Chunks::default();
        let mut walk = Walk { part: self, cache, shown, writing, counts, vector_key: String::new(), sink };
        let ended = walk.groups(groups, from);
        walk.counts.written = walk.writing.finish();
        audit::chunks(walk.counts);
        Some(ended)
    }

    /// Whether the first file may come from a chunk.
    pub(in super::super) fn may_be_chunked(&self) -> bool {
        let Some(cache) = self.fetcher.chunks().filter(|_| !self.is_kept()) else { return false };
        self.groups().next().is_some_and(|group| self.is_worth(cache, &group, false))
    }

    /// Whether reading a group from the log costs more than a chunk.
    fn is_worth(&self, cache: &ChunkCache, group: &Group, vectors: bool) -> bool {
        let columns = match (&self.bytes, self.footer.metadata().row_groups().get(group.number)) {
            (Held::Pieces, Some(metadata)) => metadata.columns(),
            _ => &[],
        };
        let columns =
            columns.iter().filter(|column| self.layout.is_file_column(&column.column_path().string(), vectors));
        let bytes = columns.map(|column| column.compressed_size().unsigned_abs()).fold(0, u64::saturating_add);
        self.layout.has_files && group.count() > 0 && bytes >= cache.group_bytes_min
    }

    fn facts(&self, shown: &Shown<'_>) -> Facts {
        let mut facts = Sha256::new();
        facts.update([u8::from(shown.vectors), u8::from(self.layout.reads_parsed())]);
        if self.layout.reads_parsed() {
            for path in shown.schema.all_without_zone() {
                facts.update((path.len() as u64).to_be_bytes());
                for name in path {
                    facts.update((name.len() as u64).to_be_bytes());
                    facts.update(name.as_bytes());
                }
            }
        }
        facts.finalize().into()
    }
}

impl Walk<'_> {
    fn groups(&mut self, groups: &[Group], from: Mark) -> Result<(), Error> {
        let (cache, part) = (self.cache, self.part);
        let worth: Vec<bool> = groups.iter().map(|group| part.is_worth(cache, group, self.shown.vectors)).collect();
        let chunks = groups.iter().zip(&worth).filter(|(_, worth)| **worth).flat_map(|(group, _)| {
            let first = from.row.saturating_sub(group.rows.start) / cache.rows;
            (first..group.count().div_ceil(cache.rows)).map(|number| (group.number, number))
        });
        let writing = Arc::clone(&self.writing);
        let mut ahead = Ahead::new(cache, &writing.names, &part.fetcher, chunks);
        for (group, worth) in groups.iter().zip(worth) {
            let from = from.max(Mark { row: group.rows.start, ..from });
            if worth {
                self.group(group, from, &mut ahead)?;
            } else {
                part.emit_groups(std::slice::from_ref(group), self.shown, from, None, self.sink)?;
            }
        }
        Ok(())
    }

    fn group(&mut self, group: &Group, mut from: Mark, ahead: &mut Ahead<'_>) -> Result<(), Error> {
        let mut number = (from.row - group.rows.start) / self.cache.rows;
        while let Some(extent) = Extent::of(group.count(), self.cache.rows, number) {
            let read = match ahead.take((group.number, number)) {
                Found::There(chunk) => self.chunk(&chunk, group, extent, from)?,
                Found::Missing => {
                    self.counts.missing += 1;
                    break;
                }
                Found::Unfit => Read::Until(from.row - group.rows.start),
            };
            match read {
                Read::Whole => {
                    self.counts.read += 1;
                    from.row = group.rows.start + extent.end();
                }
                Read::Until(row) => {
                    self.counts.unfit += 1;
                    from.row = from.row.max(group.rows.start + row);
                    break;
                }
            }
            number += 1;
        }
        if from.row >= group.rows.end {
            return Ok(());
        }
        ahead.skip(group.number);
        let recorder = Recorder::new(&self.writing, group, number);
        self.part.emit_groups(std::slice::from_ref(group), self.shown, from, Some(recorder), self.sink)
    }

    /// Hands on the files of a chunk from one of them on. Damage is no error: what came before it was as it was written, for
    /// a chunk that was changed does not open.
    fn chunk(&mut self, chunk: &[u8], group: &Group, extent: Extent, from: Mark) -> Result<Read, Error> {
        let mut reached = extent.first;
        let Ok(mut reader) = ChunkReader::new(chunk, extent, &self.writing.facts) else {
            return Ok(Read::Until(reached));
        };
        loop {
            let mut files = match reader.next_block() {
                Ok(Some(files)) => files,
                Ok(None) => return Ok(Read::Whole),
                Err(Unfit) => return Ok(Read::Until(reached)),
            };
            loop {
                let (row, file) = match files.next() {
                    Ok(Some(next)) => next,
                    Ok(None) => break,
                    Err(Unfit) => return Ok(Read::Until(reached)),
                };
                let row = extent.first + row;
                let mark = Mark { row: group.rows.start + row, ..from };
                reached = row + 1;
                if mark >= from && !is_void(file.path, file.vector.as_ref(), self.shown.seen) {
                    let table = self.part.fetcher.table();
                    file.hand_on(mark, table, self.shown, &mut self.vector_key, self.sink)?;
                }
            }
        }
    }
}
