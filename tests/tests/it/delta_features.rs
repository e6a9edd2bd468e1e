//! Tables of every feature, each answered in the formats that can carry it and compared with what another reader finds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::oracle::{TruthFile, truth};
use tests::server::{Answer, TestServer};
use tests::table_builder::{TableBuilder, decode_path};

mod checkpoints;
mod negotiation;
mod shallow_clones;
mod typed_columns;
mod vectors;

const DELTA: &str = "responseformat=delta";
const VECTORS: &str = "responseformat=delta;readerfeatures=deletionvectors";

async fn server() -> TestServer {
    TestServer::of(&["s.d.t"]).await
}

/// A protocol with these reader features.
fn features(names: &[&str]) -> Value {
    json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names})
}

/// The files of an answer in delta format by their keys, in the other reader's form.
fn files(answer: &Answer) -> BTreeMap<String, TruthFile> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let lines = answer.lines();
    let adds = lines[2..].iter().map(|line| &line["file"]["deltaSingleAction"]["add"]);
    let files: BTreeMap<String, TruthFile> = adds.map(|add| (key(&add["path"]), file(add))).collect();
    assert_eq!(files.len(), lines.len() - 2, "a file stands twice in the answer");
    let head = &lines[1]["metaData"];
    assert_eq!(head["numFiles"].as_u64().unwrap() as usize, files.len());
    assert_eq!(head["size"].as_i64().unwrap(), files.values().map(|file| file.size).sum::<i64>());
    files
}

fn file(add: &Value) -> TruthFile {
    let stats: Option<Value> = add["stats"].as_str().map(|stats| serde_json::from_str(stats).unwrap());
    TruthFile {
        size: add["size"].as_i64().unwrap(),
        partition_values: serde_json::from_value(add["partitionValues"].clone()).unwrap(),
        num_records: stats.and_then(|stats| stats["numRecords"].as_i64()),
    }
}

/// The key below the folder of table `t` that a signed URL leads to.
fn key(url: &Value) -> String {
    let url = url.as_str().unwrap();
    assert!(url.contains("X-Amz-Signature="), "not signed: {url}");
    let below_bucket = decode_path(url.split('?').next().unwrap().splitn(5, '/').nth(4).unwrap());
    below_bucket.strip_prefix("t/").map_or(below_bucket.clone(), str::to_owned)
}

/// Checks that the newest version and all older ones are what the other reader finds.
async fn agreed(server: &TestServer, table: &TableBuilder, versions: impl IntoIterator<Item = u64>) {
    let newest = server.query("t", json!({}), VECTORS).await;
    assert_eq!(files(&newest), truth(table.path(), None).await.files, "the newest version");
    for version in versions {
        let named = server.query("t", json!({"version": version}), VECTORS).await;
        assert_eq!(files(&named), truth(table.path(), Some(version)).await.files, "version {version}");
    }
}

/// The text of a refusal.
fn refused(answer: &Answer, code: &str) -> String {
    let body = answer.json();
    assert_eq!((answer.status, body["errorCode"].as_str()), (400, Some(code)), "{body}");
    body["message"].as_str().unwrap().to_owned()
}
