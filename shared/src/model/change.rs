//! One change of a table as a commit has it: a file that was added, one that was removed, or changes that the writer
//! recorded row by row. Borrowed from the commit's text, as a snapshot's files are.

use super::area::ObjectKey;
use super::file::{DataFile, DeletionVector};

/// A file action of a commit.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// All rows of this file are new.
    Add(DataFile<'a>),
    /// All rows of this file are gone.
    Remove(RemovedFile<'a>),
    /// The rows of this file say themselves what became of them.
    Recorded(RecordedChanges<'a>),
}

/// A `remove` action.
#[derive(Debug, Clone, Copy)]
pub struct RemovedFile<'a> {
    /// The path exactly as logged.
    pub path: &'a str,
    /// The object that the path names.
    pub object: ObjectKey<'a>,
    /// The partition values as a JSON object in the log's order.
    pub partition_values: &'a str,
    /// Size of the file in bytes.
    pub size: u64,
    /// When it was removed, in milliseconds since the epoch.
    pub deletion_timestamp: Option<i64>,
    /// The log's `extendedFileMetadata`.
    pub extended_file_metadata: Option<bool>,
    /// Row tracking: the first row id.
    pub base_row_id: Option<i64>,
    /// Row tracking: the commit that wrote the rows first.
    pub default_row_commit_version: Option<i64>,
    /// Rows that were deleted before the file was.
    pub deletion_vector: Option<DeletionVector<'a>>,
}

/// A `cdc` action.
#[derive(Debug, Clone, Copy)]
pub struct RecordedChanges<'a> {
    /// The path exactly as logged.
    pub path: &'a str,
    /// The object that the path names.
    pub object: ObjectKey<'a>,
    /// The partition values as a JSON object in the log's order.
    pub partition_values: &'a str,
    /// Size of the file in bytes.
    pub size: u64,
    /// Tags as a JSON object, when there are any.
    pub tags: Option<&'a str>,
}
