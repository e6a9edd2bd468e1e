//! The columns that make a file line, read together row by row.

use arrow_array::StructArray;

use super::columns::{Flags, Maps, Numbers, Texts};
use super::file_row::FileRow;
use super::parsed::Parsed;
use super::rows::size_of;
use super::{Shown, not_parquet};
use crate::delta::action::DeletionVector;
use crate::error::Error;

/// Texts that are written from columns of another form.
#[derive(Default)]
pub(super) struct Written {
    partition_values: Vec<u8>,
    stats: Vec<u8>,
    tags: Vec<u8>,
}

/// The columns that make a file line.
pub(super) struct FileColumns<'a> {
    pub(super) paths: Texts<'a>,
    sizes: Numbers<'a>,
    times: Numbers<'a>,
    changes: Flags<'a>,
    partitions: Maps<'a>,
    tags: Maps<'a>,
    stats: Texts<'a>,
    clustering: Texts<'a>,
    row_ids: Numbers<'a>,
    row_commits: Numbers<'a>,
    parsed_stats: Option<Parsed<'a>>,
    parsed_partitions: Option<Parsed<'a>>,
}

impl<'a> FileColumns<'a> {
    pub(super) fn of(rows: &'a StructArray, shown: &Shown<'_>) -> Result<Self, Error> {
        Ok(Self {
            paths: Texts::of(rows, "path")?,
            sizes: Numbers::of(rows, "size")?,
            times: Numbers::of(rows, "modificationTime")?,
            changes: Flags::of(rows, "dataChange")?,
            partitions: Maps::of(rows, "partitionValues")?,
            tags: Maps::of(rows, "tags")?,
            stats: Texts::of(rows, "stats")?,
            clustering: Texts::of(rows, "clusteringProvider")?,
            row_ids: Numbers::of(rows, "baseRowId")?,
            row_commits: Numbers::of(rows, "defaultRowCommitVersion")?,
            parsed_stats: Parsed::statistics(rows, shown.schema)?,
            parsed_partitions: Parsed::partition_values(rows, shown.schema)?,
        })
    }

    /// A row's partition values, if there are any.
    pub(super) fn partition_values<'b>(&self, row: usize, written: &'b mut Written) -> Result<Option<&'b str>, Error> {
        self.write_partition_values(row, &mut written.partition_values)
    }

    fn write_partition_values<'b>(&self, row: usize, out: &'b mut Vec<u8>) -> Result<Option<&'b str>, Error> {
        out.clear();
        let is_there =
            self.partitions.write_json(row, out)? || write_parsed(self.parsed_partitions.as_ref(), row, out)?;
        is_there.then(|| utf8(out)).transpose()
    }

    /// A row, whose path and vector are known.
    pub(super) fn file<'b>(
        &'b self,
        row: usize,
        path: &'b str,
        vector: Option<DeletionVector<'b>>,
        written: &'b mut Written,
    ) -> Result<FileRow<'b>, Error> {
        let Written { partition_values, stats, tags } = written;
        let partition_values = self.write_partition_values(row, partition_values)?;
        tags.clear();
        let has_tags = self.tags.write_json(row, tags)?;
        stats.clear();
        let stats = match (self.stats.get(row)?.filter(|text| !text.is_empty()), &self.parsed_stats) {
            (Some(text), _) => Some(text),
            (None, Some(parsed)) if parsed.write_statistics(row, stats)? => Some(utf8(stats)?),
            (None, _) => None,
        };
        Ok(FileRow {
            path,
            vector,
            partition_values,
            size: size_of(&self.sizes, row)?,
            modification_time: self.times.get(row).unwrap_or_default(),
            data_change: self.changes.get(row).unwrap_or(false),
            stats,
            tags: if has_tags { Some(utf8(tags)?) } else { None },
            base_row_id: self.row_ids.get(row),
            default_row_commit_version: self.row_commits.get(row),
            clustering_provider: self.clustering.get(row)?,
        })
    }
}

fn write_parsed(parsed: Option<&Parsed<'_>>, row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
    parsed.map_or(Ok(false), |parsed| parsed.write_partition_values(row, out))
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| not_parquet())
}
