//! New URLs for a snapshot that was read before: the same version, whatever was committed since.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared::limits::REFRESH_TOKEN_TTL_SECS;
use shared::seal::Sealer;
use tests::samples::three_versions;
use tests::server::{HandClock, OTHER_TOKEN, TestServer, document, send};
use tests::shown::key;
use tests::table_builder::EPOCH_MS;
use tests::watched::Watched;

use super::paging::page;
use super::{PATH, server};

async fn token(server: &TestServer, body: Value) -> String {
    let (_, end) = page(&server.query("t", body, "").await);
    let token = end["refreshToken"].as_str().unwrap().to_owned();
    assert!(token.len() < 1024 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    token
}

fn keys(files: &[Value]) -> Vec<String> {
    files.iter().map(|line| key(&line["file"]["url"], "t")).collect()
}

#[tokio::test]
async fn a_refresh_is_the_old_version_with_new_urls_also_after_a_commit() {
    for shared in [true, false] {
        let mut document = document(&["s.d.t"]);
        document.shares[0].schemas[0].tables[0].history_shared = shared;
        let server = TestServer::serving(document, |_| {}).await;
        let mut table = three_versions(server.table("t"));
        let before = server.query("t", json!({"includeRefreshToken": true}), "").await;
        let (files, end) = page(&before);
        let first = end["refreshToken"].as_str().unwrap().to_owned();
        assert_eq!(end.as_object().unwrap().keys().collect::<Vec<_>>(), ["minUrlExpirationTimestamp", "refreshToken"]);

        let later = vec![table.remove("3.parquet"), table.add_entry("later.parquet", None, 1)];
        table.commit_at(EPOCH_MS + 3000, later);
        let mut again = first;
        // What clients send: the token alone, hints and a limit once more, and with a request for a further token.
        for more in [json!({}), json!({"limitHint": 1, "jsonPredicateHints": "x"}), json!({"predicateHints": []})] {
            let mut body = json!({"refreshToken": again, "includeRefreshToken": true});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = server.query("t", body, "").await;
            let (found, end) = page(&answer);
            assert_eq!((keys(&found), answer.header("delta-table-version")), (keys(&files), "2"));
            assert_eq!(answer.lines()[..2], before.lines()[..2]);
            assert_eq!(server.fetch(found[0]["file"]["url"].as_str().unwrap()).await.0, 404, "signed, without a file");
            let new = end["refreshToken"].as_str().unwrap().to_owned();
            assert_ne!(new, again);
            again = new;
        }
        // Without the request there is no further token, and no last line.
        let answer = server.query("t", json!({"refreshToken": again}), "").await;
        assert!(!answer.text.contains("endStreamAction") && answer.header("delta-table-version") == "2");
        assert_eq!(server.query("t", json!({}), "").await.header("delta-table-version"), "3");
    }
}

#[tokio::test]
async fn a_refresh_after_a_checkpoint_has_the_same_files() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    let (files, end) = page(&server.query("t", json!({"includeRefreshToken": true}), "").await);
    table.checkpoint();
    table.delete_all_commits();
    let answer = server.query("t", json!({"refreshToken": end["refreshToken"]}), "").await;
    let sorted = |files: &[Value]| {
        let mut keys = keys(files);
        keys.sort();
        keys
    };
    assert_eq!(sorted(&answer.lines()[2..]), sorted(&files));
}

#[tokio::test]
async fn a_refresh_can_be_read_in_pages() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    let (first, end) = page(&server.query("t", json!({"includeRefreshToken": true, "maxFiles": 1}), "").await);
    assert!(first.len() == 1 && end.get("nextPageToken").is_some() && end.get("refreshToken").is_some());
    table.commit_at(EPOCH_MS + 3000, vec![table.add_entry("later.parquet", None, 1)]);
    let (first, end) = page(&server.query("t", json!({"refreshToken": end["refreshToken"], "maxFiles": 2}), "").await);
    let answer = server.query("t", json!({"pageToken": end["nextPageToken"]}), "").await;
    assert_eq!(answer.header("delta-table-version"), "2");
    let all = [first, answer.lines().split_off(2)].concat();
    assert_eq!(keys(&all), ["p=a/4.parquet", "3.parquet", "p=b c/2.parquet"]);
}

#[tokio::test]
async fn a_refresh_token_is_good_for_its_table_and_recipient_only() {
    let refused = |status: u16, body: Value| {
        assert_eq!((status, body["errorCode"].as_str()), (400, Some("INVALID_PARAMETER_VALUE")), "{body}");
        body["message"].as_str().unwrap().to_owned()
    };
    let here = server().await;
    let good = token(&here, json!({"includeRefreshToken": true})).await;
    let (_, end) = page(&here.query("t", json!({"maxFiles": 1}), "").await);
    let of_a_page = end["nextPageToken"].as_str().unwrap();
    let mut tampered = good.clone().into_bytes();
    tampered[60] ^= 1;
    for bad in [of_a_page, std::str::from_utf8(&tampered).unwrap(), "abc"] {
        let answer = here.query("t", json!({"refreshToken": bad}), "").await;
        let message = refused(answer.status, answer.json());
        assert!(message.starts_with("Error decoding refresh token: "), "{message}");
    }
    let answer = here.query("t", json!({"refreshToken": "abc"}), "").await;
    assert_eq!(refused(answer.status, answer.json()), "Error decoding refresh token: abc.");

    let server = TestServer::of(&["other.d.t", "other.d.u"]).await;
    three_versions(server.table("t"));
    three_versions(server.table("u"));
    let path = |table: &str| format!("/shares/other/schemas/d/tables/{table}/query");
    let first = send(server.request("POST", &path("t")).json(&json!({"includeRefreshToken": true}))).await;
    let next = json!({"refreshToken": page(&first).1["refreshToken"]});
    let answer = send(server.request("POST", &path("u")).json(&next)).await;
    assert_eq!(
        refused(answer.status, answer.json()),
        "The table specified in the refresh token does not match the table being queried."
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{}", server.endpoint(), path("t"));
    let answer = send(client.post(url).bearer_auth(OTHER_TOKEN).json(&next)).await;
    let message = refused(answer.status, answer.json());
    assert!(message.starts_with("Error decoding refresh token: "), "{message}");
}

#[tokio::test]
async fn a_refresh_token_ends() {
    let folder = tempfile::tempdir().unwrap();
    three_versions(folder.path().join("t"));
    let clock = Arc::new(HandClock(AtomicI64::new(EPOCH_MS)));
    let gateway = Watched::sealing(&["s.d.t"], folder.path(), Sealer::new(&[7; 32]), clock.clone()).await;
    let ask = async |body: Value| {
        let answer = gateway.answer("POST", PATH, &body.to_string()).await;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let last = std::str::from_utf8(&bytes).unwrap().lines().last().unwrap().to_owned();
        (status, serde_json::from_str::<Value>(&last).unwrap())
    };
    let (_, end) = ask(json!({"includeRefreshToken": true})).await;
    let body = json!({"refreshToken": end["endStreamAction"]["refreshToken"]});
    clock.0.fetch_add(REFRESH_TOKEN_TTL_SECS * 1000, Ordering::SeqCst);
    assert_eq!(ask(body.clone()).await.0, 200);
    clock.0.fetch_add(1, Ordering::SeqCst);
    let (status, refused) = ask(body).await;
    let text = "The refresh token has expired. Please restart the query.";
    assert_eq!((status, &refused["message"]), (400, &json!(text)));
}
