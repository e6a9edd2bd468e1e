//! What is asked for as soon as a part's footer is known, all at once: the columns that must be read before the first line
//! and the beginning of those that make it. Whoever reads them then finds them here or on their way.

use std::ops::Range;

use bytes::Bytes;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::stride::Stride;
use super::{Held, Part, layout, rows};
use crate::limits::{CHECKPOINT_BATCH_ROWS, CHECKPOINT_WINDOW_BYTES};
use crate::storage::remembered::Keep;

/// Bytes that hold the first page of a column: writers end theirs at a megabyte, its header and the dictionary come before.
const PAGE_BYTES: u64 = 5 * CHECKPOINT_WINDOW_BYTES;

impl Part {
    /// Whether what is read of the part is kept.
    pub(in crate::delta) fn is_kept(&self) -> bool {
        self.fetcher.keeps() == Keep::Yes
    }

    /// Starts fetching what did not come with the footer. `files` says whether the part's files are to be handed on, and first
    /// of all.
    pub(in crate::delta) fn fetch_ahead(&mut self, state: bool, files: bool) {
        let end = self.take_end();
        if !matches!(self.bytes, Held::Pieces) || self.entry.etag.is_none() {
            return;
        }
        let groups = self.footer.metadata().row_groups();
        let mut wanted = Vec::new();
        if state {
            let groups = self.state_groups().into_iter().filter_map(|group| groups.get(group));
            groups.for_each(|group| self.add(group, rows::is_state_column, 1, &mut wanted));
        }
        // Where all of the part is kept, so can be whole columns of it.
        let (totals, bytes) = if self.is_kept() { (groups.len(), u64::MAX) } else { (1, 1) };
        groups.iter().take(totals).for_each(|group| self.add(group, rows::is_totals_column, bytes, &mut wanted));
        // What may be in a chunk is asked for there first.
        if files && !self.may_be_chunked() {
            self.add_first_files(groups, &mut wanted);
        }
        if self.is_kept() {
            wanted.retain(|piece| !self.put_from(&end, piece));
        }
        self.fetcher.ahead(&self.entry, wanted);
    }

    /// Lets go of what came with the footer.
    pub(in crate::delta) fn take_end(&mut self) -> Bytes {
        std::mem::take(&mut self.end)
    }

    /// Brings a piece into what is kept that is among the object's last bytes. False where it is not.
    fn put_from(&self, end: &Bytes, piece: &Range<u64>) -> bool {
        let from = self.entry.size.saturating_sub(end.len() as u64);
        let at = |offset: u64| offset.checked_sub(from).and_then(|at| usize::try_from(at).ok());
        let bytes = at(piece.start).zip(at(piece.end)).and_then(|(start, stop)| end.get(start..stop));
        bytes.inspect(|bytes| self.fetcher.put(&self.entry, piece.clone(), bytes)).is_some()
    }

    /// Adds what makes the first lines: as many row groups as are decoded at once, which is one as a rule, and of each column
    /// enough for its first page.
    fn add_first_files(&self, groups: &[RowGroupMetaData], wanted: &mut Vec<Range<u64>>) {
        let vectors = !layout::groups_with(self.footer.metadata(), &["add.deletionVector.storageType"]).is_empty();
        let mut rows = 0;
        for group in groups {
            self.add(group, |path| self.layout.is_file_column(path, vectors), PAGE_BYTES, wanted);
            rows += group.num_rows().unsigned_abs();
            if rows >= CHECKPOINT_BATCH_ROWS as u64 {
                break;
            }
        }
    }

    /// Adds the pieces of these columns of a row group that their first bytes lie in.
    fn add(&self, group: &RowGroupMetaData, is: impl Fn(&str) -> bool, bytes: u64, wanted: &mut Vec<Range<u64>>) {
        let chunks = group.columns().iter().filter(|column| is(&column.column_path().string()));
        wanted.extend(chunks.map(|chunk| self.range_of(chunk)).flat_map(|range| {
            let end = range.start.saturating_add(bytes);
            Stride::pieces(range).take_while(move |piece| piece.start < end)
        }));
    }

    /// A column chunk's place in the object.
    fn range_of(&self, column: &ColumnChunkMetaData) -> Range<u64> {
        let (start, length) = column.byte_range();
        start..start.saturating_add(length).min(self.entry.size)
    }
}
