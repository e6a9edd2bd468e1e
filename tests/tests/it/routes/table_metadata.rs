//! `GET …/tables/{table}/metadata`: protocol and metadata in exactly two lines, of the newest or of a named version.

use serde_json::json;
use tests::samples::three_versions;
use tests::server::{Answer, TestServer, document, send};
use tests::table_builder::TableBuilder;

const PATH: &str = "/shares/s/schemas/d/tables/t/metadata";

async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    three_versions(server.table("t"));
    server
}

async fn with_capabilities(server: &TestServer, path: &str, capabilities: &str) -> Answer {
    send(server.request("GET", path).header("delta-sharing-capabilities", capabilities)).await
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (answer.status, text("errorCode"), text("message"))
}

fn invalid(message: &str) -> (u16, String, String) {
    (400, "INVALID_PARAMETER_VALUE".into(), message.into())
}

#[tokio::test]
async fn two_lines_in_both_formats() {
    let server = server().await;
    insta::assert_snapshot!("parquet", server.get(PATH).await.shown());
    insta::assert_snapshot!("delta", with_capabilities(&server, PATH, "responseformat=delta").await.shown());
}

#[tokio::test]
async fn the_format_follows_the_capabilities_and_the_header_says_which() {
    let server = server().await;
    for (capabilities, format) in [
        ("responseformat=parquet", "parquet"),
        ("responseformat=delta,parquet", "parquet"),
        ("responseformat=parquet,delta;readerfeatures=deletionvectors", "parquet"),
        ("responseformat=delta;includeendstreamaction=true", "delta"),
    ] {
        let answer = with_capabilities(&server, PATH, capabilities).await;
        assert_eq!(answer.header("delta-sharing-capabilities"), format!("responseformat={format}"), "{capabilities}");
        assert_eq!(answer.lines().len(), 2);
    }
    let hashed = send(server.request("GET", PATH).header("fileidhash", "Delta")).await;
    assert_eq!((hashed.status, hashed.header("fileidhash")), (200, "delta"));
    let hashed = send(server.request("GET", PATH).header("fileidhash", "md5")).await;
    assert_eq!(hashed.status, 400);
}

#[tokio::test]
async fn a_head_of_a_query_and_metadata_are_the_same_lines() {
    let server = server().await;
    for capabilities in ["responseformat=parquet", "responseformat=delta"] {
        for (query, body) in [("", json!({})), ("?version=1", json!({"version": 1}))] {
            let metadata = with_capabilities(&server, &format!("{PATH}{query}"), capabilities).await;
            let whole = server.query("t", body, capabilities).await;
            assert_eq!(metadata.text.lines().collect::<Vec<_>>(), whole.text.lines().take(2).collect::<Vec<_>>());
            assert_eq!(metadata.header("delta-table-version"), whole.header("delta-table-version"));
        }
    }
}

#[tokio::test]
async fn a_named_version_shows_the_metadata_of_its_time() {
    let server = server().await;
    for (query, version, description) in [
        ("version=0", "0", None),
        ("version=1", "1", None),
        ("version=2", "2", Some("the third version")),
        ("timestamp=2023-11-14T22:13:20Z", "0", None),
        ("timestamp=2023-11-14T22:13:21.999Z", "1", None),
        ("timestamp=2023-11-14T23:13:22%2B01:00", "2", Some("the third version")),
        ("version=2&unknown=1", "2", Some("the third version")),
    ] {
        let answer = server.get(&format!("{PATH}?{query}")).await;
        assert_eq!((answer.status, answer.header("delta-table-version")), (200, version), "{query}: {}", answer.text);
        assert_eq!(
            answer.lines()[1]["metaData"].get("description"),
            description.map(|text| json!(text)).as_ref(),
            "{query}"
        );
    }
    insta::assert_snapshot!(
        "version_0_delta",
        with_capabilities(&server, &format!("{PATH}?version=0"), "responseformat=delta").await.shown()
    );
}

#[tokio::test]
async fn versions_and_moments_that_cannot_be() {
    let server = server().await;
    let ask = async |query: &str| refusal(&server.get(&format!("{PATH}?{query}")).await);
    assert_eq!(ask("version=1&timestamp=x").await, invalid("Please only provide one of: version,timestamp"));
    assert_eq!(ask("version=-1").await, invalid("version cannot be negative."));
    let (status, code, message) = ask("version=two").await;
    assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
    assert!(message.contains("expected a number but the string didn't have the appropriate format"), "{message}");
    assert_eq!(
        ask("version=3").await,
        (400, "MALFORMED_REQUEST".into(), "Cannot load table version 3: the latest version is 2.".into())
    );
    assert!(ask("timestamp=2021-01-01").await.2.starts_with("Invalid startingTimestamp"));
    // The plus of an offset that was not encoded is a plus all the same.
    assert_eq!(server.get(&format!("{PATH}?timestamp=2023-11-14T23:13:21+01:00")).await.status, 200);
    assert!(ask("timestamp=2000-01-01T00:00:00Z").await.2.contains("is before the earliest available version 0"));
    assert!(ask("timestamp=2100-01-01T00:00:00Z").await.2.contains("is after the latest available version 2"));
    assert_eq!(server.get("/shares/s/schemas/d/tables/none/metadata").await.status, 404);
}

#[tokio::test]
async fn history_rules_hold_here_too() {
    let mut document = document(&["s.d.off", "s.d.late"]);
    document.shares[0].schemas[0].tables[0].history_shared = false;
    document.shares[0].schemas[0].tables[1].start_version = 1;
    let server = TestServer::serving(document, |_| {}).await;
    three_versions(server.table("off"));
    three_versions(server.table("late"));
    for query in ["version=2", "timestamp=abc"] {
        let answer = server.get(&format!("/shares/s/schemas/d/tables/off/metadata?{query}")).await;
        assert_eq!(
            refusal(&answer),
            invalid(
                "Reading table by version or timestamp is not supported because history sharing is not enabled on table: s.d.off"
            )
        );
    }
    for query in ["version=0", "timestamp=2023-11-14T22:13:20Z"] {
        let answer = server.get(&format!("/shares/s/schemas/d/tables/late/metadata?{query}")).await;
        assert_eq!(refusal(&answer), invalid("You can only query table data since version 1."));
    }
    // The change data feed of a table whose history is not shared is nobody's business.
    let configuration = |answer: Answer| answer.lines()[1]["metaData"]["configuration"].clone();
    assert_eq!(configuration(server.get("/shares/s/schemas/d/tables/off/metadata").await), json!({}));
    let late = server.get("/shares/s/schemas/d/tables/late/metadata").await;
    assert_eq!(configuration(late), json!({"enableChangeDataFeed": "true"}));
}

#[tokio::test]
async fn an_empty_table_has_metadata() {
    let server = TestServer::of(&["s.d.t"]).await;
    TableBuilder::new(server.table("t")).commit(vec![]);
    let lines = server.get(PATH).await.lines();
    assert_eq!((&lines[1]["metaData"]["size"], &lines[1]["metaData"]["numFiles"]), (&json!(0), &json!(0)));
    assert_eq!(server.query("t", json!({}), "").await.lines().len(), 2);
}

#[tokio::test]
async fn writer_features_go_with_writer_version_7() {
    let server = TestServer::of(&["s.d.t"]).await;
    let protocol =
        json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["appendOnly", "invariants"]});
    TableBuilder::new(server.table("t")).protocol(protocol.clone()).commit(vec![]);
    let delta = with_capabilities(&server, PATH, "responseformat=delta").await;
    assert_eq!(delta.lines()[0], json!({"protocol": {"deltaProtocol": protocol}}));
    assert_eq!(server.get(PATH).await.lines()[0], json!({"protocol": {"minReaderVersion": 1}}));
}
