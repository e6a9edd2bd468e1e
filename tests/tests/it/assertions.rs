//! The forty statements that a server of this protocol is held to, each a test that carries its number. Where this server
//! has decided otherwise, the test says what was decided and why. The files of routes test the same things further.

use serde_json::{Value, json};
use tests::server::{Answer, TestServer, send};
use tests::table_builder::{EPOCH_MS, TableBuilder};

mod heads;
mod lists;
mod queries;
mod ranges;
mod snapshots;

const DELTA: &str = "responseformat=delta";
const QUERY: &str = "/shares/s/schemas/d/tables/t/query";

/// Checks that a request was refused with 400, this code and a message that has `part` in it.
#[track_caller]
fn refused(answer: &Answer, code: &str, part: &str) {
    let body = answer.json();
    assert_eq!((answer.status, body["errorCode"].as_str()), (400, Some(code)), "{body}");
    let message = body["message"].as_str().unwrap();
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

/// Checks that a request was refused for one of its parameters.
#[track_caller]
fn invalid(answer: &Answer, part: &str) {
    refused(answer, "INVALID_PARAMETER_VALUE", part);
}

/// Gets a path below table `s.d.<table>` with capabilities.
async fn get(server: &TestServer, path: &str, capabilities: &str) -> Answer {
    let request = server.request("GET", &format!("/shares/s/schemas/d/tables/{path}"));
    send(request.header("delta-sharing-capabilities", capabilities)).await
}

/// The file lines of an answer, without its last line when that is not a file's.
fn files(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.lines()[2..].iter().filter_map(|line| line.get("file").cloned()).collect()
}

/// The ids of an answer's files.
fn ids(answer: &Answer) -> Vec<String> {
    files(answer).iter().map(|file| file["id"].as_str().unwrap().to_owned()).collect()
}

/// The first two lines as they came.
fn heads(answer: &Answer) -> Vec<String> {
    answer.text.lines().take(2).map(str::to_owned).collect()
}

/// The content of the last line.
fn end(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.lines().last().unwrap()["endStreamAction"].clone()
}

/// The moment of a commit that [`TableBuilder::commit_at`] put so many seconds after the first, as requests write it.
fn moment(seconds: i64) -> String {
    shared::model::version::TimestampMs::new(EPOCH_MS + seconds * 1000).to_iso()
}

/// Writes a commit a second after the one before, and returns its version.
fn commit(table: &mut TableBuilder, actions: Vec<Value>) -> u64 {
    let next = table.version().map_or(0, |version| version + 1);
    table.commit_at(EPOCH_MS + i64::try_from(next).unwrap() * 1000, actions)
}

/// A table that records its changes: version 1 adds three files, 2 and 3 record a change each, 4 turns recording off, 5 on.
fn with_changes(server: &TestServer, name: &str) -> TableBuilder {
    let mut table = TableBuilder::new(server.table(name))
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    commit(&mut table, vec![]);
    let adds = ["1", "2", "3"].map(|path| table.add_entry(path, None, 1)).to_vec();
    commit(&mut table, adds);
    let cdc =
        |path: &str| json!({"cdc": {"path": path, "partitionValues": {"p": null}, "size": 7, "dataChange": false}});
    let delete = vec![table.remove("3"), cdc("_change_data/c2")];
    commit(&mut table, delete);
    let update = vec![table.remove("2"), table.add_entry("4", None, 1), cdc("_change_data/c3")];
    commit(&mut table, update);
    for on in ["false", "true"] {
        let mut metadata = table.metadata_action();
        metadata["metaData"]["configuration"]["delta.enableChangeDataFeed"] = on.into();
        commit(&mut table, vec![metadata]);
    }
    table
}

/// The table of all deletion vector statements: a file with a vector of three rows, then a file without one.
fn with_vector(server: &TestServer, name: &str) -> TableBuilder {
    let both = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
        "writerFeatures": ["deletionVectors"]});
    let mut table = TableBuilder::new(server.table(name))
        .protocol(both)
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "true"}));
    let (vector, _) = table.vector_in_file("", 1, &[0, 2, 4]);
    let mut first = table.add_entry("1.parquet", None, 5);
    first["add"]["deletionVector"] = vector;
    let second = table.add_entry("2.parquet", None, 5);
    commit(&mut table, vec![first, second]);
    table
}

/// Three files of one row that can be fetched, at `s.d.t`.
async fn three_files() -> TestServer {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = TableBuilder::new(server.table("t"));
    let adds = ["p=a/1.parquet", "p=a/2.parquet", "p=a/3.parquet"].map(|path| table.add(path, Some("a"), 1));
    commit(&mut table, adds.to_vec());
    server
}

/// Two files without data, in versions 0 and 1, at `s.d.t` and `s.d.u`.
async fn two_files() -> TestServer {
    let server = TestServer::of(&["s.d.t", "s.d.u"]).await;
    for name in ["t", "u"] {
        let mut table = TableBuilder::new(server.table(name));
        for path in ["1", "2"] {
            let add = table.add_entry(path, None, 1);
            commit(&mut table, vec![add]);
        }
    }
    server
}
