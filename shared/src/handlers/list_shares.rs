//! `GET /shares`: the shares that the recipient was granted (protocol, "List Shares").

use std::sync::Arc;

use async_trait::async_trait;

use super::listing::PageTokens;
use super::{Call, Handler, Reply, listing};
use crate::catalog::ListShares as Catalog;
use crate::error::Error;
use crate::model::securable::Share;
use crate::wire::list::ShareItem;

/// The handler.
pub struct ListShares {
    /// Where shares are found.
    pub catalog: Arc<dyn Catalog>,
    /// Page tokens.
    pub tokens: PageTokens,
}

#[async_trait]
impl Handler for ListShares {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let to = &call.recipient;
        let fetch = async |after: Option<Vec<String>>, limit| self.catalog.list_shares(to, after.as_ref(), limit).await;
        let position = |share: &Share| vec![share.name.folded().to_owned()];
        let body = listing::answer::<_, ShareItem, _>(&self.tokens, &call, &["list-shares"], fetch, position).await?;
        Ok(Reply::Json(body))
    }
}
