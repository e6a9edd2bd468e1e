//! The first two lines of an answer, `protocol` and `metaData`, in both formats (protocol, "API Response Format in
//! Parquet" and "API Response Format in Delta").

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::schema_string;
use crate::error::Error;
use crate::model::capability::ResponseFormat;
use crate::model::table_state::{Metadata, Protocol, Selected, Totals};
use crate::model::version::Version;

/// What the head of an answer is made of.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The protocol in force.
    pub protocol: &'a Protocol,
    /// The metadata in force.
    pub metadata: &'a Metadata,
    /// The version and how it was chosen.
    pub selected: Selected,
    /// Files and bytes.
    pub totals: Totals,
    /// Whether the table's history is shared; the parquet format tells of the change data feed only then.
    pub history_shared: bool,
}

/// What the head of a range is made of.
#[derive(Debug, Clone, Copy)]
pub struct RangeHead<'a> {
    /// The protocol in force.
    pub protocol: &'a Protocol,
    /// The metadata in force.
    pub metadata: &'a Metadata,
    /// The version that both are of.
    pub version: Version,
    /// Files and bytes.
    pub totals: Totals,
    /// Whether the protocol tells its version too.
    pub protocol_version: bool,
}

/// Writes the two lines of a range, whose history is shared; the metadata tells its version in both formats.
///
/// # Errors
/// As [`write_head`].
pub fn write_range_head(head: RangeHead<'_>, format: ResponseFormat, out: &mut Vec<u8>) -> Result<(), Error> {
    let RangeHead { protocol, metadata, version, totals, protocol_version } = head;
    write_protocol(protocol, protocol_version.then_some(version), format, out)?;
    let about = About { metadata, version: Some(version), totals: Some(totals), history_shared: true };
    write_metadata(about, format, out)
}

/// Writes the protocol of a later version of a range.
///
/// # Errors
/// None in practice.
pub fn write_later_protocol(
    protocol: &Protocol,
    version: Version,
    format: ResponseFormat,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    write_protocol(protocol, Some(version), format, out)
}

/// Writes the metadata of a later version of a range.
///
/// # Errors
/// As [`write_head`].
pub fn write_later_metadata(
    metadata: &Metadata,
    version: Version,
    format: ResponseFormat,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    write_metadata(About { metadata, version: Some(version), totals: None, history_shared: true }, format, out)
}

/// Writes the two lines.
///
/// # Errors
/// [`Error::BadTable`] when the log's schema cannot be read and the parquet format needs to.
pub fn write_head(head: Head<'_>, format: ResponseFormat, out: &mut Vec<u8>) -> Result<(), Error> {
    let Head { protocol, metadata, selected, totals, history_shared } = head;
    // Of a snapshot the parquet format tells no version: a client wants text there.
    let version = match (selected, format) {
        (Selected::Named(version), ResponseFormat::Delta) => Some(version),
        _ => None,
    };
    write_protocol(protocol, None, format, out)?;
    write_metadata(About { metadata, version, totals: Some(totals), history_shared }, format, out)
}

/// What a line of metadata is made of.
#[derive(Clone, Copy)]
struct About<'a> {
    metadata: &'a Metadata,
    version: Option<Version>,
    totals: Option<Totals>,
    history_shared: bool,
}

fn write_protocol(
    protocol: &Protocol,
    version: Option<Version>,
    format: ResponseFormat,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match format {
        // Whatever the log says: an answer in this format needs no newer reader.
        ResponseFormat::Parquet => {
            write_line(&ProtocolLine { protocol: ParquetProtocol { min_reader_version: 1 } }, out)
        }
        ResponseFormat::Delta => write_line(&ProtocolLine { protocol: delta_protocol(protocol, version) }, out),
    }
}

fn write_metadata(about: About<'_>, format: ResponseFormat, out: &mut Vec<u8>) -> Result<(), Error> {
    match format {
        ResponseFormat::Parquet => write_line(&MetadataLine { meta_data: parquet_metadata(about)? }, out),
        ResponseFormat::Delta => write_line(&MetadataLine { meta_data: delta_metadata(about) }, out),
    }
}

fn write_line<T: Serialize>(line: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(&mut *out, line)
        .map_err(|cause| Error::internal("a line could not be written as JSON", cause))?;
    out.push(b'\n');
    Ok(())
}

#[derive(Serialize)]
struct ProtocolLine<T> {
    protocol: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetadataLine<T> {
    meta_data: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParquetProtocol {
    min_reader_version: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParquetMetadata<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    format: ParquetFileFormat,
    schema_string: String,
    configuration: BTreeMap<&'static str, &'static str>,
    partition_columns: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_files: Option<u64>,
}

#[derive(Serialize)]
struct ParquetFileFormat {
    provider: &'static str,
}

fn parquet_metadata(about: About<'_>) -> Result<ParquetMetadata<'_>, Error> {
    let About { metadata, version, totals, history_shared } = about;
    let mut configuration = BTreeMap::new();
    if history_shared && metadata.is_on("delta.enableChangeDataFeed") {
        configuration.insert("enableChangeDataFeed", "true");
    }
    Ok(ParquetMetadata {
        id: &metadata.id,
        name: metadata.name.as_deref(),
        description: metadata.description.as_deref(),
        format: ParquetFileFormat { provider: "parquet" },
        schema_string: schema_string::for_parquet(&metadata.schema_string)?,
        configuration,
        partition_columns: &metadata.partition_columns,
        version: version.map(Version::number),
        size: totals.map(|totals| totals.bytes),
        num_files: totals.map(|totals| totals.files),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeltaProtocolWrapper<'a> {
    delta_protocol: DeltaProtocol<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeltaProtocol<'a> {
    min_reader_version: i32,
    min_writer_version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reader_features: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writer_features: Option<&'a [String]>,
}

/// Feature lists go with reader version 3 and writer version 7, always, and with no other: clients check.
fn delta_protocol(protocol: &Protocol, version: Option<Version>) -> DeltaProtocolWrapper<'_> {
    let Protocol { min_reader_version, min_writer_version, reader_features, writer_features } = protocol;
    DeltaProtocolWrapper {
        delta_protocol: DeltaProtocol {
            min_reader_version: *min_reader_version,
            min_writer_version: *min_writer_version,
            reader_features: (*min_reader_version == 3).then(|| reader_features.as_deref().unwrap_or_default()),
            writer_features: (*min_writer_version == 7).then(|| writer_features.as_deref().unwrap_or_default()),
        },
        version: version.map(Version::number),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeltaMetadataWrapper<'a> {
    delta_metadata: DeltaMetadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_files: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeltaMetadata<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    format: DeltaFileFormat<'a>,
    schema_string: &'a str,
    partition_columns: &'a [String],
    configuration: Pairs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_time: Option<i64>,
}

#[derive(Serialize)]
struct DeltaFileFormat<'a> {
    provider: &'a str,
    options: Pairs<'a>,
}

/// Texts in the log's order.
struct Pairs<'a>(Vec<(&'a str, &'a str)>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn delta_metadata(about: About<'_>) -> DeltaMetadataWrapper<'_> {
    let About { metadata, version, totals, .. } = about;
    let format_options = metadata.format_options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let configuration = metadata
        .configuration
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, _)| is_for_readers(key))
        .collect();
    DeltaMetadataWrapper {
        delta_metadata: DeltaMetadata {
            id: &metadata.id,
            name: metadata.name.as_deref(),
            description: metadata.description.as_deref(),
            format: DeltaFileFormat { provider: &metadata.format_provider, options: Pairs(format_options) },
            schema_string: &metadata.schema_string,
            partition_columns: &metadata.partition_columns,
            configuration: Pairs(configuration),
            created_time: metadata.created_time,
        },
        version: version.map(Version::number),
        size: totals.map(|totals| totals.bytes),
        num_files: totals.map(|totals| totals.files),
    }
}

/// Clients rebuild a log without commit information; told that commits carry their own time, they fail on it.
fn is_for_readers(property: &str) -> bool {
    !property.starts_with("delta.enableInCommitTimestamps") && !property.starts_with("delta.inCommitTimestamp")
}
