//! What an answer costs the storage: one listing, and each object of the log fetched once; the next answer the listing alone.

use std::time::Duration;

use http_body_util::BodyExt;
use tests::samples::three_versions;
use tests::table_builder::{checkpoint_name, checkpoint_part_name, commit_name};
use tests::watched::Watched;

const TABLE: &str = "/shares/s/schemas/d/tables/t";

/// Asks, reads the whole answer, and returns what the store was asked; ranges without their bytes.
async fn calls(watched: &Watched, method: &str, path: &str) -> Vec<String> {
    let answer = watched.answer(method, &format!("{TABLE}{path}"), "{}").await;
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    let calls = watched.take_calls();
    calls.into_iter().map(|call| call.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Waits until a folder's files are old enough for the embedded S3 server to tell them from what may become of them.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn a_log_of_commits_is_listed_once_and_each_read_once() {
    let folder = tempfile::tempdir().unwrap();
    three_versions(folder.path().join("t"));
    settled().await;
    let watched = Watched::over(&["s.d.t"], folder.path()).await;
    let mut wanted = vec!["get _last_checkpoint".to_owned(), "list".to_owned()];
    wanted.extend((0..3).map(|version| format!("get {}", commit_name(version))));
    wanted.sort();
    assert_eq!(calls(&watched, "POST", "/query").await, wanted);
    for (method, path) in [("POST", "/query"), ("GET", "/metadata"), ("GET", "/version")] {
        assert_eq!(calls(&watched, method, path).await, ["list"], "{path}");
    }
    let fresh = Watched::over(&["s.d.t"], folder.path()).await;
    assert_eq!(calls(&fresh, "GET", "/version").await, ["get _last_checkpoint", "list"]);
    wanted.retain(|call| !call.ends_with("_last_checkpoint"));
    assert_eq!(calls(&fresh, "GET", "/metadata").await, wanted);
}

#[tokio::test]
async fn a_checkpoint_takes_the_place_of_the_commits_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = three_versions(folder.path().join("t"));
    table.checkpoint();
    table.commit(vec![table.add_entry("5.parquet", None, 5)]);
    settled().await;
    let watched = Watched::over(&["s.d.t"], folder.path()).await;
    let (commit, checkpoint) = (format!("get {}", commit_name(3)), format!("range {}", checkpoint_name(2)));
    let wanted = [commit.as_str(), "get _last_checkpoint", "list", &checkpoint];
    assert_eq!(calls(&watched, "POST", "/query").await, wanted);
    assert_eq!(calls(&watched, "HEAD", "").await, ["list"]);
    table.commit(vec![table.add_entry("6.parquet", None, 6)]);
    settled().await;
    assert_eq!(calls(&watched, "POST", "/query").await, [format!("get {}", commit_name(4)), "list".into()]);
    assert_eq!(calls(&watched, "GET", "/metadata").await, ["list"]);
}

#[tokio::test]
async fn small_parts_are_fetched_whole_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = three_versions(folder.path().join("t"));
    table.checkpoint_parts(3);
    settled().await;
    let watched = Watched::over(&["s.d.t"], folder.path()).await;
    let mut wanted = vec!["get _last_checkpoint".to_owned(), "list".to_owned()];
    wanted.extend((1..=3).map(|part| format!("range {}", checkpoint_part_name(2, part, 3))));
    assert_eq!(calls(&watched, "POST", "/query").await, wanted);
    assert_eq!(calls(&watched, "POST", "/query").await, ["list"]);
}
