//! The shapes that a log can be in: commits, checkpoints of one or more parts, hints that help or lie, a cleaned log.

use std::fs;
use std::path::PathBuf;

use parquet::basic::{Compression, ZstdLevel};
use serde_json::{Value, json};
use tests::oracle::truth;
use tests::server::{Answer, TestServer};
use tests::shown::{agreed, shown};
use tests::table_builder::{RowOrder, TableBuilder, checkpoint_name, checkpoint_part_name, commit_name};

async fn server() -> TestServer {
    TestServer::of(&["s.d.t"]).await
}

/// Six versions in which files come, go and come again.
fn busy(folder: impl Into<PathBuf>) -> TableBuilder {
    let mut table = TableBuilder::new(folder);
    table.commit(vec![table.add_entry("p=a/1", Some("a"), 1), table.add_entry("p=b/2", Some("b"), 2)]);
    table.commit(vec![table.remove("p=a/1"), table.add_entry("p=a/3", Some("a"), 3)]);
    table.commit(vec![json!({"txn": {"appId": "job", "version": 7}})]);
    table.commit(vec![table.add_entry("4", None, 4), table.remove("p=b/2")]);
    table.commit(vec![table.add_entry("p=a/1", Some("a"), 10)]);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["name"] = json!("renamed");
    table.commit(vec![metadata, table.add_entry("p=c/5", Some("c"), 5)]);
    table
}

fn malformed(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!((answer.status, body["errorCode"].as_str()), (400, Some("MALFORMED_REQUEST")), "{body}");
    body["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn commits_only() {
    let server = server().await;
    busy(server.table("t"));
    let newest = agreed(&server, "t", 0..6).await;
    assert_eq!((newest.version, newest.files.len()), (5, 4));
}

#[tokio::test]
async fn a_checkpoint_of_any_shape_and_commits_after_it() {
    type Shape = fn(&mut TableBuilder);
    let shapes: [(&str, Shape); 5] = [
        ("one file", TableBuilder::checkpoint),
        ("no hint", TableBuilder::checkpoint_without_hint),
        ("one part", |table| table.checkpoint_parts(1)),
        ("three parts", |table| table.checkpoint_parts(3)),
        ("parts of which some are empty", |table| table.checkpoint_parts(20)),
    ];
    for (name, shape) in shapes {
        for order in [RowOrder::StateFirst, RowOrder::StateLast, RowOrder::Mixed] {
            let server = server().await;
            let mut table = busy(server.table("t")).checkpoint_order(order).checkpoint_row_group(2);
            shape(&mut table);
            let at_checkpoint = agreed(&server, "t", 0..6).await;
            // Only through the checkpoint can the log still be read.
            table.delete_all_commits();
            assert_eq!(agreed(&server, "t", [5]).await, at_checkpoint, "{name}, {order:?}");
            table.commit(vec![table.remove("4"), table.add_entry("p=d/6", Some("d"), 6)]);
            table.commit(vec![table.add_entry("4", None, 7)]);
            assert_eq!(agreed(&server, "t", 5..8).await.files.len(), 5, "{name}, {order:?}");
        }
    }
}

#[tokio::test]
async fn a_checkpoint_in_every_compression() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
        Compression::BROTLI(Default::default()),
    ] {
        let server = server().await;
        let mut table = busy(server.table("t")).checkpoint_compression(compression);
        table.checkpoint();
        table.delete_all_commits();
        assert_eq!(agreed(&server, "t", [5]).await.files.len(), 4, "{compression}");
    }
}

#[tokio::test]
async fn more_files_than_a_batch_and_commits_that_void_some() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t")).checkpoint_row_group(1000);
    let adds = (0..5000).map(|n| table.add_entry(&format!("p=a/{n:05}"), Some("a"), n)).collect();
    table.commit(adds);
    table.checkpoint_parts(2);
    let changes = (0..5000).step_by(7).map(|n| table.remove(&format!("p=a/{n:05}"))).collect();
    table.commit(changes);
    assert_eq!(agreed(&server, "t", [0]).await.files.len(), 5000 - 715);
}

#[tokio::test]
async fn a_hint_is_only_a_hint() {
    let hint = |version: Value| json!({"version": version, "size": 1, "parts": 9}).to_string();
    let (older, newer, missing) = (hint(json!(1)), hint(json!(99)), hint(json!(3)));
    for (name, text) in [
        ("an older checkpoint than there is", older.as_str()),
        ("a version that is not there yet", &newer),
        ("a version without a checkpoint", &missing),
        ("negative", &hint(json!(-1))),
        ("not JSON", "{\"vers"),
        ("empty", ""),
        ("something else", "[]"),
    ] {
        let server = server().await;
        let mut table = busy(server.table("t"));
        table.checkpoint_without_hint();
        table.commit(vec![table.add_entry("7", None, 7)]);
        table.write_log("_last_checkpoint", text);
        let found = shown(&server, "t", json!({})).await;
        assert_eq!((found.version, found.files.len()), (6, 5), "{name}");
        assert_eq!(found, truth(table.path(), Some(6)).await, "{name}");
        let version = server.get("/shares/s/schemas/d/tables/t/version").await;
        assert_eq!(version.header("delta-table-version"), "6", "{name}");
    }
}

#[tokio::test]
async fn the_newest_checkpoint_is_used_even_when_the_hint_is_older() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.checkpoint();
    table.commit(vec![table.add_entry("7", None, 7)]);
    table.checkpoint_without_hint();
    table.commit(vec![table.remove("7")]);
    // Between the two checkpoints nothing is left.
    table.delete_commit(6);
    assert_eq!(agreed(&server, "t", [7]).await.version, 7);
}

#[tokio::test]
async fn a_set_of_parts_that_is_not_whole_is_no_checkpoint() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.checkpoint_parts(3);
    fs::remove_file(table.log_file(&checkpoint_part_name(5, 2, 3))).unwrap();
    let with_hint = shown(&server, "t", json!({})).await;
    // The other reader gives up where the hint leads nowhere.
    fs::remove_file(table.log_file("_last_checkpoint")).unwrap();
    assert_eq!(agreed(&server, "t", 0..6).await, with_hint);
    // With the commits gone as well there is nothing to fall back on.
    table.delete_commit(0);
    let message = malformed(&server.query("t", json!({}), "").await);
    assert!(message.contains("version 0 is missing"), "{message}");
}

#[tokio::test]
async fn a_cleaned_log_begins_at_its_checkpoint() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.checkpoint();
    table.commit(vec![table.add_entry("7", None, 7)]);
    table.delete_commits_before(5);
    assert_eq!(agreed(&server, "t", 5..7).await.version, 6);
    for version in 0..5 {
        let message = malformed(&server.query("t", json!({"version": version}), "").await);
        assert_eq!(message, format!("Cannot load table version {version}: the earliest version still available is 5."));
    }
}

#[tokio::test]
async fn a_gap_is_an_error_that_names_the_missing_version() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.delete_commit(2);
    for body in [json!({}), json!({"version": 5}), json!({"version": 2})] {
        let message = malformed(&server.query("t", body, "").await);
        assert!(message.contains(&format!("version 2 is missing ({})", commit_name(2))), "{message}");
    }
    let before = shown(&server, "t", json!({"version": 1})).await;
    assert_eq!(before, truth(table.path(), Some(1)).await);
    // A checkpoint after the gap heals it.
    table.checkpoint();
    assert_eq!(agreed(&server, "t", [5]).await.version, 5);
}

#[tokio::test]
async fn objects_that_are_not_the_logs_do_not_matter() {
    let server = server().await;
    let table = busy(server.table("t"));
    for name in [
        "00000000000000000005.crc",
        ".00000000000000000005.json.crc",
        "00000000000000000006.json.tmp",
        "00000000000000000000.00000000000000000005.compacted.json",
        "_commit_lock",
        "zzz",
        "5.json",
    ] {
        table.write_log(name, "not of the log");
    }
    fs::create_dir_all(table.log_file("_sidecars")).unwrap();
    fs::create_dir_all(table.log_file("_staged_commits")).unwrap();
    assert_eq!(agreed(&server, "t", 0..6).await.version, 5);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_decoded_is_refused_before_the_first_byte() {
    for content in [&b""[..], b"PAR1", b"PAR1....PAR1", &[0xff; 4096]] {
        let server = server().await;
        let mut table = busy(server.table("t"));
        table.checkpoint();
        table.write_log(&checkpoint_name(5), content);
        let answer = server.query("t", json!({}), "").await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains("checkpoint") || answer.text.contains("missing"), "{}", answer.text);
    }
}
