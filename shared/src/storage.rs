//! Reading a table's log: one listing, whole objects, byte ranges. The adapter for S3 is the only one; locally it talks
//! to the S3 server embedded in the process. Beside it, a place for what was made of logs.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;

pub mod chunks;
pub mod remembered;
#[cfg(feature = "s3")]
pub mod s3;

/// An object of a log folder as a listing showed it: this content, whatever stands under the name later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogEntry {
    /// Its name below `_delta_log/`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub modified: TimestampMs,
    /// What tells its content from any other, in the storage's own words; nothing where the storage cannot tell. What is
    /// not told apart is never kept.
    pub etag: Option<Arc<str>>,
}

/// The beginning of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedFirst {
    /// The first objects, in order.
    pub entries: Vec<LogEntry>,
    /// Whether there may be more.
    pub more: bool,
}

impl LogEntry {
    /// Whether `bytes` are as many as the object has.
    ///
    /// # Errors
    /// [`Error::TableFilesMissing`] when they are not: the object was replaced, and belongs to another log than the rest
    /// of what is read.
    pub fn check_length(&self, bytes: &Bytes) -> Result<(), Error> {
        if bytes.len() as u64 == self.size { Ok(()) } else { Err(self.is_another()) }
    }

    /// The error for an object that is no longer the one that was listed.
    pub fn is_another(&self) -> Error {
        Error::TableFilesMissing(format!("{} changed while the log was read", self.name).into())
    }
}

/// What lies in a place that holds tables.
#[async_trait]
pub trait FolderStore: Send + Sync {
    /// The names of the folders directly below a place, in byte order. A place that does not exist has none.
    ///
    /// # Errors
    /// When the storage refuses or does not answer, or there are more than
    /// [`SCHEMA_FOLDERS_MAX`](crate::limits::SCHEMA_FOLDERS_MAX).
    async fn folders(&self, place: &TableLocation) -> Result<Vec<String>, Error>;
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

    /// The first objects of that list, with one request.
    ///
    /// # Errors
    /// When the storage refuses or does not answer.
    async fn list_first(&self, table: &TableLocation) -> Result<ListedFirst, Error> {
        Ok(ListedFirst { entries: self.list(table, None).await?, more: false })
    }

    /// Exactly these bytes of an object that was listed, and of no other that has taken its place. Where the storage does
    /// not tell them apart, the length of a whole object has to do.
    ///
    /// # Errors
    /// [`Error::TableFilesMissing`] when the object is not there or another one; otherwise when the storage refuses or does
    /// not answer.
    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error>;

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

    /// The same, and what tells the object's content from any other, where the storage says so.
    ///
    /// # Errors
    /// As [`LogStore::get_range`].
    async fn find_range(
        &self,
        table: &TableLocation,
        name: &str,
        range: Range<u64>,
    ) -> Result<(Bytes, Option<Arc<str>>), Error> {
        Ok((self.get_range(table, name, range).await?, None))
    }

    /// The last bytes of an object of the log folder, at most so many, and the object as it was found; nothing where there is
    /// no such object, or the storage does not say which content it has given.
    ///
    /// # Errors
    /// When the storage refuses or does not answer.
    async fn find_end(
        &self,
        _table: &TableLocation,
        _name: &str,
        _max_bytes: u64,
    ) -> Result<Option<(LogEntry, Bytes)>, Error> {
        Ok(None)
    }
}
