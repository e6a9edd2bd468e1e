//! What a choice says of the rows of a checkpoint, told by the narrow columns alone. Files of the same partition values are
//! judged once.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};

use super::columns::Maps;
use super::parsed::Parsed;
use super::{Shown, not_parquet};
use crate::delta::choice::Choice;
use crate::error::Error;
use crate::limits::{SELECTION_VALUE_BYTES_MAX, SELECTION_VALUES_MAX};
use crate::model::known::{Known, KnownPartitions};

/// Judges rows.
pub(super) struct Judge<'a> {
    shown: &'a Shown<'a>,
    choice: &'a dyn Choice,
    /// What was said of partition values, which stand here in a form of their own.
    said: HashMap<Vec<u8>, bool>,
    /// The partition values of the row before, in that form.
    last: Vec<u8>,
    last_said: Option<bool>,
    key: Vec<u8>,
    /// Partition values and statistics in JSON.
    values: Vec<u8>,
    statistics: Vec<u8>,
}

/// The narrow columns of a batch.
struct Narrow<'a> {
    maps: Maps<'a>,
    typed: Option<Parsed<'a>>,
    statistics: Option<Parsed<'a>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(shown: &'a Shown<'a>, choice: &'a dyn Choice) -> Self {
        let (said, last, key, values, statistics) = Default::default();
        Self { shown, choice, said, last, last_said: None, key, values, statistics }
    }

    /// Tells of each row whether it may be a file that is wanted.
    pub(super) fn batch(&mut self, batch: &RecordBatch, each: &mut dyn FnMut(bool)) -> Result<(), Error> {
        let add = batch.column_by_name("add").and_then(|column| column.as_struct_opt()).ok_or_else(not_parquet)?;
        let narrow = Narrow {
            maps: Maps::of(add, "partitionValues")?,
            typed: Parsed::partition_values(add, self.shown.schema)?,
            statistics: Parsed::statistics(add, self.shown.schema)?,
        };
        for row in 0..add.len() {
            each(add.is_valid(row) && self.by_partition(&narrow, row)? && self.by_statistics(&narrow, row)?);
        }
        Ok(())
    }

    fn by_partition(&mut self, narrow: &Narrow<'_>, row: usize) -> Result<bool, Error> {
        self.key.clear();
        if !narrow.maps.write_key(row, &mut self.key)? {
            if !self.read_values(narrow, row)? {
                return Ok(true);
            }
            self.key.extend_from_slice(&self.values);
        }
        if let Some(said) = self.last_said
            && self.last == self.key
        {
            return Ok(said);
        }
        let said = match self.said.get(&self.key) {
            Some(said) => *said,
            None => {
                let is_known = self.read_values(narrow, row)?;
                let said = !is_known || self.choice.may_want(&self.known(true, false)?);
                if self.key.len() <= SELECTION_VALUE_BYTES_MAX && self.said.len() < SELECTION_VALUES_MAX {
                    self.said.insert(self.key.clone(), said);
                }
                said
            }
        };
        std::mem::swap(&mut self.last, &mut self.key);
        self.last_said = Some(said);
        Ok(said)
    }

    fn by_statistics(&mut self, narrow: &Narrow<'_>, row: usize) -> Result<bool, Error> {
        let Some(statistics) = &narrow.statistics else { return Ok(true) };
        self.statistics.clear();
        if !statistics.write_statistics(row, &mut self.statistics)? {
            return Ok(true);
        }
        let is_known = self.read_values(narrow, row)?;
        Ok(self.choice.may_want(&self.known(is_known, true)?))
    }

    /// Reads a row's partition values as they would stand in its line. False where that is not to be had: not there, or not
    /// certain.
    fn read_values(&mut self, narrow: &Narrow<'_>, row: usize) -> Result<bool, Error> {
        self.values.clear();
        if narrow.maps.write_json(row, &mut self.values)? {
            return Ok(true);
        }
        let typed = narrow.typed.as_ref().map(|typed| typed.write_partition_values(row, &mut self.values));
        Ok(matches!(typed, Some(Ok(true))))
    }

    fn known(&self, partitions: bool, statistics: bool) -> Result<Known<'_>, Error> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| not_parquet());
        Ok(Known {
            partitions: if partitions { KnownPartitions::Same(text(&self.values)?) } else { KnownPartitions::Unknown },
            statistics: if statistics { Some(text(&self.statistics)?) } else { None },
            vectors: self.shown.vectors,
        })
    }
}
