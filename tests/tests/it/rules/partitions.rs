//! Every answer about a part of a table is that about a table which holds nothing else.

use std::path::Path;

use serde_json::{Value, json};
use tests::server::{Answer, TestServer};
use tests::table_builder::{EPOCH_MS, TableBuilder, Typed, inline_vector};

use super::{Ask, FIRST, OTHER, TABLE, bound, one_table, serve};

pub(super) const DELTA: &str =
    "responseformat=delta;readerfeatures=deletionvectors,columnmapping;includeendstreamaction=true";
const PARQUET: &str = "responseformat=parquet;includeendstreamaction=true";

/// Whether an action is told to who may read partition `only`; who may read all is told of all.
fn is_told(action: &Value, only: Option<&str>) -> bool {
    let Some(only) = only else { return true };
    ["add", "remove", "cdc"].iter().all(|kind| action.get(kind).is_none_or(|file| file["partitionValues"]["p"] == only))
}

fn recorded(path: &str, p: &str) -> Value {
    json!({"cdc": {"path": path, "partitionValues": {"p": p}, "size": 5, "dataChange": false}})
}

/// Seven versions with files of partitions `a`, `b` and of none, under a checkpoint and after it; or only the files of one
/// partition. Deletion vectors are those of `b`.
fn write(folder: impl AsRef<Path>, only: Option<&str>, typed: Option<Typed>) -> TableBuilder {
    let protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                          "writerFeatures": ["deletionVectors", "changeDataFeed"]});
    let mut table = TableBuilder::new(folder.as_ref()).protocol(protocol).metadata(|metadata| {
        metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    });
    if let Some(typed) = typed {
        table = table.checkpoint_typed(typed);
    }
    // Removals say what they know of files that the narrower table never had.
    let entry = |table: &TableBuilder, path: &str, p: Option<&str>, rows| table.add_entry(path, p, rows);
    let removal = |table: &TableBuilder, path: &str, p: &str, rows| {
        let add = table.add_entry(path, Some(p), rows)["add"].clone();
        json!({"remove": {"path": path, "deletionTimestamp": EPOCH_MS, "dataChange": true, "extendedFileMetadata": true,
                          "partitionValues": add["partitionValues"], "size": add["size"]}})
    };
    let commits: [Vec<Value>; 7] = [
        vec![
            entry(&table, "p=a/1.parquet", Some("a"), 3),
            entry(&table, "p=b/1.parquet", Some("b"), 5),
            entry(&table, "p=a/2.parquet", Some("a"), 7),
            entry(&table, "p=none/1.parquet", None, 9),
        ],
        vec![entry(&table, "p=b/2.parquet", Some("b"), 2), entry(&table, "p=b/3.parquet", Some("b"), 4)],
        vec![
            removal(&table, "p=b/1.parquet", "b", 5),
            removal(&table, "p=a/1.parquet", "a", 3),
            entry(&table, "p=a/3.parquet", Some("a"), 1),
        ],
        vec![
            recorded("_change_data/a.parquet", "a"),
            entry(&table, "p=b/4.parquet", Some("b"), 6),
            recorded("_change_data/b.parquet", "b"),
            entry(&table, "p=a/4.parquet", Some("a"), 8),
        ],
        vec![recorded("_change_data/b2.parquet", "b"), removal(&table, "p=b/2.parquet", "b", 2)],
        {
            let mut with_vector = entry(&table, "p=b/5.parquet", Some("b"), 6);
            with_vector["add"]["deletionVector"] = inline_vector(&[1, 2]);
            vec![with_vector, entry(&table, "p=a/5.parquet", Some("a"), 2)]
        },
        vec![entry(&table, "p=b/6.parquet", Some("b"), 1)],
    ];
    for (version, actions) in commits.into_iter().enumerate() {
        let told = actions.into_iter().filter(|action| is_told(action, only)).collect();
        table.commit_at(EPOCH_MS + 1000 * version as i64, told);
        if version == 3 && typed.is_some() {
            table.checkpoint();
        }
    }
    table
}

pub(super) fn rule() -> Value {
    json!([{"column": "P", "property": "part"}])
}

/// An answer with what is the same whenever it is asked for: all headers but those of the moment.
fn told(answer: &Answer) -> String {
    let momentary = ["date", "x-request-id"];
    let mut headers: Vec<_> = answer.headers.iter().filter(|(name, _)| !momentary.contains(&name.as_str())).collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    format!("{headers:?}\n{}", answer.shown())
}

/// Asks both servers the same, page by page where the answer has pages, and compares what they say.
pub(super) async fn compare(
    ask: &Ask,
    narrowed: &TestServer,
    alone: &TestServer,
    method: &str,
    path: &str,
    body: Option<Value>,
) {
    let mut bodies = [body.clone(), body.clone()];
    let mut paths = [path.to_owned(), path.to_owned()];
    for page in 0.. {
        let of = ask.send(narrowed, method, &paths[0], bodies[0].clone()).await;
        let as_if = ask.send(alone, method, &paths[1], bodies[1].clone()).await;
        let what = format!("{method} {path} {body:?}, page {page}, {}", ask.capabilities);
        assert_eq!(told(&of), told(&as_if), "{what}");
        let wrong = ["version=9", "startingVersion=9", "\"version\":9", "\"startingVersion\":7"];
        let is_wrong = wrong.iter().any(|wrong| format!("{path} {}", body.clone().unwrap_or_default()).contains(wrong));
        assert_eq!(of.status == 200, !is_wrong, "{what} {}", of.text);
        for secret in ["p%3Db", "p=b", "\"p\":\"b\"", "p%3Dnone", "p=none", "b.parquet", "b2.parquet"] {
            assert!(!of.text.contains(secret), "{what} tells {secret}: {}", of.text);
        }
        let token = |answer: &Answer| {
            let last = answer.text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok())?;
            Some(last["endStreamAction"]["nextPageToken"].as_str()?.to_owned())
        };
        let (Some(first), Some(second)) = (token(&of), token(&as_if)) else { return };
        for (at, token) in [first, second].into_iter().enumerate() {
            match &mut bodies[at] {
                Some(body) => body["pageToken"] = token.into(),
                None => paths[at] = format!("{path}&pageToken={token}"),
            }
        }
    }
}

#[tokio::test]
async fn every_answer_is_that_of_a_table_with_nothing_else() {
    for typed in [None, Some(Typed::Never), Some(Typed::Also), Some(Typed::Only)] {
        let (narrowed, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
        let (alone, _) = serve(&one_table(), None).await;
        write(narrowed.table("t"), None, typed);
        write(alone.table("t"), Some("a"), typed);
        for capabilities in ["", DELTA, PARQUET] {
            let ask = Ask { capabilities, ..FIRST };
            for path in [
                "/version",
                "/metadata",
                "/metadata?version=2",
                "/metadata?version=9",
                "/version?startingTimestamp=2023-11-14T22:13:22Z",
                "/changes?startingVersion=0",
                "/changes?startingVersion=0&endingVersion=2",
                "/changes?startingVersion=4",
                "/changes?startingVersion=0&maxFiles=1",
                "/changes?startingVersion=1&maxFiles=2&includeHistoricalMetadata=true",
                "/changes?startingVersion=9",
                "/changes?startingVersion=5&endingVersion=6&includeHistoricalMetadata=true",
            ] {
                compare(&ask, &narrowed, &alone, "GET", &format!("{TABLE}{path}"), None).await;
            }
            compare(&ask, &narrowed, &alone, "HEAD", TABLE, None).await;
            let day = json!({"op": "equal", "children": [
                {"op": "column", "name": "p", "valueType": "string"}, {"op": "literal", "value": "b", "valueType": "string"}]});
            for body in [
                json!({}),
                json!({"version": 0}),
                json!({"version": 2}),
                json!({"version": 9}),
                json!({"timestamp": "2023-11-14T22:13:24Z"}),
                json!({"limitHint": 1}),
                json!({"limitHint": 9}),
                json!({"predicateHints": ["p = 'b'"]}),
                json!({"predicateHints": ["p IS NULL OR id > 2"]}),
                json!({"jsonPredicateHints": day.to_string()}),
                json!({"maxFiles": 1}),
                json!({"maxFiles": 2, "version": 3}),
                json!({"maxFiles": 4, "limitHint": 20}),
                json!({"includeRefreshToken": true}),
                json!({"startingVersion": 0}),
                json!({"startingVersion": 4, "endingVersion": 6}),
                json!({"startingVersion": 0, "maxFiles": 1}),
                json!({"startingVersion": 1, "endingVersion": 3, "maxFiles": 2}),
                json!({"startingVersion": 7}),
            ] {
                compare(&ask, &narrowed, &alone, "POST", &format!("{TABLE}/query"), Some(body)).await;
            }
        }
    }
}

#[tokio::test]
async fn totals_are_those_of_the_part() {
    let (server, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
    write(server.table("t"), None, Some(Typed::Never));
    for (ask, files) in [(FIRST, 4), (OTHER, 4)] {
        let answer = Ask { capabilities: DELTA, ..ask }.query(&server, json!({})).await;
        let lines = answer.lines();
        let adds: Vec<&Value> = lines.iter().filter(|line| line.get("file").is_some()).collect();
        let size: u64 =
            adds.iter().map(|line| line["file"]["deltaSingleAction"]["add"]["size"].as_u64().unwrap()).sum();
        let metadata = lines.iter().find_map(|line| line.get("metaData")).unwrap();
        assert_eq!(
            (adds.len(), metadata["numFiles"].as_u64(), metadata["size"].as_u64()),
            (files, Some(files as u64), Some(size))
        );
    }
}

#[tokio::test]
async fn formats_are_settled_by_the_part_alone() {
    let (server, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
    write(server.table("t"), None, Some(Typed::Never));
    // Only `b` has a file with a deletion vector, which plain Parquet cannot tell of.
    let mine = Ask { capabilities: "responseformat=parquet", ..FIRST }.query(&server, json!({})).await;
    let theirs = Ask { capabilities: "responseformat=parquet", ..OTHER }.query(&server, json!({})).await;
    assert_eq!((mine.status, theirs.status), (200, 400));
}

/// No route says more than this, whatever is asked.
async fn nothing_is_told(server: &TestServer, ask: &Ask, status: u16, text: &str) {
    for answer in ask.every_table_route(server).await {
        assert_eq!(answer.status, status, "{}", answer.text);
        // A HEAD request has no body to say it in.
        if !answer.text.is_empty() {
            assert!(answer.text.contains(text), "{}", answer.text);
        }
        for secret in ["numFiles", "parquet", "p%3D", "'part'", "\"part\""] {
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_recipient_without_the_property_reads_nothing() {
    let (server, _) = serve(&bound(rule(), [json!({"Part": "a"}), json!({"part": "b"})]), None).await;
    write(server.table("t"), None, None);
    nothing_is_told(&server, &FIRST, 403, "PERMISSION_DENIED").await;
    assert_eq!(OTHER.query(&server, json!({"version": 0})).await.status, 200);
    // That the table exists is no secret of the other's.
    assert_eq!(FIRST.get(&server, "/shares/s/all-tables").await.json()["items"][0]["name"], "t");
}

#[tokio::test]
async fn a_rule_that_does_not_fit_the_table_lets_nothing_through() {
    for rule in [
        json!([{"column": "id", "value": "1"}]),
        json!([{"column": "none", "value": "a"}]),
        json!([{"column": "p", "value": "a"}, {"column": "name", "value": "x"}]),
    ] {
        let (server, _) = serve(&bound(rule.clone(), [json!({}), json!({})]), None).await;
        write(server.table("t"), None, None);
        for answer in FIRST.every_table_route(&server).await {
            // Which version is the newest is told to whoever may read the table at all.
            let is_version = answer.text.is_empty();
            assert_eq!(answer.status, if is_version { 200 } else { 403 }, "{rule} {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_partition_value_that_cannot_be_told_is_an_error_for_everybody() {
    for values in [json!({}), json!({"q": "a"}), json!({"p": 1}), json!({"p": ["a"]})] {
        let (server, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
        let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
            metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
        });
        let mut odd = table.add_entry("odd.parquet", Some("a"), 1);
        odd["add"]["partitionValues"] = values.clone();
        table.commit(vec![table.add_entry("p=a/1.parquet", Some("a"), 1), odd]);
        for ask in [FIRST, OTHER] {
            for path in ["metadata", "changes?startingVersion=0"] {
                let answer = ask.get(&server, &format!("{TABLE}/{path}")).await;
                assert_eq!(answer.status, 400, "{values} {path} {}", answer.text);
            }
            for body in [json!({}), json!({"startingVersion": 0})] {
                let answer = ask.query(&server, body).await;
                assert!(answer.status == 400 && !answer.text.contains("odd"), "{values} {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn numbers_are_compared_as_numbers() {
    let (server, _) = serve(&bound(rule(), [json!({"part": "7"}), json!({"part": "seven"})]), None).await;
    let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
        let schema = metadata["schemaString"].as_str().unwrap();
        metadata["schemaString"] = schema
            .replace(r#""name":"p","nullable":true,"type":"string""#, r#""name":"p","nullable":true,"type":"integer""#)
            .into();
        assert!(metadata["schemaString"].as_str().unwrap().contains("integer"));
    });
    let files = ["7", "07", "70", "+7"].map(|p| table.add_entry(&format!("{p}.parquet"), Some(p), 1));
    table.commit(files.into());
    let answer = FIRST.query(&server, json!({})).await;
    assert_eq!(answer.lines().len(), 2 + 3, "{}", answer.text);
    assert_eq!(OTHER.query(&server, json!({})).await.status, 403, "a number that is none is nobody's");
}

#[tokio::test]
async fn columns_are_known_by_their_physical_names() {
    let (server, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
    let protocol = json!({"minReaderVersion": 2, "minWriterVersion": 5});
    let mut table = TableBuilder::new(server.table("t")).protocol(protocol).metadata(|metadata| {
        let field = |name: &str, id: u32, kind: &str| {
            let about =
                json!({"delta.columnMapping.id": id, "delta.columnMapping.physicalName": format!("col-{name}")});
            json!({"name": name, "type": kind, "nullable": true, "metadata": about})
        };
        let fields = [field("id", 1, "long"), field("p", 2, "string"), field("col-p", 3, "string")];
        metadata["schemaString"] = json!({"type": "struct", "fields": fields}).to_string().into();
        metadata["partitionColumns"] = json!(["p"]);
        metadata["configuration"] = json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "3"});
    });
    let add = |name: &str, p: &str| {
        let mut add = table.add_entry(name, None, 1);
        add["add"]["partitionValues"] = json!({"col-p": p, "p": "a"});
        add
    };
    let actions = vec![add("mine.parquet", "a"), add("theirs.parquet", "b")];
    table.commit(actions);
    let ask = Ask { capabilities: DELTA, ..FIRST };
    let answer = ask.query(&server, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("mine.parquet") && !answer.text.contains("theirs.parquet"), "{}", answer.text);
}

#[tokio::test]
async fn a_range_within_which_the_partitions_change_is_refused() {
    let (server, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
    let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
        metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    });
    table.commit(vec![table.add_entry("p=a/1.parquet", Some("a"), 1)]);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["partitionColumns"] = json!([]);
    let mut all = table.add_entry("all.parquet", None, 1);
    all["add"]["partitionValues"] = json!({});
    table.commit(vec![metadata.clone(), all]);
    metadata["metaData"]["partitionColumns"] = json!(["p"]);
    table.commit(vec![metadata]);
    for body in [json!({"startingVersion": 0}), json!({"startingVersion": 1}), json!({"version": 1})] {
        let answer = FIRST.query(&server, body.clone()).await;
        assert_eq!(answer.status, 403, "{body} {}", answer.text);
    }
    for path in ["0", "1"] {
        assert_eq!(FIRST.get(&server, &format!("{TABLE}/changes?startingVersion={path}")).await.status, 403);
    }
    assert_eq!(FIRST.query(&server, json!({"version": 0})).await.status, 200);
}
