//! A predicate over one file, and the reading of one.

use std::hint::black_box;

use serde_json::{Value, json};
use shared::predicate::{Verdict, filter};

use super::Subject;
use super::samples::{Sample, Turn, metadata};

/// A partition column alone.
pub(super) fn partition() -> Result<Subject, String> {
    judged("predicate on a partition", &["date = DATE '2024-01-01'".to_owned()], None)
}

/// A column with statistics.
pub(super) fn statistics() -> Result<Subject, String> {
    judged("predicate on statistics", &["order_id > 100000 AND quantity <= 40".to_owned()], None)
}

/// The form that Spark sends, over a partition column and one with statistics.
pub(super) fn json() -> Result<Subject, String> {
    judged("predicate in JSON, of both", &[], Some(&tree()))
}

/// The predicate itself, read and bound to the table's columns.
pub(super) fn read() -> Result<Subject, String> {
    let (tree, metadata) = (tree(), metadata());
    Ok(Subject::new("predicate read", "predicate", move || {
        black_box(filter(&[], Some(black_box(&tree)), &metadata));
    }))
}

fn judged(name: &'static str, sql: &[String], tree: Option<&str>) -> Result<Subject, String> {
    let filter = filter(sql, tree, &metadata()).ok_or_else(|| format!("{name}: there is no predicate"))?;
    let (samples, mut turn) = (Sample::several()?, Turn::new());
    if !samples.iter().any(|sample| filter.judge(&sample.data_file()) == Verdict::None) {
        return Err(format!("{name}: the predicate was not understood"));
    }
    Ok(Subject::new(name, "file", move || {
        if let Some(sample) = turn.of(&samples) {
            black_box(filter.judge(black_box(&sample.data_file())));
        }
    }))
}

fn tree() -> String {
    let leaf =
        |op: &str, key: &str, value: &str, kind: &str| -> Value { json!({"op": op, key: value, "valueType": kind}) };
    let both = [
        json!({"op": "equal", "children": [leaf("column", "name", "region", "string"), leaf("literal", "value", "us-east-1", "string")]}),
        json!({"op": "greaterThan", "children": [leaf("column", "name", "order_id", "long"), leaf("literal", "value", "100000", "long")]}),
    ];
    json!({"op": "and", "children": both}).to_string()
}
