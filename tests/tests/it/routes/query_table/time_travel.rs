//! A query for a version by number or by time: which version answers, what its lines carry, and every refusal.

use serde_json::{Value, json};
use tests::samples::three_versions;
use tests::server::{Answer, TestServer, document};
use tests::table_builder::EPOCH_MS;

use super::{files, server};

fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (answer.status, text("errorCode"), text("message"))
}

fn invalid(message: &str) -> (u16, String, String) {
    (400, "INVALID_PARAMETER_VALUE".into(), message.into())
}

#[tokio::test]
async fn an_old_version_in_both_formats() {
    let server = server().await;
    insta::assert_snapshot!("version_0_parquet", server.query("t", json!({"version": 0}), "").await.shown());
    insta::assert_snapshot!(
        "version_1_delta",
        server.query("t", json!({"version": "1"}), "responseformat=delta").await.shown()
    );
}

#[tokio::test]
async fn a_moment_means_the_version_in_force() {
    let server = server().await;
    for (timestamp, version) in [
        ("2023-11-14T22:13:20Z", 0),
        ("2023-11-14T22:13:20.999Z", 0),
        ("2023-11-14T22:13:21Z", 1),
        ("2023-11-14T23:13:21.5+01:00", 1),
        ("2023-11-14T14:13:22-08:00", 2),
    ] {
        // An end without a start means nothing.
        let answer = server.query("t", json!({"timestamp": timestamp, "endingVersion": 2}), "").await;
        assert_eq!(
            (answer.status, answer.header("delta-table-version")),
            (200, version.to_string().as_str()),
            "{timestamp}"
        );
        for file in files(&answer.lines()) {
            assert_eq!((&file["version"], &file["timestamp"]), (&json!(version), &json!(EPOCH_MS + version * 1000)));
        }
    }
}

#[tokio::test]
async fn the_newest_version_carries_its_number_only_when_it_was_named() {
    let server = server().await;
    let newest = server.query("t", json!({}), "responseformat=delta").await.lines();
    assert!(newest[1]["metaData"].get("version").is_none());
    assert!(files(&newest).iter().all(|file| file.get("version").is_none() && file.get("timestamp").is_none()));
    let named = server.query("t", json!({"version": 2}), "responseformat=delta").await.lines();
    assert_eq!(named[1]["metaData"]["version"], 2);
    assert!(files(&named).iter().all(|file| file["version"] == 2 && file["timestamp"] == EPOCH_MS + 2000));
    // A client that wants text there must not meet a number.
    let flat = server.query("t", json!({"version": 2}), "").await.lines();
    assert!(flat[1]["metaData"].get("version").is_none());
}

#[tokio::test]
async fn versions_and_moments_that_there_are_not() {
    let server = server().await;
    let ask = async |body: Value| refusal(&server.query("t", body, "").await);
    assert_eq!(
        ask(json!({"version": 3})).await,
        (400, "MALFORMED_REQUEST".into(), "Cannot load table version 3: the latest version is 2.".into())
    );
    assert_eq!(
        ask(json!({"timestamp": "2023-11-14T22:13:19.999Z"})).await,
        invalid(
            "The provided timestamp (2023-11-14T22:13:19.999Z) is before the earliest available version 0. Please use a \
             timestamp greater than or equal to 2023-11-14T22:13:20.000Z."
        )
    );
    assert_eq!(
        ask(json!({"timestamp": "2023-11-14T22:13:22.001Z"})).await,
        invalid(
            "The provided timestamp (2023-11-14T22:13:22.001Z) is after the latest available version 2. Please use a \
             timestamp less than or equal to 2023-11-14T22:13:22.000Z."
        )
    );
    for bad in ["abc", "2021-01-01", "2021-01-01T00:00:00", "2021-01-01 00:00:00"] {
        let (status, code, message) = ask(json!({"timestamp": bad})).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
        assert!(message.starts_with("Invalid startingTimestamp (parameter timestamp): '"), "{message}");
    }
}

#[tokio::test]
async fn a_version_that_the_log_no_longer_has_is_refused() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    table.checkpoint();
    table.delete_commits_before(2);
    assert_eq!(
        refusal(&server.query("t", json!({"version": 1}), "").await),
        (
            400,
            "MALFORMED_REQUEST".into(),
            "Cannot load table version 1: the earliest version still available is 2.".into()
        )
    );
    assert_eq!(server.query("t", json!({"version": 2}), "").await.lines().len(), 5);
    let early = refusal(&server.query("t", json!({"timestamp": "2023-11-14T22:13:21Z"}), "").await);
    assert!(early.2.contains("is before the earliest available version 2"), "{early:?}");
}

#[tokio::test]
async fn without_shared_history_only_the_newest_version_can_be_read() {
    let mut document = document(&["s.d.t"]);
    document.shares[0].schemas[0].tables[0].history_shared = false;
    let server = TestServer::serving(document, |_| {}).await;
    three_versions(server.table("t"));
    assert_eq!(server.query("t", json!({}), "").await.status, 200);
    // Also for the newest version itself and for a text that is no moment; but not where the request itself is wrong.
    for body in [json!({"version": 0}), json!({"version": 2}), json!({"timestamp": "abc"}), json!({"version": 99})] {
        assert_eq!(
            refusal(&server.query("t", body, "").await),
            invalid(
                "Reading table by version or timestamp is not supported because history sharing is not enabled on table: s.d.t"
            )
        );
    }
    assert_eq!(
        refusal(&server.query("t", json!({"version": -1}), "").await),
        invalid("table version cannot be negative.")
    );
    assert_eq!(server.query("none", json!({"version": 0}), "").await.status, 404);
}

#[tokio::test]
async fn nothing_before_the_start_version_can_be_read() {
    let mut document = document(&["s.d.t"]);
    document.shares[0].schemas[0].tables[0].start_version = 1;
    let server = TestServer::serving(document, |_| {}).await;
    three_versions(server.table("t"));
    for body in [json!({"version": 0}), json!({"timestamp": "2023-11-14T22:13:20Z"})] {
        let answer = server.query("t", body, "").await;
        assert_eq!(refusal(&answer), invalid("You can only query table data since version 1."));
    }
    for body in [json!({"version": 1}), json!({"timestamp": "2023-11-14T22:13:21Z"}), json!({})] {
        assert_eq!(server.query("t", body, "").await.status, 200);
    }
}
