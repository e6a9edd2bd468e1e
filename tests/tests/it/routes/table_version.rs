//! `GET …/tables/{table}/version` and `HEAD …/tables/{table}`: the version in a header, and no body.

use tests::raw::exchange;
use tests::samples::three_versions;
use tests::server::{Answer, TestServer, document, send};
use tests::table_builder::TableBuilder;

const TABLE: &str = "/shares/s/schemas/d/tables/t";

async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    three_versions(server.table("t"));
    server
}

async fn since(server: &TestServer, timestamp: &str) -> Answer {
    server.get(&format!("{TABLE}/version?startingTimestamp={timestamp}")).await
}

#[tokio::test]
async fn the_newest_version_by_get_and_by_head() {
    let server = server().await;
    insta::assert_snapshot!("get", server.get(&format!("{TABLE}/version")).await.shown());
    let head = exchange(&server, "HEAD", TABLE, &[], "").await;
    assert!(head.head.starts_with("http/1.1 200") && head.head.contains("\r\ndelta-table-version: 2"), "{}", head.head);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_new_commit_is_seen_at_once() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    for version in 0..12 {
        table.commit(vec![]);
        if version == 5 {
            table.checkpoint();
        }
        let answer = server.get(&format!("{TABLE}/version")).await;
        assert_eq!(answer.header("delta-table-version"), version.to_string());
    }
}

#[tokio::test]
async fn the_first_version_since_a_moment() {
    let server = server().await;
    for (timestamp, version) in [
        ("2000-01-01T00:00:00Z", "0"),
        ("2023-11-14T22:13:20Z", "0"),
        ("2023-11-14T22:13:20.001Z", "1"),
        ("2023-11-14T22:13:21Z", "1"),
        ("2023-11-14T22:13:21.5Z", "2"),
        ("2023-11-14T23:13:22%2B01:00", "2"),
    ] {
        let answer = since(&server, timestamp).await;
        assert_eq!(
            (answer.status, answer.header("delta-table-version")),
            (200, version),
            "{timestamp}: {}",
            answer.text
        );
    }
    let head = send(server.request("HEAD", &format!("{TABLE}?startingTimestamp=2023-11-14T22:13:21Z"))).await;
    assert_eq!(head.header("delta-table-version"), "1");
}

#[tokio::test]
async fn moments_that_cannot_be() {
    let server = server().await;
    insta::assert_snapshot!("after_the_last", since(&server, "2023-11-14T22:13:22.001Z").await.shown());
    insta::assert_snapshot!("no_moment", since(&server, "abc").await.shown());
    let head = exchange(&server, "HEAD", &format!("{TABLE}?startingTimestamp=abc"), &[], "").await;
    assert!(head.head.starts_with("http/1.1 400") && head.body.is_empty(), "{}", head.head);
}

#[tokio::test]
async fn history_rules() {
    let mut document = document(&["s.d.off", "s.d.late"]);
    document.shares[0].schemas[0].tables[0].history_shared = false;
    document.shares[0].schemas[0].tables[1].start_version = 1;
    let server = TestServer::serving(document, |_| {}).await;
    three_versions(server.table("off"));
    three_versions(server.table("late"));
    let get = async |path: &str| server.get(&format!("/shares/s/schemas/d/tables/{path}")).await;
    assert_eq!(get("off/version").await.header("delta-table-version"), "2");
    // Whatever the moment looks like: that it may not be asked for comes first.
    insta::assert_snapshot!("history_not_shared", get("off/version?startingTimestamp=abc").await.shown());
    insta::assert_snapshot!(
        "before_the_start_version",
        get("late/version?startingTimestamp=2023-11-14T22:13:20Z").await.shown()
    );
    let after = get("late/version?startingTimestamp=2023-11-14T22:13:20.5Z").await;
    assert_eq!(after.header("delta-table-version"), "1");
}

#[tokio::test]
async fn tables_that_are_not_there() {
    let server = TestServer::of(&["s.d.t"]).await;
    assert_eq!(server.get("/shares/s/schemas/d/tables/none/version").await.status, 404);
    let head = exchange(&server, "HEAD", "/shares/s/schemas/d/tables/none", &[], "").await;
    assert!(head.head.starts_with("http/1.1 404") && head.body.is_empty(), "{}", head.head);
    let nothing = server.get(&format!("{TABLE}/version")).await;
    assert_eq!((nothing.status, nothing.json()["errorCode"].as_str()), (400, Some("MALFORMED_REQUEST")));
}
