//! How the answer to a query ends: with tokens to go on with, for whoever asked for one or reads an `endStreamAction`
//! anyway; with its last file for everyone else.

use tokio::runtime::Handle;

use super::page::Filled;
use super::query_token::{Asked, Place, QueryTokens};
use crate::error::Error;
use crate::model::recipient::Recipient;
use crate::model::securable::Table;
use crate::model::version::TimestampMs;
use crate::wire::end_of_stream::EndOfStream;
use crate::wire::ndjson::LineOut;

/// What the last line is made of.
pub(super) struct Ending {
    /// Seals the token of the next page.
    pub tokens: QueryTokens,
    /// Whom it is for.
    pub recipient: Recipient,
    /// The table asked for.
    pub table: Table,
    /// What the next page has to ask.
    pub asked: Asked,
    /// Where this page began.
    pub place: Place,
    /// A token for the same snapshot, when one was asked for.
    pub refresh_token: Option<String>,
    /// When the URLs end.
    pub expires_at: TimestampMs,
    /// Where the sealing runs.
    pub runtime: Handle,
}

impl Ending {
    /// Writes the line. Waits: not for threads that drive the async runtime.
    ///
    /// # Errors
    /// When the token cannot be sealed, or nobody is listening any more.
    pub(super) fn write(self, filled: Filled, out: &mut dyn LineOut) -> Result<(), Error> {
        let Self { tokens, recipient, table, asked, mut place, refresh_token, expires_at, runtime } = self;
        place.position += filled.files;
        let next_page_token = match filled.more {
            true => Some(runtime.block_on(tokens.page(&recipient, &table, &place, &asked))?),
            false => None,
        };
        let min_url_expiration_timestamp = (filled.files > 0).then_some(expires_at.millis());
        let end =
            EndOfStream { refresh_token, next_page_token, min_url_expiration_timestamp, ..EndOfStream::default() };
        end.write(out.buffer())?;
        out.end_line()
    }
}
