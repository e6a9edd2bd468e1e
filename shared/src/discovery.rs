//! Tables that no catalogue names: those in the place of a schema ([`crate::catalog::located`]).
//!
//! There are two ways to find them, because not everybody may look around. A function that reads tables reaches one table
//! at a time, under a session that is confined to it: it tries the folder of the very name that was asked for
//! ([`Probing`]). The functions of the lists reach no storage at all, which keeps them small and their roles harmless, so
//! they know what the provider's program has noted in the catalogue. A server on somebody's own machine may list the
//! place, and both finds and lists what is there ([`Listing`]).
//!
//! Whatever was granted is asked of the catalogue each time; what lies in a place is nobody's without that.

use std::sync::Arc;

use async_trait::async_trait;

use crate::catalog::FindTable;
use crate::catalog::located::FindLocatedSchema;
use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::name::TableName;
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::storage::LogStore;

mod listing;

pub use listing::Listing;

/// Finds tables by trying: first the catalogue, then the folder of that name in the schema's place. The folder's name has
/// to be spelt as it is.
pub struct Probing<C> {
    catalog: C,
    logs: Arc<dyn LogStore>,
}

impl<C> Probing<C> {
    /// Finds what this catalogue knows, and what is in the places that it knows.
    pub fn new(catalog: C, logs: Arc<dyn LogStore>) -> Self {
        Self { catalog, logs }
    }
}

impl<C> std::fmt::Debug for Probing<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probing").finish_non_exhaustive()
    }
}

#[async_trait]
impl<C: FindTable + FindLocatedSchema> FindTable for Probing<C> {
    async fn find_table(&self, to: &Recipient, share: &str, schema: &str, table: &str) -> Result<Table, Error> {
        let missing = match self.catalog.find_table(to, share, schema, table).await {
            Err(missing @ Error::TableNotFound { .. }) => missing,
            other => return other,
        };
        let Ok(name) = TableName::parse(table) else { return Err(missing) };
        let Some(located) = self.catalog.located_schema(to, share, schema).await? else { return Err(missing) };
        match located.table(name) {
            Some(table) if has_log(self.logs.as_ref(), &table.location).await? => Ok(table),
            _ => Err(missing),
        }
    }
}

/// Whether there is a log, which makes a folder a table.
async fn has_log(logs: &dyn LogStore, table: &TableLocation) -> Result<bool, Error> {
    Ok(!logs.list_first(table).await?.entries.is_empty())
}

#[cfg(test)]
mod tests;
