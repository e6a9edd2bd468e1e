//! How much an action says of its file, as far as every answer tells it: in both formats, and in lines of either length.

use serde_json::value::RawValue;

use super::action::{Add, DeletionVector};
use super::tail::{key_bytes, logged_stats};
use crate::model::file::{DataFile, Text, VectorStorage};
use crate::model::location::TableLocation;
use crate::model::weight::Weight;

/// Of an `add` of a snapshot, in which a path stands once.
pub(super) fn of_add(table: &TableLocation, add: &Add<'_>) -> Weight {
    let stats = add.stats.and_then(logged_stats).map_or(0, text_bytes);
    let told = of_path(table, (&add.path, add.partition_values), true, add.deletion_vector.as_ref());
    Weight { text: told.text + stats, ..told }
}

/// Of an action with this path and these partition values.
pub(super) fn of_path(
    table: &TableLocation,
    (path, partition_values): (&str, Option<&RawValue>),
    single: bool,
    vector: Option<&DeletionVector<'_>>,
) -> Weight {
    let values = partition_values.map_or(0, |values| values.get().len() as u64);
    // What cannot be shared is told of in no line.
    let key = key_bytes(table, path).unwrap_or(0);
    Weight::of_line(key + values, single, vector.is_some_and(lies_in_file))
}

/// Of a file of a snapshot that is told in full.
pub(super) fn of_file(file: &DataFile<'_>) -> Weight {
    let vector = file.deletion_vector.as_ref();
    let in_file = vector.is_some_and(|vector| matches!(vector.storage, VectorStorage::File { .. }));
    let text = (file.object.key.len() + file.partition_values.len()) as u64 + file.stats.map_or(0, text_bytes);
    Weight::of_line(text, true, in_file)
}

/// Whether a vector lies in a file, and not in the log.
pub(super) fn lies_in_file(vector: &DeletionVector<'_>) -> bool {
    vector.storage_type != "i"
}

fn text_bytes(text: Text<'_>) -> u64 {
    match text {
        Text::Plain(text) | Text::JsonLiteral(text) => text.len() as u64,
    }
}
