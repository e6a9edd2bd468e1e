//! `GET …/tables/{table}/changes`: what of each commit is the change, what the lines carry, and every refusal.

use serde_json::{Value, json};
use tests::samples::{recorded_changes, three_versions};
use tests::server::{Answer, TestServer, document, send};
use tests::shown::changes;
use tests::table_builder::{EPOCH_MS, TableBuilder};

const DELTA: &str = "responseformat=delta";
const FORMATS: [&str; 2] = ["", DELTA];

async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    recorded_changes(server.table("t"));
    server
}

async fn ask(server: &TestServer, table: &str, query: &str, capabilities: &str) -> Answer {
    let mut request = server.request("GET", &format!("/shares/s/schemas/d/tables/{table}/changes?{query}"));
    if !capabilities.is_empty() {
        request = request.header("delta-sharing-capabilities", capabilities);
    }
    send(request).await
}

async fn told(server: &TestServer, query: &str, capabilities: &str) -> Vec<String> {
    let answer = ask(server, "t", query, capabilities).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    changes(&answer.lines(), "t")
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (answer.status, text("errorCode"), text("message"))
}

fn invalid(message: &str) -> (u16, String, String) {
    (400, "INVALID_PARAMETER_VALUE".into(), message.into())
}

/// What a feed tells of each version: recorded changes alone where there are any, nothing of a compaction nor of a MERGE
/// that changed no row.
const ALL: [&str; 5] = ["add p=a/1 v0", "add 2 v0", "cdf _change_data/p=a/c 1 v1", "add p=a/4 v2", "remove 2 v5"];

#[tokio::test]
async fn both_formats() {
    let server = server().await;
    let query = "startingVersion=1&includeHistoricalMetadata=True";
    insta::assert_snapshot!("changes_parquet", ask(&server, "t", query, "").await.shown());
    insta::assert_snapshot!("changes_delta", ask(&server, "t", query, DELTA).await.shown());
}

#[tokio::test]
async fn the_end_of_stream_action_is_the_last_line_for_whoever_asks_and_nobody_else() {
    let server = server().await;
    for format in ["parquet", "delta"] {
        let header = format!("responseformat={format};includeendstreamaction=true");
        let feed = ask(&server, "t", "startingVersion=0", &header).await;
        let range = server.query("t", json!({"startingVersion": 0}), &header).await;
        for answer in [feed, range] {
            assert_eq!(answer.header("delta-sharing-capabilities"), header);
            let lines = answer.lines();
            let last = &lines.last().unwrap()["endStreamAction"];
            let expires = &lines[2].as_object().unwrap().values().next().unwrap()["expirationTimestamp"];
            assert_eq!(last, &json!({"minUrlExpirationTimestamp": expires}));
        }
        let none = ask(&server, "t", "startingVersion=3&endingVersion=4", &header).await.lines();
        assert_eq!(none[2..], [json!({"endStreamAction": {}})], "{format}");
        let unasked = ask(&server, "t", "startingVersion=0", &format!("responseformat={format}")).await;
        assert!(!unasked.text.contains("endStreamAction"));
    }
}

#[tokio::test]
async fn recorded_changes_or_else_files() {
    let server = server().await;
    for format in FORMATS {
        assert_eq!(told(&server, "startingVersion=0", format).await, ALL);
        assert_eq!(told(&server, "startingVersion=1&endingVersion=2", format).await, ALL[2..4]);
        // Nothing changed: the head is the whole answer.
        assert_eq!(told(&server, "startingVersion=3&endingVersion=4", format).await, [""; 0]);
        // An end after the newest version is the newest version.
        assert_eq!(told(&server, "startingVersion=2&endingVersion=99", format).await, ALL[3..]);
    }
}

#[tokio::test]
async fn either_end_may_be_a_moment() {
    let server = server().await;
    for (query, start, lines) in [
        ("startingTimestamp=2023-11-14T22:13:21Z&endingTimestamp=2023-11-14T22:13:22Z", "1", &ALL[2..4]),
        // Between two commits: the next one at the start, the one before at the end.
        ("startingTimestamp=2023-11-14T22:13:20.001Z&endingTimestamp=2023-11-14T22:13:22.999Z", "1", &ALL[2..4]),
        ("startingTimestamp=2023-11-14T23:13:22%2B01:00&endingVersion=99", "2", &ALL[3..]),
        ("startingVersion=0&endingTimestamp=2023-11-14T22:13:20Z", "0", &ALL[..2]),
    ] {
        let answer = ask(&server, "t", query, "").await;
        assert_eq!((answer.status, answer.header("delta-table-version")), (200, start), "{query}: {}", answer.text);
        assert_eq!(changes(&answer.lines(), "t"), lines, "{query}");
    }
    for (query, part) in [
        (
            "startingTimestamp=2023-11-14T22:13:19.999Z",
            "is before the earliest available version 0. Please use a timestamp",
        ),
        ("startingTimestamp=2023-11-14T22:13:25.001Z", "is after the latest available version 5"),
        ("startingVersion=0&endingTimestamp=2023-11-14T22:13:25.001Z", "is after the latest available version 5"),
        ("startingVersion=0&endingTimestamp=2023-11-14T22:13:19Z", "is before the earliest available version 0"),
        ("startingTimestamp=2021-01-01", "Invalid startingTimestamp: '2021-01-01'"),
        ("startingVersion=0&endingTimestamp=x", "Invalid endingTimestamp: 'x'"),
        (
            "startingTimestamp=2023-11-14T22:13:20.1Z&endingTimestamp=2023-11-14T22:13:20.2Z",
            "CDF range from start 1 to end 0 was invalid. End cannot be before start.",
        ),
    ] {
        let (status, code, message) = refusal(&ask(&server, "t", query, "").await);
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{query}");
        assert!(message.contains(part), "{query}: {message}");
    }
}

#[tokio::test]
async fn metadata_is_of_the_newest_version_unless_its_history_is_asked_for() {
    let server = server().await;
    for format in FORMATS {
        let about = |line: &Value| {
            let metadata = &line["metaData"];
            let inner = metadata.get("deltaMetadata").unwrap_or(metadata);
            (metadata["version"].clone(), inner["description"].as_str().map(str::to_owned))
        };
        let newest = (json!(5), Some("the sixth version".to_owned()));
        let answer = ask(&server, "t", "startingVersion=1&endingVersion=2", format).await;
        assert_eq!((about(&answer.lines()[1]), answer.header("delta-table-version")), (newest.clone(), "1"));
        for flag in ["true", "True", "TRUE"] {
            let query = format!("startingVersion=1&includeHistoricalMetadata={flag}");
            let lines = ask(&server, "t", &query, format).await.lines();
            assert_eq!(about(&lines[1]), (json!(1), None));
            assert_eq!(changes(&lines, "t")[2..], ["metaData v5", "remove 2 v5"]);
            assert_eq!(about(&lines[4]), newest);
        }
        let query = "startingVersion=1&includeHistoricalMetadata=yes";
        assert_eq!(about(&ask(&server, "t", query, format).await.lines()[1]), newest);
    }
}

#[tokio::test]
async fn protocols_are_told_where_they_were_asked_for_and_the_format_can() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    table.commit(vec![table.add_entry("1", None, 1)]);
    table.commit(vec![json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}})]);
    let query = "startingVersion=0&includeHistoricalProtocol=true";
    assert_eq!(told(&server, query, DELTA).await, ["add 1 v0", "protocol v1"]);
    assert_eq!(ask(&server, "t", query, DELTA).await.lines()[0]["protocol"]["version"], 1);
    let both = format!("{query}&includeHistoricalMetadata=true");
    assert_eq!(ask(&server, "t", &both, DELTA).await.lines()[0]["protocol"]["version"], 0);
    assert_eq!(told(&server, query, "").await, ["add 1 v0"]);
}

#[tokio::test]
async fn changes_that_were_not_recorded_throughout_are_refused() {
    // On from version 2 on.
    let server = TestServer::of(&["s.d.t", "s.d.u"]).await;
    three_versions(server.table("t"));
    assert_eq!(
        refusal(&ask(&server, "t", "startingVersion=0", "").await),
        invalid("Error getting change data for range [0, 2] as change data was not recorded for version [0]")
    );
    assert_eq!(told(&server, "startingVersion=2", "").await, ["add p=a/4.parquet v2"]);
    // Off and on again within the range.
    let mut table = recorded_changes(server.table("u"));
    let mut metadata = table.metadata_action();
    metadata["metaData"]["configuration"] = json!({"delta.enableChangeDataFeed": "false"});
    table.commit(vec![metadata.clone()]);
    metadata["metaData"]["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    table.commit(vec![metadata]);
    let off = "Error getting change data for range [1, 7] as change data was not recorded for version [6]";
    assert_eq!(refusal(&ask(&server, "u", "startingVersion=1", "").await), invalid(off));
    assert_eq!(ask(&server, "u", "startingVersion=1&endingVersion=5", "").await.status, 200);
    assert_eq!(ask(&server, "u", "startingVersion=7", "").await.status, 200);
}

#[tokio::test]
async fn ends_that_cannot_be() {
    let server = server().await;
    for (query, message) in [
        ("", "No startingVersion or startingTimestamp provided for CDF read."),
        (
            "startingVersion=0&startingTimestamp=2023-11-14T22:13:20Z",
            "Multiple starting arguments provided for CDF read. Please provide one of either startingTimestamp or \
             startingVersion.",
        ),
        (
            "startingVersion=0&endingVersion=1&endingTimestamp=2023-11-14T22:13:20Z",
            "Multiple ending arguments provided for CDF read. Please provide one of either endingTimestamp or endingVersion.",
        ),
        ("startingVersion=x", "startingVersion is not a valid number."),
        ("startingVersion=0&endingVersion=x", "endingVersion is not a valid number."),
        (
            "startingVersion=2&endingVersion=1",
            "CDF range from start 2 to end 1 was invalid. End cannot be before start.",
        ),
        (
            "startingVersion=6&endingVersion=7",
            "Provided Start version(6) for reading change data is invalid. Start version cannot be greater than the latest \
             version of the table(5).",
        ),
        ("startingVersion=0&maxFiles=0", "maxFiles must be positive."),
    ] {
        assert_eq!(refusal(&ask(&server, "t", query, "").await), invalid(message), "{query}");
    }
    let forged = refusal(&ask(&server, "t", "startingVersion=0&pageToken=t", "").await);
    assert_eq!(forged, invalid("Error decoding the page token: t."));
    assert_eq!(ask(&server, "none", "startingVersion=0", "").await.status, 404);
}

#[tokio::test]
async fn history_is_read_as_far_as_it_is_shared() {
    let mut document = document(&["s.d.t", "s.d.u"]);
    document.shares[0].schemas[0].tables[0].start_version = 2;
    document.shares[0].schemas[0].tables[1].history_shared = false;
    let server = TestServer::serving(document, |_| {}).await;
    recorded_changes(server.table("t"));
    recorded_changes(server.table("u"));
    let since = invalid("You can only query table changes since version 2.");
    for query in ["startingVersion=1", "startingTimestamp=2023-11-14T22:13:21Z"] {
        assert_eq!(refusal(&ask(&server, "t", query, "").await), since, "{query}");
    }
    assert_eq!(told(&server, "startingTimestamp=2023-11-14T22:13:22Z", "").await, ALL[3..]);
    // Said before anything about the range.
    for query in ["", "startingVersion=1"] {
        assert_eq!(refusal(&ask(&server, "u", query, "").await), invalid("cdf is not enabled on table s.d.u"));
    }
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_an_error_and_no_shorter_answer() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = recorded_changes(server.table("t"));
    table.checkpoint();
    table.delete_commit(2);
    let (status, code, message) = refusal(&ask(&server, "t", "startingVersion=0", "").await);
    assert_eq!((status, code.as_str()), (400, "RESOURCE_DOES_NOT_EXIST"), "{message}");
    assert!(message.starts_with("table files missing"), "{message}");
}

#[tokio::test]
async fn recorded_changes_that_lie_elsewhere_are_refused() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = recorded_changes(server.table("t"));
    table.commit(vec![json!({"cdc": {"path": "s3://other/c", "partitionValues": {}, "size": 1, "dataChange": false}})]);
    let (status, code, message) = refusal(&ask(&server, "t", "startingVersion=0", "").await);
    assert_eq!((status, code.as_str()), (400, "UNSUPPORTED_OPERATION"));
    assert!(message.contains("absolute paths"), "{message}");
    assert_eq!(told(&server, "startingVersion=0&endingVersion=5", "").await, ALL);
}

#[tokio::test]
async fn recorded_changes_can_be_fetched() {
    let server = server().await;
    let place = server.table("t").join("_change_data/p=a");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("c 1"), "recorded").unwrap();
    for format in FORMATS {
        let lines = ask(&server, "t", "startingVersion=1&endingVersion=1", format).await.lines();
        let url = lines[2].pointer("/cdf/url").or(lines[2].pointer("/file/deltaSingleAction/cdc/path")).unwrap();
        assert_eq!(server.fetch(url.as_str().unwrap()).await, (200, b"recorded".to_vec()));
        let content = lines[2].as_object().unwrap().values().next().unwrap();
        assert_eq!((&content["version"], &content["timestamp"]), (&json!(1), &json!(EPOCH_MS + 1000)));
    }
}
