//! Checkpoints that hold statistics and partition values in typed columns.

use serde_json::{Value, json};
use tests::table_builder::{Manifest, TableBuilder, Typed};

use super::{DELTA, agreed, server};

/// Every file's partition values and statistics, as the answer has them.
async fn told(server: &tests::server::TestServer) -> Vec<(String, Value, Value)> {
    let answer = server.query("t", json!({}), DELTA).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let add = |line: &Value| {
        let add = line["file"]["deltaSingleAction"]["add"].clone();
        let stats = add["stats"].as_str().map_or(Value::Null, |stats| serde_json::from_str(stats).unwrap());
        (super::key(&add["path"]), add["partitionValues"].clone(), stats)
    };
    let mut files: Vec<_> = answer.lines()[2..].iter().map(add).collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

#[tokio::test]
async fn what_stands_in_typed_columns_only_is_told_as_the_log_told_it() {
    for typed in [Typed::Only, Typed::Also, Typed::Never] {
        for v2 in [false, true] {
            let server = server().await;
            let mut table = TableBuilder::new(server.table("t")).checkpoint_typed(typed).checkpoint_row_group(2);
            let mut without = table.add_entry("p=b/3", Some("b"), 3);
            without["add"].as_object_mut().unwrap().remove("stats");
            table.commit(vec![
                table.add_entry("p=a%20\"/1", Some("a \""), 2),
                table.add_entry("p=__HIVE_DEFAULT_PARTITION__/2", None, 0),
                without,
                table.add_entry("4", Some(""), 7),
            ]);
            let before = told(&server).await;
            match v2 {
                true => drop(table.checkpoint_v2(Manifest::Json, 2)),
                false => table.checkpoint(),
            }
            table.delete_commit(0);
            assert_eq!(told(&server).await, before, "{typed:?}");
            assert_eq!(before.iter().filter(|(_, _, stats)| stats.is_null()).count(), 1);
        }
    }
}

#[tokio::test]
async fn another_reader_finds_the_same_rows() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t")).checkpoint_typed(Typed::Also);
    table.commit(vec![table.add_entry("p=a/1", Some("a"), 2), table.add_entry("p=b/2", Some("b"), 9)]);
    table.checkpoint();
    table.commit(vec![table.remove("p=a/1"), table.add_entry("3", None, 1)]);
    agreed(&server, &table, [0, 1]).await;
}
