//! One `add` row of a checkpoint as its writer had it, and what becomes of it: nothing where a later commit voids it, or else
//! a file of the table.

use std::collections::HashSet;

use super::{Shown, not_parquet};
use crate::delta::FileSink;
use crate::delta::action::{DeletionVector, file_key};
use crate::delta::deletion_vector;
use crate::delta::tail::object_of;
use crate::error::Error;
use crate::model::file::{DataFile, Mark, Text};
use crate::model::location::TableLocation;

/// An `add` row. Everything is borrowed from what it was read from.
#[derive(Debug)]
pub(super) struct FileRow<'a> {
    pub(super) path: &'a str,
    pub(super) vector: Option<DeletionVector<'a>>,
    /// A JSON object; nothing where the row has none in any form.
    pub(super) partition_values: Option<&'a str>,
    pub(super) size: u64,
    pub(super) modification_time: i64,
    pub(super) data_change: bool,
    pub(super) stats: Option<&'a str>,
    /// A JSON object.
    pub(super) tags: Option<&'a str>,
    pub(super) base_row_id: Option<i64>,
    pub(super) default_row_commit_version: Option<i64>,
    pub(super) clustering_provider: Option<&'a str>,
}

impl FileRow<'_> {
    /// Hands the file on. `vector_key` is a buffer.
    pub(super) fn hand_on(
        &self,
        mark: Mark,
        table: &TableLocation,
        shown: &Shown<'_>,
        vector_key: &mut String,
        sink: &mut dyn FileSink,
    ) -> Result<(), Error> {
        if !takes(self.partition_values, shown, sink)? {
            return Ok(());
        }
        let object = object_of(table, self.path)?;
        let deletion_vector = match &self.vector {
            Some(vector) if vector.size_in_bytes <= 0 => return Err(not_parquet()),
            Some(vector) => Some(deletion_vector::resolve(table, vector, vector_key)?),
            None => None,
        };
        sink.file(&DataFile {
            mark,
            path: self.path,
            object: object.as_key(),
            partition_values: self.partition_values.unwrap_or("{}"),
            size: self.size,
            modification_time: self.modification_time,
            data_change: self.data_change,
            stats: self.stats.map(Text::Plain),
            tags: self.tags,
            base_row_id: self.base_row_id,
            default_row_commit_version: self.default_row_commit_version,
            clustering_provider: self.clustering_provider,
            deletion_vector,
        })
    }
}

/// Whether a file with these partition values is to be handed on.
pub(super) fn takes(partition_values: Option<&str>, shown: &Shown<'_>, sink: &mut dyn FileSink) -> Result<bool, Error> {
    match partition_values {
        Some(values) => sink.takes(values),
        None if shown.partitioned => Err(not_parquet()),
        None => sink.takes("{}"),
    }
}

/// Whether a later commit says something else of a file.
pub(super) fn is_void(path: &str, vector: Option<&DeletionVector<'_>>, seen: &HashSet<String>) -> bool {
    !seen.is_empty() && seen.contains(file_key(path, vector).as_ref())
}
