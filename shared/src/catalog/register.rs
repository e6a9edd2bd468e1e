//! Tables that a provider gave a name of their own, outside of any share: where a Delta table lies and how it is read, said
//! once, so that shares can be filled by name. Recipients never see the register, and no function reads it: adding a
//! registered table to a share copies what the register says.

use async_trait::async_trait;

use super::write::WriteError;
use crate::model::name::TableName;
use crate::model::version::TimestampMs;

/// A registered table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredTable {
    /// Its name, unique among registered tables.
    pub name: TableName,
    /// `s3://bucket/prefix`; on the local state also a path.
    pub location: String,
    /// The bucket's region, when it is not the server's own.
    pub region: Option<String>,
    /// The role that reads the log and signs URLs.
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub external_id: Option<String>,
    /// The provider's description.
    pub comment: Option<String>,
    /// Whether the table was looked at before it was registered.
    pub look: Look,
    /// When it was registered; unknown where the catalogue does not keep it.
    pub created_at: Option<TimestampMs>,
}

/// Whether somebody has seen that there is a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It was opened, and can be served.
    Taken,
    /// The provider asked that it be believed.
    LeftOut,
}

/// The register, as its provider reads and changes it. Names are compared without case; the list is in their folded
/// order. Each write is one transaction.
#[async_trait]
pub trait TableRegister: Send + Sync {
    /// Every registered table.
    async fn registered_tables(&self) -> Result<Vec<RegisteredTable>, WriteError>;
    /// The registered table of that name.
    async fn registered_table(&self, name: &TableName) -> Result<Option<RegisteredTable>, WriteError>;
    /// Registers a table whose name is free.
    async fn register_table(&self, table: &RegisteredTable) -> Result<(), WriteError>;
    /// Forgets a registered table. Shares that it was added to keep it.
    async fn unregister_table(&self, name: &TableName) -> Result<(), WriteError>;
}
