//! A look at a Delta table before it is shared, with the `deltalake` crate: that it opens, how large it is, what its
//! readers must know, and so what a recipient will be able to do with it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::delta::features::reader_needs;
use shared::delta::schema::SchemaFacts;
use shared::model::location::{PathError, TableLocation, key_of_log_path};
use shared::model::rule::PartitionRule;
use shared::model::table_state::{Metadata, Protocol, Totals};
use shared::predicate::partitions;
use shared::provider::counted;
use url::Url;

pub mod bucket;

/// What has a meaning of its own in a path of a log.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The latest version.
    pub version: u64,
    /// Active files.
    pub files: usize,
    /// Their sizes added up, in bytes.
    pub bytes: u64,
    /// Partition columns in order.
    pub partition_columns: Vec<String>,
    /// Lowest reader version that may read the table.
    pub min_reader_version: i32,
    /// Reader features that the log names.
    pub reader_features: Vec<String>,
    /// What a recipient's client must know beyond the basics, or why the server refuses the table.
    pub needs: Result<Vec<String>, String>,
    /// The key of one data file below the table's root, and its size.
    pub sample: Option<(String, u64)>,
    /// Folders of files that the log names by absolute paths, so encoded that they are read as paths of a log.
    pub elsewhere: BTreeSet<String>,
    metadata: Metadata,
}

impl Inspection {
    /// Looks at a folder of this machine.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn of_folder(folder: &Path) -> Result<Self, String> {
        let shown = folder.display();
        if !folder.is_dir() {
            return Err(format!("there is no folder {shown}; write the table first, or check the path"));
        }
        let url = Url::from_directory_path(folder).map_err(|()| format!("{shown} is not an absolute path"))?;
        let opened = match DeltaTableBuilder::from_url(url) {
            Ok(builder) => builder.load().await,
            Err(error) => Err(error),
        };
        Self::of(&opened.map_err(|error| unreadable(&shown.to_string(), &error))?)
    }

    fn of(table: &DeltaTable) -> Result<Self, String> {
        let state = table.snapshot().map_err(|error| one_line(&error.to_string()))?;
        let log: LogProtocol = read(state.protocol())?;
        let metadata: LogMetadata = read(state.metadata())?;
        let (mut files, mut bytes, mut with_vectors, mut sample) = (0, 0_u64, 0, None);
        let mut elsewhere = BTreeSet::new();
        for file in state.log_data().iter() {
            let size = u64::try_from(file.size()).unwrap_or_default();
            files += 1;
            bytes = bytes.saturating_add(size);
            with_vectors += u64::from(file.deletion_vector_descriptor().is_some());
            // The crate has decoded the path; read as one of a log it is decoded once more.
            let path = utf8_percent_encode(&file.path(), NOT_IN_PATHS).to_string();
            if key_of_log_path(&path) == Err(PathError::Absolute) {
                elsewhere.extend(path.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
            } else {
                sample.get_or_insert_with(|| (file.path().into_owned(), size));
            }
        }
        let partition_columns = metadata.partition_columns.clone();
        let reader_features = log.reader_features.clone().unwrap_or_default();
        let min_reader_version = log.min_reader_version;
        let metadata: Metadata = metadata.into();
        let totals = Totals { files: files as u64, bytes, with_vectors };
        let needs = SchemaFacts::of(&metadata.schema_string)
            .and_then(|schema| reader_needs(&log.into(), &metadata, &schema, totals))
            .map(|needs| needs.iter().map(|need| need.feature.to_owned()).collect())
            .map_err(|error| error.public());
        Ok(Self {
            version: state.version(),
            files,
            bytes,
            partition_columns,
            min_reader_version,
            reader_features,
            needs,
            sample,
            elsewhere,
            metadata,
        })
    }

    /// Fails when a partition rule does not fit the table.
    ///
    /// # Errors
    /// A sentence that names the rule's column.
    pub fn check_partitions(&self, rules: &[PartitionRule]) -> Result<(), String> {
        partitions::check(rules, &self.metadata).map_err(|misfit| misfit.to_string())
    }

    /// Fails when the log names files by absolute paths that lead out of the table and its auxiliary locations.
    ///
    /// # Errors
    /// A sentence that names one of the folders.
    pub fn check_elsewhere(&self, table: &TableLocation) -> Result<(), String> {
        let outside = |folder: &&String| table.absolute_object(&format!("{folder}/file")).is_err();
        match self.elsewhere.iter().find(outside) {
            None => Ok(()),
            Some(folder) => Err(format!(
                "the table's log names files in {}, outside the table, as that of a shallow clone does; name the place they \
                 lie in with --auxiliary, or share a deep clone",
                percent_decode_str(folder).decode_utf8_lossy()
            )),
        }
    }

    /// `version 8, 64 files, 1.2 MB, partitioned by iso_code`.
    pub fn summary(&self) -> String {
        let mut out = format!("version {}, {}, {}", self.version, counted(self.files, "file"), size(self.bytes));
        if !self.partition_columns.is_empty() {
            out.push_str(", partitioned by ");
            out.push_str(&self.partition_columns.join(", "));
        }
        out
    }

    /// What a recipient will be able to do, as a sentence; the error is that it will be able to do nothing.
    ///
    /// # Errors
    /// Why the server will refuse the table.
    pub fn prospects(&self) -> Result<String, String> {
        let needs = self.needs.as_ref().map_err(Clone::clone)?;
        Ok(match needs.as_slice() {
            [] => "every Delta Sharing client can read it".into(),
            needs => format!(
                "clients that ask for the delta format and know {} can read it; others are told that they cannot",
                needs.join(", ")
            ),
        })
    }

    /// The same for scripts.
    pub fn to_json(&self) -> Value {
        json!({
            "version": self.version,
            "files": self.files,
            "bytes": self.bytes,
            "partitionColumns": self.partition_columns,
            "minReaderVersion": self.min_reader_version,
            "readerFeatures": self.reader_features,
            "readerNeeds": self.needs.as_ref().ok(),
            "refusedBecause": self.needs.as_ref().err(),
        })
    }
}

/// The log's own form of the protocol.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogProtocol {
    min_reader_version: i32,
    min_writer_version: i32,
    reader_features: Option<Vec<String>>,
    writer_features: Option<Vec<String>>,
}

/// The log's own form of the metadata.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogMetadata {
    id: String,
    format: LogFormat,
    schema_string: String,
    partition_columns: Vec<String>,
    configuration: HashMap<String, String>,
}

#[derive(Deserialize)]
struct LogFormat {
    provider: String,
}

impl From<LogProtocol> for Protocol {
    fn from(log: LogProtocol) -> Self {
        Self {
            min_reader_version: log.min_reader_version,
            min_writer_version: log.min_writer_version,
            reader_features: log.reader_features,
            writer_features: log.writer_features,
        }
    }
}

impl From<LogMetadata> for Metadata {
    fn from(log: LogMetadata) -> Self {
        Self {
            id: log.id,
            name: None,
            description: None,
            format_provider: log.format.provider,
            format_options: Vec::new(),
            schema_string: log.schema_string,
            partition_columns: log.partition_columns,
            configuration: log.configuration.into_iter().collect(),
            created_time: None,
        }
    }
}

/// Reads an action of the crate's in the form that the log has it.
fn read<T: serde::de::DeserializeOwned>(action: &impl serde::Serialize) -> Result<T, String> {
    serde_json::to_value(action)
        .and_then(serde_json::from_value)
        .map_err(|error| format!("the table's log is not understood: {error}"))
}

fn unreadable(place: &str, error: &DeltaTableError) -> String {
    if matches!(error, DeltaTableError::NotATable(_)) {
        return format!("there is no Delta table at {place}: it has no _delta_log with commits");
    }
    let text = error.to_string();
    match bucket::code_in(&text) {
        Some("NoSuchBucket") => format!("there is no bucket as in {place}; check its name"),
        Some(code) => format!(
            "the table at {place} cannot be read ({code}); reading needs s3:ListBucket and s3:GetObject there, and \
             kms:Decrypt where it is encrypted"
        ),
        None => format!("the table at {place} cannot be opened: {}", one_line(&text)),
    }
}

/// A message of another crate's on one line, without the full stop at its end.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// `831 B`, `1.2 MB`: the way people read sizes.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut rest, mut unit) = (bytes as f64, 0);
    while rest >= 999.95 && unit + 1 < UNITS.len() {
        rest /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} {name}") } else { format!("{rest:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_tables_are_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let tables = crate::demo::write_tables(folder.path()).await.unwrap();
        let seen = Inspection::of_folder(&tables.covid).await.unwrap();
        assert_eq!((seen.version, seen.min_reader_version, seen.needs.clone()), (8, 1, Ok(Vec::new())));
        assert!(seen.summary().ends_with("partitioned by iso_code"), "{}", seen.summary());
        assert_eq!(seen.prospects().unwrap(), "every Delta Sharing client can read it");
        let (key, bytes) = seen.sample.unwrap();
        assert_eq!(std::fs::metadata(tables.covid.join(key)).unwrap().len(), bytes);
    }

    #[tokio::test]
    async fn what_is_no_table_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let said = Inspection::of_folder(folder.path()).await.unwrap_err();
        assert!(said.contains("no Delta table at") && said.lines().count() == 1, "{said}");
        let said = Inspection::of_folder(&folder.path().join("gone")).await.unwrap_err();
        assert!(said.contains("there is no folder"), "{said}");
    }

    #[tokio::test]
    async fn a_table_that_the_server_refuses_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("_delta_log");
        std::fs::create_dir(&log).unwrap();
        let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
        let commit = format!(
            "{}\n{}\n",
            r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["somethingNew"],"writerFeatures":["somethingNew"]}}"#,
            format_args!(
                r#"{{"metaData":{{"id":"i","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":[],"configuration":{{}},"createdTime":0}}}}"#
            )
        );
        std::fs::write(log.join("00000000000000000000.json"), commit).unwrap();
        // Either crate may be the one that refuses it; in both cases it is named and nothing is shared.
        let said = match Inspection::of_folder(folder.path()).await {
            Ok(seen) => seen.prospects().unwrap_err(),
            Err(said) => said,
        };
        assert!(said.contains("somethingNew"), "{said}");
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_960, "1.0 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }
}
