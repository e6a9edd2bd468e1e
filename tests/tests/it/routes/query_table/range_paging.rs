//! Ranges and the change data feed in pages: together they are the one answer, whatever is committed meanwhile, and a token
//! is good for nothing else.

use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared::clock::SystemClock;
use shared::seal::Sealer;
use tests::samples::recorded_changes;
use tests::server::{Answer, OTHER_TOKEN, TestServer, send};
use tests::table_builder::{EPOCH_MS, TableBuilder, commit_name};
use tests::watched::Watched;

use super::paging::{head, unsigned};

const DELTA: &str = "responseformat=delta";

/// The two routes, each with what it asks of the whole range.
#[derive(Clone, Copy, Debug)]
enum Route {
    Range(&'static str),
    Feed(&'static str),
}

const ROUTES: [Route; 4] = [
    Route::Range(r#"{"startingVersion":0}"#),
    Route::Range(r#"{"startingVersion":1,"endingVersion":5,"includeHistoricalProtocol":true}"#),
    Route::Feed("startingVersion=0"),
    Route::Feed("startingTimestamp=2023-11-14T22:13:20Z&includeHistoricalMetadata=true"),
];

impl Route {
    async fn ask(self, server: &TestServer, capabilities: &str, max: Option<usize>, token: Option<&str>) -> Answer {
        match self {
            Self::Range(body) => {
                let mut body: Value = serde_json::from_str(body).unwrap();
                if let Some(max) = max {
                    body["maxFiles"] = max.into();
                }
                if let Some(token) = token {
                    body["pageToken"] = token.into();
                }
                server.query("t", body, capabilities).await
            }
            Self::Feed(query) => {
                let max = max.map(|max| format!("&maxFiles={max}")).unwrap_or_default();
                let token = token.map(|token| format!("&pageToken={token}")).unwrap_or_default();
                let path = format!("/shares/s/schemas/d/tables/t/changes?{query}{max}{token}");
                send(server.request("GET", &path).header("delta-sharing-capabilities", capabilities)).await
            }
        }
    }
}

async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    recorded_changes(server.table("t"));
    server
}

/// The lines after the head, and the last one.
fn page(answer: &Answer) -> (Vec<Value>, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut lines = answer.lines();
    let end = lines.pop().unwrap();
    (lines.split_off(2), end["endStreamAction"].clone())
}

fn token(answer: &Answer) -> Option<String> {
    page(answer).1.get("nextPageToken").map(|token| token.as_str().unwrap().to_owned())
}

fn is_change(line: &Value) -> bool {
    line.get("metaData").is_none() && line.get("protocol").is_none()
}

async fn pages(
    server: &TestServer,
    route: Route,
    capabilities: &str,
    max: usize,
    between: impl Fn(usize),
) -> Vec<Answer> {
    let mut pages = vec![route.ask(server, capabilities, Some(max), None).await];
    while let Some(token) = token(pages.last().unwrap()) {
        assert!(token.len() < 1024 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        between(pages.len());
        pages.push(route.ask(server, capabilities, Some(max), Some(&token)).await);
    }
    pages
}

fn refusal(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.json()["errorCode"].as_str()), (400, Some("INVALID_PARAMETER_VALUE")));
    answer.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn pages_of_every_size_are_the_one_answer() {
    let server = server().await;
    for (route, capabilities) in
        ROUTES.into_iter().flat_map(|route| [(route, "responseformat=parquet"), (route, DELTA)])
    {
        let whole = route.ask(&server, capabilities, None, None).await;
        assert_eq!(whole.status, 200, "{route:?}: {}", whole.text);
        let lines = whole.lines().split_off(2);
        let count = lines.iter().filter(|line| is_change(line)).count();
        assert!(count >= 4, "{}", whole.text);
        for size in 1..=count + 1 {
            let pages = pages(&server, route, capabilities, size, |_| {}).await;
            assert_eq!(pages.len(), count.div_ceil(size), "{route:?} {capabilities}: pages of {size}");
            let told: Vec<Value> = pages.iter().flat_map(|answer| page(answer).0).collect();
            assert_eq!(unsigned(&told), unsigned(&lines));
            for answer in &pages {
                assert_eq!(head(answer), head(&whole));
                assert_eq!(answer.header("delta-table-version"), whole.header("delta-table-version"));
                assert!(page(answer).0.iter().filter(|line| is_change(line)).count() <= size);
            }
        }
    }
}

#[tokio::test]
async fn the_rest_comes_without_a_page_size_and_without_an_end() {
    let server = server().await;
    for route in ROUTES {
        let whole = route.ask(&server, DELTA, None, None).await.lines().split_off(2);
        let first = route.ask(&server, DELTA, Some(1), None).await;
        let rest = route.ask(&server, DELTA, None, token(&first).as_deref()).await;
        assert!(!rest.text.contains("endStreamAction"));
        let told = [page(&first).0, rest.lines().split_off(2)].concat();
        assert_eq!(unsigned(&told), unsigned(&whole), "{route:?}");
    }
}

#[tokio::test]
async fn commits_between_pages_change_nothing() {
    for route in [ROUTES[0], ROUTES[2], ROUTES[3]] {
        let server = server().await;
        let whole = route.ask(&server, DELTA, None, None).await;
        let latest = std::fs::read_dir(server.table("t").join("_delta_log"))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".json")?.parse::<u64>().ok())
            .max()
            .unwrap();
        let folder = server.table("t").join("_delta_log");
        let pages = pages(&server, route, DELTA, 1, |page| {
            let add = json!({"add": {"path": format!("new-{page}"), "partitionValues": {"p": "a"}, "size": 1,
                "modificationTime": EPOCH_MS, "dataChange": true}});
            std::fs::write(folder.join(commit_name(latest + page as u64)), add.to_string() + "\n").unwrap();
        })
        .await;
        let told: Vec<Value> = pages.iter().flat_map(|answer| page(answer).0).collect();
        assert_eq!(unsigned(&told), unsigned(&whole.lines()[2..]), "{route:?}");
        assert!(pages.iter().all(|answer| head(answer) == head(&whole)));
    }
}

#[tokio::test]
async fn a_token_is_good_for_nothing_else() {
    let server = TestServer::of(&["s.d.t", "s.d.u"]).await;
    for name in ["t", "u"] {
        let mut table = recorded_changes(server.table(name));
        let last = table.add_entry("p=a/7", Some("a"), 1);
        table.commit_at(EPOCH_MS + 6000, vec![last]);
    }
    let mismatch = "Query parameter mismatch detected";
    for [route, other] in [[ROUTES[0], ROUTES[1]], [ROUTES[2], ROUTES[3]]] {
        let sealed = token(&route.ask(&server, DELTA, Some(1), None).await).unwrap();
        assert!(refusal(&other.ask(&server, DELTA, Some(1), Some(&sealed)).await).contains(mismatch));
        for capabilities in ["responseformat=parquet", "responseformat=delta;readerfeatures=deletionvectors"] {
            assert!(refusal(&route.ask(&server, capabilities, Some(1), Some(&sealed)).await).contains(mismatch));
        }
        // Another page size is another page of the same answer.
        assert_eq!(route.ask(&server, DELTA, Some(2), Some(&sealed)).await.status, 200);
        let mut forged = sealed.clone().into_bytes();
        forged[40] ^= 1;
        let forged = String::from_utf8(forged).unwrap();
        assert!(
            refusal(&route.ask(&server, DELTA, Some(1), Some(&forged)).await).contains("Error decoding the page token")
        );
    }
    let of_range = token(&ROUTES[0].ask(&server, DELTA, Some(1), None).await).unwrap();
    let of_feed = token(&ROUTES[2].ask(&server, DELTA, Some(1), None).await).unwrap();
    let snapshot = server.query("t", json!({"maxFiles": 1}), DELTA).await;
    let of_snapshot = token(&snapshot).unwrap();
    for (route, token) in
        [(ROUTES[0], &of_feed), (ROUTES[0], &of_snapshot), (ROUTES[2], &of_range), (ROUTES[2], &of_snapshot)]
    {
        let said = refusal(&route.ask(&server, DELTA, Some(1), Some(token)).await);
        assert!(said.contains("Error decoding the page token"), "{said}");
    }
    let body = json!({"startingVersion": 0, "maxFiles": 1, "pageToken": of_range});
    let said = refusal(&server.query("u", body.clone(), DELTA).await);
    assert!(said.contains("does not match the table being queried"), "{said}");
}

#[tokio::test]
async fn a_token_is_good_for_its_recipient_only() {
    let server = TestServer::of(&["other.d.t"]).await;
    recorded_changes(server.table("t"));
    let path = "/shares/other/schemas/d/tables/t/query";
    let first = send(server.request("POST", path).json(&json!({"startingVersion": 0, "maxFiles": 1}))).await;
    let next = json!({"startingVersion": 0, "maxFiles": 1, "pageToken": token(&first).unwrap()});
    assert_eq!(send(server.request("POST", path).json(&next)).await.status, 200);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", server.endpoint());
    let said = refusal(&send(client.post(&url).bearer_auth(OTHER_TOKEN).json(&next)).await);
    assert!(said.contains("Error decoding the page token"), "{said}");
}

#[tokio::test]
async fn a_later_page_reads_no_commit_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = TableBuilder::new(folder.path().join("t"));
    for version in 0..60 {
        let add = table.add_entry(&format!("{version}.parquet"), None, 1);
        table.commit_at(EPOCH_MS + version * 1000, vec![add]);
    }
    let body = |token: Option<&str>| {
        let mut body = json!({"startingVersion": 0, "endingVersion": 55, "maxFiles": 2});
        if let Some(token) = token {
            body["pageToken"] = token.into();
        }
        body.to_string()
    };
    let sealer = Sealer::new(&[7; 32]);
    let mut token: Option<String> = None;
    for page in 0..3 {
        // Each in a process of its own, which remembers nothing of the pages before.
        let gateway = Watched::sealing(&["s.d.t"], folder.path(), sealer.clone(), SystemClock::shared()).await;
        let answer = gateway.answer("POST", super::PATH, &body(token.as_deref())).await;
        assert_eq!(answer.status(), 200);
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let end: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        token = Some(end["endStreamAction"]["nextPageToken"].as_str().unwrap().to_owned());
        let calls = gateway.take_calls();
        let read = |version| calls.iter().any(|call| call.strip_prefix("get ") == Some(&commit_name(version)));
        // The first page settles the whole range; the state at its start, which every page begins with, is version 0.
        if page > 0 {
            assert!((2 * page..=2 * page + 2).all(read), "{calls:?}");
            assert!(!(1..2 * page).chain(2 * page + 6..60).any(read), "{calls:?}");
        }
    }
}
