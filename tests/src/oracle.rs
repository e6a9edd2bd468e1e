//! The truth about a table according to another reader of Delta tables (the `deltalake` crate), in a form that tests can
//! compare with. It reads the log only, never a data file.

use std::collections::BTreeMap;
use std::path::Path;

use deltalake::{DeltaTableBuilder, DeltaTableError, ensure_table_uri};
use serde_json::Value;

/// What a version of a table holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The version that was read.
    pub version: u64,
    /// `minReaderVersion` of the protocol.
    pub min_reader: i32,
    /// `minWriterVersion` of the protocol.
    pub min_writer: i32,
    /// The table's id.
    pub metadata_id: String,
    /// The table's name.
    pub name: Option<String>,
    /// The table's description.
    pub description: Option<String>,
    /// The schema, parsed: its text differs between writers where its meaning does not.
    pub schema_string: Value,
    /// The partition columns in the table's order.
    pub partition_columns: Vec<String>,
    /// The table's properties.
    pub configuration: BTreeMap<String, String>,
    /// The files by path, **percent-decoded** (the log holds them encoded): the object's key below the table's folder.
    pub files: BTreeMap<String, TruthFile>,
}

/// What the log says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthFile {
    /// Bytes.
    pub size: i64,
    /// The partition values as the log writes them; `None` for null.
    pub partition_values: BTreeMap<String, Option<String>>,
    /// Rows according to the statistics.
    pub num_records: Option<i64>,
}

/// Reads a table at `version`, or its newest. Panics when the table cannot be read.
pub async fn truth(folder: &Path, version: Option<u64>) -> Truth {
    try_truth(folder, version).await.unwrap()
}

/// Reads a table at `version`, or its newest.
///
/// # Errors
/// Those of the other reader: no table, a version that is not there, a damaged log, a feature that it does not know.
pub async fn try_truth(folder: &Path, version: Option<u64>) -> Result<Truth, DeltaTableError> {
    let mut builder = DeltaTableBuilder::from_url(ensure_table_uri(folder.to_str().unwrap())?)?;
    if let Some(version) = version {
        builder = builder.with_version(version);
    }
    let table = builder.load().await?;
    let snapshot = table.snapshot()?;
    let (protocol, metadata) = (snapshot.protocol(), snapshot.metadata());
    let mut files = BTreeMap::new();
    for file in snapshot.log_data().iter() {
        let truth = TruthFile {
            size: file.size(),
            partition_values: file.partition_values_map().into_iter().collect(),
            num_records: file.num_records().map(|rows| i64::try_from(rows).unwrap()),
        };
        let twice = files.insert(file.path().into_owned(), truth);
        assert!(twice.is_none(), "{} stands twice in version {}", file.path(), snapshot.version());
    }
    Ok(Truth {
        version: snapshot.version(),
        min_reader: protocol.min_reader_version(),
        min_writer: protocol.min_writer_version(),
        metadata_id: metadata.id().to_owned(),
        name: metadata.name().map(str::to_owned),
        description: metadata.description().map(str::to_owned),
        schema_string: serde_json::from_str(metadata.schema_string()).unwrap(),
        partition_columns: metadata.partition_columns().to_vec(),
        configuration: metadata.configuration().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        files,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table_builder::{TABLE_ID, TableBuilder};

    #[tokio::test]
    async fn everything_that_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = TableBuilder::new(folder.path()).metadata(|metadata| {
            metadata["name"] = json!("sales");
            metadata["configuration"] = json!({"delta.appendOnly": "false", "own": "value"});
        });
        let add = table.add("p=a/one.parquet", Some("a"), 3);
        let size = add["add"]["size"].as_i64().unwrap();
        table.commit(vec![add]);

        let truth = truth(table.path(), None).await;
        assert_eq!((truth.version, truth.min_reader, truth.min_writer), (0, 1, 2));
        assert_eq!(
            (truth.metadata_id.as_str(), truth.name.as_deref(), truth.description),
            (TABLE_ID, Some("sales"), None)
        );
        assert_eq!(
            truth.schema_string["fields"][0],
            json!({"name": "id", "type": "long", "nullable": true, "metadata": {}})
        );
        assert_eq!(truth.partition_columns, ["p"]);
        assert_eq!(truth.configuration["own"], "value");
        let partition_values = BTreeMap::from([("p".to_owned(), Some("a".to_owned()))]);
        let file = TruthFile { size, partition_values, num_records: Some(3) };
        assert_eq!(truth.files, BTreeMap::from([("p=a/one.parquet".to_owned(), file)]));
        assert_eq!(std::fs::metadata(table.path().join("p=a/one.parquet")).unwrap().len(), size.unsigned_abs());
    }

    #[tokio::test]
    async fn a_version_is_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = TableBuilder::new(folder.path());
        table.commit(vec![table.add_entry("a", Some("x"), 1)]);
        table.commit(vec![table.add_entry("b", None, 2)]);
        table.commit(vec![table.remove("a")]);

        let paths = async |version| truth(table.path(), version).await.files.into_keys().collect::<Vec<_>>();
        assert_eq!(paths(Some(0)).await, ["a"]);
        assert_eq!(paths(Some(1)).await, ["a", "b"]);
        assert_eq!(paths(Some(2)).await, ["b"]);
        assert_eq!(paths(None).await, ["b"]);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(try_truth(folder.path(), None).await.is_err());
        let mut table = TableBuilder::new(folder.path());
        table.commit(vec![]);
        assert!(try_truth(folder.path(), Some(7)).await.is_err());
    }
}
