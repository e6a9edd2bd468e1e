//! Log actions as their JSON spells them (Delta protocol, "Actions"): one line, one action, read without copying. What
//! is passed on to recipients untouched stays the log's own bytes.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::model::location::{PathError, key_of_log_path};
use crate::model::table_state::{Metadata, Protocol};

/// One line of a commit. Kinds that a snapshot does not need (`txn`, `cdc`, `domainMetadata`, unknown ones) are skipped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    /// An `add` action.
    #[serde(borrow, default)]
    pub add: Option<Add<'a>>,
    /// A `remove` action.
    #[serde(borrow, default)]
    pub remove: Option<Remove<'a>>,
    /// A `protocol` action.
    #[serde(default)]
    pub protocol: Option<ProtocolAction>,
    /// A `metaData` action.
    #[serde(default)]
    pub meta_data: Option<MetadataAction>,
    /// The commit's own description.
    #[serde(default)]
    pub commit_info: Option<CommitInfo>,
    /// A file of a v2 checkpoint's file actions; only in checkpoints.
    #[serde(default)]
    pub sidecar: Option<SidecarAction>,
}

/// A file that becomes part of the table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Add<'a> {
    /// The path as logged.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The JSON object of partition values.
    #[serde(borrow, default)]
    pub partition_values: Option<&'a RawValue>,
    /// Size in bytes.
    pub size: u64,
    /// Milliseconds since the epoch.
    #[serde(default)]
    pub modification_time: i64,
    /// Whether the action changes data.
    #[serde(default = "yes")]
    pub data_change: bool,
    /// Statistics, a JSON string.
    #[serde(borrow, default)]
    pub stats: Option<&'a RawValue>,
    /// The JSON object of tags.
    #[serde(borrow, default)]
    pub tags: Option<&'a RawValue>,
    /// Rows that are deleted though they stand in the file.
    #[serde(borrow, default)]
    pub deletion_vector: Option<DeletionVector<'a>>,
    /// Row tracking.
    #[serde(default)]
    pub base_row_id: Option<i64>,
    /// Row tracking.
    #[serde(default)]
    pub default_row_commit_version: Option<i64>,
    /// The clustering implementation.
    #[serde(borrow, default)]
    pub clustering_provider: Option<Cow<'a, str>>,
}

fn yes() -> bool {
    true
}

/// A file that leaves the table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove<'a> {
    /// The path as logged.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The deletion vector that the file had.
    #[serde(borrow, default)]
    pub deletion_vector: Option<DeletionVector<'a>>,
}

/// What identifies a deletion vector (Delta protocol, "Deletion Vector Descriptor Schema").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionVector<'a> {
    /// `u`, `i` or `p`.
    #[serde(borrow)]
    pub storage_type: Cow<'a, str>,
    /// Where it lies, or its bytes.
    #[serde(borrow)]
    pub path_or_inline_dv: Cow<'a, str>,
    /// Where it starts in its file.
    #[serde(default)]
    pub offset: Option<i64>,
    /// Its size in bytes.
    pub size_in_bytes: i64,
    /// How many rows it deletes.
    pub cardinality: i64,
}

/// The identity of a logical file: the object and the deletion vector over it (Delta protocol, "Action
/// Reconciliation"). The path is decoded, so that two spellings of one object are one file.
pub fn file_key<'a>(path: &'a str, vector: Option<&DeletionVector<'_>>) -> Cow<'a, str> {
    let key = match key_of_log_path(path) {
        Ok(key) => key,
        Err(PathError::Absolute) => percent_decode_str(path).decode_utf8().unwrap_or(Cow::Borrowed(path)),
        Err(PathError::Malformed) => Cow::Borrowed(path),
    };
    match vector {
        None => key,
        Some(DeletionVector { storage_type, path_or_inline_dv, offset, .. }) => {
            format!("{key}\0{storage_type}{path_or_inline_dv}@{}", offset.unwrap_or_default()).into()
        }
    }
}

/// The `protocol` action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtocolAction {
    min_reader_version: i32,
    min_writer_version: i32,
    #[serde(default)]
    reader_features: Option<Vec<String>>,
    #[serde(default)]
    writer_features: Option<Vec<String>>,
}

impl From<ProtocolAction> for Protocol {
    fn from(action: ProtocolAction) -> Self {
        Self {
            min_reader_version: action.min_reader_version,
            min_writer_version: action.min_writer_version,
            reader_features: action.reader_features,
            writer_features: action.writer_features,
        }
    }
}

/// The `metaData` action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataAction {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    format: Format,
    /// Some writers begin a table with metadata that has no schema yet.
    #[serde(default)]
    schema_string: Option<String>,
    #[serde(default)]
    partition_columns: Option<Vec<String>>,
    #[serde(default)]
    configuration: Option<Pairs>,
    #[serde(default)]
    created_time: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Format {
    provider: String,
    #[serde(default)]
    options: Option<Pairs>,
}

impl Default for Format {
    fn default() -> Self {
        Self { provider: "parquet".into(), options: None }
    }
}

impl MetadataAction {
    /// The metadata of a version that `self` is in force in.
    ///
    /// # Errors
    /// [`Error::BadTable`] when there is no schema.
    pub fn in_force(self) -> Result<Metadata, Error> {
        let schema_string = self.schema_string.ok_or_else(|| {
            Error::BadTable(
                "The table's log is damaged: the metaData action in force has no schemaString. Ask the share provider to \
                 repair the table."
                    .into(),
            )
        })?;
        Ok(Metadata {
            id: self.id,
            name: self.name,
            description: self.description,
            format_provider: self.format.provider,
            format_options: self.format.options.unwrap_or_default().0,
            schema_string,
            partition_columns: self.partition_columns.unwrap_or_default(),
            configuration: self.configuration.unwrap_or_default().0,
            created_time: self.created_time,
        })
    }
}

/// What is read of `sidecar` (Delta protocol, "Sidecar File Information").
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SidecarAction {
    /// The file's name, or a path or URI that ends in it.
    pub path: String,
    /// Its size in bytes.
    pub size_in_bytes: u64,
}

/// What is read of `commitInfo`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitInfo {
    /// The commit's own time, in tables that keep it there.
    #[serde(default)]
    pub in_commit_timestamp: Option<i64>,
}

/// A JSON object of texts in the order of the log; entries without a value are dropped.
#[derive(Debug, Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Option<String>>()? {
                    pairs.extend(value.map(|value| (key, value)));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_own_bytes_are_kept() {
        let text = r#"{"add":{"path":"a%20b","partitionValues":{"z":"1","a":null},"size":5,"modificationTime":7,"dataChange":true,"stats":"{\"numRecords\":1}","new":{"x":1}}}"#;
        let add = serde_json::from_str::<Line<'_>>(text).unwrap().add.unwrap();
        assert_eq!(add.partition_values.unwrap().get(), r#"{"z":"1","a":null}"#);
        assert_eq!(add.stats.unwrap().get(), r#""{\"numRecords\":1}""#);
        assert!(matches!(add.path, Cow::Borrowed("a%20b")));
    }

    #[test]
    fn one_object_is_one_file_however_it_is_spelt() {
        assert_eq!(file_key("a%20b", None), file_key("a b", None));
        assert_eq!(file_key("s3://b/a%20b", None), "s3://b/a b");
        assert_ne!(file_key("s3://b/a", None), file_key("s3a://b/a", None));
        let vector = DeletionVector {
            storage_type: "u".into(),
            path_or_inline_dv: "ab".into(),
            offset: Some(1),
            size_in_bytes: 34,
            cardinality: 2,
        };
        assert_ne!(file_key("a", None), file_key("a", Some(&vector)));
    }

    #[test]
    fn unknown_actions_and_nulls_are_no_obstacle() {
        let line: Line<'_> =
            serde_json::from_str(r#"{"futureAction":{"x":[1]},"add":null,"txn":{"appId":"a","version":1}}"#).unwrap();
        assert!(line.add.is_none() && line.remove.is_none());
    }
}
