//! The rows of a checkpoint, from its bytes to files handed on: decompressed, decoded, and put into the form that lines are
//! made from.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use shared::delta::{At, DeltaLog, FileSink, Wants};
use shared::error::Error;
use shared::model::file::DataFile;
use shared::model::location::TableLocation;
use tokio::runtime::Runtime;

use super::Subject;
use crate::checkpoint::Object;
use crate::memory_log::MemoryLog;
use crate::shape::{Shape, Stats};

/// Rows of the checkpoint, few enough for it to be kept whole.
const ROWS: u64 = 8_192;

/// Statistics as text.
pub(super) fn text() -> Result<Subject, String> {
    subject("checkpoint row, statistics as text", Stats::Text)
}

/// Statistics that are put into words here.
pub(super) fn typed() -> Result<Subject, String> {
    subject("checkpoint row, typed statistics", Stats::Typed)
}

fn subject(name: &'static str, stats: Stats) -> Result<Subject, String> {
    let mut object = Object::new(Shape { stats, tail: 0, ..Shape::usual(ROWS) }, Vec::new())?;
    object.table()?;
    object.files(0..ROWS)?;
    let object = Bytes::from(object.finish()?);
    let log = MemoryLog(BTreeMap::from([(format!("{:020}.checkpoint.parquet", 10), object)]));
    let log = DeltaLog::remembering(Arc::new(log), 0);
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let snapshot = runtime.block_on(log.snapshot(&TableLocation::new("bucket", ""), At::Latest, Wants::Files));
    let files = snapshot.map_err(|error| error.to_string())?.files;
    let call = move || {
        let _kept = &runtime;
        let mut seen = Seen::default();
        files.emit(&mut seen).map(|()| seen.files)
    };
    match call() {
        Ok(ROWS) => {}
        Ok(files) => return Err(format!("{files} files come out of {ROWS} rows")),
        Err(error) => return Err(error.to_string()),
    }
    let call = move || {
        // It did not fail above, and reads the same again.
        let _ = black_box(call());
    };
    Ok(Subject { units_per_call: ROWS, ..Subject::new(name, "row", call) })
}

#[derive(Default)]
struct Seen {
    files: u64,
}

impl FileSink for Seen {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        black_box(file);
        self.files += 1;
        Ok(())
    }
}
