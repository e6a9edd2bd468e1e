//! Logs that claim to be huge: refused before as much memory is taken. Each is read here and once more in a process of its
//! own, whose peak is then known.

use std::fs;
use std::process::Command;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnPath;
use serde_json::json;
use shared::limits::COMMIT_BYTES_MAX;
use tests::server::TestServer;
use tests::table_builder::{TableBuilder, checkpoint_name, commit_name};

/// Most that a process of one of these tests may ever hold; the claims are of 1 GB and more.
const PEAK_MB_MAX: u64 = 300;

const PEAK: &str = "peak of memory in KB: ";

/// Runs one of the tests below by itself; the peak of its memory in MB.
fn peak_of(test: &str) -> u64 {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("delta::memory::{test}"), "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{test}: {said}{}", String::from_utf8_lossy(&child.stderr));
    let (_, peak) = said.split_once(PEAK).expect("the test said its peak");
    peak.lines().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// Says the peak of this process's memory.
#[expect(clippy::print_stdout, reason = "to the process that started this one")]
fn say_peak() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{PEAK}{}", peak.trim().trim_end_matches(" kB"));
}

#[test]
fn what_claims_to_be_huge_is_refused_in_bounded_memory() {
    let tests = [
        "a_commit_of_a_gigabyte",
        "a_footer_of_four_gigabytes",
        "a_page_of_two_gigabytes",
        "rows_without_end",
        "texts_without_end",
    ];
    for test in tests {
        let peak = peak_of(test);
        assert!(peak < PEAK_MB_MAX, "{test} took {peak} MB");
    }
}

/// The refusal of a query.
async fn refusal(server: &TestServer) -> String {
    let answer = server.query("t", json!({}), "").await;
    let body = answer.json();
    assert_eq!(answer.status, 400, "{body}");
    say_peak();
    body["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_commit_of_a_gigabyte() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![]);
    // All of it a hole in the file.
    let commit = fs::File::create(table.log_file(&commit_name(1))).unwrap();
    commit.set_len(2 * COMMIT_BYTES_MAX).unwrap();
    let message = refusal(&server).await;
    assert!(message.contains(&commit_name(1)) && message.contains("larger than this server reads"), "{message}");
}

/// A table that is all checkpoint, whose bytes are changed.
async fn checkpointed(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit((0..50).map(|n| table.add_entry(&format!("p=a/file-{n}"), Some("a"), n)).collect());
    table.checkpoint();
    table.delete_commit(0);
    assert_eq!(server.query("t", json!({}), "").await.status, 200);
    let path = table.log_file(&checkpoint_name(0));
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
    refusal(&server).await
}

fn assert_undecodable(message: &str) {
    assert!(message.contains("checkpoint cannot be decoded"), "{message}");
}

#[tokio::test]
async fn a_footer_of_four_gigabytes() {
    let change = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - 8;
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    };
    assert_undecodable(&checkpointed(change).await);
}

/// Where the column of paths lies.
fn paths(bytes: &[u8]) -> std::ops::Range<usize> {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let group = reader.metadata().row_group(0);
    let column = group.columns().iter().find(|column| column.column_path().string() == "add.path").unwrap();
    let (start, length) = column.byte_range();
    start as usize..(start + length) as usize
}

#[tokio::test]
async fn a_page_of_two_gigabytes() {
    let change = |bytes: &mut Vec<u8>| {
        let chunk = paths(bytes);
        // A data page in Thrift's compact protocol: its kind, its two sizes, and how 50 values are written.
        let values = [0x2c, 0x15, 100, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0];
        let sizes = |compressed: usize| {
            let compressed = (compressed * 2) as u32;
            let low = [
                0x15,
                (compressed & 0x7f) as u8 | 0x80,
                (compressed >> 7 & 0x7f) as u8 | 0x80,
                (compressed >> 14) as u8,
            ];
            [&[0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f][..], &low].concat()
        };
        let length = sizes(0).len() + values.len();
        let header = [sizes(chunk.len() - length).as_slice(), &values].concat();
        bytes[chunk.start..chunk.start + length].copy_from_slice(&header);
    };
    assert_undecodable(&checkpointed(change).await);
}

/// A footer whose one row group has other numbers of rows and values than it really has.
fn with_rows(bytes: &mut Vec<u8>, rows: i64, values: Option<i64>) {
    use parquet::file::metadata::{ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter};
    let whole = bytes::Bytes::copy_from_slice(bytes);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&whole).unwrap();
    let group = metadata.row_group(0).clone();
    let columns = group.columns().iter().map(|column| {
        let values = values.unwrap_or(column.num_values());
        column.clone().into_builder().set_num_values(values).build().unwrap()
    });
    let columns = columns.collect();
    let group = group.into_builder().set_column_metadata(columns).set_num_rows(rows).set_total_byte_size(i64::MAX);
    let lying = ParquetMetaDataBuilder::new(metadata.file_metadata().clone())
        .set_row_groups(vec![group.build().unwrap()])
        .build();
    let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    bytes.truncate(bytes.len() - 8 - length);
    ParquetMetaDataWriter::new(bytes, &lying).finish().unwrap();
}

#[tokio::test]
async fn rows_without_end() {
    assert_undecodable(&checkpointed(|bytes| with_rows(bytes, i64::MAX, None)).await);
    assert_undecodable(&checkpointed(|bytes| with_rows(bytes, i64::MAX, Some(i64::MAX))).await);
}

/// The checkpoint written anew, its paths packed as differences.
fn delta_encoded(bytes: &mut Vec<u8>, encoding: Encoding, version: WriterVersion) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let path = ColumnPath::from("add.path".split('.').map(str::to_owned).collect::<Vec<_>>());
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, encoding)
        .build();
    bytes.clear();
    let mut writer = ArrowWriter::try_new(&mut *bytes, reader.schema().clone(), Some(properties)).unwrap();
    for batch in reader.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.close().unwrap();
}

const ENCODINGS: [(Encoding, WriterVersion); 4] = [
    (Encoding::DELTA_LENGTH_BYTE_ARRAY, WriterVersion::PARQUET_1_0),
    (Encoding::DELTA_LENGTH_BYTE_ARRAY, WriterVersion::PARQUET_2_0),
    (Encoding::DELTA_BYTE_ARRAY, WriterVersion::PARQUET_1_0),
    (Encoding::DELTA_BYTE_ARRAY, WriterVersion::PARQUET_2_0),
];

#[tokio::test]
async fn delta_encoded_paths_are_read() {
    for (encoding, version) in ENCODINGS {
        let server = TestServer::of(&["s.d.t"]).await;
        let mut table = TableBuilder::new(server.table("t"));
        table.commit((0..5000).map(|n| table.add_entry(&format!("p=a/file-{n}"), Some("a"), n)).collect());
        table.checkpoint();
        table.delete_commit(0);
        let before = server.query("t", json!({}), "").await;
        let path = table.log_file(&checkpoint_name(0));
        let mut bytes = fs::read(&path).unwrap();
        delta_encoded(&mut bytes, encoding, version);
        fs::write(path, bytes).unwrap();
        let after = server.query("t", json!({}), "").await;
        let ids = |answer: &tests::server::Answer| -> Vec<String> {
            answer.lines().iter().filter_map(|line| Some(line["file"]["id"].as_str()?.to_owned())).collect()
        };
        assert_eq!(ids(&after).len(), 5000, "{encoding} {version:?}");
        assert_eq!(ids(&before), ids(&after), "{encoding} {version:?}");
    }
}

#[tokio::test]
async fn texts_without_end() {
    for (encoding, version) in ENCODINGS {
        let change = |bytes: &mut Vec<u8>| {
            delta_encoded(bytes, encoding, version);
            let chunk = paths(bytes);
            // Blocks of 128 numbers in four pieces, 50 numbers.
            let head = [0x80, 0x01, 0x04, 50];
            let found = bytes[chunk.clone()].windows(head.len()).rposition(|bytes| bytes == head);
            let list = chunk.start + found.expect("the list of lengths");
            // A block of 2^31 numbers in four pieces, 2^29 numbers, all of them 0.
            let endless = [0x80, 0x80, 0x80, 0x80, 0x08, 0x04, 0x80, 0x80, 0x80, 0x80, 0x02, 0, 0, 0, 0, 0, 0];
            bytes[list..list + endless.len()].copy_from_slice(&endless);
        };
        assert_undecodable(&checkpointed(change).await);
    }
}

#[tokio::test]
async fn a_footer_with_fewer_rows_than_its_columns_does_not_make_files_disappear() {
    assert_undecodable(&checkpointed(|bytes| with_rows(bytes, 10, None)).await);
}
