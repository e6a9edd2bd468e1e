//! Reading a table's log: one listing, whole objects, byte ranges. The adapter for S3 is the only one; locally it talks
//! to the S3 server embedded in the process.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;

#[cfg(feature = "s3")]
pub mod s3;

/// An object of a log folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its name below `_delta_log/`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub modified: TimestampMs,
}

/// Read access to the logs of tables.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// The objects directly in `_delta_log/` whose names sort after `after`, in byte order of their names, all of them.
    /// A log that does not exist is an empty list. Folders below are left out.
    ///
    /// # Errors
    /// When the storage refuses, does not answer, or the list is longer than
    /// [`LOG_LIST_PAGES_MAX`](crate::limits::LOG_LIST_PAGES_MAX) pages.
    async fn list(&self, table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error>;

    /// A whole object of the log folder, refused above `max_bytes`; `None` when there is no such object.
    ///
    /// # Errors
    /// When the storage refuses or does not answer.
    async fn get(&self, table: &TableLocation, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error>;

    /// Exactly these bytes of an object of the log folder.
    ///
    /// # Errors
    /// When the object is not there or shorter, or the storage refuses or does not answer.
    async fn get_range(&self, table: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error>;
}
