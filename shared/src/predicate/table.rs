//! A table's columns as predicates see them: found by logical name without regard to case, known to files by physical
//! name, and of a type whose order every reader shares, or of none.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::tree::{Column, Kind};
use crate::model::table_state::Metadata;

/// Metadata key of a field's name in data files and in the log (Delta protocol, "Column Mapping").
const PHYSICAL_NAME: &str = "delta.columnMapping.physicalName";
/// Metadata key of the collations in a field: text is then not ordered by its bytes.
const COLLATIONS: &str = "__COLLATIONS";
/// Metadata key of the declared type of text with a length. `char(n)` is padded by some readers.
const CHAR_TYPE: &str = "__CHAR_VARCHAR_TYPE_STRING";
/// Metadata key of a field's earlier types (Delta protocol, "Type Widening").
const TYPE_CHANGES: &str = "delta.typeChanges";

/// The columns of a table.
pub(super) struct Table<'a> {
    /// By name in lower case; nothing where several are called so.
    fields: HashMap<String, Option<Field>>,
    metadata: &'a Metadata,
    mapped: bool,
}

/// A column that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name in partition values and statistics.
    pub physical: String,
    /// Its type; without one only its nulls say something.
    pub kind: Option<Kind>,
    /// Whether the table is partitioned by it.
    pub partition: bool,
}

#[derive(Deserialize)]
struct Schema {
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: Json,
    #[serde(default)]
    metadata: Option<Map<String, Json>>,
}

impl<'a> Table<'a> {
    /// The columns that this metadata tells of; none when its schema cannot be read.
    pub(super) fn new(metadata: &'a Metadata) -> Self {
        let mut fields = HashMap::new();
        if let Ok(schema) = serde_json::from_str::<Schema>(&metadata.schema_string) {
            for field in schema.fields {
                let name = field.name.to_lowercase();
                let only = if fields.contains_key(&name) { None } else { Some(field) };
                fields.insert(name, only);
            }
        }
        let mapped = matches!(metadata.property("delta.columnMapping.mode"), Some("name" | "id"));
        Self { fields, metadata, mapped }
    }

    /// Whether there is a column of that name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(&name.to_lowercase())
    }

    /// The one column that is meant, if it is certain which.
    pub(super) fn find(&self, column: &Column) -> Option<Found> {
        let field = self.fields.get(&column.name.to_lowercase())?.as_ref()?;
        // A dot may lead into a struct.
        if field.name.contains('.') {
            return None;
        }
        let partition = self.metadata.partition_columns.contains(&field.name);
        if column.partition && (!partition || self.has("partitionValues")) {
            return None;
        }
        let about = |key: &str| field.metadata.as_ref().and_then(|about| about.get(key)).filter(|it| !it.is_null());
        if about(COLLATIONS).is_some() {
            return None;
        }
        let physical = match (self.mapped, about(PHYSICAL_NAME)) {
            (true, Some(Json::String(physical))) => physical,
            (false, None) => &field.name,
            (false, Some(Json::String(physical))) if *physical == field.name => physical,
            _ => return None,
        };
        let kind = kind(&field.kind).filter(|kind| match kind {
            Kind::String => about(CHAR_TYPE).is_none_or(is_varchar),
            // Was a float once: its statistics are rounded as floats.
            Kind::Double => about(TYPE_CHANGES).is_none(),
            _ => true,
        });
        // Readers disagree about a predicate over another type than the column has.
        if column.kind.is_some_and(|declared| kind.is_some_and(|kind| kind != declared)) {
            return Some(Found { physical: physical.clone(), kind: None, partition });
        }
        Some(Found { physical: physical.clone(), kind, partition })
    }
}

fn is_varchar(declared: &Json) -> bool {
    declared.as_str().is_some_and(|declared| declared.to_ascii_lowercase().starts_with("varchar"))
}

fn kind(declared: &Json) -> Option<Kind> {
    Some(match declared.as_str()? {
        "boolean" => Kind::Bool,
        "byte" | "short" | "integer" | "long" => Kind::Int,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "string" => Kind::String,
        "date" => Kind::Date,
        "timestamp" => Kind::Timestamp,
        _ => return None,
    })
}
