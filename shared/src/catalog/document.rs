//! The catalogue as a document: what the state folder's file holds and what a configuration file is read into. Moments
//! are ISO 8601 texts with an offset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::AdminEvent;
use super::rules::{PartitionEntry, RecipientRulesEntry, WindowEntry};
use crate::limits::ADMIN_EVENTS_KEPT_MAX;

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
    /// Links by which recipients are given their profiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activations: Vec<ActivationEntry>,
    /// Tables with a name of their own, outside of any share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registered_tables: Vec<RegisteredEntry>,
    /// What was changed, oldest first: in this document, so that a change and its event are kept together or not at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin_events: Vec<AdminEvent>,
}

/// A share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShareEntry {
    /// Its name.
    pub name: String,
    /// Unique, never reused; a UUID.
    pub id: String,
    /// The provider's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Its schemas.
    #[serde(default)]
    pub schemas: Vec<SchemaEntry>,
}

/// A schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaEntry {
    /// Its name.
    pub name: String,
    /// Its tables.
    #[serde(default)]
    pub tables: Vec<TableEntry>,
    /// Where all else that it shares lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceEntry>,
}

/// The place of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceEntry {
    /// `s3://bucket/prefix`, `file:///folder`, or a path (relative to the state folder).
    pub location: String,
    /// Whether recipients may read older versions.
    #[serde(default)]
    pub history_shared: bool,
    /// The bucket's region, when it is not the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The role that reads the logs and signs URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// Unique within the share, never reused; a UUID.
    pub id: String,
    /// `s3://bucket/prefix`, `file:///folder`, or a path (relative to the state folder).
    pub location: String,
    /// Where else the table's log may name files by absolute paths: places of the same kind as the location.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auxiliary_locations: Vec<String>,
    /// Whether recipients may read older versions.
    #[serde(default)]
    pub history_shared: bool,
    /// The oldest version they may read.
    #[serde(default)]
    pub start_version: u64,
    /// Which of its partitions recipients may read; all without a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<PartitionEntry>,
    /// The bucket's region, when it is not the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `standard`, `dualstack`, `fips`, or the URL of an S3-compatible store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The role that reads the log and signs URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The provider's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it was only seen in the place of its schema.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
    /// Whether it was looked at before it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<bool>,
    /// When it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A registered table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisteredEntry {
    /// Its name.
    pub name: String,
    /// `s3://bucket/prefix`, `file:///folder`, or a path (relative to the state folder).
    pub location: String,
    /// The bucket's region, when it is not the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The role that reads the log and signs URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The provider's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it was registered without a look at it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_validation: bool,
    /// When it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When they were granted, by share id; not every grant needs to be here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub granted_at: BTreeMap<String, String>,
    /// When they are good, by share id; always without an entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grant_windows: BTreeMap<String, WindowEntry>,
    /// Its properties, and where it may come from.
    #[serde(default, skip_serializing_if = "RecipientRulesEntry::is_empty")]
    pub rules: RecipientRulesEntry,
    /// Whether it may read at all.
    #[serde(default, skip_serializing_if = "EntryStatus::is_active")]
    pub status: EntryStatus,
    /// The provider's description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// Whether something may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryStatus {
    /// It may.
    #[default]
    Active,
    /// It may not, until it is made active again.
    Disabled,
}

impl EntryStatus {
    /// Whether it may be used.
    pub fn is_active(&self) -> bool {
        *self == Self::Active
    }
}

/// A token, of which only the hash is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenEntry {
    /// SHA-256 of the token, 64 hex digits; with a key's id, the keyed hash.
    pub sha256: String,
    /// When it ends; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The token's public part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Before this moment it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Whether it may be used.
    #[serde(default, skip_serializing_if = "EntryStatus::is_active")]
    pub status: EntryStatus,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Which key of a keyring made the hash; none for a plain SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<u8>,
}

/// An activation link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActivationEntry {
    /// SHA-256 of its code, 64 hex digits.
    pub sha256: String,
    /// The id of the recipient that it is for.
    pub recipient_id: String,
    /// The public part of the token that it hands over.
    pub token_id: String,
    /// What it hands over, sealed under its code; gone once it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// When it ends.
    pub expires: String,
    /// When it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

impl CatalogDocument {
    /// A catalogue with nothing in it.
    pub fn empty() -> Self {
        Self {
            format_version: FORMAT_VERSION,
            shares: Vec::new(),
            recipients: Vec::new(),
            activations: Vec::new(),
            registered_tables: Vec::new(),
            admin_events: Vec::new(),
        }
    }

    /// Keeps an event, and forgets the oldest where there are more than are kept.
    pub fn remember(&mut self, event: AdminEvent) {
        self.admin_events.push(event);
        let over = self.admin_events.len().saturating_sub(ADMIN_EVENTS_KEPT_MAX);
        self.admin_events.drain(..over);
    }
}
