//! What a server shows of a table, in the form of the other reader's truth, so that the two can be compared.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::oracle::{Truth, TruthFile, truth};
use crate::server::TestServer;
use crate::table_builder::decode_path;

/// Compares what the server shows of table `s.d.<name>` with what the other reader finds: the newest version, then each
/// of the named ones. Returns the newest.
pub async fn agreed(server: &TestServer, name: &str, versions: impl IntoIterator<Item = u64>) -> Truth {
    let folder = server.table(name);
    let newest = shown(server, name, json!({})).await;
    assert_eq!(newest, told(&folder, None).await, "the newest version");
    for version in versions {
        let named = shown(server, name, json!({"version": version})).await;
        assert_eq!(named, told(&folder, Some(version)).await, "version {version}");
    }
    newest
}

/// The truth as far as recipients are told: not of the log's own bookkeeping.
async fn told(folder: &Path, version: Option<u64>) -> Truth {
    let mut truth = truth(folder, version).await;
    truth.configuration.retain(|key, _| {
        !key.starts_with("delta.enableInCommitTimestamps") && !key.starts_with("delta.inCommitTimestamp")
    });
    truth
}

/// Queries a table in both formats, checks that they tell the same, and returns what they tell.
pub async fn shown(server: &TestServer, name: &str, body: Value) -> Truth {
    let delta = server.query(name, body.clone(), "responseformat=delta").await;
    assert_eq!(delta.status, 200, "{}", delta.text);
    let (version, lines) = (delta.header("delta-table-version").parse().unwrap(), delta.lines());
    let (protocol, head) = (&lines[0]["protocol"]["deltaProtocol"], &lines[1]["metaData"]);
    let metadata = &head["deltaMetadata"];
    let adds: Vec<&Value> = lines[2..].iter().map(|line| &line["file"]["deltaSingleAction"]["add"]).collect();
    let files: BTreeMap<String, TruthFile> = adds.iter().map(|add| (key(&add["path"], name), file(add))).collect();
    assert_eq!(files.len(), adds.len(), "a file stands twice in the answer");
    assert_eq!(head["numFiles"].as_u64().unwrap() as usize, files.len());
    assert_eq!(head["size"].as_i64().unwrap(), files.values().map(|file| file.size).sum::<i64>());

    let parquet = server.query(name, body, "").await;
    assert_eq!((parquet.status, parquet.header("delta-table-version")), (200, delta.header("delta-table-version")));
    let flat = parquet.lines();
    assert_eq!((&flat[1]["metaData"]["size"], &flat[1]["metaData"]["numFiles"]), (&head["size"], &head["numFiles"]));
    let in_order = |files: &mut dyn Iterator<Item = (&Value, &Value)>| -> Vec<(String, TruthFile)> {
        files.map(|(url, add)| (key(url, name), file(add))).collect()
    };
    assert_eq!(
        in_order(&mut flat[2..].iter().map(|line| (&line["file"]["url"], &line["file"]))),
        in_order(&mut adds.iter().map(|add| (&add["path"], *add))),
        "the two formats show the same files in the same order"
    );

    let text = |value: &Value| value.as_str().map(str::to_owned);
    Truth {
        version,
        min_reader: i32::try_from(protocol["minReaderVersion"].as_i64().unwrap()).unwrap(),
        min_writer: i32::try_from(protocol["minWriterVersion"].as_i64().unwrap()).unwrap(),
        metadata_id: text(&metadata["id"]).unwrap(),
        name: text(&metadata["name"]),
        description: text(&metadata["description"]),
        schema_string: serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap(),
        partition_columns: serde_json::from_value(metadata["partitionColumns"].clone()).unwrap(),
        configuration: serde_json::from_value(metadata["configuration"].clone()).unwrap(),
        files,
    }
}

/// The key below the table's folder that a signed URL leads to.
pub fn key(url: &Value, table: &str) -> String {
    let url = url.as_str().unwrap();
    assert!(url.contains("X-Amz-Signature="), "not signed: {url}");
    let below_bucket = url.split('?').next().unwrap().splitn(5, '/').nth(4).unwrap();
    let key = decode_path(below_bucket);
    key.strip_prefix(&format!("{table}/")).map_or(key.clone(), str::to_owned)
}

fn file(add: &Value) -> TruthFile {
    let stats: Option<Value> = add["stats"].as_str().map(|stats| serde_json::from_str(stats).unwrap());
    TruthFile {
        size: add["size"].as_i64().unwrap(),
        partition_values: serde_json::from_value(add["partitionValues"].clone()).unwrap(),
        num_records: stats.and_then(|stats| stats["numRecords"].as_i64()),
    }
}

/// The lines of a range after its head, in either format: `add a.parquet v3`, `remove`, `cdf`, `metaData v3`, `protocol v3`.
pub fn changes(lines: &[Value], table: &str) -> Vec<String> {
    let told = |line: &Value| {
        let (kind, content) = line.as_object().unwrap().iter().next().unwrap();
        let version = &content["version"];
        if kind != "file" {
            let url = content.get("url").map(|url| format!(" {}", key(url, table))).unwrap_or_default();
            return format!("{kind}{url} v{version}");
        }
        let (kind, action) = content["deltaSingleAction"].as_object().unwrap().iter().next().unwrap();
        let kind = if kind == "cdc" { "cdf" } else { kind };
        format!("{kind} {} v{version}", key(&action["path"], table))
    };
    lines[2..].iter().map(told).collect()
}
