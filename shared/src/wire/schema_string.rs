//! The schema as the parquet format shows it: of each top-level column's metadata only the comment stays; everything
//! else of the log's schema is passed on (protocol, "Metadata").

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;

#[derive(Deserialize)]
struct LogStruct<'a> {
    #[serde(borrow)]
    fields: Vec<LogField<'a>>,
}

#[derive(Deserialize)]
struct LogField<'a> {
    name: String,
    #[serde(borrow, rename = "type")]
    kind: &'a RawValue,
    #[serde(default = "nullable")]
    nullable: bool,
    #[serde(default)]
    metadata: Option<FieldMetadata>,
}

fn nullable() -> bool {
    true
}

#[derive(Serialize)]
struct WireStruct<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    fields: Vec<WireField<'a>>,
}

#[derive(Serialize)]
struct WireField<'a> {
    name: String,
    #[serde(rename = "type")]
    kind: &'a RawValue,
    nullable: bool,
    metadata: FieldMetadata,
}

#[derive(Serialize, Deserialize, Default)]
struct FieldMetadata {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    comment: Option<serde_json::Value>,
}

/// Rewrites a logged schema for the parquet format.
///
/// # Errors
/// [`Error::BadTable`] when the log's schema is not the JSON of a struct.
pub fn for_parquet(logged: &str) -> Result<String, Error> {
    let schema: LogStruct<'_> = serde_json::from_str(logged).map_err(|_| {
        Error::BadTable(
            "The table's log is damaged: its schema is not the JSON of a struct. Ask the share provider to repair the table."
                .into(),
        )
    })?;
    let fields = schema
        .fields
        .into_iter()
        .map(|LogField { name, kind, nullable, metadata }| WireField {
            name,
            kind,
            nullable,
            metadata: metadata.unwrap_or_default(),
        })
        .collect();
    serde_json::to_string(&WireStruct { kind: "struct", fields })
        .map_err(|cause| Error::internal("a schema could not be written as JSON", cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_stay_and_only_at_the_top() {
        let logged = r#"{"type":"struct","fields":[
            {"name":"a","type":"long","nullable":false,"metadata":{"comment":"c","delta.columnMapping.id":1}},
            {"name":"s","type":{"type":"struct","fields":[{"name":"x","type":"string","nullable":true,"metadata":{"k":"v"}}]},"nullable":true,"metadata":{}}]}"#;
        assert_eq!(
            for_parquet(logged).unwrap(),
            r#"{"type":"struct","fields":[{"name":"a","type":"long","nullable":false,"metadata":{"comment":"c"}},{"name":"s","type":{"type":"struct","fields":[{"name":"x","type":"string","nullable":true,"metadata":{"k":"v"}}]},"nullable":true,"metadata":{}}]}"#
        );
        assert!(matches!(for_parquet("[]"), Err(Error::BadTable(_))));
    }
}
