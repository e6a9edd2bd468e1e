//! 1 to 9: who may ask, and the lists.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::catalog::document::CatalogDocument;
use shared::catalog::file::CatalogSource;
use shared::catalog::index::{Index, Order};
use tests::server::{TestServer, document, send};
use tests::table_builder::TableBuilder;

use super::{invalid, refused};

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// Every page of one item, down to the last, which has no token.
async fn walk(server: &TestServer, path: &str) -> Vec<Value> {
    let (mut items, mut token) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}?maxResults=1{token}")).await.json();
        let found = page["items"].as_array().unwrap();
        assert!(found.len() <= 1, "{page}");
        items.extend(found.clone());
        let Some(next) = page.get("nextPageToken") else { return items };
        assert_ne!(next, "");
        token = format!("&pageToken={}", next.as_str().unwrap());
    }
}

/// Shares without tables, granted to the recipient of the test token.
fn shares(content: Value) -> CatalogDocument {
    let ids: Vec<&Value> = content.as_array().unwrap().iter().map(|share| &share["id"]).collect();
    let tokens = serde_json::to_value(&document(&[]).recipients[0].tokens).unwrap();
    let recipients = json!([{"name": "r", "id": "r", "grants": ids, "tokens": tokens}]);
    serde_json::from_value(json!({"formatVersion": 1, "shares": content, "recipients": recipients})).unwrap()
}

#[tokio::test]
async fn a01_no_token_or_a_wrong_one_is_401() {
    let server = TestServer::of(&["s.d.t"]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/shares", "/shares/s/schemas/d/tables/t/version", "/shares/none"] {
        let url = format!("{}{path}", server.endpoint());
        for request in [client.get(&url), client.get(&url).bearer_auth("incorrect-token")] {
            let answer = send(request).await;
            assert_eq!((answer.status, answer.header("content-type")), (401, "application/json; charset=utf-8"));
            assert!(answer.json()["errorCode"].is_string() && answer.json()["message"].is_string(), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a02_all_shares_are_listed_in_order() {
    let server = TestServer::of(&["b.x.t", "A.x.t", "c.x.t"]).await;
    let answer = server.get("/shares").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json; charset=utf-8"));
    // The order of a catalogue is that of folded names: total, and the same in every process. Only a configuration file,
    // which has an order that someone chose, keeps it.
    assert_eq!(names(&answer.json()), ["A", "b", "c"]);
    let written = shares(json!([{"name": "z", "id": "1"}, {"name": "b", "id": "2"}, {"name": "Y", "id": "3"}]));
    let index = Index::new(&written, Order::AsWritten, &|_: &str| unreachable!("there are no tables")).unwrap();
    let catalog: Arc<dyn CatalogSource> = Arc::new(Arc::new(index));
    let server = TestServer::serving(written, |settings| settings.catalog = catalog).await;
    assert_eq!(names(&server.get("/shares").await.json()), ["z", "b", "Y"]);
    assert_eq!(names(&json!({"items": walk(&server, "/shares").await})), ["z", "b", "Y"]);
}

#[tokio::test]
async fn a03_pages_of_one_show_each_share_once_in_the_same_order() {
    let server = TestServer::of(&["b.x.t", "a.x.t", "c.x.t", "d.x.t"]).await;
    let whole = server.get("/shares").await.json();
    assert!(whole.get("nextPageToken").is_none());
    assert_eq!(json!(walk(&server, "/shares").await), whole["items"]);
}

#[tokio::test]
async fn a04_max_results_is_a_number_from_0_to_500() {
    let server = TestServer::of(&["s.d.t"]).await;
    for path in ["/shares", "/shares/s/schemas", "/shares/s/schemas/d/tables", "/shares/s/all-tables"] {
        let none = server.get(&format!("{path}?maxResults=0")).await;
        assert_eq!((none.status, &none.json()["items"]), (200, &json!([])), "{path}");
        assert_eq!(server.get(&format!("{path}?maxResults=500")).await.status, 200);
        for outside in ["-1", "501"] {
            invalid(&server.get(&format!("{path}?maxResults={outside}")).await, "0 to 500");
        }
        let text = server.get(&format!("{path}?maxResults=string")).await;
        invalid(&text, "expected a number but the string didn't have the appropriate format");
    }
}

#[tokio::test]
async fn a05_a_token_is_good_for_its_own_list() {
    let server = TestServer::of(&["s.a.t", "s.b.t", "u.a.t", "u.b.t"]).await;
    let token = async |path: &str| {
        let page = server.get(&format!("{path}?maxResults=1")).await.json();
        page["nextPageToken"].as_str().unwrap().to_owned()
    };
    let (of_shares, of_schemas) = (token("/shares").await, token("/shares/u/schemas").await);
    for token in [of_shares.as_str(), of_schemas.as_str(), "%22%22", "garbage", "AAAA"] {
        invalid(&server.get(&format!("/shares/s/schemas?pageToken={token}")).await, "invalid 'nextPageToken'");
    }
}

#[tokio::test]
async fn a06_what_is_empty_is_an_empty_list() {
    let empty = shares(json!([{"name": "s", "id": "1", "schemas": [{"name": "d"}]}, {"name": "u", "id": "2"}]));
    let server = TestServer::serving(empty, |_| {}).await;
    for path in ["/shares/u/schemas", "/shares/u/all-tables", "/shares/s/schemas/d/tables", "/shares/s/all-tables"] {
        let answer = server.get(path).await;
        // Of the two forms the one with `items`: some clients fail without the key.
        assert_eq!((answer.status, answer.json()), (200, json!({"items": []})), "{path}");
    }
}

#[tokio::test]
async fn a07_all_tables_walk_the_schemas_in_order_and_pages_cross_their_borders() {
    let server = TestServer::of(&["share7.schema2.table9", "share7.schema1.table8", "share7.schema1.table10"]).await;
    let whole = server.get("/shares/share7/all-tables").await.json();
    let paged = walk(&server, "/shares/share7/all-tables").await;
    assert_eq!(json!(paged), whole["items"]);
    let place = |item: &Value| format!("{}.{}", item["schema"].as_str().unwrap(), item["name"].as_str().unwrap());
    let places: Vec<String> = paged.iter().map(place).collect();
    assert_eq!(places, ["schema1.table10", "schema1.table8", "schema2.table9"]);
}

#[tokio::test]
async fn a08_what_is_not_there_is_404_and_named() {
    let server = TestServer::of(&["s.d.t"]).await;
    for (path, part) in [
        ("/shares/none", "share 'none' not found"),
        ("/shares/none/schemas", "share 'none' not found"),
        ("/shares/none/all-tables", "share 'none' not found"),
        ("/shares/s/schemas/none/tables", "schema 'none' not found"),
        ("/shares/s/schemas/d/tables/none/version", "[Share/Schema/Table] 's/d/none' does not exist"),
        ("/shares/s/schemas/d/tables/none/metadata", "[Share/Schema/Table] 's/d/none' does not exist"),
        ("/shares/none/schemas/d/tables/t/metadata", "[Share/Schema/Table] 'none/d/t' does not exist"),
    ] {
        let answer = server.get(path).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["errorCode"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")), "{path}");
        assert!(body["message"].as_str().unwrap().contains(part), "{path}: {body}");
    }
    // A share that is there and holds no Delta table where it points is the provider's mistake, not the recipient's.
    refused(&server.get("/shares/s/schemas/d/tables/t/version").await, "MALFORMED_REQUEST", "");
}

#[tokio::test]
async fn a09_names_are_found_in_any_case() {
    let server = TestServer::of(&["share1.default.table3"]).await;
    TableBuilder::new(server.table("table3")).commit(vec![]);
    let lower = server.get("/shares/share1/schemas/default/tables/table3/metadata").await;
    let mixed = server.get("/shares/sHare1/schemas/deFault/tables/taBle3/metadata").await;
    assert_eq!((mixed.status, &mixed.text), (200, &lower.text));
}
