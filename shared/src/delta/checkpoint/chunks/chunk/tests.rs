//! Chunks are what was put into them or nothing, whatever bytes they are.

use proptest::prelude::*;

use super::super::coding::tests::{Said, row, said};
use super::*;

const EXTENT: Extent = Extent { group_rows: 1000, first: 100, rows: 300 };
const FACTS: Facts = [7; 32];

fn written(files: &[(u64, Said)]) -> Vec<u8> {
    let mut writer = ChunkWriter::new().unwrap();
    files.iter().for_each(|(at, said)| writer.file(*at, &row(said)).unwrap());
    writer.finish(EXTENT, &FACTS).unwrap()
}

/// The rows that a chunk says, and whether it was one to its end.
fn read(chunk: &[u8], extent: Extent, facts: &Facts) -> Result<Vec<(u64, String)>, Unfit> {
    let mut reader = ChunkReader::new(chunk, extent, facts)?;
    let mut all = Vec::new();
    while let Some(mut files) = reader.next_block()? {
        while let Some((at, file)) = files.next()? {
            all.push((at, format!("{file:?}")));
        }
    }
    Ok(all)
}

fn files() -> impl Strategy<Value = Vec<(u64, Said)>> {
    proptest::collection::btree_map(0..EXTENT.rows, said(), 0..20).prop_map(|files| files.into_iter().collect())
}

/// A file of a path of this length.
fn long(length: usize) -> Said {
    (("p".repeat(length), 1, 2, true), Default::default(), Default::default(), None)
}

/// A chunk of this head and frame.
fn made(files: u64, blocks: &[u8]) -> Vec<u8> {
    let mut chunk = EXTENT.head(&FACTS, files);
    chunk.extend(zstd::encode_all(blocks, 1).unwrap());
    chunk
}

proptest! {
    #[test]
    fn a_chunk_says_what_was_put_into_it(files in files()) {
        let wanted: Vec<_> = files.iter().map(|(at, said)| (*at, format!("{:?}", row(said)))).collect();
        prop_assert_eq!(read(&written(&files), EXTENT, &FACTS), Ok(wanted));
    }

    #[test]
    fn a_damaged_chunk_is_no_panic(files in files(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut chunk = written(&files);
        let at = at.index(chunk.len());
        chunk[at] ^= flip;
        if let Ok(rows) = read(&chunk, EXTENT, &FACTS) {
            prop_assert!(rows.len() as u64 <= EXTENT.rows);
        }
        prop_assert!(read(&chunk[..at], EXTENT, &FACTS).is_err(), "cut at {}", at);
    }

    #[test]
    fn noise_is_no_panic(noise in proptest::collection::vec(any::<u8>(), 0..400), files in 0..5u64) {
        let _ = read(&noise, EXTENT, &FACTS);
        let _ = read(&made(files, &noise), EXTENT, &FACTS);
    }
}

#[test]
fn a_chunk_of_other_rows_or_read_otherwise_is_unfit() {
    let chunk = written(&[(0, long(3))]);
    for extent in [Extent { group_rows: 1001, ..EXTENT }, Extent { first: 0, ..EXTENT }, Extent { rows: 299, ..EXTENT }]
    {
        assert_eq!(read(&chunk, extent, &FACTS), Err(Unfit), "{extent:?}");
    }
    assert_eq!(read(&chunk, EXTENT, &[8; 32]), Err(Unfit));
    let mut newer = chunk.clone();
    newer[0] += 1;
    assert_eq!(read(&newer, EXTENT, &FACTS), Err(Unfit));
}

#[test]
fn many_rows_are_many_blocks() {
    let extent = Extent { group_rows: 9000, first: 0, rows: 9000 };
    let mut writer = ChunkWriter::new().unwrap();
    let said = long(700);
    (0..9000).for_each(|at| writer.file(at, &row(&said)).unwrap());
    let chunk = writer.finish(extent, &FACTS).unwrap();
    let mut reader = ChunkReader::new(&chunk, extent, &FACTS).unwrap();
    let (mut blocks, mut rows) = (0, 0);
    while let Some(mut files) = reader.next_block().unwrap() {
        blocks += 1;
        while let Some((at, _)) = files.next().unwrap() {
            assert_eq!(at, rows);
            rows += 1;
        }
    }
    assert_eq!((blocks, rows), (9, 9000));
    assert!(reader.block.len() < 2 * CHUNK_BLOCK_BYTES, "{} bytes", reader.block.len());
}

#[test]
fn what_claims_too_much_is_unfit() {
    let block = |length: u32, files: u32, lengths: [u32; COLUMNS], columns: &[u8]| {
        let numbers = [length, files].into_iter().chain(lengths);
        let mut block: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        block.extend_from_slice(columns);
        block
    };
    let none = [0; COLUMNS];
    let head = BLOCK_HEAD as u32;
    let too_long = block(CHUNK_BLOCK_BYTES_MAX as u32 + 1, 1, none, &[]);
    let mut beyond = none;
    beyond[3] = u32::MAX;
    for (files, blocks) in [
        (1, Vec::new()),
        (1, too_long),
        (1, block(head - 1, 1, none, &[])),
        (1, block(head, 0, none, &[])),
        (1, block(head, 2, none, &[])),
        (1, block(head, 1, none, &[])),
        (1, block(head + 1, 1, none, &[1])),
        (1, block(head, 1, beyond, &[])),
        (EXTENT.rows + 1, Vec::new()),
        (0, vec![0]),
    ] {
        assert_eq!(read(&made(files, &blocks), EXTENT, &FACTS), Err(Unfit), "{files} files, {blocks:?}");
    }
    assert_eq!(read(&made(0, &[]), EXTENT, &FACTS), Ok(Vec::new()));
    // A row behind the last.
    let mut writer = ChunkWriter::new().unwrap();
    writer.file(EXTENT.rows, &row(&long(1))).unwrap();
    assert_eq!(writer.finish(EXTENT, &FACTS), Err(Unfit));
    let mut writer = ChunkWriter::new().unwrap();
    writer.file(EXTENT.rows - 1, &row(&long(1))).unwrap();
    let chunk = writer.finish(EXTENT, &FACTS).unwrap();
    assert_eq!(read(&chunk, EXTENT, &FACTS).unwrap().len(), 1);
}

#[test]
fn chunks_cover_a_row_group_without_gap_or_overlap() {
    for group_rows in [0, 1, 9, 10, 11, 25] {
        let extents: Vec<Extent> = (0..).map_while(|number| Extent::of(group_rows, 10, number)).collect();
        let mut next = 0;
        for extent in &extents {
            assert_eq!((extent.first, extent.group_rows), (next, group_rows));
            next = extent.end();
        }
        assert_eq!(next, group_rows);
    }
    assert_eq!(Extent::of(u64::MAX, u64::MAX, 2), None);
}
