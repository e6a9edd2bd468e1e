//! The line of one change in both formats: `add`, `remove` and `cdf` in parquet, an action of the log under `file` in delta
//! (protocol, "Read Change Data Feed from a Table").

use super::{FileLines, FileUrls, Flat, vector_in_parquet, write_number, write_vector};
use crate::error::Error;
use crate::model::change::{Change, RecordedChanges, RemovedFile};
use crate::secret::SignedUrl;

pub(super) fn write_parquet(
    lines: &FileLines,
    change: &Change<'_>,
    url: &SignedUrl,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let line = match change {
        Change::Add(file) if file.deletion_vector.is_some() => return Err(vector_in_parquet()),
        Change::Remove(removed) if removed.deletion_vector.is_some() => return Err(vector_in_parquet()),
        Change::Add(file) => Flat::of_file("add", file),
        &Change::Remove(RemovedFile { path, partition_values, size, .. }) => {
            Flat { key: "remove", path, partition_values, size, stats: None }
        }
        &Change::Recorded(RecordedChanges { path, partition_values, size, .. }) => {
            Flat { key: "cdf", path, partition_values, size, stats: None }
        }
    };
    lines.write_flat(&line, url, out)
}

pub(super) fn write_delta(
    lines: &FileLines,
    change: &Change<'_>,
    urls: &FileUrls,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match change {
        Change::Add(file) => lines.write_delta(file, urls, out),
        Change::Remove(removed) => write_remove(lines, removed, urls, out),
        Change::Recorded(recorded) => write_cdc(lines, recorded, urls, out),
    }
}

fn write_remove(lines: &FileLines, removed: &RemovedFile<'_>, urls: &FileUrls, out: &mut Vec<u8>) -> Result<(), Error> {
    lines.begin_delta(removed.path, removed.deletion_vector.as_ref(), out);
    out.extend_from_slice(b"{\"remove\":{\"path\":\"");
    out.extend_from_slice(urls.data.reveal().as_bytes());
    out.push(b'"');
    if let Some(at) = removed.deletion_timestamp {
        write_number(b",\"deletionTimestamp\":", at, out)?;
    }
    // A removal that changes no data is no change.
    out.extend_from_slice(b",\"dataChange\":true");
    if let Some(extended) = removed.extended_file_metadata {
        write_number(b",\"extendedFileMetadata\":", extended, out)?;
    }
    out.extend_from_slice(b",\"partitionValues\":");
    out.extend_from_slice(removed.partition_values.as_bytes());
    write_number(b",\"size\":", removed.size, out)?;
    if let Some(id) = removed.base_row_id {
        write_number(b",\"baseRowId\":", id, out)?;
    }
    if let Some(version) = removed.default_row_commit_version {
        write_number(b",\"defaultRowCommitVersion\":", version, out)?;
    }
    if let Some(vector) = &removed.deletion_vector {
        write_vector(vector, &urls.vector, out)?;
    }
    out.extend_from_slice(b"}}}}\n");
    Ok(())
}

fn write_cdc(
    lines: &FileLines,
    recorded: &RecordedChanges<'_>,
    urls: &FileUrls,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    lines.begin_delta(recorded.path, None, out);
    out.extend_from_slice(b"{\"cdc\":{\"path\":\"");
    out.extend_from_slice(urls.data.reveal().as_bytes());
    out.extend_from_slice(b"\",\"partitionValues\":");
    out.extend_from_slice(recorded.partition_values.as_bytes());
    write_number(b",\"size\":", recorded.size, out)?;
    out.extend_from_slice(b",\"dataChange\":false");
    if let Some(tags) = recorded.tags {
        out.extend_from_slice(b",\"tags\":");
        out.extend_from_slice(tags.as_bytes());
    }
    out.extend_from_slice(b"}}}}\n");
    Ok(())
}
