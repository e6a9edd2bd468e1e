//! A grant is good from its beginning to its end, by the server's clock, on every route and for every token; no URL works
//! for longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use tests::samples::three_versions;
use tests::server::{Answer, HandClock, TestServer};

use super::{FIRST, OTHER, TABLE, one_table, serve};

const HOUR_MS: i64 = 3_600_000;
/// A moment after everything that the sample tables have.
const NOON_MS: i64 = 1_800_000_000_000;

fn iso(millis: i64) -> String {
    shared::model::version::TimestampMs::new(millis).to_iso()
}

/// The first recipient's grant begins at noon and ends two hours later; the other's always holds.
async fn world() -> (TestServer, Arc<HandClock>) {
    let clock = Arc::new(HandClock(AtomicI64::new(NOON_MS)));
    let mut document = one_table();
    let share = document["shares"][0]["id"].as_str().unwrap().to_owned();
    document["recipients"][0]["grantWindows"] =
        json!({share: {"from": iso(NOON_MS), "until": iso(NOON_MS + 2 * HOUR_MS)}});
    let (server, _) = serve(&document, Some(clock.clone())).await;
    three_versions(server.table("t"));
    (server, clock)
}

async fn lists(server: &TestServer) -> Vec<Answer> {
    let mut answers = Vec::new();
    for path in ["/shares/s", "/shares/s/schemas", "/shares/s/schemas/d/tables", "/shares/s/all-tables"] {
        answers.push(FIRST.get(server, path).await);
    }
    answers
}

#[tokio::test]
async fn before_and_after_there_is_no_share() {
    let (server, clock) = world().await;
    for (at, good) in [(-1, false), (0, true), (2 * HOUR_MS - 1000, true), (2 * HOUR_MS, false)] {
        clock.0.store(NOON_MS + at, Ordering::SeqCst);
        let shares = FIRST.get(&server, "/shares").await.json();
        assert_eq!(shares["items"].as_array().map_or(0, Vec::len), usize::from(good), "{at}");
        for answer in lists(&server).await {
            assert_eq!(answer.status, if good { 200 } else { 404 }, "{at} {}", answer.text);
        }
        for answer in FIRST.every_table_route(&server).await {
            // The change data feed of the sample is recorded from its last version on.
            assert!(if good { answer.status != 404 } else { answer.status == 404 }, "{at} {}", answer.text);
        }
        assert_eq!(OTHER.query(&server, json!({})).await.status, 200, "{at}");
    }
}

#[tokio::test]
async fn tokens_to_go_on_with_end_with_the_grant() {
    let (server, clock) = world().await;
    clock.0.store(NOON_MS + 2 * HOUR_MS - 2, Ordering::SeqCst);
    // Signed a moment before the end nothing could be fetched any more.
    let late = FIRST.query(&server, json!({})).await;
    assert_eq!(late.status, 404, "{}", late.text);
    clock.0.store(NOON_MS + 2 * HOUR_MS - 60_000, Ordering::SeqCst);
    let first = FIRST.query(&server, json!({"maxFiles": 1, "includeRefreshToken": true})).await;
    let end = first.lines().pop().unwrap()["endStreamAction"].clone();
    let bodies =
        [json!({"maxFiles": 1, "pageToken": end["nextPageToken"]}), json!({"refreshToken": end["refreshToken"]})];
    for body in &bodies {
        assert_eq!(FIRST.query(&server, body.clone()).await.status, 200);
    }
    clock.0.store(NOON_MS + 2 * HOUR_MS, Ordering::SeqCst);
    for body in &bodies {
        let answer = FIRST.query(&server, body.clone()).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
}

#[tokio::test]
async fn no_url_works_longer_than_the_grant() {
    let (server, clock) = world().await;
    let until = NOON_MS + 2 * HOUR_MS;
    // URLs of this server live for ten minutes.
    for (left_ms, lives_ms) in [(2 * HOUR_MS, 600_000), (600_000, 600_000), (300_000, 300_000), (1_999, 1_000)] {
        clock.0.store(until - left_ms, Ordering::SeqCst);
        let answer = FIRST.query(&server, json!({"includeRefreshToken": true})).await;
        let lines = answer.lines();
        let ends: Vec<i64> = lines.iter().filter_map(|line| line["file"]["expirationTimestamp"].as_i64()).collect();
        assert!(!ends.is_empty(), "{}", answer.text);
        for (end, line) in ends.iter().zip(&lines[2..]) {
            assert!(
                *end <= until && *end <= until - left_ms + lives_ms && *end > until - left_ms - 1000,
                "{left_ms} {end}"
            );
            let url = line["file"]["url"].as_str().unwrap();
            assert!(url.contains(&format!("X-Amz-Expires={}&", lives_ms / 1000)), "{url}");
        }
        let least: &Value = &lines.last().unwrap()["endStreamAction"]["minUrlExpirationTimestamp"];
        assert!(least.as_i64().unwrap() <= until);
    }
    clock.0.store(until - 300_000, Ordering::SeqCst);
    let changes = FIRST.get(&server, &format!("{TABLE}/changes?startingVersion=2")).await;
    let ends: Vec<i64> =
        changes.lines().iter().filter_map(|line| line["add"]["expirationTimestamp"].as_i64()).collect();
    assert!(!ends.is_empty() && ends.iter().all(|end| *end <= until), "{}", changes.text);
}
