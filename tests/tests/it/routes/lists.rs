//! `GET …/schemas`, `GET …/tables` and `GET …/all-tables`.

use tests::server::TestServer;

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
