//! Parquet files: the table's small data files with their statistics, and the writing that checkpoints share with them.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use deltalake::arrow::json::ReaderBuilder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

/// Rows that are turned into columns at a time.
const BATCH_ROWS: usize = 4096;

/// The file name behind a log path: percent escapes decoded once. What is no escape stays.
pub fn decode_path(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, more) = match after {
            [high, low, more @ ..] if first == b'%' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) * 16 + hex_digit(*low), more)
            }
            _ => (first, after),
        };
        bytes.push(byte);
        rest = more;
    }
    String::from_utf8(bytes).unwrap()
}

fn hex_digit(digit: u8) -> u8 {
    u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap()
}

/// Writes a data file of columns `id` and `name`, and `p` where it is no partition column. Returns its bytes.
pub(super) fn write_file(path: &Path, p: Option<&str>, rows: usize, partitioned: bool) -> u64 {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut fields = vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)];
    if !partitioned {
        fields.push(Field::new("p", DataType::Utf8, true));
    }
    let rows: Vec<Value> = (0..rows)
        .map(|id| {
            let mut row = json!({"id": id, "name": name_of(id)});
            if !partitioned {
                row["p"] = json!(p);
            }
            row
        })
        .collect();
    write_parquet(path, &Schema::new(fields), &rows, Compression::SNAPPY, None)
}

/// The statistics of a file that [`write_file`] wrote, as JSON text.
pub(super) fn stats(rows: usize) -> String {
    let mut stats = json!({"numRecords": rows, "minValues": {}, "maxValues": {}, "nullCount": {"id": 0, "name": 0}});
    if let Some(last) = rows.checked_sub(1) {
        stats["minValues"] = json!({"id": 0, "name": name_of(0)});
        stats["maxValues"] = json!({"id": last, "name": name_of(last)});
    }
    stats.to_string()
}

/// Padded, so that names sort as their ids do.
fn name_of(id: usize) -> String {
    format!("name {id:06}")
}

/// Rows of a page at most; common writers end theirs at 20,000.
const PAGE_ROWS: usize = 400;

/// Writes JSON rows as a Parquet file of the given columns. Returns its bytes.
pub(super) fn write_parquet(
    path: &Path,
    schema: &Schema,
    rows: &[Value],
    compression: Compression,
    row_group: Option<usize>,
) -> u64 {
    let schema = Arc::new(schema.clone());
    // Pages of few rows, so that small tables have columns of several pages, as large ones do.
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_write_batch_size(PAGE_ROWS / 2)
        .set_data_page_row_count_limit(PAGE_ROWS);
    if row_group.is_some() {
        properties = properties.set_max_row_group_row_count(row_group);
    }
    // Writers outside the Arrow world do not leave their schema in the file.
    let options = ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options).unwrap();
    for chunk in rows.chunks(BATCH_ROWS) {
        let mut decoder = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(chunk.len()).build_decoder().unwrap();
        decoder.serialize(chunk).unwrap();
        let batch = decoder.flush().unwrap().unwrap();
        assert_eq!(batch.num_rows(), chunk.len(), "the decoder takes a chunk whole");
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    fs::metadata(path).unwrap().len()
}
