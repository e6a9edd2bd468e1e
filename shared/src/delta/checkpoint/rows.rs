//! The rows of a checkpoint: which columns each pass reads, and what it takes from them.

use std::borrow::Cow;
use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StructArray};

use super::columns::{Flags, Maps, Numbers, Texts};
use super::{PartHead, not_parquet};
use crate::delta::FileSink;
use crate::delta::features::deletion_vector_refused;
use crate::delta::tail::path_problem;
use crate::error::Error;
use crate::model::file::{DataFile, Text};
use crate::model::location::key_of_log_path;
use crate::model::table_state::{Metadata, Protocol, Totals};

/// Columns that hold protocol and metadata.
pub(super) fn is_state_column(path: &str) -> bool {
    path.starts_with("protocol.") || path.starts_with("metaData.")
}

/// The narrow columns that give exact totals and tell what cannot be shared.
pub(super) fn is_totals_column(path: &str) -> bool {
    matches!(path, "add.path" | "add.size" | "add.deletionVector.storageType")
}

/// The columns that make a file line.
pub(super) fn is_file_column(path: &str) -> bool {
    const EXACT: [&str; 8] = [
        "add.path",
        "add.size",
        "add.modificationTime",
        "add.dataChange",
        "add.stats",
        "add.baseRowId",
        "add.defaultRowCommitVersion",
        "add.clusteringProvider",
    ];
    EXACT.contains(&path) || path.starts_with("add.partitionValues.") || path.starts_with("add.tags.")
}

/// Takes protocol and metadata; refuses what only a v2 checkpoint holds.
pub(super) fn read_state(batch: &RecordBatch, head: &mut PartHead) -> Result<(), Error> {
    // Writers give a classic checkpoint these columns too, empty.
    if ["sidecar", "checkpointMetadata"]
        .iter()
        .any(|name| child(batch, name).is_some_and(|rows| rows.null_count() < rows.len()))
    {
        return Err(Error::Unsupported(
            "The table's checkpoint is a v2 checkpoint (table feature v2Checkpoint), which this server does not read \
             yet. Ask the share provider to write a classic checkpoint."
                .into(),
        ));
    }
    if let Some(rows) = child(batch, "protocol") {
        read_protocol(rows, head)?;
    }
    if let Some(rows) = child(batch, "metaData") {
        read_metadata(rows, head)?;
    }
    Ok(())
}

fn read_protocol(rows: &StructArray, head: &mut PartHead) -> Result<(), Error> {
    let reader = Numbers::of(rows, "minReaderVersion")?;
    let writer = Numbers::of(rows, "minWriterVersion")?;
    for row in 0..rows.len() {
        let (Some(reader), Some(writer)) = (reader.get(row), writer.get(row)) else { continue };
        head.protocol = Some(Protocol {
            min_reader_version: i32::try_from(reader).map_err(|_| not_parquet())?,
            min_writer_version: i32::try_from(writer).map_err(|_| not_parquet())?,
            reader_features: texts_of_list(rows, "readerFeatures", row)?,
            writer_features: texts_of_list(rows, "writerFeatures", row)?,
        });
    }
    Ok(())
}

fn read_metadata(rows: &StructArray, head: &mut PartHead) -> Result<(), Error> {
    let (id, schema) = (Texts::of(rows, "id")?, Texts::of(rows, "schemaString")?);
    let (name, description) = (Texts::of(rows, "name")?, Texts::of(rows, "description")?);
    let (created, configuration) = (Numbers::of(rows, "createdTime")?, Maps::of(rows, "configuration")?);
    let format = rows.column_by_name("format").and_then(|column| column.as_struct_opt());
    for row in 0..rows.len() {
        let (Some(id), Some(schema)) = (id.get(row)?, schema.get(row)?) else { continue };
        let (provider, options) = match format {
            Some(format) => (Texts::of(format, "provider")?.get(row)?, pairs(&Maps::of(format, "options")?, row)?),
            None => (None, Vec::new()),
        };
        head.metadata = Some(Metadata {
            id: id.to_owned(),
            name: name.get(row)?.map(str::to_owned),
            description: description.get(row)?.map(str::to_owned),
            format_provider: provider.unwrap_or("parquet").to_owned(),
            format_options: options,
            schema_string: schema.to_owned(),
            partition_columns: texts_of_list(rows, "partitionColumns", row)?.unwrap_or_default(),
            configuration: pairs(&configuration, row)?,
            created_time: created.get(row),
        });
    }
    Ok(())
}

/// Counts the active files and their bytes.
pub(super) fn read_totals(batch: &RecordBatch, seen: &HashSet<String>, totals: &mut Totals) -> Result<(), Error> {
    let Some(rows) = child(batch, "add") else { return Ok(()) };
    let (paths, sizes) = (Texts::of(rows, "path")?, Numbers::of(rows, "size")?);
    let vectors = match rows.column_by_name("deletionVector").and_then(|column| column.as_struct_opt()) {
        Some(vector) => Texts::of(vector, "storageType")?,
        None => Texts::absent(),
    };
    for row in 0..rows.len() {
        let Some(path) = paths.get(row)? else { continue };
        let vector = vectors.get(row)?.is_some();
        if !vector && is_void(path, seen) {
            continue;
        }
        if vector {
            return Err(deletion_vector_refused());
        }
        if let Some(problem) = path_problem(path) {
            return Err(problem());
        }
        totals.files += 1;
        totals.bytes = totals.bytes.saturating_add(size_of(&sizes, row)?);
    }
    Ok(())
}

/// Buffers that are used again from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    partition_values: Vec<u8>,
    tags: Vec<u8>,
}

/// Hands on the active files of a batch.
pub(super) fn emit_files(
    batch: &RecordBatch,
    seen: &HashSet<String>,
    scratch: &mut Scratch,
    sink: &mut dyn FileSink,
) -> Result<(), Error> {
    let Some(rows) = child(batch, "add") else { return Ok(()) };
    let (paths, sizes) = (Texts::of(rows, "path")?, Numbers::of(rows, "size")?);
    let (times, changes) = (Numbers::of(rows, "modificationTime")?, Flags::of(rows, "dataChange")?);
    let (partitions, tags) = (Maps::of(rows, "partitionValues")?, Maps::of(rows, "tags")?);
    let (stats, clustering) = (Texts::of(rows, "stats")?, Texts::of(rows, "clusteringProvider")?);
    let (row_ids, row_commits) = (Numbers::of(rows, "baseRowId")?, Numbers::of(rows, "defaultRowCommitVersion")?);
    for row in 0..rows.len() {
        let Some(path) = paths.get(row)? else { continue };
        if is_void(path, seen) {
            continue;
        }
        let key = key_of_log_path(path).map_err(|_| not_parquet())?;
        scratch.partition_values.clear();
        if !partitions.write_json(row, &mut scratch.partition_values)? {
            scratch.partition_values.extend_from_slice(b"{}");
        }
        scratch.tags.clear();
        let has_tags = tags.write_json(row, &mut scratch.tags)?;
        sink.file(&DataFile {
            path,
            key: &key,
            partition_values: std::str::from_utf8(&scratch.partition_values).map_err(|_| not_parquet())?,
            size: size_of(&sizes, row)?,
            modification_time: times.get(row).unwrap_or_default(),
            data_change: changes.get(row).unwrap_or(false),
            stats: stats.get(row)?.filter(|text| !text.is_empty()).map(Text::Plain),
            tags: if has_tags { std::str::from_utf8(&scratch.tags).ok() } else { None },
            base_row_id: row_ids.get(row),
            default_row_commit_version: row_commits.get(row),
            clustering_provider: clustering.get(row)?,
        })?;
    }
    Ok(())
}

/// Whether a later commit says something else of a file (without deletion vector).
fn is_void(path: &str, seen: &HashSet<String>) -> bool {
    if seen.is_empty() {
        return false;
    }
    let key = key_of_log_path(path).unwrap_or(Cow::Borrowed(path));
    seen.contains(key.as_ref())
}

fn size_of(sizes: &Numbers<'_>, row: usize) -> Result<u64, Error> {
    sizes.get(row).and_then(|size| u64::try_from(size).ok()).ok_or_else(not_parquet)
}

fn child<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StructArray> {
    batch.column_by_name(name)?.as_struct_opt()
}

fn pairs(maps: &Maps<'_>, row: usize) -> Result<Vec<(String, String)>, Error> {
    let entries = maps.get(row)?.unwrap_or_default();
    Ok(entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect())
}

fn texts_of_list(rows: &StructArray, name: &str, row: usize) -> Result<Option<Vec<String>>, Error> {
    let Some(column) = rows.column_by_name(name) else { return Ok(None) };
    let list = column.as_list_opt::<i32>().ok_or_else(not_parquet)?;
    if list.is_null(row) {
        return Ok(None);
    }
    let values = list.value(row);
    let texts = Texts::from_array(values.as_ref())?;
    let mut out = Vec::new();
    for at in 0..values.len() {
        out.extend(texts.get(at)?.map(str::to_owned));
    }
    Ok(Some(out))
}
