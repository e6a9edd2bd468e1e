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
    /// The version and its objects, with where this page began.
    pub place: Place,
    /// A token for the same snapshot, when one was asked for.
    pub refresh_token: Option<String>,
    /// When the URLs end.
    pub expires_at: TimestampMs,
    /// Where the sealing runs.
    pub runtime: Handle,
}

impl Ending {
    /// Writes the line; `rows_left` are those that a limit still asks for. Waits: not for threads that drive the async runtime.
    ///
    /// # Errors
    /// When the token cannot be sealed, or nobody is listening any more.
    pub(super) fn write(self, filled: Filled, rows_left: Option<u64>, out: &mut dyn LineOut) -> Result<(), Error> {
        let Self { tokens, recipient, table, asked, place, refresh_token, expires_at, runtime } = self;
        let next_page_token = match filled.next {
            Some(from) => {
                let place = Place { from, rows_left, ..place };
                Some(runtime.block_on(tokens.page(&recipient, &table, &place, &asked))?)
            }
            None => None,
        };
        let min_url_expiration_timestamp = (filled.files > 0).then_some(expires_at.millis());
        let end =
            EndOfStream { refresh_token, next_page_token, min_url_expiration_timestamp, ..EndOfStream::default() };
        end.write(out.buffer())?;
        out.end_line()
    }
}
