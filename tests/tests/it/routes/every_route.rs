//! What holds for every route: the gate, unknown paths and methods, slashes, bodies, request ids.

use proptest::prelude::*;
use shared::route::{Access, ROUTES};
use tests::raw::exchange;
use tests::samples::three_versions;
use tests::server::{TestServer, send};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn filled(template: &str) -> String {
    template.replace("{share}", "s").replace("{schema}", "d").replace("{table}", "t")
}

#[tokio::test]
async fn without_a_good_token_there_is_nothing() {
    let server = TestServer::of(&["s.d.t"]).await;
    for route in ROUTES.iter().filter(|route| route.access == Access::Bearer) {
        let url = format!("{}{}", server.endpoint(), filled(route.path));
        let method: reqwest::Method = route.method.parse().unwrap();
        for token in [None, Some("wrong"), Some("")] {
            let mut request = client().request(method.clone(), &url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = send(request).await;
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, "Bearer"),
                "{} {}",
                route.method,
                route.path
            );
            if route.method != "HEAD" {
                assert_eq!(answer.json()["errorCode"], "UNAUTHENTICATED");
            }
        }
    }
    let basic = send(client().get(format!("{}/shares", server.endpoint())).basic_auth("a", Some("b"))).await;
    insta::assert_snapshot!(basic.shown());
}

#[tokio::test]
async fn health_needs_no_token_and_tells_nothing() {
    let server = TestServer::of(&["s.d.t"]).await;
    let root = server.endpoint().trim_end_matches("/delta-sharing");
    for url in [format!("{root}/health"), format!("{}/health", server.endpoint())] {
        let answer = send(client().get(url)).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"status":"ok"}"#));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_too() {
    let server = TestServer::of(&["s.d.t"]).await;
    insta::assert_snapshot!("unknown_path", server.get("/nothing/here").await.shown());
    insta::assert_snapshot!("wrong_method", send(server.request("DELETE", "/shares")).await.shown());
    insta::assert_snapshot!("get_of_a_query", server.get("/shares/s/schemas/d/tables/t/query").await.shown());
    let outside = send(client().get(server.endpoint().replace("/delta-sharing", "/elsewhere"))).await;
    assert_eq!((outside.status, outside.json()["errorCode"].as_str()), (404, Some("RESOURCE_DOES_NOT_EXIST")));
}

#[tokio::test]
async fn slashes_fold_and_names_are_decoded_once() {
    let server = TestServer::of(&["a+b%c.d.t"]).await;
    for path in ["//shares//a+b%25c/", "/shares/a%2Bb%25C"] {
        assert_eq!(server.get(path).await.json()["share"]["name"], "a+b%c", "{path}");
    }
    assert_eq!(server.get("/shares/a%20b%25c").await.status, 404, "a plus is not a space");
    assert_eq!(server.get("/shares/a+b%2525c").await.status, 404, "decoded twice");
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let server = TestServer::of(&["s.d.t"]).await;
    let (one, two) = (server.get("/shares").await, server.get("/shares").await);
    assert_eq!(one.header("x-request-id").len(), 16);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    for path in ["/nothing/here", "/health"] {
        assert_eq!(server.get(path).await.header("x-request-id").len(), 16, "{path}");
    }
}

#[tokio::test]
async fn a_body_has_a_bound() {
    let server = TestServer::of(&["s.d.t"]).await;
    let body = vec![b' '; shared::limits::REQUEST_BODY_BYTES_MAX + 1];
    let answer = server.request("POST", "/shares/s/schemas/d/tables/t/query").body(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["errorCode"], "REQUEST_TOO_LARGE");
}

#[tokio::test]
async fn an_answer_that_cannot_begin_in_time_says_so() {
    // A store that takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut document = tests::server::document(&["s.d.t"]);
    document.shares[0].schemas[0].tables[0].location = "s3://bucket/t".into();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let server = TestServer::serving(document, |settings| {
        settings.s3_endpoint = Some(endpoint);
        settings.first_byte_within = Some(std::time::Duration::from_millis(200));
    })
    .await;
    let answer = server.get("/shares/s/schemas/d/tables/t/metadata").await;
    assert_eq!((answer.status, answer.json()["errorCode"].as_str()), (503, Some("TEMPORARILY_UNAVAILABLE")));
}

#[test]
fn no_path_query_or_header_makes_the_server_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::of(&["s.d.t"]));
    three_versions(server.table("t"));
    let text = "[!-\"$->@-~]{0,12}|%[0-9a-fA-F]{2}|-?[0-9]{1,20}|\\PC{1,4}";
    let segment = proptest::sample::select(vec!["s", "d", "t", "%00", "..", "%2F"]).prop_map(str::to_owned).boxed();
    let segment = segment.prop_union(text.prop_map(|text| text.replace(['?', '#'], "")).boxed());
    let route = proptest::sample::select(ROUTES.to_vec());
    let key =
        proptest::sample::select(vec!["version", "timestamp", "startingTimestamp", "maxResults", "pageToken", "x"]);
    let header =
        proptest::sample::select(vec!["delta-sharing-capabilities", "fileidhash", "accept-encoding", "content-type"]);
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(route in route, names in [segment.clone(), segment.clone(), segment], key in key, value in text, header in header, said in "[ -~]{0,20}")| {
        let [share, schema, table] = names;
        let path = route.path.replace("{share}", &share).replace("{schema}", &schema).replace("{table}", &table);
        let target: String = format!("{path}?{key}={value}").chars().filter(char::is_ascii_graphic).collect();
        let lines = [format!("{header}: {said}"), "content-length: 2".to_owned()];
        let lines = lines.each_ref().map(String::as_str);
        let answer = runtime.block_on(exchange(&server, route.method, &target, &lines, "{}"));
        let status = answer.head.split(' ').nth(1).unwrap().to_owned();
        prop_assert!(["200", "400", "404", "405"].contains(&status.as_str()), "{} {}: {}", route.method, target, answer.head);
        prop_assert!(answer.complete || route.method == "HEAD");
    });
}
