//! `GET …/tables/{table}/changes`: the change data feed (protocol, "Read Change Data Feed from a Table"). Not offered
//! yet, and says so to whoever may see the table.

use std::sync::Arc;

use async_trait::async_trait;

use super::snapshot::find_table;
use super::{Call, Handler, Reply};
use crate::catalog::FindTable;
use crate::error::Error;
use crate::model::securable::History;

/// The handler.
pub struct QueryTableChanges {
    /// Where tables are found.
    pub catalog: Arc<dyn FindTable>,
}

#[async_trait]
impl Handler for QueryTableChanges {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let table = find_table(self.catalog.as_ref(), &call).await?;
        if table.history == History::NotShared {
            return Err(Error::InvalidParameter(format!("cdf is not enabled on table {}", table.full_name())));
        }
        Err(Error::Unsupported(
            "The change data feed is not supported by this server yet. Read whole versions with 'version' instead."
                .into(),
        ))
    }
}
