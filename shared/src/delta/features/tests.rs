//! The gate, one case after the other.

use super::*;

/// A table as far as the gate looks at it.
struct Case<'a> {
    reader: i32,
    features: &'a [&'a str],
    configuration: &'a [(&'a str, &'a str)],
    column: &'a str,
    vectors: u64,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self { reader: 3, features: &[], configuration: &[], column: r#""long""#, vectors: 0 }
    }
}

impl Case<'_> {
    fn needs(&self) -> Result<Vec<Need>, Error> {
        let protocol = Protocol {
            min_reader_version: self.reader,
            min_writer_version: 7,
            reader_features: (self.reader == 3).then(|| self.features.iter().map(|&f| f.to_owned()).collect()),
            writer_features: None,
        };
        let metadata = Metadata {
            id: "i".into(),
            name: None,
            description: None,
            format_provider: "parquet".into(),
            format_options: Vec::new(),
            schema_string: format!(
                r#"{{"type":"struct","fields":[{{"name":"c","type":{},"nullable":true,"metadata":{{}}}}]}}"#,
                self.column
            ),
            partition_columns: Vec::new(),
            configuration: self.configuration.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            created_time: None,
        };
        let schema = SchemaFacts::of(&metadata.schema_string)?;
        reader_needs(&protocol, &metadata, &schema, Totals { files: 9, bytes: 9, with_vectors: self.vectors })
    }

    fn names(&self) -> Vec<&'static str> {
        self.needs().unwrap().iter().map(|need| need.feature).collect()
    }

    fn refusal(&self) -> String {
        self.needs().unwrap_err().public()
    }
}

#[test]
fn the_table_is_sorted_and_says_each_thing_once() {
    assert!(FEATURES.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn what_changes_nothing_for_a_reader_is_not_needed() {
    assert!(Case { reader: 1, ..Case::default() }.names().is_empty());
    assert!(
        Case { reader: 2, configuration: &[("delta.columnMapping.mode", "none")], ..Case::default() }
            .names()
            .is_empty()
    );
    let features =
        &["v2Checkpoint", "vacuumProtocolCheck", "deletionVectors", "columnMapping", "timestampNtz", "variantType"];
    assert!(Case { features, ..Case::default() }.names().is_empty(), "listed, but made no use of");
}

#[test]
fn what_a_reader_must_know_is_needed_where_it_is_made_use_of() {
    let on = [("delta.enableDeletionVectors", "true")];
    assert_eq!(
        Case { features: &["deletionVectors"], configuration: &on, ..Case::default() }.names(),
        ["deletionVectors"]
    );
    let off = [("delta.enableDeletionVectors", "false")];
    let switched_off = Case { features: &["deletionVectors"], configuration: &off, ..Case::default() };
    assert!(switched_off.names().is_empty());
    assert_eq!(Case { vectors: 1, ..switched_off }.names(), ["deletionVectors"], "vectors outlive the property");

    let mapped = [("delta.columnMapping.mode", "id")];
    assert_eq!(Case { reader: 2, configuration: &mapped, ..Case::default() }.names(), ["columnMapping"]);
    assert_eq!(
        Case { features: &["columnMapping"], configuration: &mapped, ..Case::default() }.names(),
        ["columnMapping"]
    );
    let ntz = Case { features: &["timestampNtz"], column: r#""timestamp_ntz""#, ..Case::default() };
    assert_eq!(ntz.names(), ["timestampNtz"]);
    let features = &["variantType-preview", "variantShredding-preview"];
    let variants =
        Case { features, column: r#"{"type":"array","elementType":"variant","containsNull":true}"#, ..Case::default() };
    assert_eq!(variants.names(), ["variantType-preview", "variantShredding-preview"]);
}

#[test]
fn the_rest_is_refused_by_name() {
    for feature in ["catalogManaged", "catalogOwned-preview", "geospatial", "adaptiveMetadata-preview", "somethingNew"]
    {
        let text = Case { features: &["v2Checkpoint", feature], ..Case::default() }.refusal();
        assert!(text.contains(feature) && text.contains("Unsupported Delta Table Properties"), "{text}");
    }
    assert!(Case { column: r#""geometry(OGC:CRS84)""#, ..Case::default() }.refusal().contains("geospatial"));
    assert!(Case { reader: 4, ..Case::default() }.refusal().contains("too new"));
    assert!(Case { reader: 0, ..Case::default() }.needs().is_err());
}

#[test]
fn what_the_protocol_does_not_announce_is_damage() {
    let mapped = [("delta.columnMapping.mode", "name")];
    for (case, named) in [
        (Case { vectors: 1, ..Case::default() }, "deletionVectors"),
        (Case { reader: 1, vectors: 1, ..Case::default() }, "deletionVectors"),
        (Case { configuration: &mapped, ..Case::default() }, "columnMapping"),
        (Case { column: r#""timestamp_ntz""#, ..Case::default() }, "timestampNtz"),
        (Case { reader: 1, column: r#""variant""#, ..Case::default() }, "variantType"),
    ] {
        assert!(matches!(case.needs(), Err(Error::BadTable(text)) if text.contains(named)), "{named}");
    }
    assert!(
        Case { reader: 1, configuration: &mapped, ..Case::default() }.names().is_empty(),
        "a protocol without column mapping ignores the property"
    );
}
