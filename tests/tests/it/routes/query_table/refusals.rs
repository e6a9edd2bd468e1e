//! What a query is refused for: always before the first byte, always JSON, never a server error.

use proptest::prelude::*;
use serde_json::{Value, json};
use tests::server::{Answer, OTHER_TOKEN, TestServer, document, send};

use super::{PATH, server};

fn refused(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{}", answer.text);
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (answer.status, text("errorCode"), text("message"))
}

async fn invalid(server: &TestServer, body: Value) -> String {
    let (status, code, message) = refused(&server.query("t", body.clone(), "").await);
    assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{body}: {message}");
    message
}

#[tokio::test]
async fn the_eight_combinations_in_their_order() {
    let server = server().await;
    // Each body also breaks every later rule that it can.
    for (body, message) in [
        (
            json!({"version": -1, "timestamp": "x", "startingVersion": -1, "maxFiles": 0, "includeRefreshToken": true}),
            "Please only provide one of: version,timestamp,startingVersion",
        ),
        (json!({"version": -1, "maxFiles": 0, "includeRefreshToken": true}), "table version cannot be negative."),
        (json!({"startingVersion": -1, "maxFiles": 0, "refreshToken": "t"}), "startingVersion cannot be negative."),
        (json!({"version": 1, "maxFiles": 0, "includeRefreshToken": true}), "maxFiles must be positive."),
        (
            json!({"version": 1, "pageToken": "t", "includeRefreshToken": true, "refreshToken": "t"}),
            "includeRefreshToken cannot be used when querying a specific version.",
        ),
        (
            json!({"pageToken": "t", "includeRefreshToken": true, "refreshToken": "t"}),
            "includeRefreshToken must be used in the first page request.",
        ),
        (
            json!({"timestamp": "x", "pageToken": "t", "refreshToken": "t"}),
            "refreshToken cannot be used when querying a specific version.",
        ),
        (json!({"pageToken": "t", "refreshToken": "t"}), "refreshToken must be used in the first page request."),
    ] {
        assert_eq!(invalid(&server, body).await, message);
    }
}

#[tokio::test]
async fn changes_of_a_table_without_history_are_not_enabled() {
    let mut document = document(&["s.d.t"]);
    document.shares[0].schemas[0].tables[0].history_shared = false;
    let server = TestServer::serving(document, |_| {}).await;
    let (status, code, message) = refused(&server.get("/shares/S/schemas/d/tables/T/changes").await);
    assert_eq!(
        (status, code.as_str(), message.as_str()),
        (400, "INVALID_PARAMETER_VALUE", "cdf is not enabled on table s.d.t")
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_malformed() {
    let server = server().await;
    for (body, part) in [
        ("", "No content to map due to end-of-input"),
        ("  \n", "end-of-input"),
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("\"version\"", "not a JSON object"),
        ("{}{}", "not a JSON object"),
        ("\u{0}", "not a JSON object"),
        (r#"{"predicateHints":{}}"#, "Expected an array for repeated field predicateHints of QueryTableRequest"),
        (r#"{"predicateHints":[1]}"#, "predicateHints must be an array of strings"),
        (r#"{"jsonPredicateHints":{"op":"equal"}}"#, "jsonPredicateHints must be a string"),
        (r#"{"limitHint":"many"}"#, "limitHint: Not a numeric value"),
        (r#"{"version":"x3"}"#, "version: Not a numeric value: \"x3\""),
        (r#"{"version":1.5}"#, "version: Not a numeric value: 1.5"),
        (r#"{"version":99999999999999999999}"#, "version: Not a numeric value"),
        (r#"{"timestamp":5}"#, "timestamp must be a string"),
        (r#"{"maxFiles":3000000000}"#, "maxFiles: Not an int32 value"),
        (r#"{"includeRefreshToken":"maybe"}"#, "includeRefreshToken must be true or false"),
    ] {
        let (status, code, message) = refused(&send(server.request("POST", PATH).body(body)).await);
        assert_eq!((status, code.as_str()), (400, "MALFORMED_REQUEST"), "{body}");
        assert!(message.contains(part), "{body}: {message}");
    }
    let bytes = send(server.request("POST", PATH).body(vec![0xff, 0xfe])).await;
    assert_eq!(refused(&bytes).1, "MALFORMED_REQUEST");
    let deep = send(server.request("POST", PATH).body("[".repeat(100_000))).await;
    assert_eq!(refused(&deep).1, "MALFORMED_REQUEST");
}

#[tokio::test]
async fn headers_with_values_that_cannot_be() {
    let server = server().await;
    for hash in ["sha512", "md5", "none", "", "  ", "\t"] {
        let request = server.request("POST", PATH).body("{}").header("fileidhash", hash);
        let (status, code, message) = refused(&send(request).await);
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"), "{hash:?}");
        assert!(
            message.starts_with("Unsupported fileidhash: '") && message.ends_with("Supported: parquet, delta"),
            "{message}"
        );
    }
    let (status, code, message) = refused(&server.query("t", json!({}), "responseformat=iceberg").await);
    assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER_VALUE"));
    assert!(message.contains("iceberg"), "{message}");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_granted_look_the_same() {
    let server = server().await;
    insta::assert_snapshot!("no_such_table", server.query("none", json!({}), "").await.shown());
    for path in ["/shares/none/schemas/d/tables/t/query", "/shares/s/schemas/none/tables/t/query"] {
        let (status, code, message) = refused(&send(server.request("POST", path).body("{}")).await);
        assert_eq!((status, code.as_str()), (404, "RESOURCE_DOES_NOT_EXIST"));
        assert!(message.starts_with("[Share/Schema/Table] '") && message.contains("does not exist"), "{message}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let hidden = client.post(format!("{}{PATH}", server.endpoint())).bearer_auth(OTHER_TOKEN).body("{}");
    let (status, code, message) = refused(&send(hidden).await);
    assert_eq!((status, code.as_str()), (404, "RESOURCE_DOES_NOT_EXIST"));
    assert!(message.contains("'s/d/t' does not exist"), "{message}");
}

#[tokio::test]
async fn a_share_that_points_at_nothing_says_so_without_naming_the_place() {
    let server = TestServer::of(&["s.d.t"]).await;
    let answer = server.query("t", json!({}), "").await;
    insta::assert_snapshot!("no_table", answer.shown());
    std::fs::create_dir_all(server.table("t").join("_delta_log")).unwrap();
    assert_eq!(server.query("t", json!({}), "").await.text, answer.text);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map("[a-zA-Z]{1,8}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

#[test]
fn no_body_makes_the_server_fail() {
    let fields = [
        "predicateHints",
        "jsonPredicateHints",
        "limitHint",
        "version",
        "timestamp",
        "startingVersion",
        "endingVersion",
        "maxFiles",
        "pageToken",
        "includeRefreshToken",
        "refreshToken",
        "includeHistoricalProtocol",
        "idempotencyKey",
    ];
    let body = proptest::collection::hash_map(proptest::sample::select(fields.to_vec()), any_json(), 0..4);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(server());
    proptest!(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }, |(body in body)| {
        let answer = runtime.block_on(server.query("t", json!(body), ""));
        prop_assert!(matches!(answer.status, 200 | 400), "{}: {}", answer.status, answer.text);
        if answer.status == 400 {
            refused(&answer);
        }
    });
}
