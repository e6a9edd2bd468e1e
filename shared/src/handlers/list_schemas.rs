//! `GET /shares/{share}/schemas` (protocol, "List Schemas in a Share").

use std::sync::Arc;

use async_trait::async_trait;

use super::listing::PageTokens;
use super::{Call, Handler, Reply, listing};
use crate::catalog::ListSchemas as Catalog;
use crate::error::Error;
use crate::model::securable::Schema;
use crate::wire::list::SchemaItem;

/// The handler.
pub struct ListSchemas {
    /// Where schemas are found.
    pub catalog: Arc<dyn Catalog>,
    /// Page tokens.
    pub tokens: PageTokens,
}

#[async_trait]
impl Handler for ListSchemas {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let (to, share) = (&call.recipient, call.params.get("share"));
        let fetch =
            async |after: Option<Vec<String>>, limit| self.catalog.list_schemas(to, share, after.as_ref(), limit).await;
        let position = |schema: &Schema| vec![schema.name.folded().to_owned()];
        let context = ["list-schemas", share];
        let body = listing::answer::<_, SchemaItem, _>(&self.tokens, &call, &context, fetch, position).await?;
        Ok(Reply::Json(body))
    }
}
