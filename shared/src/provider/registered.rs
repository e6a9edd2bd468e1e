//! Registered tables: a name for where a Delta table lies, so that it can be added to shares by that name. Whether the
//! data can be read is for the caller to find out before.

use super::names::{self, nearest};
use super::{Provider, ProviderError, tables, written};
use crate::catalog::register::{Look, RegisteredTable};
use crate::catalog::write::WriteError;
use crate::model::name::TableName;

/// A table that is to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRegistered {
    /// Under which name.
    pub name: String,
    /// `s3://bucket/prefix`; on the local state also a path.
    pub location: String,
    /// The bucket's region, when it is not the server's own.
    pub region: Option<String>,
    /// The role that reads the log and signs URLs.
    pub role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub external_id: Option<String>,
    /// A description for the provider.
    pub comment: Option<String>,
    /// Whether it was looked at.
    pub look: Look,
}

/// Checks that a table can be registered, so that looking at it first is not in vain.
///
/// # Errors
/// As [`register`].
pub async fn check_new(provider: &Provider, new: &NewRegistered) -> Result<TableName, ProviderError> {
    let name = names::new_table(&new.name)?;
    tables::check_role(new.role_arn.as_deref(), new.external_id.as_deref())?;
    match provider.catalog().registered_table(&name).await? {
        Some(taken) => Err(exists(&taken.name)),
        None => Ok(name),
    }
}

/// Registers a table.
///
/// # Errors
/// When the name is none or taken, or what is said about its role does not fit together.
pub async fn register(provider: &Provider, new: NewRegistered) -> Result<RegisteredTable, ProviderError> {
    let name = names::new_table(&new.name)?;
    tables::check_role(new.role_arn.as_deref(), new.external_id.as_deref())?;
    let NewRegistered { location, region, role_arn, external_id, comment, look, .. } = new;
    let created_at = Some(provider.now());
    let table = RegisteredTable { name, location, region, role_arn, external_id, comment, look, created_at };
    match written(|| provider.catalog().register_table(&table)).await {
        Ok(()) => Ok(table),
        Err(WriteError::Exists { .. }) => Err(exists(&table.name)),
        Err(other) => Err(other.into()),
    }
}

/// Every registered table, in the order of names.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn list(provider: &Provider) -> Result<Vec<RegisteredTable>, ProviderError> {
    Ok(provider.catalog().registered_tables().await?)
}

/// One registered table.
///
/// # Errors
/// When there is none of that name.
pub async fn show(provider: &Provider, name: &str) -> Result<RegisteredTable, ProviderError> {
    let name = names::table(name)?;
    match provider.catalog().registered_table(&name).await? {
        Some(table) => Ok(table),
        None => Err(missing(provider, &name).await),
    }
}

/// Forgets a registered table; shares that it was added to keep it. Returns what was there.
///
/// # Errors
/// When there is none of that name.
pub async fn unregister(provider: &Provider, name: &str) -> Result<RegisteredTable, ProviderError> {
    let before = show(provider, name).await?;
    match written(|| provider.catalog().unregister_table(&before.name)).await {
        Ok(()) => Ok(before),
        Err(WriteError::Missing { .. }) => Err(missing(provider, &before.name).await),
        Err(other) => Err(other.into()),
    }
}

fn exists(name: &TableName) -> ProviderError {
    ProviderError::Exists {
        what: format!("registered table '{name}'"),
        next: "drop it first, or choose another name".into(),
    }
}

async fn missing(provider: &Provider, name: &TableName) -> ProviderError {
    match list(provider).await {
        Ok(tables) => ProviderError::Missing {
            what: format!("registered table '{name}'"),
            near: nearest(name.as_str(), tables.iter().map(|table| table.name.as_str())),
            next: "register it first, or name its location".into(),
        },
        Err(error) => error,
    }
}
