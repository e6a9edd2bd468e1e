//! 10 to 17: version and metadata.

use serde_json::{Value, json};
use tests::raw::exchange;
use tests::samples::three_versions;
use tests::server::{TestServer, document, send};
use tests::table_builder::TableBuilder;

use super::{DELTA, commit, get, invalid, moment, refused};

const NO_HISTORY: &str =
    "Reading table by version or timestamp is not supported because history sharing is not enabled on table: s.d.off";

/// Tables of three versions at `s.d.t` and, without shared history, at `s.d.off`.
async fn server() -> TestServer {
    let mut document = document(&["s.d.t", "s.d.off"]);
    document.shares[0].schemas[0].tables[1].history_shared = false;
    let server = TestServer::serving(document, |_| {}).await;
    three_versions(server.table("t"));
    three_versions(server.table("off"));
    server
}

#[tokio::test]
async fn a10_the_version_is_a_header_and_nothing_else() {
    let server = server().await;
    for (method, path) in [("GET", "/shares/s/schemas/d/tables/t/version"), ("HEAD", "/shares/s/schemas/d/tables/t")] {
        let answer = exchange(&server, method, path, &[], "").await;
        assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
        assert!(answer.head.contains("\r\ndelta-table-version: 2"), "{}", answer.head);
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn a11_a_starting_moment_is_the_first_version_since() {
    let server = server().await;
    let since = async |moment: &str| get(&server, &format!("t/version?startingTimestamp={moment}"), "").await;
    assert_eq!(since("2000-01-01T00:00:00Z").await.header("delta-table-version"), "0");
    assert_eq!(since("2023-11-14T22:13:21.500Z").await.header("delta-table-version"), "2");
    invalid(&since("2023-11-14T22:13:22.001Z").await, "is after the latest available version 2");
}

#[tokio::test]
async fn a12_without_history_a_moment_is_refused_before_it_is_read() {
    let server = server().await;
    for moment in ["2000-01-01T00:00:00Z", "abc"] {
        invalid(&get(&server, &format!("off/version?startingTimestamp={moment}"), "").await, NO_HISTORY);
    }
    invalid(&get(&server, "t/version?startingTimestamp=abc", "").await, "Invalid startingTimestamp");
}

#[tokio::test]
async fn a13_a_plain_table_is_parquet_unless_only_delta_is_taken() {
    let server = server().await;
    for (asked, format) in
        [("parquet", "parquet"), ("delta,parquet", "parquet"), ("parquet,delta", "parquet"), ("delta", "delta")]
    {
        let answer = get(&server, "t/metadata", &format!("responseformat={asked}")).await;
        assert_eq!(answer.header("delta-sharing-capabilities"), format!("responseformat={format}"), "{asked}");
        let lines = answer.lines();
        assert_eq!(lines.len(), 2, "{}", answer.text);
        let reader = match format {
            "delta" => &lines[0]["protocol"]["deltaProtocol"]["minReaderVersion"],
            _ => &lines[0]["protocol"]["minReaderVersion"],
        };
        assert_eq!(reader, 1);
    }
}

/// Four versions a second apart; from version 2 on the column may hold no null.
fn four_versions(server: &TestServer) {
    let mut table = TableBuilder::new(server.table("t"));
    for version in 0..4 {
        let mut metadata = table.metadata_action();
        let field = json!({"name": "id", "type": "long", "nullable": version < 2, "metadata": {}});
        metadata["metaData"]["schemaString"] = json!({"type": "struct", "fields": [field]}).to_string().into();
        metadata["metaData"]["partitionColumns"] = json!([]);
        commit(&mut table, vec![metadata]);
    }
}

fn nullable(line: &Value) -> bool {
    let schema: Value = serde_json::from_str(line["metaData"]["schemaString"].as_str().unwrap()).unwrap();
    schema["fields"][0]["nullable"].as_bool().unwrap()
}

#[tokio::test]
async fn a14_metadata_of_a_version_is_that_of_its_time() {
    let server = TestServer::of(&["s.d.t"]).await;
    four_versions(&server);
    for version in 0..4 {
        let answer = get(&server, &format!("t/metadata?version={version}"), "").await;
        assert_eq!((answer.status, answer.header("delta-table-version")), (200, version.to_string().as_str()));
        assert_eq!(nullable(&answer.lines()[1]), version < 2);
    }
    refused(&get(&server, "t/metadata?version=4", "").await, "MALFORMED_REQUEST", "Cannot load table version 4");
    invalid(&get(&server, "t/metadata?version=-1", "").await, "version cannot be negative");
    let both = format!("t/metadata?version=1&timestamp={}", moment(1));
    invalid(&get(&server, &both, "").await, "Please only provide one of: version,timestamp");
}

#[tokio::test]
async fn a15_metadata_of_a_moment_is_that_of_the_version_in_force() {
    let server = TestServer::of(&["s.d.t"]).await;
    four_versions(&server);
    let at = async |moment: &str| get(&server, &format!("t/metadata?timestamp={moment}"), "").await;
    for version in 0..4 {
        let answer = at(&moment(version)).await;
        assert_eq!((answer.status, answer.header("delta-table-version")), (200, version.to_string().as_str()));
        assert_eq!(nullable(&answer.lines()[1]), version < 2);
    }
    invalid(&at("2021-01-01").await, "Invalid startingTimestamp");
    let early = at("2000-01-01T00:00:00Z").await;
    invalid(&early, "The provided timestamp (");
    invalid(&early, "is before the earliest available version 0. Please use a timestamp greater than or equal to");
    invalid(&at("2100-01-01T00:00:00Z").await, "is after the latest available version 3");
}

#[tokio::test]
async fn a16_the_change_feed_is_told_where_history_is_shared() {
    let server = server().await;
    let configuration = async |table: &str| {
        let answer = get(&server, &format!("{table}/metadata"), "").await;
        answer.lines()[1]["metaData"]["configuration"].clone()
    };
    assert_eq!(configuration("t").await, json!({"enableChangeDataFeed": "true"}));
    assert_eq!(configuration("off").await, json!({}));
}

#[tokio::test]
async fn a17_a_table_that_needs_more_of_readers_is_delta_for_those_that_can() {
    let of = |names: &[&str]| json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names});
    let mapping = json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "3"});
    for (protocol, configuration, feature) in [
        (json!({"minReaderVersion": 2, "minWriterVersion": 5}), mapping.clone(), "columnmapping"),
        (of(&["columnMapping"]), mapping, "columnmapping"),
        (of(&["deletionVectors"]), json!({"delta.enableDeletionVectors": "true"}), "deletionvectors"),
    ] {
        let server = TestServer::of(&["s.d.t"]).await;
        let mut table = TableBuilder::new(server.table("t"))
            .protocol(protocol.clone())
            .metadata(|metadata| metadata["configuration"] = configuration.clone());
        table.commit(vec![]);
        for formats in ["delta", "parquet,delta"] {
            let answer =
                get(&server, "t/metadata", &format!("responseformat={formats};readerfeatures={feature}")).await;
            assert_eq!(answer.header("delta-sharing-capabilities"), DELTA);
            let lines = answer.lines();
            assert_eq!(lines[0]["protocol"]["deltaProtocol"], protocol);
            assert_eq!(lines[1]["metaData"]["deltaMetadata"]["configuration"], configuration);
        }
        for capabilities in
            ["", DELTA, "responseformat=parquet,delta", &format!("responseformat=parquet;readerfeatures={feature}")]
        {
            let answer = get(&server, "t/metadata", capabilities).await;
            refused(&answer, "UNSUPPORTED_OPERATION", "Unsupported Delta Table Properties");
            let query = send(
                server
                    .request("POST", "/shares/s/schemas/d/tables/t/query")
                    .header("delta-sharing-capabilities", capabilities)
                    .json(&json!({})),
            );
            assert_eq!(query.await.text, answer.text);
        }
    }
}
