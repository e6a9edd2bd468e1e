//! Lists and finds tables by looking at what lies in the places of schemas. Folders whose names are no names of tables, or
//! the same name when case does not count, are nobody's: the log names them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};

use super::has_log;
use crate::bounded::Bounded;
use crate::catalog::located::{FindLocatedSchema, ListLocatedSchemas, LocatedSchema, told_apart};
use crate::catalog::{FindShare, FindTable, ListAllTables, ListSchemas, ListShares, ListTables, foreign_position};
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::{FETCHES_IN_FLIGHT_MAX, SCHEMA_SEEN_FOR, SCHEMAS_SEEN_MAX};
use crate::model::location::TableLocation;
use crate::model::name::TableName;
use crate::model::page::{Page, Position};
use crate::model::recipient::Recipient;
use crate::model::securable::{Schema, Share, Table};
use crate::storage::{FolderStore, LogStore};

/// What was seen in a place, and when.
type Seen = (Duration, Arc<[TableName]>);

/// A catalogue with what lies in the places that it knows.
pub struct Listing<C> {
    catalog: C,
    logs: Arc<dyn LogStore>,
    folders: Arc<dyn FolderStore>,
    clock: Arc<dyn Clock>,
    seen: Bounded<TableLocation, Seen>,
}

impl<C> Listing<C> {
    /// What this catalogue knows, and what is in its places.
    pub fn new(catalog: C, logs: Arc<dyn LogStore>, folders: Arc<dyn FolderStore>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, logs, folders, clock, seen: Bounded::new(SCHEMAS_SEEN_MAX) }
    }

    /// The names of the tables in a place, in the order of lists.
    async fn names_in(&self, place: &TableLocation) -> Result<Arc<[TableName]>, Error> {
        let now = self.clock.uptime();
        if let Some((at, names)) = self.seen.get(place)
            && now.saturating_sub(at) < SCHEMA_SEEN_FOR
        {
            return Ok(names);
        }
        let (candidates, left_out) = told_apart(self.folders.folders(place).await?);
        for folder in left_out {
            tracing::warn!("a folder in the place of a schema is left out: {folder}");
        }
        let looks = candidates.into_iter().map(|name| async move {
            let there = match place.below(name.as_str()) {
                Some(table) => has_log(self.logs.as_ref(), &table).await?,
                None => false,
            };
            Ok::<_, Error>(there.then_some(name))
        });
        let looks = futures::stream::iter(looks).buffer_unordered(FETCHES_IN_FLIGHT_MAX);
        let mut names: Vec<TableName> = looks.try_filter_map(|name| async { Ok(name) }).try_collect().await?;
        names.sort();
        let names: Arc<[TableName]> = names.into();
        self.seen.insert(place, (now, Arc::clone(&names)));
        Ok(names)
    }

    /// The tables of a schema that lie in its place and that the catalogue does not name.
    async fn found_in(&self, schema: &LocatedSchema, named: &[Table]) -> Result<Vec<Table>, Error> {
        let names = self.names_in(&schema.location).await?;
        let is_named = |name: &TableName| named.iter().any(|table| table.schema == schema.name && table.name == *name);
        Ok(names.iter().filter(|name| !is_named(name)).filter_map(|name| schema.table(name.clone())).collect())
    }
}

impl<C> std::fmt::Debug for Listing<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").finish_non_exhaustive()
    }
}

/// What lists of tables are sorted by.
fn place_of(table: &Table) -> String {
    format!("{}/{}", table.schema.folded(), table.name.folded())
}

/// The page of tables that follows a position.
fn page(mut tables: Vec<Table>, after: Option<&Position>, limit: usize) -> Result<Page<Table>, Error> {
    let after = match after.map(Vec::as_slice) {
        None | Some([]) => None,
        Some([schema, table]) => Some(format!("{schema}/{table}")),
        Some(_) => return Err(foreign_position()),
    };
    tables.sort_by_cached_key(place_of);
    let mut rest = tables.into_iter().skip_while(|table| after.as_ref().is_some_and(|after| place_of(table) <= *after));
    let items = rest.by_ref().take(limit).collect();
    Ok(Page { items, more: rest.next().is_some() })
}

#[async_trait]
impl<C: ListShares> ListShares for Listing<C> {
    async fn list_shares(&self, to: &Recipient, after: Option<&Position>, limit: usize) -> Result<Page<Share>, Error> {
        self.catalog.list_shares(to, after, limit).await
    }
}

#[async_trait]
impl<C: FindShare> FindShare for Listing<C> {
    async fn find_share(&self, to: &Recipient, share: &str) -> Result<Share, Error> {
        self.catalog.find_share(to, share).await
    }
}

#[async_trait]
impl<C: ListSchemas> ListSchemas for Listing<C> {
    async fn list_schemas(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Schema>, Error> {
        self.catalog.list_schemas(to, share, after, limit).await
    }
}

#[async_trait]
impl<C: ListTables + FindLocatedSchema> ListTables for Listing<C> {
    async fn list_tables(
        &self,
        to: &Recipient,
        share: &str,
        schema: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        let Some(located) = self.catalog.located_schema(to, share, schema).await? else {
            return self.catalog.list_tables(to, share, schema, after, limit).await;
        };
        let mut tables = self.catalog.list_tables(to, share, schema, None, usize::MAX).await?.items;
        tables.extend(self.found_in(&located, &tables).await?);
        page(tables, after, limit)
    }
}

#[async_trait]
impl<C: ListAllTables + ListLocatedSchemas> ListAllTables for Listing<C> {
    async fn list_all_tables(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        let schemas = self.catalog.located_schemas(to, share).await?;
        if schemas.is_empty() {
            return self.catalog.list_all_tables(to, share, after, limit).await;
        }
        let named = self.catalog.list_all_tables(to, share, None, usize::MAX).await?.items;
        let mut tables = named.clone();
        for schema in &schemas {
            tables.extend(self.found_in(schema, &named).await?);
        }
        page(tables, after, limit)
    }
}

#[async_trait]
impl<C: FindTable + FindLocatedSchema> FindTable for Listing<C> {
    async fn find_table(&self, to: &Recipient, share: &str, schema: &str, table: &str) -> Result<Table, Error> {
        let missing = match self.catalog.find_table(to, share, schema, table).await {
            Err(missing @ Error::TableNotFound { .. }) => missing,
            other => return other,
        };
        let Ok(wanted) = TableName::parse(table) else { return Err(missing) };
        let Some(located) = self.catalog.located_schema(to, share, schema).await? else { return Err(missing) };
        let names = self.names_in(&located.location).await?;
        let found = names.iter().find(|name| **name == wanted).and_then(|name| located.table(name.clone()));
        found.ok_or(missing)
    }
}
