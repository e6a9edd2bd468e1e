//! Statistics and partition values that a checkpoint holds only in typed columns (`stats_parsed`,
//! `partitionValues_parsed`), written as the JSON that the log would have carried (Delta protocol, "Per-file Statistics"
//! and "Partition Value Serialization"). A bound that could mislead a reader is left out: less is known then, and
//! nothing wrong is said.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{Array, StructArray};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde::Serialize;

use super::not_parquet;
use crate::delta::schema::SchemaFacts;
use crate::error::Error;

/// The members of a file's statistics; whatever else a writer puts there is its own business.
const STATISTICS: [&str; 5] = ["numRecords", "minValues", "maxValues", "nullCount", "tightBounds"];

/// Writers of the first years put dates and times of the past into the Julian calendar without saying so. From this
/// year on all calendars and time zones of all writers agree.
const CERTAIN_SINCE_YEAR: i32 = 1901;

/// Typed columns of a batch, in the checkpoint's order.
pub(super) struct Parsed<'a> {
    rows: &'a StructArray,
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    /// As a JSON string.
    name: String,
    array: &'a dyn Array,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Struct(Vec<Column<'a>>),
    Value,
    /// A timestamp of a column that has no time zone.
    WithoutZone,
}

impl<'a> Parsed<'a> {
    /// The typed statistics of `add` rows, when they were read.
    pub(super) fn statistics(add: &'a StructArray, facts: &SchemaFacts) -> Result<Option<Self>, Error> {
        let Some(rows) = structs(add, "stats_parsed")? else { return Ok(None) };
        let mut columns = Vec::new();
        for (field, array) in rows.fields().iter().zip(rows.columns()) {
            if STATISTICS.contains(&field.name().as_str()) {
                columns.extend(Column::of_statistics(field.name(), array.as_ref(), &mut Vec::new(), facts)?);
            }
        }
        Ok(Some(Self { rows, columns }))
    }

    /// The typed partition values of `add` rows, when they were read.
    pub(super) fn partition_values(add: &'a StructArray, facts: &SchemaFacts) -> Result<Option<Self>, Error> {
        let Some(rows) = structs(add, "partitionValues_parsed")? else { return Ok(None) };
        let mut columns = Vec::new();
        for (field, array) in rows.fields().iter().zip(rows.columns()) {
            columns.push(Column::leaf(field.name(), array.as_ref(), &[field.name().clone()], facts)?);
        }
        Ok(Some(Self { rows, columns }))
    }

    /// Writes a row's statistics; false, and nothing written, where there are none.
    pub(super) fn write_statistics(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
        let start = out.len();
        let some = self.rows.is_valid(row) && write_object(&self.columns, row, out)?;
        if !some {
            out.truncate(start);
        }
        Ok(some)
    }

    /// Writes a row's partition values, all of them, as a JSON object of texts; false, and nothing written, where there
    /// are none.
    pub(super) fn write_partition_values(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
        if self.rows.is_null(row) {
            return Ok(false);
        }
        out.push(b'{');
        for (nth, column) in self.columns.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            out.extend_from_slice(column.name.as_bytes());
            out.push(b':');
            match column.array.is_null(row) {
                true => out.extend_from_slice(b"null"),
                false => write_json(&partition_text(column, row)?, out)?,
            }
        }
        out.push(b'}');
        Ok(true)
    }
}

impl<'a> Column<'a> {
    /// A column at this path (names as in data files) that has no parts.
    fn leaf(name: &str, array: &'a dyn Array, path: &[String], facts: &SchemaFacts) -> Result<Self, Error> {
        let kind = match array.data_type() {
            DataType::Timestamp(..) if facts.is_without_zone(path) => Kind::WithoutZone,
            _ => Kind::Value,
        };
        Ok(Self { name: json_name(name)?, array, kind })
    }

    /// A column of the statistics with all its parts, if it is of a type that statistics speak of. `above` are the names
    /// on the way to it, below `minValues` and the like.
    fn of_statistics(
        name: &str,
        array: &'a dyn Array,
        above: &mut Vec<String>,
        facts: &SchemaFacts,
    ) -> Result<Option<Self>, Error> {
        let DataType::Struct(fields) = array.data_type() else {
            return match is_spoken_of(array.data_type()) {
                true => Self::leaf(name, array, above, facts).map(Some),
                false => Ok(None),
            };
        };
        let mut columns = Vec::new();
        for (field, part) in fields.iter().zip(array.as_struct().columns()) {
            above.push(field.name().clone());
            columns.extend(Self::of_statistics(field.name(), part.as_ref(), above, facts)?);
            above.pop();
        }
        // A struct of other types only, such as a variant, is no object of bounds.
        if columns.is_empty() && !fields.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { name: json_name(name)?, array, kind: Kind::Struct(columns) }))
    }
}

fn json_name(name: &str) -> Result<String, Error> {
    serde_json::to_string(name).map_err(|cause| Error::internal("a name could not be written", cause))
}

fn is_spoken_of(kind: &DataType) -> bool {
    use DataType::{
        Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, Timestamp, Utf8,
    };
    matches!(
        kind,
        Boolean
            | Date32
            | Decimal128(..)
            | Float32
            | Float64
            | Int8
            | Int16
            | Int32
            | Int64
            | LargeUtf8
            | Timestamp(..)
            | Utf8
    )
}

fn structs<'a>(add: &'a StructArray, name: &str) -> Result<Option<&'a StructArray>, Error> {
    add.column_by_name(name).map(|column| column.as_struct_opt().ok_or_else(not_parquet)).transpose()
}

/// Writes the members that have a value. Returns whether there are any.
fn write_object(columns: &[Column<'_>], row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
    out.push(b'{');
    let mut some = false;
    for column in columns {
        // The fields of a null struct hold fillers.
        if column.array.is_null(row) {
            continue;
        }
        let before = out.len();
        if some {
            out.push(b',');
        }
        out.extend_from_slice(column.name.as_bytes());
        out.push(b':');
        let written = match &column.kind {
            Kind::Struct(columns) => write_object(columns, row, out).map(|_| true)?,
            Kind::Value => write_bound(column.array, row, true, out)?,
            Kind::WithoutZone => write_bound(column.array, row, false, out)?,
        };
        some |= written;
        if !written {
            out.truncate(before);
        }
    }
    out.push(b'}');
    Ok(some)
}

/// Writes one number, text or moment of the statistics; false for types that statistics do not speak of and for values
/// on which readers and writers do not agree.
fn write_bound(array: &dyn Array, row: usize, zone: bool, out: &mut Vec<u8>) -> Result<bool, Error> {
    match array.data_type() {
        DataType::Boolean => write_json(&array.as_boolean().value(row), out)?,
        DataType::Int8 => write_json(&array.as_primitive::<Int8Type>().value(row), out)?,
        DataType::Int16 => write_json(&array.as_primitive::<Int16Type>().value(row), out)?,
        DataType::Int32 => write_json(&array.as_primitive::<Int32Type>().value(row), out)?,
        DataType::Int64 => write_json(&array.as_primitive::<Int64Type>().value(row), out)?,
        DataType::Float32 => return write_float(array.as_primitive::<Float32Type>().value(row), out),
        DataType::Float64 => return write_float(array.as_primitive::<Float64Type>().value(row), out),
        // A JSON number with as many digits as the column has.
        DataType::Decimal128(..) => {
            out.extend_from_slice(array.as_primitive::<Decimal128Type>().value_as_string(row).as_bytes());
        }
        DataType::Utf8 => write_json(array.as_string::<i32>().value(row), out)?,
        DataType::LargeUtf8 => write_json(array.as_string::<i64>().value(row), out)?,
        DataType::Date32 => match date(array, row).filter(|date| is_certain(date.year())) {
            Some(date) => write_json(&date.format("%Y-%m-%d").to_string(), out)?,
            None => return Ok(false),
        },
        DataType::Timestamp(unit, _) => match moment(array, *unit, row).filter(|at| is_certain(at.year())) {
            Some(at) => write_json(&moment_text(at, 'T', zone), out)?,
            None => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

/// Infinities are texts in the log's JSON. A bound that is no number means one thing to some writers and another to
/// others.
fn write_float<F: Into<f64> + Serialize + Copy>(value: F, out: &mut Vec<u8>) -> Result<bool, Error> {
    let wide: f64 = value.into();
    if wide.is_nan() {
        return Ok(false);
    }
    match wide {
        f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
        f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        _ => write_json(&value, out)?,
    }
    Ok(true)
}

/// A partition value as the log's text.
fn partition_text(column: &Column<'_>, row: usize) -> Result<String, Error> {
    let array = column.array;
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => float_text(array.as_primitive::<Float32Type>().value(row), |value| format!("{value:?}")),
        DataType::Float64 => float_text(array.as_primitive::<Float64Type>().value(row), |value| format!("{value:?}")),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        // The log holds a text whose bytes are the value's.
        DataType::Binary => {
            let text = std::str::from_utf8(array.as_binary::<i32>().value(row));
            text.map_err(|_| partition_refused())?.to_owned()
        }
        DataType::Date32 => {
            let date = date(array, row).filter(|date| is_certain(date.year())).ok_or_else(partition_refused)?;
            date.format("%Y-%m-%d").to_string()
        }
        DataType::Timestamp(unit, _) => {
            let at = moment(array, *unit, row).filter(|at| is_certain(at.year())).ok_or_else(partition_refused)?;
            // With its zone, a moment means the same to every reader.
            match column.kind {
                Kind::WithoutZone => moment_text(at, ' ', false),
                Kind::Value | Kind::Struct(_) => moment_text(at, 'T', true),
            }
        }
        _ => return Err(partition_refused()),
    })
}

fn float_text<F: Into<f64> + Copy>(value: F, finite: impl Fn(F) -> String) -> String {
    let wide: f64 = value.into();
    match wide {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ if wide.is_nan() => "NaN".to_owned(),
        _ => finite(value),
    }
}

fn date(array: &dyn Array, row: usize) -> Option<NaiveDate> {
    let days = array.as_primitive::<Date32Type>().value(row);
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let distance = Days::new(u64::from(days.unsigned_abs()));
    if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) }
}

fn moment(array: &dyn Array, unit: TimeUnit, row: usize) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => None,
        TimeUnit::Millisecond => {
            DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => {
            Some(DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row)))
        }
    }
}

/// Milliseconds as most writers do, microseconds where there are any: cut off, a greatest value would be too small.
pub(super) fn moment_text(at: DateTime<Utc>, between: char, zone: bool) -> String {
    let fraction = if at.timestamp_subsec_micros().is_multiple_of(1000) { "%.3f" } else { "%.6f" };
    let zone = if zone { "Z" } else { "" };
    at.format(&format!("%Y-%m-%d{between}%H:%M:%S{fraction}{zone}")).to_string()
}

pub(super) fn is_certain(year: i32) -> bool {
    /// The last year that four digits write.
    const LAST: i32 = 9999;
    (CERTAIN_SINCE_YEAR..=LAST).contains(&year)
}

fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, value).map_err(|cause| Error::internal("a value could not be written as JSON", cause))
}

fn partition_refused() -> Error {
    Error::Unsupported(
        "The table's checkpoint holds partition values in typed form only, among them one that cannot be turned back into \
         the log's text with certainty. Ask the share provider to write a checkpoint with partitionValues."
            .into(),
    )
}

#[cfg(test)]
mod tests;
