//! Where the pages of a column chunk lie, so that some of them can be fetched without the others (Parquet's `OffsetIndex`,
//! in Thrift's compact protocol). What it says is held against the chunk: one that does not fit says nothing.

use std::ops::Range;

use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;

use super::pages::{Place, Places};
use super::selection::Selection;
use super::{Held, Part};
use crate::delta::fetch::Fetcher;
use crate::error::Error;
use crate::limits::{
    CHECKPOINT_PAGE_INDEX_BYTES_MAX, CHECKPOINT_PAGES_MAX, CHECKPOINT_WINDOW_BYTES, FETCH_GAP_BYTES_MAX,
};

/// The field after the one before it that holds an `i32`, an `i64` or a list; the end of a structure.
const NEXT_I32: u8 = 0x15;
const NEXT_I64: u8 = 0x16;
const NEXT_LIST: u8 = 0x19;
const END: u8 = 0;
/// A list of structures: of so many, or of as many as the number that follows says.
const STRUCTURES: u8 = 0x0c;
const COUNT_FOLLOWS: u8 = 0xf0;

impl Part {
    /// Where the pages of columns lie in groups of which some rows are left out: of columns that are more than one piece, and
    /// no lists.
    pub(super) fn places(&self, rows: &Selection, leaves: &[usize], fetcher: &Fetcher) -> Result<Places, Error> {
        let mut places = Places::new();
        if !matches!(self.bytes, Held::Pieces) {
            return Ok(places);
        }
        for (group, runs) in rows.broken() {
            let Some(metadata) = self.footer.metadata().row_groups().get(group.number) else { continue };
            let index = |leaf: &usize| {
                let chunk = metadata.columns().get(*leaf)?;
                let is_long =
                    chunk.byte_range().1 > CHECKPOINT_WINDOW_BYTES && chunk.column_descr().max_rep_level() == 0;
                let start = u64::try_from(chunk.offset_index_offset().filter(|_| is_long)?).ok()?;
                let end = start.checked_add(u64::try_from(chunk.offset_index_length()?).ok()?)?;
                (end <= self.entry.size).then_some((*leaf, chunk, start..end))
            };
            let indexes: Vec<_> = leaves.iter().filter_map(index).collect();
            let start = indexes.iter().map(|(.., at)| at.start).min().unwrap_or_default();
            let end = indexes.iter().map(|(.., at)| at.end).max().unwrap_or_default();
            if start >= end || end - start > CHECKPOINT_PAGE_INDEX_BYTES_MAX {
                continue;
            }
            let bytes = fetcher.range(&self.entry, start..end).wait()?;
            let runs: Vec<_> =
                runs.iter().map(|run| run.start - group.rows.start..run.end - group.rows.start).collect();
            for (leaf, chunk, at) in indexes {
                let offset = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
                let index = bytes.get(offset(at.start)..offset(at.end)).unwrap_or_default();
                let Some(pages) = pages_of(index, chunk, group.rows.end - group.rows.start) else {
                    continue;
                };
                let spans = spans_of(&pages, chunk.byte_range().0, &runs, FETCH_GAP_BYTES_MAX);
                places.insert((group.number, leaf), Place { pages, spans });
            }
        }
        Ok(places)
    }
}

/// The pages of a chunk of so many rows, when the index is sound: side by side, with nothing left between them.
fn pages_of(index: &[u8], chunk: &ColumnChunkMetaData, rows: u64) -> Option<Vec<PageLocation>> {
    let pages = read(&mut Bytes(index))?;
    let (start, length) = chunk.byte_range();
    let first = pages.first()?;
    if first.first_row_index != 0
        || first.offset != chunk.data_page_offset()
        || u64::try_from(first.offset).ok()? < start
    {
        return None;
    }
    let end = i64::try_from(start.checked_add(length)?).ok()?;
    let next = pages.iter().skip(1).map(|page| (page.offset, page.first_row_index));
    let nexts = next.chain([(end, i64::try_from(rows).ok()?)]);
    let is_followed = |(page, (offset, row)): (&PageLocation, (i64, i64))| {
        page.compressed_page_size > 0
            && page.offset.checked_add(page.compressed_page_size.into()) == Some(offset)
            && page.first_row_index < row
    };
    pages.iter().zip(nexts).all(is_followed).then_some(pages)
}

/// Which bytes hold the pages with these rows, and the dictionary in front of all pages. Rows and runs are counted from the
/// group's first. Those that lie closer than `gap` come together.
fn spans_of(pages: &[PageLocation], start: u64, runs: &[Range<u64>], gap: u64) -> Vec<Range<u64>> {
    let number = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    let mut spans: Vec<Range<u64>> = Vec::new();
    let mut add = |span: Range<u64>| match spans.last_mut() {
        Some(last) if span.start.saturating_sub(last.end) <= gap => last.end = span.end,
        _ => spans.push(span),
    };
    let first = pages.first().map_or(start, |page| number(page.offset));
    if start < first {
        add(start..first);
    }
    for (at, page) in pages.iter().enumerate() {
        let (from, to) =
            (number(page.first_row_index), pages.get(at + 1).map_or(u64::MAX, |page| number(page.first_row_index)));
        let run = runs.partition_point(|run| run.end <= from);
        if runs.get(run).is_some_and(|run| run.start < to) {
            let offset = number(page.offset);
            add(offset..offset.saturating_add(number(page.compressed_page_size.into())));
        }
    }
    spans
}

fn read(bytes: &mut Bytes<'_>) -> Option<Vec<PageLocation>> {
    bytes.expect(NEXT_LIST)?;
    let list = bytes.next()?;
    if list & 0x0f != STRUCTURES {
        return None;
    }
    let count = match list & 0xf0 {
        COUNT_FOLLOWS => bytes.unsigned()?,
        short => u64::from(short >> 4),
    };
    if count > CHECKPOINT_PAGES_MAX {
        return None;
    }
    (0..count).map(|_| bytes.page()).collect()
}

/// The bytes that are left.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn page(&mut self) -> Option<PageLocation> {
        self.expect(NEXT_I64)?;
        let offset = self.signed()?;
        self.expect(NEXT_I32)?;
        let compressed_page_size = i32::try_from(self.signed()?).ok()?;
        self.expect(NEXT_I64)?;
        let first_row_index = self.signed()?;
        self.expect(END)?;
        Some(PageLocation { offset, compressed_page_size, first_row_index })
    }

    /// Seven bits a byte, lowest first.
    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// The same with the sign in the last bit.
    fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        let magnitude = i64::try_from(number >> 1).ok()?;
        Some(if number & 1 == 0 { magnitude } else { -magnitude - 1 })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Type as Physical;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type};

    use super::*;

    fn varint(mut left: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while left > 0x7f {
            bytes.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    fn index(pages: &[(i64, i64, i64)]) -> Vec<u8> {
        let number = |number: i64| varint(((number << 1) ^ (number >> 63)) as u64);
        let mut bytes = vec![NEXT_LIST];
        match pages.len() {
            short @ 0..=14 => bytes.push((short as u8) << 4 | STRUCTURES),
            long => bytes.extend([vec![COUNT_FOLLOWS | STRUCTURES], varint(long as u64)].concat()),
        }
        for (offset, size, row) in pages {
            bytes.extend(
                [&[NEXT_I64][..], &number(*offset), &[NEXT_I32], &number(*size), &[NEXT_I64], &number(*row)].concat(),
            );
            bytes.push(END);
        }
        bytes.push(END);
        bytes
    }

    /// A chunk of 100 bytes from 1,000 on, the first 10 its dictionary.
    fn chunk() -> ColumnChunkMetaData {
        let primitive = Arc::new(Type::primitive_type_builder("c", Physical::INT64).build().unwrap());
        let column = Arc::new(ColumnDescriptor::new(primitive, 0, 0, ColumnPath::from("c")));
        ColumnChunkMetaData::builder(column)
            .set_dictionary_page_offset(Some(1000))
            .set_data_page_offset(1010)
            .set_total_compressed_size(100)
            .build()
            .unwrap()
    }

    #[test]
    fn pages_lie_side_by_side_and_hold_all_rows() {
        let sound = [(1010, 20, 0), (1030, 30, 5), (1060, 40, 9)];
        assert_eq!(pages_of(&index(&sound), &chunk(), 12).unwrap().len(), 3);
        let many: Vec<_> = (0..45).map(|page| (1010 + 2 * page, 2, 3 * page)).collect();
        assert_eq!(pages_of(&index(&many), &chunk(), 135).unwrap().len(), 45);
        let harm = |at: usize, page| {
            let mut pages = sound;
            pages[at] = page;
            pages_of(&index(&pages), &chunk(), 12)
        };
        assert!(harm(1, (1030, 30, 6)).is_some());
        for (at, page) in [
            (0, (1010, 20, 1)),
            (0, (1000, 30, 0)),
            (0, (1010, 19, 0)),
            (1, (1030, 30, 0)),
            (1, (1030, 30, 9)),
            (1, (1030, -30, 5)),
            (1, (1031, 29, 5)),
            (2, (1060, 41, 9)),
            (2, (1060, 40, 12)),
            (2, (i64::MAX, i64::from(i32::MAX), 9)),
        ] {
            assert_eq!(harm(at, page), None, "{at} {page:?}");
        }
        let whole = index(&sound);
        for length in 0..whole.len() - 1 {
            assert_eq!(pages_of(&whole[..length], &chunk(), 12), None, "{length} bytes");
        }
        assert_eq!(pages_of(&index(&[]), &chunk(), 12), None);
        assert_eq!(
            pages_of(&[NEXT_LIST, COUNT_FOLLOWS | STRUCTURES, 0xff, 0xff, 0xff, 0xff, 0x0f], &chunk(), 12),
            None
        );
    }

    #[expect(clippy::single_range_in_vec_init, reason = "a list of runs may be of one")]
    #[test]
    fn pages_with_rows_are_read_and_the_dictionary() {
        let pages = pages_of(&index(&[(1010, 20, 0), (1030, 30, 5), (1060, 40, 9)]), &chunk(), 12).unwrap();
        let spans = |runs: &[Range<u64>], gap| spans_of(&pages, 1000, runs, gap);
        assert_eq!(spans(&[5..6], 0), [1000..1010, 1030..1060]);
        assert_eq!(spans(&[5..6], 20), [1000..1060]);
        assert_eq!(spans(&[4..5, 11..12], 0), [1000..1030, 1060..1100]);
        assert_eq!(spans(&[0..12], 0), [1000..1100]);
        assert_eq!(spans(&[8..10], 0), [1000..1010, 1030..1100]);
    }
}
