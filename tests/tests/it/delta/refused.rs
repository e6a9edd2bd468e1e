//! Tables that this server does not serve: refused by name, with 400, before the first byte.

use serde_json::{Value, json};
use tests::server::{TestServer, send};
use tests::table_builder::{TableBuilder, commit_name};

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
    for feature in ["catalogManaged", "geospatial", "notYetInvented"] {
        let server = server().await;
        TableBuilder::new(server.table("t")).protocol(features(&["v2Checkpoint", feature])).commit(vec![]);
        let message = refusal(&server, "UNSUPPORTED_OPERATION").await;
        assert!(message.starts_with("Unsupported Delta Table Properties") && message.contains(feature), "{message}");
    }
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
