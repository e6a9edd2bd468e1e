//! How an answer is sent: while it is made, compressed or not; and when it cannot be finished, never as if it were.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use tests::raw::exchange;
use tests::samples::{checkpointed, large_checkpoint};
use tests::server::TestServer;
use tests::table_builder::checkpoint_name;
use tests::watched::Watched;

use super::{PATH, server};

/// Overwrites the statistics of the last row group of a checkpoint, which are first read when their files are sent.
fn damage_last_row_group(checkpoint: &Path) {
    let reader = SerializedFileReader::new(std::fs::File::open(checkpoint).unwrap()).unwrap();
    let group = reader.metadata().row_groups().last().unwrap();
    let column = group.columns().iter().find(|column| column.column_path().string() == "add.stats").unwrap();
    let mut file = std::fs::File::options().write(true).open(checkpoint).unwrap();
    file.seek(SeekFrom::Start(column.byte_range().0)).unwrap();
    file.write_all(&[0xff; 64]).unwrap();
}

/// The whole lines, up to the mark of an answer that broke off; the connection may be cut before the mark is through.
fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .take_while(|line| !line.starts_with("{\"brokenOff\":"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The files' own parts of lines; signatures differ from answer to answer.
fn without_urls(lines: Vec<Value>) -> Vec<Value> {
    lines
        .into_iter()
        .map(|mut line| {
            if let Some(file) = line["file"].as_object_mut() {
                file.remove("url");
                file.remove("expirationTimestamp");
            }
            line
        })
        .collect()
}

#[tokio::test]
async fn a_whole_answer_is_chunked_and_ends_in_a_line_end() {
    let server = server().await;
    let answer = exchange(&server, "POST", PATH, &["content-length: 2"], "{}").await;
    assert!(answer.complete && !answer.head.contains("content-length"), "{}", answer.head);
    assert!(!answer.head.contains("content-encoding"));
    assert_eq!(answer.body.last(), Some(&b'\n'));
    assert_eq!(lines(&answer.body).len(), 5);
}

#[tokio::test]
async fn compressed_and_plain_say_the_same() {
    let server = TestServer::of(&["s.d.t"]).await;
    checkpointed(server.table("t"));
    let plain = exchange(&server, "POST", PATH, &["content-length: 2"], "{}").await;
    let packed = exchange(&server, "POST", PATH, &["content-length: 2", "accept-encoding: gzip, deflate"], "{}").await;
    assert!(packed.complete && packed.head.contains("\r\ncontent-encoding: gzip"), "{}", packed.head);
    assert!(packed.head.contains("\r\nvary: accept-encoding"), "{}", packed.head);
    let mut body = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut body).unwrap();
    assert_eq!(body.len(), plain.body.len());
    assert_eq!(without_urls(lines(&body)), without_urls(lines(&plain.body)));
    assert_eq!(lines(&body).len(), 3002);
    assert!(packed.body.len() * 5 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
}

#[tokio::test]
async fn whoever_names_zstd_is_sent_the_same_in_zstd() {
    let server = TestServer::of(&["s.d.t"]).await;
    let table = checkpointed(server.table("t"));
    let plain = exchange(&server, "POST", PATH, &["content-length: 2"], "{}").await;
    let accepts = ["content-length: 2", "accept-encoding: gzip, deflate, br, zstd"];
    let packed = exchange(&server, "POST", PATH, &accepts, "{}").await;
    assert!(packed.complete && packed.head.contains("\r\ncontent-encoding: zstd"), "{}", packed.head);
    let body = zstd::decode_all(&packed.body[..]).unwrap();
    assert_eq!(without_urls(lines(&body)), without_urls(lines(&plain.body)));

    damage_last_row_group(&table.log_file(&checkpoint_name(0)));
    let broken = exchange(&server, "POST", PATH, &accepts, "{}").await;
    assert!(broken.head.starts_with("http/1.1 200") && !broken.complete, "{}", broken.head);
    zstd::decode_all(&broken.body[..]).unwrap_err();
}

#[tokio::test]
async fn a_failure_after_the_first_byte_is_visible() {
    let server = TestServer::of(&["s.d.t"]).await;
    let table = checkpointed(server.table("t"));
    damage_last_row_group(&table.log_file(&checkpoint_name(0)));

    let plain = exchange(&server, "POST", PATH, &["content-length: 2"], "{}").await;
    assert!(plain.head.starts_with("http/1.1 200"), "{}", plain.head);
    assert!(!plain.complete, "an answer cut short looks whole");
    let sent = lines(&plain.body);
    assert_eq!(sent[1]["metaData"]["numFiles"], 3000);
    assert!((2..3002).contains(&sent.len()), "{} lines", sent.len());

    let packed = exchange(&server, "POST", PATH, &["content-length: 2", "accept-encoding: gzip"], "{}").await;
    assert!(!packed.complete);
    let mut body = Vec::new();
    // Cut before the invalid block that marks it, or at it.
    GzDecoder::new(&packed.body[..]).read_to_end(&mut body).unwrap_err();
    assert_eq!(lines(&body)[..2], sent[..2]);

    let client = server.request("POST", PATH).json(&json!({})).send().await.unwrap();
    assert!(client.bytes().await.is_err(), "a client's library does not notice");
}

#[tokio::test]
async fn a_failure_after_the_first_byte_is_told_to_whoever_reads_the_last_line() {
    let server = TestServer::of(&["s.d.t"]).await;
    let table = checkpointed(server.table("t"));
    damage_last_row_group(&table.log_file(&checkpoint_name(0)));
    let headers = ["content-length: 2", "delta-sharing-capabilities: includeendstreamaction=true"];

    let plain = exchange(&server, "POST", PATH, &headers, "{}").await;
    assert!(plain.head.contains("includeendstreamaction=true"), "{}", plain.head);
    assert!(plain.complete, "the line cannot be read where the connection breaks");
    let told = lines(&plain.body).pop().unwrap();
    let told = told["endStreamAction"].as_object().unwrap().clone();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["errorMessage", "httpStatusErrorCode"]);

    let packed = exchange(&server, "POST", PATH, &[headers[0], headers[1], "accept-encoding: gzip"], "{}").await;
    assert!(packed.complete);
    let mut body = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut body).unwrap();
    assert_eq!(lines(&body).pop().unwrap()["endStreamAction"], Value::Object(told));
}

#[tokio::test]
async fn a_log_that_loses_an_object_meanwhile_breaks_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let table = large_checkpoint(folder.path().join("t"));
    let watched = Watched::over(&["s.d.t"], folder.path()).await;
    let answer = watched.answer("POST", PATH, "{}").await;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    std::fs::remove_file(table.log_file(&checkpoint_name(0))).unwrap();
    assert!(body.collect().await.is_err());
}

/// What the ranges among a store's calls come to.
fn bytes_of(calls: &[String]) -> u64 {
    let ranges = calls.iter().filter_map(|call| call.strip_prefix("range ")?.split(' ').nth(1)?.split_once('-'));
    ranges.map(|(from, to)| to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_work() {
    let folder = tempfile::tempdir().unwrap();
    large_checkpoint(folder.path().join("t"));

    let watched = Watched::over(&["s.d.t"], folder.path()).await;
    let whole = watched.answer("POST", PATH, "{}").await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(lines(&whole).len(), 10_002);
    let all = bytes_of(&watched.until_idle().await);

    let watched = Watched::over(&["s.d.t"], folder.path()).await;
    let mut body = watched.answer("POST", PATH, "{}").await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    let some = bytes_of(&watched.until_idle().await);
    // What was on its way when it went, not the rest.
    assert!(some < all / 2, "{some} of {all} bytes were fetched");
}

#[tokio::test]
async fn a_head_request_has_no_body_and_a_query_is_not_for_it() {
    let server = server().await;
    let answer = exchange(&server, "HEAD", PATH, &[], "").await;
    assert!(answer.head.starts_with("http/1.1 405") && answer.head.contains("\r\nallow: post"), "{}", answer.head);
    assert!(answer.body.is_empty());
}
