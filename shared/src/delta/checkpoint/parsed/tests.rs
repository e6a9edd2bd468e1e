//! Typed columns, and the JSON that they become.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int16Array,
    Int64Array, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{Field, Fields};

use super::*;

/// 2021-02-03T04:05:06.789Z, in microseconds.
const AT: i64 = 1_612_325_106_789_000;

fn record(columns: Vec<(&str, ArrayRef)>, valid: Option<Vec<bool>>) -> ArrayRef {
    let fields: Fields =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Arc::new(StructArray::new(fields, arrays, valid.map(NullBuffer::from)))
}

fn facts(without_zone: &str) -> SchemaFacts {
    let field = |name: &str| format!(r#"{{"name":"{name}","type":"timestamp_ntz","nullable":true,"metadata":{{}}}}"#);
    SchemaFacts::of(&format!(r#"{{"type":"struct","fields":[{}]}}"#, field(without_zone))).unwrap()
}

fn statistics(stats: ArrayRef, row: usize) -> Option<String> {
    let add = record(vec![("stats_parsed", stats)], None);
    let parsed = Parsed::statistics(add.as_struct(), &facts("ntz")).unwrap().unwrap();
    let mut out = b"before".to_vec();
    let written = parsed.write_statistics(row, &mut out).unwrap();
    let text = String::from_utf8(out.split_off(6)).unwrap();
    assert_eq!(out, b"before");
    assert_eq!(written, !text.is_empty());
    written.then_some(text)
}

fn partition_values(values: ArrayRef) -> Result<String, Error> {
    let add = record(vec![("partitionValues_parsed", values)], None);
    let parsed = Parsed::partition_values(add.as_struct(), &facts("ntz")).unwrap().unwrap();
    let mut out = Vec::new();
    parsed.write_partition_values(0, &mut out).map(|_| String::from_utf8(out).unwrap())
}

fn one<T: Array + 'static>(array: T) -> ArrayRef {
    Arc::new(array)
}

fn moments(micros: Vec<i64>) -> ArrayRef {
    one(TimestampMicrosecondArray::from(micros))
}

#[test]
fn every_type_is_written_as_the_log_writes_it() {
    let inner = record(vec![("x", one(Int64Array::from(vec![5]))), ("t", moments(vec![AT]))], None);
    let bounds = record(
        vec![
            ("z", one(Int16Array::from(vec![-7]))),
            ("dec", one(Decimal128Array::from(vec![-12_340]).with_precision_and_scale(20, 3).unwrap())),
            ("d", one(Date32Array::from(vec![18_661]))),
            ("ts", moments(vec![AT + 1])),
            ("ntz", moments(vec![AT])),
            ("f", one(Float32Array::from(vec![0.1]))),
            ("s", one(StringArray::from(vec!["a\"\n"]))),
            ("in.ner", inner),
            ("b", one(BinaryArray::from(vec![&b"x"[..]]))),
        ],
        None,
    );
    let stats = record(
        vec![
            ("numRecords", one(Int64Array::from(vec![3]))),
            ("minValues", bounds),
            (
                "nullCount",
                record(vec![("z", one(Int64Array::from(vec![0]))), ("b", one(Int64Array::from(vec![1])))], None),
            ),
            ("tightBounds", one(BooleanArray::from(vec![false]))),
            ("somethingElse", one(Int64Array::from(vec![1]))),
        ],
        None,
    );
    let expected = concat!(
        r#"{"numRecords":3,"minValues":{"z":-7,"dec":-12.340,"d":"2021-02-03","ts":"2021-02-03T04:05:06.789001Z","#,
        r#""ntz":"2021-02-03T04:05:06.789","f":0.1,"s":"a\"\n","in.ner":{"x":5,"t":"2021-02-03T04:05:06.789Z"}},"#,
        r#""nullCount":{"z":0,"b":1},"tightBounds":false}"#
    );
    assert_eq!(statistics(stats, 0).unwrap(), expected);
}

#[test]
fn what_is_not_known_or_not_certain_is_left_out() {
    // The field of a null struct holds a filler.
    let filler = record(vec![("x", one(Int64Array::from(vec![0])))], Some(vec![false]));
    let year_1000 = -30_609_792_000_000_000;
    let bounds = record(
        vec![
            ("nan", one(Float64Array::from(vec![f64::NAN]))),
            ("inf", one(Float64Array::from(vec![f64::NEG_INFINITY]))),
            ("struct", filler),
            ("null", one(Int64Array::from(vec![None]))),
            ("old", one(Date32Array::from(vec![-400_000]))),
            ("older", moments(vec![year_1000])),
            ("far", moments(vec![i64::MAX])),
        ],
        None,
    );
    let variant = || record(vec![("metadata", one(BinaryArray::from(vec![&b"x"[..]])))], None);
    let other = record(vec![("nothing", one(Int64Array::from(vec![None]))), ("variant", variant())], None);
    let none = one(Int64Array::from(vec![None]));
    let stats = record(vec![("numRecords", none), ("maxValues", bounds), ("minValues", other)], None);
    assert_eq!(statistics(stats, 0).unwrap(), r#"{"maxValues":{"inf":"-Infinity"},"minValues":{}}"#);
}

#[test]
fn no_statistics_are_none() {
    let numbers = || one(Int64Array::from(vec![None, Some(1)]));
    let stats = record(vec![("numRecords", numbers())], Some(vec![true, false]));
    assert_eq!((statistics(Arc::clone(&stats), 0), statistics(stats, 1)), (None, None));
}

#[test]
fn partition_values_are_the_logs_texts() {
    let values = record(
        vec![
            ("s", one(StringArray::from(vec!["ä\""]))),
            ("n", one(Int64Array::from(vec![None]))),
            ("i", one(Int64Array::from(vec![-1]))),
            ("b", one(BooleanArray::from(vec![true]))),
            ("f", one(Float64Array::from(vec![1.0]))),
            ("nan", one(Float32Array::from(vec![f32::NAN]))),
            ("dec", one(Decimal128Array::from(vec![5]).with_precision_and_scale(5, 2).unwrap())),
            ("d", one(Date32Array::from(vec![18_661]))),
            ("ts", moments(vec![AT])),
            ("ntz", moments(vec![AT + 1])),
            ("bin", one(BinaryArray::from(vec![&b"\x01z"[..]]))),
        ],
        None,
    );
    let expected = concat!(
        r#"{"s":"ä\"","n":null,"i":"-1","b":"true","f":"1.0","nan":"NaN","dec":"0.05","d":"2021-02-03","#,
        r#""ts":"2021-02-03T04:05:06.789Z","ntz":"2021-02-03 04:05:06.789001","bin":"\u0001z"}"#
    );
    assert_eq!(partition_values(values).unwrap(), expected);
}

#[test]
fn a_partition_value_that_is_not_certain_is_refused() {
    let bytes = one(BinaryArray::from(vec![&b"\xff"[..]]));
    for array in [bytes, one(Date32Array::from(vec![-400_000])), moments(vec![i64::MAX])] {
        let refused = partition_values(record(vec![("p", array)], None));
        assert!(matches!(refused, Err(Error::Unsupported(_))));
    }
}
