//! 34 to 40: what changed from one version to another.

use serde_json::{Value, json};
use tests::server::{Answer, TestServer, document};
use tests::shown::changes;
use tests::table_builder::TableBuilder;

use super::{DELTA, commit, end, get, invalid, moment, refused, with_changes};

async fn range(server: &TestServer, body: Value, capabilities: &str) -> Vec<String> {
    let answer = server.query("t", body.clone(), capabilities).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text);
    changes(&answer.lines(), "t")
}

async fn feed(server: &TestServer, table: &str, query: &str, capabilities: &str) -> Answer {
    get(server, &format!("{table}/changes?{query}"), capabilities).await
}

/// What a feed tells after its head.
async fn told(server: &TestServer, table: &str, query: &str) -> Vec<String> {
    let answer = feed(server, table, query, "").await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    changes(&answer.lines(), table)
}

fn of_no_change(mut action: Value) -> Value {
    let kind = action.as_object().unwrap().keys().next().unwrap().clone();
    action[kind]["dataChange"] = json!(false);
    action
}

#[tokio::test]
async fn a34_a_range_tells_what_changed_data_and_nothing_of_a_compaction() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    commit(&mut table, vec![]);
    for path in ["1", "2", "3"] {
        let add = table.add_entry(path, None, 1);
        commit(&mut table, vec![add]);
    }
    let mut optimized: Vec<Value> = ["1", "2", "3"].map(|path| of_no_change(table.remove(path))).to_vec();
    optimized.push(of_no_change(table.add_entry("123", None, 3)));
    commit(&mut table, optimized);
    for (old, new) in [("123", "12"), ("12", "1b")] {
        let delete = vec![table.remove(old), table.add_entry(new, None, 1)];
        commit(&mut table, delete);
    }
    for capabilities in ["", DELTA] {
        let answer = server.query("t", json!({"startingVersion": 0}), capabilities).await;
        assert_eq!(
            changes(&answer.lines(), "t"),
            ["add 1 v1", "add 2 v2", "add 3 v3", "remove 123 v5", "add 12 v5", "remove 12 v6", "add 1b v6"]
        );
        assert_eq!(answer.header("delta-table-version"), "0");
        assert_eq!(answer.lines()[1]["metaData"]["version"], 0);
    }
}

#[tokio::test]
async fn a35_changes_of_metadata_stand_where_they_were_made() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    commit(&mut table, vec![]);
    let add = table.add_entry("1", None, 1);
    commit(&mut table, vec![add]);
    for on in ["true", "false"] {
        let mut metadata = table.metadata_action();
        metadata["metaData"]["configuration"] = json!({"delta.enableChangeDataFeed": on});
        commit(&mut table, vec![metadata]);
    }
    let add = table.add_entry("4", None, 1);
    commit(&mut table, vec![add]);
    let all = ["add 1 v1", "metaData v2", "metaData v3", "add 4 v4"];
    for capabilities in ["", DELTA] {
        let head = |answer: &Answer| answer.lines()[1]["metaData"]["version"].clone();
        let whole = server.query("t", json!({"startingVersion": 0}), capabilities).await;
        assert_eq!((head(&whole), changes(&whole.lines(), "t")), (json!(0), all.map(str::to_owned).to_vec()));
        // The head is the metadata of version 2 already; it is not told twice.
        let from_2 = server.query("t", json!({"startingVersion": 2}), capabilities).await;
        assert_eq!(
            (head(&from_2), changes(&from_2.lines(), "t")),
            (json!(2), all[2..].iter().map(|&line| line.into()).collect())
        );
        let one = server.query("t", json!({"startingVersion": 2, "endingVersion": 2}), capabilities).await;
        assert_eq!(one.lines().len(), 2);

        let mut body = json!({"startingVersion": 0, "maxFiles": 1});
        let first = server.query("t", body.clone(), capabilities).await;
        assert_eq!(first.lines().len(), 6, "{}", first.text);
        body["pageToken"] = end(&first)["nextPageToken"].clone();
        let second = server.query("t", body, capabilities).await;
        assert_eq!(second.lines().len(), 4, "{}", second.text);
        assert!(end(&second).get("nextPageToken").is_none());
    }
}

#[tokio::test]
async fn a36_ranges_that_cannot_be() {
    let server = TestServer::of(&["s.d.t", "s.d.new"]).await;
    with_changes(&server, "t");
    for (body, message) in [
        (
            json!({"startingVersion": 2, "endingVersion": 1}),
            "startingVersion(2) must be smaller than or equal to endingVersion(1).",
        ),
        (json!({"startingVersion": 6}), "Provided Start version(6) for reading change data is invalid."),
        (json!({"startingVersion": 0, "endingVersion": 6}), "Provided end version(6) is invalid."),
        (json!({"startingVersion": -1}), "startingVersion cannot be negative."),
    ] {
        invalid(&server.query("t", body, "").await, message);
    }
    refused(&server.query("t", json!({"startingVersion": "x"}), "").await, "MALFORMED_REQUEST", "Not a numeric value");

    let mut table = TableBuilder::new(server.table("new"))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    commit(&mut table, vec![]);
    let mut mapped = table.metadata_action();
    mapped["metaData"]["configuration"]["delta.columnMapping.mode"] = "name".into();
    commit(&mut table, vec![json!({"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}), mapped]);
    for capabilities in ["", DELTA] {
        let range = server.query("new", json!({"startingVersion": 0}), capabilities).await;
        for answer in [range, feed(&server, "new", "startingVersion=0", capabilities).await] {
            refused(&answer, "UNSUPPORTED_OPERATION", "columnMapping");
        }
    }
}

const CHANGES: [&str; 5] = ["add 1 v1", "add 2 v1", "add 3 v1", "cdf _change_data/c2 v2", "cdf _change_data/c3 v3"];

#[tokio::test]
async fn a37_a_feed_tells_recorded_changes_and_the_newest_metadata() {
    let server = TestServer::of(&["s.d.t"]).await;
    with_changes(&server, "t");
    let by_moments = format!("startingTimestamp={}&endingTimestamp={}", moment(0), moment(3));
    for query in ["startingVersion=0&endingVersion=3", &by_moments] {
        for capabilities in ["", DELTA] {
            let answer = feed(&server, "t", query, capabilities).await;
            assert_eq!((answer.status, answer.header("delta-table-version")), (200, "0"), "{}", answer.text);
            assert_eq!(answer.lines()[1]["metaData"]["version"], 5);
            assert_eq!(changes(&answer.lines(), "t"), CHANGES);
        }
    }
}

#[tokio::test]
async fn a38_a_feed_comes_in_pages_and_with_its_metadata_if_asked() {
    let server = TestServer::of(&["s.d.t", "s.d.u"]).await;
    with_changes(&server, "t");
    let query = "startingVersion=0&endingVersion=2&maxFiles=2";
    let first = feed(&server, "t", query, "").await;
    let token = end(&first)["nextPageToken"].as_str().unwrap().to_owned();
    let second = feed(&server, "t", &format!("{query}&pageToken={token}"), "").await;
    let actions = |answer: &Answer| {
        let lines = answer.lines();
        assert_eq!(lines.len(), 5, "{}", answer.text);
        changes(&lines[..4], "t")
    };
    assert_eq!([actions(&first), actions(&second)].concat(), CHANGES[..4]);
    assert!(end(&second).get("nextPageToken").is_none());

    let mut table = TableBuilder::new(server.table("u"))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    commit(&mut table, vec![]);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["description"] = "of version 1".into();
    commit(&mut table, vec![metadata]);
    let add = table.add_entry("1", None, 1);
    commit(&mut table, vec![add]);
    let head = async |query: &str| feed(&server, "u", query, "").await.lines()[1]["metaData"]["version"].clone();
    let historical = "startingVersion=0&includeHistoricalMetadata=true";
    assert_eq!(
        (head(historical).await, told(&server, "u", historical).await.join(", ")),
        (json!(0), "metaData v1, add 1 v2".into())
    );
    assert_eq!(
        (head("startingVersion=0").await, told(&server, "u", "startingVersion=0").await.join(", ")),
        (json!(2), "add 1 v2".into())
    );
}

#[tokio::test]
async fn a39_feeds_that_cannot_be_and_those_that_can_all_the_same() {
    let mut tables = document(&["s.d.t", "s.d.p", "s.d.gap", "s.d.off", "s.d.late"]);
    tables.shares[0].schemas[0].tables.iter_mut().for_each(|table| match table.name.as_str() {
        "off" => table.history_shared = false,
        "late" => table.start_version = 1,
        _ => {}
    });
    let server = TestServer::serving(tables, |_| {}).await;
    for name in ["t", "off", "late"] {
        with_changes(&server, name);
    }
    let both = format!("startingVersion=0&startingTimestamp={}", moment(0));
    let ends = format!("startingVersion=0&endingVersion=1&endingTimestamp={}", moment(1));
    for (table, query, message) in [
        ("off", "startingVersion=0", "cdf is not enabled on table s.d.off"),
        ("late", "startingVersion=0", "You can only query table changes since version 1."),
        ("t", "", "No startingVersion or startingTimestamp provided for CDF read."),
        (
            "t",
            &both,
            "Multiple starting arguments provided for CDF read. Please provide one of either startingTimestamp or startingVersion.",
        ),
        (
            "t",
            &ends,
            "Multiple ending arguments provided for CDF read. Please provide one of either endingTimestamp or endingVersion.",
        ),
        ("t", "startingVersion=x", "startingVersion is not a valid number."),
        ("t", "startingVersion=0&endingVersion=x", "endingVersion is not a valid number."),
        ("t", "startingTimestamp=x", "Invalid startingTimestamp: "),
        ("t", "startingVersion=0&endingTimestamp=x", "Invalid endingTimestamp: "),
        (
            "t",
            "startingVersion=2&endingVersion=1",
            "CDF range from start 2 to end 1 was invalid. End cannot be before start.",
        ),
        (
            "t",
            "startingVersion=6",
            "Provided Start version(6) for reading change data is invalid. Start version cannot be greater than the latest version of the table(5).",
        ),
        (
            "t",
            "startingVersion=0&endingVersion=5",
            "Error getting change data for range [0, 5] as change data was not recorded for version [4]",
        ),
        // An end after the newest version is the newest version.
        (
            "t",
            "startingVersion=0&endingVersion=99",
            "Error getting change data for range [0, 5] as change data was not recorded for version [4]",
        ),
    ] {
        invalid(&feed(&server, table, query, "").await, message);
    }

    // No data file of these tables was ever written: a vacuum takes nothing from a feed but the files themselves.
    let mut table = TableBuilder::new(server.table("p"))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    commit(&mut table, vec![]);
    let adds = ["a", "b", "c"].map(|p| table.add_entry(&format!("p={p}/1"), Some(p), 1)).to_vec();
    commit(&mut table, adds);
    let cdc = |p: &str| json!({"cdc": {"path": format!("_change_data/p={p}/c"), "partitionValues": {"p": p}, "size": 7, "dataChange": false}});
    let update = vec![table.remove("p=b/1"), table.add_entry("p=d/1", Some("d"), 1), cdc("b"), cdc("d")];
    commit(&mut table, update);
    let delete = vec![table.remove("p=c/1")];
    commit(&mut table, delete);
    let lines = feed(&server, "p", "startingVersion=1", "").await.lines().split_off(2);
    let parts: Vec<String> = lines
        .iter()
        .map(|line| {
            let (kind, content) = line.as_object().unwrap().iter().next().unwrap();
            format!("{kind} {}", content["partitionValues"]["p"].as_str().unwrap())
        })
        .collect();
    assert_eq!(parts, ["add a", "add b", "add c", "cdf b", "cdf d", "remove c"]);

    let mut table = with_changes(&server, "gap");
    table.checkpoint();
    table.delete_commit(2);
    let answer = feed(&server, "gap", "startingVersion=0&endingVersion=3", "").await;
    refused(&answer, "RESOURCE_DOES_NOT_EXIST", "table files missing");
}

#[tokio::test]
async fn a40_protocols_of_the_past_are_told_in_delta_format_if_asked() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(json!({"minReaderVersion": 1, "minWriterVersion": 2}))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    for version in 0..5 {
        let mut actions = vec![table.add_entry(&version.to_string(), None, 1)];
        if version == 2 {
            actions.insert(0, json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}}));
        }
        commit(&mut table, actions);
    }
    let protocols = |answer: Answer| -> Vec<Value> {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines = answer.lines();
        let of = |line: &Value| Some(line.get("protocol")?.get("version").cloned().unwrap_or_default());
        lines.iter().filter_map(of).collect()
    };
    let ask = async |start: u64, flag: bool, capabilities: &str| {
        let body = json!({"startingVersion": start, "includeHistoricalProtocol": flag});
        protocols(server.query("t", body, capabilities).await)
    };
    assert_eq!(ask(0, false, DELTA).await, [Value::Null]);
    assert_eq!(ask(0, true, DELTA).await, [json!(0), json!(2)]);
    assert_eq!(ask(2, true, DELTA).await, [json!(2)]);
    assert_eq!(ask(0, true, "").await, [Value::Null], "parquet has no such lines");
    assert_eq!(range(&server, json!({"startingVersion": 3, "includeHistoricalProtocol": true}), DELTA).await.len(), 2);
    let query = "startingVersion=0&endingVersion=4&includeHistoricalProtocol=true";
    assert_eq!(protocols(feed(&server, "t", query, DELTA).await), [json!(4), json!(2)]);
    assert_eq!(protocols(feed(&server, "t", query, "").await), [Value::Null]);
}
