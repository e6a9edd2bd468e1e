//! The tables written here, as another reader sees them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::oracle::{Truth, truth, try_truth};

/// Checks that the other reader finds the files that were meant, and returns what it found.
async fn agreed(table: &TableBuilder) -> Truth {
    let truth = truth(table.path(), None).await;
    assert_eq!(Some(truth.version), table.version());
    let size = |path: &str| table.state.live(path).unwrap()["size"].as_i64().unwrap();
    let meant: BTreeMap<String, i64> = table.live_paths().iter().map(|path| (decode_path(path), size(path))).collect();
    let found: BTreeMap<String, i64> = truth.files.iter().map(|(path, file)| (path.clone(), file.size)).collect();
    assert_eq!(found, meant);
    truth
}

/// A table of four versions with files that came, went and came again.
fn busy(folder: &Path) -> TableBuilder {
    let mut table = TableBuilder::new(folder);
    table.commit(vec![table.add("p=a/1.parquet", Some("a"), 2), table.add("p=b/2.parquet", Some("b"), 3)]);
    table.commit(vec![table.remove("p=a/1.parquet"), table.add("p=a/3.parquet", Some("a"), 5)]);
    table.commit(vec![table.add("4.parquet", None, 0), json!({"txn": {"appId": "job", "version": 7}})]);
    table.commit(vec![table.add("p=a/1.parquet", Some("a"), 4), table.remove("p=b/2.parquet")]);
    table
}

/// What is in [`busy`]'s table: rows by path.
fn busy_rows() -> BTreeMap<String, Option<i64>> {
    [("p=a/1.parquet", 4), ("p=a/3.parquet", 5), ("4.parquet", 0)]
        .map(|(path, rows)| (path.to_owned(), Some(rows)))
        .into()
}

fn rows(truth: &Truth) -> BTreeMap<String, Option<i64>> {
    truth.files.iter().map(|(path, file)| (path.clone(), file.num_records)).collect()
}

#[tokio::test]
async fn commits_alone() {
    let folder = tempfile::tempdir().unwrap();
    let table = busy(folder.path());
    let truth = agreed(&table).await;
    assert_eq!(rows(&truth), busy_rows());
    assert_eq!(truth.files["4.parquet"].partition_values, BTreeMap::from([("p".to_owned(), None)]));
}

#[tokio::test]
async fn a_checkpoint_of_any_shape_and_the_commits_after_it() {
    type Shape = fn(&mut TableBuilder);
    let shapes: [Shape; 4] = [
        TableBuilder::checkpoint,
        TableBuilder::checkpoint_without_hint,
        |table| table.checkpoint_parts(3),
        |table| table.checkpoint_parts(20),
    ];
    for shape in shapes {
        for order in [RowOrder::StateFirst, RowOrder::StateLast, RowOrder::Mixed] {
            let folder = tempfile::tempdir().unwrap();
            let mut table = busy(folder.path())
                .checkpoint_order(order)
                .checkpoint_row_group(2)
                .checkpoint_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()));
            let before = agreed(&table).await;
            shape(&mut table);
            // Without its oldest commits the log can only be read through the checkpoint.
            table.delete_commits_before(3);
            assert_eq!(agreed(&table).await, before);

            table.commit(vec![table.remove("4.parquet"), table.add("p=c/5.parquet", Some("c"), 1)]);
            let after = agreed(&table).await;
            table.delete_commits_before(table.version().unwrap());
            // The checkpoint went with the commits that it stood for.
            assert!(try_truth(table.path(), None).await.is_err());
            table.checkpoint();
            assert_eq!(agreed(&table).await, after);
        }
    }
}

#[tokio::test]
async fn a_cleaned_log_and_a_log_with_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = busy(folder.path());
    table.checkpoint();
    table.delete_commits_before(3);
    assert_eq!(rows(&agreed(&table).await), busy_rows());
    assert!(try_truth(table.path(), Some(2)).await.is_err());

    let folder = tempfile::tempdir().unwrap();
    let mut table = busy(folder.path());
    table.delete_commit(1);
    assert!(try_truth(table.path(), None).await.is_err());
}

#[tokio::test]
async fn odd_paths() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = TableBuilder::new(folder.path());
    let paths = ["p=a%20b/1.parquet", "p=%C3%A9/2%2525.parquet", "p=a%252Fb/3%3A+&=.parquet", "p=ü/é #?.parquet"];
    let names = ["p=a b/1.parquet", "p=é/2%25.parquet", "p=a%2Fb/3:+&=.parquet", "p=ü/é #?.parquet"];
    let adds = paths.iter().map(|path| table.add(path, Some("a/b ü"), 1)).collect();
    table.commit(adds);
    let before = agreed(&table).await;
    assert_eq!(before.files.keys().map(String::as_str).collect::<BTreeSet<_>>(), names.into());
    for name in names {
        assert!(table.path().join(name).is_file(), "{name}");
        assert_eq!(before.files[name].partition_values["p"].as_deref(), Some("a/b ü"));
    }
    table.checkpoint();
    table.delete_commit(0);
    assert_eq!(agreed(&table).await, before);
    table.commit(paths[1..].iter().map(|path| table.remove(path)).collect());
    assert_eq!(agreed(&table).await.files.into_keys().collect::<Vec<_>>(), [names[0]]);
}

#[tokio::test]
async fn columns_of_newer_features_are_kept_by_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["timestampNtz"], "writerFeatures": ["timestampNtz", "rowTracking", "domainMetadata"]});
    let mut table = TableBuilder::new(folder.path()).protocol(protocol);
    let mut add = table.add("1.parquet", Some("a"), 1);
    add["add"]["baseRowId"] = json!(0);
    add["add"]["defaultRowCommitVersion"] = json!(0);
    add["add"]["tags"] = json!({"k": "v", "none": null});
    let domain = json!({"domainMetadata": {"domain": "d", "configuration": "{}", "removed": false}});
    table.commit(vec![add, domain]);
    let before = agreed(&table).await;
    table.checkpoint();
    table.delete_commit(0);
    assert_eq!(agreed(&table).await, before);
    assert_eq!((before.min_reader, before.min_writer), (3, 7));
}

#[tokio::test]
async fn a_table_without_partitions_whose_metadata_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = TableBuilder::new(folder.path()).metadata(|metadata| metadata["partitionColumns"] = json!([]));
    table.commit(vec![table.add("1.parquet", Some("a"), 2)]);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["description"] = json!("changed");
    table.commit(vec![metadata]);
    let truth = agreed(&table).await;
    assert_eq!(truth.description.as_deref(), Some("changed"));
    assert_eq!(truth.files["1.parquet"].partition_values, BTreeMap::new());
}

#[tokio::test]
async fn many_files_in_row_groups_and_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = TableBuilder::new(folder.path()).checkpoint_row_group(1000);
    let adds = (0..10_000).map(|n| table.add_entry(&format!("p=a/{n:05}.parquet"), Some("a"), n)).collect();
    table.commit(adds);
    let before = agreed_quickly(&table).await;
    table.checkpoint_parts(3);
    table.delete_commit(0);
    assert_eq!(agreed_quickly(&table).await, before);
}

/// As [`agreed`], for tables whose files are too many to be looked up one by one.
async fn agreed_quickly(table: &TableBuilder) -> Truth {
    let truth = truth(table.path(), None).await;
    assert_eq!(truth.files.keys().cloned().collect::<Vec<_>>(), table.live_paths());
    truth
}

#[test]
fn a_commit_has_the_time_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = TableBuilder::new(folder.path());
    let version = table.commit_at(1_600_000_000_123, vec![]);
    let modified = fs::metadata(table.log_file(&commit_name(version))).unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(UNIX_EPOCH).unwrap().as_millis(), 1_600_000_000_123);
    let text = fs::read_to_string(table.log_file(&commit_name(version))).unwrap();
    assert!(text.contains("1600000000123") && text.lines().count() == 3, "{text}");
}

#[test]
fn log_paths_are_decoded_once() {
    for (path, name) in
        [("a", "a"), ("a%20b", "a b"), ("a%2520b", "a%20b"), ("%", "%"), ("100%+1%x", "100%+1%x"), ("%C3%A9", "é")]
    {
        assert_eq!(decode_path(path), name);
    }
}
