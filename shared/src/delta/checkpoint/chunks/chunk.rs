//! A chunk: which rows of which row group it holds, how they were read, and their files in compressed blocks. It is read
//! block by block, so that its files are never in memory all at once.
//!
//! | bytes | |
//! |---|---|
//! | 1 | the version of this format |
//! | 32 | how the rows were read: a digest of all that makes the same columns come out differently |
//! | 8 each | rows of the row group; number of the first row in it; rows of the chunk; files among them |
//! | rest | one zstd frame of blocks: their length, their files, the length of each column (4 bytes each), the columns |

use std::io::{self, Read, Write};

use zstd::stream::{read, write};

use super::super::file_row::FileRow;
use super::coding::{COLUMNS, Columns};
use crate::limits::{CHECKPOINT_BATCH_ROWS, CHUNK_BLOCK_BYTES, CHUNK_BLOCK_BYTES_MAX, CHUNK_BYTES_MAX};

/// The version of the format. What has another one is not read.
pub(super) const VERSION: u8 = 1;

/// The fast level: it costs a fraction of the decoding that it spares.
const LEVEL: i32 = 1;

/// Window of the compressor, as a power of two, above which a chunk is not unpacked.
const WINDOW_LOG_MAX: u32 = 23;

const NUMBER: usize = size_of::<u64>();
const LENGTH: usize = size_of::<u32>();
const HEAD: usize = 1 + size_of::<Facts>() + 4 * NUMBER;
const BLOCK_HEAD: usize = (1 + COLUMNS) * LENGTH;

/// A digest of all that makes the same columns come out differently.
pub(super) type Facts = [u8; 32];

/// Which rows of a row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Rows of the group.
    pub(super) group_rows: u64,
    /// The number of the first row in the group.
    pub(super) first: u64,
    /// How many rows.
    pub(super) rows: u64,
}

impl Extent {
    /// The chunk of this number, where chunks are of so many rows; nothing behind the last.
    pub(super) fn of(group_rows: u64, chunk_rows: u64, number: u64) -> Option<Self> {
        let first = number.checked_mul(chunk_rows)?;
        let rows = group_rows.checked_sub(first)?.min(chunk_rows);
        (rows > 0).then_some(Self { group_rows, first, rows })
    }

    /// The number of the row in the group after the last one.
    pub(super) fn end(self) -> u64 {
        self.first + self.rows
    }

    fn head(self, facts: &Facts, files: u64) -> Vec<u8> {
        let mut head = vec![VERSION];
        head.extend_from_slice(facts);
        for number in [self.group_rows, self.first, self.rows, files] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        head
    }
}

/// Why a chunk is not read on: it is none, or not the one that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfit;

impl From<io::Error> for Unfit {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// A chunk that is being written.
pub(super) struct ChunkWriter {
    out: write::Encoder<'static, Vec<u8>>,
    block: Columns<Vec<u8>>,
    block_files: u32,
    block_bytes: usize,
    /// The row after the last file, in the chunk.
    next_row: u64,
    files: u64,
}

impl ChunkWriter {
    pub(super) fn new() -> Result<Self, Unfit> {
        let out = write::Encoder::new(vec![0; HEAD], LEVEL)?;
        Ok(Self { out, block: Columns::default(), block_files: 0, block_bytes: 0, next_row: 0, files: 0 })
    }

    /// Adds the file of a row, whose number is in the chunk; rows come in order.
    pub(super) fn file(&mut self, row: u64, file: &FileRow<'_>) -> Result<(), Unfit> {
        let skipped = row.checked_sub(self.next_row).ok_or(Unfit)?;
        self.block.write(skipped, file);
        (self.next_row, self.files) = (row + 1, self.files + 1);
        self.block_files += 1;
        // Near enough: what else a row says is short, and the block is held against its bound when it is closed.
        self.block_bytes += file.path.len() + file.stats.map_or(0, str::len);
        if self.block_files as usize >= CHECKPOINT_BATCH_ROWS || self.block_bytes >= CHUNK_BLOCK_BYTES {
            self.close_block()?;
        }
        Ok(())
    }

    /// The chunk of these rows.
    pub(super) fn finish(mut self, extent: Extent, facts: &Facts) -> Result<Vec<u8>, Unfit> {
        if self.next_row > extent.rows {
            return Err(Unfit);
        }
        self.close_block()?;
        let mut chunk = self.out.finish()?;
        let head = extent.head(facts, self.files);
        chunk.get_mut(..HEAD).ok_or(Unfit)?.copy_from_slice(&head);
        if chunk.len() as u64 > CHUNK_BYTES_MAX { Err(Unfit) } else { Ok(chunk) }
    }

    fn close_block(&mut self) -> Result<(), Unfit> {
        if self.block_files == 0 {
            return Ok(());
        }
        let columns = self.block.each();
        let length: usize = BLOCK_HEAD + columns.iter().map(|column| column.len()).sum::<usize>();
        if length > CHUNK_BLOCK_BYTES_MAX || self.out.get_ref().len() as u64 > CHUNK_BYTES_MAX {
            return Err(Unfit);
        }
        let lengths = [length, self.block_files as usize].into_iter().chain(columns.iter().map(|column| column.len()));
        for length in lengths {
            self.out.write_all(&u32::try_from(length).map_err(|_| Unfit)?.to_le_bytes())?;
        }
        for column in columns {
            self.out.write_all(column)?;
            column.clear();
        }
        (self.block_files, self.block_bytes) = (0, 0);
        Ok(())
    }
}

/// A chunk that is being read.
pub(super) struct ChunkReader<'a> {
    packed: read::Decoder<'static, &'a [u8]>,
    block: Vec<u8>,
    rows: u64,
    next_row: u64,
    files_left: u64,
}

impl<'a> ChunkReader<'a> {
    /// Begins to read what should be the chunk of these rows.
    pub(super) fn new(chunk: &'a [u8], extent: Extent, facts: &Facts) -> Result<Self, Unfit> {
        let (head, frame) = chunk.split_at_checked(HEAD).ok_or(Unfit)?;
        let (_, files) = head.split_last_chunk::<NUMBER>().ok_or(Unfit)?;
        let files = u64::from_le_bytes(*files);
        if extent.head(facts, files) != head || files > extent.rows || frame.is_empty() {
            return Err(Unfit);
        }
        let mut packed = read::Decoder::with_buffer(frame)?;
        packed.window_log_max(WINDOW_LOG_MAX)?;
        Ok(Self { packed, block: Vec::new(), rows: extent.rows, next_row: 0, files_left: files })
    }

    /// The files of the next block; nothing when all of the chunk's were there.
    pub(super) fn next_block(&mut self) -> Result<Option<Files<'_>>, Unfit> {
        if self.files_left == 0 {
            // Nothing may follow.
            let end = self.packed.read(&mut [0; 1])?;
            return if end == 0 { Ok(None) } else { Err(Unfit) };
        }
        let mut length = [0; LENGTH];
        self.packed.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if !(BLOCK_HEAD..=CHUNK_BLOCK_BYTES_MAX).contains(&length) {
            return Err(Unfit);
        }
        self.block.resize(length, 0);
        self.packed.read_exact(&mut self.block)?;
        let mut rest = self.block.as_slice();
        let files = u64::from(read_length(&mut rest)?);
        if files == 0 || files > self.files_left {
            return Err(Unfit);
        }
        let mut lengths = [0u32; COLUMNS];
        for length in &mut lengths {
            *length = read_length(&mut rest)?;
        }
        let mut columns = [[].as_slice(); COLUMNS];
        for (column, length) in columns.iter_mut().zip(lengths) {
            (*column, rest) = rest.split_at_checked(length as usize).ok_or(Unfit)?;
        }
        if !rest.is_empty() {
            return Err(Unfit);
        }
        self.files_left -= files;
        let (next_row, rows) = (&mut self.next_row, self.rows);
        Ok(Some(Files { columns: Columns::of(columns), left: files, next_row, rows }))
    }
}

fn read_length(rest: &mut &[u8]) -> Result<u32, Unfit> {
    let (length, after) = rest.split_first_chunk::<LENGTH>().ok_or(Unfit)?;
    *rest = after;
    Ok(u32::from_le_bytes(*length))
}

/// The files of a block.
pub(super) struct Files<'a> {
    columns: Columns<&'a [u8]>,
    left: u64,
    next_row: &'a mut u64,
    rows: u64,
}

impl<'a> Files<'a> {
    /// The next file with the number of its row in the chunk; nothing after the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, FileRow<'a>)>, Unfit> {
        let Some(left) = self.left.checked_sub(1) else {
            return if self.columns.are_read() { Ok(None) } else { Err(Unfit) };
        };
        self.left = left;
        let (skipped, file) = self.columns.read().ok_or(Unfit)?;
        let row = self.next_row.checked_add(skipped).filter(|row| *row < self.rows).ok_or(Unfit)?;
        *self.next_row = row + 1;
        Ok(Some((row, file)))
    }
}

#[cfg(test)]
mod tests;
