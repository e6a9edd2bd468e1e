//! What is kept between answers: a table that nobody changed costs one listing, a change costs its own objects, and no answer
//! is made of what was there before.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shared::delta::changes::{Bound, Kind};
use shared::delta::{At, DeltaLog, FileSink, Scope, Wants};
use shared::error::Error;
use shared::limits::LOG_REMEMBERED_BYTES_MAX;
use shared::model::file::DataFile;
use shared::model::location::TableLocation;
use shared::model::version::{TimestampMs, Version};
use tests::memory_store::MemoryStore;
use tests::samples::{large_checkpoint, three_versions};
use tests::table_builder::{EPOCH_MS, Manifest, RowOrder, TableBuilder, checkpoint_name, commit_name};

/// What a reader sees of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) paths: BTreeSet<String>,
}

#[derive(Default)]
struct Paths(Vec<String>, u64);

impl FileSink for Paths {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.0.push(file.path.to_owned());
        self.1 += file.size;
        Ok(())
    }
}

/// Reads a version with all its files.
pub(super) async fn read(log: &DeltaLog, table: &TableLocation, at: At) -> Result<Seen, Error> {
    let snapshot = log.snapshot(table, at, Wants::Files).await?;
    let (version, id, totals) = (snapshot.version().number(), snapshot.metadata.id.clone(), snapshot.totals);
    let files = snapshot.files;
    let work = move || {
        let mut paths = Paths::default();
        files.emit(&mut paths).map(|()| paths)
    };
    let Paths(paths, bytes) = tokio::task::spawn_blocking(work).await.unwrap()?;
    assert_eq!((totals.files, totals.bytes), (paths.len() as u64, bytes), "what was promised and what came");
    let count = paths.len();
    let paths: BTreeSet<String> = paths.into_iter().collect();
    assert_eq!(paths.len(), count, "each file once");
    Ok(Seen { id, version, paths })
}

pub(super) fn location() -> TableLocation {
    TableLocation::new("lake", "t")
}

/// A table in a folder, its log in a store, and a reader of it.
struct Fixture {
    store: Arc<MemoryStore>,
    log: DeltaLog,
    table: TableBuilder,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn of(write: impl FnOnce(&Path) -> TableBuilder) -> Self {
        Self::keeping(LOG_REMEMBERED_BYTES_MAX, write)
    }

    fn keeping(max_bytes: u64, write: impl FnOnce(&Path) -> TableBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let table = write(&folder.path().join("t"));
        let store = MemoryStore::shared();
        let fixture = Self { log: DeltaLog::remembering(store.clone(), max_bytes), store, table, _folder: folder };
        fixture.publish();
        fixture
    }

    fn publish(&self) {
        self.store.mirror(&location(), self.table.path());
    }

    /// What is read now; it is what the table holds.
    async fn seen(&self) -> Seen {
        let seen = read(&self.log, &location(), At::Latest).await.unwrap();
        assert_eq!(Some(seen.version), self.table.version());
        assert_eq!(seen.paths, self.table.live_paths().into_iter().collect());
        seen
    }

    /// What reading now costs.
    async fn cost(&self) -> Vec<String> {
        self.store.take_calls();
        self.seen().await;
        self.store.take_calls()
    }

    fn add(&mut self, path: &str) {
        let add = self.table.add_entry(path, None, 1);
        self.table.commit(vec![add]);
        self.publish();
    }
}

fn checkpointed(folder: &Path) -> TableBuilder {
    let mut table = three_versions(folder);
    table.checkpoint();
    table.commit(vec![table.add_entry("later", None, 1)]);
    table
}

const CHECKPOINTS: [fn(&mut TableBuilder); 5] = [
    TableBuilder::checkpoint,
    |table| table.checkpoint_parts(3),
    |table| drop(table.checkpoint_v2(Manifest::Json, 2)),
    |table| drop(table.checkpoint_v2(Manifest::Parquet, 2)),
    |_| {},
];

#[tokio::test]
async fn a_table_that_nobody_changed_costs_one_listing() {
    for checkpoint in CHECKPOINTS {
        let fixture = Fixture::of(|folder| {
            let mut table = three_versions(folder);
            checkpoint(&mut table);
            table.commit(vec![table.add_entry("later", None, 1)]);
            table
        });
        assert!(fixture.cost().await.len() > 2);
        assert_eq!(fixture.cost().await, ["list"]);
        let log = &fixture.log;
        assert_eq!(log.latest_version(&location()).await.unwrap(), Version::new(3));
        assert_eq!(fixture.store.take_calls(), ["list"]);
        for at in [At::Version(Version::new(3)), At::Timestamp(TimestampMs::new(3))] {
            read(log, &location(), at).await.unwrap();
            assert_eq!(fixture.store.take_calls(), ["list"], "{at:?}");
        }
        for kind in [Kind::Files, Kind::Feed] {
            let range = log.range(&location(), kind, Bound::Version(Version::new(3)), None).await.unwrap();
            let _ = log.changes(&location(), &range, Version::new(3), &Scope::Whole).await;
            assert_eq!(fixture.store.take_calls(), ["list"], "{kind:?}");
        }
    }
}

#[tokio::test]
async fn every_object_is_fetched_once_from_the_very_first_answer_on() {
    let fixture = Fixture::of(|folder| large_checkpoint(folder));
    let pieces = fixture.cost().await;
    assert!(pieces.len() > 10, "a checkpoint that is read by pieces");
    assert_eq!(fixture.cost().await, ["list"]);
}

/// Notes how many calls in sequence there were before the first file.
struct FirstFile<'a>(&'a MemoryStore, Option<usize>);

impl FileSink for FirstFile<'_> {
    fn file(&mut self, _: &DataFile<'_>) -> Result<(), Error> {
        self.1.get_or_insert(self.0.in_sequence());
        Ok(())
    }
}

#[tokio::test]
async fn three_calls_in_sequence_come_before_the_first_file() {
    for max_bytes in [LOG_REMEMBERED_BYTES_MAX, 8 << 20] {
        let fixture = Fixture::keeping(max_bytes, |folder| {
            let mut table = large_checkpoint(folder);
            for version in 1..12 {
                table.commit(vec![
                    table.add_entry(&format!("{version}"), None, 1),
                    table.remove(&format!("{}", version - 1)),
                ]);
            }
            table.commit(vec![table.remove("11")]);
            table
        });
        fixture.store.answer_in_waves(Duration::from_millis(120));
        let files = fixture.log.snapshot(&location(), At::Latest, Wants::Files).await.unwrap().files;
        let store = fixture.store.clone();
        let before = tokio::task::spawn_blocking(move || {
            let mut first = FirstFile(&store, None);
            files.emit(&mut first).map(|()| first.1)
        });
        let before = before.await.unwrap().unwrap().unwrap();
        // Of a checkpoint that is not kept, totals are read piece by piece.
        assert!(before <= 3 || max_bytes < LOG_REMEMBERED_BYTES_MAX, "{before}");
        fixture.store.answer_in_waves(Duration::ZERO);
        fixture.seen().await;
    }
}

#[tokio::test]
async fn a_commit_costs_its_own_bytes() {
    let mut fixture = Fixture::of(checkpointed);
    fixture.seen().await;
    for version in 4..8 {
        fixture.add(&format!("{version}"));
        assert_eq!(fixture.cost().await, [format!("get {}", commit_name(version)), "list".into()]);
    }
    fixture.table.commit(vec![fixture.table.remove("later"), fixture.table.add_entry("4", None, 9)]);
    fixture.publish();
    assert_eq!(fixture.cost().await, [format!("get {}", commit_name(8)), "list".into()]);
}

#[tokio::test]
async fn a_commit_on_a_large_checkpoint_costs_its_own_bytes_too() {
    let mut fixture = Fixture::of(|folder| large_checkpoint(folder));
    fixture.seen().await;
    fixture.add("more");
    assert_eq!(fixture.cost().await, [format!("get {}", commit_name(1)), "list".into()]);
}

#[tokio::test]
async fn a_new_checkpoint_costs_itself() {
    let mut fixture = Fixture::of(checkpointed);
    fixture.seen().await;
    fixture.table.checkpoint();
    fixture.publish();
    assert_eq!(fixture.cost().await, ["list".into(), format!("range {}", checkpoint_name(3))]);
    // The log before it may go.
    fixture.table.delete_commits_before(3);
    fixture.publish();
    assert_eq!(fixture.cost().await, ["list"]);
}

#[tokio::test]
async fn a_checkpoint_that_was_taken_away_is_not_missed() {
    let fixture = Fixture::of(checkpointed);
    fixture.seen().await;
    fixture.store.remove(&location(), &checkpoint_name(2));
    let cost = fixture.cost().await;
    assert_eq!(cost.iter().filter(|call| *call == "list").count(), 2, "the log is looked at anew: {cost:?}");
    fixture.store.remove(&location(), &commit_name(1));
    let gap = read(&fixture.log, &location(), At::Latest).await.unwrap_err();
    assert!(gap.public().contains("version 1 is missing"), "{}", gap.public());
    for name in fixture.store.names(&location()) {
        fixture.store.remove(&location(), &name);
    }
    assert!(matches!(read(&fixture.log, &location(), At::Latest).await, Err(Error::BadTable(_))));
    assert!(fixture.log.latest_version(&location()).await.is_err());
}

/// A table of so many versions in another one's place: names, sizes and versions may be the same.
fn another(folder: &Path, versions: u64, name: char) -> TableBuilder {
    let mut table = TableBuilder::new(folder).metadata(|metadata| metadata["id"] = name.to_string().into());
    for version in 0..versions {
        table.commit(vec![table.add_entry(&format!("{name}{version}"), None, 1)]);
        if version == 2 {
            table.checkpoint();
        }
    }
    table
}

#[tokio::test]
async fn a_table_in_the_place_of_another_is_seen() {
    for versions in [1, 2, 3, 4, 5, 9] {
        for before in [3, 4] {
            let mut fixture = Fixture::of(|folder| another(folder, before, 'a'));
            assert_eq!(fixture.seen().await.id, "a");
            read(&fixture.log, &location(), At::Version(Version::ZERO)).await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            fixture.table = another(&folder.path().join("t"), versions, 'b');
            fixture.publish();
            assert_eq!(fixture.log.latest_version(&location()).await.unwrap().number(), versions - 1);
            assert_eq!(fixture.seen().await.id, "b");
            let first = read(&fixture.log, &location(), At::Version(Version::ZERO)).await.unwrap();
            assert_eq!((first.id.as_str(), first.paths), ("b", BTreeSet::from(["b0".to_owned()])));
        }
    }
}

#[tokio::test]
async fn a_checkpoint_that_was_written_anew_is_read_anew() {
    let mut fixture = Fixture::of(checkpointed);
    fixture.seen().await;
    // The same rows in another order, in an object of the same size.
    let before = fixture.store.content(&location(), &checkpoint_name(2));
    fixture.store.put(&location(), &checkpoint_name(2), before);
    let cost = fixture.cost().await;
    assert_eq!(cost, ["list".into(), format!("range {}", checkpoint_name(2))]);
    assert_eq!(fixture.cost().await, ["list"]);
    let folder = tempfile::tempdir().unwrap();
    fixture.table = three_versions(folder.path().join("t")).checkpoint_order(RowOrder::StateLast);
    fixture.table.checkpoint();
    fixture.publish();
    fixture.seen().await;
}

#[tokio::test]
async fn an_object_that_is_replaced_between_listing_and_reading_is_not_taken_for_the_listed_one() {
    for name in [commit_name(3), checkpoint_name(2)] {
        let fixture = Fixture::of(checkpointed);
        let (at, of) = (name.clone(), location());
        fixture.store.on_call(move |store, call| {
            if call.ends_with(&at) {
                store.put(&of, &at, store.content(&of, &at));
            }
        });
        let error = read(&fixture.log, &location(), At::Latest).await.unwrap_err();
        assert!(matches!(error, Error::TableFilesMissing(_)), "{name}: {error:?}");
        fixture.store.on_call(|_, _| {});
        fixture.seen().await;
        assert_eq!(fixture.cost().await, ["list"]);
    }
}

#[tokio::test]
async fn what_a_store_does_not_tell_apart_is_never_kept() {
    let fixture = Fixture::of(checkpointed);
    fixture.store.tell_no_tags();
    let first = fixture.cost().await;
    let wanted = [format!("get {}", commit_name(3)), "list".into(), format!("range {}", checkpoint_name(2))];
    assert_eq!(first[0], wanted[0]);
    assert_eq!(fixture.cost().await, wanted);
    assert_eq!(fixture.cost().await, wanted);
}

#[tokio::test]
async fn a_checkpoint_that_does_not_fit_is_read_once_for_each_answer() {
    let fixture = Fixture::keeping(6 << 20, |folder| {
        let mut table = large_checkpoint(folder);
        table.commit(vec![table.add_entry("more", None, 1)]);
        table
    });
    let cold = fixture.cost().await;
    let warm = fixture.cost().await;
    let ranges = warm.iter().filter(|call| **call == format!("range {}", checkpoint_name(0))).count();
    assert_eq!(warm.len(), ranges + 1, "beside the checkpoint one listing: {warm:?}");
    assert!(ranges > 10 && cold.len() > warm.len(), "{} and {}", cold.len(), warm.len());
    // What is said before the files is known without it.
    fixture.log.snapshot(&location(), At::Latest, Wants::Head).await.unwrap();
    assert_eq!(fixture.store.take_calls(), ["list"]);
}

#[tokio::test]
async fn the_bound_is_for_all_tables_together() {
    let store = MemoryStore::shared();
    let log = DeltaLog::remembering(store.clone(), 400_000);
    let folder = tempfile::tempdir().unwrap();
    let tables: Vec<TableLocation> = (0..40).map(|n| TableLocation::new("lake", &format!("t{n}"))).collect();
    let path = folder.path().join("t");
    let table = checkpointed(&path);
    for location in &tables {
        store.mirror(location, table.path());
    }
    for _ in 0..2 {
        for location in &tables {
            read(&log, location, At::Latest).await.unwrap();
        }
    }
    store.take_calls();
    read(&log, &tables[39], At::Latest).await.unwrap();
    assert_eq!(store.take_calls(), ["list"], "the last one is still there");
    read(&log, &tables[0], At::Latest).await.unwrap();
    assert!(store.take_calls().len() > 1, "the first one made room");
}

#[tokio::test]
async fn tables_that_look_alike_are_not_mixed_up() {
    let (store, folder) = (MemoryStore::shared(), tempfile::tempdir().unwrap());
    let log = DeltaLog::new(store.clone());
    let places = [location(), TableLocation::new("lake2", "t"), TableLocation::new("lake", "t2")];
    for (place, name) in places.iter().zip(['a', 'b', 'c']) {
        store.mirror(place, another(&folder.path().join(name.to_string()), 4, name).path());
    }
    for _ in 0..2 {
        for (place, name) in places.iter().zip(["a", "b", "c"]) {
            let seen = read(&log, place, At::Latest).await.unwrap();
            assert!(seen.id == name && seen.paths.iter().all(|path| path.starts_with(name)), "{seen:?}");
        }
    }
    // The same place reached in another way may be another place.
    let reach = shared::model::location::Reach { region: Some("eu-west-1".into()), ..Default::default() };
    store.take_calls();
    read(&log, &location().reached_by(reach), At::Latest).await.unwrap();
    assert!(store.take_calls().len() > 2);
}

#[tokio::test]
async fn those_who_ask_at_once_wait_for_one_reading() {
    for write in [checkpointed, |folder: &Path| large_checkpoint(folder)] {
        let alone = Fixture::of(write).cost().await;
        let objects = |calls: &[String]| calls.iter().filter(|call| !is_look(call)).count();
        let fixture = Fixture::of(write);
        let readers = (0..20).map(|_| {
            let log = fixture.log.clone();
            tokio::spawn(async move { read(&log, &location(), At::Latest).await.unwrap() })
        });
        let seen = futures::future::join_all(readers.collect::<Vec<_>>()).await;
        assert!(seen.windows(2).all(|pair| pair[0].as_ref().unwrap() == pair[1].as_ref().unwrap()));
        let calls = fixture.store.take_calls();
        assert_eq!(objects(&calls), objects(&alone), "{calls:?}");
        let lists = calls.iter().filter(|call| *call == "list").count();
        assert_eq!(lists, 20, "each has looked for itself");
    }
}

fn is_look(call: &str) -> bool {
    call == "list" || call.ends_with("_last_checkpoint")
}

#[tokio::test]
async fn whoever_gives_up_leaves_the_reading_to_the_others() {
    let fixture = Fixture::of(checkpointed);
    for _ in 0..20 {
        let log = fixture.log.clone();
        let first = tokio::spawn(async move { log.snapshot(&location(), At::Latest, Wants::Head).await.map(drop) });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        first.abort();
        let _ = first.await;
    }
    fixture.seen().await;
    assert_eq!(fixture.cost().await, ["list"]);
}

#[tokio::test]
async fn older_versions_are_what_they_were_while_the_newest_is_kept() {
    let mut fixture = Fixture::of(|folder| another(folder, 4, 'a'));
    for round in 0..3 {
        fixture.seen().await;
        for version in 0..4 {
            let seen = read(&fixture.log, &location(), At::Version(Version::new(version))).await.unwrap();
            assert_eq!(seen.paths.len() as u64, version + 1, "round {round}");
        }
        fixture.add(&format!("later{round}"));
    }
    let timed = At::Timestamp(TimestampMs::new(EPOCH_MS - 1));
    assert!(read(&fixture.log, &location(), timed).await.is_err() || fixture.table.version() == Some(6));
    let later = read(&fixture.log, &location(), At::Version(Version::new(7))).await.unwrap_err();
    assert!(matches!(later, Error::VersionNotFound(_)), "{later:?}");
}

#[tokio::test]
async fn a_long_log_is_looked_at_from_its_last_checkpoint() {
    let mut fixture = Fixture::of(checkpointed);
    fixture.store.set_page(2);
    let cold = fixture.cost().await;
    assert_eq!(cold.iter().filter(|call| *call == "list").count(), 2, "the beginning, and what follows the hint");
    assert!(!cold.iter().any(|call| call.ends_with(&commit_name(0))), "{cold:?}");
    // A hint that is no good: the rest of the listing.
    fixture.table.write_log("_last_checkpoint", json!({"version": 1, "size": 1}).to_string());
    for hint in ["", r#"{"version":77,"size":1}"#, r#"{"version":3,"size":1}"#, "no hint"] {
        fixture.store.put(&location(), "_last_checkpoint", hint);
        let fresh = DeltaLog::new(fixture.store.clone());
        assert_eq!(fresh.latest_version(&location()).await.unwrap(), Version::new(3), "{hint}");
        let fresh = DeltaLog::new(fixture.store.clone());
        assert_eq!(read(&fresh, &location(), At::Latest).await.unwrap(), fixture.seen().await, "{hint}");
    }
    fixture.table.delete_all_commits();
    fixture.publish();
    let fresh = DeltaLog::new(fixture.store.clone());
    assert_eq!(read(&fresh, &location(), At::Latest).await.unwrap().version, 2);
}
