//! Tables that this server does not serve: refused by name, with 400, before the first byte.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StructArray};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tests::server::{TestServer, send};
use tests::shown::{agreed, shown};
use tests::table_builder::{TableBuilder, checkpoint_name, commit_name};

async fn server() -> TestServer {
    TestServer::of(&["s.d.t"]).await
}

/// The refusal that a query and a metadata request give alike, whatever the client can take.
async fn refusal(server: &TestServer, code: &str) -> String {
    let mut messages = Vec::new();
    for capabilities in ["", "responseformat=delta;readerfeatures=deletionvectors,columnmapping,timestampntz,variant"] {
        let metadata = server.request("GET", "/shares/s/schemas/d/tables/t/metadata");
        let metadata = send(metadata.header("delta-sharing-capabilities", capabilities)).await;
        for answer in [server.query("t", json!({}), capabilities).await, metadata] {
            let body = answer.json();
            assert_eq!((answer.status, body["errorCode"].as_str()), (400, Some(code)), "{body}");
            messages.push(body["message"].as_str().unwrap().to_owned());
        }
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

fn features(names: &[&str]) -> Value {
    json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names})
}

#[tokio::test]
async fn reader_features_are_named() {
    for feature in ["timestampNtz", "typeWidening", "variantType", "catalogManaged", "notYetInvented"] {
        let server = server().await;
        TableBuilder::new(server.table("t")).protocol(features(&["v2Checkpoint", feature])).commit(vec![]);
        let message = refusal(&server, "UNSUPPORTED_OPERATION").await;
        assert!(message.starts_with("Unsupported Delta Table Properties") && message.contains(feature), "{message}");
    }
}

#[tokio::test]
async fn column_mapping_is_refused_in_every_protocol_that_can_have_it() {
    for (protocol, mode) in [
        (json!({"minReaderVersion": 2, "minWriterVersion": 5}), "name"),
        (json!({"minReaderVersion": 2, "minWriterVersion": 5}), "id"),
        (features(&["columnMapping"]), "name"),
    ] {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t"))
            .protocol(protocol)
            .metadata(|metadata| metadata["configuration"] = json!({"delta.columnMapping.mode": mode}));
        table.commit(vec![table.add_entry("a", None, 1)]);
        assert!(refusal(&server, "UNSUPPORTED_OPERATION").await.contains("columnMapping"));
        // The version before mapping was turned on can be read, the one after it was turned off too.
        let mut metadata = table.metadata_action();
        metadata["metaData"]["configuration"] = json!({"delta.columnMapping.mode": "none"});
        table.commit(vec![metadata]);
        assert_eq!(server.query("t", json!({}), "").await.status, 200);
        assert_eq!(server.query("t", json!({"version": 0}), "").await.status, 400);
    }
}

#[tokio::test]
async fn deletion_vectors_are_refused_by_property() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(features(&["deletionVectors"]))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "true"}));
    table.commit(vec![table.add_entry("a", None, 1)]);
    assert!(refusal(&server, "UNSUPPORTED_OPERATION").await.contains("deletionVectors"));
}

#[tokio::test]
async fn a_newer_reader_version_is_too_new() {
    let server = server().await;
    TableBuilder::new(server.table("t")).protocol(json!({"minReaderVersion": 4, "minWriterVersion": 8})).commit(vec![]);
    let message = refusal(&server, "UNSUPPORTED_OPERATION").await;
    assert!(message.contains("Delta protocol version (4,8) is too new"), "{message}");
}

#[tokio::test]
async fn another_file_format_is_named() {
    let server = server().await;
    let table = TableBuilder::new(server.table("t")).metadata(|metadata| metadata["format"]["provider"] = json!("orc"));
    { table }.commit(vec![]);
    assert!(refusal(&server, "UNSUPPORTED_OPERATION").await.contains("'orc'"));
}

#[tokio::test]
async fn absolute_paths_are_refused_as_long_as_a_file_has_one() {
    for path in ["s3://other-bucket/t/a.parquet", "file:///t/a.parquet", "/t/a.parquet", "%2Ft/a.parquet"] {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t"));
        table.commit(vec![table.add_entry(path, None, 1), table.add_entry("b", None, 1)]);
        for checkpoint in [false, true] {
            if checkpoint {
                table.checkpoint();
            }
            let message = refusal(&server, "UNSUPPORTED_OPERATION").await;
            assert!(
                message.starts_with("Table contains absolute paths") && !message.contains("other-bucket"),
                "{message}"
            );
        }
        table.commit(vec![table.remove(path)]);
        assert_eq!(server.query("t", json!({}), "").await.lines().len(), 3, "{path}");
    }
}

#[tokio::test]
async fn a_path_out_of_the_table_is_a_damaged_log() {
    for path in ["../other/a.parquet", "p=a/../../a.parquet", "p=a/%2e%2e/%2e%2e/a.parquet", ""] {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t"));
        table.commit(vec![table.add_entry(path, None, 1)]);
        for checkpoint in [false, true] {
            if checkpoint {
                table.checkpoint();
            }
            assert!(refusal(&server, "MALFORMED_REQUEST").await.contains("leads out of the table"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named_with_its_version() {
    for (line, why) in [
        ("{\"add\":", "is not JSON"),
        ("hello", "is not JSON"),
        ("{\"add\":{\"path\":\"x\"}}", "is not an action that the Delta protocol knows"),
        ("[]", "is not an action that the Delta protocol knows"),
        (
            "{\"add\":{\"path\":\"x\",\"size\":-1,\"partitionValues\":{}}}",
            "is not an action that the Delta protocol knows",
        ),
    ] {
        let server = server().await;
        let mut table = TableBuilder::new(server.table("t"));
        table.commit(vec![]);
        table.commit(vec![]);
        table.write_log(&commit_name(1), format!("{{\"commitInfo\":{{}}}}\n{line}\n"));
        let message = refusal(&server, "MALFORMED_REQUEST").await;
        assert!(message.contains(&format!("line 2 of version 1 {why}")), "{line}: {message}");
        assert_eq!(server.query("t", json!({"version": 0}), "").await.status, 200);
    }
}

#[tokio::test]
async fn a_log_without_metadata_or_protocol_is_damaged() {
    let server = server().await;
    let table = TableBuilder::new(server.table("t"));
    for missing in ["metaData", "protocol"] {
        let lines = [table.protocol_action(), table.metadata_action()];
        let text: String =
            lines.iter().filter(|line| line.get(missing).is_none()).map(|line| format!("{line}\n")).collect();
        table.write_log(&commit_name(0), text);
        assert!(refusal(&server, "MALFORMED_REQUEST").await.contains("no protocol or no metaData action"));
    }
}

#[tokio::test]
async fn a_v2_checkpoint_is_passed_over_while_the_commits_are_there_and_refused_after() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t")).protocol(features(&["v2Checkpoint"]));
    table.commit(vec![table.add_entry("a", None, 1)]);
    table.commit(vec![table.add_entry("b", None, 1)]);
    let before = agreed(&server, "t", 0..2).await;
    let name = format!("{:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json", 1);
    table.write_log(&name, "{\"checkpointMetadata\":{\"version\":1}}\n");
    table.write_log("_last_checkpoint", "{\"version\":1,\"size\":4}");
    assert_eq!(shown(&server, "t", json!({})).await, before);
    table.delete_all_commits();
    assert!(refusal(&server, "UNSUPPORTED_OPERATION").await.contains("v2Checkpoint"));
    // A classic checkpoint of such a table is as good as any.
    table.checkpoint();
    std::fs::remove_file(table.log_file(&name)).unwrap();
    assert_eq!(agreed(&server, "t", [1]).await, before);
}

#[tokio::test]
async fn a_v2_checkpoint_under_a_classic_name_is_refused() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t")).protocol(features(&["v2Checkpoint"]));
    table.commit(vec![table.add_entry("a", None, 1)]);
    let version: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let row = StructArray::from(vec![(Arc::new(Field::new("version", DataType::Int64, false)), version)]);
    let batch = RecordBatch::try_from_iter([("checkpointMetadata", Arc::new(row) as ArrayRef)]).unwrap();
    let file = File::create(table.log_file(&checkpoint_name(0))).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(refusal(&server, "UNSUPPORTED_OPERATION").await.contains("v2Checkpoint"));
}
