//! Rows of a checkpoint as columns: the files and the tombstones of a range of numbers, and the rows of the table itself.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, MapArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef};

use crate::file::{Bounds, EPOCH_MS, File};
use crate::schema::{PARTITION_COLUMNS, map_entries, map_pair, stats, table_schema, text};
use crate::shape::Shape;

/// Rows of one action, all others null.
pub(crate) fn rows_of(schema: &SchemaRef, action: &str, rows: StructArray) -> Result<RecordBatch, ArrowError> {
    let count = arrow_array::Array::len(&rows);
    let columns = schema.fields().iter().map(|field| match field.name() == action {
        true => Arc::new(rows.clone()) as ArrayRef,
        false => new_null_array(field.data_type(), count),
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

/// A struct of these columns; those that are not named are null.
pub(crate) fn filled(
    schema: &SchemaRef,
    action: &str,
    count: usize,
    mut column: impl FnMut(&str) -> Result<Option<ArrayRef>, ArrowError>,
) -> Result<StructArray, ArrowError> {
    let DataType::Struct(fields) = schema.field_with_name(action)?.data_type() else {
        return Err(ArrowError::SchemaError(format!("{action} is no struct")));
    };
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        columns.push(column(field.name())?.unwrap_or_else(|| new_null_array(field.data_type(), count)));
    }
    StructArray::try_new(fields.clone(), columns, None)
}

/// `add` rows of these files.
pub(crate) fn adds(schema: &SchemaRef, shape: &Shape, files: &[File]) -> Result<StructArray, ArrowError> {
    filled(schema, "add", files.len(), |name| {
        Ok(Some(match name {
            "path" => texts(files, |file, out| file.write_path(shape.partitioned, out))?,
            "partitionValues" => partition_values(files, shape.partitioned)?,
            "size" => longs(files, |file| file.size),
            "modificationTime" => longs(files, |file| file.modified),
            "dataChange" => Arc::new(BooleanArray::from(vec![false; files.len()])),
            "stats" => texts(files, File::write_stats)?,
            "stats_parsed" => typed_stats(files)?,
            "partitionValues_parsed" => typed_partition_values(files)?,
            _ => return Ok(None),
        }))
    })
}

/// `remove` rows of files that were removed before the checkpoint.
pub(crate) fn tombstones(schema: &SchemaRef, shape: &Shape, files: &[File]) -> Result<StructArray, ArrowError> {
    filled(schema, "remove", files.len(), |name| {
        Ok(Some(match name {
            "path" => texts(files, |file, out| file.write_path(shape.partitioned, out))?,
            "partitionValues" => partition_values(files, shape.partitioned)?,
            "size" => longs(files, |file| file.size),
            "deletionTimestamp" => longs(files, |_| EPOCH_MS),
            "dataChange" | "extendedFileMetadata" => Arc::new(BooleanArray::from(vec![true; files.len()])),
            _ => return Ok(None),
        }))
    })
}

/// The `protocol` row of a classic checkpoint.
pub(crate) fn protocol(schema: &SchemaRef) -> Result<StructArray, ArrowError> {
    filled(schema, "protocol", 1, |name| {
        Ok(match name {
            "minReaderVersion" => Some(Arc::new(Int32Array::from(vec![1]))),
            "minWriterVersion" => Some(Arc::new(Int32Array::from(vec![2]))),
            _ => None,
        })
    })
}

/// The `metaData` row of a classic checkpoint.
pub(crate) fn metadata(schema: &SchemaRef, shape: &Shape) -> Result<StructArray, ArrowError> {
    let one = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    filled(schema, "metaData", 1, |name| {
        Ok(Some(match name {
            "id" => one("8ba4f5c3-5d0c-4b43-9f4d-1a2b3c4d5e6f"),
            "format" => {
                let fields = vec![Arc::new(text("provider")), Arc::new(Field::new("options", map_type(), true))];
                let columns = vec![one("parquet"), text_maps(&[], 1, 0)?];
                Arc::new(StructArray::try_new(fields.into(), columns, None)?)
            }
            "schemaString" => one(&table_schema()),
            "partitionColumns" => {
                let mut columns = ListBuilder::new(StringBuilder::new()).with_field(text("element"));
                columns.append_value(if shape.partitioned { PARTITION_COLUMNS.map(Some).to_vec() } else { Vec::new() });
                Arc::new(columns.finish())
            }
            "configuration" => text_maps(&[], 1, 0)?,
            "createdTime" => Arc::new(Int64Array::from(vec![EPOCH_MS])),
            _ => return Ok(None),
        }))
    })
}

fn texts(files: &[File], write: impl Fn(&File, &mut String) -> fmt::Result) -> Result<ArrayRef, ArrowError> {
    let (mut builder, mut text) = (StringBuilder::with_capacity(files.len(), files.len() * 128), String::new());
    for file in files {
        text.clear();
        write(file, &mut text).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

fn longs(files: &[File], of: impl Fn(&File) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(files.iter().map(of)))
}

fn map_type() -> DataType {
    DataType::Map(Arc::new(map_entries()), false)
}

/// Maps of as many pairs each; `pairs` are those of all rows, one after another.
fn text_maps(pairs: &[(&str, String)], rows: usize, each: usize) -> Result<ArrayRef, ArrowError> {
    let keys = StringArray::from_iter_values(pairs.iter().map(|(key, _)| key));
    let values = StringArray::from_iter_values(pairs.iter().map(|(_, value)| value));
    let entries = StructArray::try_new(map_pair(), vec![Arc::new(keys), Arc::new(values)], None)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(each, rows));
    Ok(Arc::new(MapArray::try_new(Arc::new(map_entries()), offsets, entries, None, false)?))
}

fn partition_values(files: &[File], partitioned: bool) -> Result<ArrayRef, ArrowError> {
    if !partitioned {
        return text_maps(&[], files.len(), 0);
    }
    let of = |file: &File| [("date", file.date.to_string()), ("region", file.region.to_owned())];
    let pairs: Vec<(&str, String)> = files.iter().flat_map(of).collect();
    text_maps(&pairs, files.len(), PARTITION_COLUMNS.len())
}

fn typed_partition_values(files: &[File]) -> Result<ArrayRef, ArrowError> {
    let fields = vec![Field::new("date", DataType::Date32, true), text("region")];
    let days = files.iter().map(|file| i32::try_from(file.date.days()).unwrap_or_default());
    let dates: ArrayRef = Arc::new(Date32Array::from_iter_values(days));
    let regions: ArrayRef = Arc::new(StringArray::from_iter_values(files.iter().map(|file| file.region)));
    Ok(Arc::new(StructArray::try_new(fields.into(), vec![dates, regions], None)?))
}

fn typed_stats(files: &[File]) -> Result<ArrayRef, ArrowError> {
    let fields = stats();
    let columns = vec![
        longs(files, |file| file.stats.records),
        typed_bounds(field_of(&fields, "minValues")?, files, |file| &file.stats.low)?,
        typed_bounds(field_of(&fields, "maxValues")?, files, |file| &file.stats.high)?,
        nulls(field_of(&fields, "nullCount")?, files)?,
    ];
    let present = NullBuffer::new_valid(files.len());
    Ok(Arc::new(StructArray::try_new(fields.into(), columns, Some(present))?))
}

fn field_of<'a>(fields: &'a [Field], name: &str) -> Result<&'a Field, ArrowError> {
    let found = fields.iter().find(|field| field.name() == name);
    found.ok_or_else(|| ArrowError::SchemaError(format!("there is no {name}")))
}

fn parts(field: &Field, columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    match field.data_type() {
        DataType::Struct(fields) => Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None)?)),
        _ => Err(ArrowError::SchemaError(format!("{} is no struct", field.name()))),
    }
}

fn typed_bounds(field: &Field, files: &[File], of: impl Fn(&File) -> &Bounds) -> Result<ArrayRef, ArrowError> {
    let all: Vec<&Bounds> = files.iter().map(of).collect();
    let longs =
        |of: fn(&Bounds) -> i64| Arc::new(Int64Array::from_iter_values(all.iter().map(|one| of(one)))) as ArrayRef;
    let doubles =
        |of: fn(&Bounds) -> f64| Arc::new(Float64Array::from_iter_values(all.iter().map(|one| of(one)))) as ArrayRef;
    let words =
        |of: fn(&Bounds) -> String| Arc::new(StringArray::from_iter_values(all.iter().map(|one| of(one)))) as ArrayRef;
    let moments =
        TimestampMicrosecondArray::from_iter_values(all.iter().map(|one| one.event_time)).with_timezone("UTC");
    let quantities = Int32Array::from_iter_values(all.iter().map(|one| one.quantity));
    let columns = vec![
        longs(|one| one.order_id),
        Arc::new(moments),
        longs(|one| one.user_id),
        doubles(|one| one.amount),
        words(|one| one.category.to_owned()),
        words(|one| one.product_name.join(" ")),
        doubles(|one| one.latitude),
        doubles(|one| one.longitude),
        words(|one| one.status.to_owned()),
        Arc::new(quantities),
    ];
    parts(field, columns)
}

fn nulls(field: &Field, files: &[File]) -> Result<ArrayRef, ArrowError> {
    let count = files.first().map_or(0, |file| file.stats.nulls.len());
    let column = |at: usize| {
        let values: Vec<i64> = files.iter().map(|file| file.stats.nulls.get(at).copied().unwrap_or_default()).collect();
        Arc::new(Int64Array::new(ScalarBuffer::from(values), None)) as ArrayRef
    };
    parts(field, (0..count).map(column).collect())
}
