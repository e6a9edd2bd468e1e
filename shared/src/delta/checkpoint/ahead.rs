//! What is asked for as soon as a part's footer is known, all at once: the columns that must be read before the first line
//! and the beginning of those that make it. Whoever reads them then finds them here or on their way.

use std::ops::Range;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::{Held, Part, rows};
use crate::limits::{CHECKPOINT_BATCH_ROWS, CHECKPOINT_WINDOW_BYTES};
use crate::storage::remembered::Keep;

/// Pieces that hold the first page of a column: writers end theirs at a megabyte, its header and the dictionary come before.
const PAGE_PIECES: usize = 5;

impl Part {
    /// Whether what is read of the part is kept.
    pub(in crate::delta) fn is_kept(&self) -> bool {
        self.fetcher.keeps() == Keep::Yes
    }

    /// Starts fetching. `files` says whether the part's files are to be handed on, and first of all.
    pub(in crate::delta) fn fetch_ahead(&self, state: bool, files: bool) {
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
        let (totals, pieces) = if self.is_kept() { (groups.len(), usize::MAX) } else { (1, 1) };
        groups.iter().take(totals).for_each(|group| self.add(group, rows::is_totals_column, pieces, &mut wanted));
        // What may be in a chunk is asked for there first.
        if files && !self.may_be_chunked() {
            self.add_first_files(groups, &mut wanted);
        }
        self.fetcher.ahead(&self.entry, wanted);
    }

    /// Adds what makes the first lines: as many row groups as are decoded at once, which is one as a rule, and of each column
    /// enough for its first page.
    fn add_first_files(&self, groups: &[RowGroupMetaData], wanted: &mut Vec<Range<u64>>) {
        let mut rows = 0;
        for group in groups {
            self.add(group, |path| self.layout.is_file_column(path, false), PAGE_PIECES, wanted);
            rows += group.num_rows().unsigned_abs();
            if rows >= CHECKPOINT_BATCH_ROWS as u64 {
                break;
            }
        }
    }

    /// Adds the first pieces of these columns of a row group.
    fn add(&self, group: &RowGroupMetaData, is: impl Fn(&str) -> bool, count: usize, wanted: &mut Vec<Range<u64>>) {
        let chunks = group.columns().iter().filter(|column| is(&column.column_path().string()));
        wanted.extend(chunks.flat_map(|chunk| pieces(self.range_of(chunk)).take(count)));
    }

    /// A column chunk's place in the object.
    fn range_of(&self, column: &ColumnChunkMetaData) -> Range<u64> {
        let (start, length) = column.byte_range();
        start..start.saturating_add(length).min(self.entry.size)
    }
}

/// The pieces in which a column is read.
fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let step = usize::try_from(CHECKPOINT_WINDOW_BYTES).unwrap_or(usize::MAX);
    range.clone().step_by(step).map(move |from| from..(from + CHECKPOINT_WINDOW_BYTES).min(range.end))
}
