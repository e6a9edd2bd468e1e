//! A table that is written, cleaned up, replaced and given new checkpoints while it is read: whatever a reader is told is what
//! the table was at some moment between question and answer, or an error.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use shared::delta::{At, ChunkCache, DeltaLog};
use shared::model::version::Version;
use shared::seal::Sealer;
use tests::memory_chunks::MemoryChunks;
use tests::memory_store::MemoryStore;
use tests::table_builder::{Manifest, RowOrder, TableBuilder, checkpoint_name};

use super::remembered::{Seen, location, read};

/// Readers at once.
const READERS: u64 = 8;
/// Answers that all readers get together, at least.
const READS: usize = 4000;
/// The same for the writer.
const WRITES: usize = 250;

/// What the table holds after a write: each version that it ever had since it was made, or nothing when there is no table.
type Moment = BTreeMap<u64, Seen>;

/// Everything that the table ever was. A write may be seen from when it begins, and must be once it is done.
#[derive(Default)]
struct Truth {
    moments: Mutex<Vec<Arc<Moment>>>,
    done: AtomicUsize,
}

impl Truth {
    fn begin(&self, moment: Moment) {
        self.moments.lock().unwrap().push(Arc::new(moment));
    }

    fn end(&self) {
        self.done.store(self.moments.lock().unwrap().len(), Ordering::SeqCst);
    }

    /// Whether an answer to a question that was asked when so many writes were done is what the table was since.
    fn check(&self, asked_at: usize, at: At, seen: &Seen) {
        let moments = self.moments.lock().unwrap()[asked_at - 1..].to_vec();
        let holds = |moment: &Arc<Moment>| {
            let version = match at {
                At::Version(version) => version.number(),
                _ => match moment.keys().next_back() {
                    Some(newest) => *newest,
                    None => return false,
                },
            };
            moment.get(&version) == Some(seen)
        };
        assert!(moments.iter().any(holds), "{at:?} since write {asked_at}: never was {seen:?}");
    }
}

/// Writes the table, every object by itself.
struct Writer<'a> {
    store: &'a MemoryStore,
    truth: &'a Truth,
    folder: &'a Path,
    rng: TestRng,
    made: u64,
    table: TableBuilder,
    moment: Moment,
}

fn made(folder: &Path, number: u64) -> TableBuilder {
    TableBuilder::new(folder.join(format!("{number}")))
        .metadata(|metadata| metadata["id"] = format!("{number:04}").into())
}

impl Writer<'_> {
    fn write(&mut self) {
        match self.rng.next_u32() % 16 {
            0..8 => self.commit(),
            8..11 => self.checkpoint(),
            11..13 => self.rewrite(),
            13..15 => self.clean_up(),
            _ => self.replace(),
        }
    }

    fn commit(&mut self) {
        let version = self.table.version().map_or(0, |version| version + 1);
        let mut actions = vec![self.table.add_entry(&format!("{:04}-{version:04}", self.made), None, 1)];
        let live = self.table.live_paths();
        if live.len() > 3 {
            actions.push(self.table.remove(&live[self.rng.next_u32() as usize % live.len()]));
        }
        self.table.commit(actions);
        let id = format!("{:04}", self.made);
        self.moment.insert(version, Seen { id, version, paths: self.table.live_paths().into_iter().collect() });
        self.truth.begin(self.moment.clone());
        self.store.mirror(&location(), self.table.path());
        self.truth.end();
    }

    fn checkpoint(&mut self) {
        match self.rng.next_u32() % 4 {
            0 | 1 => self.table.checkpoint(),
            2 => self.table.checkpoint_parts(2),
            // Without sidecars: their names here are not as unique as the protocol has them.
            _ => drop(self.table.checkpoint_v2(Manifest::Parquet, 0)),
        }
        self.store.mirror(&location(), self.table.path());
    }

    /// The same checkpoint, in the same place, in other bytes or the same ones.
    fn rewrite(&mut self) {
        let Some(version) = self.table.version() else { return };
        let folder = self.table.path().to_owned();
        if self.table.log_file(&checkpoint_name(version)).exists() {
            let orders = [RowOrder::StateFirst, RowOrder::StateLast, RowOrder::Mixed];
            let order = orders[self.rng.next_u32() as usize % 3];
            let table = std::mem::replace(&mut self.table, made(self.folder, 0));
            self.table = table.checkpoint_order(order);
            self.table.checkpoint();
            self.store.mirror(&location(), &folder);
        }
        for name in self.store.names(&location()) {
            if name.contains("checkpoint") && self.rng.next_u32().is_multiple_of(2) {
                self.store.put(&location(), &name, self.store.content(&location(), &name));
            }
        }
    }

    /// Commits go that the oldest of the newest checkpoints makes superfluous; with them the versions before it.
    fn clean_up(&mut self) {
        let checkpoints = (0..=self.table.version().unwrap()).rev();
        let kept = checkpoints.into_iter().find(|&version| self.table.log_file(&checkpoint_name(version)).exists());
        if let Some(kept) = kept {
            self.table.delete_commits_before(kept);
            self.store.mirror(&location(), self.table.path());
        }
    }

    /// Another table in its place, of the same names and often the same sizes. In between there is none.
    fn replace(&mut self) {
        self.truth.begin(Moment::new());
        for name in self.store.names(&location()) {
            self.store.remove(&location(), &name);
        }
        self.truth.end();
        self.moment.clear();
        self.made += 1;
        self.table = made(self.folder, self.made);
        for _ in 0..1 + self.rng.next_u32() % 6 {
            self.commit();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_mixed_short_or_stale() {
    let store = MemoryStore::shared();
    let log = DeltaLog::new(store.clone());
    race(&store, &log, READS).await;
    store.take_calls();
    read(&log, &location(), At::Latest).await.unwrap();
    assert_eq!(store.take_calls(), ["list"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_is_one_from_chunks_that_outlive_their_checkpoints() {
    let (store, chunks) = (MemoryStore::shared(), MemoryChunks::shared());
    let cache = ChunkCache::new(chunks.clone(), Arc::new(Sealer::new(&[7; 32]))).in_chunks_of(2, 0);
    // Without a memory of its own, so that every answer asks the cache.
    let log = DeltaLog::remembering(store.clone(), 0).with_chunks(cache);
    race(&store, &log, READS / 4).await;
    let (_, found, puts) = chunks.take_counts();
    assert!(found > 100 && puts > 10, "{found} found, {puts} written");
}

/// Reads a table that is written meanwhile, so many times at least; leaves it as it is then.
async fn race(store: &Arc<MemoryStore>, log: &DeltaLog, least: usize) {
    let (folder, truth) = (tempfile::tempdir().unwrap(), Arc::new(Truth::default()));
    let (stop, whole) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writing = {
        let (truth, store, stop, whole) = (truth.clone(), store.clone(), stop.clone(), whole.clone());
        let path = folder.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            let (table, moment) = (made(&path, 1), Moment::new());
            let (store, truth, folder) = (store.as_ref(), truth.as_ref(), path.as_path());
            let mut writer = Writer { store, truth, folder, rng, made: 1, table, moment };
            let mut writes = 0;
            while writes < WRITES || whole.load(Ordering::SeqCst) < least {
                if writes == 0 {
                    writer.commit();
                } else {
                    writer.write();
                }
                writes += 1;
            }
            stop.store(true, Ordering::SeqCst);
        })
    };
    let readers = (0..READERS).map(|number| {
        let (log, truth, stop, whole) = (log.clone(), truth.clone(), stop.clone(), whole.clone());
        tokio::spawn(async move {
            let mut reads = 0u64;
            while !stop.load(Ordering::SeqCst) {
                reads += 1;
                let asked_at = truth.done.load(Ordering::SeqCst);
                let at = match (number + reads) % 4 {
                    0 => At::Version(Version::new(reads % 5)),
                    _ => At::Latest,
                };
                if asked_at == 0 {
                    tokio::task::yield_now().await;
                } else if let Ok(seen) = read(&log, &location(), at).await {
                    truth.check(asked_at, at, &seen);
                    whole.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    for reader in futures::future::join_all(readers.collect::<Vec<_>>()).await {
        reader.unwrap();
    }
    writing.await.unwrap();
    // When it is quiet again, nothing of the noise is left.
    let last = truth.done.load(Ordering::SeqCst);
    let seen = read(log, &location(), At::Latest).await.unwrap();
    truth.check(last, At::Latest, &seen);
}
