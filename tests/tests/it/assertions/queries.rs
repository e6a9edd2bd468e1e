//! 26 to 33: parameters, versions and hints of a query, and deletion vectors.

use serde_json::{Value, json};
use tests::samples::three_versions;
use tests::server::{Answer, TestServer, document, send};
use tests::shown::key;
use tests::table_builder::{EPOCH_MS, TableBuilder};

use super::{QUERY, commit, end, files, heads, ids, invalid, moment, refused, three_files, two_files, with_vector};

#[tokio::test]
async fn a26_parameters_that_cannot_go_together() {
    let server = two_files().await;
    for (body, message) in [
        (json!({"version": 1, "startingVersion": 1}), "Please only provide one of: version,timestamp,startingVersion"),
        (
            json!({"version": 1, "timestamp": moment(0)}),
            "Please only provide one of: version,timestamp,startingVersion",
        ),
        (json!({"version": -1}), "table version cannot be negative."),
        (json!({"startingVersion": -1}), "startingVersion cannot be negative."),
        (json!({"maxFiles": 0}), "maxFiles must be positive."),
        (
            json!({"version": 1, "includeRefreshToken": true}),
            "includeRefreshToken cannot be used when querying a specific version.",
        ),
        (
            json!({"pageToken": "t", "includeRefreshToken": true}),
            "includeRefreshToken must be used in the first page request.",
        ),
        (json!({"version": 1, "refreshToken": "t"}), "refreshToken cannot be used when querying a specific version."),
        (json!({"pageToken": "t", "refreshToken": "t"}), "refreshToken must be used in the first page request."),
    ] {
        invalid(&server.query("t", body, "").await, message);
    }
}

#[tokio::test]
async fn a27_a_body_that_cannot_be_read() {
    let server = two_files().await;
    let hints = server.query("t", json!({"predicateHints": {}}), "").await;
    refused(&hints, "MALFORMED_REQUEST", "Expected an array for repeated field predicateHints of QueryTableRequest");
    let empty = send(server.request("POST", QUERY).body("")).await;
    refused(&empty, "MALFORMED_REQUEST", "No content to map due to end-of-input");
    refused(&server.query("t", json!({"version": "x3"}), "").await, "MALFORMED_REQUEST", "Not a numeric value");
    let large = server.query("t", json!({"maxFiles": 3_000_000_000_u32}), "").await;
    refused(&large, "MALFORMED_REQUEST", "Not an int32 value");
    invalid(&server.query("t", json!({"maxFiles": 0}), "").await, "maxFiles must be positive.");
    let text = server.query("t", json!({"version": "1"}), "").await;
    assert_eq!((text.status, text.header("delta-table-version")), (200, "1"));
}

#[tokio::test]
async fn a28_files_of_a_named_version_carry_it_and_an_end_without_a_start_is_nothing() {
    let server = TestServer::of(&["s.d.t"]).await;
    three_versions(server.table("t"));
    let by_version = server.query("t", json!({"version": 1}), "").await;
    let by_moment = server.query("t", json!({"timestamp": moment(1), "endingVersion": 2}), "").await;
    for answer in [&by_version, &by_moment] {
        assert_eq!(answer.header("delta-table-version"), "1");
        assert_eq!(files(answer).len(), 2);
        // The commit's time too, which the protocol asks for.
        assert!(files(answer).iter().all(|file| file["version"] == 1 && file["timestamp"] == EPOCH_MS + 1000));
    }
    assert_eq!((heads(&by_moment), ids(&by_moment)), (heads(&by_version), ids(&by_version)));
}

#[tokio::test]
async fn a29_nothing_is_told_of_versions_before_the_first_shared_one() {
    let mut document = document(&["s.d.t"]);
    document.shares[0].schemas[0].tables[0].start_version = 1;
    let server = TestServer::serving(document, |_| {}).await;
    three_versions(server.table("t"));
    for body in [json!({"version": 0}), json!({"startingVersion": 0}), json!({"timestamp": moment(0)})] {
        invalid(&server.query("t", body, "").await, "You can only query table data since version 1");
    }
    // Of the metadata as little.
    let metadata = super::get(&server, "t/metadata?version=0", "").await;
    invalid(&metadata, "You can only query table data since version 1");
    assert_eq!(server.query("t", json!({"version": 1}), "").await.status, 200);
}

/// Two files: birthday 2020-01-01 and age 1; birthday 2020-02-02 and age 2.
async fn birthdays() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
        let column = |name: &str, kind: &str| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
        let fields = [column("name", "string"), column("age", "integer"), column("birthday", "date")];
        metadata["schemaString"] = json!({"type": "struct", "fields": fields}).to_string().into();
        metadata["partitionColumns"] = json!(["birthday"]);
    });
    let adds = [("2020-01-01", 1), ("2020-02-02", 2)].map(|(birthday, age)| {
        let mut add = table.add_entry(&format!("birthday={birthday}/{age}"), None, 1);
        let stats =
            json!({"numRecords": 1, "minValues": {"age": age}, "maxValues": {"age": age}, "nullCount": {"age": 0}});
        add["add"]["partitionValues"] = json!({"birthday": birthday});
        add["add"]["stats"] = stats.to_string().into();
        add
    });
    commit(&mut table, adds.to_vec());
    server
}

fn hint(op: &str, column: &str, kind: &str, value: &str) -> Value {
    let column = json!({"op": "column", "name": column, "valueType": kind});
    json!({"op": op, "children": [column, {"op": "literal", "value": value, "valueType": kind}]})
}

fn ages(answer: &Answer) -> Vec<String> {
    files(answer).iter().map(|file| key(&file["url"], "t").rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a30_json_predicates_leave_files_out_by_partition_and_by_statistics() {
    let server = birthdays().await;
    let after = hint("greaterThan", "birthday", "date", "2020-01-01");
    let before = hint("lessThan", "birthday", "date", "2020-12-31");
    for (hint, wanted) in [
        (String::new(), &["1", "2"][..]),
        ("bad-predicates".to_owned(), &["1", "2"]),
        (hint("equal", "birthday", "date", "2020-01-01").to_string(), &["1"]),
        (after.to_string(), &["2"]),
        (hint("equal", "age", "int", "2").to_string(), &["2"]),
        (hint("lessThan", "age", "int", "3").to_string(), &["1", "2"]),
        (json!({"op": "and", "children": [before, hint("lessThan", "age", "int", "2")]}).to_string(), &["1"]),
    ] {
        let answer = server.query("t", json!({"jsonPredicateHints": hint}), "").await;
        assert_eq!(ages(&answer), wanted, "{hint}");
    }
    // The SQL form compares a date with a text too: no filter for this server, which tells apart what has another type.
    let sql = server.query("t", json!({"predicateHints": ["birthday = '2021-01-31'"]}), "").await;
    assert_eq!(ages(&sql), ["1", "2"]);
}

#[tokio::test]
async fn a31_a_page_of_one_of_one_file_is_the_last() {
    let server = birthdays().await;
    let hint = hint("equal", "birthday", "date", "2020-02-02").to_string();
    let answer = server.query("t", json!({"maxFiles": 1, "jsonPredicateHints": hint}), "").await;
    assert_eq!(ages(&answer), ["2"]);
    assert!(end(&answer).get("nextPageToken").is_none(), "{}", answer.text);
}

#[tokio::test]
async fn a32_a_limit_counts_the_rows_that_are_left() {
    let server = three_files().await;
    assert_eq!(files(&server.query("t", json!({"limitHint": 2}), "").await).len(), 2);
    let server = TestServer::of(&["s.d.t"]).await;
    with_vector(&server, "t");
    let capabilities = "responseformat=delta;readerfeatures=deletionvectors";
    // Of five rows the vector leaves two.
    for (limit, wanted) in [(2, 1), (3, 2)] {
        assert_eq!(files(&server.query("t", json!({"limitHint": limit}), capabilities).await).len(), wanted, "{limit}");
    }
}

#[tokio::test]
async fn a33_a_deletion_vector_is_a_file_of_its_own() {
    let server = TestServer::of(&["s.d.t"]).await;
    let table = with_vector(&server, "t");
    let answer = server.query("t", json!({}), "responseformat=delta;readerfeatures=deletionvectors").await;
    let files = files(&answer);
    let add = |at: usize| &files[at]["deltaSingleAction"]["add"];
    let vector = &add(0)["deletionVector"];
    let told = ["storageType", "offset", "sizeInBytes", "cardinality"].map(|name| vector[name].clone());
    assert_eq!(told, [json!("p"), json!(1), json!(38), json!(3)]);
    let (status, bytes) = server.fetch(vector["pathOrInlineDv"].as_str().unwrap()).await;
    let file = table.path().join(key(&vector["pathOrInlineDv"], "t"));
    assert_eq!((status, bytes), (200, std::fs::read(file).unwrap()));
    // SHA-256 of `1.parquet`, made with another tool.
    assert_eq!(files[0]["id"], "546f43a95086321b99171f0a4aafbf5726ae88bd2788238415d76d62801ab63d");
    assert!(add(1).get("deletionVector").is_none());
}
