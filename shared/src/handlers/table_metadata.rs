//! `GET …/tables/{table}/metadata`: exactly two lines, protocol and metadata (protocol, "Query Table Metadata").

use std::sync::Arc;

use async_trait::async_trait;

use super::snapshot::{capabilities, find_table, settle};
use super::{Call, Handler, Lines, Reply};
use crate::catalog::FindTable;
use crate::delta::DeltaLog;
use crate::error::Error;
use crate::wire::file_line::IdHash;
use crate::wire::request::metadata_selector;

/// The handler.
pub struct TableMetadata {
    /// Where tables are found.
    pub catalog: Arc<dyn FindTable>,
    /// Reads logs.
    pub delta: DeltaLog,
}

#[async_trait]
impl Handler for TableMetadata {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let selector = metadata_selector(&call.query)?;
        let id_hash = IdHash::parse(call.header("fileidhash"))?;
        let capabilities = capabilities(&call)?;
        let (table, scope) = find_table(self.catalog.as_ref(), &call).await?;
        let settled = settle(&self.delta, (&table, &scope), &selector, &capabilities).await?;
        Ok(Reply::Lines(Lines {
            version: settled.snapshot.version(),
            format: settled.format,
            id_hash,
            end_of_stream: false,
            head: settled.head(&table)?,
            at_least: None,
            rest: None,
        }))
    }
}
