//! Layouts of written Parquet files, and the timestamps of twelve bytes.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

const SCHEMA: &str = "message checkpoint {
    optional group add {
        optional binary path (UTF8);
        optional binary stats (UTF8);
        optional group stats_parsed { optional group minValues { optional int96 ts; } }
    }
    optional group sidecar { optional binary path (UTF8); }
}";

/// One row: a path, perhaps statistics as a text, a timestamp in the typed statistics, perhaps a sidecar's name.
fn written(stats: Option<&str>, ts: Int96, sidecar: Option<&str>) -> Bytes {
    let mut out = Vec::new();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(&mut out, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for text in [Some("a.parquet"), stats] {
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<ByteArray> = text.into_iter().map(ByteArray::from).collect();
        let level = if text.is_some() { 2 } else { 1 };
        column.typed::<ByteArrayType>().write_batch(&values, Some(&[level]), None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&[ts], Some(&[4]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<ByteArray> = sidecar.into_iter().map(ByteArray::from).collect();
    let level = if sidecar.is_some() { 2 } else { 0 };
    column.typed::<ByteArrayType>().write_batch(&values, Some(&[level]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    Bytes::from(out)
}

/// A Julian day and the nanoseconds in it.
fn int96(day: u32, nanos: u64) -> Int96 {
    let mut value = Int96::new();
    let [b0, b1, b2, b3, b4, b5, b6, b7] = nanos.to_le_bytes();
    value.set_data(u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes([b4, b5, b6, b7]), day);
    value
}

fn layout(file: &Bytes) -> Layout {
    Layout::of(ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).unwrap().metadata())
}

#[test]
fn typed_statistics_are_read_where_a_text_may_be_missing() {
    let day = int96(2_440_588, 0);
    let with_text = layout(&written(Some("{}"), day, None));
    assert!(!with_text.is_file_column("add.stats_parsed.minValues.ts", false));
    assert!(with_text.is_file_column("add.stats", false) && with_text.has_files && !with_text.has_partition_values);
    let without = layout(&written(None, day, None));
    assert!(without.is_file_column("add.stats_parsed.minValues.ts", false));
    assert!(!without.is_file_column("add.deletionVector.offset", false));
    assert!(without.is_file_column("add.deletionVector.offset", true));
}

#[test]
fn an_empty_sidecar_column_names_none() {
    let day = int96(2_440_588, 0);
    assert!(!layout(&written(None, day, None)).may_have_sidecars);
    assert!(layout(&written(None, day, Some("x.parquet"))).may_have_sidecars);
}

#[test]
fn timestamps_of_any_year_keep_their_value() {
    const MICROS_PER_DAY: i64 = 86_400_000_000;
    // Year 1 and year 9999 lie outside what nanoseconds can say.
    for (day, days) in [(2_440_588, 0), (1_721_426, -719_162), (5_373_484, 2_932_896)] {
        let file = written(None, int96(day, 1_234_567_000), None);
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
        let wide = with_wide_timestamps(plain.schema(), plain.parquet_schema()).unwrap();
        let options = ArrowReaderOptions::new().with_schema(wide);
        let mut reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap().build().unwrap();
        let batch = reader.next().unwrap().unwrap();
        let add = batch.column(0).as_struct();
        let bounds = add.column_by_name("stats_parsed").unwrap().as_struct().column(0).as_struct();
        let micros = bounds.column(0).as_primitive::<TimestampMicrosecondType>().value(0);
        assert_eq!(micros, days * MICROS_PER_DAY + 1_234_567);
    }
}

#[test]
fn other_schemas_stay_as_they_are() {
    let schema: SchemaRef = Arc::new(Schema::empty());
    let parquet = SchemaDescriptor::new(Arc::new(parse_message_type("message m { optional int64 a; }").unwrap()));
    assert_eq!(with_wide_timestamps(&schema, &parquet), None);
}
