//! A choice among files: what it leaves unread is what nobody wanted, and it costs little to leave it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use shared::delta::choice::{Choice, Columns};
use shared::delta::snapshot::SnapshotFiles;
use shared::delta::{At, DeltaLog, FileSink, Snapshot, Wants};
use shared::error::Error;
use shared::limits::LOG_REMEMBERED_BYTES_MAX;
use shared::model::file::{DataFile, Mark};
use shared::model::known::Known;
use shared::predicate::{self, Filter, Verdict};
use tests::memory_store::MemoryStore;
use tests::table_builder::{Manifest, RowOrder, TableBuilder, Typed, inline_vector};

use super::remembered::location;

#[derive(Debug)]
struct Predicate(Filter);

impl Choice for Predicate {
    fn columns(&self) -> Columns<'_> {
        Columns { partitions: self.0.columns(true).collect(), data: self.0.columns(false).collect() }
    }

    fn may_want(&self, known: &Known<'_>) -> bool {
        self.0.may_hold(known)
    }
}

/// Takes the files that a predicate does not rule out, and counts all that come.
struct Judged<'a> {
    filter: &'a Filter,
    wanted: Vec<String>,
    came: usize,
}

impl FileSink for Judged<'_> {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.came += 1;
        if self.filter.judge(file) != Verdict::None {
            self.wanted.push(format!("{file:?}"));
        }
        Ok(())
    }
}

/// The files that a predicate wants from one on, and how many came: by its choice or by going through all.
async fn judged(files: &SnapshotFiles, predicate: &Arc<Predicate>, from: Mark, chosen: bool) -> (Vec<String>, usize) {
    let (files, predicate) = (files.clone(), Arc::clone(predicate));
    let work = move || {
        let mut judged = Judged { filter: &predicate.0, wanted: Vec::new(), came: 0 };
        let choice = chosen.then_some(predicate.as_ref() as &dyn Choice);
        files.emit_chosen(from, choice, &mut judged).map(|()| (judged.wanted, judged.came))
    };
    tokio::task::spawn_blocking(work).await.unwrap().unwrap()
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

const PARTITIONS: [Option<&str>; 7] =
    [None, Some(""), Some("a"), Some("b"), Some("b c"), Some("z"), Some("__HIVE_DEFAULT_PARTITION__")];

/// A file with statistics of all kinds, some of them missing.
fn add(chance: &mut Chance, table: &TableBuilder, number: u64, sorted: bool, vectors: bool) -> Value {
    let p = if sorted { PARTITIONS[(number / 9) as usize % 7] } else { chance.of(&PARTITIONS) };
    let mut add = table.add_entry(&format!("f{number:03}"), p, 1);
    let (low, length) = (number * 10, chance.below(30));
    let long = "x".repeat(32);
    let name = chance.of(&["", "a", "m", "z", &long]);
    let mut stats = json!({
        "numRecords": 20,
        "minValues": {"id": low, "name": "a"},
        "maxValues": {"id": low + length, "name": name},
        "nullCount": {"id": chance.of(&[0, 0, 0, 20]), "name": chance.below(2)},
    });
    for member in ["minValues", "maxValues", "nullCount"] {
        if chance.below(12) == 0 {
            stats[member].as_object_mut().unwrap().remove(chance.of(&["id", "name"]));
        }
    }
    add["add"]["stats"] = if chance.below(15) == 0 { Value::Null } else { stats.to_string().into() };
    if vectors && chance.below(5) == 0 {
        add["add"]["deletionVector"] = inline_vector(&[1]);
    }
    add
}

const PREDICATES: [&str; 18] = [
    "p = 'b'",
    "p = ''",
    "p IS NULL",
    "p IS NOT NULL AND id > 250",
    "p > 'b' AND p < 'c'",
    "p IN ('a', 'z') OR id < 15",
    "NOT (p = 'a')",
    "p <=> NULL AND id >= 100",
    "id = 133",
    "id BETWEEN 70 AND 90",
    "id IS NULL",
    "id > 100000",
    "name > 'x'",
    "name = 'b' AND p = 'z'",
    "name IS NULL AND id < 200",
    "p = 'nothing of the kind'",
    "false",
    "mystery(p)",
];

/// A table over a checkpoint of small row groups, some of whose files the commits after it void.
fn random(folder: &Path, seed: u64) -> TableBuilder {
    let mut chance = Chance(seed);
    let protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                          "writerFeatures": ["deletionVectors"]});
    let mut table = TableBuilder::new(folder)
        .protocol(protocol)
        .checkpoint_row_group(chance.of(&[3, 7, 20, 1000]))
        .checkpoint_order(chance.of(&[RowOrder::StateFirst, RowOrder::StateLast, RowOrder::Mixed]))
        .checkpoint_typed(chance.of(&[Typed::Never, Typed::Also, Typed::Only]));
    let (sorted, vectors) = (chance.below(2) == 0, chance.below(3) == 0);
    let files = (0..60).map(|number| add(&mut chance, &table, number, sorted, vectors)).collect();
    table.commit(files);
    let gone = (0..60).step_by(11).map(|number| table.remove(&format!("f{number:03}"))).collect();
    table.commit(gone);
    match chance.below(4) {
        0 => table.checkpoint(),
        1 => table.checkpoint_parts(3),
        2 => drop(table.checkpoint_v2(Manifest::Json, 2)),
        _ => drop(table.checkpoint_v2(Manifest::Parquet, 2)),
    }
    let mut last = vec![table.remove("f005"), table.remove("f033"), table.add_entry("later", Some("b"), 3)];
    if !vectors {
        last.push(table.add_entry("f014", Some("a"), 99));
    }
    table.commit(last);
    table
}

async fn snapshot(log: &DeltaLog, store: &MemoryStore, table: &TableBuilder) -> Snapshot {
    store.mirror(&location(), table.path());
    log.snapshot(&location(), At::Latest, Wants::Files).await.unwrap()
}

fn filter(sql: &str, snapshot: &Snapshot) -> Arc<Predicate> {
    Arc::new(Predicate(predicate::filter(&[sql.to_owned()], None, &snapshot.metadata).unwrap()))
}

#[tokio::test]
async fn a_choice_loses_no_file_of_any_table() {
    let (mut came, mut all, mut wanted) = (0, 0, 0);
    for seed in 0..16 {
        let folder = tempfile::tempdir().unwrap();
        let table = random(&folder.path().join("t"), seed);
        let store = MemoryStore::shared();
        // Parts are in memory whole where nothing else is kept, and read by pieces where they are.
        let log = DeltaLog::remembering(store.clone(), [0, LOG_REMEMBERED_BYTES_MAX][(seed % 2) as usize]);
        snapshot(&log, &store, &table).await;
        let snapshot = snapshot(&log, &store, &table).await;
        let marks = [Mark::default(), Mark { part: 1, row: 17 }, Mark { part: 2, row: 5 }];
        for sql in PREDICATES {
            let predicate = filter(sql, &snapshot);
            for from in marks {
                let (whole, count) = judged(&snapshot.files, &predicate, from, false).await;
                let (some, read) = judged(&snapshot.files, &predicate, from, true).await;
                assert_eq!(some, whole, "table {seed}, {sql}, from {from:?}");
                assert!(read <= count);
                if sql != "mystery(p)" {
                    (came, all, wanted) = (came + read, all + count, wanted + some.len());
                }
            }
        }
    }
    // It would hold if everything were read.
    assert!(came - wanted < (all - wanted) / 2, "of {all} files {wanted} were wanted and {came} read");
}

/// 10,000 files with statistics of 1 KiB in row groups of 1,000, of a hundred partitions one after the other, or of all of
/// them in turn.
fn partitioned(folder: &Path, sorted: bool, row_group: usize) -> TableBuilder {
    let mut table = TableBuilder::new(folder)
        .checkpoint_row_group(row_group)
        .checkpoint_compression(parquet::basic::Compression::UNCOMPRESSED);
    let adds = (0..10_000).map(|n| {
        let p = if sorted { n / 100 } else { n % 100 };
        let mut add = table.add_entry(&format!("p={p:02}/{n:05}.parquet"), Some(&format!("{p:02}")), n);
        add["add"]["stats"] = json!({"numRecords": n, "maxValues": {"name": format!("{n:01024}")}}).to_string().into();
        add
    });
    let adds = adds.collect();
    table.commit(adds);
    table.checkpoint();
    table.delete_commit(0);
    table
}

#[tokio::test]
async fn one_partition_of_a_table_that_is_not_kept_costs_little() {
    for (sorted, row_group) in [(true, 1_000), (true, 10_000), (false, 1_000)] {
        let folder = tempfile::tempdir().unwrap();
        let table = partitioned(&folder.path().join("t"), sorted, row_group);
        let store = MemoryStore::shared();
        // The checkpoint does not fit.
        let log = DeltaLog::remembering(store.clone(), 4 * 1024 * 1024);
        let snapshot = snapshot(&log, &store, &table).await;
        let predicate = filter("p = '42'", &snapshot);
        let mut costs = Vec::new();
        for chosen in [false, true, true] {
            store.take_calls();
            store.take_bytes();
            let (wanted, came) = judged(&snapshot.files, &predicate, Mark::default(), chosen).await;
            assert_eq!(wanted.len(), 100, "sorted {sorted}");
            costs.push((came, store.take_calls().len() as u64, store.take_bytes()));
        }
        let [whole, first, again] = costs[..] else { panic!("three costs") };
        assert_eq!((whole.0, first.0, again.0), (10_000, 100, 100));
        assert!(again.2 <= first.2 && again.1 <= first.1, "sorted {sorted}: {costs:?}");
        // Each column is read with its dictionary, which in a small table is a large part of it.
        let share = if sorted { whole.2 / 4 } else { whole.2 + 64 * 1024 };
        assert!(first.2 <= share, "sorted {sorted}: {costs:?}");
    }
}
