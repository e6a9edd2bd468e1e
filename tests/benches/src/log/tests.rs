//! Every shape is a table that the server reads, with the same files.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use shared::delta::{At, DeltaLog, FileSink, Snapshot, Wants};
use shared::error::Error;
use shared::model::file::{DataFile, Text};
use shared::model::location::TableLocation;

use super::*;
use crate::memory_log::MemoryLog;
use crate::shape::Stats;

/// Files by their paths, with partition values and the number of rows.
#[derive(Debug, Default, PartialEq)]
struct Files(BTreeMap<String, (Value, u64, Value)>);

impl FileSink for Files {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let stats = match file.stats.unwrap() {
            Text::Plain(text) => text.to_owned(),
            Text::JsonLiteral(text) => serde_json::from_str(text).unwrap(),
        };
        let values = serde_json::from_str(file.partition_values).unwrap();
        let known = (values, file.size, serde_json::from_str(&stats).unwrap());
        assert!(self.0.insert(file.path.to_owned(), known).is_none(), "{} is there twice", file.path);
        Ok(())
    }
}

fn read(folder: &Path) -> (Snapshot, Files) {
    let mut objects = BTreeMap::new();
    for (prefix, folder) in [("", folder.join("_delta_log")), ("_sidecars/", folder.join("_delta_log/_sidecars"))] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                objects.insert(format!("{prefix}{name}"), Bytes::from(fs::read(&path).unwrap()));
            }
        }
    }
    let log = DeltaLog::remembering(Arc::new(MemoryLog(objects)), 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let table = TableLocation::new("bucket", "");
    let snapshot = runtime.block_on(log.snapshot(&table, At::Latest, Wants::Files)).unwrap();
    let mut files = Files::default();
    snapshot.files.emit(&mut files).unwrap();
    (snapshot, files)
}

#[test]
fn every_shape_holds_the_files_that_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Shape::usual(1_200);
    let mut usual_files = None;
    let shapes = [
        usual,
        Shape { checkpoint: Checkpoint::Parts(3), ..usual },
        Shape { checkpoint: Checkpoint::Sidecars(3), ..usual },
        Shape { stats: Stats::Both, ..usual },
        Shape { stats: Stats::Typed, ..usual },
        Shape { checkpoint: Checkpoint::Sidecars(2), stats: Stats::Typed, ..usual },
    ];
    for shape in shapes {
        let table = folder.path().join(shape.name());
        write(&table, shape).unwrap();
        let (snapshot, files) = read(&table);
        assert_eq!((snapshot.totals.files, files.0.len() as u64), (shape.files(), shape.files()), "{shape:?}");
        let usual_files = usual_files.get_or_insert_with(|| read(&folder.path().join(usual.name())).1);
        assert!(files == *usual_files, "{shape:?} has other files, or other statistics");
    }
}

#[test]
fn tails_and_tables_without_partitions_are_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Shape::usual(1_000);
    for shape in [
        Shape { tail: 0, ..usual },
        Shape { tail: 100, ..usual },
        Shape { partitioned: false, ..usual },
        Shape { partitioned: false, stats: Stats::Typed, ..usual },
    ] {
        let table = folder.path().join(shape.name());
        write(&table, shape).unwrap();
        let (snapshot, files) = read(&table);
        assert_eq!((snapshot.version().number(), files.0.len() as u64), (10 + shape.tail, shape.files()), "{shape:?}");
        assert_eq!(snapshot.metadata.partition_columns.is_empty(), !shape.partitioned);
        let first = files.0.values().next().unwrap();
        assert_eq!(first.0.as_object().unwrap().is_empty(), !shape.partitioned);
    }
}
