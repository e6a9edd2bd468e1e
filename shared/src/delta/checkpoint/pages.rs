//! The pages of a part, looked at before the decoder takes them: where texts are delta-encoded, the page claims how many
//! there are, and the decoder makes room for as many (Parquet's `DELTA_LENGTH_BYTE_ARRAY` and `DELTA_BYTE_ARRAY`).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::vec;

use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;

use super::window::PartBytes;
use crate::limits::CHECKPOINT_PAGE_TEXTS_MAX;

/// Where the pages of some column chunks lie, by row group and column.
pub(super) type Places = HashMap<(usize, usize), Place>;

/// Where the pages of a column chunk lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub pages: Vec<PageLocation>,
    /// The bytes that are needed of it.
    pub spans: Vec<Range<u64>>,
}

/// Row groups of a part, for the decoder.
pub(super) struct Pages {
    pub bytes: Arc<PartBytes>,
    pub metadata: Arc<ParquetMetaData>,
    /// Which ones, in their order.
    pub groups: Vec<usize>,
    /// Pages that can be passed over unread. Columns of lists are not among them: their pages do not say how many rows they
    /// hold.
    pub places: Arc<Places>,
}

impl RowGroups for Pages {
    fn num_rows(&self) -> usize {
        self.row_groups().map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).fold(0, usize::saturating_add)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let (bytes, metadata) = (Arc::clone(&self.bytes), Arc::clone(&self.metadata));
        let (places, groups) = (Arc::clone(&self.places), self.groups.clone().into_iter());
        Ok(Box::new(Chunks { bytes, metadata, column, groups, places }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.groups.iter().filter_map(|&group| self.metadata.row_groups().get(group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// One column, row group by row group.
struct Chunks {
    bytes: Arc<PartBytes>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    groups: vec::IntoIter<usize>,
    places: Arc<Places>,
}

impl Chunks {
    fn reader(&self, number: usize, group: &RowGroupMetaData) -> Result<Checked, ParquetError> {
        let chunk = group.columns().get(self.column).ok_or_else(|| ParquetError::EOF("no such column".into()))?;
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let descriptor = chunk.column_descr();
        let levels = Levels { repeated: descriptor.max_rep_level() > 0, optional: descriptor.max_def_level() > 0 };
        let pages = self.places.get(&(number, self.column)).map(|place| place.pages.clone());
        let told = pages.as_ref().map(|pages| Told::of(pages, group));
        let pages = SerializedPageReader::new(Arc::clone(&self.bytes), chunk, rows, pages)?;
        Ok(Checked { pages, levels, told })
    }
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let metadata = Arc::clone(&self.metadata);
        let number = self.groups.next()?;
        let group = metadata.row_groups().get(number)?;
        Some(self.reader(number, group).map(|pages| Box::new(pages) as _))
    }
}

impl PageIterator for Chunks {}

/// The pages of one column chunk.
struct Checked {
    pages: SerializedPageReader<PartBytes>,
    levels: Levels,
    /// How many rows the pages hold, where that was told before they are read.
    told: Option<Told>,
}

impl PageReader for Checked {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        match self.pages.get_next_page()? {
            Some(page) if !is_bounded(&page, self.levels) => {
                Err(ParquetError::General("a page of more texts than are read".into()))
            }
            Some(page) if !self.told.as_mut().is_none_or(|told| told.is_so(&page)) => {
                Err(ParquetError::General("a page of other rows than was told".into()))
            }
            page => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        if let Some(told) = &mut self.told
            && self.pages.peek_next_page()?.is_some_and(|page| !page.is_dict)
        {
            told.0.next();
        }
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for Checked {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// The rows of the pages that are still to come, as where they lie tells. A page that holds others would put everything
/// behind it into other rows.
struct Told(vec::IntoIter<i64>);

impl Told {
    fn of(pages: &[PageLocation], group: &RowGroupMetaData) -> Self {
        let next = pages.iter().skip(1).map(|page| page.first_row_index).chain([group.num_rows()]);
        let rows: Vec<i64> = pages.iter().zip(next).map(|(page, next)| next - page.first_row_index).collect();
        Self(rows.into_iter())
    }

    fn is_so(&mut self, page: &Page) -> bool {
        !page.is_data_page() || self.0.next() == Some(page.num_values().into())
    }
}

/// Which levels a page of the column holds in front of its values.
#[derive(Debug, Clone, Copy)]
struct Levels {
    repeated: bool,
    optional: bool,
}

fn is_bounded(page: &Page, levels: Levels) -> bool {
    let (values, encoding) = match page {
        Page::DataPage { buf, encoding, .. } => (after_levels(buf, levels), *encoding),
        Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let levels = usize::try_from(def_levels_byte_len.saturating_add(*rep_levels_byte_len));
            (levels.ok().and_then(|levels| buf.get(levels..)), *encoding)
        }
        // What its header says was held against its length.
        Page::DictionaryPage { .. } => return true,
    };
    let lists = match encoding {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
        // Lengths of what each text shares with the one before it, then of the rest.
        Encoding::DELTA_BYTE_ARRAY => 2,
        _ => return true,
    };
    let Some(values) = values else { return false };
    let mut packed = Packed(values);
    (0..lists).all(|_| packed.skip().is_some_and(|count| count <= CHECKPOINT_PAGE_TEXTS_MAX))
}

/// The values of a page of the first version, whose levels each have their length in front.
fn after_levels(page: &[u8], levels: Levels) -> Option<&[u8]> {
    let mut rest = page;
    for _ in 0..usize::from(levels.repeated) + usize::from(levels.optional) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = after.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
    }
    Some(rest)
}

/// Numbers packed as differences (Parquet's `DELTA_BINARY_PACKED`).
struct Packed<'a>(&'a [u8]);

impl Packed<'_> {
    /// Passes over one list, as far as it says that it reaches, and tells how many numbers it claims to have.
    fn skip(&mut self) -> Option<u64> {
        let (block, minis, count) = (self.number()?, self.number()?, self.number()?);
        let _first = self.number()?;
        let in_mini = block.checked_div(minis)?;
        if count > CHECKPOINT_PAGE_TEXTS_MAX {
            return Some(count);
        }
        let mut left = count.saturating_sub(1);
        while left > 0 {
            let _smallest = self.number()?;
            let (widths, rest) = self.0.split_at_checked(usize::try_from(minis).ok()?)?;
            let mut length = 0u64;
            for width in widths {
                if left == 0 {
                    break;
                }
                length = length.saturating_add(u64::from(*width).saturating_mul(in_mini) / 8);
                left = left.saturating_sub(in_mini);
            }
            // The last block may end with the page, before all that its widths announce.
            self.0 = rest.get(usize::try_from(length).ok()?..).unwrap_or_default();
        }
        Some(count)
    }

    /// Seven bits a byte, lowest first. What does not fit is more than any bound.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        Some(u64::MAX)
    }
}
