//! `GET /shares/{share}`: one share (protocol, "Get Share"). The simplest handler, and the one to read first.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Call, Handler, Reply};
use crate::catalog::FindShare;
use crate::error::Error;
use crate::wire::list;

/// The handler. It holds one port, so nothing else can be reached from this route.
pub struct GetShare {
    /// Where shares are found.
    pub catalog: Arc<dyn FindShare>,
}

#[async_trait]
impl Handler for GetShare {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        // The catalogue answers "not found" for a share that was not granted, so there is nothing to check here.
        let share = self.catalog.find_share(&call.recipient, call.params.get("share")).await?;
        Ok(Reply::Json(list::share_body(share)?))
    }
}
