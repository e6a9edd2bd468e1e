//! A query from one version to another: which actions it tells of and in what order, what its lines carry, and every
//! refusal.

use serde_json::{Value, json};
use tests::samples::recorded_changes;
use tests::server::{Answer, TestServer, document};
use tests::shown::{changes, key};
use tests::table_builder::{EPOCH_MS, TableBuilder, commit_name, inline_vector};

const DELTA: &str = "responseformat=delta";
const VECTORS: &str = "responseformat=delta;readerfeatures=deletionvectors";
const FORMATS: [&str; 2] = ["", DELTA];

async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    recorded_changes(server.table("t"));
    server
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (answer.status, text("errorCode"), text("message"))
}

async fn told(server: &TestServer, body: Value, capabilities: &str) -> Vec<String> {
    let answer = server.query("t", body, capabilities).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    changes(&answer.lines(), "t")
}

const ALL: [&str; 9] = [
    "add p=a/1 v0",
    "add 2 v0",
    "remove p=a/1 v1",
    "add p=a/3 v1",
    "add p=a/4 v2",
    "remove p=a/5 v4",
    "add p=a/6 v4",
    "metaData v5",
    "remove 2 v5",
];

#[tokio::test]
async fn both_formats() {
    let server = server().await;
    let body = json!({"startingVersion": 1, "endingVersion": 5});
    insta::assert_snapshot!("range_parquet", server.query("t", body.clone(), "").await.shown());
    insta::assert_snapshot!("range_delta", server.query("t", body, DELTA).await.shown());
}

#[tokio::test]
async fn files_that_changed_data_in_the_order_of_the_log() {
    let server = server().await;
    for format in FORMATS {
        assert_eq!(told(&server, json!({"startingVersion": 0}), format).await, ALL);
        assert_eq!(told(&server, json!({"startingVersion": 0, "endingVersion": 5}), format).await, ALL);
        assert_eq!(told(&server, json!({"startingVersion": "1", "endingVersion": "2"}), format).await, ALL[2..5]);
        // What a compaction moved is no change; nothing is left of its version but the head.
        assert_eq!(told(&server, json!({"startingVersion": 3, "endingVersion": 3}), format).await, [""; 0]);
        // The head already holds the metadata of the start.
        assert_eq!(told(&server, json!({"startingVersion": 5}), format).await, ALL[8..]);
    }
}

#[tokio::test]
async fn the_head_is_of_the_start_and_every_line_of_its_commit() {
    let server = server().await;
    for format in FORMATS {
        let answer = server.query("t", json!({"startingVersion": 2}), format).await;
        assert_eq!(answer.header("delta-table-version"), "2");
        let lines = answer.lines();
        assert_eq!(lines[1]["metaData"]["version"], 2);
        assert_eq!(lines[1]["metaData"]["numFiles"], 3);
        assert!(lines[0]["protocol"].get("version").is_none());
        for line in &lines[2..] {
            let content = line.as_object().unwrap().values().next().unwrap();
            if content.get("id").is_some() && content.get("expirationTimestamp").is_some() {
                let version = content["version"].as_i64().unwrap();
                assert_eq!(content["timestamp"], EPOCH_MS + version * 1000, "{line}");
            }
        }
    }
}

#[tokio::test]
async fn urls_lead_to_the_files_and_ids_are_those_of_snapshots() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    let add = table.add("p=x%2520y/1", Some("x%20y"), 3);
    table.commit(vec![add]);
    for format in FORMATS {
        let snapshot = server.query("t", json!({}), format).await.lines();
        let range = server.query("t", json!({"startingVersion": 0}), format).await.lines();
        let of = |line: &Value| line.as_object().unwrap().values().next().unwrap().clone();
        assert_eq!(of(&range[2])["id"], of(&snapshot[2])["id"]);
        let line = of(&range[2]);
        let url = line.get("url").or(line.pointer("/deltaSingleAction/add/path")).unwrap();
        let (status, bytes) = server.fetch(url.as_str().unwrap()).await;
        assert_eq!((status, &bytes[..4]), (200, &b"PAR1"[..]));
    }
}

#[tokio::test]
async fn protocols_are_told_where_they_were_asked_for_and_the_format_can() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("1", None, 1)]);
    let upgrade = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}});
    table.commit(vec![upgrade, table.add_entry("2", None, 1)]);
    let body = json!({"startingVersion": 0, "includeHistoricalProtocol": true});
    assert_eq!(told(&server, body.clone(), DELTA).await, ["add 1 v0", "protocol v1", "add 2 v1"]);
    let lines = server.query("t", body.clone(), DELTA).await.lines();
    assert_eq!(lines[0]["protocol"]["version"], 0);
    assert_eq!(
        lines[3]["protocol"],
        json!({"deltaProtocol": {"minReaderVersion": 1, "minWriterVersion": 4}, "version": 1})
    );
    assert_eq!(told(&server, body, "").await, ["add 1 v0", "add 2 v1"]);
    assert_eq!(told(&server, json!({"startingVersion": 0}), DELTA).await, ["add 1 v0", "add 2 v1"]);
}

#[tokio::test]
async fn a_file_that_gets_a_vector_is_told_with_the_old_and_the_new_one() {
    let server = TestServer::of(&["s.d.t"]).await;
    let features = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
        "writerFeatures": ["deletionVectors"]});
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(features)
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    table.commit(vec![table.add_entry("1", None, 9)]);
    let (in_file, vector_key) = table.vector_in_file("", 1, &[0, 2]);
    let inline = inline_vector(&[0, 2, 4]);
    let with = |mut action: Value, kind: &str, vector: &Value| {
        action[kind]["deletionVector"] = vector.clone();
        action
    };
    table.commit(vec![table.remove("1"), with(table.add_entry("1", None, 9), "add", &in_file)]);
    let old = with(table.remove("1"), "remove", &in_file);
    assert!(old["remove"].get("size").is_some(), "{old}");
    table.commit(vec![old, with(table.add_entry("1", None, 9), "add", &inline)]);

    for feed in [false, true] {
        let answer = async |capabilities: &str| {
            if feed {
                let path = "/shares/s/schemas/d/tables/t/changes?startingVersion=1";
                let request = server.request("GET", path).header("delta-sharing-capabilities", capabilities);
                tests::server::send(request).await
            } else {
                server.query("t", json!({"startingVersion": 1}), capabilities).await
            }
        };
        let shown = answer(VECTORS).await;
        let lines = shown.lines();
        assert_eq!(changes(&lines, "t"), ["remove 1 v1", "add 1 v1", "remove 1 v2", "add 1 v2"]);
        let action = |at: usize, kind: &str| &lines[at]["file"]["deltaSingleAction"][kind]["deletionVector"];
        assert!(action(2, "remove").is_null());
        for told in [action(3, "add"), action(4, "remove")] {
            assert_eq!((key(&told["pathOrInlineDv"], "t"), &told["storageType"]), (vector_key.clone(), &json!("p")));
            assert_eq!((&told["cardinality"], &told["offset"]), (&json!(2), &json!(1)));
        }
        assert_eq!(lines[3]["file"]["deletionVectorFileId"], lines[4]["file"]["deletionVectorFileId"]);
        assert_eq!(action(5, "add"), &inline);
        // The parquet format cannot tell of vectors.
        for capabilities in ["responseformat=parquet", DELTA] {
            let (status, code, message) = refusal(&answer(capabilities).await);
            assert_eq!((status, code.as_str()), (400, "UNSUPPORTED_OPERATION"), "{message}");
            assert!(message.contains("deletionVectors"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_vector_in_the_middle_of_a_range_rules_the_parquet_format_out() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("1", None, 9)]);
    let features = json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
        "writerFeatures": ["deletionVectors"]}});
    let mut add = table.add_entry("1", None, 9);
    add["add"]["deletionVector"] = inline_vector(&[1]);
    table.commit(vec![features, table.remove("1"), add.clone()]);
    let mut gone = table.remove("1");
    gone["remove"]["deletionVector"] = add["add"]["deletionVector"].clone();
    table.commit(vec![gone]);
    let both = "responseformat=parquet,delta;readerfeatures=deletionvectors";
    let format = async |start: u64, end: u64| {
        let answer = server.query("t", json!({"startingVersion": start, "endingVersion": end}), both).await;
        answer.header("delta-sharing-capabilities").to_owned()
    };
    assert_eq!(format(0, 0).await, "responseformat=parquet");
    assert_eq!(format(0, 1).await, "responseformat=delta");
    assert_eq!(format(2, 2).await, "responseformat=delta");
}

#[tokio::test]
async fn a_mapped_table_is_told_in_delta_format_with_its_physical_names() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(json!({"minReaderVersion": 2, "minWriterVersion": 5}))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.columnMapping.mode": "name"}));
    let mut add = table.add_entry("1", None, 9);
    add["add"]["partitionValues"] = json!({"col-7": "a"});
    table.commit(vec![add]);
    let body = json!({"startingVersion": 0});
    let lines = server.query("t", body.clone(), "responseformat=delta;readerfeatures=columnmapping").await.lines();
    assert_eq!(lines[2]["file"]["deltaSingleAction"]["add"]["partitionValues"], json!({"col-7": "a"}));
    assert_eq!(lines[0]["protocol"]["deltaProtocol"]["minReaderVersion"], 2);
    assert_eq!(server.query("t", body, "").await.status, 400);
}

#[tokio::test]
async fn ends_that_cannot_be() {
    let server = server().await;
    for (body, message) in [
        (
            json!({"startingVersion": 2, "endingVersion": 1}),
            "startingVersion(2) must be smaller than or equal to endingVersion(1).",
        ),
        (
            json!({"startingVersion": 6}),
            "Provided Start version(6) for reading change data is invalid. Start version cannot be greater than the latest \
             version of the table(5).",
        ),
        (
            json!({"startingVersion": 5, "endingVersion": 6}),
            "Provided end version(6) is invalid. End version cannot be greater than the latest version of the table(5).",
        ),
    ] {
        let expected = (400, "INVALID_PARAMETER_VALUE".to_owned(), message.to_owned());
        assert_eq!(refusal(&server.query("t", body, "").await), expected);
    }
}

#[tokio::test]
async fn history_is_read_as_far_as_it_is_shared() {
    let mut document = document(&["s.d.t", "s.d.u"]);
    document.shares[0].schemas[0].tables[0].start_version = 2;
    document.shares[0].schemas[0].tables[1].history_shared = false;
    let server = TestServer::serving(document, |_| {}).await;
    recorded_changes(server.table("t"));
    recorded_changes(server.table("u"));
    let message = async |table: &str, start: u64| {
        refusal(&server.query(table, json!({"startingVersion": start, "endingVersion": start}), "").await).2
    };
    assert_eq!(message("t", 1).await, "You can only query table data since version 2.");
    assert_eq!(
        message("u", 1).await,
        "Reading table by version or timestamp is not supported because history sharing is not enabled on table: s.d.u"
    );
    assert_eq!(told(&server, json!({"startingVersion": 2, "endingVersion": 2}), "").await, ["add p=a/4 v2"]);
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_an_error_and_no_shorter_answer() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = recorded_changes(server.table("t"));
    table.checkpoint();
    table.delete_commit(3);
    let (status, code, message) = refusal(&server.query("t", json!({"startingVersion": 2}), "").await);
    assert_eq!((status, code.as_str()), (400, "RESOURCE_DOES_NOT_EXIST"), "{message}");
    assert!(message.starts_with("table files missing"), "{message}");
    table.delete_commits_before(5);
    let (_, _, message) = refusal(&server.query("t", json!({"startingVersion": 2}), "").await);
    assert_eq!(message, "Cannot load table version 2: the earliest version still available is 5.");
    assert_eq!(told(&server, json!({"startingVersion": 5}), "").await, ["remove 2 v5"]);
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_before_the_first_byte() {
    let absolute = json!({"add": {"path": "s3://other/f", "partitionValues": {"p": null}, "size": 1, "modificationTime": 1,
        "dataChange": true}});
    let undescribed = json!({"remove": {"path": "1", "dataChange": true, "deletionTimestamp": 1}});
    let too_new = json!({"protocol": {"minReaderVersion": 4, "minWriterVersion": 7}});
    let no_reader = json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["newest"]}});
    for (action, part) in [
        (absolute, "absolute paths"),
        (undescribed, "Version 1 of the table removes a file whose size"),
        (too_new, "Delta protocol version (4,7) is too new"),
        (no_reader, "newest"),
    ] {
        let server = TestServer::of(&["s.d.t"]).await;
        let mut table = TableBuilder::new(server.table("t"));
        table.commit(vec![table.add_entry("1", None, 1)]);
        table.commit(vec![action]);
        for format in FORMATS {
            let (status, code, message) = refusal(&server.query("t", json!({"startingVersion": 0}), format).await);
            assert_eq!((status, code.as_str()), (400, "UNSUPPORTED_OPERATION"), "{message}");
            assert!(message.contains(part), "{message}");
            assert_eq!(told(&server, json!({"startingVersion": 0, "endingVersion": 0}), format).await, ["add 1 v0"]);
        }
    }
}

#[tokio::test]
async fn a_schema_that_one_format_cannot_show_is_refused_before_the_first_byte() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add_entry("1", None, 1)]);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["schemaString"] = json!({"type": "struct", "fields": [{"type": "long"}]}).to_string().into();
    table.commit(vec![metadata]);
    let (status, code, _) = refusal(&server.query("t", json!({"startingVersion": 0}), "").await);
    assert_eq!((status, code.as_str()), (400, "MALFORMED_REQUEST"));
}

#[tokio::test]
async fn times_of_commits_increase_and_may_stand_in_the_log() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    for name in ["1", "2", "3"] {
        table.commit_at(EPOCH_MS, vec![table.add_entry(name, None, 1)]);
    }
    let mut metadata = table.metadata_action();
    metadata["metaData"]["configuration"] = json!({"delta.enableInCommitTimestamps": "true",
        "delta.inCommitTimestampEnablementVersion": "3", "delta.inCommitTimestampEnablementTimestamp": "5"});
    let info = json!({"commitInfo": {"inCommitTimestamp": EPOCH_MS + 77_000, "operation": "WRITE"}});
    table.commit_at(EPOCH_MS, vec![info, metadata, table.add_entry("4", None, 1)]);
    let lines = server.query("t", json!({"startingVersion": 1}), "").await.lines();
    let times: Vec<i64> = lines.iter().filter_map(|line| line["add"]["timestamp"].as_i64()).collect();
    assert_eq!(times, [EPOCH_MS + 1, EPOCH_MS + 2, EPOCH_MS + 77_000]);
}

#[tokio::test]
async fn a_range_larger_than_what_is_kept_is_told_in_full() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    let stats = json!({"numRecords": 1, "maxValues": {"name": "n".repeat(1 << 20)}}).to_string();
    for version in 0..20 {
        let mut add = table.add_entry(&version.to_string(), None, 1);
        add["add"]["stats"] = stats.clone().into();
        table.commit(vec![add]);
    }
    let size: u64 = (0..20).map(|v| std::fs::metadata(table.log_file(&commit_name(v))).unwrap().len()).sum();
    assert!(size > shared::limits::COMMIT_TEXT_KEPT_BYTES as u64);
    let wanted: Vec<String> = (0..20).map(|version| format!("add {version} v{version}")).collect();
    assert_eq!(told(&server, json!({"startingVersion": 0}), "").await, wanted);
}
