//! Typed access to a checkpoint's columns, whatever physical form the writer gave them. A column that is not there reads
//! as nothing in every row, as does a field of a struct that is null there, though the field itself is required and holds
//! a filler; a column of another type is an error.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Int32Array, Int64Array, LargeStringArray, MapArray, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use super::not_parquet;
use crate::error::Error;

/// A column of texts.
pub(super) struct Texts<'a> {
    values: TextValues<'a>,
    parent: Option<&'a NullBuffer>,
}

enum TextValues<'a> {
    Absent,
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    /// Written without the annotation that says the bytes are text.
    Binary(&'a BinaryArray),
}

impl<'a> Texts<'a> {
    /// A column that is not there.
    pub(super) fn absent() -> Self {
        Self { values: TextValues::Absent, parent: None }
    }

    pub(super) fn of(parent: &'a StructArray, name: &str) -> Result<Self, Error> {
        let Some(column) = parent.column_by_name(name) else { return Ok(Self::absent()) };
        Ok(Self { parent: parent.nulls(), ..Self::from_array(column.as_ref())? })
    }

    pub(super) fn from_array(array: &'a dyn Array) -> Result<Self, Error> {
        let values = match array.data_type() {
            DataType::Utf8 => TextValues::Utf8(array.as_string()),
            DataType::LargeUtf8 => TextValues::LargeUtf8(array.as_string()),
            DataType::Binary => TextValues::Binary(array.as_binary()),
            _ => return Err(not_parquet()),
        };
        Ok(Self { values, parent: None })
    }

    pub(super) fn get(&self, row: usize) -> Result<Option<&'a str>, Error> {
        if is_null(self.parent, row) {
            return Ok(None);
        }
        Ok(match &self.values {
            TextValues::Absent => None,
            TextValues::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            TextValues::LargeUtf8(array) => array.is_valid(row).then(|| array.value(row)),
            TextValues::Binary(array) if array.is_valid(row) => {
                Some(std::str::from_utf8(array.value(row)).map_err(|_| not_parquet())?)
            }
            TextValues::Binary(_) => None,
        })
    }
}

fn is_null(parent: Option<&NullBuffer>, row: usize) -> bool {
    parent.is_some_and(|nulls| nulls.is_null(row))
}

/// A column of whole numbers.
pub(super) struct Numbers<'a> {
    values: NumberValues<'a>,
    parent: Option<&'a NullBuffer>,
}

enum NumberValues<'a> {
    Absent,
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
}

impl<'a> Numbers<'a> {
    pub(super) fn of(parent: &'a StructArray, name: &str) -> Result<Self, Error> {
        let values = match parent.column_by_name(name) {
            None => NumberValues::Absent,
            Some(column) => match column.data_type() {
                DataType::Int32 => NumberValues::Int32(column.as_primitive::<Int32Type>()),
                DataType::Int64 => NumberValues::Int64(column.as_primitive::<Int64Type>()),
                _ => return Err(not_parquet()),
            },
        };
        Ok(Self { values, parent: parent.nulls() })
    }

    pub(super) fn get(&self, row: usize) -> Option<i64> {
        if is_null(self.parent, row) {
            return None;
        }
        match &self.values {
            NumberValues::Absent => None,
            NumberValues::Int32(array) => array.is_valid(row).then(|| i64::from(array.value(row))),
            NumberValues::Int64(array) => array.is_valid(row).then(|| array.value(row)),
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

/// A map's entries; a value may be null.
type Entries<'a> = Vec<(&'a str, Option<&'a str>)>;

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
    pub(super) fn get(&self, row: usize) -> Result<Option<Entries<'a>>, Error> {
        let Some((map, keys, values)) = &self.0 else { return Ok(None) };
        if map.is_null(row) {
            return Ok(None);
        }
        entries(map, row)
            .map(|at| Ok((keys.get(at)?.ok_or_else(not_parquet)?, values.get(at)?)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Writes what tells a row's map from other maps; false, and nothing written, where there is no map.
    pub(super) fn write_key(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
        let Some((map, keys, values)) = &self.0 else { return Ok(false) };
        if map.is_null(row) {
            return Ok(false);
        }
        for at in entries(map, row) {
            for text in [Some(keys.get(at)?.ok_or_else(not_parquet)?), values.get(at)?] {
                // A length that no text has stands for null.
                out.extend_from_slice(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
                out.extend_from_slice(text.unwrap_or_default().as_bytes());
            }
        }
        Ok(true)
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
    let at =
        |index: usize| map.value_offsets().get(index).and_then(|&offset| usize::try_from(offset).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|cause| Error::internal("a text could not be written as JSON", cause))
}
