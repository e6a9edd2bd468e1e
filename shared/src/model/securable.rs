//! Shares, schemas and tables as a recipient sees them, plus what only the server knows of a table.

use super::location::TableLocation;
use super::name::{SchemaName, ShareName, TableName};
use super::rule::Terms;
use super::version::{TimestampMs, Version};

/// A share that some recipient was granted.
#[derive(Debug, Clone)]
pub struct Share {
    /// Its name, in the provider's spelling.
    pub name: ShareName,
    /// Unique and never reused.
    pub id: String,
    /// The provider's description.
    pub comment: Option<String>,
    /// When the grant ends by which it was found; never when absent.
    pub until: Option<TimestampMs>,
}

/// A schema of a share.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The share it belongs to.
    pub share: ShareName,
    /// Its name.
    pub name: SchemaName,
}

/// A table of a share: names, and where and how it may be read.
#[derive(Debug, Clone)]
pub struct Table {
    /// The share it was found in.
    pub share: ShareName,
    /// The share's id.
    pub share_id: String,
    /// The schema it was found in.
    pub schema: SchemaName,
    /// Its name.
    pub name: TableName,
    /// Unique within the share, never reused. Not the Delta table's own id.
    pub id: String,
    /// Where the table lies. Never shown to recipients.
    pub location: TableLocation,
    /// What of its history recipients may read.
    pub history: History,
    /// What narrows it for the recipient that it was found for.
    pub terms: Terms,
}

/// What of a table's history is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The latest version only.
    NotShared,
    /// Every version from this one on.
    SharedFrom(Version),
}

impl Table {
    /// `schema.table` with the share in front, as error texts name a table.
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", self.share, self.schema, self.name)
    }
}
