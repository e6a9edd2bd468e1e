//! The gate for table features: what a reader of this table's files must understand, and whether this server can hand
//! that on. A feature that is not on the list is refused by its name, never guessed at.

use crate::error::Error;
use crate::model::table_state::{Metadata, Protocol};

/// Reader features that only concern whoever reads the log or cleans up, which is this server; a recipient's reader
/// sees nothing of them. A v2 checkpoint that is really met is refused where it is met.
const LOG_ONLY: [&str; 2] = ["v2Checkpoint", "vacuumProtocolCheck"];

/// The highest reader version that the Delta protocol defines.
const READER_VERSION_MAX: i32 = 3;

/// Features that a recipient's reader needs for this table, to be matched with what the recipient's client knows.
/// None is served yet, so the list of a table that passes is empty.
///
/// # Errors
/// [`Error::Unsupported`] naming the feature, version or format that stands in the way.
pub fn reader_needs(protocol: &Protocol, metadata: &Metadata) -> Result<Vec<&'static str>, Error> {
    if !metadata.format_provider.eq_ignore_ascii_case("parquet") {
        return Err(refused(format!(
            "data files in the format '{}'",
            crate::model::shorten(&metadata.format_provider)
        )));
    }
    let version = protocol.min_reader_version;
    if !(1..=READER_VERSION_MAX).contains(&version) {
        return Err(Error::Unsupported(format!(
            "Delta protocol version ({version},{}) is too new for this version of the server.",
            protocol.min_writer_version
        )));
    }
    if version >= 2 && property_is_set(metadata, "delta.columnMapping.mode", "none") {
        return Err(refused("the table feature columnMapping".into()));
    }
    for feature in protocol.reader_features.iter().flatten() {
        match feature.as_str() {
            name if LOG_ONLY.contains(&name) => {}
            // Ruled out above where it is in use.
            "columnMapping" => {}
            // Every file is looked at too: vectors outlive the property.
            "deletionVectors" if !property_is_set(metadata, "delta.enableDeletionVectors", "false") => {}
            other => return Err(refused(format!("the table feature {}", crate::model::shorten(other)))),
        }
    }
    Ok(Vec::new())
}

/// A file that carries a deletion vector, whatever the table's properties say.
pub fn deletion_vector_refused() -> Error {
    refused("the table feature deletionVectors".into())
}

/// A file whose path is not relative to the table's root.
pub fn absolute_path_refused() -> Error {
    Error::Unsupported(
        "Table contains absolute paths and cannot be shared through delta sharing. Ask the share provider for a deep clone."
            .into(),
    )
}

fn refused(what: String) -> Error {
    Error::Unsupported(format!(
        "Unsupported Delta Table Properties: the table uses {what}, which this server does not serve yet."
    ))
}

fn property_is_set(metadata: &Metadata, key: &str, off: &str) -> bool {
    metadata.property(key).is_some_and(|value| !value.eq_ignore_ascii_case(off))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reader: i32, features: &[&str], configuration: &[(&str, &str)]) -> Result<(), String> {
        let protocol = Protocol {
            min_reader_version: reader,
            min_writer_version: 7,
            reader_features: (reader == 3).then(|| features.iter().map(|&f| f.to_owned()).collect()),
            writer_features: None,
        };
        let metadata = Metadata {
            id: "i".into(),
            name: None,
            description: None,
            format_provider: "parquet".into(),
            format_options: Vec::new(),
            schema_string: "{}".into(),
            partition_columns: Vec::new(),
            configuration: configuration.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            created_time: None,
        };
        reader_needs(&protocol, &metadata).map(|_| ()).map_err(|error| error.public())
    }

    #[test]
    fn what_changes_nothing_for_a_reader_passes() {
        assert!(verdict(1, &[], &[]).is_ok());
        assert!(verdict(2, &[], &[("delta.columnMapping.mode", "none")]).is_ok());
        assert!(verdict(3, &["v2Checkpoint", "vacuumProtocolCheck", "deletionVectors"], &[]).is_ok());
    }

    #[test]
    fn the_rest_is_refused_by_name() {
        for (features, configuration, named) in [
            (&["deletionVectors"][..], &[("delta.enableDeletionVectors", "true")][..], "deletionVectors"),
            (&["columnMapping"], &[("delta.columnMapping.mode", "name")], "columnMapping"),
            (&["timestampNtz"], &[], "timestampNtz"),
            (&["somethingNew"], &[], "somethingNew"),
        ] {
            let text = verdict(3, features, configuration).unwrap_err();
            assert!(text.contains(named), "{text}");
        }
        assert!(verdict(2, &[], &[("delta.columnMapping.mode", "id")]).unwrap_err().contains("columnMapping"));
        assert!(verdict(4, &[], &[]).unwrap_err().contains("too new"));
        assert!(verdict(0, &[], &[]).is_err());
    }
}
