//! 18 to 25: what a snapshot's answer says of its files; its pages and refreshes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared::clock::SystemClock;
use shared::limits::{QUERY_PAGE_TOKEN_TTL_SECS, REFRESH_TOKEN_TTL_SECS, URL_TTL_SECS_DEFAULT};
use shared::seal::Sealer;
use tests::samples::three_versions;
use tests::server::{Answer, HandClock, TestServer, document, send};
use tests::shown::key;
use tests::table_builder::EPOCH_MS;
use tests::watched::Watched;

use super::{DELTA, QUERY, commit, end, files, heads, ids, invalid, three_files, two_files};

/// The answer of a gateway whose clock is set by hand.
async fn held(gateway: &Watched, body: &Value) -> Answer {
    let answer = gateway.answer("POST", QUERY, &body.to_string()).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

#[tokio::test]
async fn a18_two_lines_and_one_for_each_file_with_the_logs_own_words() {
    let server = three_files().await;
    let logged = std::fs::read_to_string(server.table("t").join("_delta_log/00000000000000000000.json")).unwrap();
    let stats: Vec<Value> = logged
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("add").map(|add| add["stats"].clone()))
        .collect();
    for (capabilities, digits) in [("", 32), (DELTA, 64)] {
        let answer = server.query("t", json!({}), capabilities).await;
        let files = files(&answer);
        assert_eq!((answer.lines().len(), files.len()), (5, 3));
        for (file, stats) in files.iter().zip(&stats) {
            let id = file["id"].as_str().unwrap();
            assert!(id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
            let told = file.pointer("/deltaSingleAction/add").unwrap_or(file);
            let path = server.table("t").join(key(told.get("url").unwrap_or(&told["path"]), "t"));
            assert_eq!(told["size"], std::fs::metadata(path).unwrap().len());
            assert!(told["stats"].is_string() && told["stats"] == *stats, "{told}");
        }
    }
}

#[tokio::test]
async fn a19_file_ids_are_hashed_as_asked() {
    let server = three_files().await;
    let ask = async |hash: &str| send(server.request("POST", QUERY).header("fileidhash", hash).json(&json!({}))).await;
    let answer = ask("delta").await;
    assert_eq!(answer.header("fileidhash"), "delta");
    assert!(ids(&answer).iter().all(|id| id.len() == 64) && ids(&answer).len() == 3);
    assert!(files(&answer)[0].get("url").is_some(), "the format is still parquet");
    for hash in ["sha512", "md5", "none", "", "  ", "\t"] {
        invalid(&ask(hash).await, "Unsupported fileidhash");
    }
}

#[tokio::test]
async fn a20_a_url_is_the_file_and_no_other() {
    let server = three_files().await;
    for file in files(&server.query("t", json!({}), "").await) {
        let url = file["url"].as_str().unwrap();
        let (status, bytes) = server.fetch(url).await;
        assert_eq!((status, Some(bytes.len() as u64)), (200, file["size"].as_u64()));
        assert_eq!(server.fetch(&url.replace(".parquet", ".other")).await.0, 403);
    }
}

#[tokio::test]
async fn a21_urls_live_an_hour_and_say_so() {
    let server =
        TestServer::serving(document(&["s.d.t"]), |settings| settings.url_ttl_secs = URL_TTL_SECS_DEFAULT).await;
    three_versions(server.table("t"));
    let answer = server.query("t", json!({"maxFiles": 2}), "").await;
    let now = SystemClock::shared().now().millis();
    let ends: Vec<i64> = files(&answer).iter().map(|file| file["expirationTimestamp"].as_i64().unwrap()).collect();
    assert_eq!(ends.len(), 2);
    for end in &ends {
        assert!((50 * 60_000..=60 * 60_000).contains(&(end - now)), "{end} at {now}");
    }
    assert_eq!(end(&answer)["minUrlExpirationTimestamp"].as_i64(), ends.into_iter().min());
}

#[tokio::test]
async fn a22_the_last_line_is_for_whoever_asks() {
    let server = three_files().await;
    let answer = server.query("t", json!({}), "includeendstreamaction=true").await;
    assert_eq!(answer.header("delta-sharing-capabilities"), "responseformat=parquet;includeendstreamaction=true");
    assert!(end(&answer).is_object() && answer.lines().len() == 6);
    let answer = server.query("t", json!({}), "").await;
    assert!(!answer.text.contains("endStreamAction"), "{}", answer.text);
}

#[tokio::test]
async fn a23_two_pages_of_one_file() {
    let server = two_files().await;
    let first = server.query("t", json!({"maxFiles": 1}), "").await;
    let token = end(&first)["nextPageToken"].clone();
    let second = server.query("t", json!({"maxFiles": 1, "pageToken": token}), "").await;
    for answer in [&first, &second] {
        let lines = answer.lines();
        let kinds: Vec<&String> = lines.iter().map(|line| line.as_object().unwrap().keys().next().unwrap()).collect();
        assert_eq!(kinds, ["protocol", "metaData", "file", "endStreamAction"]);
    }
    assert_eq!(heads(&first), heads(&second));
    assert!(end(&second).get("nextPageToken").is_none());
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&server.query("t", json!({}), "").await));
}

#[tokio::test]
async fn a24_a_page_token_is_good_for_its_query_its_table_and_its_time() {
    let server = two_files().await;
    let token = end(&server.query("t", json!({"maxFiles": 1}), "").await)["nextPageToken"].clone();
    let next = json!({"maxFiles": 1, "pageToken": token});
    let with_limit = json!({"maxFiles": 1, "pageToken": token, "limitHint": 3});
    invalid(&server.query("t", with_limit, "").await, "Query parameter mismatch");
    invalid(&server.query("u", next, "").await, "does not match the table being queried");
    let random = json!({"maxFiles": 1, "pageToken": "randomPageToken"});
    invalid(&server.query("t", random, "").await, "Error decoding the page token");

    let folder = tempfile::tempdir().unwrap();
    three_versions(folder.path().join("t"));
    let clock = Arc::new(HandClock(AtomicI64::new(EPOCH_MS)));
    let gateway = Watched::sealing(&["s.d.t"], folder.path(), Sealer::new(&[7; 32]), clock.clone()).await;
    let token = end(&held(&gateway, &json!({"maxFiles": 1})).await)["nextPageToken"].clone();
    clock.0.fetch_add(QUERY_PAGE_TOKEN_TTL_SECS * 1000 + 1, Ordering::SeqCst);
    invalid(&held(&gateway, &json!({"maxFiles": 1, "pageToken": token})).await, "The page token has expired");
}

#[tokio::test]
async fn a25_a_refresh_is_the_same_files_also_after_a_commit() {
    let server = TestServer::of(&["s.d.t", "s.d.u"]).await;
    let mut table = three_versions(server.table("t"));
    three_versions(server.table("u"));
    let first = server.query("t", json!({"includeRefreshToken": true}), "").await;
    // Protocol, metadata, three files, the end.
    assert_eq!(first.lines().len(), 6);
    let token = end(&first)["refreshToken"].clone();
    let again = json!({"refreshToken": token, "includeRefreshToken": true});
    for committed in [false, true] {
        if committed {
            let actions = vec![table.remove("3.parquet"), table.add_entry("later", None, 1)];
            commit(&mut table, actions);
        }
        let answer = server.query("t", again.clone(), "").await;
        assert_eq!((heads(&answer), ids(&answer)), (heads(&first), ids(&first)));
    }
    invalid(&server.query("t", json!({"refreshToken": "wrong"}), "").await, "Error decoding refresh token: wrong.");
    let foreign = server.query("u", json!({"refreshToken": token}), "").await;
    invalid(&foreign, "The table specified in the refresh token does not match the table being queried.");

    let folder = tempfile::tempdir().unwrap();
    three_versions(folder.path().join("t"));
    let clock = Arc::new(HandClock(AtomicI64::new(EPOCH_MS)));
    let gateway = Watched::sealing(&["s.d.t"], folder.path(), Sealer::new(&[7; 32]), clock.clone()).await;
    let token = end(&held(&gateway, &json!({"includeRefreshToken": true})).await)["refreshToken"].clone();
    clock.0.fetch_add(REFRESH_TOKEN_TTL_SECS * 1000 + 1, Ordering::SeqCst);
    let late = held(&gateway, &json!({"refreshToken": token})).await;
    invalid(&late, "The refresh token has expired. Please restart the query.");
}
