//! Logs that are damaged, or change or cannot be read while an answer is made. Whatever happens, the answer is the one that
//! the log gave when it was whole, or an error that says what to do; never a shorter table that looks like one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tests::samples::{large_checkpoint, recorded_changes, three_versions};
use tests::server::TestServer;
use tests::table_builder::{Manifest, TableBuilder, checkpoint_name, checkpoint_part_name, commit_name};
use tests::watched::{Before, Watched};

mod harm;

use harm::{ASKS, Ask, HARMS, Harm, Outcome, SNAPSHOT, ask};

/// A folder in which `write` puts the table `t`.
fn folder(write: impl Fn(PathBuf)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("t"));
    folder
}

/// Harms every call of an answer in every way, each time with a table written anew.
async fn harm_each_call(write: impl Fn(PathBuf), asks: &[Ask]) {
    for ask in asks.iter().flat_map(|ask| [*ask, ask.told()]) {
        let whole = folder(&write);
        let gateway = Watched::over(&["s.d.t"], whole.path()).await;
        let unharmed = ask.of(&gateway).await;
        assert!(matches!(unharmed, Outcome::Whole(_)), "{ask:?}: {unharmed:?}");
        let made = gateway.take_calls();
        let is_of_an_object = |call: &str| call != "list" && !call.ends_with("_last_checkpoint");
        assert!(made.iter().any(|call| is_of_an_object(call)), "{made:?}");
        for harm in HARMS {
            let (mut errors, mut least) = (0, 0);
            for at in 0..made.len() {
                let harmed = folder(&write);
                let log = harmed.path().join("t/_delta_log");
                let met = Arc::new(Mutex::new(None));
                let meeting = Arc::clone(&met);
                let before: Box<Before> = Box::new(move |number, call| {
                    if number != at {
                        return Ok(());
                    }
                    *meeting.lock().unwrap() = Some(call.to_owned());
                    harm.befall(&log, call)
                });
                let gateway = Watched::disturbed(&["s.d.t"], harmed.path(), before).await;
                let outcome = ask.of(&gateway).await;
                harm.check(&outcome, &unharmed, &format!("{ask:?}, {harm:?} before call {at}"));
                errors += usize::from(!matches!(outcome, Outcome::Whole(_)));
                // A storage that fails is never passed over, nor an object that the answer is made of. Objects that were just
                // written have no tag yet and may be fetched twice; of older ones there are fewer calls.
                let met = met.lock().unwrap().take();
                let every = matches!(harm, Harm::Denied | Harm::Unavailable);
                least += usize::from(met.is_some_and(|call| every || is_of_an_object(&call)));
            }
            assert!(least >= 1 && errors >= least, "{ask:?}, {harm:?}: {errors} of {least} calls");
        }
    }
}

#[tokio::test]
async fn a_log_of_commits_that_is_harmed_at_any_call() {
    harm_each_call(|folder| drop(recorded_changes(folder)), &ASKS).await;
}

#[tokio::test]
async fn a_checkpoint_that_is_harmed_at_any_call() {
    let shapes: [fn(&mut TableBuilder); 4] = [
        TableBuilder::checkpoint,
        |table| table.checkpoint_parts(3),
        |table| drop(table.checkpoint_v2(Manifest::Json, 2)),
        |table| drop(table.checkpoint_v2(Manifest::Parquet, 2)),
    ];
    for shape in shapes {
        let write = |folder: PathBuf| {
            let mut table = three_versions(folder);
            shape(&mut table);
            let last = table.add_entry("later", None, 1);
            table.commit(vec![last]);
            table.delete_commits_before(2);
        };
        harm_each_call(write, &[SNAPSHOT, ASKS[3]]).await;
    }
}

/// Copies a table that takes long to write.
fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let (log, copy) = (from.join("t/_delta_log"), to.path().join("t/_delta_log"));
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(log).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    to
}

/// Commits that are too much to be kept, for the answer or for the next one: what most of them say is read again while it is
/// sent.
fn long_commits(folder: PathBuf) {
    let mut table = TableBuilder::new(folder);
    for version in 0..30 {
        let mut add = table.add_entry(&format!("{version:02}"), None, 1);
        let name = "n".repeat(1 << 20);
        add["add"]["stats"] = json!({"numRecords": 1, "maxValues": {"name": name}}).to_string().into();
        table.commit(vec![add]);
    }
}

#[tokio::test]
async fn an_answer_under_way_breaks_visibly_and_tells_whoever_reads_its_end() {
    let range = ask("POST", "/query", r#"{"startingVersion":0}"#);
    let large = folder(|folder| drop(large_checkpoint(folder)));
    let long = folder(long_commits);
    for (source, ask) in [(&large, SNAPSHOT), (&long, SNAPSHOT), (&long, range)] {
        let gateway = Watched::over(&["s.d.t"], source.path()).await;
        let unharmed = ask.of(&gateway).await;
        let calls = gateway.take_calls().len();
        for harm in HARMS {
            for ask in [ask, ask.told()] {
                // The last call is long after the first byte.
                let harmed = copied(source.path());
                let log = harmed.path().join("t/_delta_log");
                let before: Box<Before> =
                    Box::new(move |number, call| if number == calls - 1 { harm.befall(&log, call) } else { Ok(()) });
                let gateway = Watched::disturbed(&["s.d.t"], harmed.path(), before).await;
                let outcome = ask.of(&gateway).await;
                assert!(outcome == Outcome::BrokenOff, "{ask:?}, {harm:?}: {}", outcome == unharmed);
            }
        }
    }
}

#[tokio::test]
async fn a_commit_that_is_another_one_when_it_is_read_again_breaks_the_answer() {
    let folder = folder(long_commits);
    let log = folder.path().join("t/_delta_log");
    let reads = AtomicBool::new(false);
    // Of the very length, and each line where it was.
    let before: Box<Before> = Box::new(move |_, call| {
        if call == format!("get {}", commit_name(0)) && reads.swap(true, Ordering::SeqCst) {
            let text = fs::read_to_string(log.join(commit_name(0))).unwrap();
            fs::write(log.join(commit_name(0)), text.replace("\"path\":\"00\"", "\"path\":\"xx\"")).unwrap();
        }
        Ok(())
    });
    let gateway = Watched::disturbed(&["s.d.t"], folder.path(), before).await;
    assert_eq!(SNAPSHOT.of(&gateway).await, Outcome::BrokenOff);
}

/// Checks that a query is refused as a damaged log's, with advice.
async fn damaged(server: &TestServer, about: &str) {
    let answer = server.query("t", json!({}), "").await;
    assert_eq!(answer.status, 400, "{about}: {}", answer.text);
    let body = answer.json();
    let code = body["errorCode"].as_str().unwrap();
    assert!(matches!(code, "MALFORMED_REQUEST" | "RESOURCE_DOES_NOT_EXIST"), "{about}: {body}");
    assert!(body["message"].as_str().unwrap().contains("Ask the share provider"), "{about}: {body}");
}

#[tokio::test]
async fn a_checkpoint_that_is_cut_anywhere_is_refused() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    table.checkpoint();
    table.delete_all_commits();
    let whole = fs::read(table.log_file(&checkpoint_name(2))).unwrap();
    assert_eq!(server.query("t", json!({}), "").await.lines().len(), 5);
    let near_the_end = whole.len() - 12..whole.len();
    for length in (0..whole.len()).step_by(97).chain(near_the_end) {
        table.write_log(&checkpoint_name(2), &whole[..length]);
        damaged(&server, &format!("{length} of {} bytes", whole.len())).await;
    }
}

#[tokio::test]
async fn a_checkpoint_that_lies_about_sizes_is_refused_and_a_hint_that_does_is_no_matter() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    table.checkpoint();
    table.delete_all_commits();
    let whole = fs::read(table.log_file(&checkpoint_name(2))).unwrap();
    let at = whole.len() - 8;
    let footer = u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    for length in [0, 1, footer - 1, footer + 1, whole.len() as u32, 100_000_000, u32::MAX] {
        let mut lying = whole.clone();
        lying[at..at + 4].copy_from_slice(&length.to_le_bytes());
        table.write_log(&checkpoint_name(2), lying);
        damaged(&server, &format!("a footer of {length} bytes")).await;
    }
    table.write_log(&checkpoint_name(2), &whole);
    for hint in [
        json!({"version": 2, "size": 1, "sizeInBytes": 3, "numOfAddFiles": 99}),
        json!({"version": 2, "size": 4, "parts": 7}),
        json!({"version": 1, "size": 4}),
        json!({"version": 3_000, "size": -1}),
        json!("no hint"),
    ] {
        table.write_log("_last_checkpoint", hint.to_string());
        let answer = server.query("t", json!({}), "").await;
        assert_eq!((answer.status, answer.text.lines().count()), (200, 5), "{hint}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_part_of_a_checkpoint_that_is_missing_is_refused() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    table.checkpoint_parts(3);
    table.delete_all_commits();
    for part in 1..=3 {
        let file = table.log_file(&checkpoint_part_name(2, part, 3));
        let content = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        damaged(&server, &format!("part {part}")).await;
        fs::write(&file, content).unwrap();
    }
    assert_eq!(server.query("t", json!({}), "").await.lines().len(), 5);
}

#[tokio::test]
async fn half_a_commit_is_refused_on_every_route() {
    let server = TestServer::of(&["s.d.t"]).await;
    let table = recorded_changes(server.table("t"));
    let whole = fs::read(table.log_file(&commit_name(1))).unwrap();
    for length in (1..whole.len() - 1).step_by(7) {
        // A commit that ends where a line does is a whole one of fewer lines: no reader can tell.
        let ends = [whole[length - 1], whole[length], whole[length + 1]];
        if ends.contains(&b'\n') {
            continue;
        }
        table.write_log(&commit_name(1), &whole[..length]);
        damaged(&server, &format!("{length} of {} bytes", whole.len())).await;
        for path in ["changes?startingVersion=0", "metadata?version=0"] {
            let answer = server.get(&format!("/shares/s/schemas/d/tables/t/{path}")).await;
            // What does not need the commit does not mind it.
            let wanted = if path.starts_with("changes") { 400 } else { 200 };
            assert_eq!(answer.status, wanted, "{path}, {length}: {}", answer.text);
        }
        let range = server.query("t", json!({"startingVersion": 1, "endingVersion": 1}), "").await;
        assert_eq!((range.status, range.json()["errorCode"].as_str()), (400, Some("MALFORMED_REQUEST")), "{length}");
    }
}
