//! Any bytes as a Parquet object of a checkpoint: read whole and by pieces, as a part and as the checkpoint of a table.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use shared::delta::checkpoint::{Chosen, Part, Shown};
use shared::delta::choice::{Choice, Columns};
use shared::delta::fetch::Fetcher;
use shared::delta::schema::SchemaFacts;
use shared::error::Error;
use shared::model::file::Mark;
use shared::model::known::Known;
use shared::storage::LogEntry;
use shared::storage::remembered::{Keep, Remembered};

use crate::seen::Seen;
use crate::world::{Asked, MemoryLog, NOW, Route, begun, check_refusal, location, wait};

const NAME: &str = "00000000000000000003.checkpoint.parquet";
const SCHEMA: &str = r#"{"type":"struct","fields":[
    {"name":"id","type":"long","nullable":true,"metadata":{}},
    {"name":"name","type":"string","nullable":true,"metadata":{}},
    {"name":"at","type":"timestamp_ntz","nullable":true,"metadata":{}}]}"#;

/// Any bytes as a checkpoint.
pub fn checkpoint(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let log = MemoryLog::default().with(NAME, bytes);
    let whole = read(&log, data.len() as u64, true).inspect_err(check_refusal);
    let pieces = read(&log, data.len() as u64, false).inspect_err(check_refusal);
    assert_eq!(whole.ok(), pieces.ok(), "an object read by pieces is the same as a whole one");
    // What is only read for the files may be found damaged after the first line.
    let _ = begun(&log, Route::Query, &Asked::body(&json!({})));
}

fn read(log: &MemoryLog, size: u64, keep: bool) -> Result<Seen, Error> {
    let fetcher = wait(async { Fetcher::new(Remembered::new(Arc::new(log.clone()), 0), location(), Keep::No) });
    let entry = LogEntry { name: NAME.into(), size, modified: NOW, etag: None };
    let end = fetcher.range(&entry, Part::first_bytes(&entry, keep)).wait()?;
    let part = Part::open(fetcher, entry, end, keep)?;
    part.sidecars()?;
    let seen = HashSet::new();
    let head = part.head(&seen, true, true)?;
    if let Some(problem) = head.problem {
        return Err(problem.into());
    }
    let schema = SchemaFacts::of(SCHEMA)?;
    let mut files = Seen::default();
    let shown = |partitioned| Shown { seen: &seen, schema: &schema, partitioned, vectors: head.vectors };
    for partitioned in [true, false] {
        files = Seen::default();
        part.emit(&shown(partitioned), Mark::default(), None, &mut files)?;
        assert_eq!(files.totals, head.totals, "as many files as were counted");
        for all in [true, false] {
            let mut some = Seen::default();
            let chosen = Chosen { choice: &Wants { all }, keep: Keep::No };
            let read = part.emit(&shown(partitioned), Mark::default(), Some(chosen), &mut some);
            let read = read.inspect_err(check_refusal).is_ok();
            assert!(!read || !all || some == files, "a choice of all files is all files");
            assert!(some.files.iter().all(|file| files.files.contains(file)), "files that are not there were chosen");
        }
    }
    Ok(files)
}

/// Wants all files, or none of those that can be told before they are read.
#[derive(Debug)]
struct Wants {
    all: bool,
}

impl Choice for Wants {
    fn columns(&self) -> Columns<'_> {
        Columns { partitions: vec!["name"], data: vec!["id", "at"] }
    }

    fn may_want(&self, _: &Known<'_>) -> bool {
        self.all
    }
}
