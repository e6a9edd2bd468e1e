//! Rows of a chunk as bytes, column by column, so that what looks alike lies side by side. A number takes seven bits a byte,
//! lowest first; a text has its length in front.

use crate::delta::action::DeletionVector;

use super::super::file_row::FileRow;

/// One of each column. `T` is where a column is written to or read from.
#[derive(Debug, Default)]
pub(super) struct Columns<T> {
    /// How many rows without a file are before this one.
    rows: T,
    /// Which of the columns below say something of this file.
    flags: T,
    paths: T,
    partition_values: T,
    sizes: T,
    times: T,
    stats: T,
    tags: T,
    row_ids: T,
    row_commits: T,
    clustering: T,
    vectors: T,
}

/// How many columns there are.
pub(super) const COLUMNS: usize = 12;

const DATA_CHANGE: u8 = 1;
const PARTITION_VALUES: u8 = 1 << 1;
const STATS: u8 = 1 << 2;
const TAGS: u8 = 1 << 3;
const ROW_ID: u8 = 1 << 4;
const ROW_COMMIT: u8 = 1 << 5;
const CLUSTERING: u8 = 1 << 6;
const VECTOR: u8 = 1 << 7;

impl<T> Columns<T> {
    /// In the order in which they are written.
    pub(super) fn of(columns: [T; COLUMNS]) -> Self {
        let [
            rows,
            flags,
            paths,
            partition_values,
            sizes,
            times,
            stats,
            tags,
            row_ids,
            row_commits,
            clustering,
            vectors,
        ] = columns;
        Self {
            rows,
            flags,
            paths,
            partition_values,
            sizes,
            times,
            stats,
            tags,
            row_ids,
            row_commits,
            clustering,
            vectors,
        }
    }

    /// In the order in which they are written.
    pub(super) fn each(&mut self) -> [&mut T; COLUMNS] {
        let Self {
            rows,
            flags,
            paths,
            partition_values,
            sizes,
            times,
            stats,
            tags,
            row_ids,
            row_commits,
            clustering,
            vectors,
        } = self;
        [rows, flags, paths, partition_values, sizes, times, stats, tags, row_ids, row_commits, clustering, vectors]
    }
}

impl Columns<Vec<u8>> {
    /// Appends a file, before which there are so many rows without one.
    pub(super) fn write(&mut self, skipped: u64, file: &FileRow<'_>) {
        let mut flags = 0;
        write_number(&mut self.rows, skipped);
        write_text(&mut self.paths, file.path);
        write_number(&mut self.sizes, file.size);
        write_signed(&mut self.times, file.modification_time);
        if file.data_change {
            flags |= DATA_CHANGE;
        }
        let texts = [
            (PARTITION_VALUES, &mut self.partition_values, file.partition_values),
            (STATS, &mut self.stats, file.stats),
            (TAGS, &mut self.tags, file.tags),
            (CLUSTERING, &mut self.clustering, file.clustering_provider),
        ];
        for (flag, column, text) in texts {
            if let Some(text) = text {
                flags |= flag;
                write_text(column, text);
            }
        }
        let numbers = [
            (ROW_ID, &mut self.row_ids, file.base_row_id),
            (ROW_COMMIT, &mut self.row_commits, file.default_row_commit_version),
        ];
        for (flag, column, number) in numbers {
            if let Some(number) = number {
                flags |= flag;
                write_signed(column, number);
            }
        }
        if let Some(vector) = &file.vector {
            flags |= VECTOR;
            write_text(&mut self.vectors, &vector.storage_type);
            write_text(&mut self.vectors, &vector.path_or_inline_dv);
            write_number(&mut self.vectors, vector.offset.is_some().into());
            for number in vector.offset.into_iter().chain([vector.size_in_bytes, vector.cardinality]) {
                write_signed(&mut self.vectors, number);
            }
        }
        self.flags.push(flags);
    }
}

impl<'a> Columns<&'a [u8]> {
    /// The next file, and how many rows without one are before it; nothing where these are no columns.
    pub(super) fn read(&mut self) -> Option<(u64, FileRow<'a>)> {
        let skipped = read_number(&mut self.rows)?;
        let (flags, rest) = self.flags.split_first()?;
        self.flags = rest;
        let has = |flag: u8| flags & flag != 0;
        let file = FileRow {
            path: read_text(&mut self.paths)?,
            size: read_number(&mut self.sizes)?,
            modification_time: read_signed(&mut self.times)?,
            data_change: has(DATA_CHANGE),
            partition_values: read_if(has(PARTITION_VALUES), &mut self.partition_values, read_text)?,
            stats: read_if(has(STATS), &mut self.stats, read_text)?,
            tags: read_if(has(TAGS), &mut self.tags, read_text)?,
            clustering_provider: read_if(has(CLUSTERING), &mut self.clustering, read_text)?,
            base_row_id: read_if(has(ROW_ID), &mut self.row_ids, read_signed)?,
            default_row_commit_version: read_if(has(ROW_COMMIT), &mut self.row_commits, read_signed)?,
            vector: read_if(has(VECTOR), &mut self.vectors, read_vector)?,
        };
        Some((skipped, file))
    }

    /// Whether all of them were read.
    pub(super) fn are_read(&mut self) -> bool {
        self.each().iter().all(|column| column.is_empty())
    }
}

fn read_vector<'a>(column: &mut &'a [u8]) -> Option<DeletionVector<'a>> {
    Some(DeletionVector {
        storage_type: read_text(column)?.into(),
        path_or_inline_dv: read_text(column)?.into(),
        offset: match read_number(column)? {
            0 => None,
            1 => Some(read_signed(column)?),
            _ => return None,
        },
        size_in_bytes: read_signed(column)?,
        cardinality: read_signed(column)?,
    })
}

/// Reads what is there; the outer nothing is damage.
fn read_if<'a, V>(
    is_there: bool,
    column: &mut &'a [u8],
    read: impl FnOnce(&mut &'a [u8]) -> Option<V>,
) -> Option<Option<V>> {
    if is_there { read(column).map(Some) } else { Some(None) }
}

fn write_text(column: &mut Vec<u8>, text: &str) {
    write_number(column, text.len() as u64);
    column.extend_from_slice(text.as_bytes());
}

fn read_text<'a>(column: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(read_number(column)?).ok()?;
    let (text, rest) = column.split_at_checked(length)?;
    *column = rest;
    std::str::from_utf8(text).ok()
}

fn write_number(column: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        column.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    column.push(number.to_le_bytes()[0]);
}

fn read_number(column: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = column.split_first()?;
        *column = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// With the sign in the lowest bit, so that small numbers of either sign are short.
fn write_signed(column: &mut Vec<u8>, number: i64) {
    write_number(column, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn read_signed(column: &mut &[u8]) -> Option<i64> {
    let number = read_number(column)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a row says, owned.
    pub(in super::super) type Said = (
        (String, u64, i64, bool),
        [Option<String>; 4],
        [Option<i64>; 2],
        Option<(String, String, Option<i64>, i64, i64)>,
    );

    pub(in super::super) fn said() -> impl Strategy<Value = Said> {
        let text = || proptest::option::of("\\PC{0,40}");
        let number = || proptest::option::of(any::<i64>());
        (
            ("\\PC{1,40}", any::<u64>(), any::<i64>(), any::<bool>()),
            [text(), text(), text(), text()],
            [number(), number()],
            proptest::option::of(("[uip]", "\\PC{0,30}", number(), any::<i64>(), any::<i64>())),
        )
    }

    pub(in super::super) fn row(said: &Said) -> FileRow<'_> {
        let ((path, size, time, change), [values, stats, tags, clustering], [row_id, row_commit], vector) = said;
        FileRow {
            path,
            vector: vector.as_ref().map(|(storage, path, offset, size, cardinality)| DeletionVector {
                storage_type: storage.into(),
                path_or_inline_dv: path.into(),
                offset: *offset,
                size_in_bytes: *size,
                cardinality: *cardinality,
            }),
            partition_values: values.as_deref(),
            size: *size,
            modification_time: *time,
            data_change: *change,
            stats: stats.as_deref(),
            tags: tags.as_deref(),
            base_row_id: *row_id,
            default_row_commit_version: *row_commit,
            clustering_provider: clustering.as_deref(),
        }
    }

    fn written(rows: &[(u64, Said)]) -> Columns<Vec<u8>> {
        let mut columns = Columns::default();
        rows.iter().for_each(|(skipped, said)| columns.write(*skipped, &row(said)));
        columns
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in proptest::collection::vec((any::<u64>(), said()), 0..20)) {
            let mut written = written(&rows);
            let mut columns = Columns::of(written.each().map(|column| column.as_slice()));
            for (skipped, said) in &rows {
                let (read_skipped, read) = columns.read().unwrap();
                prop_assert_eq!(read_skipped, *skipped);
                prop_assert_eq!(format!("{read:?}"), format!("{:?}", row(said)));
            }
            prop_assert!(columns.are_read() && columns.read().is_none());
        }

        #[test]
        fn damage_is_no_panic(
            rows in proptest::collection::vec((any::<u64>(), said()), 1..5),
            column in 0..COLUMNS,
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut written = written(&rows);
            let parts = written.each();
            if !parts[column].is_empty() {
                let at = at.index(parts[column].len());
                parts[column][at] = byte;
            }
            let mut columns = Columns::of(parts.map(|column| column.as_slice()));
            let read = std::iter::from_fn(|| columns.read()).count();
            prop_assert!(read <= rows.len());
        }
    }
}
