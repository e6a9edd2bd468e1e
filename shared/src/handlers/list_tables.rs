//! `GET /shares/{share}/schemas/{schema}/tables` (protocol, "List Tables in a Schema").

use std::sync::Arc;

use async_trait::async_trait;

use super::listing::PageTokens;
use super::{Call, Handler, Reply, listing};
use crate::catalog::ListTables as Catalog;
use crate::error::Error;
use crate::model::securable::Table;
use crate::wire::list::TableItem;

/// The handler.
pub struct ListTables {
    /// Where tables are found.
    pub catalog: Arc<dyn Catalog>,
    /// Page tokens.
    pub tokens: PageTokens,
}

#[async_trait]
impl Handler for ListTables {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let (to, share, schema) = (&call.recipient, call.params.get("share"), call.params.get("schema"));
        let fetch = async |after: Option<Vec<String>>, limit| {
            self.catalog.list_tables(to, share, schema, after.as_ref(), limit).await
        };
        let position = |table: &Table| vec![table.schema.folded().to_owned(), table.name.folded().to_owned()];
        let context = ["list-tables", share, schema];
        let body = listing::answer::<_, TableItem, _>(&self.tokens, &call, &context, fetch, position).await?;
        Ok(Reply::Json(body))
    }
}
