//! Typed access to a checkpoint's columns, whatever physical form the writer gave them. A column that is not there reads
//! as nothing in every row; a column of another type is an error.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, BinaryArray, BooleanArray, Int32Array, Int64Array, LargeStringArray, MapArray, StringArray, StructArray};
use arrow_schema::DataType;

use super::not_parquet;
use crate::error::Error;

/// A column of texts.
pub(super) enum Texts<'a> {
    Absent,
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    /// Written without the annotation that says the bytes are text.
    Binary(&'a BinaryArray),
}

impl<'a> Texts<'a> {
    pub(super) fn of(parent: &'a StructArray, name: &str) -> Result<Self, Error> {
        parent.column_by_name(name).map_or(Ok(Self::Absent), |column| Self::from_array(column.as_ref()))
    }

    pub(super) fn from_array(array: &'a dyn Array) -> Result<Self, Error> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Utf8(array.as_string())),
            DataType::LargeUtf8 => Ok(Self::LargeUtf8(array.as_string())),
            DataType::Binary => Ok(Self::Binary(array.as_binary())),
            _ => Err(not_parquet()),
        }
    }

    pub(super) fn get(&self, row: usize) -> Result<Option<&'a str>, Error> {
        Ok(match self {
            Self::Absent => None,
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::LargeUtf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Binary(array) if array.is_valid(row) => {
                Some(std::str::from_utf8(array.value(row)).map_err(|_| not_parquet())?)
            }
            Self::Binary(_) => None,
        })
    }
}

/// A column of whole numbers.
pub(super) enum Numbers<'a> {
    Absent,
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
}

impl<'a> Numbers<'a> {
    pub(super) fn of(parent: &'a StructArray, name: &str) -> Result<Self, Error> {
        let Some(column) = parent.column_by_name(name) else { return Ok(Self::Absent) };
        match column.data_type() {
            DataType::Int32 => Ok(Self::Int32(column.as_primitive::<Int32Type>())),
            DataType::Int64 => Ok(Self::Int64(column.as_primitive::<Int64Type>())),
            _ => Err(not_parquet()),
        }
    }

    pub(super) fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::Int32(array) => array.is_valid(row).then(|| i64::from(array.value(row))),
            Self::Int64(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of booleans.
pub(super) struct Flags<'a>(Option<&'a BooleanArray>);

impl<'a> Flags<'a> {
    pub(super) fn of(parent: &'a StructArray, name: &str) -> Result<Self, Error> {
        match parent.column_by_name(name) {
            None => Ok(Self(None)),
            Some(column) => column.as_boolean_opt().map(|array| Self(Some(array))).ok_or_else(not_parquet),
        }
    }

    pub(super) fn get(&self, row: usize) -> Option<bool> {
        self.0.and_then(|array| array.is_valid(row).then(|| array.value(row)))
    }
}

/// A column of maps from text to text.
pub(super) struct Maps<'a>(Option<(&'a MapArray, Texts<'a>, Texts<'a>)>);

impl<'a> Maps<'a> {
    pub(super) fn of(parent: &'a StructArray, name: &str) -> Result<Self, Error> {
        let Some(column) = parent.column_by_name(name) else { return Ok(Self(None)) };
        let map = column.as_map_opt().ok_or_else(not_parquet)?;
        let (keys, values) = (Texts::from_array(map.keys().as_ref())?, Texts::from_array(map.values().as_ref())?);
        Ok(Self(Some((map, keys, values))))
    }

    /// The entries of a row in the checkpoint's order; `None` where there is no map.
    pub(super) fn get(&self, row: usize) -> Result<Option<Vec<(&'a str, Option<&'a str>)>>, Error> {
        let Some((map, keys, values)) = &self.0 else { return Ok(None) };
        if map.is_null(row) {
            return Ok(None);
        }
        entries(map, row).map(|at| Ok((keys.get(at)?.ok_or_else(not_parquet)?, values.get(at)?))).collect::<Result<_, _>>().map(Some)
    }

    /// Writes a row's map as a JSON object; false, and nothing written, where there is no map.
    pub(super) fn write_json(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
        let Some((map, keys, values)) = &self.0 else { return Ok(false) };
        if map.is_null(row) {
            return Ok(false);
        }
        out.push(b'{');
        for (nth, at) in entries(map, row).enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            write_text(keys.get(at)?.ok_or_else(not_parquet)?, out)?;
            out.push(b':');
            match values.get(at)? {
                Some(value) => write_text(value, out)?,
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        Ok(true)
    }
}

fn entries(map: &MapArray, row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| map.value_offsets().get(index).and_then(|&offset| usize::try_from(offset).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|cause| Error::internal("a text could not be written as JSON", cause))
}
