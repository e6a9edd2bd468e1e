//! What holds of answers that may come to so many bytes only, as those of functions: what cannot fit is refused before the
//! first byte and told how to ask, what fits comes, and what turns out larger than was known breaks off for all to see.

use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tests::bounded::Bounded;
use tests::server::TestServer;
use tests::table_builder::{TableBuilder, decode_path};

mod estimates;

const QUERY: &str = "/shares/s/schemas/d/tables/t/query";
const CHANGES: &str = "/shares/s/schemas/d/tables/t/changes?startingVersion=0";
const TOLD: &str = "includeendstreamaction=true";

/// The least that a function may be set to, in bytes.
const LEAST: u64 = 6_000_000;
/// Below what all of the table comes to, compressed or not.
const BOUND: u64 = 1_500_000;

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 20) % limit
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text.push_str(&format!("{:08x}", self.next() >> 32));
        }
        text.truncate(digits);
        text
    }
}

/// A table of 1,500 files with statistics that nothing makes much smaller, in versions of 500: 6.9 MB as lines. A tenth of
/// the files have another partition value.
fn large(folder: PathBuf) -> TableBuilder {
    let mut chance = Chance(1);
    let mut table = TableBuilder::new(folder)
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    for version in 0..3 {
        let adds = (0..500).map(|number| {
            let p = if number % 10 == 0 { "few" } else { "many" };
            let mut add = table.add_entry(&format!("p={p}/{version}-{number:04}"), Some(p), 1);
            let name = chance.hex(4096);
            add["add"]["stats"] = json!({"numRecords": 1, "maxValues": {"name": name}}).to_string().into();
            add
        });
        let adds = adds.collect();
        table.commit(adds);
    }
    table
}

async fn bounded(checkpoint: bool) -> (Bounded, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut table = large(folder.path().join("t"));
    if checkpoint {
        table.checkpoint();
    }
    (Bounded::over(&["s.d.t"], folder.path(), 0).await, folder)
}

/// An answer as it came: its status, its body, and whether that ended as it should.
struct Came {
    status: u16,
    body: Vec<u8>,
    whole: bool,
}

impl Came {
    fn error(&self) -> (u16, String, String) {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        (self.status, text("errorCode"), text("message"))
    }

    /// The lines; the last of one that broke off may be none.
    fn lines(&self, coding: &str) -> Vec<String> {
        let mut text = Vec::new();
        match coding {
            // What could be read before it broke off.
            "gzip" => drop(GzDecoder::new(&self.body[..]).read_to_end(&mut text)),
            "zstd" => drop(zstd::stream::read::Decoder::new(&self.body[..]).unwrap().read_to_end(&mut text)),
            _ => text.clone_from(&self.body),
        }
        String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
    }
}

async fn came(answers: &Bounded, bytes_max: Option<u64>, request: Request<String>) -> Came {
    let answer = answers.answer(bytes_max, request).await;
    let (status, mut from, mut body) = (answer.status().as_u16(), answer.into_body(), Vec::new());
    loop {
        match from.frame().await {
            None => return Came { status, body, whole: true },
            Some(Err(_)) => return Came { status, body, whole: false },
            Some(Ok(frame)) => body.extend(frame.into_data().unwrap()),
        }
    }
}

fn query(body: &Value, coding: &str, capabilities: &str) -> Request<String> {
    let request = Request::builder().method("POST").uri(QUERY).header("accept-encoding", coding);
    request.header("delta-sharing-capabilities", capabilities).body(body.to_string()).unwrap()
}

fn changes(path: &str, coding: &str, capabilities: &str) -> Request<String> {
    let request = Request::builder().method("GET").uri(path).header("accept-encoding", coding);
    request.header("delta-sharing-capabilities", capabilities).body(String::new()).unwrap()
}

#[tokio::test]
async fn what_cannot_fit_is_refused_and_told_the_ways_out() {
    for checkpoint in [false, true] {
        let (answers, _folder) = bounded(checkpoint).await;
        for asked in [query(&json!({}), "identity", ""), query(&json!({"includeRefreshToken": true}), "identity", "")] {
            let (status, code, message) = came(&answers, Some(BOUND), asked).await.error();
            assert_eq!((status, code.as_str()), (400, "ANSWER_TOO_LARGE"));
            let ways = ["1500 files", "1.5 MB", "queryPagination", "maxFiles", "partition", "limitHint", "gzip"];
            for told in ways {
                assert!(message.contains(told), "nothing of {told}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn ranges_that_cannot_fit_are_refused_and_fewer_versions_come() {
    let (answers, _folder) = bounded(false).await;
    let asked = |from: u64| {
        let range = json!({"startingVersion": from});
        [query(&range, "identity", ""), changes(&CHANGES.replace("=0", &format!("={from}")), "identity", "")]
    };
    // All three versions are 6.9 MB; one is 2.3.
    for asked in asked(0) {
        let (status, code, message) = came(&answers, Some(2 * BOUND), asked).await.error();
        assert_eq!((status, code.as_str()), (400, "ANSWER_TOO_LARGE"));
        assert!(message.contains("1500 files") && message.contains("fewer versions"), "{message}");
    }
    for asked in asked(2) {
        let came = came(&answers, Some(2 * BOUND), asked).await;
        assert_eq!((came.status, came.whole, came.lines("").len()), (200, true, 502));
    }
}

#[tokio::test]
async fn pages_fit_and_are_the_whole_answer_together() {
    let (answers, _folder) = bounded(true).await;
    let (mut next, mut paths, mut pages) = (Value::Null, Vec::new(), 0);
    loop {
        let mut body = json!({"maxFiles": 1_000});
        if !next.is_null() {
            body["pageToken"] = next;
        }
        let page = came(&answers, Some(BOUND), query(&body, "identity", "")).await;
        assert!(page.status == 200 && page.whole && page.body.len() as u64 <= BOUND, "{} bytes", page.body.len());
        let lines: Vec<Value> = page.lines("").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (end, files) = lines[2..].split_last().unwrap();
        paths.extend(files.iter().map(|line| key(&line["file"]["url"])));
        next = end["endStreamAction"]["nextPageToken"].clone();
        pages += 1;
        if next.is_null() {
            break;
        }
    }
    paths.sort_unstable();
    paths.dedup();
    // By count alone there would be two.
    assert!(paths.len() == 1500 && pages > 4, "{} files on {pages} pages", paths.len());
}

fn key(url: &Value) -> String {
    decode_path(url.as_str().unwrap().split('?').next().unwrap())
}

#[tokio::test]
async fn what_the_client_leaves_out_is_not_counted() {
    let (answers, _folder) = bounded(true).await;
    let few = json!({"op": "equal", "children": [
        {"op": "column", "name": "p", "valueType": "string"}, {"op": "literal", "value": "few", "valueType": "string"},
    ]});
    for (body, files) in [
        (json!({"jsonPredicateHints": few.to_string()}), 150),
        (json!({"predicateHints": ["p = 'few'"]}), 150),
        (json!({"limitHint": 100}), 100),
    ] {
        let came = came(&answers, Some(BOUND), query(&body, "identity", "")).await;
        assert_eq!((came.status, came.whole, came.lines("").len()), (200, true, files + 2), "{body}");
    }
}

#[tokio::test]
async fn what_turns_out_too_large_breaks_off_within_the_bound() {
    let (answers, _folder) = bounded(true).await;
    // Nobody knows beforehand how many files a predicate leaves, nor how small a range becomes.
    let many = json!({"predicateHints": ["p = 'many'"]});
    for coding in ["identity", "gzip", "zstd"] {
        for capabilities in ["", TOLD] {
            let mut asked = vec![query(&many, coding, capabilities)];
            if coding != "identity" {
                asked.push(query(&json!({"startingVersion": 0}), coding, capabilities));
                asked.push(changes(CHANGES, coding, capabilities));
            }
            for asked in asked {
                let uri = asked.uri().clone();
                let came = came(&answers, Some(BOUND), asked).await;
                assert_eq!(came.status, 200, "{uri} {coding}");
                let sent = came.body.len() as u64;
                assert!((BOUND / 2..=BOUND).contains(&sent), "{uri} {coding}: {sent} bytes of {BOUND}");
                let lines = came.lines(coding);
                let last = serde_json::from_str::<Value>(lines.last().unwrap());
                if capabilities == TOLD {
                    let end = &last.unwrap()["endStreamAction"];
                    assert!(came.whole, "{uri} {coding}");
                    assert_eq!(end["httpStatusErrorCode"], 400);
                    let why = end["errorMessage"].as_str().unwrap();
                    assert!(why.contains("1.5 MB") && why.contains("maxFiles"), "{why}");
                    continue;
                }
                assert!(!came.whole, "{uri} {coding}");
                let mut read = Vec::new();
                match coding {
                    "gzip" => assert!(GzDecoder::new(&came.body[..]).read_to_end(&mut read).is_err()),
                    "zstd" => assert!(zstd::decode_all(&came.body[..]).is_err()),
                    _ => assert!(last.is_err(), "the last line is a good one"),
                }
            }
        }
    }
}

#[tokio::test]
async fn the_local_server_has_no_bound() {
    let server = TestServer::of(&["s.d.t"]).await;
    large(server.table("t"));
    let answer = server.query("t", json!({}), "").await;
    assert_eq!((answer.status, answer.lines().len()), (200, 1502));
    assert!(answer.text.len() as u64 > LEAST, "{} bytes", answer.text.len());
}
