//! Checkpoints of version 2 in all their shapes, and what stands beside checkpoints in a log.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tests::table_builder::{Manifest, TableBuilder, checkpoint_name, commit_name};

use super::{DELTA, agreed, features, files, refused, server};

/// Six versions in which files come, go and come again.
fn busy(folder: impl Into<PathBuf>) -> TableBuilder {
    let mut table = TableBuilder::new(folder).protocol(features(&["v2Checkpoint"]));
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

#[tokio::test]
async fn a_manifest_of_either_kind_with_files_in_it_or_in_sidecars() {
    for manifest in [Manifest::Json, Manifest::Parquet] {
        for sidecars in [0, 1, 3, 20] {
            let server = server().await;
            let mut table = busy(server.table("t"));
            let before = files(&server.query("t", json!({}), DELTA).await);
            table.checkpoint_v2(manifest, sidecars);
            agreed(&server, &table, 0..6).await;

            table.delete_commits_before(5);
            fs::remove_file(table.log_file(&commit_name(5))).unwrap();
            let shape = format!("{manifest:?} with {sidecars} sidecars");
            assert_eq!(files(&server.query("t", json!({}), DELTA).await), before, "{shape}");
            assert_eq!(files(&server.query("t", json!({"version": 5}), DELTA).await), before, "{shape}");

            table.commit(vec![table.remove("p=a/3"), table.add_entry("6", None, 6), table.add_entry("4", None, 40)]);
            agreed(&server, &table, [5, 6]).await;
            let answer = server.query("t", json!({}), DELTA).await;
            assert_eq!(answer.lines()[1]["metaData"]["deltaMetadata"]["name"], "renamed");
        }
    }
}

#[tokio::test]
async fn a_v2_manifest_may_have_a_classic_name() {
    for sidecars in [0, 2] {
        let server = server().await;
        let mut table = busy(server.table("t"));
        let manifest = table.checkpoint_v2(Manifest::Parquet, sidecars);
        fs::rename(table.log_file(&manifest), table.log_file(&checkpoint_name(5))).unwrap();
        for version in 0..6 {
            table.delete_commit(version);
        }
        agreed(&server, &table, [5]).await;
    }
}

#[tokio::test]
async fn a_version_without_files_has_a_checkpoint_too() {
    for sidecars in [0, 1] {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t")).protocol(features(&["v2Checkpoint"]));
        table.commit(vec![]);
        table.checkpoint_v2(Manifest::Json, sidecars);
        table.delete_commit(0);
        assert!(files(&server.query("t", json!({}), DELTA).await).is_empty());
    }
}

#[tokio::test]
async fn log_only_features_leave_the_parquet_format_open() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.checkpoint_v2(Manifest::Json, 2);
    let answer = server.query("t", json!({}), "").await;
    assert_eq!((answer.status, &answer.lines()[0]), (200, &json!({"protocol": {"minReaderVersion": 1}})));
}

#[tokio::test]
async fn the_hint_is_only_a_hint() {
    for hint in ["", "{", "null", "{\"version\":3}", "{\"version\":999}", "{\"version\":0,\"parts\":7}", "[1]"] {
        let server = server().await;
        let mut table = busy(server.table("t"));
        table.checkpoint_v2(Manifest::Parquet, 2);
        table.delete_commits_before(5);
        table.write_log("_last_checkpoint", hint);
        assert_eq!(files(&server.query("t", json!({}), DELTA).await).len(), 4, "{hint}");
    }
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.checkpoint_v2(Manifest::Json, 2);
    fs::remove_file(table.log_file("_last_checkpoint")).unwrap();
    agreed(&server, &table, [4, 5]).await;
}

#[tokio::test]
async fn a_sidecar_is_found_by_its_name_whatever_stands_before_it() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    let manifest = table.checkpoint_v2(Manifest::Json, 1);
    let text = fs::read_to_string(table.log_file(&manifest)).unwrap();
    let name = &table.sidecar_names(1)[0];
    let uri = format!("s3://elsewhere/t/_delta_log/_sidecars/{}", name.replace("checkpoint", "%63heckpoint"));
    table.write_log(&manifest, text.replace(name.as_str(), &uri));
    table.delete_commits_before(5);
    assert_eq!(files(&server.query("t", json!({}), DELTA).await).len(), 4);
}

#[tokio::test]
async fn a_sidecars_size_is_not_taken_from_the_manifest_alone() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    let manifest = table.checkpoint_v2(Manifest::Json, 1);
    table.delete_commits_before(5);
    let text = fs::read_to_string(table.log_file(&manifest)).unwrap();
    let size = fs::metadata(table.log_file(&format!("_sidecars/{}", table.sidecar_names(1)[0]))).unwrap().len();
    for wrong in [size - 1, size + 1, size * 100, 1, 0] {
        table.write_log(
            &manifest,
            text.replace(&format!("\"sizeInBytes\":{size}"), &format!("\"sizeInBytes\":{wrong}")),
        );
        assert_eq!(files(&server.query("t", json!({}), DELTA).await).len(), 4, "{wrong} of {size}");
    }
}

#[tokio::test]
async fn what_a_checkpoint_lacks_is_named() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    let manifest = table.checkpoint_v2(Manifest::Json, 2);
    let missing = &table.sidecar_names(2)[1];
    let sidecar = table.log_file(&format!("_sidecars/{missing}"));
    let content = fs::read(&sidecar).unwrap();
    fs::remove_file(&sidecar).unwrap();
    for route in ["query", "metadata"] {
        let answer = match route {
            "query" => server.query("t", json!({}), DELTA).await,
            _ => server.get("/shares/s/schemas/d/tables/t/metadata").await,
        };
        assert!(refused(&answer, "MALFORMED_REQUEST").contains(missing.as_str()), "{}", answer.text);
    }
    fs::write(&sidecar, &content[..content.len() / 2]).unwrap();
    refused(&server.query("t", json!({}), DELTA).await, "MALFORMED_REQUEST");
    fs::write(&sidecar, &content).unwrap();
    assert_eq!(server.query("t", json!({}), DELTA).await.status, 200);

    let text = fs::read_to_string(table.log_file(&manifest)).unwrap();
    table.write_log(&manifest, format!("{text}{{\"sidecar\":"));
    let message = refused(&server.query("t", json!({}), DELTA).await, "MALFORMED_REQUEST");
    assert!(message.contains("the checkpoint of version 5 is not JSON"), "{message}");
    table.write_log(&manifest, text.replace(missing.as_str(), ".."));
    let message = refused(&server.query("t", json!({}), DELTA).await, "MALFORMED_REQUEST");
    assert!(message.contains("names a sidecar by what is no file name"), "{message}");
}

#[tokio::test]
async fn a_set_of_parts_that_is_not_whole_is_no_checkpoint() {
    let server = server().await;
    let mut table = busy(server.table("t"));
    table.checkpoint_v2(Manifest::Parquet, 2);
    table.commit(vec![table.add_entry("6", None, 6)]);
    table.checkpoint_parts(3);
    fs::remove_file(table.log_file(&tests::table_builder::checkpoint_part_name(6, 2, 3))).unwrap();
    table.delete_commits_before(5);
    assert_eq!(files(&server.query("t", json!({}), DELTA).await).len(), 5, "the hint names the set");
    // The other reader takes the hint at its word.
    fs::remove_file(table.log_file("_last_checkpoint")).unwrap();
    agreed(&server, &table, [5, 6]).await;
}

#[tokio::test]
async fn compacted_commits_and_checksums_are_left_alone() {
    let server = server().await;
    let table = busy(server.table("t"));
    let before = server.query("t", json!({}), DELTA).await.shown();
    table.write_log(&format!("{:020}.{:020}.compacted.json", 1, 4), "{\"add\":");
    table.write_log(&format!("{:020}.crc", 5), "{\"tableSizeBytes\":1,\"numFiles\":999}");
    assert_eq!(server.query("t", json!({}), DELTA).await.shown(), before);
}

#[tokio::test]
async fn an_earlier_metadata_without_schema_does_not_matter() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    let whole = table.metadata_action();
    let mut first = whole.clone();
    first["metaData"].as_object_mut().unwrap().remove("schemaString");
    table.commit(vec![first]);
    let message = refused(&server.query("t", json!({}), "").await, "MALFORMED_REQUEST");
    assert!(message.contains("no schemaString"), "{message}");
    table.commit(vec![whole]);
    assert_eq!(server.query("t", json!({}), "").await.status, 200);
}
