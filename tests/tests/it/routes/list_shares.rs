//! `GET /shares` and `GET /shares/{share}`.

use tests::server::{OTHER_TOKEN, TestServer, send};

#[tokio::test]
async fn a_recipient_sees_what_it_was_granted() {
    let server = TestServer::of(&["b.x.t", "Other.x.t", "other2.x.t", "a.x.t"]).await;
    insta::assert_snapshot!(server.get("/shares").await.shown());
    let request = server.request("GET", "/shares").header("authorization", format!("Bearer {OTHER_TOKEN}"));
    // reqwest would send both headers.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    drop(request);
    let request = client.get(format!("{}/shares", server.endpoint())).bearer_auth(OTHER_TOKEN);
    assert_eq!(send(request).await.json()["items"][0]["name"], "other2");
    let request = client.get(format!("{}/shares/a", server.endpoint())).bearer_auth(OTHER_TOKEN);
    let hidden = send(request).await;
    let request = client.get(format!("{}/shares/nosuch", server.endpoint())).bearer_auth(OTHER_TOKEN);
    let missing = send(request).await;
    assert_eq!((hidden.status, hidden.text.replace("'a'", "'nosuch'")), (missing.status, missing.text));
}

#[tokio::test]
async fn a_share_is_found_without_regard_to_case() {
    let server = TestServer::of(&["Mixed.x.t"]).await;
    insta::assert_snapshot!(server.get("/shares/mIXED").await.shown());
    insta::assert_snapshot!(server.get("/shares/none").await.shown());
}

#[tokio::test]
async fn pages() {
    let server = TestServer::of(&["c.x.t", "a.x.t", "B.x.t"]).await;
    let first = server.get("/shares?maxResults=2").await;
    insta::assert_snapshot!(first.shown());
    let token = first.json()["nextPageToken"].as_str().unwrap().to_owned();
    assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{token}");
    insta::assert_snapshot!(server.get(&format!("/shares?maxResults=2&pageToken={token}")).await.shown());
    for query in ["maxResults=501", "maxResults=-1", "maxResults=many", "pageToken=forged"] {
        let refused = server.get(&format!("/shares?{query}")).await;
        assert_eq!(
            (refused.status, refused.json()["errorCode"].as_str()),
            (400, Some("INVALID_PARAMETER_VALUE")),
            "{query}"
        );
    }
    // A token is good for its own list only.
    assert_eq!(server.get(&format!("/shares/a/schemas?pageToken={token}")).await.status, 400);
}
