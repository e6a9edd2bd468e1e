//! The catalogue of shares, schemas and tables, through the eyes of one recipient: what was not granted does not exist.
//! One small port per question, so that a handler holds exactly what it asks.
//!
//! Lists have an order that is total and stable: that of the folded names' bytes, of `schema/table` where tables of several
//! schemas are listed (a served configuration file keeps its own order). A page goes on after a [`Position`], the folded
//! names of the last item of the page before, whether that is still there or not.

use async_trait::async_trait;

use crate::error::Error;
use crate::model::page::{Page, Position};
use crate::model::recipient::Recipient;
use crate::model::securable::{Schema, Share, Table};

pub mod auxiliary;
#[cfg(feature = "local")]
pub mod document;
#[cfg(feature = "dynamo")]
pub mod dynamo;
#[cfg(feature = "local")]
pub mod embedded;
pub mod event;
#[cfg(feature = "local")]
pub mod file;
#[cfg(feature = "local")]
pub mod index;
#[cfg(feature = "dynamo")]
pub mod item;
#[cfg(feature = "dynamo")]
pub mod key;
pub mod located;
pub mod reach;
pub mod register;
pub mod rules;
pub mod write;

/// Lists the shares that a recipient was granted.
#[async_trait]
pub trait ListShares: Send + Sync {
    /// At most `limit` shares after a position (one name).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when the position is none of this list's.
    async fn list_shares(&self, to: &Recipient, after: Option<&Position>, limit: usize) -> Result<Page<Share>, Error>;
}

/// Finds a share.
#[async_trait]
pub trait FindShare: Send + Sync {
    /// The share of that name, compared without case.
    ///
    /// # Errors
    /// [`Error::ShareNotFound`] when there is none or it was not granted.
    async fn find_share(&self, to: &Recipient, share: &str) -> Result<Share, Error>;
}

/// Lists the schemas of a share.
#[async_trait]
pub trait ListSchemas: Send + Sync {
    /// At most `limit` schemas after a position (one name).
    ///
    /// # Errors
    /// [`Error::ShareNotFound`], or [`Error::InvalidParameter`] when the position is none of this list's.
    async fn list_schemas(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Schema>, Error>;
}

/// Lists the tables of a schema.
#[async_trait]
pub trait ListTables: Send + Sync {
    /// At most `limit` tables after a position (schema and table name).
    ///
    /// # Errors
    /// [`Error::ShareNotFound`], [`Error::SchemaNotFound`], or [`Error::InvalidParameter`] when the position is none of
    /// this list's.
    async fn list_tables(
        &self,
        to: &Recipient,
        share: &str,
        schema: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error>;
}

/// Lists the tables of all schemas of a share.
#[async_trait]
pub trait ListAllTables: Send + Sync {
    /// At most `limit` tables after a position (schema and table name), schema by schema.
    ///
    /// # Errors
    /// [`Error::ShareNotFound`], or [`Error::InvalidParameter`] when the position is none of this list's.
    async fn list_all_tables(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error>;
}

/// Finds a table.
#[async_trait]
pub trait FindTable: Send + Sync {
    /// The table of that name, compared without case.
    ///
    /// # Errors
    /// [`Error::TableNotFound`] when share, schema or table does not exist or the share was not granted.
    async fn find_table(&self, to: &Recipient, share: &str, schema: &str, table: &str) -> Result<Table, Error>;
}

/// The position of a token that does not belong to a list.
pub fn foreign_position() -> Error {
    Error::InvalidParameter(
        "invalid 'nextPageToken': it was not issued for this list. Start again without pageToken.".into(),
    )
}
