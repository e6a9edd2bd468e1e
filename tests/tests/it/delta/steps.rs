//! How many times a cold answer waits for the storage before its first file: three times, however long the log is and however
//! its checkpoint is written. What the hint speaks of is asked for early, and believed only once it was shown.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use shared::delta::{At, DeltaLog, FileSink, Wants};
use shared::error::Error;
use shared::limits::CHECKPOINT_FOOTER_BYTES;
use shared::model::file::DataFile;
use tests::memory_store::MemoryStore;
use tests::samples::{large_checkpoint, three_versions};
use tests::table_builder::{Manifest, TableBuilder, checkpoint_name, inline_vector};

use super::remembered::{location, read};

/// What is asked within this time is asked at once.
const QUIET: Duration = Duration::from_millis(200);

/// Notes how many calls in sequence there were before the first file.
struct FirstFile<'a>(&'a MemoryStore, Option<usize>);

impl FileSink for FirstFile<'_> {
    fn file(&mut self, _: &DataFile<'_>) -> Result<(), Error> {
        self.1.get_or_insert(self.0.in_sequence());
        Ok(())
    }
}

/// A store that holds this table's log.
fn stored(write: impl FnOnce(&Path) -> TableBuilder) -> (Arc<MemoryStore>, TableBuilder, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let table = write(&folder.path().join("t"));
    let store = MemoryStore::shared();
    store.mirror(&location(), table.path());
    (store, table, folder)
}

/// How many calls in sequence come before the first file. Until the last one nothing is fetched twice, but for what comes with
/// a footer.
async fn steps(store: &Arc<MemoryStore>) -> usize {
    let log = DeltaLog::new(store.clone());
    store.fetched_twice(0);
    store.answer_in_waves(QUIET);
    let files = log.snapshot(&location(), At::Latest, Wants::Files).await.unwrap().files;
    let held = store.clone();
    let before = tokio::task::spawn_blocking(move || {
        let mut first = FirstFile(&held, None);
        files.emit(&mut first).map(|()| first.1)
    });
    let before = before.await.unwrap().unwrap().expect("there are files");
    store.answer_in_waves(Duration::ZERO);
    assert_eq!(store.fetched_twice(CHECKPOINT_FOOTER_BYTES), Vec::<String>::new());
    before
}

/// The newest version is what the table holds.
async fn whole(store: &Arc<MemoryStore>, table: &TableBuilder) {
    let seen = read(&DeltaLog::new(store.clone()), &location(), At::Latest).await.unwrap();
    assert_eq!(Some(seen.version), table.version());
    assert_eq!(seen.paths, table.live_paths().into_iter().collect());
}

fn files(count: usize, of: impl Fn(&mut Value)) -> impl Fn(&TableBuilder) -> Vec<Value> {
    move |table| {
        let adds = (0..count).map(|n| {
            let mut add = table.add_entry(&format!("p=a/{n:05}.parquet"), Some("a"), n);
            add["add"]["stats"] =
                json!({"numRecords": n, "maxValues": {"name": format!("{n:01024}")}}).to_string().into();
            of(&mut add["add"]);
            add
        });
        adds.collect()
    }
}

/// A table of 10,000 files with 1 KiB of statistics each, before its checkpoint.
fn large(folder: &Path) -> TableBuilder {
    let mut table = TableBuilder::new(folder)
        .checkpoint_row_group(1000)
        .checkpoint_compression(parquet::basic::Compression::UNCOMPRESSED);
    table.commit(files(10_000, |_| {})(&table));
    table
}

/// Commits that each take away what the one before it added, but for the last.
fn commits(table: &mut TableBuilder, count: usize) {
    for n in 0..count {
        let add = table.add_entry(&format!("commit-{n}"), None, 1);
        let remove = n.checked_sub(1).map(|before| table.remove(&format!("commit-{before}")));
        table.commit(std::iter::once(add).chain(remove).collect());
    }
}

#[tokio::test]
async fn three_whatever_the_number_of_commits() {
    for count in [1, 100] {
        let (store, table, _folder) = stored(|folder| {
            let mut table = large_checkpoint(folder);
            commits(&mut table, count);
            let last = table.remove(&format!("commit-{}", count - 1));
            table.commit(vec![last]);
            table
        });
        assert!(steps(&store).await <= 3, "{count}");
        whole(&store, &table).await;
    }
}

#[tokio::test]
async fn three_in_a_log_of_several_pages() {
    let checkpoints: [fn(&mut TableBuilder); 3] = [
        TableBuilder::checkpoint,
        |table| drop(table.checkpoint_v2(Manifest::Json, 2)),
        |table| drop(table.checkpoint_v2(Manifest::Parquet, 1)),
    ];
    for (at, checkpoint) in checkpoints.into_iter().enumerate() {
        let (store, table, _folder) = stored(|folder| {
            let mut table = large(folder);
            commits(&mut table, 20);
            checkpoint(&mut table);
            commits(&mut table, 20);
            let last = table.remove("commit-19");
            table.commit(vec![last]);
            table
        });
        store.set_page(10);
        assert!(steps(&store).await <= 3, "checkpoint {at}");
        whole(&store, &table).await;
    }
}

#[tokio::test]
async fn three_however_the_checkpoint_is_written() {
    let checkpoints: [fn(&mut TableBuilder); 5] = [
        |table| table.checkpoint_parts(100),
        |table| table.checkpoint_parts(3),
        |table| drop(table.checkpoint_v2(Manifest::Json, 1)),
        |table| drop(table.checkpoint_v2(Manifest::Parquet, 3)),
        |table| drop(table.checkpoint_v2(Manifest::Json, 40)),
    ];
    for (at, checkpoint) in checkpoints.into_iter().enumerate() {
        let (store, table, _folder) = stored(|folder| {
            let mut table = large(folder);
            checkpoint(&mut table);
            table.delete_commit(0);
            table
        });
        assert!(steps(&store).await <= 3, "checkpoint {at}");
        whole(&store, &table).await;
    }
}

#[tokio::test]
async fn three_with_deletion_vectors() {
    let (store, table, _folder) = stored(|folder| {
        let features = json!(["deletionVectors"]);
        let mut table = TableBuilder::new(folder)
            .protocol(json!({
                "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features,
            }))
            .checkpoint_row_group(1000)
            .checkpoint_compression(parquet::basic::Compression::UNCOMPRESSED);
        table.commit(files(10_000, |add| add["deletionVector"] = inline_vector(&[0]))(&table));
        table.checkpoint();
        table.delete_commit(0);
        table
    });
    assert!(steps(&store).await <= 3);
    whole(&store, &table).await;
}

#[tokio::test]
async fn small_sidecars_need_no_hint() {
    for manifest in [Manifest::Json, Manifest::Parquet] {
        let (store, table, _folder) = stored(|folder| {
            let mut table = three_versions(folder);
            table.checkpoint_v2(manifest, 2);
            table
        });
        store.remove(&location(), "_last_checkpoint");
        assert!(steps(&store).await <= 3, "{manifest:?}");
        whole(&store, &table).await;
    }
}

/// A log of several pages with two checkpoints, the older one with a hint.
fn two_checkpoints(folder: &Path) -> TableBuilder {
    let mut table = three_versions(folder);
    table.checkpoint();
    commits(&mut table, 10);
    table.checkpoint_without_hint();
    commits(&mut table, 3);
    table
}

#[tokio::test]
async fn a_hint_that_is_old_or_wrong_changes_nothing() {
    let hints = [
        json!({"version": 2, "sizeInBytes": 1}),
        json!({"version": 2, "parts": 3}),
        json!({"version": 12}),
        json!({"version": 12, "sizeInBytes": 100_000_000}),
        json!({"version": 77, "sizeInBytes": 7}),
        json!({"version": 7}),
        json!({"version": 12, "v2Checkpoint": {"path": checkpoint_name(12), "sizeInBytes": 9}}),
        json!({"version": 12, "v2Checkpoint": {"path": checkpoint_name(2), "sizeInBytes": 9, "sidecarFiles": [
            {"path": "../00000000000000000003.json", "sizeInBytes": 3},
        ]}}),
    ];
    let (store, table, _folder) = stored(two_checkpoints);
    store.set_page(4);
    for hint in hints {
        store.put(&location(), "_last_checkpoint", hint.to_string());
        whole(&store, &table).await;
    }
    store.put(&location(), "_last_checkpoint", vec![b' '; 2 << 20]);
    whole(&store, &table).await;
}

#[tokio::test]
async fn what_was_written_after_the_hint_was_read_is_seen() {
    // The hinted checkpoint is written anew, in another order, between its early reading and the listing.
    let (store, mut table, _folder) = stored(two_checkpoints);
    table.write_log("_last_checkpoint", json!({"version": 12}).to_string());
    store.mirror(&location(), table.path());
    store.set_page(4);
    let lists = AtomicUsize::new(0);
    store.on_call(move |store, call| {
        if call == "list" && lists.fetch_add(1, Ordering::SeqCst) == 1 {
            let same = store.content(&location(), &checkpoint_name(12));
            store.put(&location(), &checkpoint_name(12), same);
        }
    });
    whole(&store, &table).await;
    store.on_call(|_, _| {});
    // So are a commit and a checkpoint more.
    commits(&mut table, 1);
    table.checkpoint_without_hint();
    store.mirror(&location(), table.path());
    whole(&store, &table).await;
    assert!(store.names(&location()).contains(&checkpoint_name(16)));
}

#[tokio::test]
async fn sidecars_that_the_hint_has_wrong_are_those_of_the_manifest() {
    for manifest in [Manifest::Json, Manifest::Parquet] {
        let (store, table, _folder) = stored(|folder| {
            let mut table = three_versions(folder);
            table.checkpoint_v2(manifest, 2);
            table
        });
        let hint: Value = serde_json::from_slice(&store.content(&location(), "_last_checkpoint")).unwrap();
        let changes: [fn(&mut Value); 4] = [
            |files| files[0]["sizeInBytes"] = json!(12),
            |files| files[1]["path"] = files[0]["path"].clone(),
            |files| files[0]["path"] = json!("gone.parquet"),
            |files| drop(files.as_array_mut().unwrap().pop()),
        ];
        for change in changes {
            let mut wrong = hint.clone();
            change(&mut wrong["v2Checkpoint"]["sidecarFiles"]);
            store.put(&location(), "_last_checkpoint", wrong.to_string());
            whole(&store, &table).await;
        }
    }
}
