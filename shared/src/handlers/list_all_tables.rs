//! `GET /shares/{share}/all-tables` (protocol, "List all Tables in a Share").

use std::sync::Arc;

use async_trait::async_trait;

use super::listing::PageTokens;
use super::{Call, Handler, Reply, listing};
use crate::catalog::ListAllTables as Catalog;
use crate::error::Error;
use crate::model::securable::Table;
use crate::wire::list::TableItem;

/// The handler.
pub struct ListAllTables {
    /// Where tables are found.
    pub catalog: Arc<dyn Catalog>,
    /// Page tokens.
    pub tokens: PageTokens,
}

#[async_trait]
impl Handler for ListAllTables {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let (to, share) = (&call.recipient, call.params.get("share"));
        let fetch = async |after: Option<Vec<String>>, limit| {
            self.catalog.list_all_tables(to, share, after.as_ref(), limit).await
        };
        let position = |table: &Table| vec![table.schema.folded().to_owned(), table.name.folded().to_owned()];
        let context = ["list-all-tables", share];
        let body = listing::answer::<_, TableItem, _>(&self.tokens, &call, &context, fetch, position).await?;
        Ok(Reply::Json(body))
    }
}
