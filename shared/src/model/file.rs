//! One active data file as the log has it: what `delta` produces and `wire` writes out. Everything is borrowed from the
//! buffer it was read into, so a million files cost no million allocations.

use super::area::ObjectKey;

/// A text value and the form in which it is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// A complete JSON string literal, quotes included, copied from the log.
    JsonLiteral(&'a str),
    /// Plain text, still to be escaped.
    Plain(&'a str),
}

/// Where a file stands among those of its snapshot: files that are handed on later have larger marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The commits are part 0, the objects of the checkpoint are numbered from 1.
    pub part: u32,
    /// The number of the file in all commits, or of its row in the object, from 0.
    pub row: u64,
}

/// An `add` action that is active in a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct DataFile<'a> {
    /// Where it stands in its snapshot; nothing is said of files of changes.
    pub mark: Mark,
    /// The path exactly as logged: percent-encoded, most often relative to the table's root.
    pub path: &'a str,
    /// The object that the path names.
    pub object: ObjectKey<'a>,
    /// The partition values as a JSON object in the log's order.
    pub partition_values: &'a str,
    /// Size of the file in bytes.
    pub size: u64,
    /// When the file was written, in milliseconds since the epoch.
    pub modification_time: i64,
    /// The log's `dataChange`.
    pub data_change: bool,
    /// Statistics as the log has them.
    pub stats: Option<Text<'a>>,
    /// Tags as a JSON object, when there are any.
    pub tags: Option<&'a str>,
    /// Row tracking: the first row id.
    pub base_row_id: Option<i64>,
    /// Row tracking: the commit that wrote the rows first.
    pub default_row_commit_version: Option<i64>,
    /// The clustering implementation.
    pub clustering_provider: Option<&'a str>,
    /// Rows that are deleted though they stand in the file.
    pub deletion_vector: Option<DeletionVector<'a>>,
}

/// A deletion vector over a data file (Delta protocol, "Deletion Vectors").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionVector<'a> {
    /// Where the vector lies.
    pub storage: VectorStorage<'a>,
    /// Where it begins in its file, in bytes.
    pub offset: Option<i64>,
    /// Its size in bytes.
    pub size_in_bytes: i64,
    /// How many rows it deletes.
    pub cardinality: i64,
}

/// Where a deletion vector lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorStorage<'a> {
    /// In the log itself, in the log's own encoding.
    Inline(&'a str),
    /// In a file.
    File {
        /// How the log names the file; the same for every vector in it.
        logged: &'a str,
        /// The file.
        object: ObjectKey<'a>,
    },
}
