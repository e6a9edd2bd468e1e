//! The gate for table features: what a reader of this table's files must understand, and whether this server can hand
//! that on. The decisions are one table of data, [`FEATURES`]. A reader feature that is not in it is refused by its
//! name, never guessed at; a writer feature that is not in it is none of a reader's business (Delta protocol, "Table
//! Features").

use super::schema::SchemaFacts;
use crate::error::Error;
use crate::model::capability::{Assurance, Need};
use crate::model::shorten;
use crate::model::table_state::{Metadata, Protocol, Totals};

/// A table feature and what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// The name in a protocol's feature lists.
    pub name: &'static str,
    /// What is done.
    pub treatment: Treatment,
}

/// What is done about a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Served; nothing of it reaches the reader of a file. In both response formats.
    Unseen,
    /// Served in delta format where the table makes use of it, in both formats where it does not.
    Needed {
        /// How it is told that the table makes use of it.
        when: Use,
        /// Who makes sure that the recipient's reader knows it.
        assured_by: Assurance,
    },
    /// Refused by its name.
    Refused,
}

/// How it is told that a table makes use of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// `delta.columnMapping.mode` is `name` or `id`.
    MappedColumns,
    /// `delta.enableDeletionVectors` is on, or a file has a vector.
    Vectors,
    /// A column of type `timestamp_ntz`.
    TimestampsWithoutZone,
    /// A column whose type was changed.
    ChangedTypes,
    /// A column of type `variant`.
    Variants,
}

const fn unseen(name: &'static str) -> Feature {
    Feature { name, treatment: Treatment::Unseen }
}

const fn needed(name: &'static str, when: Use, assured_by: Assurance) -> Feature {
    Feature { name, treatment: Treatment::Needed { when, assured_by } }
}

const fn refused(name: &'static str) -> Feature {
    Feature { name, treatment: Treatment::Refused }
}

/// Every feature that is decided on, in alphabetical order.
pub const FEATURES: &[Feature] = &[
    refused("adaptiveMetadata"),
    refused("adaptiveMetadata-preview"),
    unseen("allowColumnDefaults"),
    unseen("appendOnly"),
    refused("catalogManaged"),
    refused("catalogOwned"),
    refused("catalogOwned-preview"),
    unseen("changeDataFeed"),
    unseen("checkConstraints"),
    unseen("checkpointProtection"),
    unseen("clustering"),
    unseen("collations"),
    unseen("collations-preview"),
    needed("columnMapping", Use::MappedColumns, Assurance::Header),
    needed("deletionVectors", Use::Vectors, Assurance::Header),
    unseen("domainMetadata"),
    unseen("generatedColumns"),
    refused("geospatial"),
    refused("geospatial-preview"),
    unseen("icebergCompatV1"),
    unseen("icebergCompatV2"),
    unseen("icebergCompatV3"),
    unseen("icebergWriterCompatV1"),
    unseen("identityColumns"),
    unseen("inCommitTimestamp"),
    unseen("inCommitTimestamp-preview"),
    unseen("invariants"),
    unseen("materializePartitionColumns"),
    unseen("rowTracking"),
    needed("timestampNtz", Use::TimestampsWithoutZone, Assurance::Header),
    needed("typeWidening", Use::ChangedTypes, Assurance::Protocol),
    needed("typeWidening-preview", Use::ChangedTypes, Assurance::Protocol),
    unseen("v2Checkpoint"),
    unseen("vacuumProtocolCheck"),
    needed("variantShredding", Use::Variants, Assurance::Protocol),
    needed("variantShredding-preview", Use::Variants, Assurance::Protocol),
    needed("variantType", Use::Variants, Assurance::Protocol),
    needed("variantType-preview", Use::Variants, Assurance::Protocol),
];

/// The highest reader version that the Delta protocol defines.
const READER_VERSION_MAX: i32 = 3;

/// The reader version from which on features are listed by name.
const READER_VERSION_OF_FEATURES: i32 = 3;

/// Features that a recipient's reader needs for this table, to be matched with what the recipient's client knows.
///
/// # Errors
/// [`Error::Unsupported`] naming the feature, version or format that stands in the way; [`Error::BadTable`] when the
/// table makes use of a feature that its protocol does not allow, so that readers would disagree on what it holds.
pub fn reader_needs(
    protocol: &Protocol,
    metadata: &Metadata,
    schema: &SchemaFacts,
    totals: Totals,
) -> Result<Vec<Need>, Error> {
    if !metadata.format_provider.eq_ignore_ascii_case("parquet") {
        return Err(refusal(format!("data files in the format '{}'", shorten(&metadata.format_provider))));
    }
    let version = protocol.min_reader_version;
    if !(1..=READER_VERSION_MAX).contains(&version) {
        return Err(Error::Unsupported(format!(
            "Delta protocol version ({version},{}) is too new for this version of the server.",
            protocol.min_writer_version
        )));
    }
    if schema.geospatial {
        return Err(refusal("the table feature geospatial".into()));
    }
    let listed: &[String] = match version {
        READER_VERSION_OF_FEATURES => protocol.reader_features.as_deref().unwrap_or_default(),
        _ => &[],
    };
    let mut needs = Vec::new();
    for name in listed {
        match FEATURES.iter().find(|feature| feature.name == name) {
            Some(Feature { treatment: Treatment::Unseen, .. }) => {}
            Some(Feature { name, treatment: Treatment::Needed { when, assured_by } }) => {
                if in_use(*when, metadata, schema, totals) {
                    needs.push(Need { feature: name, assured_by: *assured_by });
                }
            }
            Some(Feature { treatment: Treatment::Refused, .. }) | None => {
                return Err(refusal(format!("the table feature {}", shorten(name))));
            }
        }
    }
    // Reader version 2 is column mapping and nothing else.
    if version == 2 && in_use(Use::MappedColumns, metadata, schema, totals) {
        needs.push(Need { feature: "columnMapping", assured_by: Assurance::Header });
    }
    nothing_unannounced(version, metadata, schema, totals, &needs)?;
    Ok(needs)
}

/// Fails where a table makes use of something that its protocol does not announce. A reader that goes by the protocol
/// would show deleted rows or look for columns under the wrong names; one that goes by the files would not.
fn nothing_unannounced(
    version: i32,
    metadata: &Metadata,
    schema: &SchemaFacts,
    totals: Totals,
    needs: &[Need],
) -> Result<(), Error> {
    let announced = |feature: &str| needs.iter().any(|need| need.feature.trim_end_matches("-preview") == feature);
    let checks = [
        ("columnMapping", version >= 2 && in_use(Use::MappedColumns, metadata, schema, totals)),
        ("deletionVectors", totals.with_vectors > 0),
        ("timestampNtz", schema.timestamps_without_zone()),
        ("variantType", schema.variants),
    ];
    match checks.into_iter().find(|&(feature, used)| used && !announced(feature)) {
        None => Ok(()),
        Some((feature, _)) => Err(Error::BadTable(format!(
            "The table's log is damaged: the table makes use of {feature}, which its protocol does not name. Ask the share \
             provider to repair the table."
        ))),
    }
}

fn in_use(what: Use, metadata: &Metadata, schema: &SchemaFacts, totals: Totals) -> bool {
    match what {
        Use::MappedColumns => property_is_set(metadata, "delta.columnMapping.mode", "none"),
        // Every file is looked at too: vectors outlive the property.
        Use::Vectors => totals.with_vectors > 0 || property_is_set(metadata, "delta.enableDeletionVectors", "false"),
        Use::TimestampsWithoutZone => schema.timestamps_without_zone(),
        Use::ChangedTypes => schema.changed_types,
        Use::Variants => schema.variants,
    }
}

/// A file whose path leads out of the table and of every place that the table may name.
pub fn absolute_path_refused() -> Error {
    Error::Unsupported(
        "Table contains absolute paths and cannot be shared through delta sharing. Ask the share provider for a deep clone."
            .into(),
    )
}

fn refusal(what: String) -> Error {
    Error::Unsupported(format!(
        "Unsupported Delta Table Properties: the table uses {what}, which this server does not serve."
    ))
}

fn property_is_set(metadata: &Metadata, key: &str, off: &str) -> bool {
    metadata.property(key).is_some_and(|value| !value.eq_ignore_ascii_case(off))
}

#[cfg(test)]
mod tests;
