//! A log in memory, so that reading it is all that is measured.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use shared::error::Error;
use shared::model::location::TableLocation;
use shared::model::version::TimestampMs;
use shared::storage::{LogEntry, LogStore};

/// Objects by their names below `_delta_log/`.
#[derive(Debug, Default)]
pub(crate) struct MemoryLog(pub(crate) BTreeMap<String, Bytes>);

#[async_trait]
impl LogStore for MemoryLog {
    async fn list(&self, _: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        let wanted = |name: &str| !name.contains('/') && after.is_none_or(|after| name > after);
        let entry = |(name, bytes): (&String, &Bytes)| LogEntry {
            name: name.clone(),
            size: bytes.len() as u64,
            modified: TimestampMs::new(0),
            etag: None,
        };
        Ok(self.0.iter().filter(|(name, _)| wanted(name)).map(entry).collect())
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        self.get_range(table, &entry.name, range).await
    }

    async fn get(&self, _: &TableLocation, name: &str, _max_bytes: u64) -> Result<Option<Bytes>, Error> {
        Ok(self.0.get(name).cloned())
    }

    async fn get_range(&self, _: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let missing = || Error::TableFilesMissing(name.to_owned().into());
        let bytes = self.0.get(name).ok_or_else(missing)?;
        let place = |at: u64| usize::try_from(at).ok().filter(|&at| at <= bytes.len()).ok_or_else(missing);
        Ok(bytes.slice(place(range.start)?..place(range.end)?))
    }
}
