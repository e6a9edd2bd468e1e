//! Deletion vectors of every kind: signed where they lie in a file, copied where they stand in the log, never dropped.

use serde_json::{Value, json};
use tests::server::TestServer;
use tests::table_builder::{Manifest, TableBuilder, inline_vector};

use super::{DELTA, VECTORS, agreed, features, files, key, refused, server};

const URL_TTL_MILLIS: i64 = 600_000;

/// A table whose new files get vectors.
fn table_on(server: &TestServer) -> TableBuilder {
    TableBuilder::new(server.table("t"))
        .protocol(features(&["deletionVectors", "v2Checkpoint"]))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "true"}))
}

fn with(mut add: Value, vector: &Value) -> Value {
    add["add"]["deletionVector"] = vector.clone();
    add
}

/// A `remove` of a file with the vector that it had.
fn remove(path: &str, vector: &Value) -> Value {
    json!({"remove": {"path": path, "deletionTimestamp": 1, "dataChange": true, "deletionVector": vector}})
}

/// The file lines by the keys of their data files.
async fn lines(server: &TestServer) -> std::collections::BTreeMap<String, Value> {
    let answer = server.query("t", json!({}), VECTORS).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let keyed = |line: &Value| (key(&line["file"]["deltaSingleAction"]["add"]["path"]), line["file"].clone());
    answer.lines()[2..].iter().map(keyed).collect()
}

/// A form of the log, and what brings a table into it.
type Shape = (&'static str, fn(&mut TableBuilder));

/// The forms in which the log can hold a table's state.
fn shapes() -> [Shape; 4] {
    [
        ("commits", |_| {}),
        ("a checkpoint", TableBuilder::checkpoint),
        ("a JSON manifest", |table| drop(table.checkpoint_v2(Manifest::Json, 0))),
        ("sidecars", |table| drop(table.checkpoint_v2(Manifest::Parquet, 2))),
    ]
}

#[tokio::test]
async fn a_vector_in_a_file_gets_a_url_and_one_in_the_log_is_passed_on() {
    for (shape, write) in shapes() {
        let server = server().await;
        let mut table = table_on(&server);
        let (in_file, file_key) = table.vector_in_file("", 1, &[0, 2]);
        let (in_folder, folder_key) = table.vector_in_file("a%b", 2, &[1]);
        let inline = inline_vector(&[3, 4]);
        table.commit(vec![
            with(table.add("1", None, 5), &in_file),
            with(table.add("2", None, 5), &in_folder),
            with(table.add("3", None, 5), &inline),
            table.add("4", None, 5),
        ]);
        let before = lines(&server).await;
        write(&mut table);
        let shown = lines(&server).await;
        for (line, vector, vector_key) in [(&shown["1"], &in_file, &file_key), (&shown["2"], &in_folder, &folder_key)] {
            let told = &line["deltaSingleAction"]["add"]["deletionVector"];
            let url = told["pathOrInlineDv"].as_str().unwrap();
            assert_eq!(
                (key(&told["pathOrInlineDv"]), &told["storageType"]),
                (vector_key.clone(), &json!("p")),
                "{shape}"
            );
            for same in ["offset", "sizeInBytes", "cardinality"] {
                assert_eq!(told[same], vector[same], "{shape}: {same}");
            }
            let stored = std::fs::read(table.path().join(vector_key)).unwrap();
            assert_eq!(server.fetch(url).await, (200, stored), "{shape}");
            assert_eq!(server.fetch(&url.replace(".bin", ".bi")).await.0, 403, "{shape}");
            assert_eq!(line["deletionVectorFileId"].as_str().unwrap().len(), 64);
            let left = line["expirationTimestamp"].as_i64().unwrap() - now_millis();
            assert!((1..=URL_TTL_MILLIS).contains(&left), "{shape}: {left}");
        }
        assert_ne!(shown["1"]["deletionVectorFileId"], shown["2"]["deletionVectorFileId"]);
        assert_ne!(shown["1"]["deletionVectorFileId"], shown["1"]["id"]);
        assert_eq!(shown["1"]["deletionVectorFileId"], before["1"]["deletionVectorFileId"], "{shape}");
        assert_eq!(shown["3"]["deltaSingleAction"]["add"]["deletionVector"], inline, "{shape}");
        for plain in ["3", "4"] {
            assert!(shown[plain].get("deletionVectorFileId").is_none(), "{shape}");
        }
        assert!(shown["4"]["deltaSingleAction"]["add"].get("deletionVector").is_none(), "{shape}");
        agreed(&server, &table, [0]).await;
    }
}

fn now_millis() -> i64 {
    shared::clock::SystemClock::shared().now().millis()
}

#[tokio::test]
async fn a_file_is_told_by_its_path_and_its_vector() {
    for (shape, write) in shapes() {
        let server = server().await;
        let mut table = table_on(&server);
        let (first, _) = table.vector_in_file("", 1, &[0]);
        let (second, _) = table.vector_in_file("", 2, &[0, 1]);
        table.commit(vec![table.add_entry("a", None, 9), table.add_entry("b", None, 9)]);
        // In one commit, in either order, a file may leave with one vector and come with another.
        table.commit(vec![table.remove("a"), with(table.add_entry("a", None, 9), &first)]);
        table.commit(vec![with(table.add_entry("a", None, 9), &second), remove("a", &first)]);
        write(&mut table);
        let newest = lines(&server).await;
        assert_eq!(newest["a"]["deltaSingleAction"]["add"]["deletionVector"]["cardinality"], 2, "{shape}");
        agreed(&server, &table, 0..3).await;

        table.commit(vec![remove("a", &second), with(table.add_entry("b", None, 9), &first), table.remove("b")]);
        table.commit(vec![remove("b", &first), table.add_entry("b", None, 9)]);
        assert_eq!(lines(&server).await.into_keys().collect::<Vec<_>>(), ["b"], "{shape}");
        agreed(&server, &table, 2..5).await;
    }
}

#[tokio::test]
async fn every_file_is_looked_at_not_only_the_property() {
    for (shape, write) in shapes() {
        let server = server().await;
        let mut table = table_on(&server)
            .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "false"}));
        table.commit(vec![table.add_entry("a", None, 9)]);
        assert_eq!(server.query("t", json!({}), "").await.status, 200, "any reader will do");
        let (vector, _) = table.vector_in_file("", 1, &[0]);
        table.commit(vec![table.remove("a"), with(table.add_entry("a", None, 9), &vector)]);
        write(&mut table);
        for capabilities in ["", DELTA, "responseformat=parquet;readerfeatures=deletionvectors"] {
            let message = refused(&server.query("t", json!({}), capabilities).await, "UNSUPPORTED_OPERATION");
            assert!(message.contains("deletionVectors"), "{shape}: {message}");
        }
        assert_eq!(files(&server.query("t", json!({}), VECTORS).await).len(), 1, "{shape}");
        assert_eq!(server.query("t", json!({"version": 0}), "").await.status, 200, "{shape}: no vector then");
    }
}

#[tokio::test]
async fn a_vector_that_the_protocol_does_not_announce_is_damage() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![with(table.add_entry("a", None, 9), &inline_vector(&[1]))]);
    let message = refused(&server.query("t", json!({}), VECTORS).await, "MALFORMED_REQUEST");
    assert!(message.contains("deletionVectors"), "{message}");
}

#[tokio::test]
async fn a_vector_that_cannot_be_signed_is_refused_before_the_first_byte() {
    let vector = |kind: &str, path: &str| json!({"storageType": kind, "pathOrInlineDv": path, "offset": 1, "sizeInBytes": 1, "cardinality": 1});
    let cases = [
        (vector("p", "s3://elsewhere/v.bin"), "UNSUPPORTED_OPERATION", "absolute paths"),
        (vector("x", "?"), "UNSUPPORTED_OPERATION", "storage type 'x'"),
        (vector("u", "short"), "MALFORMED_REQUEST", "deletion vector"),
        (vector("u", "../^-aqEH.-t@S}K{vb[*k^"), "MALFORMED_REQUEST", "deletion vector"),
    ];
    for (vector, code, named) in cases {
        for (shape, write) in shapes() {
            let server = server().await;
            let mut table = table_on(&server);
            table.commit(vec![with(table.add_entry("a", None, 9), &vector)]);
            write(&mut table);
            let message = refused(&server.query("t", json!({}), VECTORS).await, code);
            assert!(message.contains(named), "{shape}: {message}");
            // Once it is gone it is nobody's trouble.
            table.commit(vec![remove("a", &vector), table.add_entry("b", None, 1)]);
            assert_eq!(files(&server.query("t", json!({}), VECTORS).await).len(), 1, "{shape}");
        }
    }
}
