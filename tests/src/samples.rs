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
