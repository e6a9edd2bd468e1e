//! The rows of a checkpoint: which columns each pass reads, and what it takes from them.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StructArray};

use super::chunks::Recorder;
use super::columns::{Maps, Numbers, Texts};
use super::file_columns::{FileColumns, Written};
use super::file_row::{is_void, takes};
use super::{PartHead, Shown, not_parquet};
use crate::delta::FileSink;
use crate::delta::action::{DeletionVector, SidecarAction};
use crate::delta::deletion_vector;
use crate::delta::problem::Problem;
use crate::delta::tail::key_bytes;
use crate::delta::weight::lies_in_file;
use crate::error::Error;
use crate::model::file::Mark;
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol};
use crate::model::weight::Weight;

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

/// The file that a row speaks of, if it does.
fn file_of<'a>(
    paths: &Texts<'a>,
    vectors: &Vectors<'a>,
    row: usize,
) -> Result<Option<(&'a str, Option<DeletionVector<'a>>)>, Error> {
    let Some(path) = paths.get(row)? else { return Ok(None) };
    Ok(Some((path, vectors.get(row)?)))
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
        let (path, vector) = match file_of(&paths, &vectors, row) {
            Ok(Some(file)) => file,
            Ok(None) => continue,
            Err(error) => {
                // Read on as one that has a vector, so that whoever may know of it meets the same error.
                head.vectors = true;
                head.problem.get_or_insert(error.into());
                continue;
            }
        };
        head.vectors |= vector.is_some();
        if is_void(path, vector.as_ref(), seen) {
            continue;
        }
        let key = key_bytes(table, path);
        let in_file = vector.as_ref().is_some_and(lies_in_file);
        head.weight = head.weight.and(Weight::of_line(*key.as_ref().unwrap_or(&0), true, in_file));
        let problem = key.err().map(Problem::from);
        let problem = problem.or_else(|| vector.as_ref().and_then(|vector| deletion_vector::problem(table, vector)));
        let size = size_of(&sizes, row);
        head.totals.with_vectors += u64::from(vector.is_some());
        head.totals.files += 1;
        head.totals.bytes = head.totals.bytes.saturating_add(*size.as_ref().unwrap_or(&0));
        if let Some(problem) = problem.or_else(|| size.err().map(Problem::from)) {
            head.problem.get_or_insert(problem);
        }
    }
    Ok(())
}

/// Where the files of a part go, and buffers that are used again from row to row.
pub(super) struct Out<'a> {
    written: Written,
    vector_key: String,
    recorder: Option<Recorder>,
    sink: &'a mut dyn FileSink,
    /// Why nothing is handed on any more, and the row up to which rows are still kept for others.
    stopped: Option<(Error, u64)>,
}

impl<'a> Out<'a> {
    /// To this sink, and those that later commits void too to whoever keeps rows for others.
    pub(super) fn new(recorder: Option<Recorder>, sink: &'a mut dyn FileSink) -> Self {
        Self { written: Written::default(), vector_key: String::new(), recorder, sink, stopped: None }
    }

    /// All rows before this one were handed over. An error when nothing more is wanted.
    fn reached(&mut self, row: u64) -> Result<(), Error> {
        if let Some(recorder) = &mut self.recorder {
            recorder.reached(row);
        }
        match self.stopped.take_if(|(_, until)| row >= *until) {
            Some((why, _)) => Err(why),
            None => Ok(()),
        }
    }

    /// What became of the work, given what became of reading the rows. What fails behind the end is nobody's failure.
    pub(super) fn ended(self, read: Result<(), Error>) -> Result<(), Error> {
        self.stopped.map_or(read, |(why, _)| Err(why))
    }

    /// The sink wants no more.
    fn stop(&mut self, row: u64, why: Error) -> Result<(), Error> {
        match &self.recorder {
            Some(recorder) if self.sink.goes_on() => {
                self.stopped = Some((why, recorder.until(row)));
                Ok(())
            }
            _ => Err(why),
        }
    }
}

/// Hands on the active files of a batch, whose rows have these marks.
pub(super) fn emit_files(
    batch: &RecordBatch,
    table: &TableLocation,
    shown: &Shown<'_>,
    (marks, from): (&mut dyn Iterator<Item = Mark>, Mark),
    out: &mut Out<'_>,
) -> Result<(), Error> {
    let Some(rows) = child(batch, "add") else { return Ok(()) };
    let (columns, vectors) = (FileColumns::of(rows, shown)?, Vectors::of(rows)?);
    let mut next = 0;
    for row in 0..rows.len() {
        let mark = marks.next().ok_or_else(not_parquet)?;
        next = mark.row + 1;
        let of = file_of(&columns.paths, &vectors, row);
        if matches!(of, Ok(None)) {
            continue;
        }
        let is_void = matches!(&of, Ok(Some((path, vector))) if is_void(path, vector.as_ref(), shown.seen));
        let wanted = out.stopped.is_none() && mark >= from && !is_void;
        let recorder = out.recorder.as_mut().filter(|recorder| recorder.wants(mark.row));
        if !wanted && recorder.is_none() {
            continue;
        }
        let file = of.and_then(|of| {
            let (path, vector) = of.ok_or_else(not_parquet)?;
            columns.file(row, path, vector, &mut out.written)
        });
        if let Some(recorder) = recorder {
            recorder.file(mark.row, file.as_ref().ok());
        }
        match file {
            _ if !wanted => {}
            Ok(file) => {
                let handed = file.hand_on(mark, table, shown, &mut out.vector_key, out.sink);
                handed.or_else(|why| out.stop(mark.row, why))?;
            }
            Err(why) => {
                if takes(columns.partition_values(row, &mut out.written)?, shown, out.sink)? {
                    return Err(why);
                }
            }
        }
    }
    out.reached(next)
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

pub(super) fn size_of(sizes: &Numbers<'_>, row: usize) -> Result<u64, Error> {
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
