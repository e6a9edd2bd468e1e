//! `POST …/tables/{table}/query`: what an answer is made of, in both formats.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tests::raw::exchange;
use tests::samples::three_versions;
use tests::server::{TestServer, send};
use tests::shown::key;
use tests::table_builder::{EPOCH_MS, TableBuilder};

mod hints;
mod paging;
mod range;
mod range_paging;
mod refresh;
mod refusals;
mod stream;
mod time_travel;

const PATH: &str = "/shares/s/schemas/d/tables/t/query";

/// A server with the table of three versions at `s.d.t`.
async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    three_versions(server.table("t"));
    server
}

fn files(lines: &[Value]) -> Vec<&Value> {
    lines[2..].iter().map(|line| &line["file"]).collect()
}

#[tokio::test]
async fn the_newest_version_in_both_formats() {
    let server = server().await;
    insta::assert_snapshot!("parquet", server.query("t", json!({}), "").await.shown());
    insta::assert_snapshot!("delta", server.query("t", json!({}), "responseformat=delta").await.shown());
}

#[tokio::test]
async fn the_format_follows_the_capabilities() {
    let server = server().await;
    for (header, format) in [
        (None, "parquet"),
        (Some(""), "parquet"),
        (Some("asyncquery=true"), "parquet"),
        (Some("responseformat=parquet"), "parquet"),
        (Some("responseformat=delta"), "delta"),
        (Some("ResponseFormat=DELTA"), "delta"),
        (Some("responseformat=delta,parquet"), "parquet"),
        (Some("responseformat=parquet,delta; readerfeatures=deletionvectors,columnmapping"), "parquet"),
        (Some(" responseformat = delta ;readerfeatures=timestampntz"), "delta"),
        (Some("responseformat=iceberg,delta"), "delta"),
        (Some("unknown=1;responseformat=delta;more"), "delta"),
    ] {
        let mut request = server.request("POST", PATH).json(&json!({}));
        if let Some(header) = header {
            request = request.header("delta-sharing-capabilities", header);
        }
        let answer = send(request).await;
        assert_eq!((answer.status, answer.header("delta-table-version")), (200, "2"), "{header:?}");
        assert_eq!(answer.header("delta-sharing-capabilities"), format!("responseformat={format}"), "{header:?}");
        assert_eq!(answer.header("content-type"), "application/x-ndjson; charset=utf-8");
        let is_delta = answer.lines()[0]["protocol"].get("deltaProtocol").is_some();
        assert_eq!(is_delta, format == "delta", "{header:?}");
    }
}

#[tokio::test]
async fn the_end_of_stream_action_is_the_last_line_for_whoever_asks_and_nobody_else() {
    let server = server().await;
    for format in ["parquet", "delta"] {
        let header = format!("responseformat={format};includeendstreamaction=true");
        let answer = server.query("t", json!({}), &header).await;
        assert_eq!(answer.header("delta-sharing-capabilities"), header);
        let lines = answer.lines();
        let (last, before) = lines.split_last().unwrap();
        assert_eq!(before.len(), 5, "{}", answer.text);
        assert!(before[2..].iter().all(|line| line.get("file").is_some()), "{}", answer.text);
        let expires = before[2]["file"]["expirationTimestamp"].clone();
        assert_eq!(last, &json!({"endStreamAction": {"minUrlExpirationTimestamp": expires}}));

        for header in
            [format!("responseformat={format}"), format!("responseformat={format};includeendstreamaction=false")]
        {
            let answer = server.query("t", json!({}), &header).await;
            assert_eq!(answer.header("delta-sharing-capabilities"), format!("responseformat={format}"));
            assert!(!answer.text.contains("endStreamAction") && answer.lines().len() == 5, "{}", answer.text);
        }
    }
    let metadata = server.request("GET", "/shares/s/schemas/d/tables/t/metadata");
    let answer = send(metadata.header("delta-sharing-capabilities", "includeendstreamaction=true")).await;
    assert_eq!((answer.header("delta-sharing-capabilities"), answer.lines().len()), ("responseformat=parquet", 2));
}

#[tokio::test]
async fn an_answer_without_files_has_no_url_that_ends() {
    let server = TestServer::of(&["s.d.t"]).await;
    TableBuilder::new(server.table("t")).commit(vec![]);
    let answer = server.query("t", json!({}), "includeendstreamaction=true").await;
    assert_eq!(answer.lines()[2..], [json!({"endStreamAction": {}})]);
}

#[tokio::test]
async fn ids_are_hashes_of_the_path_as_logged() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    // Path, MD5 and SHA-256, made with other tools.
    let vectors = [
        (
            "part-00000-0001.snappy.parquet",
            "92b0cbb261a0b1954a1f70842eb78ef0",
            "120754df6bb4511185a60750fe84d7592884fd7fa85302b0f26fd374087a485e",
        ),
        (
            "date=2021-04-28/part-00000-a.c000.snappy.parquet",
            "44ebdf4540f64a244d89e0b306dcb58b",
            "06431fb60d56e5df8fd67455d6c50634fa98ae5f1b4be9c47ade6863e2991bb4",
        ),
        (
            "d=y%2520z/part-0.parquet",
            "eaf1dc85433f72e91ef5cc0a84e3fa1c",
            "e0efe711df53e73b42a32cab08e27f73cd071c69a2de74c78a1b6409ed856f7f",
        ),
    ];
    table.commit(vectors.iter().map(|(path, ..)| table.add_entry(path, None, 1)).collect());
    for (capabilities, hash, wanted, echo) in [
        ("", None, "md5", ""),
        ("", Some("parquet"), "md5", "parquet"),
        ("", Some(" Delta "), "sha256", "delta"),
        ("responseformat=delta", None, "sha256", ""),
        ("responseformat=delta", Some("parquet"), "md5", "parquet"),
        ("responseformat=delta", Some("DELTA"), "sha256", "delta"),
    ] {
        let mut request =
            server.request("POST", PATH).json(&json!({})).header("delta-sharing-capabilities", capabilities);
        if let Some(hash) = hash {
            request = request.header("fileidhash", hash);
        }
        let answer = send(request).await;
        assert_eq!((answer.status, answer.header("fileidhash")), (200, echo), "{capabilities} {hash:?}");
        let lines = answer.lines();
        let ids: Vec<&str> = files(&lines).iter().map(|file| file["id"].as_str().unwrap()).collect();
        let wanted: Vec<&str> =
            vectors.iter().map(|&(_, md5, sha256)| if wanted == "md5" { md5 } else { sha256 }).collect();
        assert_eq!(ids, wanted, "{capabilities} {hash:?}");
    }
}

#[tokio::test]
async fn hints_and_what_newer_clients_add_are_ignored() {
    let server = server().await;
    let plain = server.query("t", json!({}), "").await;
    let ids = |text: &Value| text["file"]["id"].clone();
    for body in [
        json!({"predicateHints": ["mystery(p) = 'zzz'", "p LIKE 'z%'"], "limitHint": 1}),
        json!({"predicateHints": [""], "limitHint": 0}),
        json!({"predicate_hints": [], "limit_hint": "100"}),
        json!({"limitHint": -1}),
        json!({"jsonPredicateHints": r#"{"op":"isNull","children":[{"op":"column","name":"q","valueType":"string"}]}"#}),
        json!({"jsonPredicateHints": "bad-predicates"}),
        json!({"includeRefreshToken": false, "idempotency_key": "k", "queryDeltaLog": true, "endingVersion": 1}),
        json!({"params": {"x": 1}, "version": null, "timestamp": null, "maxFiles": null, "pageToken": ""}),
    ] {
        let answer = server.query("t", body.clone(), "").await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        let (found, wanted) = (answer.lines(), plain.lines());
        assert_eq!(found[..2], wanted[..2], "{body}");
        assert_eq!(found.iter().map(ids).collect::<Vec<_>>(), wanted.iter().map(ids).collect::<Vec<_>>(), "{body}");
    }
}

#[tokio::test]
async fn a_body_may_be_chunked_and_of_any_type() {
    let server = server().await;
    let plain = server.query("t", json!({"version": 1}), "").await;
    let chunks = ["transfer-encoding: chunked"];
    let body = "1\r\n{\r\nc\r\n\"version\":1}\r\n0\r\n\r\n";
    let answer = exchange(&server, "POST", PATH, &chunks, body).await;
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    assert_eq!(answer.body.split(|&b| b == b'\n').count() - 1, plain.lines().len());
    for kind in ["text/plain", "application/json; charset=utf8", "application/x-www-form-urlencoded", "nonsense"] {
        let request = server.request("POST", PATH).header("content-type", kind).body(r#"{"version":1}"#);
        assert_eq!(send(request).await.header("delta-table-version"), "1", "{kind}");
    }
}

#[tokio::test]
async fn names_are_compared_without_case_and_slashes_fold() {
    let server = server().await;
    for path in ["/shares/S/schemas/D/tables/T/query", "//shares/s//schemas/d/tables/t/query"] {
        let answer = send(server.request("POST", path).body("{}")).await;
        assert_eq!((answer.status, answer.lines().len()), (200, 5), "{path}");
    }
}

#[tokio::test]
async fn the_order_of_files_is_that_of_the_log_and_stays() {
    let server = server().await;
    let answer = server.query("t", json!({}), "").await;
    let keys: Vec<String> = files(&answer.lines()).iter().map(|file| key(&file["url"], "t")).collect();
    assert_eq!(keys, ["p=a/4.parquet", "3.parquet", "p=b c/2.parquet"]);
    for _ in 0..3 {
        let again = server.query("t", json!({}), "").await;
        assert_eq!(again.lines()[..2], answer.lines()[..2]);
        assert_eq!(files(&again.lines()).iter().map(|file| key(&file["url"], "t")).collect::<Vec<_>>(), keys);
    }
}

#[tokio::test]
async fn the_logs_own_words_come_through() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    let mut add = table.add_entry("1.parquet", Some("ü \" \\"), 1);
    // Not how any JSON library would write it.
    let stats = r#"{ "numRecords" : 1.0, "minValues":{"id":-0}, "b":"\u00e4" }"#;
    add["add"]["stats"] = stats.into();
    add["add"]["tags"] = json!({"k": "v", "none": null});
    add["add"]["baseRowId"] = json!(7);
    add["add"]["defaultRowCommitVersion"] = json!(0);
    add["add"]["clusteringProvider"] = json!("liquid");
    let mut bare = table.add_entry("2.parquet", None, 1);
    bare["add"].as_object_mut().unwrap().remove("stats");
    table.commit(vec![add, bare]);
    for checkpoint in [false, true] {
        if checkpoint {
            table.checkpoint();
        }
        let parquet = server.query("t", json!({}), "").await.lines();
        assert_eq!(
            (&parquet[2]["file"]["stats"], &parquet[2]["file"]["partitionValues"]),
            (&json!(stats), &json!({"p": "ü \" \\"}))
        );
        assert_eq!(parquet[3]["file"]["partitionValues"], json!({"p": null}));
        assert!(parquet[3]["file"].get("stats").is_none());
        let delta = server.query("t", json!({}), "responseformat=delta").await.lines();
        let add = &delta[2]["file"]["deltaSingleAction"]["add"];
        assert_eq!((&add["stats"], &add["tags"]), (&json!(stats), &json!({"k": "v", "none": null})));
        assert_eq!((&add["modificationTime"], &add["dataChange"]), (&json!(EPOCH_MS), &json!(!checkpoint)));
        assert_eq!((&add["baseRowId"], &add["defaultRowCommitVersion"]), (&json!(7), &json!(0)));
        assert_eq!(add["clusteringProvider"], "liquid");
    }
}

#[tokio::test]
async fn urls_live_as_long_as_configured_and_say_so() {
    let server = server().await;
    let answer = server.query("t", json!({}), "").await;
    for file in files(&answer.lines()) {
        let url = file["url"].as_str().unwrap();
        let at = url.split("X-Amz-Date=").nth(1).unwrap().split('&').next().unwrap();
        let at = format!("{}-{}-{}T{}:{}:{}Z", &at[..4], &at[4..6], &at[6..8], &at[9..11], &at[11..13], &at[13..15]);
        let signed = shared::model::version::TimestampMs::parse(&at).unwrap();
        let left = file["expirationTimestamp"].as_i64().unwrap() - signed.millis();
        assert!(url.contains("&X-Amz-Expires=600&"), "{url}");
        // The signature's moment has no fraction of a second.
        assert!((600_000..601_000).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn a_download_has_exactly_the_size_that_was_told() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add("p=a%20b/1.parquet", Some("a b"), 100), table.add("2.parquet", None, 0)]);
    for capabilities in ["", "responseformat=delta"] {
        let answer = server.query("t", json!({}), capabilities).await;
        for file in files(&answer.lines()) {
            let add = if capabilities.is_empty() { file } else { &file["deltaSingleAction"]["add"] };
            let url = add["url"].as_str().or(add["path"].as_str()).unwrap();
            let (status, bytes) = server.fetch(url).await;
            assert_eq!((status, Some(bytes.len() as u64)), (200, add["size"].as_u64()), "{url}");
            assert!(url.split('?').next().unwrap().ends_with(".parquet"), "clients read the name off the URL");
        }
    }
}

#[tokio::test]
async fn a_url_is_good_for_one_file_as_it_was_signed() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.add("1.parquet", None, 1), table.add("2.parquet", None, 1)]);
    let lines = server.query("t", json!({}), "").await.lines();
    let url = files(&lines)[0]["url"].as_str().unwrap();
    assert_eq!(server.fetch(url).await.0, 200);
    let signature = url.split("X-Amz-Signature=").nth(1).unwrap();
    for tampered in [
        url.replace("/1.parquet", "/2.parquet"),
        url.replace("/1.parquet", "/_delta_log/00000000000000000000.json"),
        url.replace(".parquet", ".orc"),
        url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"),
        url.replace(signature, &signature.chars().rev().collect::<String>()),
        url.split('?').next().unwrap().to_owned(),
    ] {
        assert_eq!(server.fetch(&tampered).await.0, 403, "{tampered}");
    }
}

/// Generated names of files; those that a file system of this machine can hold.
fn names() -> BTreeSet<String> {
    let mut runner = TestRunner::deterministic();
    let name = "[ -~äß日🦀]{1,30}".prop_map(|name| name.replace('/', "%2F"));
    let names = (0..300).map(|_| name.new_tree(&mut runner).unwrap().current());
    names.filter(|name| name.len() < 200 && !matches!(name.as_str(), "." | "..")).collect()
}

#[tokio::test]
async fn every_name_that_a_file_can_have_leads_to_its_bytes() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    let names = names();
    // A writer encodes what it likes; here everything, or only what a URI does not have.
    let adds = names.iter().enumerate().map(|(n, name)| {
        std::fs::write(table.path().join(name), name).unwrap();
        let all = utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        let path = if n % 2 == 0 { all } else { name.replace('%', "%25").replace(':', "%3A") };
        table.add_entry(&path, None, 1)
    });
    let adds = adds.collect();
    table.commit(adds);
    let lines = server.query("t", json!({}), "").await.lines();
    let files = files(&lines);
    assert_eq!(files.len(), names.len());
    for (file, name) in files.iter().zip(&names) {
        let (status, bytes) = server.fetch(file["url"].as_str().unwrap()).await;
        assert_eq!((status, String::from_utf8_lossy(&bytes).as_ref()), (200, name.as_str()));
    }
}
