//! Statistics that writers give a row group, and what they are taken for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use arrow_array::builder::{MapBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{Field, Fields};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::data_type::ByteArray;
use parquet::file::metadata::FileMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::*;
use crate::delta::schema::SchemaFacts;

/// Notes what it is told.
#[derive(Debug, Default)]
struct Noted(Mutex<String>);

impl Choice for Noted {
    fn columns(&self) -> Columns<'_> {
        Columns { partitions: vec!["p"], data: vec!["id", "name"] }
    }

    fn may_want(&self, known: &Known<'_>) -> bool {
        let between = match known.partitions {
            KnownPartitions::Unknown => String::new(),
            KnownPartitions::Same(values) => values.to_owned(),
            KnownPartitions::Between(bounds) => bounds
                .iter()
                .map(|of| format!("{} {}..{} {:?} {};", of.column, of.least, of.greatest, of.order, of.nulls))
                .collect(),
        };
        *self.0.lock().unwrap() = format!("{between}{}", known.statistics.unwrap_or_default());
        true
    }
}

fn record(columns: Vec<(&str, ArrayRef)>, valid: Option<Vec<bool>>) -> ArrayRef {
    let fields: Fields =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Arc::new(StructArray::new(fields, arrays, valid.map(NullBuffer::from)))
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn numbers(numbers: [Option<i64>; 3]) -> ArrayRef {
    Arc::new(Int64Array::from(numbers.to_vec()))
}

/// Three rows, the first of which is no file.
struct Rows {
    /// Each with the entries of a map.
    maps: [&'static [(&'static str, Option<&'static str>)]; 2],
    typed: [Option<&'static str>; 2],
    least: [Option<i64>; 2],
    nulls: [Option<i64>; 2],
}

const ROWS: Rows = Rows {
    maps: [&[("p", Some("bb"))], &[("p", Some("bd"))]],
    typed: [Some("bb"), Some("bd")],
    least: [Some(3), Some(-1)],
    nulls: [Some(0), Some(0)],
};

impl Rows {
    fn written(&self, properties: WriterProperties) -> ArrowReaderMetadata {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        maps.append(false).unwrap();
        for entries in self.maps {
            for (key, value) in entries {
                maps.keys().append_value(key);
                maps.values().append_option(*value);
            }
            maps.append(true).unwrap();
        }
        let [least, more] = self.least;
        let [nulls, more_nulls] = self.nulls;
        let names = || texts(&[None, Some("a"), Some("b")]);
        let bounds = || record(vec![("id", numbers([None, least, more])), ("name", names())], None);
        let counts = vec![("id", numbers([None, nulls, more_nulls]))];
        let stats =
            record(vec![("minValues", bounds()), ("maxValues", bounds()), ("nullCount", record(counts, None))], None);
        let typed = record(vec![("p", texts(&[None, self.typed[0], self.typed[1]]))], None);
        let add = record(
            vec![
                ("path", texts(&[None, Some("1"), Some("2")])),
                ("partitionValues", Arc::new(maps.finish())),
                ("partitionValues_parsed", typed),
                ("stats_parsed", stats),
            ],
            Some(vec![false, true, true]),
        );
        let batch = RecordBatch::try_from_iter([("add", add)]).unwrap();
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        ArrowReaderMetadata::load(&Bytes::from(out), ArrowReaderOptions::new()).unwrap()
    }
}

fn told_of(file: &ArrowReaderMetadata, metadata: &ParquetMetaData, vectors: bool) -> String {
    let noted = Noted::default();
    let (seen, schema) = (HashSet::new(), SchemaFacts::default());
    let shown = Shown { seen: &seen, schema: &schema, partitioned: true, vectors };
    assert!(Footer::of(metadata, file.schema(), &noted.columns()).may_hold(0, &shown, &noted));
    noted.0.into_inner().unwrap()
}

fn told(rows: &Rows) -> String {
    let file = rows.written(WriterProperties::default());
    told_of(&file, file.metadata(), false)
}

const TEXT: &str = "p bb..bd Text false;";
const TYPED: &str = "p bb..bd Type false;";
const STATISTICS: &str = r#"{"maxValues":{"id":3},"minValues":{"id":-1,"name":"a"},"nullCount":{"id":0}}"#;

#[test]
fn what_speaks_of_every_file_is_taken() {
    assert_eq!(told(&ROWS), [TEXT, TYPED, STATISTICS].concat());
    let file = ROWS.written(WriterProperties::default());
    let loose = STATISTICS.replace(r#""id":0"#, "");
    assert_eq!(told_of(&file, file.metadata(), true), [TEXT, TYPED, &loose].concat(), "rows may have been taken away");
}

#[test]
fn what_is_missing_in_one_file_is_known_of_none() {
    let typed = Rows { typed: [Some("bb"), None], ..ROWS };
    assert_eq!(told(&typed), [TEXT, STATISTICS].concat());
    let least = Rows { least: [None, Some(1)], ..ROWS };
    assert_eq!(
        told(&least),
        [TEXT, TYPED, r#"{"maxValues":{},"minValues":{"name":"a"},"nullCount":{"id":0}}"#].concat()
    );
    for nulls in [[Some(0), None], [Some(0), Some(1)]] {
        let told = told(&Rows { nulls, ..ROWS });
        assert_eq!(told, [TEXT, TYPED, &STATISTICS.replace(r#""id":0"#, "")].concat());
    }
}

#[test]
fn a_map_is_known_where_every_file_has_the_one_column() {
    for (maps, known) in [
        ([&[("p", Some("bb"))][..], &[("p", None)][..]], "p bb..bb Text true;"),
        ([&[("p", Some("bb"))], &[("q", Some("bd"))]], ""),
        ([&[("p", Some("bb"))], &[]], ""),
        ([&[("p", Some("bb")), ("p", Some("bc"))], &[]], ""),
        ([&[("p", Some("bb")), ("q", Some("bc"))], &[("p", Some("bb")), ("q", Some("bc"))]], ""),
    ] {
        assert_eq!(told(&Rows { maps, ..ROWS }), [known, TYPED, STATISTICS].concat(), "{maps:?}");
    }
}

#[test]
fn statistics_that_are_not_there_say_nothing() {
    let none = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
    let file = ROWS.written(none);
    assert_eq!(told_of(&file, file.metadata(), false), "");
}

#[test]
fn statistics_that_were_cut_still_hold_every_value() {
    let cut = WriterProperties::builder().set_statistics_truncate_length(Some(1)).build();
    let file = ROWS.written(cut);
    let wide = |text: &str| text.replace("bb..bd", "b..c");
    assert_eq!(told_of(&file, file.metadata(), false), [&wide(TEXT), &wide(TYPED), STATISTICS].concat());
}

#[test]
fn an_order_that_nobody_tells_says_nothing() {
    let file = ROWS.written(WriterProperties::default());
    let of = file.metadata().file_metadata();
    let orderless = FileMetaData::new(of.version(), of.num_rows(), None, None, of.schema_descr_ptr(), None);
    let metadata = ParquetMetaData::new(orderless, file.metadata().row_groups().to_vec());
    assert_eq!(told_of(&file, &metadata, false), "");
    // Fields of the first years, which ordered texts by signed bytes.
    let mut group = file.metadata().row_group(0).clone().into_builder();
    let mut columns = group.take_columns();
    for column in &mut columns {
        let Some(Statistics::ByteArray(old)) = column.statistics().cloned() else { continue };
        let bytes = |value: Option<&ByteArray>| value.cloned();
        let nulls = old.null_count_opt();
        let old = Statistics::byte_array(bytes(old.min_opt()), bytes(old.max_opt()), None, nulls, true);
        *column = column.clone().into_builder().set_statistics(old).build().unwrap();
    }
    let group = group.set_column_metadata(columns).build().unwrap();
    let metadata = ParquetMetaData::new(of.clone(), vec![group]);
    let numbers = r#"{"maxValues":{"id":3},"minValues":{"id":-1},"nullCount":{"id":0}}"#;
    assert_eq!(told_of(&file, &metadata, false), numbers);
}

#[test]
fn a_count_of_nulls_that_is_not_there_says_nothing() {
    let file = ROWS.written(WriterProperties::default());
    let mut group = file.metadata().row_group(0).clone().into_builder();
    let mut columns = group.take_columns();
    for column in &mut columns {
        let uncounted = match column.statistics().cloned() {
            Some(Statistics::ByteArray(old)) => {
                Statistics::byte_array(old.min_opt().cloned(), old.max_opt().cloned(), None, None, false)
            }
            Some(Statistics::Int64(old)) => {
                Statistics::int64(old.min_opt().copied(), old.max_opt().copied(), None, None, false)
            }
            _ => continue,
        };
        *column = column.clone().into_builder().set_statistics(uncounted).build().unwrap();
    }
    let group = group.set_column_metadata(columns).build().unwrap();
    let metadata = ParquetMetaData::new(file.metadata().file_metadata().clone(), vec![group]);
    assert_eq!(told_of(&file, &metadata, false), "");
}
