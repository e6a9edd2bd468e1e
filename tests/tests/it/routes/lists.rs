//! `GET …/schemas`, `GET …/tables` and `GET …/all-tables`.

use tests::server::{OTHER_TOKEN, TestServer, send};

const NAMES: [&str; 5] = ["s.b.t2", "s.b.T1", "s.a.t", "s.c.last", "other.d.t"];

#[tokio::test]
async fn schemas_tables_and_all_tables() {
    let server = TestServer::of(&NAMES).await;
    for (name, path) in [
        ("schemas", "/shares/s/schemas"),
        ("tables", "/shares/s/schemas/B/tables"),
        ("all_tables", "/shares/s/all-tables"),
        ("no_share", "/shares/none/schemas"),
        ("no_schema", "/shares/s/schemas/none/tables"),
    ] {
        insta::assert_snapshot!(name, server.get(path).await.shown());
    }
}

#[tokio::test]
async fn every_item_comes_once_whatever_the_page_size() {
    let server = TestServer::of(&NAMES).await;
    for path in ["/shares/s/schemas", "/shares/s/schemas/b/tables", "/shares/s/all-tables"] {
        let whole = server.get(path).await.json()["items"].as_array().unwrap().clone();
        for size in 1..=3 {
            let mut items = Vec::new();
            let mut query = format!("?maxResults={size}");
            loop {
                let page = server.get(&format!("{path}{query}")).await.json();
                items.extend(page["items"].as_array().unwrap().clone());
                let Some(token) = page.get("nextPageToken") else { break };
                query = format!("?maxResults={size}&pageToken={}", token.as_str().unwrap());
            }
            assert_eq!(items, whole, "{path} by {size}");
        }
    }
}

#[tokio::test]
async fn an_empty_list_still_has_items() {
    let document = serde_json::json!({"formatVersion": 1, "shares": [{"name": "s", "id": "i"}],
        "recipients": [{"name": "r", "id": "r", "grants": ["i"], "tokens": tests::server::document(&[]).recipients[0].tokens}]});
    let server = TestServer::serving(serde_json::from_value(document).unwrap(), |_| {}).await;
    for path in ["/shares/s/schemas", "/shares/s/all-tables"] {
        assert_eq!(server.get(path).await.text.trim(), r#"{"items":[]}"#, "{path}");
    }
}

#[tokio::test]
async fn a_page_token_is_good_for_its_route_its_parent_and_its_recipient_only() {
    let server =
        TestServer::of(&["other.a.t1", "other.a.t2", "other.b.t1", "other.b.t2", "other2.a.t1", "other2.a.t2"]).await;
    let paths = [
        "/shares",
        "/shares/other/schemas",
        "/shares/other/schemas/a/tables",
        "/shares/other/schemas/b/tables",
        "/shares/other/all-tables",
        "/shares/other2/all-tables",
        "/shares/other2/schemas/a/tables",
    ];
    for from in paths {
        let page = server.get(&format!("{from}?maxResults=1")).await.json();
        let token = page["nextPageToken"].as_str().unwrap();
        for to in paths {
            let answer = server.get(&format!("{to}?pageToken={token}")).await;
            assert_eq!(answer.status, if from == to { 200 } else { 400 }, "{from} to {to}");
            if from != to {
                assert!(
                    answer.json()["message"].as_str().unwrap().contains("invalid 'nextPageToken'"),
                    "{}",
                    answer.text
                );
            }
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let stolen = client.get(format!("{}{from}?pageToken={token}", server.endpoint())).bearer_auth(OTHER_TOKEN);
        assert_eq!(send(stolen).await.status, 400, "{from}");
        // The letters' case of the path is not part of the place.
        let upper = from.replace("other", "OTHER").replace("/a/", "/A/");
        assert_eq!(server.get(&format!("{upper}?pageToken={token}")).await.status, 200, "{upper}");
    }
}
