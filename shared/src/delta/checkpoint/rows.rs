//! The rows of a checkpoint: which columns each pass reads, and what it takes from them.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StructArray};

use super::columns::{Flags, Maps, Numbers, Texts};
use super::parsed::Parsed;
use super::{PartHead, Shown, not_parquet};
use crate::delta::FileSink;
use crate::delta::action::{DeletionVector, SidecarAction, file_key};
use crate::delta::deletion_vector;
use crate::delta::tail::path_problem;
use crate::error::Error;
use crate::model::file::{DataFile, Mark, Text};
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol};

/// Columns that hold protocol and metadata.
pub(super) fn is_state_column(path: &str) -> bool {
    path.starts_with("protocol.") || path.starts_with("metaData.")
}

/// Columns that name sidecars.
pub(super) fn is_sidecar_column(path: &str) -> bool {
    matches!(path, "sidecar.path" | "sidecar.sizeInBytes")
}

/// The narrow columns that give exact totals and tell what cannot be shared.
pub(super) fn is_totals_column(path: &str) -> bool {
    matches!(
        path,
        "add.path"
            | "add.size"
            | "add.deletionVector.storageType"
            | "add.deletionVector.pathOrInlineDv"
            | "add.deletionVector.offset"
    )
}

/// Takes the sidecars of a manifest. Writers give a classic checkpoint these columns too, empty.
pub(super) fn read_sidecars(batch: &RecordBatch, sidecars: &mut Vec<SidecarAction>) -> Result<(), Error> {
    let Some(rows) = child(batch, "sidecar") else { return Ok(()) };
    let (paths, sizes) = (Texts::of(rows, "path")?, Numbers::of(rows, "sizeInBytes")?);
    for row in 0..rows.len() {
        let Some(path) = paths.get(row)? else { continue };
        sidecars.push(SidecarAction { path: path.to_owned(), size_in_bytes: size_of(&sizes, row)? });
    }
    Ok(())
}

/// Takes protocol and metadata.
pub(super) fn read_state(batch: &RecordBatch, head: &mut PartHead) -> Result<(), Error> {
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
pub(super) fn read_totals(
    batch: &RecordBatch,
    table: &TableLocation,
    seen: &HashSet<String>,
    head: &mut PartHead,
) -> Result<(), Error> {
    let Some(rows) = child(batch, "add") else { return Ok(()) };
    let (paths, sizes) = (Texts::of(rows, "path")?, Numbers::of(rows, "size")?);
    let vectors = Vectors::of(rows)?;
    for row in 0..rows.len() {
        let Some(path) = paths.get(row)? else { continue };
        let vector = vectors.get(row)?;
        head.vectors |= vector.is_some();
        if is_void(path, vector.as_ref(), seen) {
            continue;
        }
        if let Some(problem) = path_problem(table, path) {
            return Err(problem);
        }
        if let Some(vector) = vector {
            if let Some(problem) = deletion_vector::problem(table, &vector) {
                return Err(problem);
            }
            head.totals.with_vectors += 1;
        }
        head.totals.files += 1;
        head.totals.bytes = head.totals.bytes.saturating_add(size_of(&sizes, row)?);
    }
    Ok(())
}

/// Buffers that are used again from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    partition_values: Vec<u8>,
    stats: Vec<u8>,
    tags: Vec<u8>,
    vector_key: String,
}

/// Hands on the active files of a batch, whose first row has the one mark, from the other one on.
pub(super) fn emit_files(
    batch: &RecordBatch,
    table: &TableLocation,
    shown: &Shown<'_>,
    (first, from): (Mark, Mark),
    scratch: &mut Scratch,
    sink: &mut dyn FileSink,
) -> Result<(), Error> {
    let Some(rows) = child(batch, "add") else { return Ok(()) };
    let (paths, sizes) = (Texts::of(rows, "path")?, Numbers::of(rows, "size")?);
    let (times, changes) = (Numbers::of(rows, "modificationTime")?, Flags::of(rows, "dataChange")?);
    let (partitions, tags) = (Maps::of(rows, "partitionValues")?, Maps::of(rows, "tags")?);
    let (stats, clustering) = (Texts::of(rows, "stats")?, Texts::of(rows, "clusteringProvider")?);
    let (row_ids, row_commits) = (Numbers::of(rows, "baseRowId")?, Numbers::of(rows, "defaultRowCommitVersion")?);
    let vectors = Vectors::of(rows)?;
    let parsed_stats = Parsed::statistics(rows, shown.schema)?;
    let parsed_partitions = Parsed::partition_values(rows, shown.schema)?;
    for row in 0..rows.len() {
        let Some(path) = paths.get(row)? else { continue };
        let mark = Mark { row: first.row + row as u64, ..first };
        let vector = vectors.get(row)?;
        if mark < from || is_void(path, vector.as_ref(), shown.seen) {
            continue;
        }
        let object = table.object(path).map_err(|_| not_parquet())?;
        scratch.partition_values.clear();
        let values = &mut scratch.partition_values;
        if !partitions.write_json(row, values)? && !write_parsed(parsed_partitions.as_ref(), row, values)? {
            if shown.partitioned {
                return Err(not_parquet());
            }
            values.extend_from_slice(b"{}");
        }
        scratch.tags.clear();
        let has_tags = tags.write_json(row, &mut scratch.tags)?;
        scratch.stats.clear();
        let stats = match (stats.get(row)?.filter(|text| !text.is_empty()), &parsed_stats) {
            (Some(text), _) => Some(text),
            (None, Some(parsed)) if parsed.write_statistics(row, &mut scratch.stats)? => Some(utf8(&scratch.stats)?),
            (None, _) => None,
        };
        let deletion_vector = match &vector {
            Some(vector) if vector.size_in_bytes <= 0 => return Err(not_parquet()),
            Some(vector) => Some(deletion_vector::resolve(table, vector, &mut scratch.vector_key)?),
            None => None,
        };
        sink.file(&DataFile {
            mark,
            path,
            object: object.as_key(),
            partition_values: utf8(&scratch.partition_values)?,
            size: size_of(&sizes, row)?,
            modification_time: times.get(row).unwrap_or_default(),
            data_change: changes.get(row).unwrap_or(false),
            stats: stats.map(Text::Plain),
            tags: if has_tags { Some(utf8(&scratch.tags)?) } else { None },
            base_row_id: row_ids.get(row),
            default_row_commit_version: row_commits.get(row),
            clustering_provider: clustering.get(row)?,
            deletion_vector,
        })?;
    }
    Ok(())
}

fn write_parsed(parsed: Option<&Parsed<'_>>, row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
    parsed.map_or(Ok(false), |parsed| parsed.write_partition_values(row, out))
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| not_parquet())
}

/// The deletion vectors of `add` rows; nothing where no row has one.
struct Vectors<'a>(Option<VectorColumns<'a>>);

struct VectorColumns<'a> {
    storage_type: Texts<'a>,
    path_or_inline: Texts<'a>,
    offset: Numbers<'a>,
    /// Not read where only the identity of files matters.
    size: Numbers<'a>,
    cardinality: Numbers<'a>,
}

impl<'a> Vectors<'a> {
    fn of(add: &'a StructArray) -> Result<Self, Error> {
        let Some(column) = add.column_by_name("deletionVector") else { return Ok(Self(None)) };
        let vector = column.as_struct_opt().ok_or_else(not_parquet)?;
        if vector.null_count() == vector.len() {
            return Ok(Self(None));
        }
        Ok(Self(Some(VectorColumns {
            storage_type: Texts::of(vector, "storageType")?,
            path_or_inline: Texts::of(vector, "pathOrInlineDv")?,
            offset: Numbers::of(vector, "offset")?,
            size: Numbers::of(vector, "sizeInBytes")?,
            cardinality: Numbers::of(vector, "cardinality")?,
        })))
    }

    fn get(&self, row: usize) -> Result<Option<DeletionVector<'a>>, Error> {
        let Some(vectors) = &self.0 else { return Ok(None) };
        let Some(storage_type) = vectors.storage_type.get(row)? else { return Ok(None) };
        Ok(Some(DeletionVector {
            storage_type: storage_type.into(),
            path_or_inline_dv: vectors.path_or_inline.get(row)?.ok_or_else(not_parquet)?.into(),
            offset: vectors.offset.get(row),
            size_in_bytes: vectors.size.get(row).unwrap_or_default(),
            cardinality: vectors.cardinality.get(row).unwrap_or_default(),
        }))
    }
}

/// Whether a later commit says something else of a file.
fn is_void(path: &str, vector: Option<&DeletionVector<'_>>, seen: &HashSet<String>) -> bool {
    !seen.is_empty() && seen.contains(file_key(path, vector).as_ref())
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
