//! Tables that several tests are about. Sizes and times are fixed, so answers about them are the same in every run.

use std::path::PathBuf;

use serde_json::json;

use crate::table_builder::{EPOCH_MS, TableBuilder, checkpoint_name};

/// Three versions, a second apart from [`EPOCH_MS`] on, without data files: version 0 has two files, version 1 removes one
/// and adds one, version 2 adds one and turns the change data feed on.
pub fn three_versions(folder: impl Into<PathBuf>) -> TableBuilder {
    let mut table = TableBuilder::new(folder);
    let first =
        vec![table.add_entry("p=a/1.parquet", Some("a"), 1), table.add_entry("p=b%20c/2.parquet", Some("b c"), 2)];
    table.commit_at(EPOCH_MS, first);
    let second = vec![table.remove("p=a/1.parquet"), table.add_entry("3.parquet", None, 3)];
    table.commit_at(EPOCH_MS + 1000, second);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["description"] = json!("the third version");
    metadata["metaData"]["configuration"] = json!({"delta.enableChangeDataFeed": "true", "own.key": "value"});
    let third = vec![metadata, table.add_entry("p=a/4.parquet", Some("a"), 4)];
    table.commit_at(EPOCH_MS + 2000, third);
    table
}

/// A table that is all checkpoint: 3,000 files in row groups of 1,000.
pub fn checkpointed(folder: impl Into<PathBuf>) -> TableBuilder {
    let mut table = TableBuilder::new(folder).checkpoint_row_group(1000);
    let adds = (0..3000).map(|n| table.add_entry(&format!("p=a/{n:04}.parquet"), Some("a"), n)).collect();
    table.commit(adds);
    table.checkpoint();
    table.delete_commit(0);
    table
}

/// A table whose checkpoint is too large to be kept in memory: 10,000 files with statistics of 1 KiB, uncompressed, in row
/// groups of 1,000.
pub fn large_checkpoint(folder: impl Into<PathBuf>) -> TableBuilder {
    let mut table = TableBuilder::new(folder)
        .checkpoint_row_group(1000)
        .checkpoint_compression(parquet::basic::Compression::UNCOMPRESSED);
    let adds = (0..10_000).map(|n| {
        let mut add = table.add_entry(&format!("p=a/{n:05}.parquet"), Some("a"), n);
        add["add"]["stats"] = json!({"numRecords": n, "maxValues": {"name": format!("{n:01024}")}}).to_string().into();
        add
    });
    let adds = adds.collect();
    table.commit(adds);
    table.checkpoint();
    table.delete_commit(0);
    let size = std::fs::metadata(table.log_file(&checkpoint_name(0))).unwrap().len();
    assert!(size > shared::limits::CHECKPOINT_KEPT_BYTES, "{size} bytes would be kept");
    table
}

/// Six versions, a second apart from [`EPOCH_MS`] on, of a table that records its changes. Version 0 has two files; 1 rewrites
/// one and records that; 2 adds a file; 3 compacts two; 4 is a MERGE that changed nothing but wrote a file anew; 5 has new
/// metadata and removes a file.
pub fn recorded_changes(folder: impl Into<PathBuf>) -> TableBuilder {
    let mut table = TableBuilder::new(folder)
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    let first = vec![table.add_entry("p=a/1", Some("a"), 1), table.add_entry("2", None, 2)];
    table.commit_at(EPOCH_MS, first);

    let recorded = json!({"cdc": {
        "path": "_change_data/p=a/c%201", "partitionValues": {"p": "a"}, "size": 70, "dataChange": false,
        "tags": {"k": "v"},
    }});
    let second = vec![table.remove("p=a/1"), recorded, table.add_entry("p=a/3", Some("a"), 3)];
    table.commit_at(EPOCH_MS + 1000, second);
    let third = vec![table.add_entry("p=a/4", Some("a"), 4)];
    table.commit_at(EPOCH_MS + 2000, third);

    let unchanged = |mut action: serde_json::Value, kind: &str| {
        action[kind]["dataChange"] = json!(false);
        action
    };
    let fourth = vec![
        unchanged(table.remove("p=a/3"), "remove"),
        unchanged(table.remove("p=a/4"), "remove"),
        unchanged(table.add_entry("p=a/5", Some("a"), 7), "add"),
    ];
    table.commit_at(EPOCH_MS + 3000, fourth);

    let merge = json!({"commitInfo": {"timestamp": EPOCH_MS, "operation": "MERGE", "operationMetrics": {
        "numTargetRowsInserted": "0", "numTargetRowsUpdated": "0", "numTargetRowsDeleted": "0", "numTargetRowsCopied": "7",
    }}});
    let fifth = vec![merge, table.remove("p=a/5"), table.add_entry("p=a/6", Some("a"), 7)];
    table.commit_at(EPOCH_MS + 4000, fifth);

    let mut metadata = table.metadata_action();
    metadata["metaData"]["description"] = json!("the sixth version");
    let sixth = vec![metadata, table.remove("2")];
    table.commit_at(EPOCH_MS + 5000, sixth);
    table
}
