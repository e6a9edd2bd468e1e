//! Mistakes that other servers were seen to make without a word: each is a wrong answer that looks right.

use serde_json::{Value, json};
use tests::server::{TestServer, send};
use tests::shown::{agreed, key};
use tests::table_builder::TableBuilder;

async fn server() -> TestServer {
    TestServer::of(&["s.d.t"]).await
}

#[tokio::test]
async fn the_newest_version_is_read_not_the_first_and_files_are_described_in_full() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1)]);
    table.commit(vec![table.remove("a"), table.add_entry("b", None, 2)]);
    let answer = server.query("t", json!({}), "").await;
    assert_eq!(answer.header("delta-table-version"), "1");
    let file = &answer.lines()[2]["file"];
    assert_eq!((key(&file["url"], "t").as_str(), file["size"].as_u64()), ("b", Some(1021)));
    assert_eq!(file["id"].as_str().unwrap().len(), 32);
    assert!(file["stats"].as_str().unwrap().contains("\"numRecords\":2"));
}

#[tokio::test]
async fn a_snapshot_is_all_commits_not_the_one_that_the_hint_names() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    for version in 0..4 {
        table.commit(vec![table.add_entry(&version.to_string(), None, 1)]);
        if version == 1 {
            table.checkpoint();
        }
    }
    let newest = agreed(&server, "t", 0..4).await;
    assert_eq!((newest.version, newest.files.len()), (3, 4));
}

#[tokio::test]
async fn files_of_older_commits_are_listed_too() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    for version in 0..30 {
        table.commit(vec![table.add_entry(&version.to_string(), None, 1)]);
    }
    assert_eq!(agreed(&server, "t", [0, 9, 29]).await.files.len(), 30);
}

#[tokio::test]
async fn a_table_that_needs_more_of_a_reader_never_passes_for_a_plain_one() {
    let server = server().await;
    let protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]});
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(protocol)
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "true"}));
    table.commit(vec![with_vector(table.add_entry("a", None, 5))]);
    let answer = server.query("t", json!({}), "").await;
    assert_eq!((answer.status, answer.json()["errorCode"].as_str()), (400, Some("UNSUPPORTED_OPERATION")));
}

fn with_vector(mut add: Value) -> Value {
    add["add"]["deletionVector"] = json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
        "offset": 1, "sizeInBytes": 38, "cardinality": 3});
    add
}

#[tokio::test]
async fn every_file_is_looked_at_for_a_deletion_vector_not_only_the_property() {
    for checkpoint in [false, true] {
        let server = server().await;
        let protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]});
        let mut table = TableBuilder::new(server.table("t"))
            .protocol(protocol)
            .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "false"}));
        table.commit(vec![table.add_entry("a", None, 1), table.add_entry("b", None, 1)]);
        assert_eq!(server.query("t", json!({}), "").await.status, 200, "without a vector any reader will do");
        table.commit(vec![table.remove("b"), with_vector(table.add_entry("b", None, 1))]);
        if checkpoint {
            table.checkpoint();
        }
        for capabilities in ["", "responseformat=delta"] {
            let answer = server.query("t", json!({}), capabilities).await;
            assert_eq!((answer.status, answer.json()["errorCode"].as_str()), (400, Some("UNSUPPORTED_OPERATION")));
            assert!(answer.text.contains("deletionVectors"), "{}", answer.text);
        }
        let before = server.query("t", json!({"version": 0}), "").await;
        assert_eq!(before.status, 200, "{}", before.text);
    }
}

#[tokio::test]
async fn the_metadata_line_has_its_name_and_its_place() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("a", None, 1)]);
    table.checkpoint();
    for capabilities in ["responseformat=parquet", "responseformat=delta"] {
        let request = server.request("GET", "/shares/s/schemas/d/tables/t/metadata");
        let metadata = send(request.header("delta-sharing-capabilities", capabilities)).await;
        for answer in [server.query("t", json!({}), capabilities).await, metadata] {
            let lines = answer.lines();
            let keys: Vec<Vec<&String>> = lines.iter().map(|line| line.as_object().unwrap().keys().collect()).collect();
            assert_eq!(keys[..2], [["protocol"], ["metaData"]]);
            assert!(keys[2..].iter().all(|keys| *keys == ["file"]), "{keys:?}");
        }
    }
}

#[tokio::test]
async fn plain_answers_tell_nothing_of_a_table_but_what_is_in_it() {
    let server = server().await;
    let schema = json!({"type": "struct", "fields": [
        {"name": "id", "type": "long", "nullable": false, "metadata": {"comment": "the key", "internal.owner": "jane"}},
    ]});
    let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
        metadata["schemaString"] = schema.to_string().into();
        metadata["partitionColumns"] = json!([]);
        metadata["configuration"] = json!({"internal.cost-centre": "42", "delta.enableChangeDataFeed": "true"});
    });
    table.commit(vec![]);
    let plain = server.query("t", json!({}), "").await;
    let metadata = &plain.lines()[1]["metaData"];
    assert_eq!(metadata["configuration"], json!({"enableChangeDataFeed": "true"}));
    assert_eq!(
        metadata["schemaString"],
        r#"{"type":"struct","fields":[{"name":"id","type":"long","nullable":false,"metadata":{"comment":"the key"}}]}"#
    );
    // The delta format is the log's own: readers of it need the properties.
    let delta = server.query("t", json!({}), "responseformat=delta").await;
    let metadata = &delta.lines()[1]["metaData"]["deltaMetadata"];
    assert_eq!(metadata["schemaString"], schema.to_string());
    assert_eq!(metadata["configuration"]["internal.cost-centre"], "42");
}
