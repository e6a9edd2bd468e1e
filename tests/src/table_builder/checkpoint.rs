//! Classic Parquet checkpoints: one row an action, in the columns that common writers give them. Columns that only newer
//! table features fill stand in the schema only where a row fills them.

use std::path::Path;

use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::basic::Compression;
use serde_json::{Value, json};

use super::data::write_parquet;
use super::state::State;
use super::{RowOrder, Typed, checkpoint_name, checkpoint_part_name};

/// How checkpoints are written.
#[derive(Debug)]
pub(super) struct Options {
    /// Most rows of a row group; the Parquet writer's own choice when absent.
    pub(super) row_group: Option<usize>,
    pub(super) compression: Compression,
    pub(super) order: RowOrder,
    pub(super) typed: Typed,
}

impl Default for Options {
    fn default() -> Self {
        Self { row_group: None, compression: Compression::SNAPPY, order: RowOrder::StateFirst, typed: Typed::Never }
    }
}

/// Writes the checkpoint of `version` in one file, or in as many parts as asked. Returns what `_last_checkpoint` says.
pub(super) fn write(log: &Path, version: u64, state: &State, options: &Options, parts: Option<usize>) -> Value {
    let rows = ordered(state.table_rows(), typed(state.file_rows(), options.typed), options.order);
    let schema = schema(&rows);
    let mut bytes = 0;
    let mut write_rows = |name: String, rows: &[Value]| {
        bytes += write_parquet(&log.join(name), &schema, rows, options.compression, options.row_group);
    };
    match parts {
        None => write_rows(checkpoint_name(version), &rows),
        Some(parts) => {
            let (each, more) = (rows.len() / parts, rows.len() % parts);
            let mut rest = rows.as_slice();
            for part in 0..parts {
                let (mine, others) = rest.split_at(each + usize::from(part < more));
                write_rows(checkpoint_part_name(version, part + 1, parts), mine);
                rest = others;
            }
        }
    }
    let mut hint = json!({
        "version": version,
        "size": rows.len(),
        "sizeInBytes": bytes,
        "numOfAddFiles": state.file_count(),
    });
    if let Some(parts) = parts {
        hint["parts"] = json!(parts);
    }
    hint
}

fn ordered(table: Vec<Value>, files: Vec<Value>, order: RowOrder) -> Vec<Value> {
    match order {
        RowOrder::StateFirst => table.into_iter().chain(files).collect(),
        RowOrder::StateLast => files.into_iter().chain(table).collect(),
        RowOrder::Mixed => {
            let mut rows: Vec<Value> = files.into_iter().chain(table).collect();
            // A fixed multiplicative hash of the position stands for chance.
            let mut at = 0_u64;
            rows.sort_by_cached_key(|_| {
                at += 1;
                at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 17
            });
            rows
        }
    }
}

/// Adds the typed columns of files, or puts them in the place of the texts.
pub(super) fn typed(mut rows: Vec<Value>, typed: Typed) -> Vec<Value> {
    if typed == Typed::Never {
        return rows;
    }
    for add in rows.iter_mut().filter_map(|row| row.get_mut("add")) {
        add["stats_parsed"] = add["stats"].as_str().map_or(Value::Null, |stats| serde_json::from_str(stats).unwrap());
        add["partitionValues_parsed"] = add["partitionValues"].clone();
        if typed == Typed::Only {
            let add = add.as_object_mut().unwrap();
            add.remove("stats");
            add.remove("partitionValues");
        }
    }
    rows
}

pub(super) fn schema(rows: &[Value]) -> Schema {
    let filled = |kind: &str, name: &str| rows.iter().any(|row| !row[kind][name].is_null());
    let present = |kind: &str| rows.iter().any(|row| !row[kind].is_null());
    let mut columns = vec![
        record("txn", vec![text("appId"), long("version"), long("lastUpdated")]),
        record("add", file_fields(add_fields(), |name| filled("add", name))),
        record("remove", file_fields(remove_fields(), |name| filled("remove", name))),
        record("metaData", metadata_fields()),
        record("protocol", protocol_fields(|name| filled("protocol", name))),
    ];
    if present("domainMetadata") {
        columns.push(record("domainMetadata", vec![text("domain"), text("configuration"), flag("removed")]));
    }
    if present("checkpointMetadata") {
        columns.push(record("checkpointMetadata", vec![long("version")]));
        columns.push(record("sidecar", vec![text("path"), long("sizeInBytes"), long("modificationTime")]));
    }
    Schema::new(columns)
}

fn add_fields() -> Vec<Field> {
    vec![
        text("path"),
        text_map("partitionValues"),
        long("size"),
        long("modificationTime"),
        flag("dataChange"),
        text_map("tags"),
        text("stats"),
    ]
}

fn remove_fields() -> Vec<Field> {
    vec![
        text("path"),
        long("deletionTimestamp"),
        flag("dataChange"),
        flag("extendedFileMetadata"),
        text_map("partitionValues"),
        long("size"),
    ]
}

/// The fields that every writer has, then those of newer features where a row fills them.
fn file_fields(mut fields: Vec<Field>, filled: impl Fn(&str) -> bool) -> Vec<Field> {
    let vector = record(
        "deletionVector",
        vec![text("storageType"), text("pathOrInlineDv"), int("offset"), int("sizeInBytes"), long("cardinality")],
    );
    let bounds = |name: &str| record(name, vec![long("id"), text("name")]);
    let nulls = record("nullCount", vec![long("id"), long("name")]);
    let stats = vec![long("numRecords"), bounds("minValues"), bounds("maxValues"), nulls];
    let newer = [
        vector,
        long("baseRowId"),
        long("defaultRowCommitVersion"),
        text("clusteringProvider"),
        record("stats_parsed", stats),
        record("partitionValues_parsed", vec![text("p")]),
    ];
    fields.extend(newer.into_iter().filter(|field| filled(field.name())));
    if filled("stats_parsed") {
        fields.retain(|field| !matches!(field.name().as_str(), "stats" | "partitionValues") || filled(field.name()));
    }
    fields
}

fn metadata_fields() -> Vec<Field> {
    vec![
        text("id"),
        text("name"),
        text("description"),
        record("format", vec![text("provider"), text_map("options")]),
        text("schemaString"),
        text_list("partitionColumns"),
        text_map("configuration"),
        long("createdTime"),
    ]
}

fn protocol_fields(filled: impl Fn(&str) -> bool) -> Vec<Field> {
    let mut fields = vec![int("minReaderVersion"), int("minWriterVersion")];
    let newer = [text_list("readerFeatures"), text_list("writerFeatures")];
    fields.extend(newer.into_iter().filter(|field| filled(field.name())));
    fields
}

fn text(name: &str) -> Field {
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

fn text_list(name: &str) -> Field {
    Field::new_list(name, text("element"), true)
}

fn text_map(name: &str) -> Field {
    let pair = Fields::from(vec![Field::new("key", DataType::Utf8, false), text("value")]);
    let entries = Field::new("key_value", DataType::Struct(pair), false);
    Field::new(name, DataType::Map(entries.into(), false), true)
}
