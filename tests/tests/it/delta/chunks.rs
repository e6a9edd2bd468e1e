//! Chunks of checkpoints in a cache that processes share: what one process has decoded another reads with a request for each
//! chunk, and whatever stands in the cache, the answer is the log's.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use shared::delta::snapshot::SnapshotFiles;
use shared::delta::{At, ChunkCache, DeltaLog, FileSink, Wants};
use shared::error::Error;
use shared::limits::CHUNK_BYTES_MAX;
use shared::model::file::{DataFile, Mark, VectorStorage};
use shared::model::location::TableLocation;
use shared::seal::Sealer;
use tests::memory_chunks::MemoryChunks;
use tests::memory_store::MemoryStore;
use tests::samples::large_checkpoint;
use tests::table_builder::{Manifest, TableBuilder, Typed, checkpoint_name, inline_vector};

use super::remembered::location;

/// Everything that a line is made of.
#[derive(Default)]
struct All(Vec<(Mark, String)>);

impl FileSink for All {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let vector = file.deletion_vector.map(|vector| match vector.storage {
            VectorStorage::Inline(text) => text.to_owned(),
            VectorStorage::File { logged, object } => format!("{logged} {}", object.key),
        });
        self.0.push((file.mark, format!("{} {vector:?} {file:?}", file.object.key)));
        Ok(())
    }
}

/// Takes so many files, and says that it will come for the rest.
struct Few(usize, bool);

impl FileSink for Few {
    fn file(&mut self, _: &DataFile<'_>) -> Result<(), Error> {
        self.0 = self.0.checked_sub(1).ok_or(Error::TimedOut)?;
        Ok(())
    }

    fn goes_on(&self) -> bool {
        self.1
    }
}

/// A table's log, and a cache beside it.
struct Fixture {
    store: Arc<MemoryStore>,
    chunks: Arc<MemoryChunks>,
    cache: ChunkCache,
    table: TableBuilder,
    _folder: tempfile::TempDir,
}

fn cache(chunks: &Arc<MemoryChunks>, key: u8) -> ChunkCache {
    ChunkCache::new(chunks.clone(), Arc::new(Sealer::new(&[key; 32])))
}

impl Fixture {
    fn of(write: impl FnOnce(&Path) -> TableBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let table = write(&folder.path().join("t"));
        let (store, chunks) = (MemoryStore::shared(), MemoryChunks::shared());
        store.mirror(&location(), table.path());
        Self { store, cache: cache(&chunks, 7), chunks, table, _folder: folder }
    }

    /// With chunks of so many rows of even the smallest row group.
    fn small(rows: u64, write: impl FnOnce(&Path) -> TableBuilder) -> Self {
        let fixture = Self::of(write);
        Self { cache: fixture.cache.clone().in_chunks_of(rows, 0), ..fixture }
    }

    /// The files of the newest version as a process finds them that knows nothing yet.
    async fn files(&self, cache: Option<&ChunkCache>) -> SnapshotFiles {
        self.files_of(&location(), cache).await
    }

    async fn files_of(&self, table: &TableLocation, cache: Option<&ChunkCache>) -> SnapshotFiles {
        let log = DeltaLog::remembering(self.store.clone(), 0);
        let log = match cache {
            Some(cache) => log.with_chunks(cache.clone()),
            None => log,
        };
        log.snapshot(table, At::Latest, Wants::Head).await.unwrap().files
    }

    async fn by_log(&self) -> Vec<(Mark, String)> {
        from(&self.files(None).await, Mark::default()).await
    }

    async fn by_cache(&self) -> Vec<(Mark, String)> {
        from(&self.files(Some(&self.cache)).await, Mark::default()).await
    }
}

async fn from(files: &SnapshotFiles, mark: Mark) -> Vec<(Mark, String)> {
    let files = files.clone();
    let work = move || {
        let mut all = All::default();
        files.emit_from(mark, &mut all).map(|()| all.0)
    };
    tokio::task::spawn_blocking(work).await.unwrap().unwrap()
}

async fn few(files: &SnapshotFiles, mark: Mark, count: usize, goes_on: bool) {
    let files = files.clone();
    let ended = tokio::task::spawn_blocking(move || files.emit_from(mark, &mut Few(count, goes_on))).await.unwrap();
    assert!(matches!(ended, Err(Error::TimedOut)), "{ended:?}");
}

#[tokio::test]
async fn what_one_process_decoded_another_reads_chunk_by_chunk() {
    let mut fixture = Fixture::of(|folder| large_checkpoint(folder));
    let truth = fixture.by_log().await;
    assert_eq!(fixture.by_cache().await, truth);
    assert_eq!(fixture.chunks.take_counts(), (10, 0, 10), "a chunk of each of ten row groups");
    let mut costs = Vec::new();
    for cache in [None, Some(&fixture.cache)] {
        let files = fixture.files(cache).await;
        fixture.store.take_calls();
        assert_eq!(from(&files, Mark::default()).await, truth);
        costs.push(fixture.store.take_calls().len());
    }
    assert_eq!(fixture.chunks.take_counts(), (10, 10, 0));
    // The last row group has two rows, and is read from the log.
    assert!(costs[1] > 0 && costs[1] * 8 <= costs[0], "{costs:?}");
    // The next version stands on the same checkpoint.
    fixture.table.commit(vec![fixture.table.remove("p=a/00007.parquet"), fixture.table.add_entry("more", None, 1)]);
    fixture.store.mirror(&location(), fixture.table.path());
    let later = fixture.by_cache().await;
    assert_eq!(later, fixture.by_log().await);
    assert_eq!((later.len(), fixture.chunks.take_counts()), (truth.len(), (10, 10, 0)));
}

#[tokio::test]
async fn what_a_process_keeps_itself_is_in_no_cache() {
    let fixture = Fixture::of(|folder| large_checkpoint(folder));
    let log = DeltaLog::new(fixture.store.clone()).with_chunks(fixture.cache.clone());
    let files = log.snapshot(&location(), At::Latest, Wants::Files).await.unwrap().files;
    assert_eq!(from(&files, Mark::default()).await, fixture.by_log().await);
    // Nor is a small row group, nor what the storage does not tell apart.
    let small = Fixture::of(|folder| layered(folder, TableBuilder::checkpoint));
    assert_eq!(small.by_cache().await, small.by_log().await);
    let untold = Fixture::of(|folder| large_checkpoint(folder));
    untold.store.tell_no_tags();
    assert_eq!(untold.by_cache().await, untold.by_log().await);
    for fixture in [fixture, small, untold] {
        assert_eq!(fixture.chunks.take_counts(), (0, 0, 0));
    }
}

/// Commits over a checkpoint with many row groups, which they void some rows of.
fn layered(folder: &Path, checkpoint: impl FnOnce(&mut TableBuilder)) -> TableBuilder {
    let mut table = TableBuilder::new(folder).checkpoint_row_group(7);
    table.commit((0..30).map(|n| table.add_entry(&format!("p=a/{n:02}"), Some("a"), n)).collect());
    checkpoint(&mut table);
    table.commit(vec![table.remove("p=a/00"), table.add_entry("p=b/1", Some("b"), 1)]);
    table.commit(vec![table.add_entry("p=a/07", Some("a"), 99), table.remove("p=a/29")]);
    table
}

#[tokio::test]
async fn answers_are_the_same_with_every_checkpoint_and_from_every_file_on() {
    let checkpoints: [fn(&mut TableBuilder); 5] = [
        |_| {},
        TableBuilder::checkpoint,
        |table| table.checkpoint_parts(3),
        |table| drop(table.checkpoint_v2(Manifest::Json, 2)),
        |table| drop(table.checkpoint_v2(Manifest::Parquet, 2)),
    ];
    for (number, checkpoint) in checkpoints.into_iter().enumerate() {
        for rows in [1, 3, 7, 100] {
            let fixture = Fixture::small(rows, |folder| layered(folder, checkpoint));
            let truth = fixture.by_log().await;
            assert_eq!(fixture.by_cache().await, truth, "cold, {number}, {rows}");
            let files = fixture.files(Some(&fixture.cache)).await;
            fixture.store.take_calls();
            fixture.chunks.take_counts();
            for (at, (mark, _)) in truth.iter().enumerate() {
                assert_eq!(from(&files, *mark).await, truth[at..], "warm, {number}, {rows} from {at}");
            }
            let (gets, found, puts) = fixture.chunks.take_counts();
            assert_eq!((gets, puts), (found, 0), "{number}, {rows}");
            let ranges = fixture.store.take_calls().into_iter().filter(|call| call.starts_with("range")).count();
            assert_eq!((ranges, found > 0), (0, number > 0), "{number}, {rows}");
            // From the middle on, cold.
            let (middle, cold) = (truth.len() / 2, Fixture::small(rows, |folder| layered(folder, checkpoint)));
            let files = cold.files(Some(&cold.cache)).await;
            assert_eq!(from(&files, truth[middle].0).await, truth[middle..], "{number}, {rows}");
            assert_eq!(from(&files, Mark::default()).await, truth, "{number}, {rows}");
        }
    }
}

#[tokio::test]
async fn a_page_asks_for_its_own_chunks() {
    let fixture = Fixture::small(100, |folder| large_checkpoint(folder));
    let truth = fixture.by_cache().await;
    assert_eq!(fixture.chunks.take_counts().2, 101, "chunks of 10,002 rows");
    let files = fixture.files(Some(&fixture.cache)).await;
    fixture.store.take_calls();
    for (at, count, chunks) in [(0, 1, 1), (5_550, 1, 1), (5_550, 120, 2), (9_999, 0, 1)] {
        few(&files, truth[at].0, count, true).await;
        let (gets, _, puts) = fixture.chunks.take_counts();
        // Some are asked for before it is known that the page is full.
        assert!((chunks..=chunks + 4).contains(&gets) && puts == 0, "{gets} for {count} from {at}");
    }
    assert_eq!(fixture.store.take_calls(), [""; 0]);
}

#[tokio::test]
async fn vectors_and_typed_columns_come_back_as_they_were() {
    let with_vectors = |folder: &Path| {
        let features = ["deletionVectors", "v2Checkpoint"];
        let mut table = TableBuilder::new(folder)
            .protocol(
                json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}),
            )
            .checkpoint_row_group(4);
        let (in_file, _) = table.vector_in_file("a%b", 1, &[0, 2]);
        let adds = (0..20).map(|n| {
            let mut add = table.add_entry(&format!("{n}"), None, n);
            match n % 3 {
                0 => add["add"]["deletionVector"] = in_file.clone(),
                1 => add["add"]["deletionVector"] = inline_vector(&[1]),
                _ => add["add"]["tags"] = json!({"k": "v\"", "n": null}),
            }
            add["add"]["baseRowId"] = json!(n * 100);
            add["add"]["defaultRowCommitVersion"] = json!(n);
            add["add"]["clusteringProvider"] = json!("liquid");
            add
        });
        let adds = adds.collect();
        table.commit(adds);
        table.checkpoint();
        let mut again = table.add_entry("3", None, 3);
        again["add"]["deletionVector"] = inline_vector(&[0, 1]);
        let mut gone = table.remove("3");
        gone["remove"]["deletionVector"] = in_file;
        table.commit(vec![gone, again]);
        table
    };
    let typed = |folder: &Path| {
        let mut table = TableBuilder::new(folder).checkpoint_typed(Typed::Only).checkpoint_row_group(4);
        table.commit((0..20).map(|n| table.add_entry(&format!("p=a/{n}"), Some("a"), n)).collect());
        table.checkpoint();
        table
    };
    let tables: [&dyn Fn(&Path) -> TableBuilder; 2] = [&with_vectors, &typed];
    for table in tables {
        let fixture = Fixture::small(3, table);
        let truth = fixture.by_log().await;
        assert_eq!(truth.len(), 20);
        for answer in ["cold", "warm"] {
            assert_eq!(fixture.by_cache().await, truth, "{answer}");
        }
        let (gets, found, _) = fixture.chunks.take_counts();
        assert!(found > 5 && gets > found, "{found} of {gets}");
    }
}

#[tokio::test]
async fn whatever_stands_in_the_cache_the_answer_is_the_logs() {
    let fixture = Fixture::small(3, |folder| layered(folder, TableBuilder::checkpoint));
    let truth = fixture.by_log().await;
    assert_eq!(fixture.by_cache().await, truth);
    let names = fixture.chunks.names();
    assert!(names.len() > 8, "{names:?}");
    // The same rows, sealed by somebody else; and another table's in the same place of its log.
    let strange = MemoryChunks::shared();
    let forged = cache(&strange, 8).in_chunks_of(3, 0);
    from(&fixture.files(Some(&forged)).await, Mark::default()).await;
    assert_eq!(strange.names(), names, "the names are no secret");
    let other = TableLocation::new("lake", "other");
    fixture.store.mirror(&other, fixture.table.path());
    from(&fixture.files_of(&other, Some(&fixture.cache)).await, Mark::default()).await;
    let others: Vec<String> = fixture.chunks.names().into_iter().filter(|name| !names.contains(name)).collect();
    assert_eq!(others.len(), names.len(), "no chunk serves two tables");
    fixture.chunks.take_counts();

    for (at, name) in names.iter().enumerate() {
        let whole = fixture.chunks.content(name);
        let flipped = |at: usize| {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1;
            bytes
        };
        let mut damaged: Vec<Option<Bytes>> = vec![
            None,
            Some(Bytes::new()),
            Some(whole.slice(..whole.len() - 1)),
            Some(whole.slice(..whole.len() / 2)),
            Some(whole.slice(1..)),
            Some([&whole[..], &[0]].concat().into()),
            Some(strange.content(name)),
            Some(fixture.chunks.content(&names[(at + 1) % names.len()])),
            Some(fixture.chunks.content(&others[at])),
        ];
        damaged.extend([0, 1, 30, whole.len() / 2, whole.len() - 1].map(|at| Some(flipped(at).into())));
        if at == 0 {
            damaged.push(Some(vec![0; usize::try_from(CHUNK_BYTES_MAX).unwrap() + 2000].into()));
        }
        for (kind, content) in damaged.into_iter().enumerate() {
            fixture.chunks.replace(name, content);
            assert_eq!(fixture.by_cache().await, truth, "damage {kind} of chunk {at}");
            assert!(fixture.chunks.take_counts().2 > 0, "damage {kind} of chunk {at} is mended");
            assert_eq!(fixture.by_cache().await, truth);
            let (gets, found, puts) = fixture.chunks.take_counts();
            assert_eq!((gets, puts), (found, 0), "damage {kind} of chunk {at}");
        }
    }
}

#[tokio::test]
async fn a_cache_that_fails_fails_no_answer() {
    let fixture = Fixture::small(3, |folder| layered(folder, TableBuilder::checkpoint));
    let truth = fixture.by_log().await;
    fixture.chunks.break_down(true);
    assert_eq!(fixture.by_cache().await, truth);
    let (_, found, puts) = fixture.chunks.take_counts();
    assert!(found == 0 && puts > 0);
    fixture.chunks.break_down(false);
    assert_eq!(fixture.by_cache().await, truth);
    fixture.chunks.break_down(true);
    assert_eq!(fixture.by_cache().await, truth);
}

#[tokio::test]
async fn a_checkpoint_that_was_replaced_does_not_meet_the_chunks_of_the_old_one() {
    let fixture = Fixture::small(3, |folder| layered(folder, TableBuilder::checkpoint));
    let truth = fixture.by_cache().await;
    fixture.chunks.take_counts();
    // The very same bytes, written anew; then another table's under the same names.
    let before = fixture.store.content(&location(), &checkpoint_name(0));
    fixture.store.put(&location(), &checkpoint_name(0), before);
    assert_eq!(fixture.by_cache().await, truth);
    let (_, found, puts) = fixture.chunks.take_counts();
    assert!(found == 0 && puts > 0);
    let folder = tempfile::tempdir().unwrap();
    let other = layered(&folder.path().join("t"), |table| {
        table.commit((50..70).map(|n| table.add_entry(&format!("p=a/{n:02}"), Some("a"), n)).collect());
        table.checkpoint();
    });
    fixture.store.mirror(&location(), other.path());
    assert_eq!(fixture.by_cache().await, fixture.by_log().await);
    assert_eq!(fixture.chunks.take_counts().1, 0);
}

/// One row group of 98 files and two other rows.
fn one_group(folder: &Path) -> TableBuilder {
    let mut table = TableBuilder::new(folder);
    table.commit((0..98).map(|n| table.add_entry(&format!("p=a/{n:02}"), Some("a"), n)).collect());
    table.checkpoint();
    table
}

#[tokio::test]
async fn an_answer_that_stops_leaves_the_chunks_that_it_finished() {
    let fixture = Fixture::small(3, one_group);
    let truth = fixture.by_log().await;
    let files = fixture.files(Some(&fixture.cache)).await;
    // Two rows of state, ten files, and the one that is not taken.
    few(&files, truth[0].0, 10, false).await;
    assert_eq!(fixture.chunks.take_counts(), (1, 0, 4));
    assert_eq!(fixture.by_cache().await, truth);
    assert_eq!(fixture.chunks.names().len(), 34);
}

#[tokio::test]
async fn a_page_leaves_chunks_for_the_next_ones() {
    let fixture = Fixture::small(3, one_group);
    let truth = fixture.by_log().await;
    let files = fixture.files(Some(&fixture.cache)).await;
    fixture.store.take_calls();
    let (mut pages, mut decoded) = (0, 0);
    for at in (0..90).step_by(5) {
        few(&files, truth[at].0, 5, true).await;
        pages += 1;
        decoded += usize::from(!fixture.store.take_calls().is_empty());
    }
    assert!(decoded * 3 <= pages, "{decoded} of {pages} pages read the log");
    assert_eq!(from(&files, Mark::default()).await, truth);
}

#[tokio::test]
async fn what_fails_behind_a_page_is_no_failure_of_the_page() {
    let fixture = Fixture::of(|folder| large_checkpoint(folder));
    let files = fixture.files(Some(&fixture.cache.clone().in_chunks_of(100, 0))).await;
    let gone = Arc::clone(&fixture.store);
    // The table goes away once the page's first files are there.
    let work = move || {
        let mut few = Vanishing { left: 5, store: gone };
        files.emit_from(Mark::default(), &mut few)
    };
    let ended = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(matches!(ended, Err(Error::TimedOut)), "{ended:?}");
}

/// Takes the checkpoint away, and stops then.
struct Vanishing {
    left: usize,
    store: Arc<MemoryStore>,
}

impl FileSink for Vanishing {
    fn file(&mut self, _: &DataFile<'_>) -> Result<(), Error> {
        let Some(left) = self.left.checked_sub(1) else {
            self.store.remove(&location(), &checkpoint_name(0));
            return Err(Error::TimedOut);
        };
        self.left = left;
        Ok(())
    }

    fn goes_on(&self) -> bool {
        true
    }
}
