//! The catalogue ports over DynamoDB: the adapter of the deployed functions. Every answer rests on the grant, the share
//! and what was asked for, read together; a grant is good only for the share whose id it carries.
//!
//! Reads are eventually consistent. What is not found is asked for once more consistently: a provider tries a grant
//! seconds after making it. `dynamo/write.rs` is the provider's side, which no function links.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;

use self::cache::{Asked, TableCache};
use self::rows::{Reading, RowStore};
use super::item::recipient::read_grant;
use super::item::schema::read_schema;
use super::item::share::{read_share, read_table};
use super::item::{Item, ItemError, Lifecycle};
use super::key::{self, Key};
use super::located::{FindLocatedSchema, LocatedSchema};
use super::{FindShare, FindTable, ListAllTables, ListSchemas, ListShares, ListTables};
use crate::audit;
use crate::clock::Clock;
use crate::error::Error;
use crate::model::name::{SchemaName, ShareName, TableName};
use crate::model::page::{Page, Position};
use crate::model::recipient::Recipient;
use crate::model::rule::Window;
use crate::model::securable::{Schema, Share, Table};
use crate::model::shorten;

mod cache;
pub(crate) mod failure;
mod list;
pub(crate) mod rows;
pub mod write;

/// A look that may be a moment behind, and the one that is not.
const LOOKS: [Reading; 2] = [Reading::Eventual, Reading::Consistent];

/// Answers from a DynamoDB table.
#[derive(Debug, Clone)]
pub struct DynamoCatalog {
    rows: RowStore,
    tables: TableCache,
    clock: Arc<dyn Clock>,
}

impl From<ItemError> for Error {
    fn from(error: ItemError) -> Self {
        Self::internal("the catalogue holds something that this program cannot read", error)
    }
}

impl DynamoCatalog {
    /// A catalogue in this table. Clones remember together.
    pub fn new(client: Client, table_name: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let rows = RowStore { client, table_name: table_name.into() };
        Self { rows, tables: TableCache::new(Arc::clone(&clock)), clock }
    }

    /// The share, if it was granted and the grant is good now, and one more row of its partition, all in one request.
    async fn granted(
        &self,
        to: &Recipient,
        share: &ShareName,
        with: Option<&Key>,
        reading: Reading,
    ) -> Result<Option<Granted>, Error> {
        let (Ok(grant_key), Ok(share_key)) = (key::grant_key(to.id(), share), key::share_key(share)) else {
            return Ok(None);
        };
        let mut keys = vec![grant_key.clone(), share_key.clone()];
        keys.extend(with.cloned());
        let found = self.rows.batch(&keys, reading).await?;
        let (Some(grant), Some(stored)) = (found.get(&grant_key), found.get(&share_key)) else { return Ok(None) };
        let (grant, stored) = (read_grant(grant)?, read_share(stored)?);
        let good = grant.window.holds(self.clock.now()) && grant.share_id == stored.record.id;
        if stored.lifecycle != Lifecycle::Active || !good {
            return Ok(None);
        }
        let with = with.and_then(|key| found.get(key)).cloned();
        Ok(Some(Granted { share: stored.into_share(grant.window), window: grant.window, with }))
    }
}

/// A share that was granted.
struct Granted {
    share: Share,
    window: Window,
    /// The other row that was asked for.
    with: Option<Item>,
}

fn share_not_found(share: &str) -> Error {
    Error::ShareNotFound { share: shorten(share) }
}

#[async_trait]
impl ListShares for DynamoCatalog {
    async fn list_shares(&self, to: &Recipient, after: Option<&Position>, limit: usize) -> Result<Page<Share>, Error> {
        list::shares(self, to, after, limit).await
    }
}

#[async_trait]
impl FindShare for DynamoCatalog {
    async fn find_share(&self, to: &Recipient, share: &str) -> Result<Share, Error> {
        let name = ShareName::parse(share).map_err(|_| share_not_found(share))?;
        for reading in LOOKS {
            if let Some(granted) = self.granted(to, &name, None, reading).await? {
                return Ok(granted.share);
            }
        }
        Err(share_not_found(share))
    }
}

#[async_trait]
impl ListSchemas for DynamoCatalog {
    async fn list_schemas(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Schema>, Error> {
        list::schemas(self, to, share, after, limit).await
    }
}

#[async_trait]
impl ListTables for DynamoCatalog {
    async fn list_tables(
        &self,
        to: &Recipient,
        share: &str,
        schema: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        list::tables(self, to, (share, schema), after, limit).await
    }
}

#[async_trait]
impl ListAllTables for DynamoCatalog {
    async fn list_all_tables(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        list::all_tables(self, to, share, after, limit).await
    }
}

#[async_trait]
impl FindTable for DynamoCatalog {
    async fn find_table(&self, to: &Recipient, share: &str, schema: &str, table: &str) -> Result<Table, Error> {
        let not_found = || Error::TableNotFound { name: [share, schema, table].map(shorten).join("/") };
        let names = (ShareName::parse(share), SchemaName::parse(schema), TableName::parse(table));
        let (Ok(share), Ok(schema), Ok(table)) = names else { return Err(not_found()) };
        let Ok(key) = key::table_key(&share, &schema, &table) else { return Err(not_found()) };
        let asked = Asked([to.id(), share.folded(), schema.folded(), table.folded()].map(str::to_owned));
        if let Some(table) = self.tables.get(&asked) {
            audit::cache_hit("table");
            return Ok(table);
        }
        for reading in LOOKS {
            let moment = self.tables.moment();
            let granted = self.granted(to, &share, Some(&key), reading).await?;
            let Some(Granted { share, window, with: Some(row) }) = granted else { continue };
            let Some(mut table) = read_table(&row)?.into_table(&share)? else { continue };
            table.terms.window = window;
            self.tables.put(asked, table.clone(), moment);
            return Ok(table);
        }
        Err(not_found())
    }
}

#[async_trait]
impl FindLocatedSchema for DynamoCatalog {
    async fn located_schema(&self, to: &Recipient, share: &str, schema: &str) -> Result<Option<LocatedSchema>, Error> {
        let (Ok(share), Ok(schema)) = (ShareName::parse(share), SchemaName::parse(schema)) else { return Ok(None) };
        let Ok(key) = key::schema_key(&share, &schema) else { return Ok(None) };
        for reading in LOOKS {
            let granted = self.granted(to, &share, Some(&key), reading).await?;
            let Some(Granted { share, window, with: Some(row) }) = granted else { continue };
            if let Some(located) = read_schema(&row)?.into_located(&share, window)? {
                return Ok(Some(located));
            }
        }
        Ok(None)
    }
}
