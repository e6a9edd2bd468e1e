//! A sink that remembers the files that it was given, and checks what every one of them must be.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use shared::delta::FileSink;
use shared::error::Error;
use shared::model::file::{DataFile, Text, VectorStorage};
use shared::model::table_state::Totals;

/// The files, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub files: Vec<String>,
    pub totals: Totals,
}

impl FileSink for Seen {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).is_ok();
        assert!(object(file.partition_values), "partition values are an object: {}", file.partition_values);
        assert!(file.tags.is_none_or(object), "tags are an object: {:?}", file.tags);
        if let Some(Text::JsonLiteral(text)) = file.stats {
            assert!(serde_json::from_str::<String>(text).is_ok(), "statistics are text: {text}");
        }
        assert_inside(file.object.key);
        if let Some(VectorStorage::File { object, .. }) = file.deletion_vector.map(|vector| vector.storage) {
            assert_inside(object.key);
        }
        self.totals.files += 1;
        self.totals.bytes = self.totals.bytes.saturating_add(file.size);
        self.totals.with_vectors += u64::from(file.deletion_vector.is_some());
        self.files.push(format!("{file:?}"));
        Ok(())
    }
}

impl Seen {
    /// Stops when a file came twice.
    pub(crate) fn assert_each_once(&self) {
        let once: BTreeSet<&String> = self.files.iter().collect();
        assert_eq!(once.len(), self.files.len(), "a file came twice: {:?}", self.files);
    }
}

/// An object key that does not lead out of the table.
fn assert_inside(key: &str) {
    assert!(!key.starts_with('/') && !key.split('/').any(|part| part == ".."), "{key} leads out of the table");
}
