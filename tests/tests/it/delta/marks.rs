//! Going on from a file in the middle: what comes is what came after it the first time, and nothing before it is read.

use std::path::Path;
use std::sync::Arc;

use shared::delta::snapshot::SnapshotFiles;
use shared::delta::{At, DeltaLog, FileSink, Wants};
use shared::error::Error;
use shared::model::file::{DataFile, Mark};
use tests::memory_store::MemoryStore;
use tests::samples::large_checkpoint;
use tests::table_builder::{Manifest, TableBuilder};

use super::remembered::location;

#[derive(Default)]
struct Marked(Vec<(Mark, String)>);

impl FileSink for Marked {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.0.push((file.mark, file.path.to_owned()));
        Ok(())
    }
}

/// Takes one file and no more.
#[derive(Default)]
struct First(Option<String>);

impl FileSink for First {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.0 = Some(file.path.to_owned());
        Err(Error::TimedOut)
    }
}

/// The files of a table that is read from a store, with nothing kept between reads.
async fn opened(write: impl FnOnce(&Path) -> TableBuilder) -> (Arc<MemoryStore>, SnapshotFiles) {
    let folder = tempfile::tempdir().unwrap();
    let table = write(&folder.path().join("t"));
    let store = MemoryStore::shared();
    store.mirror(&location(), table.path());
    let log = DeltaLog::remembering(store.clone(), 0);
    let snapshot = log.snapshot(&location(), At::Latest, Wants::Files).await.unwrap();
    (store, snapshot.files)
}

async fn from(files: &SnapshotFiles, mark: Mark) -> Vec<(Mark, String)> {
    let files = files.clone();
    let work = move || {
        let mut marked = Marked::default();
        files.emit_from(mark, &mut marked).map(|()| marked.0)
    };
    tokio::task::spawn_blocking(work).await.unwrap().unwrap()
}

/// Three commits over a checkpoint with many row groups, which they void some rows of.
fn layered(folder: &Path, checkpoint: impl FnOnce(&mut TableBuilder)) -> TableBuilder {
    let mut table = TableBuilder::new(folder).checkpoint_row_group(4);
    table.commit((0..30).map(|n| table.add_entry(&format!("p=a/{n:02}"), Some("a"), n)).collect());
    checkpoint(&mut table);
    table.commit(vec![table.remove("p=a/00"), table.add_entry("p=b/1", Some("b"), 1)]);
    table.commit(vec![table.add_entry("p=a/07", Some("a"), 99), table.remove("p=a/29")]);
    table.commit(vec![table.add_entry("p=b/2", Some("b"), 1), table.add_entry("p=b/3", Some("b"), 1)]);
    table
}

#[tokio::test]
async fn from_each_file_on_comes_what_came_after_it() {
    let checkpoints: [fn(&mut TableBuilder); 5] = [
        |_| {},
        TableBuilder::checkpoint,
        |table| table.checkpoint_parts(3),
        |table| drop(table.checkpoint_v2(Manifest::Json, 2)),
        |table| drop(table.checkpoint_v2(Manifest::Parquet, 2)),
    ];
    for (number, checkpoint) in checkpoints.into_iter().enumerate() {
        let (_, files) = opened(|folder| layered(folder, checkpoint)).await;
        let all = from(&files, Mark::default()).await;
        assert_eq!(all.len(), 31, "checkpoint {number}");
        assert!(all.is_sorted_by(|one, next| one.0 < next.0), "checkpoint {number}: {all:?}");
        for (at, (mark, path)) in all.iter().enumerate() {
            assert_eq!(from(&files, *mark).await, all[at..], "checkpoint {number} from {path}");
            let after = Mark { row: mark.row + 1, ..*mark };
            assert_eq!(from(&files, after).await, all[at + 1..], "checkpoint {number} after {path}");
        }
        let end = Mark { part: u32::MAX, row: 0 };
        assert!(from(&files, end).await.is_empty());
    }
}

#[tokio::test]
async fn row_groups_before_the_file_are_not_read() {
    let (store, files) = opened(|folder| large_checkpoint(folder)).await;
    let all = from(&files, Mark::default()).await;
    let mut costs = Vec::new();
    for at in [0, 5_500, 9_500] {
        let (mark, path) = all[at].clone();
        store.take_calls();
        let files = files.clone();
        let first = tokio::task::spawn_blocking(move || {
            let mut first = First::default();
            let ended = files.emit_from(mark, &mut first);
            assert!(matches!(ended, Err(Error::TimedOut)), "{ended:?}");
            first.0
        });
        assert_eq!(first.await.unwrap().as_deref(), Some(path.as_str()));
        costs.push(store.take_calls().len());
    }
    let [first, middle, last] = costs[..] else { panic!("three costs") };
    assert!(middle <= first + 2 && last <= first + 2, "a later page costs more: {costs:?}");
}
