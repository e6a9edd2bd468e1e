//! The columns of a checkpoint, those of its table, and the actions that tell of them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use crate::file::{COLUMNS, EPOCH_MS};
use crate::shape::{Checkpoint, Shape, Stats};

/// The partition columns.
pub const PARTITION_COLUMNS: [&str; 2] = ["date", "region"];

/// The columns of an object that holds actions of every kind, or of a sidecar, which holds those of files.
pub fn columns(shape: &Shape) -> SchemaRef {
    let (add, remove) = (record("add", add(shape)), record("remove", remove()));
    let columns = match shape.checkpoint {
        Checkpoint::Sidecars(_) => vec![add, remove],
        Checkpoint::Single | Checkpoint::Parts(_) => vec![
            record("txn", vec![text("appId"), long("version"), long("lastUpdated")]),
            add,
            remove,
            record("metaData", metadata()),
            record("protocol", protocol_fields()),
        ],
    };
    Arc::new(Schema::new(columns))
}

fn add(shape: &Shape) -> Vec<Field> {
    let (texts, typed) = (shape.stats != Stats::Typed, shape.stats != Stats::Text);
    let mut fields = vec![text("path")];
    // A struct without fields is none in Parquet: without partition columns the values stay what they are.
    fields.extend((texts || !shape.partitioned).then(|| map("partitionValues")));
    fields.extend([long("size"), long("modificationTime"), flag("dataChange"), map("tags"), vector()]);
    fields.extend([long("baseRowId"), long("defaultRowCommitVersion"), text("clusteringProvider")]);
    fields.extend(texts.then(|| text("stats")));
    let date = || Field::new("date", DataType::Date32, true);
    fields.extend((typed && shape.partitioned).then(|| record("partitionValues_parsed", vec![date(), text("region")])));
    fields.extend(typed.then(|| record("stats_parsed", stats())));
    fields
}

/// The typed statistics.
pub fn stats() -> Vec<Field> {
    let bounds: Vec<Field> = COLUMNS.iter().map(|(name, kind)| Field::new(*name, data_type(kind), true)).collect();
    let nulls = COLUMNS.iter().map(|(name, _)| long(name)).collect();
    vec![
        long("numRecords"),
        record("minValues", bounds.clone()),
        record("maxValues", bounds),
        record("nullCount", nulls),
    ]
}

fn data_type(kind: &str) -> DataType {
    match kind {
        "long" => DataType::Int64,
        "integer" => DataType::Int32,
        "double" => DataType::Float64,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    }
}

fn remove() -> Vec<Field> {
    vec![
        text("path"),
        long("deletionTimestamp"),
        flag("dataChange"),
        flag("extendedFileMetadata"),
        map("partitionValues"),
        long("size"),
        vector(),
    ]
}

fn metadata() -> Vec<Field> {
    vec![
        text("id"),
        text("name"),
        text("description"),
        record("format", vec![text("provider"), map("options")]),
        text("schemaString"),
        list("partitionColumns"),
        map("configuration"),
        long("createdTime"),
    ]
}

fn protocol_fields() -> Vec<Field> {
    vec![int("minReaderVersion"), int("minWriterVersion"), list("readerFeatures"), list("writerFeatures")]
}

fn vector() -> Field {
    let parts = [text("storageType"), text("pathOrInlineDv"), int("offset"), int("sizeInBytes"), long("cardinality")];
    record("deletionVector", parts.into())
}

/// A column of text.
pub fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn int(name: &str) -> Field {
    Field::new(name, DataType::Int32, true)
}

fn flag(name: &str) -> Field {
    Field::new(name, DataType::Boolean, true)
}

fn record(name: &str, fields: Vec<Field>) -> Field {
    Field::new_struct(name, fields, true)
}

fn list(name: &str) -> Field {
    Field::new_list(name, text("element"), true)
}

fn map(name: &str) -> Field {
    Field::new(name, DataType::Map(Arc::new(map_entries()), false), true)
}

/// What the maps of text to text hold.
pub fn map_entries() -> Field {
    Field::new("key_value", DataType::Struct(map_pair()), false)
}

/// Key and value.
pub fn map_pair() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), text("value")])
}

/// The table's schema, as its metadata has it.
pub fn table_schema() -> String {
    let dates = [("date", "date"), ("region", "string")];
    let field = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let fields: Vec<Value> = COLUMNS.iter().chain(&dates).map(field).collect();
    json!({"type": "struct", "fields": fields}).to_string()
}

/// The `metaData` action.
pub fn metadata_action(shape: &Shape) -> Value {
    let partition_columns: &[&str] = if shape.partitioned { &PARTITION_COLUMNS } else { &[] };
    json!({"metaData": {
        "id": "8ba4f5c3-5d0c-4b43-9f4d-1a2b3c4d5e6f",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": table_schema(),
        "partitionColumns": partition_columns,
        "configuration": {},
        "createdTime": EPOCH_MS,
    }})
}

/// The `protocol` action.
pub fn protocol_action(shape: &Shape) -> Value {
    match shape.checkpoint {
        Checkpoint::Sidecars(_) => json!({"protocol": {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": ["v2Checkpoint"],
            "writerFeatures": ["v2Checkpoint"],
        }}),
        Checkpoint::Single | Checkpoint::Parts(_) => {
            json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
        }
    }
}
