//! When versions were committed: times of files with ties pushed on, and times that the commits carry themselves.

use serde_json::{Value, json};
use tests::server::TestServer;
use tests::shown::agreed;
use tests::table_builder::{EPOCH_MS, TableBuilder};

async fn server() -> TestServer {
    TestServer::of(&["s.d.t"]).await
}

fn moment(millis: i64) -> String {
    shared::model::version::TimestampMs::new(millis).to_iso()
}

/// The version in force at a moment.
async fn in_force(server: &TestServer, millis: i64) -> Result<u64, String> {
    let answer = server.query("t", json!({"timestamp": moment(millis)}), "").await;
    match answer.status {
        200 => Ok(answer.header("delta-table-version").parse().unwrap()),
        _ => Err(answer.json()["message"].as_str().unwrap().to_owned()),
    }
}

/// The first version at or after a moment.
async fn since(server: &TestServer, millis: i64) -> Result<u64, String> {
    let path = format!("/shares/s/schemas/d/tables/t/version?startingTimestamp={}", moment(millis));
    let answer = server.get(&path).await;
    match answer.status {
        200 => Ok(answer.header("delta-table-version").parse().unwrap()),
        _ => Err(answer.json()["message"].as_str().unwrap().to_owned()),
    }
}

/// What the lines of a named version say about when it was committed.
async fn told(server: &TestServer, version: u64) -> Value {
    server.query("t", json!({"version": version}), "").await.lines()[2]["file"]["timestamp"].clone()
}

#[tokio::test]
async fn ties_and_steps_back_count_as_a_millisecond_later() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    for (version, at) in [0, 0, -5000, 10, 10].into_iter().enumerate() {
        table.commit_at(EPOCH_MS + at, vec![table.add_entry(&version.to_string(), None, 1)]);
    }
    // In force from: 0, 1, 2, 10, 11.
    for (at, version) in [(0, 0), (1, 1), (2, 2), (9, 2), (10, 3), (11, 4)] {
        assert_eq!(in_force(&server, EPOCH_MS + at).await, Ok(version), "{at}");
    }
    for (at, version) in [(-9000, 0), (0, 0), (1, 1), (2, 2), (3, 3), (10, 3), (11, 4)] {
        assert_eq!(since(&server, EPOCH_MS + at).await, Ok(version), "{at}");
    }
    assert!(in_force(&server, EPOCH_MS - 1).await.unwrap_err().contains(&moment(EPOCH_MS)));
    assert!(in_force(&server, EPOCH_MS + 12).await.unwrap_err().contains(&moment(EPOCH_MS + 11)));
    assert!(since(&server, EPOCH_MS + 12).await.unwrap_err().contains(&moment(EPOCH_MS + 11)));
    for (version, at) in [(0, 0), (1, 1), (2, 2), (3, 10), (4, 11)] {
        assert_eq!(told(&server, version).await, json!(EPOCH_MS + at), "{version}");
    }
    agreed(&server, "t", 0..5).await;
}

/// A commit's first action in a table with times of its own.
fn commit_info(at: i64) -> Value {
    json!({"commitInfo": {"inCommitTimestamp": at, "timestamp": at, "operation": "WRITE"}})
}

const WITH_OWN_TIMES: &str = "delta.enableInCommitTimestamps";

#[tokio::test]
async fn commits_that_carry_their_own_time_are_taken_at_their_word() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["inCommitTimestamp"]}))
        .metadata(|metadata| metadata["configuration"] = json!({WITH_OWN_TIMES: "true", "own": "kept"}));
    for version in 0..6 {
        let mut actions = vec![commit_info(EPOCH_MS + version * 1000)];
        if version == 0 {
            actions.extend([table.protocol_action(), table.metadata_action()]);
        }
        actions.push(table.add_entry(&version.to_string(), None, 1));
        // The files are younger and in another order, as after a copy of the log.
        table.commit_at(EPOCH_MS + 1_000_000 - version, actions);
    }
    for version in 0..6 {
        let at = EPOCH_MS + i64::try_from(version).unwrap() * 1000;
        assert_eq!(told(&server, version).await, json!(at));
        assert_eq!(in_force(&server, at).await, Ok(version));
        assert_eq!(since(&server, at).await, Ok(version));
    }
    assert_eq!(in_force(&server, EPOCH_MS + 4999).await, Ok(4));
    assert_eq!(since(&server, EPOCH_MS + 4001).await, Ok(5));
    assert!(in_force(&server, EPOCH_MS + 5001).await.unwrap_err().contains("after the latest available version 5"));
    // Clients rebuild a log without these times; told of them, they would look for them.
    let newest = agreed(&server, "t", 0..6).await;
    assert_eq!(newest.configuration.keys().collect::<Vec<_>>(), ["own"]);
}

#[tokio::test]
async fn own_times_hold_from_the_version_that_turned_them_on() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit_at(EPOCH_MS, vec![table.add_entry("0", None, 1)]);
    table.commit_at(EPOCH_MS, vec![table.add_entry("1", None, 1)]);
    let mut metadata = table.metadata_action();
    metadata["metaData"]["configuration"] = json!({
        WITH_OWN_TIMES: "true",
        "delta.inCommitTimestampEnablementVersion": "2",
        "delta.inCommitTimestampEnablementTimestamp": (EPOCH_MS + 5000).to_string(),
    });
    let protocol =
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["inCommitTimestamp"]}});
    table
        .commit_at(EPOCH_MS + 2, vec![commit_info(EPOCH_MS + 5000), protocol, metadata, table.add_entry("2", None, 1)]);
    table.commit_at(EPOCH_MS + 3, vec![commit_info(EPOCH_MS + 6000), table.add_entry("3", None, 1)]);
    for (at, version) in [(0, 0), (1, 1), (4999, 1), (5000, 2), (5999, 2), (6000, 3)] {
        assert_eq!(in_force(&server, EPOCH_MS + at).await, Ok(version), "{at}");
    }
    for (version, at) in [(0, 0), (1, 1), (2, 5000), (3, 6000)] {
        assert_eq!(told(&server, version).await, json!(EPOCH_MS + at), "{version}");
    }
    agreed(&server, "t", 0..4).await;
}

#[tokio::test]
async fn a_commit_without_its_own_time_where_it_must_have_one_is_an_error() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"))
        .metadata(|metadata| metadata["configuration"] = json!({WITH_OWN_TIMES: "true"}));
    table.commit(vec![table.add_entry("0", None, 1)]);
    let message = in_force(&server, EPOCH_MS).await.unwrap_err();
    assert!(message.contains("version 0 carries no in-commit timestamp"), "{message}");
    assert_eq!(server.query("t", json!({}), "").await.status, 200);
}

#[tokio::test]
async fn a_checkpoint_whose_commit_is_gone_has_no_time() {
    let server = server().await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit_at(EPOCH_MS, vec![table.add_entry("0", None, 1)]);
    table.commit_at(EPOCH_MS + 1000, vec![table.add_entry("1", None, 1)]);
    table.checkpoint();
    table.commit_at(EPOCH_MS + 2000, vec![table.add_entry("2", None, 1)]);
    table.delete_commit(0);
    table.delete_commit(1);
    assert_eq!(told(&server, 1).await, Value::Null);
    assert_eq!(in_force(&server, EPOCH_MS + 2000).await, Ok(2));
    assert!(in_force(&server, EPOCH_MS + 1000).await.unwrap_err().contains("before the earliest available version 2"));
}
