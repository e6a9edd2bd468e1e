//! `GET …/tables/{table}/changes`: the change data feed (protocol, "Read Change Data Feed from a Table").

use std::sync::Arc;

use async_trait::async_trait;

use super::query_token::QueryTokens;
use super::range::{self, Asked, RangePorts};
use super::snapshot::{capabilities, find_table};
use super::{Call, Handler, Reply};
use crate::catalog::FindTable;
use crate::delta::DeltaLog;
use crate::delta::changes::{Bound, Kind};
use crate::error::Error;
use crate::model::securable::History;
use crate::model::shorten;
use crate::model::version::TimestampMs;
use crate::presign::Presigner;
use crate::wire::changes_request::{BoundText, ChangesRequest};
use crate::wire::file_line::IdHash;

/// The handler.
pub struct QueryTableChanges {
    /// Where tables are found.
    pub catalog: Arc<dyn FindTable>,
    /// Reads logs.
    pub delta: DeltaLog,
    /// Signs URLs.
    pub presigner: Arc<dyn Presigner>,
    /// Page tokens.
    pub tokens: QueryTokens,
}

#[async_trait]
impl Handler for QueryTableChanges {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let max_files = ChangesRequest::page_size(&call.query)?;
        let (table, scope) = find_table(self.catalog.as_ref(), &call).await?;
        let History::SharedFrom(shared_since) = table.history else {
            return Err(Error::InvalidParameter(format!("cdf is not enabled on table {}", table.full_name())));
        };
        let id_hash = IdHash::parse(call.header("fileidhash"))?;
        let capabilities = capabilities(&call)?;
        let request = ChangesRequest::parse(&call.query, max_files)?;
        let asked = Asked {
            kind: Kind::Feed,
            start: bound("startingTimestamp", request.start)?,
            end: request.end.map(|end| bound("endingTimestamp", end)).transpose()?,
            shared_since,
            historical_metadata: request.include_historical_metadata,
            historical_protocol: request.include_historical_protocol,
            id_hash,
            capabilities,
            paging: request.paging,
        };
        let ports = RangePorts { delta: &self.delta, presigner: &self.presigner, tokens: &self.tokens };
        range::answer(ports, call, (&table, &scope), asked).await
    }

    fn reads_files(&self) -> bool {
        true
    }
}

fn bound(parameter: &str, bound: BoundText) -> Result<Bound, Error> {
    match bound {
        BoundText::Version(version) => Ok(Bound::Version(version)),
        BoundText::Timestamp(text) => TimestampMs::parse(&text).map(Bound::Timestamp).ok_or_else(|| {
            Error::InvalidParameter(format!(
                "Invalid {parameter}: '{}'. Use ISO 8601 with an offset, such as 2026-01-31T00:00:00Z; in a URL write the \
                 plus sign of an offset as %2B.",
                shorten(&text)
            ))
        }),
    }
}
