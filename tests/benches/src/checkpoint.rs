//! Parquet objects of a checkpoint, written row group by row group: memory does not grow with the table.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, StructArray};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::columns::{adds, metadata, protocol, rows_of, tombstones};
use crate::file::File;
use crate::schema::columns;
use crate::shape::{ROW_GROUP_ROWS, Shape};

/// Files that are made at once.
const BATCH_FILES: u64 = 8_192;
/// Numbers of files that were removed before the checkpoint, so that they are no others.
const LONG_GONE: u64 = 1 << 40;

/// An object of a checkpoint under way.
pub struct Object<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    shape: Shape,
}

impl<W: Write + Send> Object<W> {
    /// An object of this table's checkpoint.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(shape: Shape, out: W) -> Result<Self, String> {
        let schema = columns(&shape);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let writer =
            ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(|error| error.to_string())?;
        Ok(Self { writer, schema, shape })
    }

    /// The rows of the table itself.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn table(&mut self) -> Result<(), String> {
        let protocol = protocol(&self.schema).and_then(|rows| rows_of(&self.schema, "protocol", rows));
        self.write(protocol)?;
        let metadata = metadata(&self.schema, &self.shape).and_then(|rows| rows_of(&self.schema, "metaData", rows));
        self.write(metadata)
    }

    /// The files in these of the checkpoint's rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn files(&mut self, numbers: Range<u64>) -> Result<(), String> {
        self.batches(numbers, "add", adds)
    }

    /// So many files that were removed before.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn tombstones(&mut self, count: u64) -> Result<(), String> {
        self.batches(LONG_GONE..LONG_GONE + count, "remove", tombstones)
    }

    /// Ends the object.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<W, String> {
        self.writer.into_inner().map_err(|error| error.to_string())
    }

    fn batches(
        &mut self,
        numbers: Range<u64>,
        action: &str,
        rows: impl Fn(&SchemaRef, &Shape, &[File]) -> Result<StructArray, ArrowError>,
    ) -> Result<(), String> {
        let mut from = numbers.start;
        while from < numbers.end {
            let to = numbers.end.min(from + BATCH_FILES);
            let files: Vec<File> = (from..to).map(|row| File::new(self.shape.number_of_row(row))).collect();
            let batch = rows(&self.schema, &self.shape, &files).and_then(|rows| rows_of(&self.schema, action, rows));
            self.write(batch)?;
            from = to;
        }
        Ok(())
    }

    fn write(&mut self, batch: Result<RecordBatch, ArrowError>) -> Result<(), String> {
        let batch = batch.map_err(|error| error.to_string())?;
        self.writer.write(&batch).map_err(|error| error.to_string())
    }
}
