//! How much a part says of its files besides their paths, as its footer tells it: the sizes of columns before and after the
//! writer's own compression. All of it is meant to be less than what comes, for whoever is told too much refuses what could
//! be sent.

use parquet::basic::{Compression, ConvertedType, LogicalType, Type};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::schema::types::ColumnDescriptor;

use super::Part;
use super::layout::nulls;
use crate::model::weight::Weight;

/// The length that Parquet writes before a text.
const LENGTH_PREFIX: u64 = 4;

/// Of a row group's column, so many bytes are taken for what Parquet writes around its values: headers of pages, levels …
const AROUND_VALUES: u64 = 256;

/// … and of its texts one byte in so many.
const AROUND_TEXTS: u64 = 16;

/// Around the name of a typed value in a line: quotes, a colon, a comma, and the value's first character.
const AROUND_NAME: u64 = 6;

/// Snappy and its like write a copy for every 64 bytes of what repeats, however often; others need far less. One byte in so
/// many of a column is taken for that.
const COPIES: u64 = 16;

/// How much a part says of the files that later commits void is not known, only what it says of all. They are taken for
/// this many times the average each.
const VOID_TIMES_AVERAGE: u64 = 8;

/// And for so many bytes at least: statistics of far more columns than writers gather by default.
const VOID_BYTES: u64 = 16 * 1024;

/// What a column's bytes become in a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The path, which whoever counts files measures file by file.
    Path,
    /// Statistics as text, in which quotes are escaped on top of it.
    Statistics,
    /// Keys or values of the partition columns.
    Values,
    /// Statistics or partition values that stand there typed, each under a name of this length.
    Typed { name: u64, statistics: bool },
    /// Nothing, or nothing in one of both formats.
    Other,
}

impl Kind {
    fn of(column: &ColumnDescriptor) -> Self {
        let path = column.path().string();
        let name = column.name().len() as u64;
        match path.as_str() {
            "add.path" => Self::Path,
            "add.stats" => Self::Statistics,
            _ if path.starts_with("add.partitionValues.") => Self::Values,
            _ if path.starts_with("add.stats_parsed.") && is_told(column) => Self::Typed { name, statistics: true },
            _ if path.starts_with("add.partitionValues_parsed.") && is_told(column) => {
                Self::Typed { name, statistics: false }
            }
            _ => Self::Other,
        }
    }
}

/// Whether every value of a typed column is told. Of moments and fractions some are not.
fn is_told(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{INT_8, INT_16, INT_32, INT_64, NONE};
    let signed = match column.logical_type_ref() {
        None => true,
        Some(LogicalType::Integer(integer)) => integer.is_signed,
        Some(_) => false,
    };
    let plain = match column.physical_type() {
        Type::BOOLEAN => true,
        Type::INT32 | Type::INT64 => {
            signed && matches!(column.converted_type(), NONE | INT_8 | INT_16 | INT_32 | INT_64)
        }
        Type::BYTE_ARRAY => column.converted_type() == ConvertedType::UTF8,
        Type::INT96 | Type::FLOAT | Type::DOUBLE | Type::FIXED_LEN_BYTE_ARRAY => false,
    };
    plain && column.max_rep_level() == 0
}

/// What a part says of all files in it, those that later commits void included.
#[derive(Default)]
struct Said {
    files: u64,
    text: u64,
    packed: u64,
}

impl Part {
    /// What it says of so many of its files, the only ones that later commits do not void.
    pub(in crate::delta) fn said_of(&self, files: u64) -> Weight {
        let columns = self.footer.parquet_schema().columns();
        let kind = |column: &ColumnDescriptor| match self.layout.is_file_column(&column.path().string(), false) {
            true => Kind::of(column),
            false => Kind::Other,
        };
        let kinds: Vec<Kind> = columns.iter().map(|column| kind(column)).collect();
        let mut said = Said::default();
        for group in self.footer.metadata().row_groups() {
            said.add(group, &kinds);
        }
        said.of(files)
    }
}

impl Said {
    fn add(&mut self, group: &RowGroupMetaData, kinds: &[Kind]) {
        let columns = || group.columns().iter().zip(kinds).enumerate();
        let all = |column: &ColumnChunkMetaData| u64::try_from(column.num_values()).unwrap_or(0);
        let at_most =
            |leaf: usize, column: &ColumnChunkMetaData| all(column).saturating_sub(nulls(group, leaf).unwrap_or(0));
        // What stands there as text is not told once more from typed columns.
        let has = |wanted: Kind| columns().any(|(leaf, (column, kind))| *kind == wanted && at_most(leaf, column) > 0);
        let (has_statistics, has_values) = (has(Kind::Statistics), has(Kind::Values));
        for (leaf, (column, kind)) in columns() {
            let values = at_most(leaf, column);
            let bytes = size(column.uncompressed_size()).saturating_sub(AROUND_VALUES);
            match kind {
                Kind::Other => continue,
                Kind::Typed { statistics: true, .. } if has_statistics => continue,
                Kind::Typed { statistics: false, .. } if has_values => continue,
                Kind::Typed { name, .. } => {
                    let values = nulls(group, leaf).map_or(0, |nulls| all(column).saturating_sub(nulls));
                    self.take(values.saturating_mul(name + AROUND_NAME), column);
                }
                Kind::Path => {
                    self.files = self.files.saturating_add(values);
                    self.take(0, column);
                }
                Kind::Statistics | Kind::Values => {
                    let texts = bytes.saturating_sub(values.saturating_mul(LENGTH_PREFIX));
                    self.take(texts - texts / AROUND_TEXTS, column);
                }
            }
        }
    }

    fn take(&mut self, text: u64, column: &ColumnChunkMetaData) {
        self.text = self.text.saturating_add(text);
        self.packed = self.packed.saturating_add(packed(column));
    }

    /// What is left of it when only so many files are.
    fn of(&self, files: u64) -> Weight {
        let void = self.files.saturating_sub(files);
        let left = |all: u64, most: u64| {
            let average = all.checked_div(self.files).unwrap_or(0);
            all.saturating_sub(void.saturating_mul(average.saturating_mul(VOID_TIMES_AVERAGE).max(most)))
        };
        Weight { text: left(self.text, VOID_BYTES), packed: left(self.packed, VOID_BYTES), ..Weight::default() }
    }
}

/// What a stream's compressor leaves of a column at least: no theorem, a careful guess. Snappy and its like have no short
/// codes for frequent bytes, which halves what they leave, and find less of what repeats. What a column in a better coding
/// comes to is close to what lines with it do. Of a column that nobody compressed nothing is known.
fn packed(column: &ColumnChunkMetaData) -> u64 {
    let bytes = size(column.compressed_size()).saturating_sub(AROUND_VALUES);
    match column.compression() {
        Compression::UNCOMPRESSED => 0,
        Compression::SNAPPY | Compression::LZ4 | Compression::LZ4_RAW | Compression::LZO => {
            bytes.saturating_sub(size(column.uncompressed_size()) / COPIES) / 4
        }
        Compression::GZIP(_) | Compression::BROTLI(_) | Compression::ZSTD(_) => bytes / 2,
    }
}

/// A size as the footer says it, which may be any number.
fn size(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_void_is_taken_for_more_than_it_can_be() {
        let said = Said { files: 100, text: 100 * 4096, packed: 100 * 64 };
        let of = |files| said.of(files);
        assert_eq!((of(100).text, of(100).packed), (100 * 4096, 100 * 64));
        assert_eq!((of(99).text, of(99).packed), (92 * 4096, 0));
        assert_eq!((of(50).text, of(0).text), (0, 0));
        assert_eq!(of(101).text, 100 * 4096, "more files than there were say no more");
        assert_eq!(Said::default().of(5), Weight::default());
        let most = Said { files: u64::MAX, text: u64::MAX, packed: u64::MAX };
        assert_eq!((most.of(u64::MAX).text, most.of(0).text), (u64::MAX, 0));
    }
}
