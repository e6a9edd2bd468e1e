//! A recipient with an IP access list is let in from there only, by the address of the connection.

use serde_json::{Value, json};
use tests::samples::three_versions;
use tests::server::{OTHER_TOKEN, TestServer, send};

use super::{FIRST, OTHER, TABLE, one_table, serve};

/// The first recipient may come from these networks, the other from everywhere.
async fn world(networks: Value) -> TestServer {
    let mut document = one_table();
    document["recipients"][0]["rules"] = json!({"ipAccessList": networks});
    let (server, _) = serve(&document, None).await;
    three_versions(server.table("t"));
    server
}

#[tokio::test]
async fn every_route_is_closed_from_elsewhere_whatever_headers_say() {
    let server = world(json!(["203.0.113.0/24", "2001:db8::/32"])).await;
    let mut answers = FIRST.every_table_route(&server).await;
    for path in [
        "/shares",
        "/shares/s",
        "/shares/none",
        "/shares/s/schemas",
        "/shares/s/schemas/d/tables",
        "/shares/s/all-tables",
    ] {
        answers.push(FIRST.get(&server, path).await);
    }
    for name in
        ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-envoy-external-address"]
    {
        let value = if name == "forwarded" { "for=203.0.113.9" } else { "203.0.113.9" };
        answers.push(send(server.request("GET", "/shares").header(name, value)).await);
    }
    for answer in answers {
        assert_eq!(answer.status, 403, "{}", answer.text);
        if !answer.text.is_empty() {
            assert_eq!(answer.json()["errorCode"], "PERMISSION_DENIED");
            assert!(answer.text.contains("127.0.0.1") && !answer.text.contains("203.0.113"), "{}", answer.text);
        }
    }
    for answer in OTHER.every_table_route(&server).await {
        assert_ne!(answer.status, 403);
    }
}

#[tokio::test]
async fn who_comes_from_the_list_is_let_in_and_bad_tokens_are_not() {
    for networks in [json!(["127.0.0.0/8"]), json!(["203.0.113.0/24", "127.0.0.1"])] {
        let server = world(networks).await;
        assert_eq!(FIRST.query(&server, json!({})).await.status, 200);
        assert_eq!(FIRST.get(&server, &format!("{TABLE}/version")).await.status, 200);
    }
    let server = world(json!(["::/0"])).await;
    assert_eq!(FIRST.get(&server, "/shares").await.status, 403, "IPv4 is no IPv6");
    let answer = send(server.request("GET", "/shares").header("authorization", format!("Bearer {OTHER_TOKEN}x"))).await;
    assert!(answer.status == 401 || answer.status == 403);
}
