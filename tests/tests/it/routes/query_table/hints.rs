//! What a query's hints leave out of the answer: files that its predicates rule out and files
//! behind the limit. What its head says stays.

use serde_json::{Value, json};
use tests::samples::three_versions;
use tests::server::TestServer;
use tests::shown::key;
use tests::table_builder::TableBuilder;

const FORMATS: [&str; 2] = ["", "responseformat=delta"];

/// A server with the table of three versions at `s.d.t`.
async fn server() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    three_versions(server.table("t"));
    server
}

/// The keys of an answer's files. Its head must be that of an answer without hints.
async fn keys(server: &TestServer, body: Value, format: &str) -> Vec<String> {
    let answer = server.query("t", body.clone(), format).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text);
    let lines = answer.lines();
    assert_eq!(lines[..2], server.query("t", json!({}), format).await.lines()[..2], "{body}");
    let url = |line: &Value| {
        let file = &line["file"];
        key(file.get("url").unwrap_or(&file["deltaSingleAction"]["add"]["path"]), "t")
    };
    lines[2..].iter().map(url).collect()
}

#[tokio::test]
async fn a_limit_cuts_the_files_once_they_hold_enough_rows() {
    let server = server().await;
    for format in FORMATS {
        for (limit, files) in [(json!(1), 1), (json!("4"), 1), (json!(5), 2), (json!(8), 3), (json!(0), 3)] {
            let found = keys(&server, json!({"limitHint": limit}), format).await;
            assert_eq!(found, ["p=a/4.parquet", "3.parquet", "p=b c/2.parquet"][..files], "{limit} {format}");
        }
    }
}

/// A server with a table of four files at `s.d.t`: of the partitions a, a, b and null, with ids from 0, 10, 20 and 30 on,
/// ten each.
async fn with_stats() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    let adds = [Some("a"), Some("a"), Some("b"), None].into_iter().zip(0..).map(|(p, n)| {
        let mut add = table.add_entry(&format!("{n}"), p, 10);
        add["add"]["stats"] = json!({
            "numRecords": 10, "minValues": {"id": 10 * n}, "maxValues": {"id": 10 * n + 9}, "nullCount": {"id": 0},
        })
        .to_string()
        .into();
        add
    });
    let adds = adds.collect();
    table.commit(adds);
    server
}

fn json_hint(op: &str, column: &str, kind: &str, value: &str) -> Value {
    let column = json!({"op": "column", "name": column, "valueType": kind});
    json!({"op": op, "children": [column, {"op": "literal", "value": value, "valueType": kind}]})
}

#[tokio::test]
async fn json_predicates_leave_files_out_by_partition_and_by_statistics() {
    let server = with_stats().await;
    let is_a = json_hint("equal", "P", "string", "a");
    let above = json_hint("greaterThan", "id", "long", "15");
    for format in FORMATS {
        for (hint, files) in [
            (is_a.clone(), &["0", "1"][..]),
            (json!({"op": "not", "children": [is_a]}), &["2"]),
            (above.clone(), &["1", "2", "3"]),
            (json!({"op": "and", "children": [is_a, above]}), &["1"]),
            (json!({"op": "isNull", "children": [{"op": "column", "name": "p", "valueType": "string"}]}), &["3"]),
            (json_hint("equal", "id", "long", "99"), &[]),
            // Nothing is left out for what cannot be understood.
            (json!({"op": "and", "children": [is_a, {"op": "in", "children": []}]}), &["0", "1", "2", "3"]),
            (json_hint("equal", "id", "string", "99"), &["0", "1", "2", "3"]),
        ] {
            let found = keys(&server, json!({"jsonPredicateHints": hint.to_string()}), format).await;
            assert_eq!(found, files, "{hint} {format}");
            // The SQL form is not read beside the other.
            let both = json!({"jsonPredicateHints": hint.to_string(), "predicateHints": ["id = 99"]});
            assert_eq!(keys(&server, both, format).await, files, "{hint} {format}");
        }
    }
}

#[tokio::test]
async fn sql_predicates_leave_files_out_and_each_that_is_understood_counts() {
    let server = with_stats().await;
    for format in FORMATS {
        for (hints, files) in [
            (&["p = 'a'"][..], &["0", "1"][..]),
            (&["p <> 'a'", ""], &["2"]),
            (&["`P` = \"a\"", "ID >= 10"], &["1"]),
            (&["p = 'b' OR p IS NULL"], &["2", "3"]),
            (&["NOT (id BETWEEN 5 AND 40)", "id IN (3, 33)"], &["0"]),
            (&["partitionValues.p <=> null"], &["3"]),
            (&["id = 0 + 1", "p = 'b'"], &["2"]),
            // What old Spark sends.
            (&["(CAST(partitionValues.p AS STRING) IS NULL)"], &["0", "1", "2", "3"]),
            (&["p = 'a' AND lower(p) = 'b'"], &["0", "1"]),
            (&["id = '99'"], &["0", "1", "2", "3"]),
        ] {
            assert_eq!(keys(&server, json!({"predicateHints": hints}), format).await, files, "{hints:?} {format}");
        }
    }
}

#[tokio::test]
async fn only_rows_that_fulfil_the_predicates_fill_a_limit() {
    let server = with_stats().await;
    let above = json_hint("greaterThan", "id", "long", "15").to_string();
    for (body, files) in [
        // Of file 1 only some rows are wanted, of file 2 all.
        (json!({"jsonPredicateHints": above, "limitHint": 5}), &["1", "2"][..]),
        (json!({"jsonPredicateHints": above, "limitHint": 11}), &["1", "2", "3"]),
        (json!({"jsonPredicateHints": "bad-predicates", "limitHint": 5}), &["0", "1", "2", "3"]),
        (json!({"predicateHints": ["mystery(id)"], "limitHint": 5}), &["0", "1", "2", "3"]),
        (json!({"jsonPredicateHints": above, "predicateHints": ["mystery(id)"], "limitHint": 5}), &["1", "2", "3"]),
        (json!({"predicateHints": ["id > 15", "mystery(id)"], "limitHint": 5}), &["1", "2", "3"]),
        (json!({"predicateHints": ["id > 15"], "limitHint": 5}), &["1", "2"]),
        (json!({"predicateHints": [""], "limitHint": 5}), &["0"]),
    ] {
        assert_eq!(keys(&server, body.clone(), "").await, files, "{body}");
    }
}
