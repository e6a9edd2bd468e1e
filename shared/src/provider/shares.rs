//! Shares: created empty, shown with what is in them and who reads them, deleted only when nobody does, or by force.

use super::names::{self, nearest};
use super::{Provider, ProviderError, new_id, written};
use crate::catalog::write::{Deletion, GrantRecord, ShareRecord, TableRecord, WriteError};
use crate::model::name::ShareName;

/// A share with what hangs on it.
#[derive(Debug, Clone)]
pub struct ShareDetail {
    /// The share.
    pub share: ShareRecord,
    /// Its tables.
    pub tables: Vec<TableRecord>,
    /// Who may read it.
    pub grants: Vec<GrantRecord>,
}

/// Creates a share with nothing in it. A deletion of one of that name that was broken off is finished first.
///
/// # Errors
/// When the name is none, cannot be reached by clients, or is taken.
pub async fn create(provider: &Provider, name: &str, comment: Option<&str>) -> Result<ShareRecord, ProviderError> {
    let share = ShareRecord {
        name: names::new_share(name)?,
        id: new_id()?,
        comment: comment.map(str::to_owned),
        created_at: Some(provider.now()),
    };
    let mut created = written(|| provider.catalog().create_share(&share)).await;
    if matches!(created, Err(WriteError::BeingDeleted { .. })) {
        // Nobody sees what is left of the one before; with it gone the name is free.
        match written(|| provider.catalog().delete_share(&share.name, Deletion::WithDependents)).await {
            Ok(()) | Err(WriteError::Missing { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        created = written(|| provider.catalog().create_share(&share)).await;
    }
    match created {
        Ok(()) => Ok(share),
        Err(WriteError::Exists { what }) => {
            Err(ProviderError::Exists { what, next: "add tables to it, or choose another name".into() })
        }
        Err(other) => Err(other.into()),
    }
}

/// Every share, in the order of names.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn list(provider: &Provider) -> Result<Vec<ShareRecord>, ProviderError> {
    Ok(provider.catalog().shares().await?)
}

/// The share of that name, if there is one.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn find(provider: &Provider, name: &ShareName) -> Result<Option<ShareRecord>, ProviderError> {
    Ok(provider.catalog().share(name).await?)
}

/// A share with its tables and grants.
///
/// # Errors
/// When there is none of that name.
pub async fn show(provider: &Provider, name: &str) -> Result<ShareDetail, ProviderError> {
    let name = names::share(name)?;
    let Some(share) = provider.catalog().share(&name).await? else {
        return Err(missing(provider, &name).await);
    };
    let tables = provider.catalog().tables(&name).await?;
    let grants = provider.catalog().grants_on(&name).await?;
    Ok(ShareDetail { share, tables, grants })
}

/// Gives a share another comment, or none. Returns the share as it was before.
///
/// # Errors
/// When there is none of that name.
pub async fn set_comment(provider: &Provider, name: &str, comment: Option<&str>) -> Result<ShareRecord, ProviderError> {
    let name = names::share(name)?;
    let Some(before) = provider.catalog().share(&name).await? else {
        return Err(missing(provider, &name).await);
    };
    match written(|| provider.catalog().set_share_comment(&before.name, comment)).await {
        Ok(()) => Ok(before),
        Err(WriteError::Missing { .. }) => Err(missing(provider, &name).await),
        Err(other) => Err(other.into()),
    }
}

/// Deletes a share and its tables' entries; the tables' data stays where it is. Returns what was there.
///
/// # Errors
/// When there is none of that name; and [`ProviderError::InUse`] when somebody may read it, unless by force.
pub async fn delete(provider: &Provider, name: &str, deletion: Deletion) -> Result<ShareDetail, ProviderError> {
    let name = names::share(name)?;
    // What is left of a deletion that was broken off may no longer be shown as a share, but can still be finished.
    let before = match show(provider, name.as_str()).await {
        Ok(detail) => Some(detail),
        Err(ProviderError::Missing { .. }) => None,
        Err(other) => return Err(other),
    };
    match written(|| provider.catalog().delete_share(&name, deletion)).await {
        Ok(()) => {}
        Err(WriteError::InUse { what, by }) => {
            let next = "revoke what was granted, or repeat with --force to take that away as well".into();
            return Err(ProviderError::InUse { what, by, next });
        }
        Err(WriteError::Missing { .. }) => return Err(missing(provider, &name).await),
        Err(other) => return Err(other.into()),
    }
    let unseen = || ShareRecord { name: name.clone(), id: String::new(), comment: None, created_at: None };
    Ok(before.unwrap_or_else(|| ShareDetail { share: unseen(), tables: Vec::new(), grants: Vec::new() }))
}

/// That there is no share of that name, with the nearest one there is.
pub(super) async fn missing(provider: &Provider, name: &ShareName) -> ProviderError {
    let what = format!("share '{name}'");
    match provider.catalog().shares().await {
        Ok(shares) => ProviderError::Missing {
            what,
            near: nearest(name.as_str(), shares.iter().map(|share| share.name.as_str())),
            next: format!("create it with: spillway share create {name}"),
        },
        Err(error) => error.into(),
    }
}
