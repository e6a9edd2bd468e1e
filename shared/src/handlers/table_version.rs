//! `GET …/tables/{table}/version` and `HEAD …/tables/{table}`: a table's version in a header (protocol, "Query Table
//! Version"). One listing of the log, no data.

use std::sync::Arc;

use async_trait::async_trait;

use super::snapshot::{find_table, moment, shared_since};
use super::{Call, Handler, Reply};
use crate::catalog::FindTable;
use crate::delta::DeltaLog;
use crate::error::Error;

/// The handler.
pub struct TableVersion {
    /// Where tables are found.
    pub catalog: Arc<dyn FindTable>,
    /// Reads logs.
    pub delta: DeltaLog,
}

#[async_trait]
impl Handler for TableVersion {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let (table, _) = find_table(self.catalog.as_ref(), &call).await?;
        let Some(text) = call.query.get("startingTimestamp") else {
            return Ok(Reply::Version(self.delta.latest_version(&table.location).await?));
        };
        let first = shared_since(&table)?;
        let at = moment("startingTimestamp", text)?;
        let version = self.delta.first_version_since(&table.location, at).await?;
        if version < first {
            return Err(Error::InvalidParameter(format!(
                "You can only query table data since version {first}. The provided timestamp({at}) corresponds to {version}."
            )));
        }
        Ok(Reply::Version(version))
    }
}
