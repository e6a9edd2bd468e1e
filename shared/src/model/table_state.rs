//! What a Delta log says of a table at one version, before its files: protocol and metadata, in the log's own words.

use super::version::Version;

/// The `protocol` action in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    /// Lowest reader version that may read the table.
    pub min_reader_version: i32,
    /// Lowest writer version that may write the table.
    pub min_writer_version: i32,
    /// Reader features; present exactly when the log has them (reader version 3).
    pub reader_features: Option<Vec<String>>,
    /// Writer features; present exactly when the log has them (writer version 7).
    pub writer_features: Option<Vec<String>>,
}

/// The `metaData` action in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The Delta table's id.
    pub id: String,
    /// The name that the writer gave the table.
    pub name: Option<String>,
    /// The writer's description.
    pub description: Option<String>,
    /// Data file format, always `parquet` for a table that can be shared.
    pub format_provider: String,
    /// The format's options, in the log's order.
    pub format_options: Vec<(String, String)>,
    /// The schema as JSON text, exactly as logged.
    pub schema_string: String,
    /// Partition columns in order.
    pub partition_columns: Vec<String>,
    /// Table properties, in the log's order.
    pub configuration: Vec<(String, String)>,
    /// When the table was made, in milliseconds since the epoch.
    pub created_time: Option<i64>,
}

impl Metadata {
    /// A table property.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.configuration.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a table property is written `true` (in any case).
    pub fn is_on(&self, key: &str) -> bool {
        self.property(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// How much a snapshot holds; exact, never estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Active files.
    pub files: u64,
    /// Their sizes added up, in bytes.
    pub bytes: u64,
    /// The files among them that have a deletion vector.
    pub with_vectors: u64,
}

/// The version that an answer is about and how the caller chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// The newest version, because the caller named none.
    Latest(Version),
    /// A version the caller named, by number or by time.
    Named(Version),
}

impl Selected {
    /// The version itself.
    pub fn version(self) -> Version {
        match self {
            Self::Latest(version) | Self::Named(version) => version,
        }
    }
}
