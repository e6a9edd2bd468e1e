//! The catalogue ports over an [`Index`](super::index::Index): the adapter of the local server and of tests.

use std::sync::Arc;

use async_trait::async_trait;

use super::file::CatalogSource;
use super::index::Asking;
use super::located::{FindLocatedSchema, ListLocatedSchemas, LocatedSchema};
use super::{FindShare, FindTable, ListAllTables, ListSchemas, ListShares, ListTables, foreign_position};
use crate::clock::Clock;
use crate::error::Error;
use crate::model::page::{Page, Position};
use crate::model::recipient::Recipient;
use crate::model::securable::{Schema, Share, Table};

pub mod write;

/// Answers from a catalogue in memory.
#[derive(Clone)]
pub struct EmbeddedCatalog {
    source: Arc<dyn CatalogSource>,
    clock: Arc<dyn Clock>,
}

impl EmbeddedCatalog {
    /// A catalogue over this source, whose grants are good by this clock.
    pub fn new(source: Arc<dyn CatalogSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock }
    }

    fn asking<'a>(&self, to: &'a Recipient) -> Asking<'a> {
        Asking { to, now: self.clock.now() }
    }
}

impl std::fmt::Debug for EmbeddedCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedCatalog").finish_non_exhaustive()
    }
}

fn one_name(after: Option<&Position>) -> Result<Option<&str>, Error> {
    match after.map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([name]) => Ok(Some(name)),
        Some(_) => Err(foreign_position()),
    }
}

fn two_names(after: Option<&Position>) -> Result<Option<(&str, &str)>, Error> {
    match after.map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([schema, table]) => Ok(Some((schema, table))),
        Some(_) => Err(foreign_position()),
    }
}

#[async_trait]
impl ListShares for EmbeddedCatalog {
    async fn list_shares(&self, to: &Recipient, after: Option<&Position>, limit: usize) -> Result<Page<Share>, Error> {
        self.source.current().shares(self.asking(to), one_name(after)?, limit)
    }
}

#[async_trait]
impl FindShare for EmbeddedCatalog {
    async fn find_share(&self, to: &Recipient, share: &str) -> Result<Share, Error> {
        self.source.current().share(self.asking(to), share)
    }
}

#[async_trait]
impl ListSchemas for EmbeddedCatalog {
    async fn list_schemas(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Schema>, Error> {
        self.source.current().schemas(self.asking(to), share, one_name(after)?, limit)
    }
}

#[async_trait]
impl ListTables for EmbeddedCatalog {
    async fn list_tables(
        &self,
        to: &Recipient,
        share: &str,
        schema: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        let after = two_names(after)?.map(|(_, table)| table);
        self.source.current().tables(self.asking(to), share, schema, after, limit)
    }
}

#[async_trait]
impl ListAllTables for EmbeddedCatalog {
    async fn list_all_tables(
        &self,
        to: &Recipient,
        share: &str,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        self.source.current().all_tables(self.asking(to), share, two_names(after)?, limit)
    }
}

#[async_trait]
impl FindTable for EmbeddedCatalog {
    async fn find_table(&self, to: &Recipient, share: &str, schema: &str, table: &str) -> Result<Table, Error> {
        self.source.current().table(self.asking(to), share, schema, table)
    }
}

#[async_trait]
impl FindLocatedSchema for EmbeddedCatalog {
    async fn located_schema(&self, to: &Recipient, share: &str, schema: &str) -> Result<Option<LocatedSchema>, Error> {
        Ok(self.source.current().located(self.asking(to), share, schema))
    }
}

#[async_trait]
impl ListLocatedSchemas for EmbeddedCatalog {
    async fn located_schemas(&self, to: &Recipient, share: &str) -> Result<Vec<LocatedSchema>, Error> {
        self.source.current().all_located(self.asking(to), share)
    }
}
