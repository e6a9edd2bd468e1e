//! Which of a checkpoint's columns make a file line. Statistics and partition values may stand there twice, as the log's
//! text and in typed columns; the typed ones are read only where a file could lack the text.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::basic::Type;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::schema::types::SchemaDescriptor;

/// What an object's footer says of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// There is an `add` column.
    pub(super) has_files: bool,
    /// There may be rows that name sidecars. Writers give a classic checkpoint the column too, empty.
    pub(super) may_have_sidecars: bool,
    /// There are partition values, in whatever form.
    pub(super) has_partition_values: bool,
    parsed_stats: bool,
    pub(super) parsed_partition_values: bool,
}

impl Layout {
    pub(super) fn of(metadata: &ParquetMetaData) -> Self {
        let columns = metadata.file_metadata().schema_descr().columns();
        let position = |is: &dyn Fn(&str) -> bool| columns.iter().position(|column| is(&column.path().string()));
        let (path, stats) = (position(&|name| name == "add.path"), position(&|name| name == "add.stats"));
        let partition_values = position(&|name| name.starts_with("add.partitionValues."));
        let parsed = position(&|name| name.starts_with("add.partitionValues_parsed."));
        let groups = metadata.row_groups();
        let always_text = match (path, stats) {
            (Some(path), Some(stats)) => groups.iter().all(|group| {
                let (path, stats) = (nulls(group, path), nulls(group, stats));
                path.is_some() && path == stats
            }),
            _ => false,
        };
        let always_map =
            partition_values.is_some_and(|keys| groups.iter().all(|group| has_values(group, keys) == Some(true)));
        let sidecars = position(&|name| name == "sidecar.path");
        Self {
            has_files: path.is_some(),
            may_have_sidecars: sidecars
                .is_some_and(|names| groups.iter().any(|group| has_values(group, names) != Some(false))),
            has_partition_values: partition_values.or(parsed).is_some(),
            parsed_stats: !always_text,
            parsed_partition_values: !always_map,
        }
    }

    /// Whether statistics or partition values are read from typed columns, which come out as the table's schema has them.
    pub(super) fn reads_parsed(&self) -> bool {
        self.parsed_stats || self.parsed_partition_values
    }

    /// Whether a column is part of what makes a file line.
    pub(super) fn is_file_column(&self, path: &str, vectors: bool) -> bool {
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
        EXACT.contains(&path)
            || path.starts_with("add.partitionValues.")
            || path.starts_with("add.tags.")
            || (vectors && path.starts_with("add.deletionVector."))
            || (self.parsed_stats && path.starts_with("add.stats_parsed."))
            || (self.parsed_partition_values && path.starts_with("add.partitionValues_parsed."))
    }
}

/// The rows of a group that have no value in a column, as far as the footer says.
pub(super) fn nulls(group: &RowGroupMetaData, leaf: usize) -> Option<u64> {
    group.columns().get(leaf)?.statistics()?.null_count_opt()
}

/// The row groups in which one of these columns may hold a value, as far as the footer says; all of them where a column is
/// not there to tell.
pub(super) fn groups_with(metadata: &ParquetMetaData, names: &[&str]) -> Vec<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let leaf_of = |name: &&str| columns.iter().position(|column| column.path().string() == **name);
    let leaves: Option<Vec<usize>> = names.iter().map(leaf_of).collect();
    let may_hold = |group: &RowGroupMetaData| match &leaves {
        Some(leaves) => leaves.iter().any(|&leaf| has_values(group, leaf) != Some(false)),
        None => true,
    };
    let groups = metadata.row_groups().iter().enumerate();
    groups.filter(|(_, group)| may_hold(group)).map(|(index, _)| index).collect()
}

/// Whether a column holds anything but nulls, as far as the footer says. A map whose keys do was written.
fn has_values(group: &RowGroupMetaData, leaf: usize) -> Option<bool> {
    let values = u64::try_from(group.columns().get(leaf)?.num_values()).ok()?;
    Some(nulls(group, leaf)? < values)
}

/// The schema with the timestamps of twelve bytes read as microseconds, if there are any. As nanoseconds, which they
/// hold, those before 1677 and after 2262 would come out as others.
pub(super) fn with_wide_timestamps(schema: &SchemaRef, parquet: &SchemaDescriptor) -> Option<SchemaRef> {
    let is_wide = |leaf: usize| parquet.columns().get(leaf).is_some_and(|column| column.physical_type() == Type::INT96);
    if !(0..parquet.num_columns()).any(is_wide) {
        return None;
    }
    let mut leaf = 0;
    let fields = widened(schema.fields(), &is_wide, &mut leaf);
    Some(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// `leaf` counts the columns without parts, which is how Parquet numbers them.
fn widened(fields: &Fields, is_wide: &impl Fn(usize) -> bool, leaf: &mut usize) -> Fields {
    fields.iter().map(|field| widened_field(field, is_wide, leaf)).collect()
}

fn widened_field(field: &Arc<Field>, is_wide: &impl Fn(usize) -> bool, leaf: &mut usize) -> Arc<Field> {
    let kind = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(widened(fields, is_wide, leaf)),
        DataType::List(element) => DataType::List(widened_field(element, is_wide, leaf)),
        DataType::Map(entries, sorted) => DataType::Map(widened_field(entries, is_wide, leaf), *sorted),
        other => {
            let wide = is_wide(*leaf);
            *leaf += 1;
            if wide { DataType::Timestamp(TimeUnit::Microsecond, None) } else { other.clone() }
        }
    };
    Arc::new(field.as_ref().clone().with_data_type(kind))
}

#[cfg(test)]
mod tests;
