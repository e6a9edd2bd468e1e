//! A file as the log has it, with texts of its own.

use std::fmt;

use shared::model::area::ObjectKey;
use shared::model::file::{DataFile, Mark, Text};
use shared::model::table_state::Metadata;

use crate::file::{EPOCH_MS, File};
use crate::schema::{PARTITION_COLUMNS, table_schema};

/// How many different files a subject takes turns with.
pub(super) const FILES: u64 = 64;

/// A file's texts.
pub(super) struct Sample {
    path: String,
    partition_values: String,
    stats: String,
    size: u64,
}

impl Sample {
    /// The first files of a partitioned table.
    pub(super) fn several() -> Result<Vec<Self>, String> {
        (0..FILES).map(|number| Self::of(&File::new(number)).map_err(|error| error.to_string())).collect()
    }

    fn of(file: &File) -> Result<Self, fmt::Error> {
        let (mut path, mut partition_values, mut stats) = (String::new(), String::new(), String::new());
        file.write_path(true, &mut path)?;
        file.write_partition_values(true, &mut partition_values)?;
        file.write_stats(&mut stats)?;
        Ok(Self { path, partition_values, stats, size: file.size.unsigned_abs() })
    }

    /// As a checkpoint's row is handed on.
    pub(super) fn data_file(&self) -> DataFile<'_> {
        DataFile {
            mark: Mark::default(),
            path: &self.path,
            object: ObjectKey::in_table(&self.path),
            partition_values: &self.partition_values,
            size: self.size,
            modification_time: EPOCH_MS,
            data_change: false,
            stats: Some(Text::Plain(&self.stats)),
            tags: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
            deletion_vector: None,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// The table's metadata.
pub(super) fn metadata() -> Metadata {
    Metadata {
        id: "8ba4f5c3-5d0c-4b43-9f4d-1a2b3c4d5e6f".into(),
        name: None,
        description: None,
        format_provider: "parquet".into(),
        format_options: Vec::new(),
        schema_string: table_schema(),
        partition_columns: PARTITION_COLUMNS.map(str::to_owned).into(),
        configuration: Vec::new(),
        created_time: Some(EPOCH_MS),
    }
}

/// A number from 0 on that returns to 0, to take turns by.
pub(super) struct Turn(usize);

impl Turn {
    pub(super) fn new() -> Self {
        Self(0)
    }

    /// The next one of several.
    pub(super) fn of<'a, T>(&mut self, several: &'a [T]) -> Option<&'a T> {
        let found = several.get(self.0);
        self.0 = if self.0 + 1 < several.len() { self.0 + 1 } else { 0 };
        found
    }
}
