//! What must be known of a table's schema before its files are handed on: which types it uses that not every reader
//! knows, and which columns hold timestamps without a time zone. The schema itself is passed on as the log has it.

use std::collections::HashSet;

use serde_json::Value;

use crate::error::Error;

/// Metadata key of a field's name in data files and in the log (Delta protocol, "Column Mapping").
const PHYSICAL_NAME: &str = "delta.columnMapping.physicalName";

/// Metadata key of a field's earlier types (Delta protocol, "Type Widening").
const TYPE_CHANGES: &str = "delta.typeChanges";

/// What a schema says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaFacts {
    /// There is a `variant` somewhere.
    pub variants: bool,
    /// There is a `geometry` or a `geography` somewhere.
    pub geospatial: bool,
    /// A column had another type once.
    pub changed_types: bool,
    /// There is a `timestamp_ntz` somewhere, also inside an array or a map.
    timestamp_ntz: bool,
    /// The columns of type `timestamp_ntz` that are no part of an array or a map, by the names that data files use.
    without_zone: HashSet<Vec<String>>,
}

impl SchemaFacts {
    /// Reads a schema as the log has it.
    ///
    /// # Errors
    /// [`Error::BadTable`] when it is not the JSON of a struct.
    pub fn of(schema_string: &str) -> Result<Self, Error> {
        let damaged = || {
            Error::BadTable(
                "The table's log is damaged: its schema is not the JSON of a struct. Ask the share provider to repair the \
                 table."
                    .into(),
            )
        };
        let schema: Value = serde_json::from_str(schema_string).map_err(|_| damaged())?;
        let fields = schema.get("fields").and_then(Value::as_array).ok_or_else(damaged)?;
        let mut facts = Self::default();
        facts.take_fields(fields, Some(&mut Vec::new()));
        Ok(facts)
    }

    /// Whether there are timestamps without a time zone.
    pub fn timestamps_without_zone(&self) -> bool {
        self.timestamp_ntz
    }

    /// Whether the column at this path (names as in data files) holds timestamps without a time zone.
    pub fn is_without_zone(&self, path: &[String]) -> bool {
        self.without_zone.contains(path)
    }

    /// All those columns, in the same order every time.
    pub fn all_without_zone(&self) -> Vec<&[String]> {
        let mut paths: Vec<&[String]> = self.without_zone.iter().map(Vec::as_slice).collect();
        paths.sort_unstable();
        paths
    }

    fn take_fields(&mut self, fields: &[Value], mut path: Option<&mut Vec<String>>) {
        for field in fields {
            let metadata = field.get("metadata");
            self.changed_types |= metadata.is_some_and(|metadata| metadata.get(TYPE_CHANGES).is_some());
            let physical = metadata.and_then(|metadata| metadata.get(PHYSICAL_NAME));
            let name = physical.or(field.get("name")).and_then(Value::as_str).unwrap_or_default();
            if let Some(path) = path.as_deref_mut() {
                path.push(name.to_owned());
            }
            self.take_type(field.get("type").unwrap_or(&Value::Null), path.as_deref_mut());
            if let Some(path) = path.as_deref_mut() {
                path.pop();
            }
        }
    }

    /// `path` is where the type stands, or nothing inside an array or a map.
    fn take_type(&mut self, kind: &Value, path: Option<&mut Vec<String>>) {
        match kind {
            Value::String(name) => match name.as_str() {
                "timestamp_ntz" => {
                    self.timestamp_ntz = true;
                    self.without_zone.extend(path.map(|path| path.clone()));
                }
                "variant" => self.variants = true,
                name if name.starts_with("geometry") || name.starts_with("geography") => self.geospatial = true,
                _ => {}
            },
            Value::Object(parts) => {
                if let Some(fields) = parts.get("fields").and_then(Value::as_array) {
                    self.take_fields(fields, path);
                }
                for part in ["elementType", "keyType", "valueType"] {
                    if let Some(kind) = parts.get(part) {
                        self.take_type(kind, None);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: &str, metadata: &str) -> String {
        format!(r#"{{"name":"{name}","type":{kind},"nullable":true,"metadata":{metadata}}}"#)
    }

    fn facts(fields: &[String]) -> SchemaFacts {
        SchemaFacts::of(&format!(r#"{{"type":"struct","fields":[{}]}}"#, fields.join(","))).unwrap()
    }

    #[test]
    fn types_are_found_at_any_depth() {
        let map =
            |kind: &str| format!(r#"{{"type":"map","keyType":"string","valueType":{kind},"valueContainsNull":true}}"#);
        let nested = format!(r#"{{"type":"struct","fields":[{}]}}"#, field("x", &map(r#""variant""#), "{}"));
        assert!(facts(&[field("a", r#""long""#, "{}"), field("s", &nested, "{}")]).variants);
        assert!(facts(&[field("a", &map(r#""timestamp_ntz""#), "{}")]).timestamps_without_zone());
        assert!(facts(&[field("a", r#""geography(OGC:CRS84, spherical)""#, "{}")]).geospatial);
        let changes = r#"{"delta.typeChanges":[{"fromType":"short","toType":"integer"}]}"#;
        assert!(facts(&[field("a", r#""integer""#, changes)]).changed_types);
        assert_eq!(facts(&[field("variant", r#""string""#, "{}")]), SchemaFacts::default());
    }

    #[test]
    fn columns_go_by_the_names_of_data_files() {
        let physical = r#"{"delta.columnMapping.physicalName":"col-1"}"#;
        let nested = format!(r#"{{"type":"struct","fields":[{}]}}"#, field("t", r#""timestamp_ntz""#, "{}"));
        let facts = facts(&[field("s", &nested, physical), field("z", r#""timestamp""#, "{}")]);
        assert!(facts.is_without_zone(&["col-1".into(), "t".into()]));
        assert!(!facts.is_without_zone(&["s".into(), "t".into()]) && !facts.is_without_zone(&["z".into()]));
    }

    #[test]
    fn what_is_no_schema_is_damage() {
        for bad in ["", "[]", "{}", r#"{"type":"struct"}"#, "long"] {
            assert!(matches!(SchemaFacts::of(bad), Err(Error::BadTable(_))), "{bad}");
        }
    }
}
