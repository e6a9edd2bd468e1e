//! The catalogue as a document: what the state folder's file holds and what a configuration file is read into.

use serde::{Deserialize, Serialize};

/// The only format version there is; a file with another one was written by another program.
pub const FORMAT_VERSION: u32 = 1;

/// A whole catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CatalogDocument {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Shares with their schemas and tables.
    #[serde(default)]
    pub shares: Vec<ShareEntry>,
    /// Recipients with their tokens and grants.
    #[serde(default)]
    pub recipients: Vec<RecipientEntry>,
}

/// A share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareEntry {
    /// Its name.
    pub name: String,
    /// Unique, never reused; a UUID.
    pub id: String,
    /// The provider's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Its schemas.
    #[serde(default)]
    pub schemas: Vec<SchemaEntry>,
}

/// A schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaEntry {
    /// Its name.
    pub name: String,
    /// Its tables.
    #[serde(default)]
    pub tables: Vec<TableEntry>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// Unique within the share, never reused; a UUID.
    pub id: String,
    /// `s3://bucket/prefix`, `file:///folder`, or a path (relative to the state folder).
    pub location: String,
    /// Whether recipients may read older versions.
    #[serde(default)]
    pub history_shared: bool,
    /// The oldest version they may read.
    #[serde(default)]
    pub start_version: u64,
}

/// A recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecipientEntry {
    /// The provider's name for it.
    pub name: String,
    /// Unique, never reused; a UUID.
    pub id: String,
    /// Tokens that it may present.
    #[serde(default)]
    pub tokens: Vec<TokenEntry>,
    /// Ids of the shares it was granted.
    #[serde(default)]
    pub grants: Vec<String>,
}

/// A token, of which only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenEntry {
    /// SHA-256 of the token, 64 hex digits.
    pub sha256: String,
    /// When it ends, ISO 8601 with an offset; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl CatalogDocument {
    /// A catalogue with nothing in it.
    pub fn empty() -> Self {
        Self { format_version: FORMAT_VERSION, shares: Vec::new(), recipients: Vec::new() }
    }
}
