//! What the actions of a log come to: removals, files that come back, duplicates, spellings of a path, partition values.

use serde_json::json;
use tests::server::TestServer;
use tests::shown::agreed;
use tests::table_builder::TableBuilder;

async fn server() -> TestServer {
    TestServer::of(&["s.d.t"]).await
}

#[tokio::test]
async fn a_removed_file_is_gone_and_one_added_again_is_back() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1), table.add_entry("b", None, 2)]);
    table.commit(vec![table.remove("a")]);
    table.commit(vec![table.add_entry("a", None, 3), table.remove("b")]);
    let newest = agreed(&server, "t", 0..3).await;
    assert_eq!(newest.files.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(newest.files["a"].num_records, Some(3));
}

#[tokio::test]
async fn a_tombstone_in_a_checkpoint_and_a_file_added_again_after_it() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1), table.add_entry("b", None, 2)]);
    table.commit(vec![table.remove("a")]);
    table.checkpoint();
    table.delete_all_commits();
    assert_eq!(agreed(&server, "t", [1]).await.files.keys().collect::<Vec<_>>(), ["b"]);
    table.commit(vec![table.add_entry("a", None, 9)]);
    assert_eq!(agreed(&server, "t", [1, 2]).await.files.len(), 2);
    table.commit(vec![table.remove("a"), table.remove("b")]);
    assert_eq!(agreed(&server, "t", [2, 3]).await.files.len(), 0);
}

#[tokio::test]
async fn a_file_that_is_added_twice_is_there_once_as_it_was_last() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1)]);
    table.commit(vec![table.add_entry("a", None, 2)]);
    let newest = agreed(&server, "t", 0..2).await;
    assert_eq!(newest.files["a"].num_records, Some(2));
    table.checkpoint();
    table.commit(vec![table.add_entry("a", None, 3)]);
    let newest = agreed(&server, "t", 0..3).await;
    assert_eq!((newest.files.len(), newest.files["a"].num_records), (1, Some(3)));
}

#[tokio::test]
async fn a_removal_of_a_file_that_never_was_is_harmless() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1)]);
    table.commit(vec![table.remove("never"), table.remove("never")]);
    assert_eq!(agreed(&server, "t", 0..2).await.files.len(), 1);
}

#[tokio::test]
async fn paths_are_decoded_once_wherever_they_stand() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    let paths = [
        "p=a%20b/1.parquet",
        "p=%C3%A9/2%2525.parquet",
        "p=a%252Fb/3%3A+&=.parquet",
        "p=ü/é #?.parquet",
        "p=12%3A00/5",
    ];
    table.commit(paths.iter().map(|path| table.add_entry(path, Some("x"), 1)).collect());
    let names = ["p=12:00/5", "p=a b/1.parquet", "p=a%2Fb/3:+&=.parquet", "p=é/2%25.parquet", "p=ü/é #?.parquet"];
    let found = agreed(&server, "t", [0]).await;
    assert_eq!(found.files.keys().map(String::as_str).collect::<Vec<_>>(), names);
    table.checkpoint();
    table.delete_commit(0);
    assert_eq!(agreed(&server, "t", [0]).await, found);
    table.commit(paths[1..].iter().map(|path| table.remove(path)).collect());
    assert_eq!(agreed(&server, "t", [1]).await.files.len(), 1);
}

#[tokio::test]
async fn partition_values_are_the_logs_own() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![
        table.add_entry("null", None, 1),
        table.add_entry("text", Some("NULL"), 1),
        table.add_entry("odd", Some("a/b=c \"ü\" \u{1} \\ 🦀"), 1),
    ]);
    table.commit(vec![table.add_entry("hive", Some("__HIVE_DEFAULT_PARTITION__"), 1)]);
    let before = agreed(&server, "t", 0..2).await;
    assert_eq!(before.files["null"].partition_values["p"], None);
    assert_eq!(before.files["odd"].partition_values["p"].as_deref(), Some("a/b=c \"ü\" \u{1} \\ 🦀"));
    table.checkpoint();
    table.delete_all_commits();
    assert_eq!(agreed(&server, "t", [1]).await, before);
}

#[tokio::test]
async fn protocol_and_metadata_are_the_newest_wherever_they_stand() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1)]);
    table.checkpoint();
    let mut metadata = table.metadata_action();
    metadata["metaData"]["description"] = json!("second");
    table.commit(vec![metadata.clone()]);
    let mut protocol = table.protocol_action();
    protocol["protocol"]["minWriterVersion"] = json!(4);
    table.commit(vec![protocol]);
    table.commit(vec![table.add_entry("b", None, 1)]);
    metadata["metaData"]["description"] = json!("fourth");
    metadata["metaData"]["configuration"] = json!({"delta.appendOnly": "true", "z": "", "a": "b"});
    table.commit(vec![metadata]);
    let newest = agreed(&server, "t", 0..5).await;
    assert_eq!((newest.min_writer, newest.description.as_deref()), (4, Some("fourth")));
}

#[tokio::test]
async fn actions_that_are_not_about_the_snapshot_are_passed_over() {
    let server = server().await;
    let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 7,
        "writerFeatures": ["domainMetadata", "rowTracking", "changeDataFeed"]});
    let mut table = TableBuilder::new(server.table("t")).protocol(protocol);
    let domain = json!({"domainMetadata": {"domain": "d", "configuration": "{}", "removed": false}});
    table.commit(vec![table.add_entry("a", None, 1), domain]);
    let cdc = json!({"cdc": {"path": "_change_data/c.parquet", "partitionValues": {"p": null}, "size": 5, "dataChange": false}});
    table.commit(vec![cdc, json!({"txn": {"appId": "x", "version": 1}})]);
    assert_eq!(agreed(&server, "t", 0..2).await.files.len(), 1);
    table.checkpoint();
    table.delete_all_commits();
    assert_eq!(agreed(&server, "t", [1]).await.files.len(), 1);
}

#[tokio::test]
async fn blank_lines_and_a_missing_last_line_end_are_harmless() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1)]);
    let name = tests::table_builder::commit_name(0);
    let text = std::fs::read_to_string(table.log_file(&name)).unwrap();
    table.write_log(&name, text.trim_end().replace('\n', "\r\n\n"));
    let lines = server.query("t", json!({}), "").await.lines();
    assert_eq!(lines.len(), 3);
}
